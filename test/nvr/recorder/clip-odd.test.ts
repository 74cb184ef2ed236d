import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import { unitCost } from '../../../lib/codec/unit-cost.js';
import type { AudioUnit, VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { Mp4Writer } from '../../../lib/media/mp4-writer.js';
import { Clip } from '../../../lib/nvr/recorder/clip.js';
import type { ClipContext, ClipPlan } from '../../../lib/nvr/recorder/clip-context.js';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import { readBoxes, samplesOf } from '../../../lib/nvr/recorder/read-boxes.js';
import { Sound } from '../../../lib/nvr/recorder/sound.js';
import type { RecorderEvent, RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { clipContext } from '../../kit/clip-context.js';
import { clipUnits } from '../../kit/picture-units.js';
import { audioUnits } from '../../kit/recorded-units.js';
import { TestClock } from '../../kit/test-clock.js';

const UNITS = clipUnits('h264', 150);
const BEGIN = UNITS[0]!.arrival;
const FRAME_MS = UNITS[1]!.arrival - BEGIN;
const GOP = UNITS.findIndex(({ keyframe }, index) => keyframe && index > 0);
/** A keyframe without parameter sets. */
const bare = (unit: VideoUnit): VideoUnit => ({ ...unit, nals: unit.nals.filter(({ type }) => type === 5) });

interface Setting {
  queueBytes?: number;
  clock?: TestClock;
  fs?: RecorderFs;
}

describe('a recording of a stream that is not as usual', () => {
  let root: string;
  let journal: Journal;
  let events: RecorderEvent[];

  beforeEach(async () => {
    root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-clip-')));
    journal = await Journal.load(fsPromises, root, 'test');
    events = [];
  });

  afterEach(() => {
    sinon.restore();
    fs.rmSync(root, { recursive: true, force: true });
  });

  function clipOf(
    plan: Partial<ClipPlan> = {},
    preRoll: readonly VideoUnit[] = [],
    changes: Partial<Omit<ClipContext, 'options' | 'deps'>> & Setting = {},
  ): Clip {
    const { queueBytes, clock = new TestClock(), fs = fsPromises, ...rest } = changes;
    const context = clipContext(journal, {
      deps: { timers: clock, fs },
      emit: (event) => events.push(event),
      ...(queueBytes !== undefined && { options: { queueBytes } }),
      ...rest,
    });
    const whole = { number: 1, reason: 'door', source: 'live', order: 1, takeAlarms: () => [] } as const;
    return new Clip(context, { ...whole, ...plan }, preRoll);
  }
  const alarmAt = (index: number, before = 0): Partial<ClipPlan> => ({
    from: UNITS[index - before]!.arrival,
    alarmed: { monotonic: UNITS[index]!.arrival, time: UNITS[index]!.time },
  });
  const feed = (clip: Clip, units: readonly VideoUnit[]): void => {
    for (const unit of units) clip.push(unit);
  };
  const told = <T extends RecorderEvent['type']>(type: T): Extract<RecorderEvent, { type: T }>[] =>
    events.filter((event): event is Extract<RecorderEvent, { type: T }> => event.type === type);
  const frames = (): number[] => told('finished').map(({ info }) => info.frames);
  const costOf = (units: readonly VideoUnit[]): number =>
    units.reduce((sum, unit) => sum + unitCost(unit), 0);

  it('fails for what comes before its span, and not for the disk, where a GOP before it is too large', async () => {
    const units = UNITS.slice(0, 20);
    const clip = clipOf({ from: UNITS[60]!.arrival }, [], { queueBytes: costOf(units) });
    feed(clip, units);
    assert.equal(clip.isOpen, true, 'as much as may wait');
    clip.push(UNITS[20]!);
    assert.equal(clip.isOpen, false);
    await clip.ended;
    assert.equal(told('failed')[0]!.error.code, 'EOVERLOAD');
  });

  it('is not waited for as long as nothing of its span has come', async () => {
    const clip = clipOf({ from: UNITS[60]!.arrival });
    feed(clip, UNITS.slice(0, 10));
    await clip.drain();
    assert.equal(clip.waitingBytes, costOf(UNITS.slice(0, 10)));
    await clip.end(UNITS[60]!.arrival);
    await clip.drain();
  });

  it('keeps the last GOP that a decoder can begin with, where a keyframe behind it lacks parameter sets', async () => {
    const clip = clipOf({ from: UNITS[2 * GOP - 5]!.arrival });
    feed(clip, [...UNITS.slice(0, GOP), bare(UNITS[GOP]!), ...UNITS.slice(GOP + 1, 2 * GOP)]);
    await clip.end(UNITS[2 * GOP]!.arrival);
    assert.deepEqual(frames(), [2 * GOP]);
  });

  it('begins no further file with a damaged keyframe, but its very first where there is no other', async () => {
    const damaged = UNITS.map((unit, index) =>
      index === 0 || index === GOP ? { ...unit, damaged: true } : unit,
    );
    const clip = clipOf({ segmentMs: GOP * FRAME_MS });
    feed(clip, damaged.slice(0, 2 * GOP + 5));
    await clip.end(UNITS[2 * GOP + 5]!.arrival);
    assert.deepEqual(frames(), [2 * GOP, 5]);
  });

  it('goes on with its sound where pictures of another format are dropped', async () => {
    const sound = new Sound();
    const heard = audioUnits('aac', 3).map((unit, index): AudioUnit => ({
      ...unit,
      arrival: BEGIN + (index * 1024_000) / unit.format.sampleRate,
      mediaTime: BEGIN + (index * 1024_000) / unit.format.sampleRate,
    }));
    sound.take(heard[0]!);
    const other = clipUnits('h265', 30);
    const clip = clipOf({}, [], { sound });
    const units = [...UNITS.slice(0, 10), { ...other[0]!, ...timesOf(UNITS[10]!) }];
    for (const [index, unit] of units.entries()) {
      clip.push(unit);
      for (const one of heard)
        if (one.arrival >= unit.arrival && (index === 10 || one.arrival < unit.arrival + FRAME_MS))
          clip.push(one);
    }
    await clip.end(UNITS[10]!.arrival);
    const { info } = told('finished')[0]!;
    const handle = await fsPromises.open(info.file);
    const boxes = await readBoxes(handle).finally(() => handle.close());
    const track = boxes.tracks.find(({ kind }) => kind === 'soun')!;
    assert.deepEqual(
      { frames: info.frames, sounds: samplesOf(boxes, track).length },
      { frames: 10, sounds: heard.length },
    );
  });

  it('fails where the file says why it cannot go on, and begins no other', async () => {
    const add = sinon.stub(Mp4Writer.prototype, 'add').callThrough();
    add.onCall(5).rejects(new NvrError('EDISK', 'The disk is full but for 0 MiB.'));
    const clip = clipOf(alarmAt(0));
    feed(clip, UNITS.slice(0, GOP + 20));
    await clip.ended;
    assert.deepEqual(
      events.map(({ type }) => type),
      ['recording', 'failed'],
    );
  });

  it('begins no other file where it has failed while one was finished', async () => {
    let letGo = (): void => undefined;
    const hangs = new Promise<void>((resolve) => (letGo = resolve));
    const asked: string[] = [];
    const opened: string[] = [];
    const clock = new TestClock();
    const clip = clipOf({ segmentMs: GOP * FRAME_MS }, [], {
      clock,
      fs: {
        ...fsPromises,
        open: (...given: Parameters<RecorderFs['open']>) => {
          opened.push(path.basename(String(given[0])));
          return fsPromises.open(...given);
        },
        rename: async (...names) => {
          asked.push(String(names[0]));
          await hangs;
          await fsPromises.rename(...names);
        },
      },
    });
    feed(clip, UNITS.slice(0, GOP + 5));
    while (asked.length === 0) await new Promise(setImmediate);
    clip.endEarly();
    while (clock.waiting === 0) await new Promise(setImmediate);
    clock.pass(2000);
    await clip.ended;
    letGo();
    while (journal.files === 0) await new Promise(setImmediate);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.deepEqual(
      opened.filter((name) => name.startsWith('door-2')),
      [],
    );
  });

  it('has its pre-roll in the first file only, where a second one begins before the alarm', async () => {
    const other = clipUnits('h265', 25).map((unit, index) => ({ ...unit, ...timesOf(UNITS[30 + index]!) }));
    const clip = clipOf(alarmAt(50, 50), [...UNITS.slice(0, 30), ...other.slice(0, 20)]);
    feed(clip, other.slice(20));
    await clip.end(UNITS[55]!.arrival);
    assert.deepEqual(
      told('finished').map(({ info: { codec, preRollMs } }) => ({ codec, preRollMs })),
      [
        { codec: 'h264', preRollMs: 50 * FRAME_MS },
        { codec: 'h265', preRollMs: 0 },
      ],
    );
  });
});

function timesOf({ arrival, time }: VideoUnit): Pick<VideoUnit, 'arrival' | 'time'> & { mediaTime: number } {
  return { arrival, mediaTime: arrival, time };
}
