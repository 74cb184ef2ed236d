// Parses the coding trees of a slice segment to the last bit, without reconstructing samples (H.265 7.3.8).

import type { BitSource } from '../h264-intra/rbsp.js';
import { broken } from './errors.js';
import type { Pps, Sps } from './parameter-sets.js';
import type { PictureMap } from './picture-map.js';
import { ResidualReader } from './residual.js';
import type { SliceHeader } from './slice-header.js';
import { CONTEXT, CONTEXTS, DIAGONAL, HORIZONTAL, VERTICAL, startContexts } from './tables.js';

/** Intra prediction modes (table 8-1). */
const PLANAR = 0;
const DC = 1;
const ANGULAR_10 = 10;
const ANGULAR_26 = 26;
const ANGULAR_34 = 34;
/** intra_chroma_pred_mode 0 to 3. */
const CHROMA_MODES = [PLANAR, ANGULAR_26, ANGULAR_10, DC] as const;
/** Luma modes kept for the left neighbours: 64 samples in units of four. */
const LEFT_MODES = 16;
/** Largest cu_qp_delta: 26 and half of what the highest bit depth adds. */
const MAX_QP_DELTA = 26 + 24;

export class CodingTreeReader extends ResidualReader {
  /** By coding tree block: first address of the slice it belongs to; -1 if not parsed yet. */
  private readonly slices: Int32Array;
  /** Coding quadtree depths above and to the left, in units of the smallest coding block. */
  private readonly depthAbove: Uint8Array;
  private readonly depthLeft = new Uint8Array(8);
  /** Luma modes above (inside the coding tree block) and to the left, in units of 4 samples. */
  private readonly modeAbove: Uint8Array;
  private readonly modeLeft = new Uint8Array(LEFT_MODES);
  private readonly wavefront = new Uint8Array(CONTEXTS);
  private readonly segmentEnd = new Uint8Array(CONTEXTS);
  private readonly modes = new Uint8Array(4);

  private header!: SliceHeader;
  private pps!: Pps;
  /** Address of the current slice: the first one of its independent segment. */
  private slice = 0;
  private leftIsThere = false;
  private aboveIsThere = false;
  private qpDeltaRead = false;
  private lossless = false;
  private chromaMode = DC;

  constructor(
    private readonly sps: Sps,
    private readonly map: PictureMap,
    private readonly source: BitSource,
  ) {
    super();
    this.slices = new Int32Array(map.addresses.length).fill(-1);
    this.depthAbove = new Uint8Array((map.columns << sps.log2Ctb) >> sps.log2MinCb);
    this.modeAbove = new Uint8Array((map.columns << sps.log2Ctb) >> 2);
  }

  /**
   * Parses the segment that begins at `place` of the coding order and at `source.at`. Returns the place
   * behind it.
   */
  readSegment(header: SliceHeader, place: number): number {
    const { map, source } = this;
    this.header = header;
    this.pps = header.pps;
    if (!header.dependent) this.slice = header.address;
    this.startEngine(source.data, source.at >> 3);
    for (let next = place; ;) {
      const address = map.addresses[next]!;
      this.begin(address, next === place);
      this.codingTree(address);
      this.keepForWavefront(address);
      const ends = this.terminate();
      next += 1;
      if (this.bitsRead > source.end + 1) throw broken('a slice ends too early');
      if (ends) {
        if (this.bitsRead !== source.end + 1) throw broken('a slice does not end where its data does');
        this.segmentEnd.set(this.contexts.subarray(0, CONTEXTS));
        return next;
      }
      if (next === map.addresses.length) throw broken('a slice does not end where the picture does');
      if (this.startsSubset(map.addresses[next]!)) {
        if (!this.terminate()) throw broken('a row or tile does not end where it should');
        this.startEngine(source.data, (this.bitsRead + 7) >> 3);
      }
    }
  }

  private firstOfTile(address: number): boolean {
    const { tiles, places, addresses } = this.map;
    const place = places[address]!;
    return place === 0 || tiles[address] !== tiles[addresses[place - 1]!];
  }

  private firstOfRow(address: number): boolean {
    const column = address % this.map.columns;
    return column === this.map.tileStarts[column];
  }

