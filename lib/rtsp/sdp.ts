// A session description (RFC 4566) as far as a client needs it, through sdp-transform; everything it gives is
// checked.

import { parse } from 'sdp-transform';
import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { textOfBytes, trimBytes } from '../text.js';
import { usedLines } from './sdp-lines.js';

export interface PayloadFormat {
  type: number;
  /** Upper case: H264, H265, JPEG, MPEG4-GENERIC, PCMU, VND.ONVIF.METADATA … */
  encoding: string;
  /** Hz */
  clockRate: number;
  /** Audio channels; 1 where the SDP says nothing. */
  channels: number;
  /** Parameters by lower-case name. */
  fmtp: ReadonlyMap<string, string>;
}

export interface PictureSize {
  width: number;
  height: number;
}

export interface MediaDescription {
  index: number;
  /** video, audio, application … */
  type: string;
  /** RTP/AVP … */
  protocol: string;
  payloads: PayloadFormat[];
  control?: string;
  /** Frames per second. */
  frameRate?: number;
  /** Pixels of its pictures, where a header has no room for them (`a=framesize`, `a=x-dimensions`). */
  pictureSize?: PictureSize;
  /**
   * sendonly, recvonly, sendrecv, inactive; the session's where the media has none of its own (RFC 4566 6).
   */
  direction?: string;
  /** Keys for SRTP are offered (`a=crypto`, RFC 4568; `a=fingerprint`, RFC 5763). */
  encrypted?: true;
}

export interface SessionDescription {
  name?: string;
  control?: string;
  range?: string;
  media: MediaDescription[];
}

/** Pixels that a JPEG's own header has room for. */
const MAX_SIDE = 65_535;

/** Static payload types (RFC 3551 6): those that cameras use, and those that an error should name. */
const STATIC: Readonly<Record<number, { encoding: string; clockRate: number; channels?: number }>> = {
  0: { encoding: 'PCMU', clockRate: 8000 },
  2: { encoding: 'G726-32', clockRate: 8000 },
  3: { encoding: 'GSM', clockRate: 8000 },
  4: { encoding: 'G723', clockRate: 8000 },
  8: { encoding: 'PCMA', clockRate: 8000 },
  9: { encoding: 'G722', clockRate: 8000 },
  10: { encoding: 'L16', clockRate: 44_100, channels: 2 },
  11: { encoding: 'L16', clockRate: 44_100 },
  14: { encoding: 'MPA', clockRate: 90_000 },
  15: { encoding: 'G728', clockRate: 8000 },
  18: { encoding: 'G729', clockRate: 8000 },
  26: { encoding: 'JPEG', clockRate: 90_000 },
  31: { encoding: 'H261', clockRate: 90_000 },
  32: { encoding: 'MPV', clockRate: 90_000 },
  33: { encoding: 'MP2T', clockRate: 90_000 },
  34: { encoding: 'H263', clockRate: 90_000 },
};

/**
 * `text` is bytes, one character each. Never throws but NvrError EPROTOCOL, and that only for what is no SDP
 * at all. Media sections past the limit are left out.
 */
export function parseSdp(text: string): SessionDescription {
  const lines = usedLines(text);
  if (lines === undefined)
    throw new NvrError(
      'EPROTOCOL',
      'DESCRIBE was answered with something that is no session description (SDP).',
    );
  const session = asRecord(parse(lines.join('\r\n')));
  const result: SessionDescription = { media: [] };
  assign(result, 'name', session.name === undefined ? undefined : textOfBytes(textOf(session.name) ?? ''));
  assign(result, 'control', textOf(session.control));
  assign(result, 'range', invalidOf(session, 'range'));
  for (const [index, media] of asArray(session.media).entries()) {
    if (index >= LIMITS.mediaSections) break;
    result.media.push(readMedia({ ...shared(session), ...asRecord(media) }, index));
  }
  return result;
}

/** What a session says for all media that do not say otherwise. */
function shared({ direction, crypto }: Record<string, unknown>): Record<string, unknown> {
  return { ...(direction !== undefined && { direction }), ...(crypto !== undefined && { crypto }) };
}

