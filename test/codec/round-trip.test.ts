// Packetize -> lose, reorder -> depacketize gives the source or flagged damage, never a wrong byte. For H.264
// and H.265 alike.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { H264Depacketizer } from '../../lib/codec/h264/depacketizer.js';
import { H265Depacketizer } from '../../lib/codec/h265/depacketizer.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { ReorderBuffer } from '../../lib/rtp/reorder.js';
import { escape } from './bit-writer.js';
import { Feed, hexOf, videoMedia } from '../kit/depacketizer-feed.js';
import * as avc from './h264/nals.js';
import * as hevc from './h265/nals.js';
import { packetizeH264 } from './packetizers/h264.js';
import { packetizeH265 } from './packetizers/h265.js';
import type { PacketizeOptions, SourcePicture } from './packetizers/packets.js';

/** How a stream's pictures look: the same throughout, as with any camera. */
interface Shape {
  delimiters: boolean;
  slices: number;
}

interface Codec {
  name: string;
  picture(shape: Shape, key: boolean, bodies: readonly Uint8Array[]): Buffer[];
  packetize(pictures: readonly SourcePicture[], options: PacketizeOptions): Buffer[];
  feed(): Feed;
}

const withBody = (nal: Buffer, body: Uint8Array): Buffer =>
  Buffer.concat([nal, escape(body), Buffer.of(0x80)]);

const CODECS: Codec[] = [
  {
    name: 'H.264',
    picture: ({ delimiters, slices }, key, bodies) => [
      ...(delimiters ? [avc.AUD] : []),
      ...(key ? [avc.SPS, avc.PPS, avc.USER_SEI] : []),
      ...Array.from({ length: slices }, (_, i) =>
        withBody((key ? avc.idr : avc.delta)({ firstMb: i * 20, size: 1 }), bodies[i]!),
      ),
    ],
    packetize: packetizeH264,
    feed: () =>
      new Feed(
        (media, sink) => new H264Depacketizer(media.payloads[0]!, media, sink, { parameterSets: 'never' }),
        videoMedia('H264'),
      ),
  },
  {
    name: 'H.265',
    picture: ({ delimiters, slices }, key, bodies) => [
      ...(delimiters ? [hevc.AUD] : []),
      ...(key ? [hevc.VPS, hevc.SPS, hevc.PPS, hevc.SEI] : []),
      ...Array.from({ length: slices }, (_, i) =>
        withBody(hevc.slice(key ? hevc.IDR : hevc.TRAIL, { first: i === 0, size: 1 }), bodies[i]!),
      ),
    ],
    packetize: packetizeH265,
    feed: () =>
      new Feed(
        (media, sink) => new H265Depacketizer(media.payloads[0]!, media, sink, { parameterSets: 'never' }),
        videoMedia('H265'),
      ),
  },
];

const stream = fc.record({
  shape: fc.record({ delimiters: fc.boolean(), slices: fc.integer({ min: 1, max: 4 }) }),
  bodies: fc.array(fc.array(fc.uint8Array({ maxLength: 250 }), { minLength: 4, maxLength: 4 }), {
    minLength: 3,
    maxLength: 12,
  }),
  options: fc.record({
    mtu: fc.integer({ min: 6, max: 300 }),
    aggregate: fc.boolean(),
    marker: fc.constantFrom('last' as const, 'never' as const),
    firstSequence: fc.constantFrom(0, 65_500),
  }),
});

/** Every fourth picture is a keyframe. */
function source(codec: Codec, shape: Shape, bodies: readonly Uint8Array[][]): SourcePicture[] {
  return bodies.map((body, i) => ({
    rtpTime: (0xfffff000 + 3000 * i) >>> 0,
    nals: codec.picture(shape, i % 4 === 0, body),
  }));
}

const hex = (nals: readonly Buffer[]): string[] => nals.map((nal) => nal.toString('hex'));

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const item of whole) if (item === part[at]) at += 1;
  return at === part.length;
}

/** What arrived must be the source, or flagged and made of whole NAL units of it. */
function check(units: readonly VideoUnit[], pictures: readonly SourcePicture[]): void {
  const byTime = new Map(pictures.map((picture) => [picture.rtpTime, picture]));
  for (const unit of units) {
    const picture = byTime.get(unit.rtpTime);
    assert.ok(picture, 'a unit of a time that was never sent');
    if (!unit.damaged) assert.deepEqual(hexOf(unit), hex(picture.nals));
    else assert.ok(isSubsequence(hexOf(unit), hex(picture.nals)), 'a wrong or torn NAL unit');
  }
}

