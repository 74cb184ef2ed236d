import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import type { AudioUnit, VideoUnit } from '../../../lib/codec/unit.js';
import { openBelow } from '../../../lib/nvr/recorder/below.js';
import type { ClipPlan } from '../../../lib/nvr/recorder/clip-context.js';
import { ClipFile } from '../../../lib/nvr/recorder/clip-file.js';
import { turnsOf } from '../../../lib/nvr/recorder/disk-turns.js';
import { Journal, LAPSE } from '../../../lib/nvr/recorder/journal.js';
import { readBoxes, samplesOf } from '../../../lib/nvr/recorder/read-boxes.js';
import { readClip } from '../../../lib/nvr/recorder/read-clip.js';
import { Sound } from '../../../lib/nvr/recorder/sound.js';
import type { RecorderDeps, RecorderFs, RecorderOptions } from '../../../lib/nvr/recorder/types.js';
import { BusyDisk } from '../../kit/busy-disk.js';
import { clipContext } from '../../kit/clip-context.js';
import { clipUnits } from '../../kit/picture-units.js';
import { audioUnits } from '../../kit/recorded-units.js';
import { systemError } from '../../kit/recorder-rig.js';
import { TestClock } from '../../kit/test-clock.js';

const UNITS = clipUnits('h264', 100);
const [FIRST] = UNITS as [VideoUnit];
const FRAME_MS = UNITS[1]!.arrival - FIRST.arrival;
const MIB = 1024 ** 2;

