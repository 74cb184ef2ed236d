// The ffmpeg fallback with programs of the test's own: what it asks of them, how many run, and what it leaves
// behind.

import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import { NvrError } from '../../lib/errors.js';
import { ffmpegSnapshot, findFfmpeg, type FfmpegJob } from '../../lib/nvr/snapshot/ffmpeg-fallback.js';

/** What begins a JPEG, in a shell's words. */
const JPEG = String.raw`printf '\377\330\377'`;

describe('the ffmpeg fallback, at its bounds', function () {
  let folder = '';

  before(async function () {
    if (process.platform === 'win32') this.skip();
    folder = await mkdtemp(path.join(os.tmpdir(), 'ffmpeg-'));
  });

  after(() => (folder === '' ? undefined : rm(folder, { recursive: true })));

  /** A job for a program of that name that runs the lines of a shell. */
  async function job(name: string, lines: string, more: Partial<FfmpegJob> = {}): Promise<FfmpegJob> {
    const file = path.join(folder, name);
    await writeFile(file, `#!/bin/sh\n${lines}\n`);
    await chmod(file, 0o755);
    return { codec: 'h264', data: Buffer.from([0, 0, 0, 1, 0x65]), quality: 80, ffmpegPath: file, ...more };
  }

  it('asks for the quality as ffmpeg counts it, from 1 to 31', async () => {
    const asked: Record<number, number> = {};
    const tells = await job('tells-quality', `${JPEG}; echo "$@"`);
    for (const quality of [1, 25, 50, 80, 100]) {
      const said = (await ffmpegSnapshot({ ...tells, quality })).toString('latin1');
      asked[quality] = Number(/-q:v (\d+)/.exec(said)?.[1]);
    }
    assert.deepEqual(asked, { 1: 31, 25: 16, 50: 8, 80: 3, 100: 1 });
  });

  it('asks for an even width, of two pixels at least', async () => {
    const tells = await job('tells-width', `${JPEG}; echo "$@"`);
    for (const [width, most] of [
      [1, 2],
      [3, 2],
      [640, 640],
    ] as const) {
      const said = (await ffmpegSnapshot({ ...tells, width })).toString('latin1');
      assert.match(said, new RegExp(`min\\(iw,${most}\\)`), `for ${width}`);
    }
  });

  it('hears the exit of the process once, however often it decodes', async () => {
    const quick = await job('quick', `${JPEG}; echo picture`);
    await ffmpegSnapshot(quick);
    const heard = process.listenerCount('exit');
    await ffmpegSnapshot(quick);
    await ffmpegSnapshot(quick);
    assert.equal(process.listenerCount('exit'), heard);
  });

  it('lets two programs run at the same time, and no more', async () => {
    const log = path.join(folder, 'log');
    // Each waits for a second one, however late a busy machine starts that.
    const both = `until [ "$(grep -c + ${log})" -ge 2 ]; do sleep 0.01; done`;
    const slow = await job(
      'slow',
      `echo + >> ${log}; ${both}; sleep 0.03; echo - >> ${log}; ${JPEG}; echo picture`,
    );
    await Promise.all([1, 2, 3, 4].map(() => ffmpegSnapshot({ ...slow, camera: {} })));
    let running = 0;
    let most = 0;
    for (const sign of (await readFile(log, 'utf8')).trim().split('\n')) {
      running += sign === '+' ? 1 : -1;
      most = Math.max(most, running);
    }
    assert.equal(most, 2);
  });

  it('lets sixteen jobs wait, and refuses the next at once', async () => {
    const none = { ...(await job('none', '')), ffmpegPath: path.join(folder, 'there', 'is', 'none') };
    const outcomes = await Promise.all(
      Array.from({ length: 2 + 16 + 1 }, () =>
        ffmpegSnapshot({ ...none, camera: {} }).then(
          () => 'a picture',
          (error: unknown) => (error as NvrError).code,
        ),
      ),
    );
    assert.deepEqual(outcomes, [...Array.from({ length: 18 }, () => 'EUNSUPPORTED'), 'EBUSY']);
  });

  it('gives a program ten seconds, to the millisecond', async () => {
    const hangs = await job('hangs', 'exec sleep 60');
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      let failure: NvrError | undefined;
      const ended = ffmpegSnapshot(hangs).catch((error: unknown) => {
        failure = error as NvrError;
      });
      while (clock.countTimers() === 0) await new Promise((resolve) => setImmediate(resolve));
      clock.tick(9_999);
      assert.equal(clock.countTimers(), 1, 'the bound is still to come');
      clock.tick(1);
      await ended;
      assert.equal(failure?.code, 'EDECODE');
      assert.match(failure.message, /more than 10 s/);
      assert.equal(clock.countTimers(), 0, 'timers that are left');
    } finally {
      clock.restore();
    }
  });

  it('finds nothing by a relative folder on PATH, wherever that leads', async () => {
    const { ffmpegPath } = await job('here', '');
    const relative = path.relative(process.cwd(), folder);
    assert.equal(path.resolve(relative, 'here'), ffmpegPath);
    await assert.rejects(findFfmpeg('here', { PATH: relative }), { code: 'EUNSUPPORTED' });
    assert.equal(await findFfmpeg('here', { PATH: [relative, folder].join(path.delimiter) }), ffmpegPath);
  });

  it('is looked for by its name, and on Windows by that of a program first', async () => {
    const program = await job('of-both', '');
    const windows = await job('of-both.exe', '');
    const found = (): Promise<string> => findFfmpeg('of-both', { PATH: folder });
    assert.equal(await found(), program.ffmpegPath);
    const platform = sinon.stub(process, 'platform').value('win32');
    try {
      assert.equal(await found(), windows.ffmpegPath);
      assert.equal(await findFfmpeg('here', { PATH: folder }), path.join(folder, 'here'), 'and without');
    } finally {
      platform.restore();
    }
  });

  it('takes no picture of a program that fails behind it, and none of three bytes', async () => {
    const fails = await job('fails-late', `${JPEG}; echo picture; exit 3`);
    await assert.rejects(ffmpegSnapshot(fails), { code: 'EDECODE', message: /exit code 3/ });
    const short = await job('short', JPEG);
    await assert.rejects(ffmpegSnapshot(short), { code: 'EDECODE', message: /it wrote nothing/ });
    const one = await job('four', `${JPEG}; printf x`);
    assert.equal((await ffmpegSnapshot(one)).length, 4);
  });

  it('takes a picture of as many bytes as it may have, and none of one more', async () => {
    const four = await job('four-bytes', `${JPEG}; printf x`);
    assert.equal((await ffmpegSnapshot(four, { outputBytes: 4 })).length, 4);
    await assert.rejects(ffmpegSnapshot(four, { outputBytes: 3 }), { code: 'EDECODE', message: /more than/ });
  });

  it('keeps no pipe of a program that was ended while another one still holds them', async function () {
    // Elsewhere there is no `setsid`.
    if (process.platform !== 'linux') this.skip();
    const pipes = (): number =>
      process.getActiveResourcesInfo().filter((resource) => resource === 'PipeWrap').length;
    const holds = await job('holds', `setsid sh -c "${JPEG}; printf x; exec sleep 3" &\nexec sleep 60`);
    const before = pipes();
    await assert.rejects(ffmpegSnapshot(holds, { outputBytes: 3 }), { code: 'EDECODE' });
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(pipes() <= before, `${pipes()} pipes, and ${before} before`);
  });
});
