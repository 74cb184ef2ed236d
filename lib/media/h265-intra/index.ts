// Parses an H.265 keyframe from first to last bit, to make sure that it is complete before it is passed to
// the wasm decoder.

import { H265_NAL } from '../../codec/h265/nal.js';
import { BitSource } from '../h264-intra/rbsp.js';
import { CodingTreeReader } from './coding-tree.js';
import { broken, unsupported } from './errors.js';
import { parsePps, parseSps } from './parameter-sets.js';
import type { Pps, Sps } from './parameter-sets.js';
import { mapOf } from './picture-map.js';
import type { PictureMap } from './picture-map.js';
import { parseSliceHeader } from './slice-header.js';
import type { SliceHeader } from './slice-header.js';

/** A picture with all of its coding tree blocks and nothing else. */
export interface WholePicture {
  readonly sps: Sps;
  /** Parameter sets and slices, in order. */
  readonly nals: readonly Uint8Array[];
}

/**
 * `nals`: a picture with its parameter sets in front; anything behind its first picture is ignored. Throws
 * EUNSUPPORTED for pictures that are too large or not supported, EDECODE for invalid or incomplete data.
 */
export function checkPicture(
  nals: readonly Buffer[],
  admit: (sps: Sps, references: number) => void,
): WholePicture {
  const source = new BitSource(broken);
  const spsById = new Map<number, Sps>();
  const ppsById = new Map<number, Pps>();
  const used: Uint8Array[] = [];
  let header: SliceHeader | undefined;
  let map: PictureMap | undefined;
  let reader: CodingTreeReader | undefined;
  let next = 0;
  for (const nal of nals) {
    const type = typeOf(nal);
    if (!isBaseLayer(nal) || type > H265_NAL.pps) continue;
    if (type >= H265_NAL.vps) {
      if (header) break;
      if (type === H265_NAL.sps) {
        const sps = parseSps(nal);
        spsById.set(sps.id, sps);
      } else if (type === H265_NAL.pps) {
        const pps = parsePps(nal);
        ppsById.set(pps.id, pps);
      }
      used.push(nal);
      continue;
    }
    source.load(nal, 2);
    const slice = parseSliceHeader(source, type, spsById, ppsById, header);
    if (slice.first && header) break;
    if (!reader || !map) {
      if (!slice.first) throw broken('its beginning is missing');
      admit(slice.sps, slice.references);
      map = mapOf(slice.sps, slice.pps);
      reader = new CodingTreeReader(slice.sps, map, source);
    } else if (slice.sps !== header!.sps || slice.pps !== header!.pps) {
      throw unsupported('slices of several parameter sets');
    }
    const place = map.places[slice.address]!;
    if (place < next) throw broken('a part of the picture is there twice');
    if (place > next) throw broken('a part of the picture is missing');
    next = reader.readSegment(slice, place);
    header = slice;
    used.push(nal);
    if (next === map.addresses.length) break;
  }
  if (!header || !map) throw broken('there are no parameter sets or no picture in it');
  if (next !== map.addresses.length) throw broken('a part of the picture is missing');
  return { sps: header.sps, nals: used };
}

/** nuh_layer_id 0 (7.3.1.2). */
function isBaseLayer(nal: Buffer): boolean {
  return nal.length > 2 && (nal[0]! & 1) === 0 && nal[1]! >> 3 === 0;
}

function typeOf(nal: Buffer): number {
  return (nal[0]! >> 1) & 0x3f;
}
