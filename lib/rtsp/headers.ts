// The RTSP headers that carry session state: Session, Transport, RTP-Info, Range, Public (RFC 2326 12). Read
// leniently, written strictly.

import { trimBytes } from '../text.js';

/** RFC 2326 12.37: without `timeout` a session expires after 60 s. */
const DEFAULT_TIMEOUT_SECONDS = 60;
/** Most transports or tracks read from one header. */
const MAX_OFFERS = 32;

/** The id ends at the first white space: a server's missing line break can put another header behind it. */
export function parseSession(value: string): { id: string; timeoutSeconds: number } {
  const [id = '', ...parameters] = value.split(';');
  const timeout = Number.parseInt(parameterOf(parameters, 'timeout') ?? '', 10);
  return {
    id: /^[^ \t]*/.exec(trimBytes(id))![0],
    timeoutSeconds: timeout > 0 ? Math.min(timeout, 86_400) : DEFAULT_TIMEOUT_SECONDS,
  };
}

/** The methods of a Public header, in upper case. */
export function parsePublic(value: string): Set<string> {
  return new Set(
    value
      .split(/[,\s]+/)
      .map((method) => method.trim().toUpperCase())
      .filter((method) => method !== ''),
  );
}

export interface TransportSpec {
  /** As received: `RTP/AVP`, `RTP/AVP/UDP`, `RTP/AVP/TCP` … */
  profile: string;
  lower: 'udp' | 'tcp';
  multicast: boolean;
  interleaved?: [number, number];
  clientPort?: [number, number];
  serverPort?: [number, number];
  /** Multicast ports. */
  port?: [number, number];
  ssrc?: number;
  source?: string;
  destination?: string;
  ttl?: number;
}

/** The first usable transport of a Transport header (RFC 2326 12.39). Unreadable parts are left out. */
export function parseTransport(value: string): TransportSpec {
  const offers = value.split(',', MAX_OFFERS).map((offer) => offer.split(';').map((part) => part.trim()));
  return readTransport(offers.find((parts) => parts.some(isProfile)) ?? offers[0]!);
}

function isProfile(part: string): boolean {
  return /^RTP\//i.test(part);
}

function readTransport(parts: readonly string[]): TransportSpec {
  const profile = parts.find(isProfile) ?? 'RTP/AVP';
  const interleaved = pair(parameterOf(parts, 'interleaved'), 255);
  const spec: TransportSpec = {
    profile,
    lower: /\/TCP$/i.test(profile) || interleaved !== undefined ? 'tcp' : 'udp',
    multicast: parts.some((part) => part.toLowerCase() === 'multicast'),
  };
  if (interleaved !== undefined) spec.interleaved = interleaved;
  const clientPort = pair(parameterOf(parts, 'client_port'), 65_535);
  if (clientPort !== undefined) spec.clientPort = clientPort;
  const serverPort = pair(parameterOf(parts, 'server_port'), 65_535);
  if (serverPort !== undefined) spec.serverPort = serverPort;
  const port = pair(parameterOf(parts, 'port'), 65_535);
  if (port !== undefined) spec.port = port;
  const ssrc = /^(?:0x)?([0-9a-f]{1,8})$/i.exec(parameterOf(parts, 'ssrc') ?? '')?.[1];
  if (ssrc !== undefined) spec.ssrc = Number.parseInt(ssrc, 16);
  const source = parameterOf(parts, 'source');
  if (source !== undefined && source !== '') spec.source = source;
  const destination = parameterOf(parts, 'destination');
  if (destination !== undefined && destination !== '') spec.destination = destination;
  const ttl = Number.parseInt(parameterOf(parts, 'ttl') ?? '', 10);
  if (ttl >= 0 && ttl <= 255) spec.ttl = ttl;
  return spec;
}

export function formatTransport(spec: TransportSpec): string {
  const parts = [spec.profile, spec.multicast ? 'multicast' : 'unicast'];
  if (spec.destination !== undefined) parts.push(`destination=${spec.destination}`);
  if (spec.source !== undefined) parts.push(`source=${spec.source}`);
  if (spec.interleaved !== undefined) parts.push(`interleaved=${spec.interleaved.join('-')}`);
  if (spec.clientPort !== undefined) parts.push(`client_port=${spec.clientPort.join('-')}`);
  if (spec.serverPort !== undefined) parts.push(`server_port=${spec.serverPort.join('-')}`);
  if (spec.port !== undefined) parts.push(`port=${spec.port.join('-')}`);
  if (spec.ttl !== undefined) parts.push(`ttl=${spec.ttl}`);
  if (spec.ssrc !== undefined) parts.push(`ssrc=${spec.ssrc.toString(16).toUpperCase().padStart(8, '0')}`);
  return parts.join(';');
}