for (const codec of CODECS) {
  describe(`${codec.name} through packets and back`, () => {
    it('gives the source at any MTU, aggregated or not, with markers or without', () => {
      fc.assert(
        fc.property(stream, ({ shape, bodies, options }) => {
          const pictures = source(codec, shape, bodies);
          const feed = codec.feed().stream(codec.packetize(pictures, options)).flush();
          assert.deepEqual(
            feed.units.map(hexOf),
            pictures.map(({ nals }) => hex(nals)),
          );
          assert.deepEqual(
            feed.units.map((unit) => unit.keyframe),
            pictures.map((_, i) => i % 4 === 0),
          );
          assert.ok(feed.units.every((unit) => !unit.damaged));
        }),
        { numRuns: 150 },
      );
    });

    it('gives the source from the second picture on where the marker stands on every slice', () => {
      fc.assert(
        fc.property(stream, ({ shape, bodies, options }) => {
          const pictures = source(codec, { ...shape, slices: 3 }, bodies);
          const packets = codec.packetize(pictures, { ...options, marker: 'every', aggregate: false });
          const feed = codec.feed().stream(packets).flush();
          check(feed.units, pictures);
          const sound = feed.units.filter((unit) => !unit.damaged);
          assert.deepEqual(
            sound.map(hexOf),
            pictures.slice(1).map(({ nals }) => hex(nals)),
          );
        }),
        { numRuns: 60 },
      );
    });

    it('gives the source or flagged damage, never a wrong byte, when packets are lost', () => {
      fc.assert(
        fc.property(
          stream,
          fc.infiniteStream(fc.nat(99)),
          fc.integer({ min: 1, max: 40 }),
          ({ shape, bodies, options }, dice, percent) => {
            const pictures = source(codec, shape, bodies);
            // The first keyframe and delta unit arrive, so that the stream is known.
            const warmUp = codec.packetize(pictures.slice(0, 2), options).length;
            const sent = codec.packetize(pictures, options);
            // The last packet arrives as well: without a marker nothing tells that the stream went on.
            const last = sent.length - 1;
            const kept = sent.filter((_, i) => i < warmUp || i === last || dice.next().value >= percent);
            const feed = codec.feed().stream(kept).flush();
            check(feed.units, pictures);
          },
        ),
        { numRuns: 300 },
      );
    });

    it('hands out sound keyframes between losses', () => {
      fc.assert(
        fc.property(stream, fc.integer({ min: 1, max: 3 }), ({ shape, bodies, options }, lost) => {
          const pictures = source(codec, shape, bodies);
          const spared = (at: number): boolean => at % 4 !== lost;
          const known = { ...options, marker: 'last' as const };
          const packets = pictures.flatMap((picture, at) => {
            const before = codec.packetize(pictures.slice(0, at), known).length;
            const own = codec.packetize([picture], { ...known, firstSequence: known.firstSequence + before });
            return spared(at) || at < 4 ? own : own.slice(0, -1);
          });
          const feed = codec.feed().stream(packets).flush();
          check(feed.units, pictures);
          const keys = feed.units
            .filter((unit) => unit.keyframe && !unit.damaged)
            .map((unit) => unit.rtpTime);
          assert.deepEqual(
            keys,
            pictures.filter((_, at) => at % 4 === 0).map(({ rtpTime }) => rtpTime),
          );
        }),
        { numRuns: 60 },
      );
    });

    it('gives the source behind the reorder buffer, whatever the network did to the order', () => {
      fc.assert(
        fc.property(stream, fc.infiniteStream(fc.nat(20)), ({ shape, bodies, options }, dice) => {
          const pictures = source(codec, shape, bodies);
          const packets = codec.packetize(pictures, options);
          const shuffled = packets
            .map((packet, i) => ({ packet, key: i === 0 ? -1 : i + Number(dice.next().value) }))
            .sort((a, b) => a.key - b.key)
            .map(({ packet }) => packet);
          const inOrder: Buffer[] = [];
          const reorder = new ReorderBuffer((buffer, start, end) =>
            inOrder.push(Buffer.from(buffer.subarray(start, end))),
          );
          for (const packet of shuffled) reorder.push(packet, 0, packet.length, 0);
          reorder.flush(1e9);
          const feed = codec.feed().stream(inOrder).flush();
          assert.deepEqual(
            feed.units.map(hexOf),
            pictures.map(({ nals }) => hex(nals)),
          );
        }),
        { numRuns: 60 },
      );
    });

    it('never throws and never hands out a torn range on any payload', () => {
      const payload = fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc
          .tuple(
            fc.constantFrom(24, 25, 26, 27, 28, 29, 0x7c, 0x60, 0x62, 0x40, 0x42, 0x67),
            fc.uint8Array({ maxLength: 60 }),
          )
          .map(([first, rest]) => Buffer.concat([Buffer.of(first), rest])),
      );
      fc.assert(
        fc.property(
          fc.array(fc.tuple(payload, fc.boolean(), fc.boolean(), fc.boolean()), { maxLength: 40 }),
          (steps) => {
            const feed = codec.feed();
            for (const [bytes, marker, lost, next] of steps) {
              if (next) feed.next();
              if (lost) feed.gap();
              feed.payload(bytes, marker);
            }
            feed.flush();
            for (const unit of feed.units) {
              assert.ok(unit.nals.length > 0);
              assert.equal(unit.nals[0]!.start, 0);
              assert.equal(unit.nals.at(-1)!.end, unit.data.length);
              assert.equal(hexOf(unit).length, unit.nals.length);
            }
          },
        ),
        { numRuns: 500 },
      );
    });
  });
}
