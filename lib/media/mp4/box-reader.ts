// Reads ISO base media boxes: their positions, and the contents of those that a clip has (ISO 14496-12 4.2,
// 8.6, 8.8).

/** Positions are indices into the given bytes. */
export interface Box {
  readonly type: string;
  /** Position behind the header. */
  readonly body: number;
  readonly end: number;
}

const HEADER_BYTES = 8;

/** The boxes from `from` to `to`; stops at an incomplete one. */
export function* boxes(bytes: Buffer, from = 0, to = bytes.length): Generator<Box> {
  for (let at = from; at + HEADER_BYTES <= to;) {
    const end = at + bytes.readUInt32BE(at);
    if (end < at + HEADER_BYTES || end > to) return;
    yield { type: bytes.toString('latin1', at + 4, at + 8), body: at + HEADER_BYTES, end };
    at = end;
  }
}

/** The first box at a path of types. */
export function find(
  bytes: Buffer,
  within: Pick<Box, 'body' | 'end'>,
  ...path: readonly string[]
): Box | undefined {
  const [type, ...rest] = path;
  for (const box of boxes(bytes, within.body, within.end)) {
    if (box.type !== type) continue;
    return rest.length === 0 ? box : find(bytes, box, ...rest);
  }
  return undefined;
}

/** The bytes of a box, including its header. */
export function bytesOf(bytes: Buffer, { body, end }: Box): Buffer {
  return bytes.subarray(body - HEADER_BYTES, end);
}
