// OPTIONS and DESCRIBE, with redirects and log-ins: returns the description of a URI, and the connection for
// SETUP.

import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { quotable } from '../redact.js';
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
import { redirectKeepsAccount, isSameHost, notALocation } from './redirect.js';
import { credentialsOf, type SessionOptions } from './session-options.js';
import { errorOfReply } from './status.js';
import type { Transport } from './transport/transport.js';

export const USER_AGENT = 'node-red-mobotix-nvr';

export interface Described {
  readonly connection: RtspConnection;
  readonly authenticator: Authenticator | undefined;
  readonly isTls: boolean;
  readonly description: SessionDescription;
  /** The aggregate control URI (RFC 2326 C.3). */
  readonly baseUri: string;
  /** The methods in the reply to OPTIONS. */
  readonly methods: ReadonlySet<string>;
}

/** The session options that OPTIONS and DESCRIBE need. */
type DescribeOptions = Pick<
  SessionOptions,
  'credentials' | 'tls' | 'allowBasic' | 'redirects' | 'requestTimeoutMs' | 'gate' | 'logger' | 'onWarning'
> & {
  readonly uri: string;
  readonly memory: ServerMemory;
  readonly transport: Transport;
  /** Aborts the request and destroys the connection. */
  readonly signal?: AbortSignal | undefined;
  /** Receives everything else that arrives on the connection; ignored by default. */
  readonly listener?: ConnectionListener | undefined;
  /** Returns how long the next request may take, in ms, for callers that limit the sum of all requests. */
  readonly nextTimeoutMs?: (() => number) | undefined;
  /** Send OPTIONS without credentials: a 401 is then an answer, not a failure. */
  readonly isAnonymous?: boolean;
};

type DescribeStep =
  | { readonly name: 'connected'; readonly connection: RtspConnection }
  /** OPTIONS was answered, with any status. */
  | { readonly name: 'answered'; readonly connection: RtspConnection }
  /** From here on the caller owns the connection. */
  | { readonly name: 'described'; readonly described: Described };

type Account = { username: string; password: string } | undefined;

const NOBODY: ConnectionListener = {
  isChannelInUse: () => false,
  onPacket: () => undefined,
  onServerRequest: () => undefined,
  onClose: () => undefined,
};

/** Rejects with an NvrError that names the cause, after closing the connection. */
export async function describe(options: DescribeOptions): Promise<Described> {
  for await (const step of describeInSteps(options)) if (step.name === 'described') return step.described;
  throw new NvrError('EPROTOCOL', 'The server sent no description of the stream.');
}

/** Returns the stream's description and closes the connection. Rejects as `describe` does. */
export async function askDescription(options: DescribeOptions): Promise<SessionDescription> {
  const { connection, description } = await describe(options);
  connection.destroy();
  return description;
}

/**
 * `describe` in steps, for callers that time each step or stop early. A redirect yields `connected` again.
 * The connection is closed if the caller stops before `described`.
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
        unlessGivenUp(connection.request(method, uri, headers, options.nextTimeoutMs?.()), options.signal);
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
        credentials = redirectKeepsAccount(given, target, next, rules) ? account : undefined;
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
        // quirk: odd-headers; some servers send an `OPTIONS:` header in place of `Public:`.
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
  const text = `The server redirects to ${printable(host, 80)}:${port}, which asks for a log-in; the account is not sent to an address that is not in the settings: if you trust it, enter it as the NVR’s address.`;
  return new NvrError('EAUTH', text, { status: 401 });
}

function withinTunnel(location: string): NvrError {
  const text = `The server redirects to "${quotable(location)}", which is not followed inside an HTTP tunnel: give that address in the NVR’s settings.`;
  return new NvrError('EUNSUPPORTED', text);
}
