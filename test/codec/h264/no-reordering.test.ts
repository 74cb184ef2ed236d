import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { splitAnnexB } from '../../../lib/codec/annexb.js';
import { spsWithoutReordering, withoutReordering } from '../../../lib/codec/h264/no-reordering.js';
import { parseH264Sps } from '../../../lib/codec/h264/sps.js';
import { decoderConfig } from '../../../lib/media/decoder-config.js';
import { mp4Header } from '../../../lib/media/mp4/header.js';
import { LIVE_TIMESCALE, videoFragment } from '../../../lib/media/mp4/live-mp4.js';
import { launchBrowser } from '../../kit/node-red.js';
import { clipUnits } from '../../kit/picture-units.js';
import { videoUnit } from '../../kit/fake-hub.js';
import { counterStream } from '../../kit/counter-clip.js';
import { frameHashes, needs } from '../../kit/tools.js';
import { BitWriter } from '../bit-writer.js';
import { unrestricted } from './unrestricted.js';

const START = Buffer.of(0, 0, 0, 1);

/** A High profile SPS of 640 x 360, four reference frames, picture order type 0; the VUI follows. */
function plainSps(orderType = 0): BitWriter {
  const writer = new BitWriter().u(100, 8).u(0, 8).u(31, 8).ue(0).ue(1).ue(0).ue(0).flag(false).flag(false);
  writer.ue(0).ue(orderType);
  if (orderType === 0) writer.ue(2);
  return writer.ue(4).flag(false).ue(39).ue(22).flag(true).flag(true).flag(true).ue(0).ue(0).ue(0).ue(4);
}

describe('an SPS that says that pictures are shown as they are decoded', () => {
  it('is made of one without a VUI and of one whose VUI does not tell, and says nothing else', () => {
    const without = plainSps().flag(false).nal(0x67);
    const silent = plainSps()
      .flag(true)
      .flag(false)
      .flag(false)
      .flag(false)
      .flag(false)
      .flag(true)
      .u(1, 32)
      .u(50, 32)
      .flag(true)
      .flag(false)
      .flag(false)
      .flag(false)
      .flag(false)
      .nal(0x67);
    for (const sps of [without, silent, Buffer.concat([silent, Buffer.alloc(2)])]) {
      const before = parseH264Sps(sps)!;
      assert.equal(before.isRestricted, false);
      assert.ok(before.reorderDepth! > 0);
      const after = parseH264Sps(spsWithoutReordering(sps)!)!;
      assert.deepEqual(after, { ...before, hasVui: true, isRestricted: true, reorderDepth: 0 });
    }
  });

  it('is not made of one that tells already, nor of what cannot be read', () => {
    const told = plainSps().flag(true).u(0, 8).flag(true).flag(true);
    for (const value of [0, 0, 16, 16, 2, 4]) told.ue(value);
    const sps = told.nal(0x67);
    assert.equal(parseH264Sps(sps)?.reorderDepth, 2);
    assert.equal(spsWithoutReordering(sps), undefined);
    for (const broken of [Buffer.of(0x67), Buffer.of(0x67, 0, 0, 0, 0), Buffer.alloc(0)])
      assert.equal(spsWithoutReordering(broken), undefined);
  });

  it('leaves units without an SPS, and other codecs, as they are', () => {
    const unit = videoUnit({});
    assert.equal(withoutReordering(unit), unit);
    const [h265] = clipUnits('h265', 1);
    assert.equal(withoutReordering(h265!), h265);
  });

  it('shows the same pictures in ffmpeg, which no longer expects any to be reordered', function () {
    this.timeout(20_000);
    needs(this, 'ffmpeg', 'ffprobe');
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-sps-'));
    try {
      const stream = counterStream({ width: 640, height: 360, rate: 25, seconds: 1, gop: 10 });
      const write = (name: string, change: (nal: Buffer) => Buffer): string => {
        const file = path.join(folder, name);
        const nals = [...splitAnnexB(stream, 1_000)].map((nal) => ((nal[0]! & 31) === 7 ? change(nal) : nal));
        fs.writeFileSync(file, Buffer.concat(nals.flatMap((nal) => [START, nal])));
        return file;
      };
      const plain = write('plain.h264', unrestricted);
      const told = write('told.h264', (nal) => spsWithoutReordering(unrestricted(nal))!);
      assert.equal(frameHashes(told).length, 25);
      assert.deepEqual(frameHashes(told), frameHashes(plain));
      const probe = (file: string): string =>
        execFileSync('ffprobe', [
          '-v',
          'error',
          '-show_entries',
          'stream=has_b_frames,profile',
          file,
        ]).toString();
      assert.match(probe(told), /has_b_frames=0/);
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  it('is taken by Chromium', async function () {
    this.timeout(30_000);
    needs(this, 'ffmpeg', 'chromium');
    const stream = counterStream({ width: 640, height: 360, rate: 25, seconds: 1, gop: 25 });
    const units: Buffer[][] = [];
    for (const nal of splitAnnexB(stream, 1_000)) {
      if ((nal[0]! & 31) === 9) units.push([]);
      else units.at(-1)!.push((nal[0]! & 31) === 7 ? unrestricted(nal) : nal);
    }
    const made = units.map((nals) => {
      let at = 0;
      const ranges = nals.map((nal) => ({ type: nal[0]! & 31, start: at, end: (at += nal.length + 4) }));
      const data = Buffer.concat(nals.flatMap((nal) => [START, nal]));
      const keyframe = nals.some((nal) => (nal[0]! & 31) === 5);
      const format = { codec: 'h264' as const, width: 640, height: 360 };
      return withoutReordering({ ...videoUnit({ data, keyframe }), nals: ranges, format });
    });
    const header = mp4Header([{ timescale: LIVE_TIMESCALE, picture: decoderConfig(made[0]!) }]);
    const fragments = made.map((unit, index) =>
      videoFragment(unit, { sequence: index + 1, decode: index * 3600, offset: 0, duration: 3600 }),
    );
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      const shown = await page.evaluate(
        async (base64) => {
          const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
          const video = document.createElement('video');
          const source = new MediaSource();
          video.muted = true;
          video.src = URL.createObjectURL(source);
          await new Promise((resolve) => (source.onsourceopen = resolve));
          const buffer = source.addSourceBuffer('video/mp4; codecs="avc1.64001f"');
          buffer.appendBuffer(bytes);
          await new Promise((resolve) => (buffer.onupdateend = resolve));
          source.endOfStream();
          await video.play();
          await new Promise((resolve) => (video.onended = resolve));
          return [video.videoWidth, video.getVideoPlaybackQuality().totalVideoFrames, video.error];
        },
        Buffer.concat([header, ...fragments]).toString('base64'),
      );
      assert.deepEqual(shown, [640, 25, null]);
    } finally {
      await browser.close();
    }
  });
});
