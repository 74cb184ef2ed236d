import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BitReader } from '../../lib/codec/bit-reader.js';
import { BitWriter, escape } from './bit-writer.js';

describe('BitReader', () => {
  it('reads the Exp-Golomb codes of H.264 table 9-2', () => {
    // 1, 010, 011, 00100, 00111, 0001000
    const reader = new BitReader(Buffer.from([0b10100110, 0b01000011, 0b10001000]));
    assert.deepEqual(
      [reader.ue(), reader.ue(), reader.ue(), reader.ue(), reader.ue(), reader.ue()],
      [0, 1, 2, 3, 6, 7],
    );
    assert.equal(reader.overrun, false);
  });

  it('maps signed codes as H.264 table 9-3', () => {
    const reader = new BitReader(new BitWriter().ue(0).ue(1).ue(2).ue(3).ue(4).rbsp());
    assert.deepEqual([reader.se(), reader.se(), reader.se(), reader.se(), reader.se()], [0, 1, -1, 2, -2]);
  });

  it('steps over emulation prevention, twice in a row as well', () => {
    const reader = new BitReader(Buffer.from('000003000003010003', 'hex'));
    assert.deepEqual(
      Array.from({ length: 7 }, () => reader.bits(8)),
      [0, 0, 0, 0, 1, 0, 3],
    );
    assert.equal(reader.overrun, false);
  });

  it('gives zeros past the end and says so', () => {
    const reader = new BitReader(Buffer.of(0xff));
    assert.equal(reader.bits(12), 0xff0);
    assert.equal(reader.overrun, true);
    assert.equal(reader.reset(Buffer.of(1, 2), 1, 2).bits(8), 2);
    assert.equal(reader.overrun, false);
  });

  it('refuses a code of more than 32 zeros in bounded time', () => {
    const reader = new BitReader(Buffer.alloc(1_000_000));
    assert.equal(reader.ue(), 0);
    assert.equal(reader.overrun, true);
    const short = new BitReader(Buffer.of(0));
    assert.equal(short.ue(), 0);
    assert.equal(short.overrun, true);
  });

  it('skips no further than the end', () => {
    const reader = new BitReader(Buffer.alloc(4));
    reader.skip(2 ** 40);
    assert.equal(reader.overrun, true);
  });

  it('reads back whatever was written, at any value and width', () => {
    const item = fc.oneof(
      fc.nat(0xffffffff).map((value) => ({ kind: 'ue' as const, value })),
      fc.integer({ min: -1_000_000, max: 1_000_000 }).map((value) => ({ kind: 'se' as const, value })),
      fc.nat(0xffffffff).map((value) => ({ kind: 'u' as const, value })),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 40 }), (items) => {
        const writer = new BitWriter();
        for (const { kind, value } of items) kind === 'u' ? writer.u(value, 32) : writer[kind](value);
        const reader = new BitReader(escape(writer.rbsp()));
        for (const { kind, value } of items)
          assert.equal(kind === 'u' ? reader.bits(32) : reader[kind](), value);
        assert.equal(reader.overrun, false);
      }),
    );
  });
});