  private startsSubset(address: number): boolean {
    return (this.pps.tiles && this.firstOfTile(address)) || (this.pps.wavefronts && this.firstOfRow(address));
  }

  /** Whether the block at an address is parsed and belongs to the same slice and tile. */
  private isThere(address: number, from: number): boolean {
    return this.slices[address] === this.slice && this.map.tiles[address] === this.map.tiles[from];
  }

  /** Initialises contexts and neighbours at the start of a coding tree block (9.3.1). */
  private begin(address: number, firstOfSegment: boolean): void {
    const { columns } = this.map;
    const { pps, dependent, qp } = this.header;
    const column = address % columns;
    if (firstOfSegment || this.startsSubset(address)) {
      const aboveRight = column + 1 < columns && address >= columns ? address - columns + 1 : -1;
      if (this.firstOfTile(address)) startContexts(this.contexts, qp);
      else if (pps.wavefronts && this.firstOfRow(address)) {
        if (aboveRight >= 0 && this.isThere(aboveRight, address)) this.contexts.set(this.wavefront);
        else startContexts(this.contexts, qp);
      } else if (dependent && firstOfSegment) this.contexts.set(this.segmentEnd);
      else startContexts(this.contexts, qp);
    }
    this.slices[address] = this.slice;
    this.leftIsThere = column > 0 && this.isThere(address - 1, address);
    this.aboveIsThere = address >= columns && this.isThere(address - columns, address);
  }

  /** Saves the contexts after the second block of a row; the next row starts with them. */
  private keepForWavefront(address: number): void {
    if (!this.pps.wavefronts) return;
    const column = address % this.map.columns;
    if (column === this.map.tileStarts[column]! + 1) this.wavefront.set(this.contexts.subarray(0, CONTEXTS));
  }

  private codingTree(address: number): void {
    const { log2Ctb } = this.sps;
    const x = (address % this.map.columns) << log2Ctb;
    const y = Math.floor(address / this.map.columns) << log2Ctb;
    const { saoLuma, saoChroma } = this.header;
    if (saoLuma || saoChroma) this.sao(saoLuma, saoChroma);
    this.quadtree(x, y, log2Ctb, 0);
  }

  private sao(luma: boolean, chroma: boolean): void {
    if (this.leftIsThere && this.bin(CONTEXT.saoMerge) !== 0) return;
    if (this.aboveIsThere && this.bin(CONTEXT.saoMerge) !== 0) return;
    let type = 0;
    for (let channel = 0; channel < (this.sps.chromaFormat === 0 ? 1 : 3); channel += 1) {
      if (!(channel === 0 ? luma : chroma)) continue;
      if (channel < 2) type = this.bin(CONTEXT.saoType) === 0 ? 0 : 1 + this.bypass();
      if (type === 0) continue;
      const depth = channel === 0 ? this.sps.lumaDepth : this.sps.chromaDepth;
      const most = (1 << (Math.min(depth, 10) - 5)) - 1;
      let offsets = 0;
      for (let i = 0; i < 4; i += 1) {
        let size = 0;
        while (size < most && this.bypass() !== 0) size += 1;
        if (size > 0) offsets += 1;
      }
      if (type === 1) this.bypassBits(offsets + 5);
      else if (channel < 2) this.bypassBits(2);
    }
  }

  private quadtree(x: number, y: number, log2: number, depth: number): void {
    const { codedWidth, codedHeight, log2MinCb, log2Ctb } = this.sps;
    const side = 1 << log2;
    let split = log2 > log2MinCb;
    if (split && x + side <= codedWidth && y + side <= codedHeight) {
      const inTree = (1 << log2Ctb) - 1;
      const left = (x & inTree) !== 0 || this.leftIsThere;
      const above = (y & inTree) !== 0 || this.aboveIsThere;
      const deeper =
        (left && this.depthLeft[(y & inTree) >> log2MinCb]! > depth ? 1 : 0) +
        (above && this.depthAbove[x >> log2MinCb]! > depth ? 1 : 0);
      split = this.bin(CONTEXT.split + deeper) !== 0;
    }
    const { qpDeltaDepth } = this.pps;
    if (qpDeltaDepth !== undefined && log2 >= log2Ctb - qpDeltaDepth) this.qpDeltaRead = false;
    if (!split) {
      this.codingUnit(x, y, log2, depth);
      return;
    }
    const half = side >> 1;
    this.quadtree(x, y, log2 - 1, depth + 1);
    if (x + half < codedWidth) this.quadtree(x + half, y, log2 - 1, depth + 1);
    if (y + half < codedHeight) this.quadtree(x, y + half, log2 - 1, depth + 1);
    if (x + half < codedWidth && y + half < codedHeight)
      this.quadtree(x + half, y + half, log2 - 1, depth + 1);
  }