describe('one file of a recording', () => {
  let root: string;
  let journal: Journal;
  let clock: TestClock;
  let changes: Partial<RecorderFs>;
  let disk: BusyDisk;

  beforeEach(async () => {
    root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-file-')));
    clock = new TestClock();
    changes = {};
    disk = new BusyDisk();
    journal = await Journal.load(fsOf(), root, 'test');
  });

  afterEach(() => {
    sinon.restore();
    fs.rmSync(root, { recursive: true, force: true });
  });

  /** The functions as the test has them at the time. */
  function fsOf(): RecorderFs {
    const functions = { ...disk.fs } as unknown as Record<string, (...args: unknown[]) => unknown>;
    const calls = Object.keys(functions).map((name) => [
      name,
      (...args: unknown[]) => ((changes as unknown as typeof functions)[name] ?? functions[name]!)(...args),
    ]);
    return Object.fromEntries(calls) as RecorderFs;
  }

  const PLAN: ClipPlan = { number: 1, reason: 'door', source: 'live', order: 5, takeAlarms: () => [] };
  interface Setting {
    plan?: Partial<ClipPlan>;
    options?: Partial<RecorderOptions>;
    deps?: Partial<RecorderDeps>;
    first?: VideoUnit;
    usualRate?: number;
    sound?: Sound;
  }
  function open({ plan, options, deps, first = FIRST, usualRate, sound }: Setting = {}): Promise<ClipFile> {
    const context = clipContext(journal, {
      ...(options && { options }),
      ...(sound && { sound }),
      deps: { fs: fsOf(), timers: clock, monotonic: clock.read, ...deps },
      usualRate: () => usualRate,
    });
    return ClipFile.open(context, { ...PLAN, ...plan }, first, 0, () => first);
  }
  async function fill(file: ClipFile, units: readonly VideoUnit[] = UNITS): Promise<void> {
    for (const unit of units) await file.add(unit);
  }
  /** All that was asked for, up to so many ms. */
  const close = (file: ClipFile, ms = UNITS.length * FRAME_MS) =>
    file.close({ from: FIRST.arrival, to: FIRST.arrival + ms });
  const files = (): string[] => fs.readdirSync(root).filter((name) => !name.startsWith('.nvr-'));
  const modeOf = (file: string): number => fs.statSync(file).mode & 0o777;
  const entry = () => [...journal.finished][0];

  it('may be read by its group unless told otherwise, its picture too', async function () {
    if (process.platform === 'win32') this.skip();
    for (const fileMode of [undefined, 0o600]) {
      const thumbnail = (): Promise<Buffer> => Promise.resolve(Buffer.from('jpeg'));
      const file = await open({ ...(fileMode && { options: { fileMode } }), deps: { thumbnail } });
      await fill(file);
      const { info } = await close(file);
      const expected = fileMode ?? 0o640;
      assert.deepEqual(
        { file: modeOf(info.file), picture: modeOf(info.thumbnail!) },
        { file: expected, picture: expected },
      );
    }
  });

  it('begins once its alarm is in the journal, of whose case it is then', async () => {
    let note = (): void => undefined;
    const noted = new Promise<void>((resolve) => (note = resolve));
    const opening = open({ plan: { id: 'a', noted } });
    await disk.idle();
    assert.deepEqual({ files: files(), open: journal.unfinished }, { files: [], open: [] });
    note();
    const file = await opening;
    assert.equal(journal.unfinished[0]?.id, 'a');
    await fill(file);
    await close(file);
    assert.equal(entry()?.id, 'a');
  });

  it('is not begun on a disk that has no more than its reserve, and ends where that is reached', async () => {
    let free = MIB - 1;
    changes.statfs = (() =>
      Promise.resolve({ bavail: free, bsize: 1, blocks: 1 })) as unknown as RecorderFs['statfs'];
    const options = { reserveBytes: MIB };
    await assert.rejects(open({ options }), { code: 'EDISK' });
    assert.deepEqual({ files: files(), open: journal.unfinished }, { files: [], open: [] });
    free = MIB + 20_000;
    const file = await open({ options });
    await assert.rejects(fill(file), { code: 'EDISK' });
    const [part] = files();
    assert.ok(fs.statSync(path.join(root, part!)).size <= 20_000);
    await file.rescue(FIRST.arrival);
  });

  it('is written in the turns of its recording', async () => {
    const run = sinon.spy(turnsOf(root), 'run');
    const file = await open();
    const before = file.progress;
    await fill(file);
    assert.ok(run.callCount > 0 && run.args.every(([order]) => order === 5));
    assert.ok(file.progress > before);
    await close(file);
  });

  it('is named by its alarm, in the zone of the cameras, or else by its own beginning, or its cut', async () => {
    const time = Date.UTC(2025, 9, 9, 23, 30, 1);
    const first = { ...FIRST, time: Date.UTC(2025, 9, 9, 1, 2, 3) };
    const options = { fileName: '{HHmmss}', timeZone: 'Asia/Kolkata' };
    const nameOf = async (plan: Partial<ClipPlan>): Promise<string> => {
      const file = await open({ plan, options, first });
      await fill(file, [first]);
      return path.basename((await close(file)).info.file);
    };
    const from = first.time + 5000;
    assert.equal(await nameOf({ alarmed: { monotonic: 0, time } }), '050001.mp4');
    assert.equal(await nameOf({ from }), '063203.mp4');
    assert.equal(await nameOf({ from, cut: true }), '063208.mp4');
    assert.equal(await nameOf({ from: first.time - 5000, cut: true }), '063203-2.mp4');
  });

  it('is shown from the time asked for only where it is to be cut', async () => {
    /** Where players begin, in ms: the media time of the edit list (ISO 14496-12 8.6.6). */
    const shownFrom = async (plan: Partial<ClipPlan>): Promise<number> => {
      const units = UNITS.map((unit) => ({ ...unit, arrival: unit.time, mediaTime: unit.time }));
      const file = await open({ plan, first: units[0]! });
      await fill(file, units);
      const { info } = await close(file);
      const bytes = fs.readFileSync(info.file);
      const at = bytes.indexOf('elst');
      return at < 0 ? 0 : bytes.readInt32BE(at + 16) / 90;
    };
    const from = FIRST.time + 10 * FRAME_MS;
    assert.equal(await shownFrom({ from }), 0);
    assert.equal(await shownFrom({ from, cut: true }), 10 * FRAME_MS);
  });

  it('lasts by the camera’s usual rate where it has but one picture', async () => {
    const file = await open({ usualRate: 4 });
    await fill(file, [FIRST]);
    assert.equal((await close(file)).info.durationMs, 250);
  });

  it('has no picture beside it where none can be made or written, and is finished all the same', async () => {
    const broken = (): Promise<Buffer> => Promise.reject(new Error('no decoder'));
    const file = await open({ deps: { thumbnail: broken } });
    await fill(file);
    assert.equal((await close(file)).info.thumbnail, undefined);
    const second = await open({ deps: { thumbnail: () => Promise.resolve(Buffer.from('jpeg')) } });
    await fill(second);
    changes.open = async (...given: Parameters<RecorderFs['open']>) => {
      if (String(given[0]).endsWith('.jpg')) throw systemError('ENOSPC');
      return fsPromises.open(...given);
    };
    const { info } = await close(second);
    assert.equal(info.thumbnail, undefined);
    assert.deepEqual(
      [...journal.finished].map(({ thumbnail }) => thumbnail),
      [undefined, undefined],
    );
  });

  it('names its picture to who is told of it, and in the journal, whose report is not delivered yet', async () => {
    const file = await open({ deps: { thumbnail: () => Promise.resolve(Buffer.from('jpeg')) } });
    await fill(file);
    const { info, missingMs } = await close(file, UNITS.length * FRAME_MS + 5000);
    const { thumbnail, undelivered, end, bytes } = entry()!;
    assert.deepEqual(
      { told: info.thumbnail, thumbnail, end, bytes, missingMs },
      {
        told: path.join(root, 'door.jpg'),
        thumbnail: 'door.jpg',
        end: info.end,
        bytes: info.bytes,
        missingMs: 5000,
      },
    );
    assert.deepEqual(undelivered?.gaps, [{ at: UNITS.length * FRAME_MS, ms: 5000 }]);
    assert.equal(undelivered.sha256, info.sha256);
    assert.ok(info.sha256);
  });

  it('names its sound, and is closed with its picture once it is finished', async () => {
    const sound = new Sound();
    const [heard] = audioUnits('aac', 1) as [AudioUnit];
    sound.take({ ...heard, arrival: FIRST.arrival });
    let isOpen = 0;
    changes.open = async (...given: Parameters<RecorderFs['open']>) => {
      const handle = await fsPromises.open(...given);
      const close = handle.close.bind(handle);
      isOpen++;
      handle.close = () => close().finally(() => isOpen--);
      return handle;
    };
    const file = await open({ sound, deps: { thumbnail: () => Promise.resolve(Buffer.from('jpeg')) } });
    await file.add(FIRST);
    await file.add({ ...heard, arrival: FIRST.arrival });
    await fill(file, UNITS.slice(1));
    const { info } = await close(file);
    assert.deepEqual({ audio: info.audio, isOpen }, { audio: 'aac', isOpen: 0 });
  });

  it('expects no sound that was last heard more than 2 s before its first picture, whatever the time is', async () => {
    const [heard] = audioUnits('pcmu', 1) as [AudioUnit];
    for (const [ms, extension] of [
      [2000, '.mov'],
      [2001, '.mp4'],
    ] as const) {
      const sound = new Sound();
      sound.take({ ...heard, arrival: FIRST.arrival - ms });
      clock.to(FIRST.arrival + 60_000);
      const file = await open({ sound });
      await fill(file, UNITS.slice(0, 10));
      assert.equal(path.extname((await close(file)).info.file), extension);
    }
  });

  it('is in fragments unless it is to be plain, and counts as progress when it is copied', async () => {
    for (const plain of [undefined, true]) {
      const file = await open(plain === undefined ? {} : { options: { plain } });
      await fill(file);
      const before = file.progress;
      const { info } = await close(file);
      assert.ok(file.progress - before >= (plain ? 4 : 2), `${file.progress - before}`);
      assert.equal(fs.readFileSync(info.file, 'latin1').includes('moof'), plain === undefined);
    }
  });

  it('is in fragments until its plain copy is whole and on the disk, and is named last', async () => {
    const file = await open({ options: { plain: true } });
    await fill(file);
    const steps: object[] = [];
    const tracksOf = async (name: string): Promise<{ fragments: number; pictures: number }> => {
      const handle = await fsPromises.open(name);
      try {
        const clip = await readBoxes(handle);
        return { fragments: clip.fragments.length, pictures: samplesOf(clip, clip.tracks[0]!).length };
      } finally {
        await handle.close();
      }
    };
    changes.open = async (...args: Parameters<RecorderFs['open']>) => {
      const handle = await fsPromises.open(...args);
      const sync = handle.sync.bind(handle);
      handle.sync = async () => {
        await sync();
        steps.push({ synced: path.basename(String(args[0])) });
      };
      return handle;
    };
    changes.rename = async (from, to) => {
      steps.push({ from: path.basename(String(from)), ...(await tracksOf(String(from))) });
      await fsPromises.rename(from, to);
    };
    await close(file);
    const pictures = UNITS.length;
    assert.deepEqual(steps, [
      { synced: 'door.mp4.plain.part' },
      { from: 'door.mp4.plain.part', fragments: 0, pictures },
      { from: 'door.mp4.part', fragments: 0, pictures },
    ]);
    assert.deepEqual(files(), ['door.mp4']);
  });

  it('says why it could not be made plain', async () => {
    const file = await open({ options: { plain: true } });
    await fill(file);
    changes.open = async (...given: Parameters<RecorderFs['open']>) => {
      if (String(given[0]).endsWith('.plain.part')) throw systemError('ENOSPC');
      return fsPromises.open(...given);
    };
    const { notPlain } = await close(file);
    assert.equal((notPlain as { code?: string }).code, 'ENOSPC');
  });

  it('is no unfinished one any more where its name was taken meanwhile', async () => {
    const file = await open();
    await fill(file);
    fs.writeFileSync(path.join(root, 'door.mp4'), 'mine');
    const { info } = await close(file);
    assert.equal(info.file, path.join(root, 'door-2.mp4'));
    assert.deepEqual(journal.unfinished, []);
  });

  it('is finished where the journal has no room for its line', async () => {
    const file = await open();
    await fill(file);
    changes.open = async (...given: Parameters<RecorderFs['open']>) => {
      if (String(given[0]).endsWith('.jsonl')) throw systemError('ENOSPC');
      return fsPromises.open(...given);
    };
    assert.ok(fs.existsSync((await close(file)).info.file));
  });

  it('ends with the latest of its pictures where it is a time-lapse, though the clock was set back', async () => {
    const times = [0, 60_000, 120_000, 30_000];
    const units = UNITS.slice(0, 4).map((unit, index) => ({ ...unit, time: FIRST.time + times[index]! }));
    const file = await open({ plan: { id: LAPSE } });
    await fill(file, units);
    assert.equal((await close(file)).info.end, FIRST.time + 120_000);
  });

  it('says what was damaged and when, by this machine’s clock where it is live', async () => {
    for (const source of ['live', 'playback'] as const) {
      const first = { ...FIRST, timeSource: 'onvif' as const };
      const file = await open({ plan: { source }, first });
      await fill(file, [
        first,
        ...UNITS.slice(1, 10),
        { ...UNITS[10]!, damaged: true },
        ...UNITS.slice(11, 25),
      ]);
      const { info } = await close(file, 25 * FRAME_MS);
      const [span] = info.damagedSpans;
      assert.deepEqual(
        { damaged: info.damaged, timeSource: info.timeSource, source: info.source, end: span?.end },
        {
          damaged: 1,
          timeSource: source === 'live' ? 'arrival' : 'onvif',
          source,
          end: info.start + 11 * FRAME_MS,
        },
      );
      assert.ok(span!.start >= info.start + 9 * FRAME_MS && span!.start < span!.end, String(span!.start));
    }
  });

  describe('that the disk has ended', () => {
    it('keeps what is on it, by what is there to be read, and is delivered with its failure', async () => {
      let room = 100_000;
      changes.open = async (...given: Parameters<RecorderFs['open']>) => {
        const handle = await fsPromises.open(...given);
        const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
        if (String(given[0]).endsWith('.part'))
          handle.write = (async (data: Uint8Array, at: number, length: number, position: number) => {
            if ((room -= length) < 0) throw systemError('ENOSPC');
            return write(data, at, length, position);
          }) as typeof handle.write;
        return handle;
      };
      const file = await open({ plan: { takeAlarms: () => assert.fail('a later file lists them') } });
      await assert.rejects(
        fill(file, [
          ...UNITS,
          ...UNITS.map((unit) => ({ ...unit, arrival: unit.arrival + 8000, mediaTime: unit.arrival + 8000 })),
        ]),
      );
      const asked = FIRST.arrival - 1000;
      assert.equal(await file.rescue(asked), path.join(root, 'door.mp4'));
      const { delivered, undelivered, bytes, end } = entry() as unknown as Record<string, never>;
      const report = delivered as unknown as { frames: number; durationMs: number; gaps: unknown[] };
      assert.equal(undelivered, undefined);
      assert.equal(bytes, fs.statSync(path.join(root, 'door.mp4')).size);
      const there = await readClip(await openBelow(fsPromises, root, 'door.mp4'));
      assert.equal(report.frames, there.frames, 'no picture is counted that never reached the disk');
      assert.ok(report.frames > 0 && report.frames < 200 && report.frames % 25 === 0, `${report.frames}`);
      assert.equal(report.durationMs, report.frames * FRAME_MS);
      assert.equal(end, FIRST.time + report.durationMs);
      assert.deepEqual(report.gaps, [{ at: 0, ms: 1000 }]);
      assert.equal(clock.waiting, 0);
    });

    it('writes its last pictures where the disk is not the cause', async () => {
      const file = await open();
      await fill(file, UNITS.slice(0, 30));
      await file.rescue(FIRST.arrival);
      const { delivered } = entry() as unknown as { delivered: { frames: number } };
      assert.equal(delivered.frames, 30);
    });

    it('leaves nothing of one without a picture', async () => {
      const file = await open();
      changes.open = async (...given: Parameters<RecorderFs['open']>) => {
        if (String(given[0]).endsWith('.jpg')) throw systemError('EIO');
        return fsPromises.open(...given);
      };
      assert.equal(await file.rescue(FIRST.arrival), undefined);
      assert.deepEqual({ files: files(), open: journal.unfinished }, { files: [], open: [] });
      assert.equal(clock.waiting, 0);
    });

    it('is waited for 2 s where the disk hangs, and no failure of it is thrown', async () => {
      const file = await open();
      await fill(file, UNITS.slice(0, 30));
      changes.rename = () => new Promise(() => undefined);
      let kept: unknown = 'not yet';
      const rescue = file.rescue(FIRST.arrival).then((path) => (kept = path));
      clock.pass(1999);
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      assert.equal(kept, 'not yet');
      clock.pass(1);
      await rescue;
      assert.equal(kept, undefined);
      const second = await open();
      await fill(second, UNITS.slice(0, 30));
      changes.rename = () => Promise.reject(systemError('EIO'));
      assert.equal(await second.rescue(FIRST.arrival), undefined);
      assert.equal(clock.waiting, 0);
    });
  });
});
