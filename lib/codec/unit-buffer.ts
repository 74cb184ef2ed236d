// Memory in which an access unit is assembled: each payload is copied into it once, and the memory then
// becomes the unit's data.

import { LIMITS } from '../limits.js';
import { START_CODE_BYTES } from './annexb.js';
import type { SetsInFront } from './parameter-sets.js';
import type { ReadWindow } from './read-window.js';
import type { NalRange } from './unit.js';

/** Sizes assumed before the stream has shown its own. */
const FIRST_KEY_BYTES = 64 * 1024;
const FIRST_DELTA_BYTES = 8 * 1024;

/**
 * Largest share of unused memory in a unit: a third of its size. With more, the unit is copied to its exact
 * size.
 */
const SLACK_DIVISOR = 3;

/**
 * Units up to this size, smaller than any camera's picture, share slabs with their stream's next ones: a
 * flood of them would take many times their bytes otherwise.
 */
const TINY_BYTES = 64;
const SLAB_BYTES = 2048;

/**
 * At most this many times a payload's size is copied ahead with it: payloads that turn out to lie too close
 * together for their start codes are copied again.
 */
const AHEAD = 64;

const EMPTY = Buffer.alloc(0);

interface FinishedBuffer {
  readonly data: Buffer;
  readonly nals: NalRange[];
}

/**
 * Collects the NAL units of an access unit, each behind a 4-byte start code. Memory is sized by running
 * estimates, separately for keyframes and other units, with room in front for parameter sets. Memory that was
 * handed out is never written again; otherwise (the unit was copied to its exact size) it is reused.
 */
export class UnitBuffer {
  private store: Buffer = EMPTY;
  private front = 0;
  private filledTo = 0;
  // Index in `store` of each NAL unit's start code, and NAL types. A range ends where the next begins.
  private readonly starts: number[] = [];
  private readonly types: number[] = [];
  private keyBytes = FIRST_KEY_BYTES;
  private deltaBytes = FIRST_DELTA_BYTES;
  /** What is left of the memory that tiny units share. */
  private slab: Buffer = EMPTY;
  private readonly window: ReadWindow | undefined;
  // Of read number `aheadRead`, the bytes up to `aheadEnd` have been copied ahead: byte i is at index
  // `aheadShift` + i, unless overwritten since.
  private aheadRead = -1;
  private aheadEnd = 0;
  private aheadShift = 0;

  /**
   * `window`: the current socket read. A run of payloads in it is copied once and then moved together in
   * place, because a move costs a fraction of a copy.
   */
  constructor(window?: ReadWindow) {
    this.window = window;
  }

  /** Type of the first NAL unit, -1 if there is none. */
  get firstType(): number {
    return this.types[0] ?? -1;
  }

  /** NAL units so far. */
  get count(): number {
    return this.starts.length;
  }

  /** Bytes so far, start codes included. */
  get size(): number {
    return this.filledTo - this.front;
  }

  /** The memory itself; valid until the next call that appends. */
  get memory(): Buffer {
    return this.store;
  }

  /** Index in `memory` one past the last byte. */
  get end(): number {
    return this.filledTo;
  }

  /** Index in `memory` of the last NAL unit's first byte, behind its start code. */
  get lastNal(): number {
    return this.starts[this.starts.length - 1]! + START_CODE_BYTES;
  }

  /**
   * Begins a NAL unit. `key`: whether it probably belongs to a keyframe; `headroom`: bytes that may be
   * inserted before the unit. False if a limit is exceeded.
   */
  open(type: number, key: boolean, headroom: number): boolean {
    if (this.starts.length >= LIMITS.unitNals) return false;
    const guess = key ? this.keyBytes : this.deltaBytes;
    if (this.starts.length === 0) {
      this.front = headroom;
      this.filledTo = headroom;
      this.aheadRead = -1;
    }
    const wanted = this.front + guess;
    // Memory left by a larger unit has too much slack to be handed out without a copy.
    if (this.starts.length === 0 && this.store.length > wanted + (wanted >> 4)) this.store = EMPTY;
    if (this.store.length < wanted && this.size < guess / 8) this.move(wanted, this.front);
    if (!this.ensure(START_CODE_BYTES)) return false;
    this.starts.push(this.filledTo);
    this.types.push(type);
    this.store.writeUInt32BE(1, this.filledTo);
    this.filledTo += START_CODE_BYTES;
    return true;
  }

  /** Copies bytes into the open NAL unit. False, with nothing copied, if a limit is exceeded. */
  append(source: Buffer, start: number, end: number): boolean {
    if (!this.ensure(end - start)) return false;
    const window = this.window;
    if (window?.buffer === source && end <= window.end) this.appendFromRead(window, source, start, end);
    else this.filledTo += source.copy(this.store, this.filledTo, start, end);
    return true;
  }

  private appendFromRead(window: ReadWindow, source: Buffer, start: number, end: number): void {
    const memory = this.store;
    const at = this.aheadShift + start;
    if (window.read === this.aheadRead && end <= this.aheadEnd && at >= this.filledTo) {
      memory.copyWithin(this.filledTo, at, at + end - start);
    } else {
      const ahead = Math.min(window.end, start + AHEAD * (end - start));
      const taken = source.copy(memory, this.filledTo, start, ahead);
      this.aheadRead = window.read;
      this.aheadEnd = start + taken;
      this.aheadShift = this.filledTo - start;
    }
    this.filledTo += end - start;
  }

