// A session description (RFC 4566) as far as a client needs it, through sdp-transform; everything it gives is checked.

import { parse } from 'sdp-transform';
import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';

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
  /** sendonly, recvonly, sendrecv, inactive; the session's where the media has none of its own (RFC 4566 6). */
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

/** The lines that are read. The others, and the slow patterns sdp-transform has for some of them, are kept from it. */
const USED = /^(?:s=|m=|a=(?:rtpmap|fmtp|control|range|framerate|sendonly|recvonly|sendrecv|inactive)\b)/;

/** What a key is replaced by: only that there is one is of interest. */
const KEYED = 'a=crypto:1 x x';

/** Never throws but NvrError EPROTOCOL, and that only for what is no SDP at all. Media sections past the limit are left out. */
export function parseSdp(text: string): SessionDescription {
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/);
  if (!lines.some((line) => /^(v|m)\s*=/.test(line))) {
    throw new NvrError(
      'EPROTOCOL',
      'DESCRIBE was answered with something that is no session description (SDP).',
    );
  }
  const used = lines.map((line) => (/^a=(?:crypto|fingerprint):/.test(line) ? KEYED : line));
  const session = asRecord(parse(used.filter((line) => line === KEYED || USED.test(line)).join('\r\n')));
  const result: SessionDescription = { media: [] };
  assign(result, 'name', textOf(session.name));
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

  const maps = asArray(media.rtp).map(asRecord);
  const formats = asArray(media.fmtp).map(asRecord);
  const types = (textOf(media.payloads) ?? '')
    .split(/\s+/)
    .filter((one) => /^\d{1,3}$/.test(one))
    .map(Number);
  for (const payloadType of types.slice(0, LIMITS.mediaSections)) {
    const map = maps.find(({ payload }) => Number(payload) === payloadType);
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

/** The parameters for a payload type; a lone fmtp of a wrong type is taken for a lone payload's (quirk 27). */
function readFmtp(
  formats: readonly Record<string, unknown>[],
  payloadType: number,
  types: readonly number[],
): Map<string, string> {
  const exact = formats.find(({ payload }) => Number(payload) === payloadType);
  const lone = types.length === 1 && formats.length === 1 ? formats[0] : undefined;
  const parameters = new Map<string, string>();
  for (const part of (textOf((exact ?? lone)?.config) ?? '').split(';')) {
    const equals = part.indexOf('=');
    const name = (equals === -1 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (name !== '' && !parameters.has(name))
      parameters.set(name, equals === -1 ? '' : part.slice(equals + 1).trim());
  }
  return parameters;
}

/** sdp-transform puts attributes it does not know, `range` among them, into `invalid` as `name:value`. */
function invalidOf(record: Record<string, unknown>, name: string): string | undefined {
  for (const entry of asArray(record.invalid)) {
    const value = textOf(asRecord(entry).value);
    if (value?.startsWith(`${name}:`) === true) return value.slice(name.length + 1).trim();
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
  return typeof value === 'string' ? value.trim() : undefined;
}
