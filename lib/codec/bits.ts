// Reads plain bits, as in MPEG-4 audio: no emulation prevention, no alignment.

/** Reads bits, most significant first. Past the end they are 0 and `overrun` is set. */
export class Bits {
  overrun = false;
  private readonly data: Uint8Array;
  private bitAt: number;
  private readonly end: number;

  /** `start` and `end` are in bits. */
  constructor(data: Uint8Array, start = 0, end = data.length * 8) {
    this.data = data;
    this.bitAt = start;
    this.end = end;
  }

  /** In bits from the start of the data. */
  get position(): number {
    return this.bitAt;
  }

  /** Bits not yet read. */
  get left(): number {
    return this.end - this.bitAt;
  }

  /** Moves to a position, at most the end. */
  moveTo(position: number): void {
    this.bitAt = Math.min(position, this.end);
  }

  /** An unsigned number of up to 32 bits. */
  read(count: number): number {
    if (count > this.left) {
      this.overrun = true;
      this.bitAt = this.end;
      return 0;
    }
    let value = 0;
    for (let i = 0; i < count; i++, this.bitAt++) {
      value = value * 2 + ((this.data[this.bitAt >> 3]! >> (7 - (this.bitAt & 7))) & 1);
    }
    return value;
  }
}

/** Copies the bits from `start` to `end` into whole bytes, the last one padded with zeros. */
export function copyBits(data: Uint8Array, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow((end - start + 7) >> 3);
  const shift = start & 7;
  let at = start >> 3;
  for (let i = 0; i < copy.length; i++, at++) {
    copy[i] = shift === 0 ? data[at]! : (data[at]! << shift) | ((data[at + 1] ?? 0) >> (8 - shift));
  }
  const spare = copy.length * 8 - (end - start);
  if (spare > 0) copy[copy.length - 1]! &= 0xff << spare;
  return copy;
}
