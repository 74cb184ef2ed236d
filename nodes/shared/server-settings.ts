// The nvr-server node's saved properties as the library's settings.

import type { Node, NodeAPI } from 'node-red';
import type { TlsSettings } from '../../lib/client/transport/socket.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { MAX_CHANNEL } from '../../lib/nvr/uri-template.js';
import { parseAuthority, RTSP_PORT } from '../../lib/rtsp/uri.js';
import { SettingsReader } from './settings-reader.js';

type Saved = Readonly<Record<string, unknown>>;

/** Core's tls-config node. */
interface TlsConfigNode extends Node {
  addTLSOptions?(options: TlsSettings): TlsSettings;
}

const PORT = { min: 1, max: 65_535, integer: true };
const HTTP_PORT = 80;
const MAX_NAME = 200;

/** All of an NVR's settings; what cannot be used is told by the reader. */
export function settingsOf(
  RED: NodeAPI,
  reader: SettingsReader,
  saved: Saved,
  account: { username?: string; password?: string },
): NvrSettings {
  const tlsSettings = readTls(RED, reader, saved);
  return {
    ...readServerSettings(reader, saved),
    username: account.username ?? '',
    password: account.password ?? '',
    ...(tlsSettings === undefined ? {} : { tlsSettings }),
  };
}

/** Reads everything but the credentials and TLS material, which Node-RED keeps elsewhere. */
export function readServerSettings(
  reader: SettingsReader,
  saved: Saved,
): Omit<NvrSettings, 'username' | 'password' | 'tlsSettings'> {
  const httpPort = reader.number('httpPort', HTTP_PORT, PORT);
  const { host, rtspPort } = readHost(reader, httpPort);
  const uriStyle = reader.choice('uriStyle', ['move', 'legacy', 'custom'], 'move');
  const liveTemplate = reader.text('liveTemplate', '');
  if (uriStyle === 'custom' && liveTemplate === '')
    reader.refuse('liveTemplate', 'must hold the path of the camera’s stream.', '');
  const timeZone = reader.text('timeZone', '');
  if (timeZone !== '' && !isTimeZone(timeZone))
    reader.refuse('timeZone', 'must be an IANA name such as Europe/Berlin.', '');
  return {
    name: reader.text('name', '') || host,
    host,
    rtspPort,
    httpPort,
    tls: reader.boolean('tls', false),
    httpTls: reader.boolean('httpTls', false),
    transport: reader.choice('transport', ['auto', 'udp-first', 'tcp', 'udp', 'multicast', 'http'], 'auto'),
    uriStyle,
    liveTemplate,
    playbackTemplate: reader.text('playbackTemplate', ''),
    streamCodes: readStreamCodes(reader, saved.streamCodes),
    firstChannel: reader.choice('firstChannel', ['0', '1'], '0') === '1' ? 1 : 0,
    channels: readChannels(reader, saved.channels),
    timeZone,
    requestTimeout: reader.number('requestTimeout', 10, { min: 0.1, max: 600 }),
    silence: reader.number('silence', 5, { min: 1, max: 3600 }),
    linger: reader.number('linger', 5, { min: 0, max: 3600 }),
    audio: reader.boolean('audio', false),
    maxSessions: reader.number('maxSessions', 64, { min: 1, max: 9999, integer: true }),
    redirects: reader.choice('redirects', ['same', 'any'], 'same'),
    allowBasic: reader.boolean('allowBasic', false),
    keyPattern: readKeyPattern(reader),
  };
}

/** A member's name, or the text around the key with one `*` for it. */
function readKeyPattern(reader: SettingsReader): string {
  const pattern = reader.text('keyPattern', '');
  if (pattern.length <= MAX_NAME && pattern !== '*' && pattern.split('*').length <= 2) return pattern;
  return reader.refuse('keyPattern', 'must be a name, or the text around the key with one * for it.', '');
}

/** People type `host:port`: it is what they mean, unless the port's own field says something else. */
function readHost(reader: SettingsReader, httpPort: number): { host: string; rtspPort: number } {
  const typed = reader.text('host', '');
  const rtspPort = reader.number('rtspPort', RTSP_PORT, PORT);
  const refuse = (rule: string): { host: string; rtspPort: number } =>
    reader.refuse('host', rule, { host: typed, rtspPort });
  if (typed === '') return refuse('must name the NVR: a host name or an IP address.');
  if (/[\s/@?#]|:\/\//.test(typed))
    return refuse('must be a host name or an IP address alone, without a scheme, a path or an account.');
  const named = quietly(() => parseAuthority(typed));
  if (named === undefined)
    return refuse('must be a host name or an IP address; the port has a field of its own.');
  const { host, port = rtspPort } = named;
  // The HTTP port stands in a browser's address.
  if (port === rtspPort || port === httpPort) return { host, rtspPort };
  if (rtspPort === RTSP_PORT) return { host, rtspPort: port };
  return refuse(`names port ${port}, and the RTSP port is ${rtspPort}: give the port there alone.`);
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function readStreamCodes(reader: SettingsReader, saved: unknown): Record<string, string> {
  const codes: Record<string, string> = { main: 'M', dual: 'D' };
  if (saved === undefined || saved === null || saved === '') return codes;
  const given = typeof saved === 'string' ? quietly((): unknown => JSON.parse(saved)) : saved;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    return reader.refuse('streamCodes', 'must map main and dual to the codes that the NVR knows.', codes);
  }
  for (const name of ['main', 'dual']) {
    const code: unknown = (given as Record<string, unknown>)[name];
    if (typeof code === 'string' || typeof code === 'number') codes[name] = String(code);
  }
  return codes;
}

function readChannels(reader: SettingsReader, saved: unknown): { channel: number; name: string }[] {
  if (saved === undefined || saved === null || saved === '') return [];
  if (!Array.isArray(saved))
    return reader.refuse('channels', 'must be a list of channel numbers and names.', []);
  const channels: { channel: number; name: string }[] = [];
  for (const row of saved as unknown[]) {
    const { channel, name } = (typeof row === 'object' && row !== null ? row : {}) as {
      channel?: unknown;
      name?: unknown;
    };
    const number = Number(channel);
    if (
      !Number.isInteger(number) ||
      number < 1 ||
      number > MAX_CHANNEL ||
      typeof name !== 'string' ||
      name.length > MAX_NAME
    ) {
      return reader.refuse('channels', `must pair numbers from 1 to ${MAX_CHANNEL} with names.`, []);
    }
    if (name.trim() !== '') channels.push({ channel: number, name: name.trim() });
  }
  return channels;
}

function isTimeZone(name: string): boolean {
  return quietly(() => new Intl.DateTimeFormat('en', { timeZone: name })) !== undefined;
}

/** Certificates are verified unless the user's own TLS settings say otherwise. */
function readTls(RED: NodeAPI, reader: SettingsReader, saved: Saved): TlsSettings | undefined {
  const id = reader.text('tlsConfig', '');
  if (id === '') return undefined;
  const node = RED.nodes.getNode(id) as TlsConfigNode | null;
  if (typeof node?.addTLSOptions !== 'function') {
    reader.refuse('tlsConfig', 'names TLS settings that do not exist.', '');
    return undefined;
  }
  const given = node.addTLSOptions({});
  // An empty server name would switch the name's verification off.
  if (given.servername === '') delete given.servername;
  return saved.tls === true || saved.httpTls === true ? given : undefined;
}
