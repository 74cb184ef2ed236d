// The payload of a NAL unit: what an encoder has escaped is read as it was.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BitSource } from '../../lib/media/h264-intra/rbsp.js';
import { escape } from '../codec/bit-writer.js';

describe('the payload of a NAL unit', () => {
  it('is what was escaped, whatever bytes and however large the unit before was', () => {
    const source = new BitSource();
    // Few values, so that zeros and threes follow each other in every order; 1 ends each payload.
    const payload = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 60 }).map((bytes) => [...bytes, 1]);
    fc.assert(
      fc.property(payload, fc.integer({ min: 1, max: 2 }), (bytes, headerBytes) => {
        source.load(Buffer.alloc(5000, 0xff));
        source.load(
          Buffer.concat([Buffer.alloc(headerBytes, 0x65), escape(Uint8Array.from(bytes))]),
          headerBytes,
        );
        assert.deepEqual([...source.data.subarray(0, source.length)], bytes);
        assert.deepEqual({ at: source.at, end: source.end }, { at: 0, end: 8 * bytes.length - 1 });
        assert.ok(source.data.subarray(source.length, source.length + 4096).every((byte) => byte === 0));
      }),
      { numRuns: 200 },
    );
  });

  it('ends at its stop bit, in front of zeros that fill the unit', () => {
    const source = new BitSource();
    for (const [last, bit] of [
      [0x80, 0],
      [0xb0, 3],
      [0x01, 7],
    ] as const) {
      source.load(Uint8Array.of(0x65, 0xff, 0xff, last, 0, 0, 0));
      assert.deepEqual({ length: source.length, end: source.end }, { length: 3, end: 16 + bit });
    }
    source.load(Uint8Array.of(0x65, 0, 0));
    assert.deepEqual({ length: source.length, end: source.end }, { length: 0, end: 0 });
  });
});
