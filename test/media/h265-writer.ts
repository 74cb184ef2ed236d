// Writes H.265 pictures that no encoder at hand makes: tiles, wavefronts, slices and dependent slice segments
// anywhere, PCM of known samples. For tests.

import { AFTER_LPS, AFTER_MPS, LPS_RANGE } from '../../lib/media/h264-intra/cabac-tables.js';
import { BitWriter, escape } from '../codec/bit-writer.js';

export interface Layout {
  /** Multiples of 8. */
  readonly width: number;
  readonly height: number;
  readonly log2Ctb: 4 | 5 | 6;
  /** Coding tree blocks of each tile column and row; one of each: no tiles. */
  readonly columns: readonly number[];
  readonly rows: readonly number[];
  readonly wavefronts: boolean;
  /** What begins at a place of the coding order: a slice, a dependent slice segment, or nothing. */
  readonly breaks: (place: number) => 'slice' | 'segment' | undefined;
  /** A number from 0 up to, not including, `below`. */
  readonly random: (below: number) => number;
}

export interface Written {
  readonly nals: Buffer[];
  /** Blocks of which the samples are known: 16 to 235, one value each for luma. */
  readonly blocks: readonly { x: number; y: number; side: number; luma: number }[];
}

const LOG2_MIN_CB = 3;
const QP = 30;

/** The encoder's half of 9.3.4. */
class CabacWriter {
  readonly bytes: number[] = [];
  readonly contexts = new Uint8Array(16);
  private bits = '';
  private low = 0;
  private range = 510;
  private first = true;
  private outstanding = 0;

  bin(context: number, bin: number): void {
    const state = this.contexts[context]!;
    const lps = LPS_RANGE[(state << 2) + ((this.range >> 6) & 3)]!;
    this.range -= lps;
    if (bin === (state & 1)) {
      this.contexts[context] = AFTER_MPS[state]!;
    } else {
      this.low += this.range;
      this.range = lps;
      this.contexts[context] = AFTER_LPS[state]!;
    }
    this.renorm();
  }

  bypass(bin: number): void {
    this.low = 2 * this.low + (bin === 0 ? 0 : this.range);
    if (this.low >= 1024) {
      this.put(1);
      this.low -= 1024;
    } else if (this.low < 512) {
      this.put(0);
    } else {
      this.low -= 512;
      this.outstanding += 1;
    }
  }

  /** A 1 ends the code; what follows begins with a whole byte. */
  terminate(bin: number): void {
    this.range -= 2;
    if (bin === 0) {
      this.renorm();
      return;
    }
    this.low += this.range;
    this.range = 2;
    this.renorm();
    this.put((this.low >> 9) & 1);
    this.bits += (((this.low >> 7) & 3) | 1).toString(2).padStart(2, '0');
    this.bits = this.bits.padEnd(Math.ceil(this.bits.length / 8) * 8, '0');
    for (let at = 0; at < this.bits.length; at += 8)
      this.bytes.push(parseInt(this.bits.slice(at, at + 8), 2));
    this.bits = '';
    this.low = 0;
    this.range = 510;
    this.first = true;
  }

  private renorm(): void {
    for (; this.range < 256; this.range *= 2, this.low *= 2) {
      if (this.low < 256) {
        this.put(0);
      } else if (this.low >= 512) {
        this.low -= 512;
        this.put(1);
      } else {
        this.low -= 256;
        this.outstanding += 1;
      }
    }
  }

  private put(bit: number): void {
    if (this.first) this.first = false;
    else this.bits += String(bit);
    for (; this.outstanding > 0; this.outstanding -= 1) this.bits += String(1 - bit);
  }
}

/** The contexts used here, with their initValues. */
const SPLIT = 0;
const PARTITION = 3;
const EXPECTED = 4;
const CHROMA = 5;
const CODED_LUMA = 6;
const CODED_CHROMA = 7;
const CODED_LUMA_DEEPER = 8;
const INIT = [139, 141, 157, 184, 184, 63, 141, 94, 111];

function start(contexts: Uint8Array): void {
  for (const [n, value] of INIT.entries()) {
    const state = Math.min(
      126,
      Math.max(1, ((((value >> 4) * 5 - 45) * QP) >> 4) + ((value & 15) << 3) - 16),
    );
    contexts[n] = state > 63 ? 2 * (state - 64) + 1 : 2 * (63 - state);
  }
}

