import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { judgeClip } from '../../kit/clip-judge.js';
import { source, videoUnits } from '../../kit/recorded-units.js';
import { needs } from '../../kit/tools.js';
import { RecorderRig, systemError } from '../../kit/recorder-rig.js';

/** A file system whose files take `bytes` in all. */
function small(bytes: number, code = 'ENOSPC'): Partial<RecorderFs> {
  let left = bytes;
  return {
    open: async (...args) => {
      const handle = await fsPromises.open(...args);
      const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
      handle.write = (async (data: Uint8Array, at: number, length: number, position: number) => {
        left -= length;
        if (left < 0) throw systemError(code);
        return write(data, at, length, position);
      }) as FileHandle['write'];
      return handle;
    },
  };
}

describe('the recorder and its disk', function () {
  this.timeout(30_000);
  let rig: RecorderRig;
  const from = source.bind(undefined, { seconds: 8 });

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  afterEach(async () => {
    await rig.close();
  });

  /** An alarm at 13.5 s with 2 s around it. */
  function alarm(): void {
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(from()), 13_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(rest);
  }

  it('says EDISK when an injected ENOSPC fills the disk, keeps what can be played, and stays armed', async () => {
    rig = new RecorderRig({}, small(100_000));
    alarm();
    const failed = await rig.event('failed');
    assert.equal(failed.error.code, 'EDISK');
    assert.match(failed.error.message, /disk is full/);
    assert.equal(failed.firstOfOutage, true);
    const hashes = judgeClip(failed.file!);
    assert.ok(hashes.length >= 25);
    assert.deepEqual(hashes, from().hashes.slice(25, 25 + hashes.length));
    assert.equal(rig.files().filter((name) => name.endsWith('.part')).length, 0);
    assert.equal(rig.recorder.status.state, 'armed');
    assert.ok(rig.recorder.status.preRollMs >= 2000);
  });

  it('fails on a tmpfs that is really full, where this user may mount one, and records again once there is room', async function () {
    rig = new RecorderRig();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', rig.folder], { stdio: 'ignore' });
    } catch {
      console.log('      skipped: this user may not mount a tmpfs');
      this.skip();
    }
    try {
      const filler = path.join(rig.folder, 'filler');
      fs.writeFileSync(filler, Buffer.alloc(180_000));
      alarm();
      assert.match((await rig.event('failed')).error.message, /disk is full/);
      fs.unlinkSync(filler);
      rig.recorder.alarm({ reason: 'again' });
      rig.to(40_000);
      const info = (await rig.event('finished')).info;
      assert.equal(info.reason, 'again');
      judgeClip(info.file);
      await rig.recorder.disarm();
    } finally {
      execFileSync('umount', [rig.folder]);
    }
  });

  for (const [code, what] of [
    ['EROFS', 'read-only'],
    ['EACCES', 'may not write'],
    ['EIO', 'reports an error'],
  ] as const) {
    it(`says EDISK and what to do when an injected ${code} refuses a file`, async () => {
      rig = new RecorderRig({}, { open: () => Promise.reject(systemError(code)) });
      alarm();
      const { error } = await rig.event('failed');
      assert.equal(error.code, 'EDISK');
      assert.match(error.message, new RegExp(what));
    });
  }

  it('says EDISK when the folder cannot be made at all', async () => {
    rig = new RecorderRig({}, { mkdir: (() => Promise.reject(systemError('EROFS'))) as RecorderFs['mkdir'] });
    alarm();
    assert.equal((await rig.event('failed')).error.code, 'EDISK');
  });

  it('does not create a vanished folder again, since its disk may be unmounted, and continues when it is back', async () => {
    rig = new RecorderRig();
    rig.recorder.arm();
    let rest = rig.feed(videoUnits(from()), 11_000);
    await rig.ready();
    fs.rmSync(rig.folder, { recursive: true });
    rig.recorder.alarm({ reason: 'gone' });
    rest = rig.feed(rest, 14_000);
    const { error } = await rig.event('failed');
    assert.match(error.message, /folder is gone/);
    assert.equal(fs.existsSync(rig.folder), false);
    fs.mkdirSync(rig.folder);
    rig.recorder.alarm({ reason: 'back' });
    rig.feed(rest);
    judgeClip((await rig.event('finished')).info.file);
  });

  it('makes and writes nothing behind a link that leads out of the folder', async () => {
    rig = new RecorderRig();
    const outside = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-outside-'));
    fs.symlinkSync(outside, path.join(rig.folder, 'Home'));
    alarm();
    assert.equal((await rig.event('failed')).error.code, 'EINPUT');
    assert.deepEqual(fs.readdirSync(outside), []);
    fs.rmdirSync(outside);
  });

  it('fails the clip whose folder vanishes while it is written', async () => {
    rig = new RecorderRig({ postRoll: 3 });
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(from()), 12_500);
    rig.recorder.alarm({ reason: 'door' });
    await rig.event('recording');
    fs.rmSync(rig.folder, { recursive: true });
    rig.feed(rest);
    assert.equal((await rig.event('failed')).error.code, 'EDISK');
    assert.equal(rig.recorder.status.state, 'armed');
  });

  it('fails a clip for which the disk is too slow, with memory bounded', async () => {
    let release = (): void => undefined;
    const stuck = new Promise<void>((resolve) => (release = resolve));
    rig = new RecorderRig(
      { queueBytes: 20_000, postRoll: 4 },
      {
        open: async (...args) => {
          const handle = await fsPromises.open(...args);
          handle.write = async () => {
            await stuck;
            throw systemError('EIO');
          };
          return handle;
        },
      },
    );
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(from()), 12_500);
    rig.recorder.alarm({ reason: 'door' });
    await rig.event('recording');
    const preRoll = rig.recorder.status.preRollBytes;
    let most = 0;
    for (const unit of rest) {
      rig.feed([unit]);
      most = Math.max(most, rig.recorder.status.waitingBytes);
    }
    rig.to(30_000);
    const { error } = await rig.event('failed');
    assert.match(error.message, /too slow: \d+ s/);
    assert.ok(most <= preRoll + 20_000 + 20_000, `${most} bytes waited`);
    release();
  });

  it('waits at the end for a slow disk, as long as writes come through', async () => {
    let isSlow = false;
    let writes = 0;
    let next = (): void => undefined;
    rig = new RecorderRig(
      { postRoll: 4 },
      {
        open: async (...args) => {
          const handle = await fsPromises.open(...args);
          const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
          handle.write = (async (...of: unknown[]) => {
            if (isSlow) await new Promise<void>((resolve) => (next = resolve));
            return write(...of).finally(() => writes++);
          }) as FileHandle['write'];
          return handle;
        },
      },
    );
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(from()), 12_500);
    rig.recorder.alarm({ reason: 'door' });
    await rig.event('recording');
    isSlow = true;
    const before = writes;
    rig.feed(rest);
    rig.to(17_000);
    // 25 s for each write; a disk that takes 30 s for one hangs.
    const isOver = (): boolean => rig.words().includes('finished') || rig.words().includes('failed');
    while (!isOver()) {
      const written = writes;
      while (writes === written && !isOver()) {
        next();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise((resolve) => setImmediate(resolve));
      if (!isOver()) rig.to(rig.now + 25_000);
    }
    assert.deepEqual(rig.words().slice(-1), ['finished']);
    assert.ok(writes - before >= 2, `${writes - before} slow writes`);
  });

  it('does not wait for ever for a disk that hangs at the end', async () => {
    rig = new RecorderRig(
      {},
      {
        rename: () => new Promise(() => undefined),
      },
    );
    alarm();
    await rig.event('recording');
    rig.to(20_000);
    while (fs.readdirSync(rig.folder, { recursive: true }).length === 0)
      await new Promise((resolve) => setImmediate(resolve));
    // The clip is over; the rename hangs. Then the rescue hangs as well. While there are writes that come to
    // an end, the disk does answer.
    while (!rig.words().includes('failed')) {
      assert.ok(rig.now < 150_000, `${rig.now} ms`);
      rig.to(rig.now + 10_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.match((await rig.event('failed')).error.message, /does not answer/);
  });

  it('reports an outage of the disk once, and tries again, in continuous mode', async () => {
    let broken = true;
    rig = new RecorderRig(
      { mode: 'continuous', segment: 1 },
      {
        open: (...args) => (broken ? Promise.reject(systemError('EROFS')) : fsPromises.open(...args)),
      },
    );
    rig.recorder.arm();
    const units = videoUnits(source({ seconds: 1 }));
    const later = (by: number) =>
      units.map((unit) => ({ ...unit, arrival: unit.arrival + by, time: unit.time + by }));
    rig.feed(units);
    assert.equal((await rig.event('failed')).firstOfOutage, true);
    rig.feed(later(6000));
    assert.equal((await rig.event('failed', 2)).firstOfOutage, false);
    broken = false;
    rig.feed(later(20_000));
    await rig.event('recording');
    await rig.recorder.disarm();
    assert.equal(judgeClip((await rig.event('finished')).info.file).length, 25);
    // A second outage, after a file that was whole, is news again.
    broken = true;
    rig.recorder.arm();
    rig.feed(later(40_000));
    assert.equal((await rig.event('failed', 3)).firstOfOutage, true);
  });
});
