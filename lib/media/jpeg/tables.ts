// Constants of a baseline JPEG: quantization tables, Huffman tables (ITU-T T.81 annex K), and the headers
// before the scan.

import type { SampleAspect } from '../../codec/unit.js';

/** Natural index of the n-th coefficient in zigzag order (T.81 figure 5). */
// prettier-ignore
export const ZIGZAG = Uint8Array.of(
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
);

// prettier-ignore
const LUMA_QUANT = Uint8Array.of(
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
  18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
);

// prettier-ignore
const CHROMA_QUANT = Uint8Array.of(
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
);

/** A Huffman table: `counts[n]` codes of n + 1 bits, then the symbols in code order. */
interface HuffmanSpec {
  readonly counts: Uint8Array;
  readonly symbols: Uint8Array;
}

const DC_SYMBOLS = Uint8Array.from({ length: 12 }, (_, n) => n);

// prettier-ignore
const SPECS = {
  lumaDc: { counts: Uint8Array.of(0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0), symbols: DC_SYMBOLS },
  chromaDc: { counts: Uint8Array.of(0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0), symbols: DC_SYMBOLS },
  lumaAc: {
    counts: Uint8Array.of(0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125),
    symbols: bytes(
      '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a' +
      '434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aa' +
      'b2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
    ),
  },
  chromaAc: {
    counts: Uint8Array.of(0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119),
    symbols: bytes(
      '000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a35363738393a' +
      '434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aa' +
      'b2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa',
    ),
  },
} satisfies Record<string, HuffmanSpec>;

/** Code and length in bits, by symbol. */
export interface HuffmanCodes {
  readonly codes: Uint16Array;
  readonly lengths: Uint8Array;
}

export const LUMA_DC = codesOf(SPECS.lumaDc);
export const LUMA_AC = codesOf(SPECS.lumaAc);
export const CHROMA_DC = codesOf(SPECS.chromaDc);
export const CHROMA_AC = codesOf(SPECS.chromaAc);

/**
 * The tables of annex K, scaled as in libjpeg, so that a quality has the usual meaning. `quality` is 1..100;
 * tables are in natural order, values 1..255.
 */
export function quantTables(quality: number): { luma: Uint8Array; chroma: Uint8Array } {
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  const scaled = (base: number): number => Math.min(255, Math.max(1, Math.floor((base * scale + 50) / 100)));
  return { luma: LUMA_QUANT.map(scaled), chroma: CHROMA_QUANT.map(scaled) };
}

/**
 * Everything from SOI to the end of the SOS header: JFIF 1.1, one component, or three with 2x2 sampling of
 * the first. The aspect ratio is written as a density without unit, width first, as ffmpeg and players
 * expect.
 */
export function headers(
  width: number,
  height: number,
  quant: { luma: Uint8Array; chroma: Uint8Array },
  grey: boolean,
  sar: SampleAspect = { width: 1, height: 1 },
): Uint8Array {
  const out: number[] = [0xff, 0xd8];
  const segment = (marker: number, body: readonly number[]): void => {
    out.push(0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 255, ...body);
  };
  const density = [sar.width >> 8, sar.width & 255, sar.height >> 8, sar.height & 255];
  segment(0xe0, [0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, ...density, 0, 0]);
  segment(0xdb, [0, ...ZIGZAG.map((n) => quant.luma[n]!)]);
  if (!grey) segment(0xdb, [1, ...ZIGZAG.map((n) => quant.chroma[n]!)]);
  const components = grey ? [1, 0x11, 0] : [1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
  segment(0xc0, [
    8,
    height >> 8,
    height & 255,
    width >> 8,
    width & 255,
    components.length / 3,
    ...components,
  ]);
  segment(0xc4, [0x00, ...SPECS.lumaDc.counts, ...SPECS.lumaDc.symbols]);
  segment(0xc4, [0x10, ...SPECS.lumaAc.counts, ...SPECS.lumaAc.symbols]);
  if (!grey) {
    segment(0xc4, [0x01, ...SPECS.chromaDc.counts, ...SPECS.chromaDc.symbols]);
    segment(0xc4, [0x11, ...SPECS.chromaAc.counts, ...SPECS.chromaAc.symbols]);
  }
  segment(0xda, grey ? [1, 1, 0x00, 0, 63, 0] : [3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
  return Uint8Array.from(out);
}

/** T.81 annex C: codes count up within a length, and double from one length to the next. */
function codesOf(spec: HuffmanSpec): HuffmanCodes {
  const codes = new Uint16Array(256);
  const lengths = new Uint8Array(256);
  let code = 0;
  let next = 0;
  spec.counts.forEach((count, n) => {
    for (let i = 0; i < count; i++) {
      const symbol = spec.symbols[next++]!;
      codes[symbol] = code++;
      lengths[symbol] = n + 1;
    }
    code <<= 1;
  });
  return { codes, lengths };
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}
