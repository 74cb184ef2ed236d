// Packs a baseline JPEG with the standard Huffman tables into RTP payloads (RFC 2435), with its quantization
// tables in band.

/** Largest payload in bytes. */
const MTU = 1400;
/** RFC 2435 4.2: tables in band that may change from picture to picture. */
const IN_BAND = 255;
const TABLE_BYTES = 64;

interface JpegParts {
  /** 0: 4:2:2, 1: 4:2:0. */
  type: number;
  width: number;
  height: number;
  /** Luminance, then chrominance. */
  tables: Buffer;
  scan: Buffer;
}

export function jpegPayloads(pictures: readonly Buffer[]): Buffer[] {
  return pictures.flatMap(onePicture);
}

function onePicture(file: Buffer): Buffer[] {
  const { type, width, height, tables, scan } = takeApart(file);
  const payloads: Buffer[] = [];
  for (let at = 0; at < scan.length;) {
    // Type-specific byte, 24-bit fragment offset, type, Q, width and height in blocks of 8; the tables follow
    // in the first packet only.
    const header = Buffer.of(0, at >> 16, (at >> 8) & 0xff, at & 0xff, type, IN_BAND, width / 8, height / 8);
    const inBand = at === 0 ? [Buffer.of(0, 0, tables.length >> 8, tables.length & 0xff), tables] : [];
    const head = Buffer.concat([header, ...inBand]);
    const end = Math.min(scan.length, at + MTU - head.length);
    payloads.push(Buffer.concat([head, scan.subarray(at, end)]));
    at = end;
  }
  return payloads;
}

function takeApart(file: Buffer): JpegParts {
  const tables = new Map<number, Buffer>();
  let frame: Buffer = Buffer.alloc(0);
  for (let at = 2; at + 4 <= file.length;) {
    const marker = file[at + 1]!;
    const end = at + 2 + file.readUInt16BE(at + 2);
    if (marker === 0xdb) {
      // A segment may hold several tables, each after its number.
      for (let table = at + 4; table < end; table += 1 + TABLE_BYTES)
        tables.set(file[table]! & 0x0f, file.subarray(table + 1, table + 1 + TABLE_BYTES));
    } else if (marker === 0xc0) frame = file.subarray(at, end);
    else if (marker === 0xda) return assemble(frame, tables, file.subarray(end, file.lastIndexOf(0xff)));
    at = end;
  }
  throw new Error('the clip holds a JPEG without a scan');
}

function assemble(frame: Buffer, tables: ReadonlyMap<number, Buffer>, scan: Buffer): JpegParts {
  // Marker, length, precision, height, width, count; then number, sampling and table of each component.
  const luminance = tables.get(frame[12]!);
  const chrominance = tables.get(frame[15]!);
  if (luminance === undefined || chrominance === undefined)
    throw new Error('the clip holds a JPEG without its tables');
  return {
    type: frame[11] === 0x22 ? 1 : 0,
    height: frame.readUInt16BE(5),
    width: frame.readUInt16BE(7),
    tables: Buffer.concat([luminance, chrominance]),
    scan,
  };
}
