// Puts the packets of a stream back in order. A packet in order passes straight through; an early one waits
// briefly for those missing before it.

import { LIMITS } from '../limits.js';

/** A larger step forward, or further back, means that the sequence restarted (RFC 3550 A.1). */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
const FIXED_HEADER = 12;
/**
 * Delivered sequence numbers remembered to tell a duplicate from a late packet: a power of two above
 * MAX_MISORDER.
 */
const SEEN = 128;

interface ReorderOptions {
  /**
   * Called before a packet that follows missing ones, with their number (1 if the sequence restarted and the
   * number is unknown).
   */
  onGap?: (missing: number) => void;
  /** Most packets held back; a power of two. Default: `LIMITS.reorderPackets`. */
  packets?: number;
  /** Longest time a packet is held back, in ms. Default: `LIMITS.reorderMs`. */
  waitMs?: number;
  /**
   * For a transport that keeps the order and reuses its read buffer (TCP): held packets are copied. A packet
   * missing here was dropped by the server, or reached the server late. So the full wait applies only as long
   * as waiting has helped recently; otherwise it is very short.
   */
  ordered?: boolean;
}

/**
 * After `VAIN` gaps in a row that were never filled, an ordered transport waits for at most this many packets
 * and ms.
 */
const VAIN = 4;
const IMPATIENT_PACKETS = 4;
const IMPATIENT_MS = 10;

/**
 * `nowMs`: when the packet's turn came. Passed as an argument because a number stored in a field would be
 * allocated anew for each packet.
 */
type Deliver = (buffer: Buffer, start: number, end: number, nowMs: number) => void;

interface Suspect {
  readonly packet: Buffer;
  readonly sequence: number;
  readonly deadline: number;
}

/**
 * Keeps references to early packets, so a pushed buffer must not be reused (dgram does not reuse its
 * buffers), unless the transport is `ordered`: then it keeps copies. Times are monotonic ms.
 *
 * A packet whose number lies far from the sequence is kept as a suspect. If its successor follows, the
 * sequence has restarted; if the old sequence continues, the packet was a stray.
 */
export class ReorderBuffer {
  /**
   * Packets dropped because the wait for them had ended, and those dropped because they had arrived before.
   */
  late = 0;
  duplicates = 0;

  private readonly deliver: Deliver;
  private readonly onGap: (missing: number) => void;
  private readonly size: number;
  private readonly longMs: number;
  private readonly ordered: boolean;
  private readonly buffers: (Buffer | undefined)[];
  private readonly starts: Int32Array;
  private readonly ends: Int32Array;
  private readonly arrivals: Float64Array;
  private readonly seen = new Int32Array(SEEN).fill(-1);
  private held = 0;
  /** Gaps in a row that were never filled. */
  private vain = 0;
  /** Arrival of the packet held longest; meaningless while nothing is held. */
  private oldest = 0;
  private expected = -1;
  private ssrc = 0;
  private suspect: Suspect | undefined;

  constructor(deliver: Deliver, options: ReorderOptions = {}) {
    this.deliver = deliver;
    this.onGap = options.onGap ?? (() => undefined);
    this.size = options.packets ?? LIMITS.reorderPackets;
    this.longMs = options.waitMs ?? LIMITS.reorderMs;
    this.ordered = options.ordered ?? false;
    this.buffers = new Array<Buffer | undefined>(this.size).fill(undefined);
    this.starts = new Int32Array(this.size);
    this.ends = new Int32Array(this.size);
    this.arrivals = new Float64Array(this.size);
  }

  /**
   * Fast path: true if this is the next packet and none is held. The packet then counts as delivered, and
   * must not be pushed.
   */
  takeInOrder(sequence: number, ssrc: number): boolean {
    if (sequence !== this.expected || this.held > 0 || (ssrc | 0) !== this.ssrc) return false;
    if (this.suspect !== undefined) this.suspect = undefined;
    this.expected = (sequence + 1) & 0xffff;
    this.seen[sequence & (SEEN - 1)] = sequence;
    return true;
  }

  /** Takes an RTP packet. Drops late ones, duplicates and anything too short for RTP. */
  push(buffer: Buffer, start: number, end: number, nowMs: number): void {
    if (end - start < FIXED_HEADER) return;
    const sequence = (buffer[start + 2]! << 8) | buffer[start + 3]!;
    const ssrc =
      (buffer[start + 8]! << 24) |
      (buffer[start + 9]! << 16) |
      (buffer[start + 10]! << 8) |
      buffer[start + 11]!;
    if (this.expected < 0 || ssrc !== this.ssrc) {
      this.releaseAll(nowMs);
      this.suspect = undefined;
      this.ssrc = ssrc;
      this.pass(buffer, start, end, sequence, nowMs);
      return;
    }
    if (this.held > 0 && nowMs - this.oldest >= this.waitMs) this.releaseDue(nowMs);

    const ahead = (sequence - this.expected) & 0xffff;
    if (ahead >= MAX_DROPOUT && ahead < 0x1_0000 - MAX_MISORDER) {
      this.judge(buffer, start, end, sequence, nowMs);
      return;
    }
    this.suspect = undefined;
    if (ahead === 0) {
      this.pass(buffer, start, end, sequence, nowMs);
      if (this.held > 0) {
        this.vain = 0;
        this.releaseRun(nowMs);
      }
    } else if (ahead < MAX_DROPOUT) {
      this.hold(buffer, start, end, sequence, nowMs);
    } else if (this.seen[sequence & (SEEN - 1)] === sequence) {
      this.duplicates++;
    } else {
      this.late++;
      this.vain = 0;
    }
  }