export function writePicture(layout: Layout): Written {
  const { width, height, log2Ctb, columns, rows, wavefronts, random } = layout;
  const tiled = columns.length * rows.length > 1;
  const across = columns.reduce((a, b) => a + b);
  const down = rows.reduce((a, b) => a + b);
  const order: { x: number; y: number; tile: number; left: number }[] = [];
  for (let row = 0, top = 0; row < rows.length; top += rows[row]!, row += 1) {
    for (let column = 0, left = 0; column < columns.length; left += columns[column]!, column += 1) {
      for (let y = top; y < top + rows[row]!; y += 1)
        for (let x = left; x < left + columns[column]!; x += 1)
          order.push({ x, y, tile: row * columns.length + column, left });
    }
  }
  /** Slice, tile and depth of each 8x8 block that is written. */
  const written = new Map<number, { slice: number; tile: number; depth: number }>();
  const blocks: { x: number; y: number; side: number; luma: number }[] = [];
  const nals = [video(), sequence(layout), picture(layout, tiled)];
  const writer = { cabac: new CabacWriter() };
  const wavefront = new Map<number, { slice: number; tile: number; contexts: Uint8Array }>();
  let segmentEnd = new Uint8Array(16);
  let slice = 0;

  const depthAt = (x: number, y: number, own: { slice: number; tile: number }): number => {
    const there = x < 0 || y < 0 ? undefined : written.get((y >> 3) * 4096 + (x >> 3));
    return there?.slice === own.slice && there.tile === own.tile ? there.depth : -1;
  };
  const unit = (
    x: number,
    y: number,
    log2: number,
    depth: number,
    own: { slice: number; tile: number },
  ): void => {
    const { cabac } = writer;
    const side = 1 << log2;
    let split = log2 > LOG2_MIN_CB;
    if (split && x + side <= width && y + side <= height) {
      split = random(3) > 0;
      const deeper = [depthAt(x - 1, y, own), depthAt(x, y - 1, own)].filter((one) => one > depth).length;
      cabac.bin(SPLIT + deeper, split ? 1 : 0);
    }
    if (split) {
      const half = side / 2;
      for (const [dx, dy] of [
        [0, 0],
        [half, 0],
        [0, half],
        [half, half],
      ] as const)
        if (x + dx < width && y + dy < height) unit(x + dx, y + dy, log2 - 1, depth + 1, own);
      return;
    }
    for (let by = y; by < y + side; by += 8)
      for (let bx = x; bx < x + side; bx += 8) written.set((by >> 3) * 4096 + (bx >> 3), { ...own, depth });
    if (log2 === LOG2_MIN_CB) cabac.bin(PARTITION, 1);
    if (log2 <= 5) {
      const pcm = random(2) === 0;
      cabac.terminate(pcm ? 1 : 0);
      if (pcm) {
        const luma = 16 + random(220);
        blocks.push({ x, y, side, luma });
        for (let n = 0; n < side * side; n += 1) cabac.bytes.push(luma);
        for (let n = 0; n < (side * side) / 2; n += 1) cabac.bytes.push(128);
        return;
      }
    }
    const expected = random(2);
    cabac.bin(EXPECTED, expected);
    if (expected === 1) {
      const index = random(3);
      cabac.bypass(index === 0 ? 0 : 1);
      if (index > 0) cabac.bypass(index - 1);
    } else for (let n = 0; n < 5; n += 1) cabac.bypass(random(2));
    cabac.bin(CHROMA, 0);
    // No transform block holds anything; a block of 64 is four of 32, which is not told.
    cabac.bin(CODED_CHROMA, 0);
    cabac.bin(CODED_CHROMA, 0);
    if (log2 < 6) cabac.bin(CODED_LUMA, 0);
    else for (let n = 0; n < 4; n += 1) cabac.bin(CODED_LUMA_DEEPER, 0);
  };

  for (let place = 0; place < order.length;) {
    const kind = place === 0 ? 'slice' : layout.breaks(place);
    if (kind === 'slice') slice = place;
    const first = place;
    writer.cabac = new CabacWriter();
    const subsets: number[] = [];
    for (;;) {
      const { cabac } = writer;
      const { x, y, tile, left } = order[place]!;
      const own = { slice, tile };
      const opensTile = place === 0 || order[place - 1]!.tile !== tile;
      const opensRow = wavefronts && x === left;
      if (opensTile || opensRow || place === first) {
        const above = wavefront.get((y - 1) * across + x + 1);
        if (!opensTile && opensRow && above?.slice === slice && above.tile === tile)
          cabac.contexts.set(above.contexts);
        else if (!opensTile && !opensRow && kind === 'segment') cabac.contexts.set(segmentEnd);
        else start(cabac.contexts);
      }
      unit(x << log2Ctb, y << log2Ctb, log2Ctb, 0, own);
      wavefront.set(y * across + x, { ...own, contexts: cabac.contexts.slice() });
      place += 1;
      const ends = place === order.length || layout.breaks(place) !== undefined;
      cabac.terminate(ends ? 1 : 0);
      if (ends) break;
      const next = order[place]!;
      if ((tiled && next.tile !== tile) || (wavefronts && next.x === next.left)) {
        cabac.terminate(1);
        subsets.push(cabac.bytes.length);
      }
    }
    segmentEnd = writer.cabac.contexts.slice();
    const address = order[first]!.y * across + order[first]!.x;
    nals.push(
      segment(address, across * down, kind === 'segment', tiled || wavefronts, subsets, writer.cabac.bytes),
    );
  }
  return { nals, blocks };
}

