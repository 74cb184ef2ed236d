// Pictures beside what their numbers mean: colours by each matrix, said and unsaid, the shape of pixels, fields made one picture.
import assert from 'node:assert/strict';

import { toJpeg } from '../../lib/media/jpeg/index.js';
import { SnapshotMaker } from '../../lib/media/snapshot-job.js';
import { ffmpegSnapshot } from '../../lib/nvr/ffmpeg-fallback.js';
import { needs } from '../support/tools.js';
import { ffmpeg, planesOf } from './ffmpeg-judge.js';
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
  });
});
