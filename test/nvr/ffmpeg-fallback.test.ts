import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { NvrError } from '../../lib/errors.js';
import { jpegSize } from '../../lib/media/jpeg/size.js';
import { ffmpegSnapshot, findFfmpeg } from '../../lib/nvr/snapshot/ffmpeg-fallback.js';
import { ffmpeg } from '../kit/ffmpeg-judge.js';
import { needs } from '../kit/tools.js';

const rejectsWith = (code: string, words: RegExp) => (error: unknown) =>
  error instanceof NvrError && error.code === code && words.test(error.message);

const [WIDTH, HEIGHT] = [320, 240];

/** The one picture of a file or stream, as luma. */
function greyOf(bytes: Uint8Array): Buffer {
  return ffmpeg(['-i', '-', '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'gray', '-'], bytes);
}

/**
 * How much neighbouring rows differ, in times of what rows two apart do: far above 1 only where two fields
 * are of different moments.
 */
function comb(luma: Uint8Array): number {
  const difference = (rows: number): number => {
    let sum = 0;
    for (let i = 0; i + rows * WIDTH < WIDTH * HEIGHT; i++)
      sum += Math.abs(luma[i]! - luma[i + rows * WIDTH]!);
    return sum;
  };
  return difference(1) / Math.max(1, difference(2));
}

describe('the ffmpeg fallback', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'snapshot-'));
  });

  after(() => rm(folder, { recursive: true }));

  /** A program of that name in the folder that runs `script` with node. */
  async function program(name: string, script: string): Promise<string> {
    const file = path.join(folder, name);
    await writeFile(file, `#!${process.execPath}\n${script}\n`);
    await chmod(file, 0o755);
    return file;
  }

  const job = (ffmpegPath: string) => ({
    codec: 'h264' as const,
    data: Buffer.from([0, 0, 0, 1, 0x65]),
    quality: 80,
    ffmpegPath,
  });

  /**
   * Resolves once there is no such process, or only its entry in the table (whoever adopts an orphan may be
   * slow to reap it).
   */
  async function gone(pid: number): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      const state = await readFile(`/proc/${String(pid)}/stat`, 'latin1').catch(() => ') X');
      if (/\) [XZ]/.test(state)) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.fail(`process ${String(pid)} lives`);
  }

  describe('looking for the program', () => {
    it('finds nothing where PATH is empty, missing or relative', async () => {
      await program('ffmpeg', '');
      for (const environment of [{}, { PATH: '' }, { PATH: `.${path.delimiter}` }]) {
        await assert.rejects(findFfmpeg('', environment), rejectsWith('EUNSUPPORTED', /not installed/));
      }
    });

    it('finds it on PATH, by another name too, and at a path of its own', async () => {
      const file = await program('ffmpeg', '');
      const other = await program('ffmpeg-9', '');
      const environment = { PATH: ['/nowhere', folder].join(path.delimiter) };
      assert.equal(await findFfmpeg('', environment), file);
      assert.equal(await findFfmpeg('ffmpeg-9', environment), other);
      assert.equal(await findFfmpeg(other, {}), other);
      await assert.rejects(
        findFfmpeg(path.join(folder, 'none'), environment),
        rejectsWith('EUNSUPPORTED', /correct the path/),
      );
    });
  });

  it('shows an interlaced picture without the comb of its two fields', async function () {
    needs(this, 'ffmpeg');
    // Upright waves that wander: the rows of one field are alike, those of the other are of another moment.
    const waves = `nullsrc=s=${String(WIDTH)}x${String(HEIGHT)}:r=50:d=1,geq=lum='128+90*sin((X+8*N)/6)':cb=128:cr=128`;
    const coding =
      '-frames:v 1 -c:v libx264 -flags +ilme+ildct -x264-params tff=1 -pix_fmt yuv420p -f h264 -';
    // x264 warns of what it leaves out of interlaced coding.
    const source = ['-v', 'error', '-f', 'lavfi', '-i', waves, '-vf', 'tinterlace=interleave_top'];
    const clip = ffmpeg([...source, ...coding.split(' ')]);
    const picture = await ffmpegSnapshot({ ...job('ffmpeg'), data: clip });
    const combed = comb(greyOf(clip));
    const shown = comb(greyOf(picture));
    assert.ok(combed > 3, `the fields differ by ${String(combed)}`);
    assert.ok(shown < 3, `${String(shown)}, of ${String(combed)}`);
  });

  describe('with a program that misbehaves', () => {
    it('ends one that does not answer', async () => {
      const file = await program(
        'hangs',
        `require('node:fs').writeFileSync(${JSON.stringify(path.join(folder, 'pid'))}, String(process.pid)); setInterval(() => 0, 1000);`,
      );
      await assert.rejects(
        ffmpegSnapshot(job(file), { timeBound: 1500 }),
        rejectsWith('EDECODE', /more than 1.5 s/),
      );
      const pid = Number(await readFile(path.join(folder, 'pid'), 'utf8'));
      assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    });

    it('ends what a script around it has started, and answers at the bound', async function () {
      if (process.platform === 'win32') this.skip();
      const file = path.join(folder, 'wrapper');
      const pids = path.join(folder, 'pids');
      await writeFile(file, `#!/bin/sh\nsleep 60 &\necho $$ $! > ${pids}\nsleep 61\n`);
      await chmod(file, 0o755);
      const start = performance.now();
      await assert.rejects(ffmpegSnapshot(job(file), { timeBound: 800 }), rejectsWith('EDECODE', /0.8 s/));
      assert.ok(performance.now() - start < 10_000);
      for (const pid of (await readFile(pids, 'utf8')).trim().split(' ').map(Number)) await gone(pid);
    });

    it('does not wait for what holds its pipes once it has ended itself', async function () {
      if (process.platform === 'win32') this.skip();
      const file = path.join(folder, 'leaves');
      const left = path.join(folder, 'left');
      await writeFile(file, `#!/bin/sh\nsleep 60 &\necho $! > ${left}\n`);
      await chmod(file, 0o755);
      await assert.rejects(ffmpegSnapshot(job(file), { timeBound: 800 }), rejectsWith('EDECODE', /0.8 s/));
      await gone(Number(await readFile(left, 'utf8')));
    });

    it('ends one that writes without end', async () => {
      const file = await program(
        'floods',
        `const b = Buffer.alloc(65536, 1); (function more() { process.stdout.write(b, more); })();`,
      );
      await assert.rejects(
        ffmpegSnapshot(job(file), { outputBytes: 1_000_000 }),
        rejectsWith('EDECODE', /more than a picture/),
      );
    });

    it('reports the first line that ffmpeg writes to stderr', async () => {
      const file = await program(
        'fails',
        `process.stderr.write('no such codec\\nmore'); process.exitCode = 1;`,
      );
      await assert.rejects(ffmpegSnapshot(job(file)), rejectsWith('EDECODE', /no such codec$/));
    });

    it('takes nothing but a JPEG', async () => {
      const file = await program('lies', `process.stdout.write('hello');`);
      await assert.rejects(ffmpegSnapshot(job(file)), rejectsWith('EDECODE', /no picture/));
    });

    it('says what it was when one cannot be started', async () => {
      const file = path.join(folder, 'nothing');
      await writeFile(file, '#!/no/such/interpreter\n');
      await chmod(file, 0o755);
      await assert.rejects(ffmpegSnapshot(job(file)), rejectsWith('EUNSUPPORTED', /cannot be started/));
    });

    it('gives the program neither the shell nor the secrets of the environment', async () => {
      process.env.NVR_TEST_SECRET = 'hidden';
      const file = await program(
        'tells',
        `process.stdout.write(Buffer.concat([Buffer.from([255, 216, 255]), Buffer.from(JSON.stringify([process.argv.slice(2), process.env]))]));`,
      );
      const said = (await ffmpegSnapshot({ ...job(file), width: 641 })).toString('latin1');
      delete process.env.NVR_TEST_SECRET;
      assert.ok(!said.includes('hidden'));
      assert.ok(said.includes('min(iw,640)'));
    });
  });

  describe('with ffmpeg itself', () => {
    before(function () {
      needs(this, 'ffmpeg');
    });

    for (const [codec, encoder, format] of [
      ['h264', 'libx264', 'h264'],
      ['h265', 'libx265', 'hevc'],
      ['mjpeg', 'mjpeg', 'mjpeg'],
    ] as const) {
      it(`makes a JPEG of a keyframe in ${codec}, smaller if asked`, async () => {
        const quiet = codec === 'h265' ? ['-x265-params', 'log-level=none'] : [];
        const data = ffmpeg([
          '-loglevel',
          'fatal',
          '-f',
          'lavfi',
          '-i',
          'testsrc2=s=320x180',
          '-frames:v',
          '1',
          '-c:v',
          encoder,
          ...quiet,
          '-pix_fmt',
          codec === 'mjpeg' ? 'yuvj420p' : 'yuv420p',
          '-f',
          format,
          '-',
        ]);
        assert.deepEqual(
          jpegSize(
            await ffmpegSnapshot({
              codec,
              data,
              quality: 80,
              ffmpegPath: '',
            }),
          ),
          {
            width: 320,
            height: 180,
          },
        );
        assert.deepEqual(
          jpegSize(
            await ffmpegSnapshot({
              codec,
              data,
              quality: 80,
              ffmpegPath: '',
              width: 101,
            }),
          ),
          { width: 100, height: 56 },
        );
        assert.deepEqual(
          jpegSize(
            await ffmpegSnapshot({
              codec,
              data,
              quality: 80,
              ffmpegPath: '',
              width: 4000,
            }),
          ),
          { width: 320, height: 180 },
        );
      });
    }

    it('refuses a picture of more pixels than any camera has before it makes room for them', async () => {
      const data = ffmpeg(
        '-loglevel fatal -f lavfi -i color=s=8208x4608 -frames:v 1 -c:v mjpeg -pix_fmt yuvj420p -f mjpeg -'.split(
          ' ',
        ),
      );
      await assert.rejects(
        ffmpegSnapshot({ codec: 'mjpeg', data, quality: 80, width: 160, ffmpegPath: '' }),
        rejectsWith('EDECODE', /ffmpeg made no picture/),
      );
    });
  });
});
