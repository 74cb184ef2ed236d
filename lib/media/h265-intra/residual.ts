// Parses the coefficients of a transform block and discards them (H.265 7.3.8.11, 9.3.4.2.4 to 9.3.4.2.7).

import { ArithmeticDecoder } from '../h264-intra/cabac-engine.js';
import { broken } from './errors.js';
import { CONTEXT, SCANS, SIGNIFICANT, SIGNIFICANT_4X4 } from './tables.js';

/** Columns of the map of coded sub-blocks: 8, and an empty one beside them. */
const STRIDE = 9;
/** Coefficients have 16 bits. */
const MAX_LEVEL = 32_768;
const MAX_PREFIX = 20;

export abstract class ResidualReader extends ArithmeticDecoder {
  private readonly codedSubBlocks = new Uint8Array(STRIDE * STRIDE);
  private readonly levels = new Uint8Array(16);

  /** `hideSigns`: sign_data_hiding_enabled_flag, but false for a lossless block. */
  protected residual(log2: number, chroma: boolean, scanIndex: number, hideSigns: boolean): void {
    const lastX = this.lastPrefix(CONTEXT.lastX, log2, chroma);
    const lastY = this.lastPrefix(CONTEXT.lastY, log2, chroma);
    let x = this.lastPosition(lastX);
    let y = this.lastPosition(lastY);
    if (scanIndex === 2) [x, y] = [y, x];

    const scan = SCANS[scanIndex]![2]!;
    const blocks = SCANS[scanIndex]![log2 - 2]!;
    const lastBlock = blocks.place[((y >> 2) << 3) + (x >> 2)]!;
    const lastPlace = scan.place[((y & 3) << 3) + (x & 3)]!;
    const coded = this.codedSubBlocks;
    coded.fill(0);
    const significant = CONTEXT.significant + (chroma ? 27 : 0);
    let greater1 = 1;
    for (let block = lastBlock; block >= 0; block -= 1) {
      const column = blocks.x[block]!;
      const row = blocks.y[block]!;
      const at = row * STRIDE + column;
      const around = coded[at + 1]! | (coded[at + STRIDE]! << 1);
      const isFlagCoded = block < lastBlock && block > 0;
      if (isFlagCoded) {
        coded[at] = this.bin(CONTEXT.codedSubBlock + (chroma ? 2 : 0) + (around === 0 ? 0 : 1));
        if (coded[at] === 0) continue;
      } else {
        coded[at] = 1;
      }
      const base = significant + this.significantBase(log2, chroma, scanIndex, block);
      let high = block === lastBlock ? lastPlace : -1;
      let low = high;
      let count = high < 0 ? 0 : 1;
      for (let place = block === lastBlock ? lastPlace - 1 : 15; place > 0; place -= 1) {
        const inBlock = (scan.y[place]! << 2) + scan.x[place]!;
        const context =
          log2 === 2 ? significant + SIGNIFICANT_4X4[inBlock]! : base + SIGNIFICANT[(around << 4) + inBlock]!;
        if (this.bin(context) === 0) continue;
        if (high < 0) high = place;
        low = place;
        count += 1;
      }
      // The first coefficient is inferred if it is the sub-block's only possible one, or the last of the
      // whole block.
      if (block < lastBlock || lastPlace > 0) {
        const inferred = isFlagCoded && count === 0;
        const context =
          block === 0 ? significant : log2 === 2 ? significant : base + SIGNIFICANT[around << 4]!;
        if (inferred || this.bin(context) !== 0) {
          if (high < 0) high = 0;
          low = 0;
          count += 1;
        }
      }
      if (count === 0) continue;
      const set = (block === 0 || chroma ? 0 : 2) + (block < lastBlock && greater1 === 0 ? 1 : 0);
      greater1 = this.levelsOf(count, set, chroma, hideSigns && high - low > 3);
    }
  }

  /** Part of the sig_coeff_flag context that a sub-block's coefficients share, for blocks larger than 4x4. */
  private significantBase(log2: number, chroma: boolean, scanIndex: number, block: number): number {
    if (chroma) return log2 === 3 ? 9 : 12;
    return (block > 0 ? 3 : 0) + (log2 === 3 ? (scanIndex === 0 ? 9 : 15) : 21);
  }

  private lastPrefix(first: number, log2: number, chroma: boolean): number {
    const offset = chroma ? 15 : 3 * (log2 - 2) + ((log2 - 1) >> 2);
    const shift = chroma ? log2 - 2 : (log2 + 1) >> 2;
    const most = 2 * log2 - 1;
    let prefix = 0;
    while (prefix < most && this.bin(first + offset + (prefix >> shift)) !== 0) prefix += 1;
    return prefix;
  }

  private lastPosition(prefix: number): number {
    if (prefix <= 3) return prefix;
    const bits = (prefix >> 1) - 1;
    return ((2 + (prefix & 1)) << bits) + this.bypassBits(bits);
  }

  /**
   * Parses the levels and signs of a sub-block's `count` coefficients. Returns greater1Ctx for the next
   * sub-block.
   */
  private levelsOf(count: number, set: number, chroma: boolean, signHidden: boolean): number {
    const levels = this.levels;
    const first = CONTEXT.greater1 + (chroma ? 16 : 0) + 4 * set;
    let context = 1;
    let firstGreater = -1;
    for (let n = 0; n < Math.min(8, count); n += 1) {
      const greater = this.bin(first + context);
      levels[n] = 1 + greater;
      if (greater !== 0) {
        context = 0;
        if (firstGreater < 0) firstGreater = n;
      } else if (context > 0 && context < 3) {
        context += 1;
      }
    }
    if (firstGreater >= 0) levels[firstGreater]! += this.bin(CONTEXT.greater2 + (chroma ? 4 : 0) + set);
    this.bypassBits(signHidden ? count - 1 : count);
    let rice = 0;
    for (let n = 0; n < count; n += 1) {
      const level = n < 8 ? levels[n]! : 1;
      if (level < (n >= 8 ? 1 : n === firstGreater ? 3 : 2)) continue;
      const whole = level + this.remaining(rice);
      if (whole > MAX_LEVEL) throw broken('a coefficient is out of range');
      if (whole > 3 << rice && rice < 4) rice += 1;
    }
    return context;
  }

  /** coeff_abs_level_remaining (9.3.3.11). */
  private remaining(rice: number): number {
    let prefix = 0;
    while (this.bypass() !== 0) {
      prefix += 1;
      if (prefix > MAX_PREFIX) throw broken('a coefficient is out of range');
    }
    if (prefix <= 3) return (prefix << rice) + this.bypassBits(rice);
    return (((1 << (prefix - 3)) + 2) << rice) + this.bypassBits(prefix - 3 + rice);
  }

  protected bypassBits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1) value = (value << 1) | this.bypass();
    return value;
  }
}
