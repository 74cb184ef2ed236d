// Decoder configuration for a picture format: the record of its parameter sets (ISO 14496-15 5.3.3 avcC,
// 8.3.3 hvcC), the sample aspect ratio and the colours.

import { isEntry } from '../codec/entry.js';
import { parseH264Sps, type H264Sps } from '../codec/h264/sps.js';
import { parseH265Sps, type H265Sps } from '../codec/h265/sps.js';
import type { VideoUnit } from '../codec/unit.js';
import { NvrError } from '../errors.js';
import type { PictureEntry } from './mp4/header.js';

/** NAL unit types of the parameter sets, in the order of the record. */
const SETS = { h264: [7, 8], h265: [32, 33, 34] } as const;
/** Largest counts that the fields of a record can hold. */
const MOST_SPS = 31;
const MOST_SETS = 255;
/** NAL unit lengths take four bytes. */
const LENGTH_BYTES_MINUS1 = 3;
/** Profiles whose record ends with chroma format and bit depths (ISO 14496-15 5.3.3.1.2). */
const WITH_CHROMA: ReadonlySet<number> = new Set([100, 110, 122, 144, 244, 44, 83, 86, 118, 128, 138]);

/** The VPS and SPS in front of a keyframe. If they change, a new file is needed. Empty if there are none. */
export function sequenceSets(unit: VideoUnit): Buffer {
  const types = unit.codec === 'h265' ? [32, 33] : [7];
  return Buffer.concat(setsOf(unit, types));
}

/** Whether a unit has all the parameter sets in front that decoding needs. */
export function hasSets(unit: VideoUnit): boolean {
  return (
    unit.codec === 'mjpeg' || SETS[unit.codec].every((type) => unit.nals.some((nal) => nal.type === type))
  );
}

/**
 * Whether a file, or the pre-alarm memory, can begin with a unit. `acceptsDamaged`: nothing is stored yet, so
 * a damaged keyframe is accepted too.
 */
export function opensFile(unit: VideoUnit, acceptsDamaged: boolean): boolean {
  if (!unit.damaged) return isEntry(unit);
  if (!unit.keyframe) return false;
  return (acceptsDamaged || isEntry(unit)) && hasSets(unit);
}

/**
 * The configuration from the unit that opens a file. Throws EUNSUPPORTED if its parameter sets are missing or
 * cannot be parsed.
 */
export function decoderConfig(unit: VideoUnit): PictureEntry {
  const { codec, format } = unit;
  if (codec === 'mjpeg')
    throw new NvrError('EUNSUPPORTED', 'MJPEG cannot be recorded; use an H.264 or H.265 stream.');
  if (!hasSets(unit)) throw withoutSets();
  const sets = SETS[codec].map((type) => setsOf(unit, [type]));
  const record = codec === 'h265' ? hvcc(sets) : avcc(sets);
  if (record === undefined || format.width === 0)
    throw new NvrError(
      'EUNSUPPORTED',
      'The camera’s parameter sets (SPS) cannot be read; choose another codec or profile in its settings.',
    );
  const { width, height, sar, colour } = format;
  return { codec, width, height, record, ...(sar && { sar }), ...(colour && { colour }) };
}

/** The error for missing parameter sets. */
export function withoutSets(): NvrError {
  return new NvrError(
    'EUNSUPPORTED',
    'The camera sends its pictures without parameter sets (SPS and PPS), in the stream as in its description: nothing can decode them. Restart the camera, or choose another codec or stream.',
  );
}

/** The parameter sets without start codes and duplicates. */
function setsOf({ data, nals }: VideoUnit, types: readonly number[]): Buffer[] {
  const found: Buffer[] = [];
  for (const { type, start, end } of nals) {
    if (!types.includes(type)) continue;
    const set = data.subarray(start + 4, end);
    if (!found.some((other) => other.equals(set))) found.push(set);
  }
  return found.slice(0, MOST_SETS);
}

function avcc([sps = [], pps = []]: readonly Buffer[][]): Buffer | undefined {
  const info = firstRead(sps, parseH264Sps);
  if (info === undefined) return undefined;
  const listed = sps.slice(0, MOST_SPS);
  const { profileIdc, constraints, levelIdc } = info;
  return Buffer.concat([
    Buffer.of(1, profileIdc, constraints, levelIdc, 0xfc | LENGTH_BYTES_MINUS1, 0xe0 | listed.length),
    ...listed.map(counted),
    Buffer.of(pps.length),
    ...pps.map(counted),
    WITH_CHROMA.has(profileIdc) ? Buffer.of(...chroma(info), 0) : Buffer.alloc(0),
  ]);
}

function hvcc(sets: readonly Buffer[][]): Buffer | undefined {
  const info = firstRead(sets[1]!, parseH265Sps);
  if (info === undefined) return undefined;
  const layers = (info.temporalLayers << 3) | (info.temporalIdNested ? 4 : 0);
  return Buffer.concat([
    Buffer.of(1, ...info.generalProfile),
    // min_spatial_segmentation, parallelismType and avgFrameRate are 0: unspecified.
    Buffer.of(0xf0, 0, 0xfc, ...chroma(info), 0, 0, layers | LENGTH_BYTES_MINUS1, sets.length),
    ...sets.map((some, index) => {
      const head = Buffer.of(0x80 | SETS.h265[index]!, 0, some.length);
      return Buffer.concat([head, ...some.map(counted)]);
    }),
  ]);
}

/** Chroma format and bit depths, encoded alike in both records. */
function chroma({ chromaFormat, lumaDepth, chromaDepth }: H264Sps | H265Sps): number[] {
  return [0xfc | chromaFormat, 0xf8 | ((lumaDepth - 8) & 7), 0xf8 | ((chromaDepth - 8) & 7)];
}

function firstRead<Sps>(sets: readonly Buffer[], parse: (set: Buffer) => Sps | undefined): Sps | undefined {
  for (const set of sets) {
    const info = parse(set);
    if (info !== undefined) return info;
  }
  return undefined;
}

function counted(set: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(set.length);
  return Buffer.concat([length, set]);
}
