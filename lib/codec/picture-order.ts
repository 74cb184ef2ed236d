// Derives a picture's place in display order from the picture order count in its first slice header (H.264
// 7.3.3, 8.2.1; H.265 7.3.6.1, 8.3.1). RTP times should agree with it.

import { BitReader } from './bit-reader.js';
import { parseH264Sps } from './h264/sps.js';
import { parseH265Sps } from './h265/sps.js';
import type { NalRange, VideoUnit } from './unit.js';

/** Parameter set fields needed to find the count in a slice header. */
interface Layout {
  readonly lsbBits: number;
  readonly separatePlanes: boolean;
  /** H.264. */
  readonly frameNumBits: number;
  readonly framesOnly: boolean;
  /** H.265. */
  readonly hasOutputFlag: boolean;
  readonly extraBits: number;
}

type Picture = Pick<VideoUnit, 'codec' | 'data' | 'nals' | 'keyframe'>;

const START_CODE_BYTES = 4;
/** Largest log2_max_pic_order_cnt_lsb (H.264 7.4.2.1.1, H.265 7.4.3.2.1). */
const MAX_LSB_BITS = 16;
const H264 = { slice: 1, partitionA: 2, idr: 5, sps: 7 } as const;
const H265 = {
  firstIrap: 16,
  firstIdr: 19,
  lastIdr: 20,
  lastIrap: 23,
  lastSlice: 31,
  sps: 33,
  pps: 34,
} as const;
/**
 * Usual increment of the count per picture, until the stream shows a smaller one. In H.264 it is 2, because
 * each field has its own count.
 */
const STEPS = { h264: 2, h265: 1, mjpeg: 1 } as const;

/** One instance per track; takes all pictures in decode order. Parameter sets are read from keyframes. */
export class PictureOrder {
  private readonly reader = new BitReader();
  private sets: Buffer = Buffer.alloc(0);
  private layout: Layout | undefined;
  // Of the picture latest in display order so far.
  private top = 0;
  private topCount = 0;
  private step = Infinity;

  /**
   * A picture's place in display order: consecutive numbers that continue across IDR pictures. NaN if the
   * stream does not say.
   */
  of(picture: Picture): number {
    const { codec, data, nals, keyframe } = picture;
    if (keyframe) this.learn(picture);
    const layout = this.layout;
    const isH264 = codec === 'h264';
    const slice = nals.find(({ type }) =>
      isH264 ? type === H264.slice || type === H264.partitionA || type === H264.idr : type <= H265.lastSlice,
    );
    if (layout === undefined || slice === undefined) return NaN;
    const header = isH264 ? 1 : 2;
    const reader = this.reader.reset(data, slice.start + START_CODE_BYTES + header, slice.end);
    const isIdr = isH264 ? slice.type === H264.idr : isH265Idr(slice);
    const count = isH264 ? readH264(reader, layout, isIdr) : readH265(reader, layout, slice.type, isIdr);
    if (Number.isNaN(count) || reader.overrun) return NaN;
    // Pictures before an IDR picture are displayed before it.
    const counted = nearest(count - this.topCount, 2 ** layout.lsbBits);
    if (!isIdr && counted > 0) this.step = Math.min(this.step, counted);
    const order = this.top + (isIdr ? 1 : counted / Math.min(this.step, STEPS[codec]));
    if (order > this.top) {
      this.top = order;
      this.topCount = count;
    }
    return order;
  }

  private learn({ codec, data, nals }: Picture): void {
    const types: readonly number[] = codec === 'h264' ? [H264.sps] : [H265.sps, H265.pps];
    const sets = nals.filter(({ type }) => types.includes(type));
    const bytes = Buffer.concat(sets.map(({ start, end }) => data.subarray(start, end)));
    if (sets.length === 0 || bytes.equals(this.sets)) return;
    this.sets = bytes;
    const nalOf = (wanted: number): Buffer | undefined => {
      const found = sets.find(({ type }) => type === wanted);
      return found && data.subarray(found.start + START_CODE_BYTES, found.end);
    };
    this.layout =
      codec === 'h264' ? h264Layout(nalOf(H264.sps)) : h265Layout(nalOf(H265.sps), nalOf(H265.pps));
  }
}

function h264Layout(nal: Buffer | undefined): Layout | undefined {
  const sps = nal && parseH264Sps(nal);
  if (sps?.orderLsbBits === undefined || sps.orderLsbBits > MAX_LSB_BITS) return undefined;
  const { orderLsbBits: lsbBits, separatePlanes, frameNumBits, framesOnly } = sps;
  return { lsbBits, separatePlanes, frameNumBits, framesOnly, hasOutputFlag: false, extraBits: 0 };
}

function h265Layout(nal: Buffer | undefined, pps: Buffer | undefined): Layout | undefined {
  const sps = nal && parseH265Sps(nal);
  if (sps === undefined || pps === undefined || sps.orderLsbBits > MAX_LSB_BITS) return undefined;
  const reader = new BitReader(pps, 2);
  reader.ue(); // pps_pic_parameter_set_id
  reader.ue(); // pps_seq_parameter_set_id
  reader.flag(); // dependent_slice_segments_enabled_flag
  const hasOutputFlag = reader.flag();
  const extraBits = reader.bits(3);
  if (reader.overrun) return undefined;
  const { orderLsbBits: lsbBits, separatePlanes } = sps;
  return { lsbBits, separatePlanes, hasOutputFlag, extraBits, frameNumBits: 0, framesOnly: true };
}

function readH264(reader: BitReader, layout: Layout, isIdr: boolean): number {
  for (let i = 0; i < 3; i += 1) reader.ue(); // first_mb_in_slice, slice_type, pic_parameter_set_id
  if (layout.separatePlanes) reader.skip(2);
  reader.skip(layout.frameNumBits);
  if (!layout.framesOnly && reader.flag()) reader.flag(); // field_pic_flag, bottom_field_flag
  if (isIdr) reader.ue(); // idr_pic_id
  return reader.bits(layout.lsbBits);
}

function readH265(reader: BitReader, layout: Layout, type: number, isIdr: boolean): number {
  const isFirst = reader.flag();
  if (isIdr) return 0;
  // For a slice other than the first, the field cannot be located.
  if (!isFirst) return NaN;
  if (type >= H265.firstIrap && type <= H265.lastIrap) reader.flag(); // no_output_of_prior_pics_flag
  reader.ue(); // slice_pic_parameter_set_id
  reader.skip(layout.extraBits);
  reader.ue(); // slice_type
  if (layout.hasOutputFlag) reader.flag(); // pic_output_flag
  if (layout.separatePlanes) reader.skip(2);
  return reader.bits(layout.lsbBits);
}

function isH265Idr({ type }: NalRange): boolean {
  return type === H265.firstIdr || type === H265.lastIdr;
}

/** The step of a counter that wraps, nearest to zero. */
function nearest(step: number, modulus: number): number {
  const up = ((step % modulus) + modulus) % modulus;
  return up > modulus / 2 ? up - modulus : up;
}
