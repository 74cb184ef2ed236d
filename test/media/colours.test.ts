// Pictures beside what their numbers mean: colours by each matrix, said and unsaid, the shape of pixels,
// fields made one picture.
import assert from 'node:assert/strict';

import { joinAnnexB } from '../../lib/codec/annexb.js';
import { toJpeg } from '../../lib/media/jpeg/index.js';
import { jpegSize } from '../../lib/media/jpeg/size.js';
import { SnapshotMaker } from '../../lib/media/snapshot-job.js';
import { ffmpegSnapshot } from '../../lib/nvr/snapshot/ffmpeg-fallback.js';
import { BitWriter } from '../codec/bit-writer.js';
import { needs } from '../kit/tools.js';
import { ffmpeg, planesOf } from '../kit/ffmpeg-judge.js';
import { COLOURS, combs, distance, judgeColours, judgeShape, stripes } from './looks.js';

describe('pictures that look right', () => {
  before(function () {
    needs(this, 'ffmpeg');
  });

  it('have the colours of each matrix, whatever their size', () => {
    for (const matrix of [1, 4, 5, 6, 7, 9]) {
      const full = matrix % 2 === 0;
      const planes = planesOf(stripes(128, 48, matrix, full), 128, 48);
      const jpeg = toJpeg(planes, { quality: 100, fullRange: full, matrixCoefficients: matrix });
      const off = distance(jpeg.data, 128, 48);
      assert.ok(off <= 3, `matrix ${String(matrix)}: off by ${String(off)}`);
    }
  });

  it('keep the matrix of their stream when they are made smaller', () => {
    const planes = planesOf(stripes(256, 720, 1, false), 256, 720);
    const jpeg = toJpeg(planes, { quality: 100, fullRange: false, width: 128 });
    assert.ok(distance(jpeg.data, 128, 360) <= 3);
  });

  for (const codec of ['h264', 'h265'] as const) {
    for (const colours of COLOURS.slice(0, 2))
      it(`have the colours of ${codec} ${colours.what}, by either decoder`, () =>
        judgeColours(codec, colours));
    it(`tell the shape of pixels in ${codec}, or are as wide as they are shown`, () =>
      judgeShape(codec, '16:11', 512));
  }

  describe('fields', () => {
    const maker = new SnapshotMaker();

    it('are made one picture without combs by ffmpeg, and progressive frames are left as they are', async () => {
      const moving = ['-f', 'lavfi', '-i', 'testsrc2=s=320x192:r=50,scroll=h=0.05'];
      const pictures = (filter: string, params: string): Buffer =>
        ffmpeg([
          ...['-loglevel', 'fatal', ...moving, '-vf', `${filter},format=yuv420p`, '-frames:v', '1'],
          ...['-c:v', 'libx264', '-x264-params', `log=-1:qp=10${params}`, '-f', 'h264', '-'],
        ]);
      const fields = pictures('interlace=scan=tff', ':interlaced=1');
      assert.throws(() => maker.make({ codec: 'h264', data: fields, quality: 90 }), { code: 'EUNSUPPORTED' });
      const shown = async (data: Buffer): Promise<Buffer> =>
        ffmpeg(
          ['-f', 'jpeg_pipe', '-i', 'pipe:0', '-pix_fmt', 'gray', '-f', 'rawvideo', '-'],
          await ffmpegSnapshot({ codec: 'h264', data, quality: 95, ffmpegPath: '' }),
        );
      const combed = ffmpeg(
        ['-f', 'h264', '-i', 'pipe:0', '-frames:v', '1', '-pix_fmt', 'gray', '-f', 'rawvideo', '-'],
        fields,
      );
      assert.ok(combs(await shown(fields), 320) < combs(combed, 320) / 5);

      const frame = pictures('null', '');
      const whole = ffmpeg(
        ['-f', 'h264', '-i', 'pipe:0', '-vf', 'scale=out_range=pc,format=gray', '-f', 'rawvideo', '-'],
        frame,
      );
      const jpeg = await shown(frame);
      assert.ok(whole.every((sample, n) => Math.abs(sample - jpeg[n]!) < 40));
    });

    it('that come alone make no picture rather than half a one', async () => {
      const set = new BitWriter().u(77, 8).u(0, 8).u(30, 8).ue(0).ue(0).ue(2).ue(1).flag(false).ue(3).ue(1);
      const sps = set.flag(false).flag(false).flag(true).flag(false).flag(false).nal(0x67);
      const pps = new BitWriter()
        .ue(0)
        .ue(0)
        .u(0, 2)
        .ue(0)
        .ue(0)
        .ue(0)
        .u(0, 3)
        .se(0)
        .se(0)
        .se(0)
        .u(0, 3)
        .nal(0x68);
      const top = fieldOf(200, true);
      const bottom = fieldOf(60, false);
      const job = { codec: 'h264' as const, quality: 95, ffmpegPath: '' };
      const jpeg = await ffmpegSnapshot({ ...job, data: joinAnnexB([sps, pps, top, bottom]) });
      assert.deepEqual(jpegSize(jpeg), { width: 64, height: 64 });
      await assert.rejects(ffmpegSnapshot({ ...job, data: joinAnnexB([sps, pps, top]) }), {
        code: 'EDECODE',
      });
    });
  });
});

/**
 * A field of 64 x 32 in I_PCM of one luma value: the upper one of an IDR picture, or the lower one beside it.
 */
function fieldOf(luma: number, upper: boolean): Buffer {
  const bits = new BitWriter().ue(0).ue(7).ue(0).u(0, 4).flag(true).flag(!upper);
  if (upper) bits.ue(0).u(0, 2);
  else bits.flag(false);
  bits.se(0);
  for (let block = 0; block < 8; block++) {
    bits.ue(25).align();
    for (let n = 0; n < 384; n++) bits.u(n < 256 ? luma : 128, 8);
  }
  return bits.nal(upper ? 0x65 : 0x61);
}
