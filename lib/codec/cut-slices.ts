// Keeps the received beginnings of slices cut by a loss, apart from the whole NAL units. Recordings use them.

import { LIMITS } from '../limits.js';
import { START_CODE_BYTES } from './annexb.js';
import type { NalRange, VideoUnit } from './unit.js';

type Bytes = Pick<VideoUnit, 'data' | 'nals'>;

interface Cut {
  /** Number of the unit's own whole NAL units before it. */
  readonly at: number;
  readonly type: number;
  readonly bytes: Buffer;
}

/** Most cut slices kept per unit, each from one loss; guards against a stream of nothing else. */
const MAX_CUTS = 256;

export class CutSlices {
  private cuts: Cut[] = [];
  private size = 0;

  get count(): number {
    return this.cuts.length;
  }

  /** Copies the beginning of a slice: the bytes from `start` to `end`. */
  keep(data: Buffer, start: number, end: number, type: number, at: number): void {
    if (this.cuts.length >= MAX_CUTS || this.size + end - start > LIMITS.unitBytes) return;
    this.size += end - start;
    this.cuts.push({ at, type, bytes: Buffer.from(data.subarray(start, end)) });
  }

  clear(): void {
    if (this.cuts.length === 0) return;
    this.cuts = [];
    this.size = 0;
  }

  /**
   * The unit's whole NAL units with the cut ones in their places. `inserted`: how many parameter sets were
   * put in front of it.
   */
  join(whole: Bytes, inserted: number): Bytes {
    const pieces: { type: number; bytes: Buffer }[] = [];
    let next = 0;
    const putCuts = (before: number): void => {
      for (; next < this.cuts.length && this.cuts[next]!.at <= before; next += 1)
        pieces.push(this.cuts[next]!);
    };
    whole.nals.forEach(({ type, start, end }, i) => {
      if (i >= inserted) putCuts(i - inserted);
      pieces.push({ type, bytes: whole.data.subarray(start + START_CODE_BYTES, end) });
    });
    putCuts(Infinity);
    return joined(pieces);
  }
}

function joined(pieces: readonly { type: number; bytes: Buffer }[]): Bytes {
  const nals: NalRange[] = [];
  let end = 0;
  for (const { type, bytes } of pieces) {
    const start = end;
    end += START_CODE_BYTES + bytes.length;
    nals.push({ type, start, end });
  }
  const data = Buffer.allocUnsafeSlow(end);
  pieces.forEach(({ bytes }, i) => {
    const { start } = nals[i]!;
    data.writeUInt32BE(1, start);
    bytes.copy(data, start + START_CODE_BYTES);
  });
  return { data, nals };
}
