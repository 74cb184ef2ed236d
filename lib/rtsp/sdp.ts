// Reads the parts of a session description (RFC 4566) that a client needs, through sdp-transform, and
// validates everything that gives.

import { parse } from 'sdp-transform';
import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { textOfBytes, trimBytes } from '../text.js';
import { usedLines } from './sdp-lines.js';

export interface PayloadFormat {
  type: number;
  /** In upper case: H264, H265, JPEG, MPEG4-GENERIC, PCMU, VND.ONVIF.METADATA … */
  encoding: string;
  /** Hz */
  clockRate: number;
  /** Audio channels; 1 if the SDP does not say. */
  channels: number;
  /** fmtp parameters by lower-case name. */
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
  /**
   * Picture size in pixels, for pictures whose own header cannot hold it (`a=framesize`, `a=x-dimensions`).
   */
  pictureSize?: PictureSize;
  /**
   * sendonly, recvonly, sendrecv or inactive; inherited from the session level if the media section has none
   * (RFC 4566 6).
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

/** Largest side in pixels that a JPEG header can hold. */
const MAX_SIDE = 65_535;

/** Static payload types (RFC 3551 6): those that cameras use, and those that an error message should name. */
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
 * `text` holds one byte per character. Throws only EPROTOCOL, and only if the text is no SDP at all. Media
 * sections past the limit are left out.
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

/** Session-level attributes that media sections inherit. */
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
  // Payload types missing from the m= line may appear in the a= lines below it.
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
  const size = invalidOf(media, 'framesize')?.replace(/^\d+ /, '') ?? invalidOf(media, 'x-dimensions');
  const [width = 0, height = 0] = (size ?? '').split(/[-,x]/, 2).map(Number);
  const isSide = (side: number): boolean => Number.isInteger(side) && side > 0 && side <= MAX_SIDE;
  return isSide(width) && isSide(height) ? { width, height } : undefined;
}

/** Lines by payload type, in their order. */
function byPayloadType(entries: unknown): Map<number, Record<string, unknown>[]> {
  const found = new Map<number, Record<string, unknown>[]>();
  for (const entry of asArray(entries).map(asRecord)) {
    const type = Number(entry.payload);
    const entries = found.get(type);
    if (entries === undefined) found.set(type, [entry]);
    else entries.push(entry);
  }
  return found;
}

/**
 * The merged fmtp parameters of a payload type. A single fmtp with a wrong payload type is used for a single
 * payload (quirk: broken-fmtp).
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

/** sdp-transform puts attributes that it does not know, such as `range`, into `invalid` as `name:value`. */
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
