// Reads bits and Exp-Golomb codes of a NAL unit, skipping emulation prevention bytes.

/**
 * Reads the bits of an H.264 or H.265 NAL unit as RBSP (H.264 7.3.1, 7.2, 9.1; H.265 7.3.1.1, 9.2): skips
 * each 0x03 after two zero bytes. Reading past the end never throws: it returns zeros and sets `overrun`,
 * which a parser checks once, when it is done.
 */
export class BitReader {
  /** More bits were read than there are, or a code was longer than 32 bits. */
  overrun = false;
  private data: Uint8Array;
  private position: number;
  private end: number;
  private zeros = 0;
  private byte = 0;
  private bitsLeft = 0;

  constructor(data: Uint8Array = new Uint8Array(0), start = 0, end = data.length) {
    this.data = data;
    this.position = start;
    this.end = end;
  }

  /** Starts over with other bytes, so that one reader serves a whole stream. */
  reset(data: Uint8Array, start: number, end: number): this {
    this.data = data;
    this.position = start;
    this.end = end;
    this.zeros = 0;
    this.bitsLeft = 0;
    this.overrun = false;
    return this;
  }

  bit(): number {
    if (this.bitsLeft === 0) {
      this.byte = this.nextByte();
      this.bitsLeft = 8;
    }
    this.bitsLeft -= 1;
    return (this.byte >> this.bitsLeft) & 1;
  }

  flag(): boolean {
    return this.bit() === 1;
  }

  /** u(n), n from 0 to 32, unsigned. */
  bits(count: number): number {
    let value = 0;
    for (let left = count; left > 0;) {
      if (this.bitsLeft === 0) {
        this.byte = this.nextByte();
        this.bitsLeft = 8;
      }
      const take = Math.min(left, this.bitsLeft);
      this.bitsLeft -= take;
      value = value * (1 << take) + ((this.byte >> this.bitsLeft) & ((1 << take) - 1));
      left -= take;
    }
    return value;
  }

  skip(count: number): void {
    for (let left = count; left > 0 && !this.overrun; left -= 32) this.bits(Math.min(left, 32));
  }

  /** ue(v). */
  ue(): number {
    let zeros = 0;
    while (this.bit() === 0) {
      zeros += 1;
      if (zeros > 32 || this.overrun) {
        this.overrun = true;
        return 0;
      }
    }
    return zeros === 0 ? 0 : (zeros < 31 ? 1 << zeros : 2 ** zeros) - 1 + this.bits(zeros);
  }

  /** se(v). */
  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : 0 - code / 2;
  }

  private nextByte(): number {
    if (this.zeros >= 2 && this.position < this.end && this.data[this.position] === 3) {
      this.position += 1;
      this.zeros = 0;
    }
    if (this.position >= this.end) {
      this.overrun = true;
      return 0;
    }
    const byte = this.data[this.position]!;
    this.position += 1;
    this.zeros = byte === 0 ? this.zeros + 1 : 0;
    return byte;
  }
}
