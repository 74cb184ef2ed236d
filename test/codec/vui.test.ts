import assert from 'node:assert/strict';

import { BitReader } from '../../lib/codec/bit-reader.js';
import { readVuiHead } from '../../lib/codec/vui.js';
import type { VuiHead } from '../../lib/codec/vui.js';
import { BitWriter } from './bit-writer.js';

/** The end of a VUI head behind its aspect ratio: no overscan, nothing of colours, no chroma location. */
const SILENT = (bits: BitWriter): BitWriter => bits.flag(false).flag(false).flag(false);

function read(fill: (bits: BitWriter) => BitWriter): VuiHead {
  const nal = fill(new BitWriter()).flag(true).nal(0);
  return readVuiHead(new BitReader(nal, 1));
}

function aspect(code: number, width = 0, height = 0): VuiHead['sar'] {
  return read((bits) => {
    bits.flag(true).u(code, 8);
    return SILENT(code === 255 ? bits.u(width, 16).u(height, 16) : bits);
  }).sar;
}

describe('what the VUI says of pixels and colours', () => {
  it('names the shape of a pixel by each code of table E.1', () => {
    const named = Array.from({ length: 17 }, (_, code) => aspect(code)).map((sar) =>
      sar ? `${String(sar.width)}:${String(sar.height)}` : '',
    );
    assert.deepEqual(named, [
      ...['', '', '12:11', '10:11', '16:11', '40:33', '24:11', '20:11', '32:11'],
      ...['80:33', '18:11', '15:11', '64:33', '160:99', '4:3', '3:2', '2:1'],
    ]);
  });

  it('takes an extended shape as it stands, and square or absurd ones for none', () => {
    assert.deepEqual(aspect(255, 59, 54), { width: 59, height: 54 });
    assert.deepEqual(aspect(255, 65_535, 16_384), { width: 65_535, height: 16_384 });
    for (const [width, height] of [
      [7, 7],
      [0, 1],
      [1, 0],
      [65_535, 1],
      [1, 5],
    ])
      assert.equal(aspect(255, width, height), undefined);
    for (const reserved of [17, 200, 254]) assert.equal(aspect(reserved), undefined);
  });

  it('tells range and codes of colours, 2 where the codes are left out', () => {
    const colour = (full: boolean, codes: number[]): VuiHead['colour'] =>
      read((bits) => {
        bits
          .flag(false)
          .flag(false)
          .flag(true)
          .u(5, 3)
          .flag(full)
          .flag(codes.length > 0);
        for (const code of codes) bits.u(code, 8);
        return bits.flag(false);
      }).colour;
    assert.deepEqual(colour(true, []), { primaries: 2, transfer: 2, matrix: 2, fullRange: true });
    assert.deepEqual(colour(false, [9, 16, 5]), { primaries: 9, transfer: 16, matrix: 5, fullRange: false });
    assert.equal(colour(false, []), undefined);
    assert.equal(colour(false, [2, 2, 2]), undefined);
    assert.equal(read((bits) => SILENT(bits.flag(false))).colour, undefined);
  });
});
