import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { sha256Of } from '../../../lib/nvr/recorder/digest.js';
import { DigestThread, sharedThread } from '../../../lib/nvr/recorder/digest-thread.js';

const MB = 1024 * 1024;

describe('the hash of a file', () => {
  let folder: string;

  before(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'nvr-digest-'));
  });

  after(() => fs.rm(folder, { recursive: true, force: true }));

  async function hashed(bytes: number, thread?: DigestThread): Promise<{ told: string[]; pieces: number }> {
    const data = Buffer.alloc(bytes, 'a picture and another one');
    const file = path.join(folder, 'clip.mp4');
    await fs.writeFile(file, data);
    const handle = await fs.open(file);
    let pieces = 0;
    try {
      const own = await sha256Of(handle, () => pieces++, thread);
      return { told: [own, createHash('sha256').update(data).digest('hex')], pieces };
    } finally {
      await handle.close();
    }
  }

  for (const [what, bytes, pieces] of [
    ['an empty one', 0, 0],
    ['a short one', 200_000, 4],
    ['a long one, by a thread', 9 * MB + 17, 10],
  ] as const)
    it(`is that of OpenSSL: ${what}`, async () => {
      const { told, pieces: read } = await hashed(bytes);
      assert.equal(told[0], told[1]);
      assert.equal(read, pieces);
    });

  it('begins anew behind the end of a file, whole and in its parts, in the thread as well', async () => {
    const thread = sharedThread;
    const file = thread.begin()!;
    const ask = (text: string, part: 'goes on' | 'ends') =>
      thread.ask(file, new Uint8Array(Buffer.from(text)), part);
    const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
    for (const text of ['one', 'two']) {
      await ask(text, 'goes on');
      assert.equal((await ask(text, 'ends'))?.sha256, sha256(text + text), 'a part');
      await ask(text, 'goes on');
      assert.equal((await thread.ask(file))?.sha256, sha256(text + text + text));
    }
    thread.end();
  });

  it('is right though the thread breaks, at its beginning or in the midst of the file', async () => {
    const broken = path.join(folder, 'broken.cjs');
    await fs.writeFile(
      broken,
      `const { parentPort } = require('node:worker_threads');
       let pieces = 0;
       parentPort.on('message', ({ file, piece }) => {
         if (++pieces > 3) throw new Error('broken');
         parentPort.postMessage({ file, piece });
       });`,
    );
    for (const thread of [new DigestThread(broken), new DigestThread(path.join(folder, 'none.cjs'))]) {
      const { told } = await hashed(9 * MB, thread);
      assert.equal(told[0], told[1]);
      // Another one finds a new thread, which breaks too.
      assert.equal((await hashed(9 * MB, thread)).told[0], told[1]);
    }
  });
});