export interface RtpInfoEntry {
  url: string;
  /** From RFC 7826 18.45; some RTSP 1.0 servers send it too. */
  ssrc?: number;
  seq?: number;
  rtptime?: number;
}

/** RFC 2326 12.33. Entries are split at `url=`, because a URL may contain commas and semicolons. */
export function parseRtpInfo(value: string): RtpInfoEntry[] {
  const entries: RtpInfoEntry[] = [];
  for (const piece of value.split(/(?:^|,)\s*(?=url\s*=)/i)) {
    if (!/^\s*url\s*=/i.test(piece)) continue;
    const rest = piece.slice(piece.indexOf('=') + 1);
    const parameters = rest.search(/[;\s]\s{0,8}(?:seq|rtptime|ssrc)\s*=/i);
    const url = withoutTail(parameters === -1 ? rest : rest.slice(0, parameters));
    if (url === '') continue;
    const entry: RtpInfoEntry = { url };
    const ssrc = /[;\s]\s{0,8}ssrc\s{0,8}=\s{0,8}(?:0x)?([0-9a-f]{1,8})(?![0-9a-z])/i.exec(piece)?.[1];
    if (ssrc !== undefined && Number.parseInt(ssrc, 16) !== 0) entry.ssrc = Number.parseInt(ssrc, 16);
    const seq = /;\s*seq\s*=\s*(\d{1,10})/i.exec(piece)?.[1];
    if (seq !== undefined && Number(seq) <= 0xffff) entry.seq = Number(seq);
    const rtptime = /;\s*rtptime\s*=\s*(\d{1,10})/i.exec(piece)?.[1];
    if (rtptime !== undefined && Number(rtptime) <= 0xffff_ffff) entry.rtptime = Number(rtptime);
    entries.push(entry);
    if (entries.length >= MAX_OFFERS) break;
  }
  return entries;
}

/** Removes separators and quotes from the end of a URL. */
function withoutTail(text: string): string {
  let end = text.length;
  while (end > 0 && ';, \t'.includes(text[end - 1]!)) end--;
  const url = text.slice(0, end).trim();
  return /^".*"$/s.test(url) ? url.slice(1, -1) : url;
}

/** npt in seconds, clock in epoch ms. An open or `now` end is absent. smpte values are not parsed. */
interface MediaRange {
  unit: 'npt' | 'clock' | 'smpte';
  start?: number;
  end?: number;
}

/**
 * RFC 2326 12.29 and 3.5 to 3.7. Text behind the range is ignored: a server's missing line break can put
 * another header there.
 */
export function parseRange(value: string): MediaRange | undefined {
  const equals = value.indexOf('=');
  const unit = /^(npt|clock|smpte)/.exec(value.slice(0, Math.max(0, equals)).trim().toLowerCase())?.[1];
  if (unit === undefined) return undefined;
  if (unit === 'smpte') return { unit };
  const [from = '', to = ''] = splitRange(/[^\s;]*/.exec(value.slice(equals + 1).trim())![0]);
  const read = unit === 'npt' ? nptSeconds : clockMs;
  const start = read(from);
  const end = read(to);
  return {
    unit: unit === 'npt' ? 'npt' : 'clock',
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
  };
}

function splitRange(text: string): string[] {
  const dash = text.indexOf('-');
  return dash === -1 ? [text] : [text.slice(0, dash), text.slice(dash + 1)];
}

function nptSeconds(text: string): number | undefined {
  if (/^\d{1,12}(\.\d*)?$/.test(text)) return Number(text);
  const clock = /^(\d{1,9}):(\d{1,2}):(\d{1,2}(?:\.\d*)?)$/.exec(text);
  return clock === null ? undefined : Number(clock[1]) * 3600 + Number(clock[2]) * 60 + Number(clock[3]);
}

/** `19961108T142300.25Z` */
function clockMs(text: string): number | undefined {
  const found = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})(\.\d+)?Z?$/i.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction] = found;
  return (
    Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)) +
    Math.round(Number(`0${fraction ?? ''}`) * 1000)
  );
}

/** The value of `name=value` among parameters, with or without spaces and quotes. */
function parameterOf(parameters: readonly string[], name: string): string | undefined {
  for (const parameter of parameters) {
    const equals = parameter.indexOf('=');
    if (equals !== -1 && parameter.slice(0, equals).trim().toLowerCase() === name) {
      return parameter
        .slice(equals + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1');
    }
  }
  return undefined;
}

/** `4-5`; `4` alone means 4 and 5. */
function pair(text: string | undefined, max: number): [number, number] | undefined {
  const found = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(text ?? '');
  if (found === null) return undefined;
  const first = Number(found[1]);
  const second = found[2] === undefined ? first + 1 : Number(found[2]);
  return first <= max && second <= max ? [first, second] : undefined;
}
