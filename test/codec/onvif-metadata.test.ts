import assert from 'node:assert/strict';
import fc from 'fast-check';
import { OnvifMetadataDepacketizer } from '../../lib/codec/onvif-metadata.js';
import type { MediaUnit, MetadataUnit } from '../../lib/codec/unit.js';
import { onvifReplay, rtp } from '../rtp/build.js';
import { media, payload } from './packetizers/media.js';
import { fates, feed, feedBadly } from './packetizers/network.js';

function depacketizer(): { metadata: OnvifMetadataDepacketizer; units: MetadataUnit[] } {
  const units: MetadataUnit[] = [];
  const onvif = payload('VND.ONVIF.METADATA', 90_000);
  return {
    metadata: new OnvifMetadataDepacketizer(onvif, media(onvif), (unit: MediaUnit) =>
      units.push(unit as MetadataUnit),
    ),
    units,
  };
}

interface Options {
  mtu?: number;
  sequence?: number;
  marker?: boolean;
}

/** Sends documents a second apart, each cut at `mtu` bytes, with the marker on its last packet. */
function packetize(
  documents: readonly string[],
  { mtu = 40, sequence = 65_530, marker = true }: Options = {},
): Buffer[] {
  const packets: Buffer[] = [];
  documents.forEach((document, i) => {
    const bytes = Buffer.from(document);
    for (let at = 0; at < bytes.length; at += mtu) {
      const last = at + mtu >= bytes.length;
      packets.push(
        rtp({
          sequence: sequence + packets.length,
          timestamp: i * 90_000,
          marker: marker && last,
          payload: bytes.subarray(at, at + mtu),
        }),
      );
    }
  });
  return packets;
}

const document = (i: number, size = 100): string =>
  `<?xml version="1.0" encoding="UTF-8"?><tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"><a n="${i}">${'<ä/>'.repeat(size / 4)}</a></tt:MetadataStream>`;

describe('OnvifMetadataDepacketizer', () => {
  it('puts documents together at the marker', () => {
    const { metadata, units } = depacketizer();
    const source = [document(0), document(1, 0), document(2, 4000)];
    feed(metadata, packetize(source), 3);
    assert.deepEqual(
      units.map((unit) => unit.data.toString()),
      source,
    );
    assert.ok(units.every((unit) => !unit.damaged && unit.arrival === 3));
    assert.deepEqual(
      units.map((unit) => unit.rtpTime),
      [0, 90_000, 180_000],
    );
  });

  it('carries the ONVIF time of the first packet', () => {
    const { metadata, units } = depacketizer();
    const time = Date.UTC(2026, 4, 4);
    feed(metadata, [
      rtp({
        payload: Buffer.from('<MetadataStream/>'),
        marker: true,
        extension: { profile: 0xabac, data: onvifReplay(time) },
      }),
    ]);
    assert.equal(units[0]?.onvifTime, time);
  });

  it('quirk misplaced-markers: ends a document by the next timestamp where the marker is never set', () => {
    const { metadata, units } = depacketizer();
    feed(metadata, packetize([document(0), document(1), document(2)], { marker: false }));
    assert.deepEqual(
      units.map((unit) => unit.data.toString()),
      [document(0), document(1)],
    );
    metadata.flush();
    assert.equal(units.length, 2, 'the last one may not be whole');
  });

  it('drops a document with a hole and flags the next', () => {
    const { metadata, units } = depacketizer();
    const packets = packetize([0, 1, 2, 3].map((i) => document(i)));
    const perDocument = packets.length / 4;
    packets.splice(perDocument + 2, 1);
    feed(metadata, packets);
    assert.deepEqual(
      units.map((unit) => [unit.rtpTime, unit.damaged]),
      [
        [0, false],
        [180_000, true],
        [270_000, false],
      ],
    );
  });

  it('does not take the rest of a document for one, at the start or after a loss', () => {
    const { metadata, units } = depacketizer();
    const packets = packetize([0, 1, 2].map((i) => document(i)));
    const perDocument = packets.length / 3;
    feed(metadata, [...packets.slice(1, perDocument), ...packets.slice(perDocument + 1)]);
    assert.deepEqual(
      units.map((unit) => [unit.data.toString(), unit.damaged]),
      [[document(2), true]],
    );
  });

  it('knows a document by its root element, with a byte order mark and without a declaration', () => {
    for (const text of [
      '\ufeff<?xml version="1.0"?><a/>',
      '\n <tt:MetadataStream/>',
      '<MetadataStream>x</MetadataStream>',
      '<n-1.x:MetadataStream\n/>',
    ]) {
      const { metadata, units } = depacketizer();
      feed(metadata, packetize([text], { mtu: 1000 }));
      assert.deepEqual(
        units.map((unit) => unit.data.toString()),
        [text],
      );
    }
    const { metadata, units } = depacketizer();
    feed(metadata, packetize(['<tt:Frame/></tt:MetadataStream>', '<other/>'], { mtu: 1000 }));
    assert.deepEqual(
      units.map((unit) => [unit.data.toString(), unit.damaged]),
      [['<other/>', true]],
    );
  });

  it('bounds a document at 1 MiB, and goes on with the next', () => {
    const { metadata, units } = depacketizer();
    feed(metadata, packetize([document(0), document(1, 1_200_000), document(2)], { mtu: 50_000 }));
    assert.deepEqual(
      units.map((unit) => [unit.rtpTime, unit.damaged]),
      [
        [0, false],
        [180_000, true],
      ],
    );
  });

  it('ignores empty packets', () => {
    const { metadata, units } = depacketizer();
    feed(metadata, [
      rtp({ marker: true }),
      rtp({ sequence: 1, payload: Buffer.from('<?xml?>') }),
      rtp({ sequence: 2, marker: true }),
    ]);
    assert.equal(units.length, 1);
  });

  it('gives the source or flags the damage at any MTU, whatever the network does', () => {
    const sizes = fc.array(fc.nat(600), { minLength: 3, maxLength: 15 });
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 60, max: 1400 }),
        fates(60),
        fc.nat(65_535),
        (lengths, mtu, plan, sequence) => {
          const { metadata, units } = depacketizer();
          const source = lengths.map((length, i) => document(i, length));
          feedBadly(metadata, packetize(source, { mtu, sequence }), plan);
          let last = -1;
          for (const unit of units) {
            const index = unit.rtpTime / 90_000;
            assert.equal(unit.data.toString(), source[index]);
            if (!unit.damaged && last >= 0) assert.equal(index, last + 1);
            last = index;
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
