// The RBSP of a NAL unit (without emulation prevention bytes), and a bit reader for it (H.264 7.3.1, 9.1).

import type { NvrError } from '../../errors.js';
import { broken as brokenH264 } from './errors.js';

/**
 * Zero bytes behind the payload. Readers check for the end once per macroblock, and a macroblock read from
 * zeros never needs more than this.
 */
const PADDING = 4096;

/** One instance per decoder; its memory is reused for every NAL unit. Bits past the end are zero. */
export class BitSource {
  /** The payload, followed by at least PADDING zeros. */
  data = new Uint8Array(PADDING);
  /** Bytes of the payload, without trailing zero bytes. */
  length = 0;
  /** Position of the next bit. */
  at = 0;
  /** Position of rbsp_stop_one_bit, where the data ends. */
  end = 0;

  constructor(private readonly broken: (what: string) => NvrError = brokenH264) {}

  /** Loads `nal` without its header. */
  load(nal: Uint8Array, headerBytes = 1): void {
    if (this.data.length < nal.length + PADDING)
      this.data = new Uint8Array(nal.length + (nal.length >> 2) + PADDING);
    const { data } = this;
    let to = 0;
    let zeros = 0;
    for (let from = headerBytes; from < nal.length; from += 1) {
      const byte = nal[from]!;
      if (zeros >= 2 && byte === 3) {
        zeros = 0;
        continue;
      }
      zeros = byte === 0 ? zeros + 1 : 0;
      data[to] = byte;
      to += 1;
    }
    while (to > 0 && data[to - 1] === 0) to -= 1;
    data.fill(0, to, to + PADDING);
    this.length = to;
    this.at = 0;
    // The lowest set bit of the last byte.
    const last = to > 0 ? data[to - 1]! : 0;
    this.end = to > 0 ? 8 * to - 1 - (31 - Math.clz32(last & -last)) : 0;
  }

  /** Reads `count` (1..25) bits without advancing. */
  peek(count: number): number {
    const { data, at } = this;
    const byte = at >> 3;
    const word = (data[byte]! << 24) | (data[byte + 1]! << 16) | (data[byte + 2]! << 8) | data[byte + 3]!;
    return (word << (at & 7)) >>> (32 - count);
  }

  /** `count`: 1..25. */
  bits(count: number): number {
    const value = this.peek(count);
    this.at += count;
    return value;
  }

  flag(): boolean {
    return this.bits(1) === 1;
  }

  /** ue(v), at most 2^24 - 2; no field of a supported picture is larger. */
  ue(): number {
    const window = this.peek(25);
    const zeros = Math.clz32(window) - 7;
    if (zeros <= 12) {
      this.at += 2 * zeros + 1;
      return (window >>> (24 - 2 * zeros)) - 1;
    }
    if (zeros > 23) throw this.broken('a number in it is too large');
    this.at += zeros;
    return this.bits(zeros + 1) - 1;
  }

  se(): number {
    const code = this.ue();
    return (code & 1) === 1 ? (code + 1) >> 1 : -(code >> 1);
  }

  /** more_rbsp_data(). */
  get more(): boolean {
    return this.at < this.end;
  }

  /** Throws EDECODE if more was read than there is. */
  checkEnd(): void {
    if (this.at > this.end) throw this.broken('it ends too early');
  }
}
