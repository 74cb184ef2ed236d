// Writes bits and Exp-Golomb codes, the other way round from lib/codec/bit-reader.ts. For tests.

export class BitWriter {
  private bits = '';

  u(value: number, count: number): this {
    this.bits += value.toString(2).padStart(count, '0');
    return this;
  }

  flag(value: boolean): this {
    return this.u(value ? 1 : 0, 1);
  }

  ue(value: number): this {
    const code = (value + 1).toString(2);
    this.bits += '0'.repeat(code.length - 1) + code;
    return this;
  }

  se(value: number): this {
    return this.ue(value > 0 ? 2 * value - 1 : -2 * value);
  }

  /** Zeros up to a whole byte. */
  align(): this {
    this.bits = this.bits.padEnd(Math.ceil(this.bits.length / 8) * 8, '0');
    return this;
  }

  /** The bytes, closed by a stop bit, without emulation prevention. */
  rbsp(): Buffer {
    const bits = `${this.bits}1`;
    const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0');
    return Buffer.from(
      Array.from({ length: padded.length / 8 }, (_, i) => parseInt(padded.slice(i * 8, i * 8 + 8), 2)),
    );
  }

  /** A NAL unit of these bits. */
  nal(...header: number[]): Buffer {
    return Buffer.concat([Buffer.from(header), escape(this.rbsp())]);
  }
}

/** Emulation prevention (H.264 7.4.1.1): a 3 after two zeros before a byte of at most 3. */
export function escape(rbsp: Uint8Array): Buffer {
  const out: number[] = [];
  let zeros = 0;
  for (const byte of rbsp) {
    if (zeros >= 2 && byte <= 3) {
      out.push(3);
      zeros = 0;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Buffer.from(out);
}
