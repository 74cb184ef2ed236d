// Random numbers that a seed repeats, and mutations of bytes.

/** mulberry32 */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return limit <= 0 ? 0 : this.next() % limit;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

const EDGES = [0, 1, 0x0a, 0x0d, 0x20, 0x22, 0x24, 0x2c, 0x3b, 0x3d, 0x7f, 0x80, 0xfe, 0xff];

const RUNS = [
  ' ',
  '\t',
  '\r\n',
  '"',
  "'",
  '\\',
  '\\"',
  '(',
  '[',
  '{',
  '<',
  '<a ',
  '</',
  '&',
  '=',
  ';',
  ',',
  ':',
  '/',
  '%',
  '$',
  'a',
  '0',
  '-',
];

/** Up to four small changes of a copy; `others` lend pieces. */
export function mutate(input: Buffer, random: Random, others: readonly Buffer[], limit = 200_000): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let count = 1 + random.below(4); count > 0; count--) bytes = change(bytes, random, others);
  return bytes.length > limit ? bytes.subarray(0, limit) : bytes;
}

function change(bytes: Buffer, random: Random, others: readonly Buffer[]): Buffer {
  const at = random.below(bytes.length + 1);
  const size = random.below(random.pick([2, 8, 64, 1024])) + 1;
  switch (random.below(10)) {
    case 0:
      if (at < bytes.length) bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = random.pick(EDGES);
      return bytes;
    case 2:
      bytes.fill(random.next() & 0xff, at, Math.min(at + size, bytes.length));
      return bytes;
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
    case 5:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.alloc(size, random.next() & 0xff),
        bytes.subarray(at),
      ]);
    case 6: {
      // The same piece again and again: what a careless loop or pattern is slow on.
      const piece = bytes.subarray(at, at + Math.min(size, 16));
      return Buffer.concat([
        bytes.subarray(0, at),
        ...repeated(piece, random.below(400)),
        bytes.subarray(at),
      ]);
    }
    case 8:
      // White space, quotes and brackets without end: what a pattern with two repeats is slow on.
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.alloc(random.below(60_000), random.pick(RUNS)),
        bytes.subarray(at),
      ]);
    case 7: {
      const other = random.pick(others);
      const from = random.below(other.length);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + size), bytes.subarray(at)]);
    }
    default: {
      // Another number where one stands in two or four bytes.
      if (at + 4 <= bytes.length)
        bytes.writeUInt32BE(random.pick([0, 1, 0xffff, 0x7fff_ffff, 0xffff_ffff]), at);
      return bytes;
    }
  }
}

function repeated(piece: Buffer, times: number): Buffer[] {
  return new Array<Buffer>(times).fill(piece);
}