function readMedia(media: Record<string, unknown>, index: number): MediaDescription {
  const type = (textOf(media.type) ?? '').toLowerCase();
  const description: MediaDescription = { index, type, protocol: textOf(media.protocol) ?? '', payloads: [] };
  assign(description, 'control', textOf(media.control));
  assign(description, 'direction', textOf(media.direction));
  if (asArray(media.crypto).length > 0) description.encrypted = true;
  const rate = Number.parseFloat(textOf(media.framerate) ?? '');
  if (rate > 0 && rate <= 1000) description.frameRate = rate;
  assign(description, 'pictureSize', readPictureSize(media));

  const maps = byPayloadType(media.rtp);
  const formats = byPayloadType(media.fmtp);
  const listed = (textOf(media.payloads) ?? '')
    .split(' ')
    .filter((one) => one !== '')
    .map(Number);
  // What the media line leaves out may stand in the lines below it.
  const types = listed.length > 0 ? listed : [...maps.keys()];
  for (const payloadType of types.slice(0, LIMITS.mediaSections)) {
    const [map] = maps.get(payloadType) ?? [];
    const usual = STATIC[payloadType];
    const encoding = (textOf(map?.codec) ?? usual?.encoding ?? '').toUpperCase();
    if (encoding === '') continue;
    const clockRate = Number(map?.rate ?? usual?.clockRate);
    const channels = Number(map?.encoding ?? usual?.channels ?? 1);
    description.payloads.push({
      type: payloadType,
      encoding,
      clockRate:
        Number.isInteger(clockRate) && clockRate > 0 && clockRate < 10_000_000
          ? clockRate
          : type === 'audio'
            ? 8000
            : 90_000,
      channels: Number.isInteger(channels) && channels > 0 && channels <= 64 ? channels : 1,
      fmtp: readFmtp(formats, payloadType, types),
    });
  }
  return description;
}

/** `framesize:26 2592-1944` of 3GPP (TS 26.234 5.3.3.2), or `x-dimensions:2592,1944`. */
function readPictureSize(media: Record<string, unknown>): PictureSize | undefined {
  const told = invalidOf(media, 'framesize')?.replace(/^\d+ /, '') ?? invalidOf(media, 'x-dimensions');
  const [width = 0, height = 0] = (told ?? '').split(/[-,x]/, 2).map(Number);
  const isSide = (side: number): boolean => Number.isInteger(side) && side > 0 && side <= MAX_SIDE;
  return isSide(width) && isSide(height) ? { width, height } : undefined;
}

/** In the order of the lines. */
function byPayloadType(entries: unknown): Map<number, Record<string, unknown>[]> {
  const found = new Map<number, Record<string, unknown>[]>();
  for (const entry of asArray(entries).map(asRecord)) {
    const type = Number(entry.payload);
    const known = found.get(type);
    if (known === undefined) found.set(type, [entry]);
    else known.push(entry);
  }
  return found;
}

/**
 * The parameters for a payload type, of all its lines; a lone fmtp of a wrong type is taken for a lone
 * payload's (quirk: broken-fmtp).
 */
function readFmtp(
  formats: ReadonlyMap<number, Record<string, unknown>[]>,
  payloadType: number,
  types: readonly number[],
): Map<string, string> {
  const lone = types.length === 1 && formats.size === 1 ? [...formats.values()][0] : undefined;
  const parameters = new Map<string, string>();
  for (const { config } of formats.get(payloadType) ?? lone ?? []) {
    for (const part of (textOf(config) ?? '').split(';')) {
      const equals = part.indexOf('=');
      const name = trimBytes(equals === -1 ? part : part.slice(0, equals)).toLowerCase();
      if (name !== '' && !parameters.has(name))
        parameters.set(name, equals === -1 ? '' : trimBytes(part.slice(equals + 1)));
    }
  }
  return parameters;
}

/** sdp-transform puts attributes it does not know, `range` among them, into `invalid` as `name:value`. */
function invalidOf(record: Record<string, unknown>, name: string): string | undefined {
  for (const entry of asArray(record.invalid)) {
    const value = textOf(asRecord(entry).value);
    if (value?.startsWith(`${name}:`) === true) return trimBytes(value.slice(name.length + 1));
  }
  return undefined;
}

function assign<T extends object, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value !== undefined) target[key] = value;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? trimBytes(value) : undefined;
}
