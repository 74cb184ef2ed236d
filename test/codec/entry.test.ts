import assert from 'node:assert/strict';
import { H264Depacketizer } from '../../lib/codec/h264/depacketizer.js';
import { H265Depacketizer } from '../../lib/codec/h265/depacketizer.js';
import { isEntry, isKeyframe, Recovery } from '../../lib/codec/entry.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { BitWriter } from './bit-writer.js';
import { Feed, nalsOf, types, videoMedia } from '../kit/depacketizer-feed.js';
import * as avc from './h264/nals.js';
import * as hevc from './h265/nals.js';
import { fuA } from './packetizers/h264.js';
import { fragmentation } from './packetizers/h265.js';

const { SPS, PPS, idr, delta } = avc;

function h264(cutSlices = false): Feed {
  return new Feed(
    (media, sink) => new H264Depacketizer(media.payloads[0]!, media, sink, { cutSlices }),
    videoMedia('H264'),
  );
}

function h265(cutSlices = false): Feed {
  return new Feed(
    (media, sink) => new H265Depacketizer(media.payloads[0]!, media, sink, { cutSlices }),
    videoMedia('H265'),
  );
}

/** An SEI with a recovery point so many pictures away. */
function recoverySei(frames: number): Buffer {
  const payload = new BitWriter().ue(frames).flag(true).flag(false).u(0, 2).rbsp();
  return Buffer.concat([Buffer.of(6, 6, payload.length), payload, Buffer.of(0x80)]);
}

/** The same in H.265: a signed count. */
function recoverySei265(pictures: number): Buffer {
  const payload = new BitWriter().se(pictures).flag(true).flag(false).rbsp();
  return Buffer.concat([Buffer.of(39 << 1, 1, 6, payload.length), payload, Buffer.of(0x80)]);
}

const flags = (units: readonly VideoUnit[]): string =>
  units
    .map(({ keyframe, damaged, reference }) => {
      const kind = keyframe ? 'K' : 'p';
      return `${kind}${damaged ? 'd' : ''}${reference === 'lost' ? 'l' : ''}`;
    })
    .join(' ');

describe('what a unit builds on', () => {
  it('is lost from a loss of whole units to the next clean keyframe, and the units are not called damaged', () => {
    const feed = h264();
    feed.payload(idr(), true).next().payload(delta(), true).next();
    feed.gap().next().payload(delta(), true).next().payload(delta(), true).next();
    feed.payload(idr(), true).next().payload(delta(), true);
    assert.equal(flags(feed.units), 'K p pl pl K p');
  });

  it('is there for the unit that the loss tore, and lost for those behind it', () => {
    const feed = h264();
    feed.payload(idr(), true).next();
    feed
      .payload(delta())
      .gap()
      .payload(delta({ firstMb: 80 }), true)
      .next();
    feed.payload(delta(), true).next().payload(idr(), true);
    assert.equal(flags(feed.units), 'K pd pl K');
  });

  it('is lost when nothing is left of a unit', () => {
    const feed = h264();
    const parts = fuA(delta({ size: 900 }), 400).map(({ bytes }) => bytes);
    feed.payload(idr(), true).next();
    feed.payload(parts[0]!).gap().payload(parts[2]!, true).next();
    feed.payload(delta(), true).next().payload(idr(), true);
    assert.equal(flags(feed.units), 'K pl K');
  });

  it('is lost before the first keyframe, and again where a new source begins', () => {
    const feed = h264();
    feed.payload(delta(), true).next().payload(idr(), true).next().payload(delta(), true).next();
    feed.depacketizer.reset();
    feed.payload(delta(), true).next().payload(idr(), true);
    assert.equal(flags(feed.units), 'pl K p pl K');
  });

  it('stays lost behind a damaged keyframe, whose own pictures are not called clean', () => {
    const feed = h264();
    feed.payload(idr(), true).next();
    feed
      .payload(idr())
      .gap()
      .payload(idr({ firstMb: 80 }), true)
      .next();
    feed.payload(delta(), true).next().payload(idr(), true);
    assert.equal(flags(feed.units), 'K Kd pl K');
  });

  it('holds for H.265 just so', () => {
    const feed = h265();
    const { slice, IDR, TRAIL } = hevc;
    feed.payload(hevc.VPS).payload(hevc.SPS).payload(hevc.PPS);
    feed.payload(slice(IDR), true).next().payload(slice(TRAIL), true).next();
    feed.gap().next().payload(slice(TRAIL), true).next();
    const parts = fragmentation(slice(TRAIL, { size: 900 }), 400).map(({ bytes }) => bytes);
    feed.payload(slice(TRAIL)).payload(parts[0]!).gap().payload(parts[2]!, true).next();
    feed.payload(slice(hevc.CRA), true).next().payload(slice(TRAIL), true);
    assert.equal(flags(feed.units), 'K p pl pdl K p');
    assert.deepEqual(types(feed.units[3]), [TRAIL]);
  });
});

