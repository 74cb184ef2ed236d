// Restores decoding order for NAL units sent out of it, by their decoding order numbers (RFC 6184 7, RFC 7798
// 6).

import { LIMITS } from '../limits.js';
import type { AccessUnitAssembler } from './access-unit.js';
import { ByteCollector, ownCopy } from './byte-collector.js';
import type { NalPacket } from './nal-rules.js';

/** Where a depacketizer puts NAL units: the assembler, or the deinterleaver before it. */
export interface NalTarget {
  /** The packet is read during the call only. It is not passed as numbers: V8 may make an object of each. */
  at(packet: NalPacket, arrivalMs: number): void;
  nal(data: Buffer, start: number, end: number): void;
  beginNal(first: number, second: number): void;
  continueNal(data: Buffer, start: number, end: number): void;
  closeNal(): void;
  missing(): void;
}

interface DeinterleaverOptions {
  /**
   * Number of counted NAL units held before the first in decoding order is released:
   * sprop-interleaving-depth, sprop-depack-buf-nalus.
   */
  depth: number;
  /** A NAL unit this far behind the newest is released at once: sprop-max-don-diff. */
  maxDonDiff?: number;
  /** Whether a NAL unit with this first byte counts towards the depth. */
  counts(firstByte: number): boolean;
}

interface WaitingNal extends NalPacket {
  /** Decoding order number, extended beyond 16 bits. */
  readonly don: number;
  readonly data: Buffer;
  readonly counted: boolean;
  readonly arrivalMs: number;
  /** Packets near it were lost, and it is unknown which unit they belonged to. */
  suspect: boolean;
}

export class Deinterleaver implements NalTarget {
  private readonly units: AccessUnitAssembler<unknown>;
  private readonly options: DeinterleaverOptions;
  private readonly collector = new ByteCollector(LIMITS.unitBytes);
  /** In decoding order. */
  private readonly waiting: WaitingNal[] = [];
  private bytes = 0;
  private counted = 0;
  private open = false;
  private don = -1;
  private suspects = 0;
  private timestamp = 0;
  private arrivalMs = 0;
  private sequence = 0;
  private onvifTime = NaN;

  constructor(units: AccessUnitAssembler<unknown>, options: DeinterleaverOptions) {
    this.units = units;
    this.options = options;
  }

  at(packet: NalPacket, arrivalMs: number): void {
    this.timestamp = packet.timestamp;
    this.arrivalMs = arrivalMs;
    this.sequence = packet.sequence;
    this.onvifTime = packet.onvifTime;
  }

  /**
   * Sets the 16-bit decoding order number of the next NAL unit; without this call it is one more than the
   * last.
   */
  number(don: number): void {
    // The nearest number with these lower 16 bits (RFC 6184 5.5).
    const step = ((don - 1 - this.don) << 16) >> 16;
    this.don = this.don < 0 ? don - 1 : this.don + step;
  }

  nal(data: Buffer, start: number, end: number): void {
    this.abandon();
    if (end > start) this.take(ownCopy(data, start, end));
  }

  beginNal(first: number, second: number): void {
    this.abandon();
    this.open = true;
    this.collector.append(second < 0 ? Uint8Array.of(first) : Uint8Array.of(first, second));
  }

  continueNal(data: Buffer, start: number, end: number): void {
    if (this.open && !this.collector.append(data, start, end)) this.abandon();
  }

  closeNal(): void {
    if (!this.open) return;
    this.open = false;
    this.take(this.collector.take());
  }

  missing(): void {
    this.units.stats.droppedNals += 1;
    this.suspect();
  }

  gap(): void {
    this.open = false;
    this.collector.clear();
    this.suspect();
  }

  flush(): void {
    this.abandon();
    while (this.waiting.length > 0) this.release();
  }

  reset(): void {
    this.open = false;
    this.collector.clear();
    this.waiting.length = 0;
    this.bytes = 0;
    this.counted = 0;
    this.suspects = 0;
    this.don = -1;
  }

  private abandon(): void {
    if (!this.open) return;
    this.open = false;
    this.collector.clear();
    this.missing();
  }

  // The lost packets may have belonged anywhere among the waiting NAL units, or among as many that follow.
  private suspect(): void {
    this.units.gap();
    for (const nal of this.waiting) nal.suspect = true;
    this.suspects = this.options.depth + 1;
  }

  private take(data: Buffer): void {
    this.don += 1;
    const counted = this.options.counts(data[0]!);
    const nal: WaitingNal = {
      don: this.don,
      data,
      counted,
      timestamp: this.timestamp,
      arrivalMs: this.arrivalMs,
      sequence: this.sequence,
      onvifTime: this.onvifTime,
      suspect: this.suspects > 0,
    };
    if (counted && this.suspects > 0) this.suspects -= 1;
    if (counted) this.counted += 1;
    this.bytes += data.length;
    this.waiting.splice(this.placeOf(nal.don), 0, nal);
    while (this.mayRelease()) this.release();
  }

  /** The index behind all waiting NAL units up to `don`, found by halving: a sender may count backwards. */
  private placeOf(don: number): number {
    let from = 0;
    let to = this.waiting.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.waiting[middle]!.don > don) to = middle;
      else from = middle + 1;
    }
    return from;
  }

  private mayRelease(): boolean {
    const first = this.waiting[0];
    if (first === undefined) return false;
    const span = this.waiting[this.waiting.length - 1]!.don - first.don;
    return (
      this.counted > this.options.depth ||
      span > (this.options.maxDonDiff ?? Infinity) ||
      this.waiting.length > LIMITS.waitingNals ||
      this.bytes > LIMITS.unitBytes
    );
  }

  private release(): void {
    const nal = this.waiting.shift()!;
    this.bytes -= nal.data.length;
    if (nal.counted) this.counted -= 1;
    this.units.at(nal, nal.arrivalMs);
    if (nal.suspect) this.units.gap();
    this.units.nal(nal.data, 0, nal.data.length);
  }
}
