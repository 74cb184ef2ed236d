// The header of an I slice (H.264 7.3.3).

import { broken, unsupported } from './errors.js';
import type { Pps, Sps } from './parameter-sets.js';
import type { BitSource } from './rbsp.js';

export interface SliceHeader {
  readonly sps: Sps;
  readonly pps: Pps;
  readonly firstMb: number;
  readonly idr: boolean;
  readonly frameNum: number;
  readonly idrPicId: number;
  readonly poc: number;
  /** Above 0: a redundant, lower-quality copy of a slice, which is skipped. */
  readonly redundant: number;
  readonly qp: number;
  /** disable_deblocking_filter_idc: 0 for all edges, 1 for none, 2 for those inside the slice. */
  readonly deblocking: number;
  /** FilterOffsetA and FilterOffsetB. */
  readonly offsetA: number;
  readonly offsetB: number;
}

export const NAL = { slice: 1, partitionA: 2, partitionC: 4, idr: 5, sps: 7, pps: 8 } as const;

/** Most MMCO commands read; a picture has fewer. */
const MAX_MARKINGS = 66;

/** `source` stands behind the NAL unit header, whose byte is `header`; it is left behind the slice header. */
export function parseSliceHeader(
  source: BitSource,
  header: number,
  spsById: ReadonlyMap<number, Sps>,
  ppsById: ReadonlyMap<number, Pps>,
): SliceHeader {
  const idr = (header & 31) === NAL.idr;
  const firstMb = source.ue();
  const type = source.ue() % 5;
  const pps = ppsById.get(source.ue());
  const sps = pps && spsById.get(pps.spsId);
  if (!sps) throw broken('a slice names parameter sets that are not there');
  if (type === 3 || type === 4) throw unsupported('switching slices');
  if (type !== 2) throw unsupported('slices that need other pictures: it is no keyframe');
  const frameNum = source.bits(sps.frameNumBits);
  if (!sps.framesOnly) {
    if (source.flag()) throw unsupported('interlaced pictures (fields)');
    if (sps.mbaff) throw unsupported('interlaced pictures (MBAFF)');
  }
  const idrPicId = idr ? source.ue() : 0;
  let poc = 0;
  if (sps.pocType === 0) {
    poc = source.bits(sps.pocBits);
    if (pps.pocPresent) source.se();
  } else if (sps.pocType === 1 && !sps.deltaPocAlwaysZero) {
    poc = source.se();
    if (pps.pocPresent) source.se();
  }
  const redundant = pps.redundantPictures ? source.ue() : 0;
  if ((header & 0x60) !== 0) skipMarking(source, idr);
  const qp = pps.qp + source.se();
  if (qp < 0 || qp > 51) throw broken('a quantiser is out of range');
  let deblocking = 0;
  let offsetA = 0;
  let offsetB = 0;
  if (pps.deblockingControl) {
    deblocking = source.ue();
    if (deblocking > 2) throw broken('a slice’s deblocking is out of range');
    if (deblocking !== 1) {
      offsetA = 2 * source.se();
      offsetB = 2 * source.se();
      if (Math.abs(offsetA) > 12 || Math.abs(offsetB) > 12)
        throw broken('a slice’s deblocking is out of range');
    }
  }
  source.checkEnd();
  return { sps, pps, firstMb, idr, frameNum, idrPicId, poc, redundant, qp, deblocking, offsetA, offsetB };
}

/** True if `next` belongs to another picture than `slice` (7.4.1.2.4). */
export function startsPicture(slice: SliceHeader, next: SliceHeader): boolean {
  return (
    next.idr !== slice.idr ||
    next.frameNum !== slice.frameNum ||
    next.idrPicId !== slice.idrPicId ||
    next.poc !== slice.poc ||
    next.sps !== slice.sps
  );
}

/** dec_ref_pic_marking(), which only concerns later pictures. */
function skipMarking(source: BitSource, idr: boolean): void {
  if (idr) {
    source.bits(2);
    return;
  }
  if (!source.flag()) return;
  for (let i = 0; i < MAX_MARKINGS; i += 1) {
    const operation = source.ue();
    if (operation === 0) return;
    if (operation > 6) break;
    if (operation !== 5) source.ue();
    if (operation === 3) source.ue();
  }
  throw broken('a slice’s reference marking is out of range');
}