describe('where a stream can begin', () => {
  it('an all-intra picture with both of its parameter sets in front is a keyframe, and with fewer it is none', () => {
    const intra = delta({ sliceType: avc.I_SLICE });
    const feed = h264();
    feed.payload(SPS).payload(PPS).payload(intra, true).next().payload(intra, true).next();
    feed.payload(SPS).payload(intra, true).next();
    feed.payload(SPS).payload(PPS).payload(delta(), true).next();
    feed
      .payload(SPS)
      .payload(PPS)
      .payload(intra)
      .payload(delta({ firstMb: 40 }), true)
      .next();
    // Sets under a timestamp of their own belong to the picture behind them.
    feed.payload(SPS).payload(PPS).next().payload(intra, true);
    assert.equal(flags(feed.units), 'K p p p p K');
    assert.ok(isEntry(feed.units[0]!) && !isEntry(feed.units[1]!));
  });

  it('a recovery point on a P picture is an entry, with its sets in front, that is whole after its count of reference pictures', () => {
    const feed = h264();
    const passing = avc.slice(1);
    passing[0] = 0x01;
    feed.payload(SPS).payload(PPS).payload(delta(), true).next();
    feed.payload(recoverySei(2)).payload(delta(), true).next();
    feed.payload(passing, true).next().payload(delta(), true).next();
    feed.payload(delta(), true).next().payload(recoverySei(2)).payload(delta(), true);
    assert.equal(flags(feed.units), 'pl pl pl pl p p');
    const [before, entry] = feed.units;
    assert.deepEqual(
      { keyframe: entry!.keyframe, recoveryFrames: entry!.recoveryFrames, isEntry: isEntry(entry!) },
      { keyframe: false, recoveryFrames: 2, isEntry: true },
    );
    assert.deepEqual(
      { entryIsKeyframe: isKeyframe(entry!), beforeIsEntry: isEntry(before!) },
      { entryIsKeyframe: false, beforeIsEntry: false },
    );
    assert.deepEqual(types(entry), [7, 8, 6, 1]);
    assert.equal(feed.units.at(-1)!.recoveryFrames, 2);
  });

  it('a recovery that a loss broke off is not believed, and the next one is', () => {
    const feed = h264();
    feed.payload(SPS).payload(PPS).payload(recoverySei(2)).payload(delta(), true).next();
    feed.gap().payload(delta(), true).next().payload(delta(), true).next().payload(delta(), true).next();
    feed.payload(recoverySei(1)).payload(delta(), true).next().payload(delta(), true);
    assert.equal(flags(feed.units), 'pl pl pl pl pl p');
  });

  it('a recovery point of H.265 counts pictures, and one that is behind counts none', () => {
    const feed = h265();
    const { slice, TRAIL } = hevc;
    feed.payload(hevc.VPS).payload(hevc.SPS).payload(hevc.PPS);
    feed.payload(recoverySei265(2)).payload(slice(TRAIL), true).next();
    feed.payload(slice(TRAIL), true).next().payload(slice(TRAIL), true);
    assert.equal(flags(feed.units), 'pl pl p');
    assert.equal(feed.units[0]!.recoveryFrames, 2);
    const behind = h265();
    behind.payload(recoverySei265(-3)).payload(slice(TRAIL), true);
    assert.deepEqual(
      { flags: flags(behind.units), recoveryFrames: behind.units[0]!.recoveryFrames },
      { flags: 'p', recoveryFrames: 0 },
    );
  });

  it('counts from a recovery point for who joins there', () => {
    const feed = h264();
    feed.payload(delta(), true).next().payload(delta(), true).next().payload(delta(), true);
    const recovery = new Recovery(2);
    assert.deepEqual(
      feed.units.map((unit) => recovery.take(unit)),
      [true, true, false],
    );
  });

  it('a damaged keyframe stands in where three GOPs went without a clean one, as long as none comes', () => {
    const feed = h264();
    const torn = (): void => {
      feed
        .payload(idr())
        .gap()
        .payload(idr({ firstMb: 80 }), true)
        .next();
    };
    feed.payload(idr(), true).next();
    for (let gop = 0; gop < 4; gop += 1) torn();
    feed.payload(idr(), true).next();
    for (let gop = 0; gop < 3; gop += 1) torn();
    assert.deepEqual(
      feed.units.map((unit) => unit.standIn === true),
      [false, false, false, true, true, false, false, false, true],
    );
    assert.deepEqual(feed.units.map(isKeyframe), [true, false, false, true, true, true, false, false, true]);
  });

  it('keyframes of which nothing was left count as GOPs without a clean one', () => {
    const feed = h264();
    const parts = fuA(idr({ size: 900 }), 400).map(({ bytes }) => bytes);
    feed.payload(idr(), true).next();
    for (let gop = 0; gop < 2; gop += 1) feed.payload(parts[0]!).gap().payload(parts[2]!, true).next();
    feed
      .payload(idr())
      .gap()
      .payload(idr({ firstMb: 80 }), true);
    assert.deepEqual(
      { flags: flags(feed.units), standIn: feed.units[1]!.standIn },
      { flags: 'K Kdl', standIn: true },
    );
  });
});

