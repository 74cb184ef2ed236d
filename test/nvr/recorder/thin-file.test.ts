import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import type { ClipSample } from '../../../lib/media/mp4/clip-reader.js';
import { ClipFile } from '../../../lib/nvr/recorder/clip-file.js';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import { readBoxes, samplesOf } from '../../../lib/nvr/recorder/read-boxes.js';
import { Sound } from '../../../lib/nvr/recorder/sound.js';
import { finishThinning, thinFile } from '../../../lib/nvr/recorder/thin.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { clipContext } from '../../kit/clip-context.js';
import { clipUnits } from '../../kit/picture-units.js';
import { audioUnits } from '../../kit/recorded-units.js';
import { systemError } from '../../kit/recorder-rig.js';

/** A keyframe every 2 s, 12.5 pictures a second. */
const UNITS = clipUnits('h264', 100);
const BEGIN = UNITS[0]!.arrival;

describe('a file that is thinned to its keyframes', () => {
  let root: string;
  let journal: Journal;

  beforeEach(async () => {
    root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-thin-')));
    journal = await Journal.load(fsPromises, root, 'test');
  });

  afterEach(() => {
    fs.rmSync(root, { recursive: true, force: true });
  });

  /** A finished clip; returns its name. */
  async function record(units: readonly VideoUnit[] = UNITS, sound = new Sound()): Promise<string> {
    const plan = { number: 1, reason: 'door', source: 'live', order: 1, takeAlarms: () => [] } as const;
    const [first] = units as [VideoUnit];
    const file = await ClipFile.open(clipContext(journal, { sound }), plan, first, 0, () => first);
    for (const unit of units) await file.add(unit);
    return path.basename((await file.close({ from: BEGIN, to: BEGIN })).info.file);
  }
  const at = (name: string): string => path.join(root, name);
  const files = (): string[] => fs.readdirSync(root).filter((name) => !name.startsWith('.nvr-'));
  const thin = (name: string, changes: Partial<RecorderFs> = {}): Promise<boolean> =>
    thinFile({ ...fsPromises, ...changes }, journal, name, 0o640);
  async function samples(name: string): Promise<readonly ClipSample[]> {
    const handle = await fsPromises.open(at(name));
    try {
      const clip = await readBoxes(handle);
      return samplesOf(clip, clip.tracks[0]!);
    } finally {
      await handle.close();
    }
  }
  /** When each picture is shown and for how long, in ms. */
  const shown = async (name: string): Promise<number[][]> =>
    (await samples(name)).map(({ time, offset, duration }) => [(time + offset) / 90, duration / 90]);
  const reportOf = (name: string): object => {
    const [entry] = [...journal.finished].filter(({ file }) => file === name);
    const { frames, sha256 } = entry!.undelivered!;
    return { bytes: entry!.bytes, frames, sha256 };
  };

  for (const codec of ['h264', 'h265'] as const)
    it(`shows each at its own time until the next, and the last one to the end: ${codec}`, async () => {
      const units = clipUnits(codec, 60);
      const keys = units.flatMap(({ keyframe, arrival }) => (keyframe ? [arrival - BEGIN] : []));
      const name = await record(units);
      assert.equal(await thin(name), true);
      assert.deepEqual(
        await shown(name),
        keys.map((time, index) => [time, (keys[index + 1] ?? 4800) - time]),
      );
      const bytes = fs.readFileSync(at(name));
      assert.deepEqual(reportOf(name), {
        bytes: bytes.length,
        frames: keys.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      });
      assert.deepEqual(files(), [name]);
      if (process.platform !== 'win32') assert.equal(fs.statSync(at(name)).mode & 0o777, 0o640);
    });

  it('is looked into at its keyframes alone', async () => {
    const name = await record();
    const all = await samples(name);
    const places: number[] = [];
    const open = (async (...args: Parameters<RecorderFs['open']>) => {
      const handle = await fsPromises.open(...args);
      const read = handle.read.bind(handle) as (...of: unknown[]) => Promise<unknown>;
      if (path.basename(String(args[0])) === name)
        handle.read = ((...of: unknown[]) => {
          // The heads of NAL units.
          if (of[2] === 5) places.push(of[3] as number);
          return read(...of);
        }) as typeof handle.read;
      return handle;
    }) as RecorderFs['open'];
    assert.equal(await thin(name, { open }), true);
    const seen = all.filter((one) => places.some((place) => place >= one.at && place < one.at + one.bytes));
    assert.deepEqual(
      seen,
      all.filter(({ key }) => key),
    );
  });

  it('begins with its first picture, and ends with the last one that is shown, where pictures are reordered', async () => {
    const order = [0, 2, 1, 4, 3, 5];
    const units = [0, 25, 50].flatMap((gop) =>
      order.map((place, index): VideoUnit => {
        const { arrival } = UNITS[gop]!;
        const format = { ...UNITS[0]!.format, reorderDepth: 1 };
        const unit = { ...UNITS[gop + index]!, arrival: arrival + index * 80, format };
        return { ...unit, mediaTime: arrival + place * 80 };
      }),
    );
    const name = await record(units.slice(0, -1));
    const before = (await shown(name)).map(([time]) => time!);
    const [first, last] = [Math.min(...before), Math.max(...before)];
    assert.equal(await thin(name), true);
    const after = await shown(name);
    assert.deepEqual(
      after.map(([time]) => Math.round(time!)),
      [0, 2000, 4000],
    );
    assert.equal(fs.readFileSync(at(name)).includes('elst'), false, 'nothing is empty before it');
    const [, , [begin, duration]] = after as [unknown, unknown, [number, number]];
    assert.equal(Math.round(begin + duration), Math.round(last - first + 80));
    assert.deepEqual(
      (await samples(name)).map(({ offset }) => offset),
      [0, 0, 0],
    );
  });

  it('has one picture a second where each can stand alone', async () => {
    const [key] = UNITS as [VideoUnit];
    const units = Array.from({ length: 35 }, (_, index): VideoUnit => {
      const arrival = BEGIN + index * 100;
      return { ...key, arrival, mediaTime: arrival, rtpTime: index * 9000, time: key.time + index * 100 };
    });
    const name = await record(units);
    assert.equal(await thin(name), true);
    assert.deepEqual(
      (await shown(name)).map(([time]) => time),
      [0, 1000, 2000, 3000],
    );
  });

  it('leaves out points that only recovery begins at, and stays as it is where there are no others', async () => {
    const recovery = (unit: VideoUnit, index: number): VideoUnit =>
      index % 25 === 12 ? { ...unit, recoveryFrames: 5 } : unit;
    const name = await record(UNITS.map(recovery));
    await thin(name);
    assert.equal((await samples(name)).length, 4);
    const [key, next] = UNITS as [VideoUnit, VideoUnit];
    const sets = key.nals.filter(({ type }) => type === 7 || type === 8);
    const { end } = sets.at(-1)!;
    const own = next.nals.map((nal) => ({ ...nal, start: nal.start + end, end: nal.end + end }));
    const data = Buffer.concat([key.data.subarray(0, end), next.data]);
    const point = { ...next, data, nals: [...sets, ...own], recoveryFrames: 5 };
    const second = await record([point, ...UNITS.slice(2, 20)]);
    const before = fs.readFileSync(at(second));
    assert.equal(await thin(second), false);
    assert.deepEqual(fs.readFileSync(at(second)), before);
  });

  it('looks for a picture that can stand alone in each sample, and not in those behind it', async () => {
    const recovery = (unit: VideoUnit, index: number): VideoUnit =>
      index % 25 === 20 ? { ...unit, recoveryFrames: 5 } : unit;
    const name = await record(UNITS.map(recovery));
    assert.equal(await thin(name), true);
    assert.deepEqual(
      (await shown(name)).map(([time]) => time),
      [0, 2000, 4000, 6000],
    );
  });

  it('keeps a keyframe whose picture is the very last byte of its sample', async () => {
    const [key] = UNITS as [VideoUnit];
    const idr = key.nals.find(({ type }) => type === 5)!;
    const end = idr.start + 5;
    const short = {
      ...key,
      data: key.data.subarray(0, end),
      nals: [...key.nals.slice(0, -1), { ...idr, end }],
    };
    const name = await record([short, ...UNITS.slice(1, 10)]);
    assert.equal(await thin(name), true);
    assert.equal((await samples(name)).length, 1);
  });

  for (const [type, isAlone] of [
    [15, false],
    [16, true],
    [21, true],
    [23, true],
    [24, false],
  ] as const)
    it(`is ${isAlone ? '' : 'not '}thinned to H.265 pictures of NAL unit type ${type}`, async () => {
      const units = clipUnits('h265', 50).map((unit): VideoUnit => {
        if (!unit.keyframe) return unit;
        const data = Buffer.from(unit.data);
        const { start } = unit.nals.at(-1)!;
        data[start + 4] = type << 1;
        return { ...unit, data };
      });
      const name = await record(units);
      assert.equal(await thin(name), isAlone);
    });

  it('is thinned as H.265 also where its parameter sets may be within the pictures', async () => {
    const name = await record(clipUnits('h265', 60));
    const bytes = fs.readFileSync(at(name));
    bytes.write('hev1', bytes.indexOf('hvc1'), 'latin1');
    fs.writeFileSync(at(name), bytes);
    assert.equal(await thin(name), true);
  });

  it('stays as it is where it has nothing to leave out, or is no clip', async () => {
    const name = await record([UNITS[0]!, UNITS[25]!]);
    assert.equal(await thin(name), false);
    fs.writeFileSync(at('junk.mp4'), 'junk');
    assert.equal(await thin('junk.mp4'), false);
    assert.deepEqual(files().sort(), [name, 'junk.mp4'].sort());
  });

  it('is a QuickTime file still where it was one for its sound, which is left out', async () => {
    const sound = new Sound();
    for (const unit of audioUnits('pcmu', 1)) sound.take(unit);
    const name = await record(UNITS, sound);
    assert.equal(path.extname(name), '.mov');
    assert.equal(await thin(name), true);
    assert.equal(fs.readFileSync(at(name)).toString('latin1', 8, 12), 'qt  ');
  });

  it('is begun anew where a kill has left a part of it', async () => {
    const name = await record();
    fs.writeFileSync(at(`${name}.thin.part`), 'half');
    assert.equal(await thin(name), true);
    assert.deepEqual(files(), [name]);
  });

  it('stays as it is where it was protected meanwhile', async () => {
    const name = await record();
    const before = fs.readFileSync(at(name));
    await journal.keep(name, true);
    assert.equal(await thin(name), false);
    assert.deepEqual(files(), [name]);
    assert.deepEqual(fs.readFileSync(at(name)), before);
  });

  it('is on the disk and in the journal before it replaces the whole one, with every handle closed', async () => {
    const name = await record();
    const seen: string[] = [];
    let isOpen = 0;
    const open = (async (...given: Parameters<RecorderFs['open']>) => {
      const handle = await fsPromises.open(...given);
      const [close, sync] = [handle.close.bind(handle), handle.sync.bind(handle)];
      isOpen++;
      handle.close = () => close().finally(() => isOpen--);
      handle.sync = () => sync().finally(() => seen.push('sync'));
      return handle;
    }) as RecorderFs['open'];
    const rename: RecorderFs['rename'] = async (...names) => {
      const lines = fs.readFileSync(at('.nvr-record-test.jsonl'), 'utf8');
      seen.push(lines.includes('"op":"thin"') ? 'journal' : 'no journal', `${isOpen} open`, 'rename');
      await fsPromises.rename(...names);
    };
    assert.equal(await thin(name, { open, rename }), true);
    assert.deepEqual(seen, ['sync', 'journal', '0 open', 'rename']);
    assert.ok(fs.readFileSync(at('.nvr-record-test.jsonl'), 'utf8').includes('"op":"thinned"'));
    assert.equal(isOpen, 0);
  });

  it('leaves no part where it cannot replace the whole one, which rejects', async () => {
    const name = await record();
    const before = fs.readFileSync(at(name));
    const rename = (): Promise<never> => Promise.reject(systemError('EIO'));
    await assert.rejects(thin(name, { rename }), { code: 'EIO' });
    assert.deepEqual(files(), [name]);
    assert.deepEqual(fs.readFileSync(at(name)), before);
  });

  it('is after a kill what its size says, each of several, and their parts are gone', async () => {
    const names = [await record(), await record(), await record(), await record()];
    const [untouched, whole, thinned, gone] = names as [string, string, string, string];
    for (const name of [whole, thinned, gone]) {
      await journal.thin(name, { bytes: 4, sha256: 'f'.repeat(64), frames: 1 });
      fs.writeFileSync(at(`${name}.thin.part`), 'half');
    }
    fs.writeFileSync(at(thinned), 'thin');
    fs.unlinkSync(at(gone));
    await finishThinning(fsPromises, journal);
    const isThinned = (name: string): unknown =>
      (journal.find(name) as unknown as { undelivered: { thinned?: true } }).undelivered.thinned;
    assert.deepEqual(
      names.map((name) => [isThinned(name) ?? false, (journal.find(name) as { thinning?: object }).thinning]),
      [
        [false, undefined],
        [false, undefined],
        [true, undefined],
        [false, undefined],
      ],
    );
    assert.deepEqual(files().sort(), [untouched, whole, thinned].sort());
  });
});
