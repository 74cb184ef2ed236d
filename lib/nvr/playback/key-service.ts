// Client of the NVR's key service: fetches the playback key for one run over HTTP, and copes with the
// servers' peculiarities.

import { setTimeout as wait } from 'node:timers/promises';
import { USER_AGENT } from '../../client/describe.js';
import { unlessGivenUp } from '../../client/given-up.js';
import { clearPassword, login, loginRules } from '../../client/login.js';
import { redirectKeepsAccount, isSameHost, notALocation } from '../../client/redirect.js';
import { authorityOnWire } from '../../rtsp/uri.js';
import { NvrError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import type { Logger } from '../../log.js';
import { redact } from '../../redact.js';
import { Authenticator } from '../../rtsp/auth.js';
import { LoginMemory } from '../../rtsp/login-rules.js';
import { rememberKey } from '../../secrets.js';
import { printable } from '../../text.js';
import type { Account } from '../account.js';
import { nvrLocalSeconds } from './nvr-time.js';
import { get, type HttpReply, type Target } from './key-http.js';
import { isKeyName, readPlaybackKey, shapeOf } from './playback-key.js';
import type { NvrSettings } from '../types.js';

/** A busy service (503) is asked once more, after the seconds it names, or after this time. */
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 5_000;
const MAX_COOKIES = 8;
const MAX_COOKIE_CHARS = 1024;

export interface KeyReply {
  key: string;
  /** The reply's Date header, in epoch ms. */
  serverTime?: number;
}

interface KeyRequest {
  /** The recording group. */
  readonly group: number;
  /** Epoch ms; the service uses whole seconds. */
  readonly startMs: number;
  readonly logger?: Logger | undefined;
  /** Called if the password is sent in clear text. */
  readonly onWarning?: ((error: NvrError) => void) | undefined;
  /** Aborts the request. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fetches a new key. Rejects with EPLAYBACKKEY for a reply without one, with ENORECORDING, EAUTH, EFORBIDDEN
 * or EUNSUPPORTED as the service says, or with a network error. No error quotes the body, which may hold a
 * key.
 */
export async function fetchPlaybackKey(
  settings: NvrSettings,
  account: Account,
  request: KeyRequest,
): Promise<KeyReply> {
  const conversation = new Conversation(settings, account, request);
  const reply = await unlessGivenUp(conversation.run(), request.signal);
  checkStatus(reply.status);
  const key = readKey(reply, settings.keyPattern ?? '');
  const date = Date.parse(reply.headers.get('Date') ?? '');
  return { key, ...(Number.isNaN(date) ? {} : { serverTime: date }) };
}

function readKey(reply: HttpReply, pattern: string): string {
  const key =
    keyInHeaders(reply) ?? readPlaybackKey(reply.body, reply.headers.get('Content-Type') ?? '', pattern);
  rememberKey(key);
  return key;
}

/** A reply with an empty body may have the key in a header such as `X-PBKey`, or set it as a cookie. */
function keyInHeaders({ headers, body }: HttpReply): string | undefined {
  if (body.length > 0) return undefined;
  for (const [name, value] of headers) {
    const line = name.toLowerCase() === 'set-cookie' ? value.split(';', 1)[0]! : `${name}=${value}`;
    if (isKeyName(line.slice(0, line.indexOf('=')).trim())) return readPlaybackKey(Buffer.from(line), '');
  }
  return undefined;
}

/** Throws for a status other than success. */
function checkStatus(status: number): void {
  if (status >= 200 && status < 300) return;
  if (status === 401)
    throw new NvrError('EAUTH', 'The NVR’s key service refused the user name or the password.', { status });
  if (status === 403)
    throw new NvrError(
      'EFORBIDDEN',
      'The key service refused the account; on a MOVE NVR give it the "remote" privilege.',
      { status },
    );
  const text = `The key service answered ${status}; check the HTTP port and the NVR’s firmware.`;
  throw new NvrError('EPLAYBACKKEY', text, { status });
}

/**
 * The requests for one key: with log-ins, redirects on the same host, one retry if the service is busy, and a
 * cookie that has to be sent back.
 */
class Conversation {
  private readonly given: Target;
  private target: Target;
  private withAccount: boolean;
  private readonly cookies = new Map<string, string>();
  private hops = 0;

  constructor(
    private readonly settings: NvrSettings,
    private readonly account: Account,
    private readonly request: KeyRequest,
  ) {
    const start = nvrLocalSeconds(request.startMs, settings.keyTime === 'local' ? settings.timeZone : '');
    const path = `/datasearch/gen_pbkey?group_id=${request.group}&start_time=${start}`;
    this.given = this.target = { tls: settings.httpTls, host: settings.host, port: settings.httpPort, path };
    this.withAccount = settings.username !== '';
  }

  async run(): Promise<HttpReply> {
    let mayRetry = true;
    let mayReturnCookie = true;
    for (;;) {
      const hadCookies = this.cookies.size;
      const reply = await this.askAsAccount();
      const location = reply.headers.get('Location');
      if (reply.status >= 300 && reply.status < 400 && location !== undefined) {
        this.follow(location);
      } else if (reply.status === 503 && mayRetry) {
        mayRetry = false;
        await wait(retryMs(reply.headers.get('Retry-After')), undefined, { signal: this.request.signal });
      } else if (mayReturnCookie && this.cookies.size > hadCookies && this.isWithoutKey(reply)) {
        mayReturnCookie = false;
      } else return reply;
    }
  }

  /** A service may first set a session cookie, and give the key only to requests that send it back. */
  private isWithoutKey(reply: HttpReply): boolean {
    try {
      readKey(reply, this.settings.keyPattern ?? '');
      return false;
    } catch {
      return reply.status < 300;
    }
  }

  private async askAsAccount(): Promise<HttpReply> {
    const { settings, account, target } = this;
    if (!this.withAccount) return this.ask();
    const tls = target.tls ? (settings.tlsSettings ?? {}) : undefined;
    const rules = loginRules('http', this.loginMemory(), tls, settings.allowBasic);
    const auth = new Authenticator({ username: settings.username, password: settings.password }, { rules });
    const again = async (): Promise<HttpReply> => {
      const reply = await this.ask(auth.authorize('GET', target.path));
      // Only a stale nonce justifies a second attempt.
      const isStale = reply.status === 401 && auth.acceptIfStale(reply.headers.getAll('WWW-Authenticate'));
      return isStale ? this.ask(auth.authorize('GET', target.path)) : reply;
    };
    const reply = await login(account.gate, auth, () => this.ask(), { what: 'The key service’s GET', again });
    if (auth.inClear) this.request.onWarning?.(clearPassword('The NVR’s key service'));
    return reply;
  }

  /**
   * What is known about the NVR's log-in methods. Nothing is known about another host, so it never gets the
   * password in clear text.
   */
  private loginMemory(): LoginMemory {
    return isSameHost(this.target, this.given) ? this.account.memory.login : LoginMemory.elsewhere();
  }

  private follow(location: string): void {
    if (++this.hops > LIMITS.redirects)
      throw new NvrError('EPROTOCOL', `The key service redirected more than ${LIMITS.redirects} times.`);
    const { settings, given, target } = this;
    const next = readLocation(location, target);
    const checksTls = settings.tlsSettings?.rejectUnauthorized !== false;
    const rules = { redirects: settings.redirects ?? 'same', checksTls } as const;
    this.withAccount = redirectKeepsAccount(given, target, next, rules) && settings.username !== '';
    if (!isSameHost(next, target) || next.port !== target.port) this.cookies.clear();
    this.target = next;
  }

  private async ask(authorization?: string): Promise<HttpReply> {
    const { settings, target, cookies } = this;
    this.log(`> GET ${target.path} (key service)`);
    const headers = {
      'User-Agent': USER_AGENT,
      Accept: '*/*',
      'Accept-Encoding': 'identity',
      ...(cookies.size === 0 ? {} : { Cookie: [...cookies].map((pair) => pair.join('=')).join('; ') }),
      ...(authorization === undefined ? {} : { Authorization: authorization }),
    };
    const reply = await get(target, settings, headers, this.request.signal);
    this.keepCookies(reply.headers.getAll('Set-Cookie'));
    const type = printable(reply.headers.get('Content-Type') ?? 'no content type', 60);
    this.log(
      `< HTTP ${reply.status}, ${type}, ${reply.body.length} bytes of this shape:\r\n${shapeOf(reply.body)}`,
    );
    return reply;
  }

  private keepCookies(lines: readonly string[]): void {
    for (const line of lines) {
      const [pair = ''] = line.split(';', 1);
      const equals = pair.indexOf('=');
      const [name, value] = [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
      const isUsable = /^[\x21-\x7e]+$/.test(name + value) && pair.length <= MAX_COOKIE_CHARS;
      if (equals > 0 && isUsable && (this.cookies.size < MAX_COOKIES || this.cookies.has(name)))
        this.cookies.set(name, value);
    }
  }

  private log(line: string): void {
    this.request.logger?.debug(redact(line));
  }
}

function retryMs(retryAfter: string | undefined): number {
  const seconds = Number.parseInt(retryAfter ?? '', 10);
  return seconds >= 0 ? Math.min(seconds * 1000, MAX_RETRY_MS) : RETRY_MS;
}

/** Resolves a relative or absolute Location. Throws EPROTOCOL if it is neither. */
function readLocation(location: string, { tls, host, port, path }: Target): Target {
  const base = `${tls ? 'https' : 'http'}://${authorityOnWire(host, port, 0)}${path}`;
  let url: URL;
  try {
    url = new URL(location, base);
  } catch (error) {
    throw notALocation(location, error);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw notALocation(location, undefined);
  const isTls = url.protocol === 'https:';
  return {
    tls: isTls,
    // A URL cannot hold an IPv6 zone, so the given host is kept if it is the same.
    host: url.hostname === new URL(base).hostname ? host : url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    path: url.pathname + url.search,
  };
}
