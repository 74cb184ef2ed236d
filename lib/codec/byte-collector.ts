// Memory for a unit that arrives in pieces, up to a limit.

/** Size assumed for the first unit; later ones are assumed to be as large as the one before. */
const FIRST_GUESS = 1024;

/** Collects bytes. A buffer returned by `take` is never written again. */
export class ByteCollector {
  private readonly limit: number;
  private memory = Buffer.alloc(0);
  private filled = 0;
  private guess = FIRST_GUESS;

  /** `limit`: most bytes of one unit. */
  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.filled;
  }

  /** The bytes collected so far; valid until the next call of any method. */
  get bytes(): Buffer {
    return this.memory.subarray(0, this.filled);
  }

  /** Copies bytes in. False, with nothing copied, if they exceed the limit. */
  append(source: Uint8Array, start = 0, end = source.length): boolean {
    const size = this.filled + end - start;
    if (size > this.limit) return false;
    if (size > this.memory.length) this.grow(size);
    this.memory.set(source.subarray(start, end), this.filled);
    this.filled = size;
    return true;
  }

  /** Returns the unit in its own memory with little slack, and starts the next one. */
  take(): Buffer {
    const unit = this.memory.subarray(0, this.filled);
    this.guess = Math.max(FIRST_GUESS, this.filled);
    const slack = this.memory.length - this.filled;
    this.filled = 0;
    if (slack * 4 > unit.length) return ownCopy(unit, 0, unit.length);
    this.memory = Buffer.alloc(0);
    return unit;
  }

  clear(): void {
    this.filled = 0;
  }

  private grow(size: number): void {
    const capacity = Math.min(
      this.limit,
      Math.max(size, this.guess, this.memory.length + (this.memory.length >> 1)),
    );
    const memory = Buffer.allocUnsafeSlow(capacity);
    memory.set(this.memory.subarray(0, this.filled));
    this.memory = memory;
  }
}

/** A copy in a buffer of exactly its size, which keeps no larger memory alive. */
export function ownCopy(source: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  source.copy(copy, 0, start, end);
  return copy;
}