  private codingUnit(x: number, y: number, log2: number, depth: number): void {
    const { log2MinCb, log2Ctb, pcm, chromaFormat } = this.sps;
    const inTree = (1 << log2Ctb) - 1;
    const blocks = 1 << (log2 - log2MinCb);
    const column = x >> log2MinCb;
    const row = (y & inTree) >> log2MinCb;
    this.depthAbove.fill(depth, column, column + blocks);
    this.depthLeft.fill(depth, row, row + blocks);
    this.lossless = this.pps.lossless && this.bin(CONTEXT.lossless) !== 0;
    const quarters = log2 === log2MinCb && this.bin(CONTEXT.partition) === 0;
    if (pcm && !quarters && log2 >= pcm.log2Min && log2 <= pcm.log2Max && this.terminate()) {
      this.setModes(x, y, 1 << log2, DC);
      this.passSamples(log2);
      return;
    }
    this.lumaModes(x, y, log2, quarters);
    if (chromaFormat !== 0) this.chromaMode = this.readChromaMode(this.modes[0]!);
    this.transformTree(x, y, log2, 0, 0, quarters, 0, 1, 1);
  }

  /** Skips pcm_sample (7.3.8.7) and restarts the arithmetic decoder behind it. */
  private passSamples(log2: number): void {
    const { chromaFormat, pcm } = this.sps;
    const chroma = chromaFormat === 0 ? 0 : pcm!.chromaDepth << (2 * log2 - 1);
    const bits = (pcm!.lumaDepth << (2 * log2)) + chroma;
    this.startEngine(this.source.data, (this.bitsRead + bits + 7) >> 3);
  }

  private lumaModes(x: number, y: number, log2: number, quarters: boolean): void {
    const parts = quarters ? 4 : 1;
    const side = 1 << (quarters ? log2 - 1 : log2);
    let expected = 0;
    for (let part = 0; part < parts; part += 1) expected |= this.bin(CONTEXT.expectedMode) << part;
    for (let part = 0; part < parts; part += 1) {
      const px = x + (part & 1) * side;
      const py = y + (part >> 1) * side;
      const mode = this.lumaMode(px, py, ((expected >> part) & 1) !== 0);
      this.modes[part] = mode;
      this.setModes(px, py, side, mode);
    }
  }

  /**
   * Luma mode (8.4.2): one of the three most probable modes derived from the neighbours, or one of the
   * remaining.
   */
  private lumaMode(x: number, y: number, isExpected: boolean): number {
    const inTree = (1 << this.sps.log2Ctb) - 1;
    const a = (x & inTree) !== 0 || this.leftIsThere ? this.modeLeft[(y & inTree) >> 2]! : DC;
    const b = (y & inTree) !== 0 ? this.modeAbove[x >> 2]! : DC;
    let first = a;
    let second = b;
    let third: number;
    if (a === b) {
      first = a < 2 ? PLANAR : a;
      second = a < 2 ? DC : 2 + ((a + 29) & 31);
      third = a < 2 ? ANGULAR_26 : 2 + ((a - 1) & 31);
    } else if (a !== PLANAR && b !== PLANAR) third = PLANAR;
    else third = a !== DC && b !== DC ? DC : ANGULAR_26;
    if (isExpected) return this.bypass() === 0 ? first : this.bypass() === 0 ? second : third;
    let mode = this.bypassBits(5);
    const low = Math.min(first, second, third);
    const high = Math.max(first, second, third);
    if (mode >= low) mode += 1;
    if (mode >= first + second + third - low - high) mode += 1;
    if (mode >= high) mode += 1;
    return mode;
  }