  /** Releases packets that have waited long enough. Call at `nextDeadline()`. */
  flush(nowMs: number): void {
    if (this.held > 0) this.releaseDue(nowMs);
    const suspect = this.suspect;
    if (suspect !== undefined && nowMs >= suspect.deadline) this.restartAt(suspect, nowMs);
  }

  /** The stream has ended: releases everything. */
  end(): void {
    const suspect = this.suspect;
    let last = suspect === undefined ? 0 : suspect.deadline - this.longMs;
    for (let slot = 0; slot < this.size; slot++) {
      if (this.buffers[slot] !== undefined) last = Math.max(last, this.arrivals[slot]!);
    }
    this.releaseAll(last);
    if (suspect !== undefined) this.restartAt(suspect, last);
  }

  /** When to call `flush`; undefined while nothing is held. */
  nextDeadline(): number | undefined {
    const held = this.held > 0 ? this.oldest + this.waitMs : Infinity;
    const deadline = Math.min(held, this.suspect?.deadline ?? Infinity);
    return deadline === Infinity ? undefined : deadline;
  }

  /** Whether a packet is held. */
  get isHolding(): boolean {
    return this.held > 0 || this.suspect !== undefined;
  }

  private get isImpatient(): boolean {
    return this.ordered && this.vain >= VAIN;
  }

  private get waitMs(): number {
    return this.isImpatient ? Math.min(IMPATIENT_MS, this.longMs) : this.longMs;
  }

  private get room(): number {
    return this.isImpatient ? Math.min(IMPATIENT_PACKETS, this.size) : this.size;
  }

  /** Delivers a packet whose turn it is. */
  private pass(buffer: Buffer, start: number, end: number, sequence: number, nowMs: number): void {
    this.expected = (sequence + 1) & 0xffff;
    this.seen[sequence & (SEEN - 1)] = sequence;
    this.deliver(buffer, start, end, nowMs);
  }

  private hold(buffer: Buffer, start: number, end: number, sequence: number, nowMs: number): void {
    // Too far ahead for the buffer: stop waiting for the oldest missing packets.
    while (((sequence - this.expected) & 0xffff) >= this.room) {
      if (this.held === 0) {
        this.skip((sequence - this.expected) & 0xffff);
        this.pass(buffer, start, end, sequence, nowMs);
        return;
      }
      this.skipToNextHeld();
      this.releaseRun(nowMs);
    }
    if (sequence === this.expected) {
      this.pass(buffer, start, end, sequence, nowMs);
      this.releaseRun(nowMs);
      return;
    }
    const slot = sequence & (this.size - 1);
    if (this.buffers[slot] !== undefined) {
      this.duplicates++;
      return;
    }
    this.buffers[slot] = this.ordered ? Buffer.from(buffer.subarray(start, end)) : buffer;
    this.starts[slot] = this.ordered ? 0 : start;
    this.ends[slot] = this.ordered ? end - start : end;
    this.arrivals[slot] = nowMs;
    if (this.held++ === 0) this.oldest = nowMs;
  }

  private judge(buffer: Buffer, start: number, end: number, sequence: number, nowMs: number): void {
    const suspect = this.suspect;
    if (suspect !== undefined && ((suspect.sequence + 1) & 0xffff) === sequence) {
      this.restartAt(suspect, nowMs);
      this.pass(buffer, start, end, sequence, nowMs);
    } else {
      const own = this.ordered ? Buffer.from(buffer.subarray(start, end)) : buffer.subarray(start, end);
      this.suspect = { packet: own, sequence, deadline: nowMs + this.longMs };
    }
  }

  private restartAt(suspect: Suspect, nowMs: number): void {
    this.suspect = undefined;
    this.releaseAll(nowMs);
    this.onGap(1);
    this.pass(suspect.packet, 0, suspect.packet.length, suspect.sequence, nowMs);
  }

  private releaseDue(nowMs: number): void {
    while (this.held > 0 && nowMs - this.oldest >= this.waitMs) {
      this.skipToNextHeld();
      this.releaseRun(nowMs);
    }
  }

  private releaseAll(nowMs: number): void {
    while (this.held > 0) {
      this.skipToNextHeld();
      this.releaseRun(nowMs);
    }
  }

  /** Delivers held packets as long as they follow one another. */
  private releaseRun(nowMs: number): void {
    for (;;) {
      const slot = this.expected & (this.size - 1);
      const buffer = this.buffers[slot];
      if (buffer === undefined) break;
      this.buffers[slot] = undefined;
      this.held--;
      this.pass(buffer, this.starts[slot]!, this.ends[slot]!, this.expected, nowMs);
    }
    if (this.held > 0) this.findOldest();
  }

  private findOldest(): void {
    let oldest = Infinity;
    for (let slot = 0; slot < this.size; slot++) {
      if (this.buffers[slot] !== undefined) oldest = Math.min(oldest, this.arrivals[slot]!);
    }
    this.oldest = oldest;
  }

  private skipToNextHeld(): void {
    let missing = 0;
    while (this.buffers[(this.expected + missing) & (this.size - 1)] === undefined) missing++;
    if (missing > 0) this.skip(missing);
  }

  private skip(missing: number): void {
    this.vain++;
    this.expected = (this.expected + missing) & 0xffff;
    this.onGap(missing);
  }
}
