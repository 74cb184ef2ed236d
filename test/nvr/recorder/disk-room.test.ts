import assert from 'node:assert/strict';
import { claimRoom, RESERVE_BYTES } from '../../../lib/nvr/recorder/disk-room.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';

const MIB = 1024 ** 2;

/** A disk with that many bytes free. */
function disk(free: number | undefined): { fs: RecorderFs; asked: number } {
  const it = {
    asked: 0,
    fs: {
      statfs: () => {
        it.asked++;
        if (free === undefined) return Promise.reject(new Error('this file system does not say'));
        return Promise.resolve({ bavail: free / 4096, bsize: 4096, blocks: 1e9 });
      },
    } as unknown as RecorderFs,
  };
  return it;
}

describe('what is left free on a disk', () => {
  it('is never less than the reserve, counted over what is written between two looks', async () => {
    const { fs } = disk(1100 * MIB);
    await claimRoom(fs, '/room/a', 50 * MIB, 1024 * MIB, 0);
    await assert.rejects(claimRoom(fs, '/room/a', 50 * MIB, 1024 * MIB, 10), (error: Error) => {
      assert.match(error.message, /full but for 1000 MiB: .* less than 1024 MiB are free/);
      return (error as { code?: string }).code === 'EDISK';
    });
  });

  it('is asked for once a second, and again after much was written or a refusal', async () => {
    const it = disk(5000 * MIB);
    for (let at = 0; at < 1000; at += 10) await claimRoom(it.fs, '/room/b', 1000, 1024 * MIB, at);
    assert.equal(it.asked, 1);
    await claimRoom(it.fs, '/room/b', 100 * MIB, 1024 * MIB, 1000);
    await claimRoom(it.fs, '/room/b', 1000, 1024 * MIB, 1001);
    assert.equal(it.asked, 3);
  });

  it('is said to be nothing where more would be written than there is', async () => {
    await assert.rejects(claimRoom(disk(10 * MIB).fs, '/room/n', 50 * MIB, MIB, 0), {
      message: /full but for 0 MiB: .* less than 1 MiB/,
    });
  });

  it('is asked for at once after a refusal: something may have been deleted meanwhile', async () => {
    let free = 1030 * MIB;
    const fs = {
      statfs: () => Promise.resolve({ bavail: free / 4096, bsize: 4096, blocks: 1e9 }),
    } as unknown as RecorderFs;
    await assert.rejects(claimRoom(fs, '/room/e', 10 * MIB, 1024 * MIB, 0), { code: 'EDISK' });
    free = 5000 * MIB;
    await claimRoom(fs, '/room/e', 10 * MIB, 1024 * MIB, 1);
  });

  it('has no end where the file system does not say, and no bound where none is asked for', async () => {
    await claimRoom(disk(undefined).fs, '/room/c', 1e12, 1024 * MIB, 0);
    await claimRoom(disk(0).fs, '/room/d', 1e12, 0, 0);
  });

  it('is a gigabyte where nothing else is said, to the byte', async () => {
    assert.equal(RESERVE_BYTES, 1024 ** 3);
    await claimRoom(disk(1034 * MIB).fs, '/room/f', 10 * MIB, RESERVE_BYTES, 0);
    await assert.rejects(claimRoom(disk(1034 * MIB).fs, '/room/g', 10 * MIB + 1, RESERVE_BYTES, 0));
  });

  it('is asked for anew by another clock, and what was written before that does not count again', async () => {
    const it = disk(2000 * MIB);
    for (const at of [5000, 0, 1000, 2000]) await claimRoom(it.fs, '/room/h', 500 * MIB, 1024 * MIB, at);
    assert.equal(it.asked, 4);
  });

  it('is asked for again after more than 64 MiB were written, to the byte', async () => {
    const it = disk(5000 * MIB);
    await claimRoom(it.fs, '/room/l', 64 * MIB, 1024 * MIB, 0);
    await claimRoom(it.fs, '/room/l', 1, 1024 * MIB, 0);
    assert.equal(it.asked, 1);
    await claimRoom(it.fs, '/room/l', 1, 1024 * MIB, 0);
    assert.equal(it.asked, 2);
  });

  it('is remembered of each folder while others are written to', async () => {
    const it = disk(5000 * MIB);
    for (let index = 0; index < 100; index++) await claimRoom(it.fs, `/room/m${index % 2}`, 1, MIB, 0);
    // Once they may be forgotten, since other tests have folders, too.
    assert.ok(it.asked <= 4, `${it.asked}`);
  });

  it('is in blocks of any size, and has no end where the file system has none', async () => {
    const of = (bsize: number, blocks: number): RecorderFs =>
      ({ statfs: () => Promise.resolve({ bavail: 2000, bsize, blocks }) }) as unknown as RecorderFs;
    await claimRoom(of(MIB, 9000), '/room/i', MIB, 1024 * MIB, 0);
    await assert.rejects(claimRoom(of(MIB / 2, 9000), '/room/j', MIB, 1024 * MIB, 0), { code: 'EDISK' });
    await claimRoom(of(1, 0), '/room/k', MIB, 1024 * MIB, 0);
  });

  it('is remembered of a thousand folders at most', async () => {
    const it = disk(5000 * MIB);
    for (let index = 0; index <= 1000; index++) await claimRoom(it.fs, `/many/${index}`, 1, MIB, 0);
    await claimRoom(it.fs, '/many/0', 1, MIB, 0);
    assert.equal(it.asked, 1002);
  });
});
