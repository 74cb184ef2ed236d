import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import { unitCost } from '../../../lib/codec/unit-cost.js';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { Clip } from '../../../lib/nvr/recorder/clip.js';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import type { RecorderEvent } from '../../../lib/nvr/recorder/types.js';
import { writeUnits } from '../../../lib/nvr/recorder/write-units.js';
import { clipContext } from '../../kit/clip-context.js';
import { clipUnits } from '../../kit/picture-units.js';

const UNITS = clipUnits('h264', 100);
const MIB = 1024 ** 2;

describe('recorded video that is written to a clip', () => {
  let root: string;
  let events: RecorderEvent[];
  let clip: Clip;
  let abort: AbortController;

  beforeEach(() => {
    root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-units-')));
    events = [];
    abort = new AbortController();
  });

  afterEach(async () => {
    await clip.end(Infinity);
    fs.rmSync(root, { recursive: true, force: true });
  });

  async function begin(from: number, answers: Promise<void> = Promise.resolve()): Promise<void> {
    const journal = await Journal.load(fsPromises, root, 'test');
    const context = clipContext(journal, {
      journal: () => answers.then(() => journal),
      emit: (event) => events.push(event),
    });
    const plan = { number: 0, id: 'a', reason: 'x', source: 'playback', order: 1, from } as const;
    clip = new Clip(context, { ...plan, takeAlarms: () => [] }, []);
  }

  /** Each picture, as it is read; `read` counts them. */
  let read = 0;
  async function* nvr(units: readonly VideoUnit[], error?: Error): AsyncIterable<VideoUnit> {
    read = 0;
    for (const unit of units) {
      read++;
      yield unit;
    }
    if (error !== undefined) await Promise.reject(error);
  }
  const large = (count: number): VideoUnit[] =>
    UNITS.slice(0, count).map((unit, index) => (index === 0 ? unit : { ...unit, data: Buffer.alloc(MIB) }));

  it('may begin with much that comes before the time asked for, which is kept until that comes', async () => {
    await begin(UNITS[8]!.time);
    const written = writeUnits(nvr(large(10)), clip, Infinity, abort.signal);
    assert.equal(await written, undefined);
    await clip.end(UNITS[9]!.time);
    assert.equal(events.filter(({ type }) => type === 'finished').length, 1);
  });

  it('names the GOP, not the disk, where more than 32 MiB of it come before the time asked for', async () => {
    await begin(UNITS[40]!.time);
    const units = large(60).map((unit, index) => (index === 0 ? unit : { ...unit, keyframe: false }));
    await writeUnits(nvr(units), clip, Infinity, abort.signal);
    await clip.end(Infinity);
    const [failed] = events.flatMap((event) => (event.type === 'failed' ? [event.error] : []));
    assert.equal(failed!.code, 'EOVERLOAD');
    assert.match(failed!.message, /GOP/);
  });

  it('may begin many GOPs early: only the last one before the time asked for is kept', async () => {
    const at = UNITS.findLastIndex(({ keyframe }) => keyframe);
    const units = UNITS.slice(0, at + 5).map((unit) =>
      unit.keyframe ? unit : { ...unit, data: Buffer.alloc(MIB) },
    );
    assert.ok(at > 40, 'more than 32 MiB come before');
    await begin(UNITS[at + 2]!.time);
    await writeUnits(nvr(units), clip, Infinity, abort.signal);
    await clip.end(UNITS[at + 4]!.time);
    const infos = events.flatMap((event) => (event.type === 'finished' ? [event.info] : []));
    assert.deepEqual(
      infos.map(({ start, frames }) => ({ start, frames })),
      [{ start: UNITS[at]!.time, frames: 5 }],
    );
  });

  it('is read no further than the disk goes, by 4 MiB', async () => {
    let answer = (): void => undefined;
    await begin(UNITS[0]!.time, new Promise((resolve) => (answer = resolve)));
    const written = writeUnits(nvr(large(20)), clip, Infinity, abort.signal);
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(read, 5);
    answer();
    await written;
    assert.equal(read, 20);
  });

  it('is read on while exactly 4 MiB wait, and no further than that', async () => {
    let answer = (): void => undefined;
    await begin(UNITS[0]!.time, new Promise((resolve) => (answer = resolve)));
    const [first, second, ...others] = UNITS.slice(0, 10) as [VideoUnit, VideoUnit, ...VideoUnit[]];
    const bytes = 4 * MIB - unitCost(first) - (unitCost(second) - second.data.length);
    const waiting: number[] = [];
    const units = [first, { ...second, data: Buffer.alloc(bytes) }, ...others];
    const written = writeUnits(nvr(units), clip, Infinity, abort.signal, () => {
      waiting.push(clip.waitingBytes);
    });
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(waiting[1], 4 * MIB);
    assert.equal(read, 3);
    answer();
    await written;
  });

  it('has the recorded time, ends where it is over, and counts what was written', async () => {
    await begin(UNITS[0]!.time);
    const seen: VideoUnit[] = [];
    const end = UNITS[50]!.time;
    await writeUnits(nvr(UNITS), clip, end, abort.signal, (unit) => seen.push(unit));
    await clip.end(end);
    assert.deepEqual(seen, UNITS.slice(0, 50));
    const [info] = events.flatMap((event) => (event.type === 'finished' ? [event.info] : []));
    assert.deepEqual(
      { frames: info!.frames, start: info!.start, end: info!.end },
      { frames: 50, start: UNITS[0]!.time, end },
    );
  });

  it('has a picture that is shown behind its end, where one that is shown in time depends on it', async () => {
    const [key, ...others] = UNITS.slice(0, 6).map((unit): VideoUnit => {
      return { ...unit, format: { ...UNITS[0]!.format, reorderDepth: 1 } };
    }) as [VideoUnit, ...VideoUnit[]];
    // In decode order: each second picture is shown behind the one that follows it.
    const shown = [2, 1, 4, 3, 5];
    const units = [key, ...others.map((unit, index) => ({ ...unit, time: UNITS[shown[index]!]!.time }))];
    await begin(key.time);
    const push = sinon.spy(clip, 'push');
    await writeUnits(nvr(units), clip, UNITS[2]!.time, abort.signal);
    assert.deepEqual(
      push.args.map(([{ time }]) => (time - key.time) / (UNITS[1]!.time - key.time)),
      [0, 2, 1],
    );
  });

  it('ends where it is not wanted any more, or its clip has failed', async () => {
    await begin(UNITS[0]!.time);
    await writeUnits(nvr(UNITS), clip, Infinity, abort.signal, (unit) => {
      if (unit === UNITS[10]) abort.abort();
    });
    assert.equal(read, 12);
    await writeUnits(nvr(UNITS), clip, Infinity, new AbortController().signal, (unit) => {
      if (unit === UNITS[10]) clip.endEarly();
    });
    assert.equal(read, 12);
  });

  it('says what broke it off', async () => {
    await begin(UNITS[0]!.time);
    const error = new NvrError('ETIMEDOUT', 'Silent.');
    assert.equal(await writeUnits(nvr([], error), clip, Infinity, abort.signal), error);
    const cause = new TypeError('x');
    const other = await writeUnits(nvr([], cause), clip, Infinity, abort.signal);
    assert.deepEqual({ code: other?.code, cause: other?.cause }, { code: 'EPROTOCOL', cause });
  });
});
