// OPTIONS and DESCRIBE, through redirects and log-ins: what a server offers at a URI, and the connection to
// take it on.

import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { Authenticator } from '../rtsp/auth.js';
import { LoginMemory } from '../rtsp/login-rules.js';
import { controlBase } from '../rtsp/control-uri.js';
import { parsePublic } from '../rtsp/headers.js';
import { parseSdp, type SessionDescription } from '../rtsp/sdp.js';
import type { RtspResponse } from '../rtsp/message.js';
import { requestUri, parseRtspUri, type RtspUri } from '../rtsp/uri.js';
import { byteString, printable } from '../text.js';
import type { ConnectionListener } from './connection-options.js';
import { RtspConnection } from './connection.js';
import { unlessGivenUp } from './given-up.js';
import { loginRules } from './login.js';
import type { ServerMemory } from './quirks.js';
import { accountGoesAlong, isSameHost, notALocation } from './redirect.js';
import { credentialsOf, type SessionOptions } from './session-options.js';
import { errorOfReply } from './status.js';
import type { Transport } from './transport/transport.js';

export const USER_AGENT = 'node-red-mobotix-nvr';

export interface Described {
  readonly connection: RtspConnection;
  readonly authenticator: Authenticator | undefined;
  readonly isTls: boolean;
  readonly description: SessionDescription;
  /** The aggregate URI. */
  readonly baseUri: string;
  /** What the server says it can do. */
  readonly methods: ReadonlySet<string>;
}

/** What of a session's options it takes to describe. */
export type DescribeOptions = Pick<
  SessionOptions,
  'credentials' | 'tls' | 'allowBasic' | 'redirects' | 'requestTimeoutMs' | 'gate' | 'logger' | 'onWarning'
> & {
  readonly uri: string;
  readonly memory: ServerMemory;
  readonly transport: Transport;
  /** Gives it up: what is open is destroyed. */
  readonly signal?: AbortSignal | undefined;
  /** Who hears what else the connection brings; nobody by default. */
  readonly listener?: ConnectionListener | undefined;
  /** Milliseconds that the next request may take, where all of them together are bounded. */
  readonly patience?: (() => number) | undefined;
  /** OPTIONS alone is to be asked as nobody: a 401 of it is no failure then. */
  readonly isAnonymous?: boolean;
};

export type DescribeStep =
  | { readonly name: 'connected'; readonly connection: RtspConnection }
  /** OPTIONS was answered, whatever with. */
  | { readonly name: 'answered'; readonly connection: RtspConnection }
  /** The connection is the caller's from here on. */
  | { readonly name: 'described'; readonly described: Described };

type Account = { username: string; password: string } | undefined;

const NOBODY: ConnectionListener = {
  isChannelInUse: () => false,
  onPacket: () => undefined,
  onServerRequest: () => undefined,
  onClose: () => undefined,
};

/** Rejects with an NvrError that names the cause; everything is closed then. */
export async function describe(options: DescribeOptions): Promise<Described> {
  for await (const step of describeInSteps(options)) if (step.name === 'described') return step.described;
  throw new NvrError('EPROTOCOL', 'The server described nothing.');
}

/** What the server says of the stream, and nothing stays open. Rejects as `describe` does. */
export async function askDescription(options: DescribeOptions): Promise<SessionDescription> {
  const { connection, description } = await describe(options);
  connection.destroy();
  return description;
}

/**
 * The same step by step, for those who measure it or go no further; a redirect connects again. Left early, it
 * closes everything.
 */
