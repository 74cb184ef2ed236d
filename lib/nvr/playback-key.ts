// The NVR's key service: asks for the playback key that one run needs, and reads it out of whatever form the reply has.

import http from 'node:http';
import https from 'node:https';
import { errorOfSocket } from '../client/status.js';
import { USER_AGENT } from '../client/describe.js';
import { NvrError } from '../errors.js';
import { Authenticator, parseChallenges } from '../rtsp/auth.js';
import type { Account } from './account.js';
import { nvrLocalSeconds } from './nvr-time.js';
import type { NvrSettings } from './types.js';

const MAX_BODY_BYTES = 64 * 1024;
const MAX_KEY_CHARS = 1024;
/** Said in place of a key. */
const ERROR_WORDS =
  /^(error|err|fail|failed|failure|denied|invalid|forbidden|unauthorized|none|null|nok|no|false)\b/i;

export interface KeyReply {
  key: string;
  /** Epoch ms of the reply's Date header, where it has one. */
  serverTime?: number;
}

interface HttpReply {
  status: number;
  contentType: string;
  challenges: string[];
  serverTime: number | undefined;
  body: Buffer;
}

/**
 * A new key for a run that starts at `startMs` (epoch ms; the service counts in whole seconds). `group` is the recording
 * group. Rejects with EPLAYBACKKEY for a refusal or a reply that holds no key, EAUTH, EFORBIDDEN, or a network's code; no error
 * quotes a body, which may hold a key.
 */
export async function fetchPlaybackKey(
  settings: NvrSettings,
  account: Account,
  group: number,
  startMs: number,
): Promise<KeyReply> {
  const start = nvrLocalSeconds(startMs, settings.timeZone);
  const path = `/datasearch/gen_pbkey?group_id=${group}&start_time=${start}`;
  const ask = (authorization?: string): Promise<HttpReply> => get(settings, path, authorization);

  let reply = await ask();
  if (reply.status === 401 && settings.username !== '') {
    const authenticator = new Authenticator({ username: settings.username, password: settings.password });
    const first = reply;
    reply = await account.gate.run(async () => {
      if (!authenticator.accept(first.challenges)) return first;
      let answer = await ask(authenticator.authorize('GET', path));
      // Only a stale nonce is worth a second try.
      if (answer.status === 401 && isStale(answer) && authenticator.accept(answer.challenges))
        answer = await ask(authenticator.authorize('GET', path));
      return answer;
    });
  }
  if (reply.status === 401) {
    throw new NvrError('EAUTH', 'The NVR’s key service refused the user name or the password.', {
      status: 401,
    });
  }
  if (reply.status === 403) {
    throw new NvrError(
      'EFORBIDDEN',
      'The key service refused the account; on a MOVE NVR give it the "remote" privilege.',
      { status: 403 },
    );
  }
  if (reply.status !== 200) {
    throw new NvrError(
      'EPLAYBACKKEY',
      `The key service answered ${reply.status}; check the HTTP port and the NVR’s firmware.`,
      {
        status: reply.status,
      },
    );
  }
  const key = readPlaybackKey(reply.body, reply.contentType);
  return { key, ...(reply.serverTime === undefined ? {} : { serverTime: reply.serverTime }) };
}

function isStale(reply: HttpReply): boolean {
  return parseChallenges(reply.challenges).some(({ stale }) => stale === true);
}

/**
 * The key in a reply's body: the whole body (one token), a `pbkey=` / `key:` line, a JSON member or an XML element.
 * Throws EPLAYBACKKEY with the content type, the length and at most 80 characters of an HTML title or error word.
 */
