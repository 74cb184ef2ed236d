// Streams of real encoders, made on the fly: through packets and back, then judged by ffmpeg's own decoder.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createDepacketizer } from '../../lib/codec/depacketizer.js';
import { splitAnnexB } from '../../lib/codec/annexb.js';
import { Feed, videoMedia } from '../kit/depacketizer-feed.js';
import { packetizeH264 } from './packetizers/h264.js';
import { packetizeH265 } from './packetizers/h265.js';
import type { SourcePicture } from './packetizers/packets.js';

function ffmpeg(args: string[], input?: Buffer): Buffer {
  const run = spawnSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', ...args], {
    maxBuffer: 64 * 1024 * 1024,
    ...(input !== undefined && { input }),
  });
  if (run.status !== 0) throw new Error(run.stderr.toString());
  return run.stdout;
}

function frameHashes(stream: Buffer, format: string): string {
  return ffmpeg(['-f', format, '-i', 'pipe:0', '-f', 'framemd5', '-'], stream).toString();
}

/** Pictures of a stream that has access unit delimiters. */
function pictures(stream: Buffer, isDelimiter: (nal: Buffer) => boolean): SourcePicture[] {
  const found: SourcePicture[] = [];
  for (const nal of splitAnnexB(stream, Infinity)) {
    if (isDelimiter(nal)) found.push({ nals: [], rtpTime: 7200 * found.length });
    found.at(-1)!.nals.push(nal);
  }
  return found;
}

const CASES = [
  {
    name: 'H.264 with B-frames',
    format: 'h264',
    encoding: 'H264',
    size: [322, 242],
    args: ['-c:v', 'libx264', '-x264-params', 'aud=1:keyint=8:bframes=2'],
  },
  {
    name: 'H.264 with four slices and open GOPs',
    format: 'h264',
    encoding: 'H264',
    size: [322, 242],
    args: ['-c:v', 'libx264', '-x264-params', 'aud=1:keyint=8:slices=4:open-gop=1:bframes=2'],
  },
  {
    name: 'H.264 interlaced',
    format: 'h264',
    encoding: 'H264',
    size: [322, 244],
    args: ['-c:v', 'libx264', '-x264-params', 'aud=1:keyint=8:interlaced=1'],
  },
  {
    name: 'H.265',
    format: 'hevc',
    encoding: 'H265',
    size: [322, 242],
    args: ['-c:v', 'libx265', '-x265-params', 'aud=1:keyint=8:log-level=none:slices=2'],
  },
] as const;

describe('streams of real encoders', function () {
  before(function () {
    if (spawnSync('ffmpeg', ['-version']).status === 0) return;
    if (process.env.CI === 'true') throw new Error('ffmpeg is missing');
    console.log('ffmpeg is missing: no streams of real encoders');
    this.skip();
  });

  for (const { name, format, encoding, size, args } of CASES) {
    it(`${name}: comes back byte by byte, with its format and keyframes, and decodes to the same frames`, () => {
      const stream = ffmpeg([
        ...['-f', 'lavfi', '-i', `testsrc2=size=${size.join('x')}:rate=12.5`],
        '-frames:v',
        '20',
        '-pix_fmt',
        'yuv420p',
        ...args,
        '-f',
        format,
        '-',
      ]);
      const hevc = encoding === 'H265';
      const source = pictures(stream, (nal) => (hevc ? nal[0]! >> 1 === 35 : (nal[0]! & 0x1f) === 9));
      const packets = (hevc ? packetizeH265 : packetizeH264)(source, { mtu: 1400, aggregate: true });
      const feed = new Feed(
        (media, sink) => createDepacketizer(media.payloads[0]!, media, sink),
        videoMedia(encoding),
      );
      feed.stream(packets).flush();
      assert.equal(feed.units.length, source.length);
      assert.ok(feed.units.every((unit) => !unit.damaged));
      assert.deepEqual([feed.units[0]!.format.width, feed.units[0]!.format.height], size);
      assert.equal(feed.units[0]!.format.frameRate, 12.5);
      assert.equal(new Set(feed.units.map((unit) => unit.format)).size, 1);
      assert.ok(feed.units.filter((unit) => unit.keyframe).length >= 2);
      const joined = Buffer.concat(feed.units.map((unit) => unit.data));
      assert.equal(frameHashes(joined, format), frameHashes(stream, format));
      // A newcomer begins at any keyframe.
      const start = feed.units.findLastIndex((unit) => unit.keyframe);
      const late = frameHashes(Buffer.concat(feed.units.slice(start).map((unit) => unit.data)), format);
      assert.ok(late.split('\n').filter((line) => line.startsWith('0,')).length > 0);
    });
  }
});
