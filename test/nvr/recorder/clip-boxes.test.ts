import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { openBelow } from '../../../lib/nvr/recorder/below.js';
import { ClipFile } from '../../../lib/nvr/recorder/clip-file.js';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import { copyPieces } from '../../../lib/nvr/recorder/plain-mp4.js';
import { readBoxes, samplesOf, wholeBytes, type ClipBoxes } from '../../../lib/nvr/recorder/read-boxes.js';
import { readClip } from '../../../lib/nvr/recorder/read-clip.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { clipContext } from '../../kit/clip-context.js';
import { useFolder } from '../../kit/folder.js';
import { clipUnits } from '../../kit/picture-units.js';

const FRAME_MS = 80;

describe('a clip that is read back', () => {
  let root: string;
  useFolder((folder) => (root = folder));

  /** Returns the name of its file. */
  async function record(units: readonly VideoUnit[]): Promise<string> {
    const journal = await Journal.load(fsPromises, root, 'test');
    const plan = { number: 1, reason: 'door', source: 'live', order: 1, takeAlarms: () => [] } as const;
    const [first] = units as [VideoUnit];
    const file = await ClipFile.open(clipContext(journal), plan, first, 0, () => first);
    for (const unit of units) await file.add(unit);
    return path.basename((await file.close({ from: 0, to: 0 })).info.file);
  }
  async function boxesOf(name: string): Promise<ClipBoxes> {
    const handle = await fsPromises.open(path.join(root, name));
    return readBoxes(handle).finally(() => handle.close());
  }
  const placesOf = (boxes: ClipBoxes): number[] => samplesOf(boxes, boxes.tracks[0]!).map(({ at }) => at);

  it('has no gap where its pictures are shown in another order than they are decoded in', async () => {
    const order = [0, 3, 1, 2, 6, 4, 5];
    const units = clipUnits('h264', order.length).map((unit, index): VideoUnit => ({
      ...unit,
      format: { ...unit.format, reorderDepth: 2 },
      mediaTime: 10_000 + order[index]! * FRAME_MS,
    }));
    const { frames, durationMs, gaps } = await readClip(
      await openBelow(fsPromises, root, await record(units)),
    );
    assert.deepEqual(
      { frames, durationMs, gaps },
      { frames: order.length, durationMs: order.length * FRAME_MS, gaps: [] },
    );
  });

  it('is closed again, also where it is none', async () => {
    const name = await record(clipUnits('h264', 10));
    fs.writeFileSync(path.join(root, 'junk.mp4'), 'junk');
    let isOpen = 0;
    const open = (async (...given: Parameters<RecorderFs['open']>) => {
      const handle = await fsPromises.open(...given);
      const close = handle.close.bind(handle);
      isOpen++;
      handle.close = () => close().finally(() => isOpen--);
      return handle;
    }) as RecorderFs['open'];
    const frames: number[] = [];
    for (const file of [name, 'junk.mp4'])
      frames.push((await readClip(await openBelow({ ...fsPromises, open }, root, file))).frames);
    assert.deepEqual({ frames, isOpen }, { frames: [10, 0], isOpen: 0 });
  });

  it('is found behind a box whose length has 64 bits, and in front of one that reaches to its very end', async () => {
    const name = await record(clipUnits('h264', 10));
    const before = placesOf(await boxesOf(name));
    const bytes = fs.readFileSync(path.join(root, name));
    const begin = bytes.indexOf('moof') - 4;
    const long = Buffer.alloc(24);
    long.writeUInt32BE(1);
    long.write('free', 4, 'latin1');
    long.writeBigUInt64BE(24n, 8);
    const end = bytes.indexOf('mfra') - 4;
    const cut = Buffer.concat([bytes.subarray(0, begin), long, bytes.subarray(begin, end)]);
    fs.writeFileSync(path.join(root, 'long.mp4'), cut);
    const after = await boxesOf('long.mp4');
    assert.deepEqual(
      { places: after.places, samples: placesOf(after) },
      {
        places: [begin + 24],
        samples: before.map((at) => at + 24),
      },
    );
  });

  it('is read up to so many boxes as a file may have, and no further', async () => {
    const name = await record(clipUnits('h264', 60));
    const bytes = fs.readFileSync(path.join(root, name));
    const begins: number[] = [];
    for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at)) begins.push(at);
    // The last fragment: its moof, its mdat, and what is behind it.
    const last = begins.findLastIndex((at) => bytes.toString('latin1', at + 4, at + 8) === 'moof');
    const handle = await fsPromises.open(path.join(root, name));
    const fragments = async (most?: number): Promise<number> =>
      (await readBoxes(handle, most)).fragments.length;
    const whole = (most?: number): Promise<number> => wholeBytes(handle, bytes.length, most);
    const all = await fragments();
    assert.ok(all > 1);
    assert.deepEqual(
      { read: await fragments(last), oneMore: await fragments(last + 1) },
      { read: all - 1, oneMore: all },
    );
    assert.deepEqual(
      { all: await whole(), read: await whole(last + 1), oneMore: await whole(last + 2) },
      { all: bytes.length, read: begins[last], oneMore: begins[last + 2] },
    );
    await handle.close();
  });

  it('is not copied as if it were whole where it ends before its last sample', async () => {
    const source = await fsPromises.open(path.join(root, 'short'), 'w+');
    const target = await fsPromises.open(path.join(root, 'copy'), 'w+');
    await source.write('12345');
    const clip = (bytes: number) => ({ header: Buffer.from('head'), pieces: [{ from: 1, bytes }] });
    await copyPieces(source, target, clip(4));
    assert.equal(fs.readFileSync(path.join(root, 'copy'), 'latin1'), 'head2345');
    await assert.rejects(copyPieces(source, target, clip(5)), /ends before its last sample/);
    await Promise.all([source.close(), target.close()]);
  });
});