describe('slices that a loss cuts off', () => {
  const large = idr({ size: 900 });
  const parts = fuA(large, 400).map(({ bytes }) => bytes);

  it('are no part of a unit that nobody asked for them', () => {
    const feed = h264();
    feed.payload(SPS).payload(PPS).payload(parts[0]!).gap().payload(parts[2]!, true);
    assert.deepEqual(feed.units, []);
  });

  it('come beside the whole NAL units, in their places, with the sets in front', () => {
    const feed = h264(true);
    feed.payload(SPS).payload(PPS).payload(idr(), true).next();
    feed.payload(avc.AUD).payload(idr()).payload(parts[0]!).gap().payload(parts[2]!);
    feed.payload(idr({ firstMb: 80 }), true);
    const unit = feed.units[1]!;
    assert.deepEqual(types(unit), [9, 7, 8, 5, 5]);
    assert.deepEqual(
      unit.cut?.nals.map(({ type }) => type),
      [9, 7, 8, 5, 5, 5],
    );
    const cut = nalsOf({ ...unit, ...unit.cut })[4]!;
    assert.ok(cut.length > 300 && cut.length < large.length);
    assert.ok(cut.equals(large.subarray(0, cut.length)));
    assert.equal(flags([unit]), 'Kd');
  });

  it('come alone where no slice is whole, and `data` then holds nothing', () => {
    const feed = h264(true);
    feed.payload(SPS).payload(PPS).payload(parts[0]!).gap().payload(parts[2]!, true).next();
    feed.payload(delta(), true).next().payload(idr(), true);
    assert.equal(flags(feed.units), 'Kdl pl K');
    const [unit] = feed.units;
    assert.deepEqual({ data: unit!.data.length, nals: unit!.nals.length }, { data: 0, nals: 0 });
    assert.deepEqual(
      unit!.cut?.nals.map(({ type }) => type),
      [7, 8, 5],
    );
    assert.equal(unit!.format.width, 1920);
    assert.equal(feed.units[2]!.cut, undefined);
  });

  it('are nothing where the loss took their beginning, or they are no slices', () => {
    const feed = h264(true);
    feed.gap().payload(parts[1]!).payload(parts[2]!, true).next();
    const sei = fuA(Buffer.concat([avc.USER_SEI, Buffer.alloc(600, 1)]), 400).map(({ bytes }) => bytes);
    feed.payload(sei[0]!).gap().payload(delta(), true);
    assert.deepEqual(
      feed.units.map(({ cut }) => cut),
      [undefined],
    );
  });

  it('come of H.265 as well', () => {
    const feed = h265(true);
    const nal = hevc.slice(hevc.IDR, { size: 900 });
    const pieces = fragmentation(nal, 400).map(({ bytes }) => bytes);
    feed.payload(hevc.VPS).payload(hevc.SPS).payload(hevc.PPS);
    feed.payload(pieces[0]!).gap().payload(pieces[2]!, true);
    assert.deepEqual(
      feed.units[0]?.cut?.nals.map(({ type }) => type),
      [32, 33, 34, 19],
    );
    assert.equal(flags(feed.units), 'Kdl');
  });

  it('are bounded in number and in bytes', () => {
    const feed = h264(true);
    const first = fuA(delta({ size: 60_000 }), 50_000)[0]!.bytes;
    for (let i = 0; i < 1000; i += 1) feed.payload(first).gap();
    feed.next().payload(delta(), true);
    assert.ok(feed.units[0]!.cut!.data.length <= 8 * 1024 * 1024 + 1024);
    const small = fuA(delta({ size: 900 }), 400)[0]!.bytes;
    for (let i = 0; i < 1000; i += 1) feed.next(0).payload(small).gap();
    feed.next().payload(delta(), true);
    assert.ok(feed.units.every(({ cut }) => (cut?.nals.length ?? 0) <= 256));
  });
});

describe('a picture of very many slices', () => {
  it('is taken whole, one slice for each macroblock of 1080p', () => {
    const feed = h264();
    feed.payload(SPS).payload(PPS);
    for (let mb = 0; mb < 8160; mb += 1) feed.payload(idr({ firstMb: mb, size: 4 }), mb === 8159);
    assert.equal(feed.units.length, 1);
    assert.deepEqual(
      { nals: feed.units[0]!.nals.length, flags: flags(feed.units) },
      { nals: 8162, flags: 'K' },
    );
  });
});