export async function* describeInSteps(options: DescribeOptions): AsyncGenerator<DescribeStep, void> {
  const given = parseRtspUri(options.uri);
  const account: Account = options.credentials ?? credentialsOf(given);
  let credentials = account;
  let target = { ...given, path: byteString(given.path) };
  const elsewhere = LoginMemory.elsewhere();
  for (let hops = 0; ; hops++) {
    const memory = isSameHost(target, given) ? options.memory.login : elsewhere;
    const { connection, authenticator } = await connect(options, target, credentials, memory);
    let isTaken = false;
    const giveUp = (): void => {
      connection.destroy();
    };
    options.signal?.addEventListener('abort', giveUp, { once: true });
    try {
      yield { name: 'connected', connection };
      const uri = requestUri(target);
      const ask = (method: string, headers?: Record<string, string>): Promise<RtspResponse> =>
        unlessGivenUp(connection.request(method, uri, headers, options.patience?.()), options.signal);
      const reply = await ask('OPTIONS');
      yield { name: 'answered', connection };
      const refusal = (refused: RtspResponse, method: string): NvrError =>
        refused.status === 401 && account !== undefined && credentials === undefined
          ? withoutAccount(target)
          : errorOfReply(refused, method, uri);
      if (reply.status === 401 || reply.status === 403) throw refusal(reply, 'OPTIONS');

      const described = await ask('DESCRIBE', { Accept: 'application/sdp' });
      const location = described.headers.get('Location');
      if (described.status >= 300 && described.status < 400 && location !== undefined) {
        if (hops >= LIMITS.redirects)
          throw new NvrError('EPROTOCOL', `The server redirected more than ${LIMITS.redirects} times.`);
        const next = readLocation(location);
        const rules = {
          redirects: options.redirects,
          checksTls: options.tls?.rejectUnauthorized !== false,
        };
        credentials = accountGoesAlong(given, target, next, rules) ? account : undefined;
        if (!options.transport.followsRedirects) throw withinTunnel(location);
        target = { tls: next.tls, host: next.host, port: next.port, path: next.path };
        continue;
      }
      if (described.status !== 200) throw refusal(described, 'DESCRIBE');
      const description = parseSdp(described.body.toString('latin1'));
      const result: Described = {
        connection,
        authenticator,
        isTls: target.tls,
        description,
        baseUri: baseUriOf(described, uri, description),
        // quirk: odd-headers, in place of `Public:`.
        methods: parsePublic(reply.headers.get('Public') ?? reply.headers.get('OPTIONS') ?? ''),
      };
      isTaken = true;
      yield { name: 'described', described: result };
      return;
    } finally {
      options.signal?.removeEventListener('abort', giveUp);
      if (!isTaken) connection.destroy();
    }
  }
}

function baseUriOf({ headers }: RtspResponse, uri: string, { control }: SessionDescription): string {
  return controlBase({
    requestUri: uri,
    contentBase: headers.get('Content-Base'),
    contentLocation: headers.get('Content-Location'),
    sessionControl: control,
  });
}

async function connect(
  options: DescribeOptions,
  target: RtspUri,
  credentials: Account,
  login: LoginMemory,
): Promise<Pick<Described, 'connection' | 'authenticator'>> {
  const { memory, allowBasic, gate, logger, signal } = options;
  const tls = target.tls ? (options.tls ?? {}) : undefined;
  const isNamed = credentials !== undefined && credentials.username !== '';
  const authenticator =
    isNamed && options.isAnonymous !== true
      ? new Authenticator(credentials, { rules: loginRules('rtsp', login, tls, allowBasic) })
      : undefined;
  if (authenticator !== undefined && memory.digestUri !== undefined)
    authenticator.digestUri = memory.digestUri;
  const onWarning = (error: NvrError): void => options.onWarning?.(error);
  const connection = await RtspConnection.open({
    ...(options.listener ?? NOBODY),
    host: target.host,
    port: target.port,
    tls,
    timeoutMs: options.requestTimeoutMs ?? 10_000,
    userAgent: USER_AGENT,
    authenticator,
    gate,
    memory,
    onWarning,
    logger,
    signal,
    open: options.transport.bearer({
      path: target.path,
      userAgent: USER_AGENT,
      credentials: isNamed ? credentials : undefined,
      rules: isNamed ? loginRules('http', login, tls, allowBasic) : undefined,
      onWarning,
      gate,
      logger,
    }),
  });
  return { connection, authenticator };
}

function readLocation(location: string): RtspUri {
  try {
    return parseRtspUri(location);
  } catch (error) {
    throw notALocation(location, error);
  }
}

function withoutAccount({ host, port }: RtspUri): NvrError {
  const text = `The server redirects to ${printable(host, 80)}:${port}, which wants a log-in; the account is not sent there: give that address in the NVR’s settings.`;
  return new NvrError('EAUTH', text, { status: 401 });
}

function withinTunnel(location: string): NvrError {
  const text = `The server redirects to "${printable(location)}", which is not followed inside an HTTP tunnel: give that address in the NVR’s settings.`;
  return new NvrError('EUNSUPPORTED', text);
}
