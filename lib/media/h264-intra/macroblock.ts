// Decodes slices of I macroblocks into the frame, block by block: syntax (H.264 7.3.5), prediction and
// residual.

import { I_PCM } from './entropy.js';
import type { Entropy } from './entropy.js';
import { broken, unsupported } from './errors.js';
import type { Frame } from './frame.js';
import { DC_MODE, FLAG } from './neighbours.js';
import type { Neighbours } from './neighbours.js';
import { predict16x16, predictChroma } from './predict-16x16.js';
import { predict4x4 } from './predict-4x4.js';
import { predict8x8 } from './predict-8x8.js';
import type { BitSource } from './rbsp.js';
import type { SliceHeader } from './slice-header.js';
import { BLOCK_X, BLOCK_Y } from './tables.js';
import { QPS, add4x4, add8x8, addDc, chromaQp, transformChromaDc, transformLumaDc } from './transform.js';
import type { Scales } from './transform.js';

/** Number of coefficients that neighbours assume for an I_PCM block. */
const PCM_COUNT = 16;

/** coded_block_pattern with all luma and chroma blocks. */
const FULL_PATTERN = 0x2f;

/**
 * By 4x4 block number: whether the block above and to the right is decoded before this one, provided its
 * macroblock is available.
 */
const HAS_TOP_RIGHT = Uint8Array.of(1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0);

export class MacroblockDecoder {
  private readonly source: BitSource;
  private readonly frame: Frame;
  private readonly neighbours: Neighbours;
  /** All zero between blocks. */
  private readonly block = new Int32Array(64);
  private readonly dc = new Int32Array(16);
  /** Prediction modes of the 16 4x4 or 4 8x8 blocks, which precede the residual. */
  private readonly modes = new Uint8Array(16);
  private entropy!: Entropy;
  private scales!: Scales;
  private qp = 0;
  private lossless = false;
  private cbQpOffset = 0;
  private crQpOffset = 0;
  private mb = 0;
  /** Index of the macroblock's first luma and chroma samples. */
  private yAt = 0;
  private cAt = 0;
  private left = false;
  private top = false;
  private corner = false;
  private topRight = false;

  constructor(source: BitSource, frame: Frame) {
    this.source = source;
    this.frame = frame;
    this.neighbours = frame.neighbours;
  }

  /**
   * Decodes the macroblocks of slice number `slice`; `source` stands at its data. Returns the address behind
   * the last one.
   */
  decodeSlice(header: SliceHeader, slice: number, entropy: Entropy, scales: Scales): number {
    const frame = this.frame;
    const mbs = frame.slice.length;
    this.block.fill(0);
    this.entropy = entropy;
    this.scales = scales;
    this.qp = header.qp;
    this.lossless = header.sps.lossless;
    this.cbQpOffset = header.pps.cbQpOffset;
    this.crQpOffset = header.pps.crQpOffset;
    entropy.start(header.qp, frame.grey);
    let mb = header.firstMb;
    do {
      if (mb >= mbs) throw broken('it has more macroblocks than the picture');
      this.begin(mb, slice);
      this.macroblock(header.pps.transform8x8);
      this.neighbours.end();
      mb += 1;
    } while (!entropy.endOfSlice());
    return mb;
  }

  private begin(mb: number, slice: number): void {
    const frame = this.frame;
    const width = frame.widthInMbs;
    const mbX = mb % width;
    const mbY = (mb - mbX) / width;
    const slices = frame.slice;
    this.mb = mb;
    this.yAt = 16 * (mbY * frame.yStride + mbX);
    this.cAt = 8 * (mbY * frame.cStride + mbX);
    this.left = mbX > 0 && slices[mb - 1] === slice;
    this.top = mbY > 0 && slices[mb - width] === slice;
    this.corner = mbX > 0 && mbY > 0 && slices[mb - width - 1] === slice;
    this.topRight = mbX < width - 1 && mbY > 0 && slices[mb - width + 1] === slice;
    slices[mb] = slice;
    this.neighbours.begin(mbX, this.left, this.top);
  }