  private setModes(x: number, y: number, side: number, mode: number): void {
    const row = (y & ((1 << this.sps.log2Ctb) - 1)) >> 2;
    this.modeAbove.fill(mode, x >> 2, (x + side) >> 2);
    this.modeLeft.fill(mode, row, row + (side >> 2));
  }

  private readChromaMode(luma: number): number {
    if (this.bin(CONTEXT.chromaMode) === 0) return luma;
    const mode = CHROMA_MODES[this.bypassBits(2)]!;
    return mode === luma ? ANGULAR_34 : mode;
  }

  /**
   * `index`: quarter of the parent. `part`: prediction part whose luma mode applies. `cb`, `cr`: coded block
   * flags of the parent.
   */
  private transformTree(
    x: number,
    y: number,
    log2: number,
    depth: number,
    index: number,
    quarters: boolean,
    part: number,
    parentCb: number,
    parentCr: number,
  ): void {
    const { log2MinTb, log2MaxTb, transformDepth, chromaFormat } = this.sps;
    const forced = quarters && depth === 0;
    let split = log2 > log2MaxTb || forced;
    if (!split && log2 > log2MinTb && depth < transformDepth + (quarters ? 1 : 0))
      split = this.bin(CONTEXT.splitTransform + 5 - log2) !== 0;
    let cb = 0;
    let cr = 0;
    if (chromaFormat !== 0) {
      cb = log2 > 2 && parentCb !== 0 ? this.bin(CONTEXT.codedChroma + depth) : parentCb;
      cr = log2 > 2 && parentCr !== 0 ? this.bin(CONTEXT.codedChroma + depth) : parentCr;
    }
    if (!split) {
      const luma = this.bin(CONTEXT.codedLuma + (depth === 0 ? 1 : 0));
      this.transformUnit(log2, index, part, luma, cb, cr);
      return;
    }
    const half = 1 << (log2 - 1);
    for (let quarter = 0; quarter < 4; quarter += 1) {
      const mode = forced ? quarter : part;
      this.transformTree(
        x + (quarter & 1) * half,
        y + (quarter >> 1) * half,
        log2 - 1,
        depth + 1,
        quarter,
        quarters,
        mode,
        cb,
        cr,
      );
    }
  }

  private transformUnit(
    log2: number,
    index: number,
    part: number,
    luma: number,
    cb: number,
    cr: number,
  ): void {
    if ((luma | cb | cr) === 0) return;
    if (this.pps.qpDeltaDepth !== undefined && !this.qpDeltaRead) this.readQpDelta();
    if (luma !== 0) this.block(log2, false, log2 <= 3 ? scanFor(this.modes[part]!) : DIAGONAL);
    // Four 4x4 luma blocks share one block of each chroma, which follows the last of them.
    if (log2 === 2 && index !== 3) return;
    const chromaLog2 = Math.max(2, log2 - 1);
    const scan = chromaLog2 === 2 ? scanFor(this.chromaMode) : DIAGONAL;
    if (cb !== 0) this.block(chromaLog2, true, scan);
    if (cr !== 0) this.block(chromaLog2, true, scan);
  }

  private block(log2: number, chroma: boolean, scan: number): void {
    const { transformSkip, log2MaxTransformSkip, signHiding } = this.pps;
    if (transformSkip && !this.lossless && log2 <= log2MaxTransformSkip)
      this.bin(CONTEXT.transformSkip + (chroma ? 1 : 0));
    this.residual(log2, chroma, scan, signHiding && !this.lossless);
  }

  /** cu_qp_delta_abs and its sign (9.3.3.10). */
  private readQpDelta(): void {
    this.qpDeltaRead = true;
    let size = 0;
    while (size < 5 && this.bin(CONTEXT.qpDelta + (size === 0 ? 0 : 1)) !== 0) size += 1;
    if (size === 5) {
      let more = 0;
      while (this.bypass() !== 0 && more < 8) {
        size += 1 << more;
        more += 1;
      }
      size += this.bypassBits(more);
    }
    if (size > MAX_QP_DELTA) throw broken('a quantiser is out of range');
    if (size > 0) this.bypass();
  }
}

function scanFor(mode: number): number {
  if (mode >= 6 && mode <= 14) return VERTICAL;
  return mode >= 22 && mode <= 30 ? HORIZONTAL : DIAGONAL;
}