  /** Appends one byte, of a NAL header rebuilt from a fragment. */
  appendByte(byte: number): boolean {
    if (!this.ensure(1)) return false;
    this.store[this.filledTo] = byte;
    this.filledTo += 1;
    return true;
  }

  /** Removes the last NAL unit. */
  dropLast(): void {
    this.filledTo = this.starts.pop()!;
    this.types.pop();
    this.aheadRead = -1;
  }

  /** Removes the NAL units from `index` on, and returns copies of them without start codes. */
  takeFrom(index: number): Buffer[] {
    const nals = this.starts
      .slice(index)
      .map((start, i) =>
        Buffer.from(
          this.store.subarray(start + START_CODE_BYTES, this.starts[index + i + 1] ?? this.filledTo),
        ),
      );
    this.filledTo = this.starts[index] ?? this.filledTo;
    this.aheadRead = -1;
    this.starts.length = this.types.length = Math.min(index, this.starts.length);
    return nals;
  }

  /** Drops everything. The memory is reused unless it is very large. */
  clear(): void {
    this.starts.length = 0;
    this.types.length = 0;
    this.filledTo = this.front;
    if (this.store.length > 2 * (this.keyBytes + this.front)) this.store = EMPTY;
  }

  /** Returns the unit with `sets` in front (but behind a leading delimiter), and starts the next one. */
  finish(key: boolean, sets: SetsInFront | undefined, delimiter: number): FinishedBuffer {
    const afterFirst = sets !== undefined && this.types[0] === delimiter;
    const lead = afterFirst ? (this.starts[1] ?? this.filledTo) - this.front : 0;
    const size = this.size;
    if (key) this.keyBytes = nextGuess(this.keyBytes, size);
    else this.deltaBytes = nextGuess(this.deltaBytes, size);
    if (sets !== undefined) this.insert(sets.bytes, lead);
    const data = this.take();
    const nals = this.ranges(sets, afterFirst ? 1 : 0, data.length);
    this.starts.length = 0;
    this.types.length = 0;
    return { data, nals };
  }

  private insert(bytes: Buffer, lead: number): void {
    if (this.front < bytes.length) this.move(this.store.length + bytes.length, bytes.length);
    const front = this.front - bytes.length;
    this.store.copyWithin(front, this.front, this.front + lead);
    bytes.copy(this.store, front + lead);
    this.front = front;
  }

  private take(): Buffer {
    const size = this.size;
    const slack = this.store.length - size;
    if (slack * SLACK_DIVISOR > size) {
      const exact = size > TINY_BYTES ? Buffer.allocUnsafeSlow(size) : this.fromSlab(size);
      this.store.copy(exact, 0, this.front, this.filledTo);
      return exact;
    }
    const data = this.store.subarray(this.front, this.filledTo);
    this.store = EMPTY;
    return data;
  }

  private fromSlab(size: number): Buffer {
    if (this.slab.length < size) this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    const part = this.slab.subarray(0, size);
    this.slab = this.slab.subarray(size);
    return part;
  }

  private ranges(sets: SetsInFront | undefined, setsAt: number, total: number): NalRange[] {
    const nals: NalRange[] = [];
    const types = this.types;
    let start = 0;
    for (let i = 0; i < types.length; i += 1) {
      if (sets !== undefined && i === setsAt) start = pushSets(nals, sets, start);
      const size = (this.starts[i + 1] ?? this.filledTo) - this.starts[i]!;
      nals.push({ type: types[i]!, start, end: start + size });
      start += size;
    }
    if (sets !== undefined && start < total) pushSets(nals, sets, start);
    return nals;
  }

  private ensure(bytes: number): boolean {
    const needed = this.filledTo + bytes;
    if (needed <= this.store.length) return true;
    if (needed - this.front > LIMITS.unitBytes) return false;
    this.move(
      Math.max(needed, Math.min(this.store.length + (this.store.length >> 1), LIMITS.unitBytes + this.front)),
      this.front,
    );
    return true;
  }

  // Moves the contents to larger memory, with the first byte at `front`.
  private move(capacity: number, front: number): void {
    const memory = Buffer.allocUnsafeSlow(capacity);
    if (this.size > 0) this.store.copy(memory, front, this.front, this.filledTo);
    const shift = front - this.front;
    if (shift !== 0) for (let i = 0; i < this.starts.length; i += 1) this.starts[i]! += shift;
    this.store = memory;
    this.aheadRead = -1;
    this.front += shift;
    this.filledTo += shift;
  }
}

function pushSets(nals: NalRange[], sets: SetsInFront, from: number): number {
  let start = from;
  sets.sizes.forEach((size, i) => {
    nals.push({ type: sets.types[i]!, start, end: start + size });
    start += size;
  });
  return start;
}

// A moving average plus an eighth: most units fit at once, with little slack.
function nextGuess(guess: number, size: number): number {
  const target = size + (size >> 3) + 64;
  return Math.ceil(target > guess ? (guess + target) / 2 : guess + (target - guess) / 8);
}