  private macroblock(allow8x8: boolean): void {
    const entropy = this.entropy;
    const neighbours = this.neighbours;
    const frame = this.frame;
    const type = entropy.mbType();
    frame.transform8x8[this.mb] = 0;
    if (type === I_PCM) {
      this.pcm();
      return;
    }
    if (type === 0) {
      const large = allow8x8 && entropy.transform8x8();
      if (large) {
        neighbours.flags |= FLAG.transform8x8;
        frame.transform8x8[this.mb] = 1;
      }
      this.readModes(large ? 2 : 1);
    } else {
      neighbours.flags |= FLAG.notNxN;
      neighbours.fillModes(0, 0, 4, DC_MODE);
    }
    const chromaMode = frame.grey ? 0 : entropy.chromaMode();
    if (chromaMode !== 0) neighbours.flags |= FLAG.chromaMode;
    const pattern = type === 0 ? entropy.codedBlockPattern() : patternOf16x16(type, frame.grey);
    neighbours.pattern = pattern;
    if (type !== 0 || pattern !== 0) this.readQpDelta();
    else entropy.noQpDelta();
    if (this.qp === 0 && this.lossless) throw unsupported('lossless coding');
    frame.qp[this.mb] = this.qp;
    if (type !== 0) this.luma16x16((type - 1) & 3, pattern);
    else if ((neighbours.flags & FLAG.transform8x8) !== 0) this.luma8x8(pattern);
    else this.luma4x4(pattern);
    if (!frame.grey) this.chroma(chromaMode, pattern >> 4);
  }

  private readQpDelta(): void {
    const delta = this.entropy.qpDelta();
    if (delta < -26 || delta > 25) throw broken('a quantiser is out of range');
    this.qp = (this.qp + delta + QPS) % QPS;
  }

  /** `size`: 1 for 16 4x4 blocks, 2 for 4 8x8 blocks. */
  private readModes(size: number): void {
    const entropy = this.entropy;
    const neighbours = this.neighbours;
    const step = size * size;
    for (let n = 0; n < 16; n += step) {
      const x = BLOCK_X[n]!;
      const y = BLOCK_Y[n]!;
      const expected = neighbours.expectedMode(x, y);
      const read = entropy.predictionMode();
      const mode = read < 0 ? expected : read < expected ? read : read + 1;
      this.modes[n] = mode;
      neighbours.fillModes(x, y, size, mode);
    }
  }

  private pcm(): void {
    const { y, cb, cr, yStride, cStride, grey, qp } = this.frame;
    const neighbours = this.neighbours;
    const { data } = this.source;
    const from = this.entropy.pcm(grey ? 256 : 384);
    copyBlock(data, from, y, this.yAt, yStride, 16);
    if (!grey) {
      copyBlock(data, from + 256, cb, this.cAt, cStride, 8);
      copyBlock(data, from + 320, cr, this.cAt, cStride, 8);
    }
    // For deblocking, qP of I_PCM is 0; QPY,PRED for the next macroblock is unchanged (7.4.5).
    qp[this.mb] = 0;
    this.entropy.noQpDelta();
    neighbours.flags = FLAG.notNxN | FLAG.lumaDc | FLAG.cbDc | FLAG.crDc;
    neighbours.pattern = FULL_PATTERN;
    neighbours.fillLuma(0, 0, 4, PCM_COUNT);
    neighbours.fillChroma(PCM_COUNT);
    neighbours.fillModes(0, 0, 4, DC_MODE);
  }

  private luma4x4(pattern: number): void {
    const { y: plane, yStride } = this.frame;
    const entropy = this.entropy;
    const block = this.block;
    const scale = this.scales.blocks4x4;
    const scaleAt = 16 * this.qp;
    for (let n = 0; n < 16; n += 1) {
      const x = BLOCK_X[n]!;
      const y = BLOCK_Y[n]!;
      const at = this.yAt + 4 * (y * yStride + x);
      const left = x > 0 || this.left;
      const top = y > 0 || this.top;
      const corner = y > 0 ? left : x > 0 ? this.top : this.corner;
      const topRight = HAS_TOP_RIGHT[n]! !== 0 && (y > 0 || (x < 3 ? this.top : this.topRight));
      predict4x4(plane, at, yStride, this.modes[n]!, left, top, corner, topRight);
      if (((pattern >> (n >> 2)) & 1) === 0) {
        if ((n & 3) === 0) this.neighbours.fillLuma(x, y, 2, 0);
        continue;
      }
      const count = entropy.luma4x4(block, x, y, 0, scale, scaleAt);
      if (count > 0) addBlock(block, count, plane, at, yStride);
    }
  }

  private luma8x8(pattern: number): void {
    const { y: plane, yStride } = this.frame;
    const block = this.block;
    const scaleAt = 64 * this.qp;
    for (let n = 0; n < 4; n += 1) {
      const x = 2 * (n & 1);
      const y = n & 2;
      const at = this.yAt + 4 * (y * yStride + x);
      const left = x > 0 || this.left;
      const top = y > 0 || this.top;
      const corner = y > 0 ? left : x > 0 ? this.top : this.corner;
      const topRight = n === 0 ? this.top : n === 1 ? this.topRight : n === 2;
      predict8x8(plane, at, yStride, this.modes[4 * n]!, left, top, corner, topRight);
      if (((pattern >> n) & 1) === 0) {
        this.neighbours.fillLuma(x, y, 2, 0);
        continue;
      }
      const count = this.entropy.luma8x8(block, x, y, this.scales.blocks8x8, scaleAt);
      if (count === 1 && block[0] !== 0) {
        addDc(plane, at, yStride, 8, block[0]!);
        block[0] = 0;
      } else if (count > 0) {
        add8x8(block, plane, at, yStride);
      }
    }
  }

