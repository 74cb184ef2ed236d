// CABAC's arithmetic decoding engine (H.264 9.3.1.2, 9.3.3.2).

import { AFTER_LPS, AFTER_MPS, CONTEXT_COUNT, LPS_RANGE } from './cabac-tables.js';

/** Fraction bits below codIOffset, which allow reading two bytes at a time. */
const FRACTION = 16;

/**
 * A base class instead of a separate object, for speed: a bin takes some nanoseconds, and a picture has a
 * million.
 */
export abstract class ArithmeticDecoder {
  protected readonly contexts = new Uint8Array(CONTEXT_COUNT);
  private data: Uint8Array = new Uint8Array(0);
  /** The next byte to read. */
  private at = 0;
  private range = 0;
  /** codIOffset with FRACTION more bits, of which `ready` hold data. */
  private value = 0;
  private ready = 0;

  /** Bit position behind the nine bits of codIOffset. */
  protected get bitsRead(): number {
    return 8 * this.at - this.ready;
  }

  protected startEngine(data: Uint8Array, at: number): void {
    this.data = data;
    this.range = 510;
    this.value = ((data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!) << 1;
    this.ready = FRACTION - 1;
    this.at = at + 3;
  }

  /** DecodeDecision (9.3.3.2.1). */
  protected bin(context: number): number {
    const contexts = this.contexts;
    const state = contexts[context]!;
    const lps = LPS_RANGE[(state << 2) + ((this.range >> 6) & 3)]!;
    const range = this.range - lps;
    const scaled = range << FRACTION;
    if (this.value < scaled) {
      contexts[context] = AFTER_MPS[state]!;
      if (range >= 256) {
        this.range = range;
      } else {
        this.range = range << 1;
        this.value <<= 1;
        this.ready -= 1;
        if (this.ready < 0) this.refill();
      }
      return state & 1;
    }
    contexts[context] = AFTER_LPS[state]!;
    const shift = Math.clz32(lps) - 23;
    this.range = lps << shift;
    this.value = (this.value - scaled) << shift;
    this.ready -= shift;
    if (this.ready < 0) this.refill();
    return (state & 1) ^ 1;
  }

  /** DecodeBypass (9.3.3.2.3). */
  protected bypass(): number {
    this.value <<= 1;
    this.ready -= 1;
    if (this.ready < 0) this.refill();
    const scaled = this.range << FRACTION;
    if (this.value < scaled) return 0;
    this.value -= scaled;
    return 1;
  }

  /** DecodeTerminate (9.3.3.2.2.3). */
  protected terminate(): boolean {
    this.range -= 2;
    if (this.value >= this.range << FRACTION) return true;
    if (this.range < 256) {
      this.range <<= 1;
      this.value <<= 1;
      this.ready -= 1;
      if (this.ready < 0) this.refill();
    }
    return false;
  }

  /** Reads two bytes; the last bit read before is -`ready` bits above the fraction. */
  private refill(): void {
    const data = this.data;
    const at = this.at;
    this.value |= ((data[at]! << 8) | data[at + 1]!) << -this.ready;
    this.ready += 16;
    this.at = at + 2;
  }
}
