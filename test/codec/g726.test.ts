import assert from 'node:assert/strict';
import fc from 'fast-check';
import { G726Depacketizer } from '../../lib/codec/g726.js';
import type { AudioUnit, MediaUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import { rtp } from '../rtp/build.js';
import { bitsToBytes } from './packetizers/aac.js';
import { media, payload } from './packetizers/media.js';
import { feed } from './packetizers/network.js';

function unitOf(encoding: string, data: Buffer): AudioUnit {
  const units: AudioUnit[] = [];
  const g726 = payload(encoding, 8000);
  feed(new G726Depacketizer(g726, media(g726), (unit: MediaUnit) => units.push(unit as AudioUnit)), [
    rtp({ payload: data }),
  ]);
  return units[0]!;
}

/** The bits of a number, lowest first. */
function backwards(value: number, bits: number): string {
  return Array.from({ length: bits }, (_, i) => (value >> i) & 1).join('');
}

/**
 * First code word in the low bits of the first byte (RFC 3551 4.5.4): the bits of each byte, last code word
 * first, read backwards.
 */
function packLow(codes: readonly number[], bits: number): Buffer {
  const stream = codes.map((code) => backwards(code, bits)).join('');
  return Buffer.from(bitsToBytes(stream).map((byte) => parseInt(backwards(byte, 8), 2)));
}

/** First code word in the high bits (ITU-T I.366.2). */
function packHigh(codes: readonly number[], bits: number): Buffer {
  return bitsToBytes(codes.map((code) => code.toString(2).padStart(bits, '0')).join(''));
}

describe('G726Depacketizer', () => {
  it('packs as RFC 3551 draws it, in the test itself', () => {
    // 4.5.4, figure for 32 kbit/s: B in the high, A in the low half of the first byte.
    assert.deepEqual(packLow([0xa, 0xb], 4), Buffer.from([0xba]));
    // Figure for 24 kbit/s: CCBBBAAA FEEEDDDC HHHGGGFF.
    assert.deepEqual(packLow([1, 2, 3, 4, 5, 6, 7, 0], 3), Buffer.from([0b11010001, 0b01011000, 0b00011111]));
  });

  it('gives the code words in the order of RFC 3551 for all rates and both orders', () => {
    for (const bits of [2, 3, 4, 5]) {
      const code = fc.integer({ min: 0, max: 2 ** bits - 1 });
      fc.assert(
        fc.property(
          fc.array(fc.array(code, { minLength: 8, maxLength: 8 }), { minLength: 1, maxLength: 20 }),
          (groups) => {
            const codes = groups.flat();
            const low = packLow(codes, bits);
            assert.deepEqual(unitOf(`G726-${bits * 8}`, low).data, low);
            assert.deepEqual(unitOf(`AAL2-G726-${bits * 8}`, packHigh(codes, bits)).data, low);
          },
        ),
        { numRuns: 30 },
      );
    }
  });

  it('names the bits of a code word in the format', () => {
    assert.deepEqual(unitOf('G726-40', Buffer.alloc(5)).format, {
      codec: 'g726',
      sampleRate: 8000,
      channels: 1,
      codeBits: 5,
    });
  });

  it('leaves what fills no group as it is', () => {
    assert.deepEqual(unitOf('AAL2-G726-24', Buffer.from([0, 0, 0, 9])).data, Buffer.from([0, 0, 0, 9]));
  });

  it('refuses rates that G.726 does not have, with EUNSUPPORTED', () => {
    assert.throws(
      () => unitOf('G726-48', Buffer.alloc(1)),
      (error) => error instanceof NvrError && error.code === 'EUNSUPPORTED',
    );
  });
});
