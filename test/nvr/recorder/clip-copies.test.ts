import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises, { type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { openBelow } from '../../../lib/nvr/recorder/below.js';
import { ClipFile } from '../../../lib/nvr/recorder/clip-file.js';
import { sha256Of } from '../../../lib/nvr/recorder/digest.js';
import type { DigestThread } from '../../../lib/nvr/recorder/digest-thread.js';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import { copyPieces } from '../../../lib/nvr/recorder/plain-mp4.js';
import { readClip } from '../../../lib/nvr/recorder/read-clip.js';
import { clipContext } from '../../kit/clip-context.js';
import { useFolder } from '../../kit/folder.js';
import { clipUnits } from '../../kit/picture-units.js';

const FRAME_MS = 80;

describe('a clip that is read piece by piece', () => {
  let root: string;
  useFolder((folder) => (root = folder));

  it('is copied whole where its media is longer than a piece', async () => {
    const media = Buffer.from(Uint32Array.from({ length: 150_000 }, (_, index) => index).buffer);
    const [from, to] = [path.join(root, 'source'), path.join(root, 'target')];
    fs.writeFileSync(from, media);
    const [source, target] = [await fsPromises.open(from), await fsPromises.open(to, 'w')];
    const pieces = [
      { from: 8, bytes: media.length - 8 },
      { fill: 7, bytes: 300_000 },
    ];
    await copyPieces(source, target, { header: Buffer.from('head'), pieces });
    await Promise.all([source.close(), target.close()]);
    const expected = [Buffer.from('head'), media.subarray(8), Buffer.alloc(300_000, 7)];
    assert.ok(fs.readFileSync(to).equals(Buffer.concat(expected)));
  });

  it('tells of a gap right before its last pictures', async () => {
    const units = clipUnits('h264', 60).map((unit, index): VideoUnit => {
      const late = index < 57 ? 0 : 3000;
      return { ...unit, arrival: unit.arrival + late, mediaTime: unit.arrival + late };
    });
    const journal = await Journal.load(fsPromises, root, 'test');
    const plan = { number: 1, reason: 'door', source: 'live', order: 1, takeAlarms: () => [] } as const;
    const file = await ClipFile.open(clipContext(journal), plan, units[0]!, 0, () => units[0]!);
    for (const unit of units) await file.add(unit);
    await file.close({ from: 0, to: 0 });
    const { gaps } = await readClip(await openBelow(fsPromises, root, 'door.mp4'));
    assert.deepEqual(gaps, [{ at: 56 * FRAME_MS, ms: 3000 + FRAME_MS }]);
  });

  it('is hashed by a thread from 8 MiB on', async () => {
    const MIB = 1024 ** 2;
    let begun = 0;
    const begin = (): undefined => {
      begun++;
    };
    const thread = { begin } as unknown as DigestThread;
    for (const [size, expected] of [
      [8 * MIB - 1, 0],
      [8 * MIB, 1],
    ] as const) {
      const handle = {
        stat: () => Promise.resolve({ size }),
        read: () => Promise.resolve({ bytesRead: 0 }),
      } as unknown as FileHandle;
      await sha256Of(handle, undefined, thread);
      assert.equal(begun, expected, `${size} bytes`);
    }
  });
});
