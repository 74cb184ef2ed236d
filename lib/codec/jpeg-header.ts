// Rebuilds the JPEG headers that RFC 2435 leaves out, from the few fields that are transmitted (RFC 2435 4,
// appendices A and B; ITU-T T.81).

export const JPEG_MARKER = {
  SOF0: 0xc0,
  SOF1: 0xc1,
  SOF15: 0xcf,
  DHT: 0xc4,
  JPG: 0xc8,
  DAC: 0xcc,
  SOI: 0xd8,
  EOI: 0xd9,
  SOS: 0xda,
  DQT: 0xdb,
  DRI: 0xdd,
} as const;

/** The quantization tables of a picture, in zigzag order. */
export interface QuantTables {
  /** Whole DQT segments (T.81 B.2.4.1), one for each table. */
  readonly segments: Buffer;
  readonly count: number;
  /** A table has 16-bit values, which makes the picture extended sequential instead of baseline. */
  readonly wide: boolean;
}

interface FrameShape {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** RFC 2435 4.1 without the restart bit: 0 is 4:2:2, 1 is 4:2:0. */
  readonly type: number;
}

// Tables K.1 and K.2 of T.81 in zigzag order: luminance, chrominance (RFC 2435 appendix A).
const BASE_TABLES = Buffer.from(
  '100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457453738506d51575f62' +
    '6768673e4d71797064785c6567631112121815182f1a1a2f6342384263636363636363636363636363636363636363636363' +
    '63636363636363636363636363636363636363636363636363636363',
  'hex',
);

// Content of a DHT segment for each table: class and number, 16 code counts, values (RFC 2435 appendix B).
const HUFFMAN_TABLES = [
  // Table K.3: luminance DC.
  '0000010501010101010100000000000000000102030405060708090a0b',
  // Table K.5: luminance AC.
  '100002010303020403050504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1f024' +
    '33627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a7374' +
    '75767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9ca' +
    'd2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
  // Table K.4: chrominance DC.
  '0100030101010101010101010000000000000102030405060708090a0b',
  // Table K.6: chrominance AC.
  '1100020102040403040705040400010277000102031104052131061241510761711322328108144291a1b1c109233352f015' +
    '6272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a636465666768696a73' +
    '7475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8' +
    'c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa',
];

/** SOI and a JFIF header (version 1.1, square pixels). */
export const JPEG_START = Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex');
export const JPEG_END = Buffer.from([0xff, JPEG_MARKER.EOI]);
export const DEFAULT_HUFFMAN = Buffer.concat(
  HUFFMAN_TABLES.map((table) => segment(JPEG_MARKER.DHT, Buffer.from(table, 'hex'))),
);
/** SOS header: three interleaved components, full spectrum. */
export const START_OF_SCAN = Buffer.from('ffda000c03010002110311003f00', 'hex');

/** A marker segment; its length field counts itself. */
export function segment(marker: number, data: Uint8Array): Buffer {
  const head = Buffer.from([0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 0xff]);
  return Buffer.concat([head, data]);
}

/** The tables for a `q` from 1 to 99 (RFC 2435 4.2). */
export function scaledTables(q: number): QuantTables {
  const factor = q < 50 ? Math.floor(5000 / q) : 200 - 2 * q;
  const values = BASE_TABLES.map((value) =>
    Math.max(1, Math.min(255, Math.floor((value * factor + 50) / 100))),
  );
  return tablesOf(values, 0);
}

/**
 * The tables sent in band: 64 bytes each, 128 if the table's bit is set in `precision` (RFC 2435 3.1.8). At
 * most four; `count` is 0 if none is complete.
 */
export function tablesOf(data: Uint8Array, precision: number): QuantTables {
  const segments: Buffer[] = [];
  let wide = false;
  for (let at = 0; segments.length < 4;) {
    const is16 = (precision >> segments.length) & 1;
    const bytes = 64 << is16;
    if (at + bytes > data.length) break;
    const head = [(is16 << 4) | segments.length];
    segments.push(
      segment(JPEG_MARKER.DQT, Buffer.concat([Buffer.from(head), data.subarray(at, at + bytes)])),
    );
    wide ||= is16 === 1;
    at += bytes;
  }
  return { segments: Buffer.concat(segments), count: segments.length, wide };
}

/**
 * The frame header. Luminance uses the first table, chrominance the second if there is one (RFC 2435 3.1.8,
 * T.81 B.2.2).
 */
export function startOfFrame(shape: FrameShape, tables: QuantTables): Buffer {
  const { width, height } = shape;
  const chroma = tables.count > 1 ? 1 : 0;
  const sampling = shape.type === 0 ? 0x21 : 0x22;
  const fields = [
    8,
    height >> 8,
    height & 0xff,
    width >> 8,
    width & 0xff,
    3,
    1,
    sampling,
    0,
    2,
    0x11,
    chroma,
    3,
    0x11,
    chroma,
  ];
  return segment(tables.wide ? JPEG_MARKER.SOF1 : JPEG_MARKER.SOF0, Uint8Array.from(fields));
}

/** MCUs between restart markers (T.81 B.2.4.4). */
export function restartInterval(interval: number): Buffer {
  return segment(JPEG_MARKER.DRI, Uint8Array.of(interval >> 8, interval & 0xff));
}