  private luma16x16(mode: number, pattern: number): void {
    const { y: plane, yStride } = this.frame;
    const block = this.block;
    const dc = this.dc;
    const scale = this.scales.blocks4x4;
    const scaleAt = 16 * this.qp;
    predict16x16(plane, this.yAt, yStride, mode, this.left, this.top, this.corner);
    dc.fill(0);
    const hasDc = this.entropy.lumaDc(dc) > 0;
    if (hasDc) transformLumaDc(dc, scale[scaleAt]!);
    const hasAc = (pattern & 15) !== 0;
    if (!hasAc) this.neighbours.fillLuma(0, 0, 4, 0);
    if (!hasAc && !hasDc) return;
    for (let n = 0; n < 16; n += 1) {
      const x = BLOCK_X[n]!;
      const y = BLOCK_Y[n]!;
      const at = this.yAt + 4 * (y * yStride + x);
      const count = hasAc ? this.entropy.luma4x4(block, x, y, 1, scale, scaleAt) : 0;
      addWithDc(block, count, dc[4 * y + x]!, plane, at, yStride);
    }
  }

  /** `coded`: 0 for none, 1 for DC, 2 for DC and AC. */
  private chroma(mode: number, coded: number): void {
    const { cb, cr, cStride } = this.frame;
    const block = this.block;
    const dc = this.dc;
    predictChroma(cb, this.cAt, cStride, mode, this.left, this.top, this.corner);
    predictChroma(cr, this.cAt, cStride, mode, this.left, this.top, this.corner);
    if (coded < 2) this.neighbours.fillChroma(0);
    if (coded === 0) return;
    const scale = this.scales.blocks4x4;
    const cbScaleAt = 16 * (QPS + chromaQp(this.qp, this.cbQpOffset));
    const crScaleAt = 16 * (2 * QPS + chromaQp(this.qp, this.crQpOffset));
    dc.fill(0);
    if (this.entropy.chromaDc(block, 0) > 0) {
      transformChromaDc(block, scale[cbScaleAt]!);
      moveFour(block, dc, 0);
    }
    if (this.entropy.chromaDc(block, 1) > 0) {
      transformChromaDc(block, scale[crScaleAt]!);
      moveFour(block, dc, 4);
    }
    for (let n = 0; n < 8; n += 1) {
      const second = n >> 2;
      const x = n & 1;
      const y = (n >> 1) & 1;
      const at = this.cAt + 4 * (y * cStride + x);
      const scaleAt = second === 0 ? cbScaleAt : crScaleAt;
      const count = coded === 2 ? this.entropy.chromaAc(block, second, x, y, scale, scaleAt) : 0;
      addWithDc(block, count, dc[n]!, second === 0 ? cb : cr, at, cStride);
    }
  }
}

/** Table 7-11: mb_type counts prediction modes first, then chroma's pattern, then luma's. */
function patternOf16x16(type: number, grey: boolean): number {
  const chroma = ((type - 1) >> 2) % 3;
  if (grey && chroma !== 0) throw broken('a coded block pattern does not exist');
  return 16 * chroma + (type > 12 ? 15 : 0);
}

function addBlock(
  block: Int32Array,
  count: number,
  plane: Uint8ClampedArray,
  at: number,
  stride: number,
): void {
  if (count === 1 && block[0] !== 0) {
    addDc(plane, at, stride, 4, block[0]!);
    block[0] = 0;
  } else {
    add4x4(block, plane, at, stride);
  }
}

/** `count`: number of AC coefficients in the block. */
function addWithDc(
  block: Int32Array,
  count: number,
  dc: number,
  plane: Uint8ClampedArray,
  at: number,
  stride: number,
): void {
  if (count > 0) {
    block[0] = dc;
    add4x4(block, plane, at, stride);
  } else if (dc !== 0) {
    addDc(plane, at, stride, 4, dc);
  }
}

function moveFour(from: Int32Array, to: Int32Array, at: number): void {
  for (let i = 0; i < 4; i += 1) {
    to[at + i] = from[i]!;
    from[i] = 0;
  }
}

function copyBlock(
  data: Uint8Array,
  from: number,
  plane: Uint8ClampedArray,
  at: number,
  stride: number,
  size: number,
): void {
  for (let y = 0; y < size; y += 1) {
    plane.set(data.subarray(from + y * size, from + (y + 1) * size), at + y * stride);
  }
}