function profile(bits: BitWriter): BitWriter {
  return bits.u(0, 3).u(1, 5).u(0x6000, 16).u(0, 16).u(0x90, 8).u(0, 24).u(0, 16).u(120, 8);
}

function video(): Buffer {
  const bits = profile(new BitWriter().u(0, 4).u(3, 2).u(0, 6).u(0, 3).flag(true).u(0xffff, 16));
  return bits.flag(true).ue(1).ue(0).ue(0).u(0, 6).ue(0).flag(false).flag(false).nal(0x40, 1);
}

function sequence({ width, height, log2Ctb }: Layout): Buffer {
  const bits = new BitWriter().u(0, 4).u(0, 3).flag(true);
  profile(bits);
  bits.ue(0).ue(1).ue(width).ue(height).flag(false).ue(0).ue(0).ue(4);
  bits.flag(true).ue(1).ue(0).ue(0);
  bits
    .ue(0)
    .ue(log2Ctb - 3)
    .ue(0)
    .ue(Math.min(5, log2Ctb) - 2)
    .ue(0)
    .ue(0);
  bits.flag(false).flag(false).flag(false);
  // PCM of 8 bits from 8 x 8 to 32 x 32, without the loop filter.
  bits
    .flag(true)
    .u(7, 4)
    .u(7, 4)
    .ue(0)
    .ue(Math.min(5, log2Ctb) - 3)
    .flag(true);
  return bits.ue(0).flag(false).flag(false).flag(false).flag(false).flag(false).nal(0x42, 1);
}

function picture({ columns, rows, wavefronts }: Layout, tiled: boolean): Buffer {
  const bits = new BitWriter().ue(0).ue(0).flag(true).flag(false).u(0, 3).flag(false).flag(false).ue(0).ue(0);
  bits
    .se(QP - 26)
    .flag(false)
    .flag(false)
    .flag(false)
    .se(0)
    .se(0)
    .flag(false)
    .u(0, 2)
    .flag(false)
    .flag(tiled);
  bits.flag(wavefronts);
  if (tiled) {
    bits
      .ue(columns.length - 1)
      .ue(rows.length - 1)
      .flag(false);
    for (const sizes of [columns, rows]) for (const size of sizes.slice(0, -1)) bits.ue(size - 1);
    bits.flag(false);
  }
  // No filter across slices, and no deblocking at all.
  bits.flag(false).flag(true).flag(false).flag(true);
  return bits.flag(false).flag(false).ue(0).flag(false).flag(false).nal(0x44, 1);
}

function segment(
  address: number,
  total: number,
  dependent: boolean,
  hasSubsets: boolean,
  subsets: readonly number[],
  data: readonly number[],
): Buffer {
  const bits = new BitWriter()
    .flag(address === 0)
    .flag(false)
    .ue(0);
  if (address > 0) bits.flag(dependent).u(address, 32 - Math.clz32(total - 1));
  // An I slice with the picture's own quantiser.
  if (!dependent) bits.ue(2).se(0);
  if (hasSubsets) {
    bits.ue(subsets.length);
    if (subsets.length > 0) bits.ue(31);
    for (const [n, end] of subsets.entries()) bits.u(end - (subsets[n - 1] ?? 0) - 1, 32);
  }
  return Buffer.concat([Buffer.from([0x26, 1]), escape(Buffer.concat([bits.rbsp(), Buffer.from(data)]))]);
}