export function readPlaybackKey(body: Buffer, contentType: string): string {
  const text = body
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trim();
  const refuse = (why: string, word = ''): NvrError =>
    new NvrError(
      'EPLAYBACKKEY',
      `The key service ${why} (${contentType === '' ? 'no content type' : printable(contentType, 60)}, ${body.length} bytes${word === '' ? '' : `: "${printable(word, 80)}"`}).`,
    );
  if (text === '') throw refuse('sent an empty reply');
  if (/<html|<!doctype html/i.test(text.slice(0, 1024)))
    throw refuse('sent an HTML page', /<title[^>]*>([^<]{0,200})/i.exec(text)?.[1]?.trim());
  if (text.startsWith('{') || text.startsWith('[')) return accept(fromJson(text, refuse), refuse);
  if (text.startsWith('<')) {
    const error = /<(?:error|message|errormsg)\b[^>]*>([^<]{0,200})/i.exec(text)?.[1];
    const element = /<(pbkey|key)\b[^>]*>\s*(?:<!\[CDATA\[)?([^<\]]*)/i.exec(text)?.[2];
    if (element === undefined) throw refuse('sent XML without a key', error?.trim());
    return accept(unescapeXml(element.trim()), refuse);
  }
  const line = /^\s*(?:pbkey|key)\s*[=:]\s*(.*?)\s*$/im.exec(text)?.[1];
  return accept(line ?? text, refuse);
}

type Refuse = (why: string, word?: string) => NvrError;

function accept(key: string, refuse: Refuse): string {
  const bare = key.replace(/^"(.*)"$/s, '$1');
  if (bare === '') throw refuse('sent an empty key');
  const word = ERROR_WORDS.exec(bare)?.[0];
  if (word !== undefined && (word.length === bare.length || /[\s:,]/.test(bare)))
    throw refuse('refused', word);
  if (/\s/.test(bare)) throw refuse('sent text that is no key');
  if (bare.length > MAX_KEY_CHARS) throw refuse('sent a key of more than 1024 characters');
  // eslint-disable-next-line no-control-regex -- a key is put into a request line
  if (/[\x00-\x1f\x7f]/.test(bare)) throw refuse('sent a key with control characters');
  return bare;
}

function fromJson(text: string, refuse: Refuse): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw refuse('sent JSON that cannot be read');
  }
  const members = flatten(parsed);
  const error = members.get('error');
  const key = members.get('pbkey') ?? members.get('key');
  if (error !== undefined && error !== null && error !== false && error !== 0 && error !== '') {
    throw refuse(
      'reported an error',
      typeof error === 'string' ? (ERROR_WORDS.exec(error)?.[0] ?? 'error') : 'error',
    );
  }
  if (typeof key !== 'string' && typeof key !== 'number') throw refuse('sent JSON without a key');
  return String(key);
}

/** Members of the object and of the objects directly in it, by lower-case name; the outer ones win. */
function flatten(value: unknown): Map<string, unknown> {
  const members = new Map<string, unknown>();
  const levels = [value, ...(isObject(value) ? Object.values(value) : [])];
  for (const level of levels) {
    if (!isObject(level)) continue;
    for (const [name, member] of Object.entries(level)) {
      if (!members.has(name.toLowerCase())) members.set(name.toLowerCase(), member);
    }
  }
  return members;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function unescapeXml(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_whole, name: string) => named[name] ?? '');
}

function printable(text: string, length: number): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, length);
}

function get(settings: NvrSettings, path: string, authorization: string | undefined): Promise<HttpReply> {
  const where = `${settings.host}:${settings.httpPort}`;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      request.destroy();
      reject(errorOfSocket(error, where));
    };
    const request = open(settings, path, authorization);
    const timer = setTimeout(() => {
      fail(
        new NvrError(
          'ETIMEDOUT',
          `The key service on ${where} did not answer within ${settings.requestTimeout} s.`,
        ),
      );
    }, settings.requestTimeout * 1000);
    request.on('error', (error: NodeJS.ErrnoException) => {
      fail(
        error.code?.startsWith('HPE_') === true
          ? new NvrError('EPLAYBACKKEY', `${where} does not speak HTTP; check the HTTP port.`, {
              cause: error,
            })
          : error,
      );
    });
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_BODY_BYTES)
          fail(new NvrError('EPLAYBACKKEY', `The key service sent more than ${MAX_BODY_BYTES / 1024} KiB.`));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        clearTimeout(timer);
        const date = Date.parse(response.headers.date ?? '');
        resolve({
          status: response.statusCode ?? 0,
          contentType: response.headers['content-type'] ?? '',
          challenges: response.headersDistinct['www-authenticate'] ?? [],
          serverTime: Number.isNaN(date) ? undefined : date,
          body: Buffer.concat(chunks),
        });
      });
    });
    request.end();
  });
}

function open(settings: NvrSettings, path: string, authorization: string | undefined): http.ClientRequest {
  const options: http.RequestOptions = {
    host: settings.host,
    port: settings.httpPort,
    path,
    // Each request on a connection of its own: some key services close theirs without saying so.
    agent: false,
    headers: {
      'User-Agent': USER_AGENT,
      Accept: '*/*',
      ...(authorization === undefined ? {} : { Authorization: authorization }),
    },
  };
  return settings.httpTls ? https.request({ ...options, ...settings.tlsSettings }) : http.request(options);
}
