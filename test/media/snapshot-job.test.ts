import assert from 'node:assert/strict';

import fc from 'fast-check';

import { NvrError } from '../../lib/errors.js';
import { jpegSize } from '../../lib/media/jpeg/size.js';
import { SnapshotMaker } from '../../lib/media/snapshot-job.js';
import type { SnapshotJob } from '../../lib/media/snapshot-job.js';
import { SnapshotPool } from '../../lib/nvr/snapshot/snapshot-pool.js';
import { needs } from '../kit/tools.js';
import { decodeJpeg, ffmpeg, planesOf, psnr } from '../kit/ffmpeg-judge.js';

type Codec = SnapshotJob['codec'];

/** The same picture by both encoders. `vui` as x264 and x265 both understand it. */
function encode(codec: Codec, width: number, height: number, vui = ''): Buffer {
  const [range, matrix] = [
    vui.includes('range=full') ? 'pc' : 'tv',
    vui.includes('bt709') ? 'bt709' : 'bt601',
  ];
  const filter = `scale=out_color_matrix=${matrix}:out_range=${range},format=yuv420p`;
  const input = [
    '-loglevel',
    'fatal',
    '-f',
    'lavfi',
    '-i',
    `testsrc2=s=${width}x${height}`,
    '-vf',
    filter,
    '-frames:v',
    '1',
  ];
  return codec === 'h264'
    ? ffmpeg([
        ...input,
        '-c:v',
        'libx264',
        '-qp',
        '10',
        '-x264-params',
        `log=-1${vui.replace('range=full', 'fullrange=on')}`,
        '-f',
        'h264',
        '-',
      ])
    : ffmpeg([...input, '-c:v', 'libx265', '-x265-params', `log-level=none:qp=10${vui}`, '-f', 'hevc', '-']);
}

describe('a keyframe made into a JPEG', () => {
  before(function () {
    needs(this, 'ffmpeg');
  });

  const maker = new SnapshotMaker();

  for (const codec of ['h264', 'h265'] as const) {
    for (const [what, vui] of [
      ['limited range', ''],
      ['full range', ':range=full'],
      ['BT.709', ':colormatrix=bt709'],
      ['full-range BT.709', ':range=full:colormatrix=bt709'],
    ] as const) {
      it(`shows ${codec} of ${what} in its colours`, () => {
        const { data } = maker.make({ codec, data: encode(codec, 320, 180, vui), quality: 95 });
        const source = [
          '-f',
          'lavfi',
          '-i',
          'testsrc2=s=320x180',
          '-vf',
          'scale=out_color_matrix=bt601:out_range=pc,format=yuvj420p',
        ];
        const truth = ffmpeg([...source, '-frames:v', '1', '-f', 'rawvideo', '-']);
        const likeness = psnr(planesOf(truth, 320, 180), decodeJpeg(data, 320, 180));
        assert.ok(likeness > 33, `${likeness.toFixed(1)} dB`);
      });
    }

    it(`makes the picture of ${codec} smaller when asked`, () => {
      const { data, width, height } = maker.make({
        codec,
        data: encode(codec, 320, 180),
        quality: 80,
        width: 101,
      });
      assert.deepEqual({ width, height }, { width: 100, height: 56 });
      assert.deepEqual(jpegSize(data), { width, height });
    });

    it(`answers broken ${codec} with a picture or a typed error, in the real thread, which lives on`, async () => {
      const keyframe = encode(codec, 176, 144);
      const pool = new SnapshotPool();
      const small = await pool.decode({ codec, data: keyframe, quality: 10, width: 16 });
      const whole = await pool.decode({ codec, data: keyframe, quality: 80 });
      assert.ok(whole.data.length > 4 * small.data.length, 'it is larger than the one before it');
      const change = fc.tuple(fc.nat(keyframe.length - 1), fc.nat(255));
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
          const data = Buffer.from(keyframe);
          for (const [at, value] of changes) data[at] = value;
          const outcome = await pool.decode({ codec, data, quality: 80 }).catch((error: unknown) => error);
          if (outcome instanceof NvrError) assert.ok(['EDECODE', 'EUNSUPPORTED'].includes(outcome.code));
          else assert.ok((outcome as { width: number }).width > 0);
        }),
        { numRuns: 150 },
      );
      assert.deepEqual(await pool.decode({ codec, data: keyframe, quality: 80 }), whole);
      assert.equal(pool.threads, 1);
      await pool.close();
    });
  }
});
