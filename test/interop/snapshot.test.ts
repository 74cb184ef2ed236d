import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Nvr } from '../../lib/nvr/nvr.js';
import { sharedSnapshotPool } from '../../lib/nvr/snapshot/snapshot-pool.js';
import { takeSnapshot, type SnapshotOptions } from '../../lib/nvr/snapshot/snapshot.js';
import { decodeJpeg, ffmpeg, planesOf, psnr } from '../kit/ffmpeg-judge.js';
import { startGst } from '../kit/gst.js';
import { settingsFor } from '../kit/settings.js';
import { GSTREAMER, needs } from '../kit/tools.js';

const OPTIONS: SnapshotOptions = {
  format: 'jpeg',
  quality: 90,
  maxAge: 0,
  timeout: 10,
  decoder: 'auto',
  ffmpegPath: '',
};

describe('snapshots of GStreamer’s cameras on a machine without ffmpeg, judged by ffmpeg', () => {
  let folder: string | undefined;

  before(function () {
    needs(this, 'ffmpeg', GSTREAMER);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-interop-'));
  });

  after(async () => {
    await sharedSnapshotPool().close();
    if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
  });

  for (const [codec, encoder, format, pipeline] of [
    ['h264', ['libx264', '-preset', 'veryfast'], 'h264', 'h264parse ! rtph264pay config-interval=-1'],
    [
      'h265',
      ['libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none'],
      'hevc',
      'h265parse ! rtph265pay config-interval=-1',
    ],
  ] as const) {
    it(`is the camera’s ${codec} picture`, async () => {
      const clip = path.join(folder!, `${codec}.mp4`);
      const source = ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=640x360:r=25:d=4', '-g', '10'];
      execFileSync('ffmpeg', [...source, '-c:v', ...encoder, '-pix_fmt', 'yuv420p', '-y', clip]);
      const launch = `( filesrc location=${clip} ! qtdemux ! ${pipeline} pt=96 name=pay0 )`;
      const server = await startGst({ launch });
      const nvr = new Nvr(settingsFor(server.port, { uriStyle: 'custom', liveTemplate: '/live' }));
      const { PATH } = process.env;
      process.env.PATH = '';
      const snapshot = await takeSnapshot(nvr.camera(1, 'main'), OPTIONS).finally(() => {
        process.env.PATH = PATH;
      });
      await nvr.close();
      await server.stop();

      assert.equal(snapshot.warning, undefined);
      assert.deepEqual(
        { contentType: snapshot.contentType, width: snapshot.width, height: snapshot.height },
        { contentType: 'image/jpeg', width: 640, height: 360 },
      );
      const full = ['-vf', 'scale=in_range=tv:out_range=pc', '-pix_fmt', 'yuvj420p', '-f', 'rawvideo', '-'];
      const theirs = ffmpeg(['-f', format, '-i', 'pipe:0', ...full], snapshot.unit.data);
      const ours = decodeJpeg(snapshot.data, 640, 360);
      assert.ok(psnr(planesOf(theirs, 640, 360), ours) > 38);
    });
  }
});
