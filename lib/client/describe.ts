// OPTIONS and DESCRIBE, through redirects and log-ins: what a server offers at a URI, and the connection to take it on.

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
import { RtspConnection, type ConnectionListener } from './connection.js';
import { loginRules } from './login.js';
import { accountGoesAlong, isSameHost, notALocation } from './redirect.js';
import { credentialsOf, type SessionOptions } from './session-options.js';
import { errorOfReply } from './status.js';

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

export interface DescribeContext {
  readonly options: SessionOptions;
  readonly listener: ConnectionListener;
  /** Told whose secrets the conversation may hold, before it begins. */
  readonly onAccount: (account: { username: string; password: string }) => void;
  /** Told of each connection once it is open; throws where nobody wants it any more. */
  readonly adopt: (connection: RtspConnection) => void;
}

type Credentials = { username: string; password: string } | undefined;

/** Rejects with an NvrError that names the cause; the last connection adopted is the caller's to close. */
export async function describe(context: DescribeContext): Promise<Described> {
  const { options } = context;
  const given = parseRtspUri(options.uri);
  const account: Credentials = options.credentials ?? credentialsOf(given);
  if (account !== undefined) context.onAccount(account);
  let credentials = account;
  let target = { ...given, path: byteString(given.path) };
  const elsewhere = LoginMemory.elsewhere();
  for (let hops = 0; ; hops++) {
    const uri = requestUri(target);
    const { connection, authenticator } = await connect(
      context,
      target,
      credentials,
      isSameHost(target, given) ? options.memory.login : elsewhere,
    );
    const refusal = (reply: RtspResponse, method: string): NvrError =>
      reply.status === 401 && account !== undefined && credentials === undefined
        ? withoutAccount(target)
        : errorOfReply(reply, method);
    const reply = await connection.request('OPTIONS', uri);
    if (reply.status === 401 || reply.status === 403) throw refusal(reply, 'OPTIONS');
    // Row 11: `OPTIONS:` in place of `Public:`.
    const methods = parsePublic(reply.headers.get('Public') ?? reply.headers.get('OPTIONS') ?? '');

    const described = await connection.request('DESCRIBE', uri, { Accept: 'application/sdp' });
    const location = described.headers.get('Location');
    if (described.status >= 300 && described.status < 400 && location !== undefined) {
      if (hops >= LIMITS.redirects)
        throw new NvrError('EPROTOCOL', `The server redirected more than ${LIMITS.redirects} times.`);
      const { tls, host, port, path } = readLocation(location);
      const { redirects } = options;
      const rules = { redirects, checksTls: options.tls?.rejectUnauthorized !== false };
      credentials = accountGoesAlong(given, target, { tls, host, port }, rules) ? account : undefined;
      if (options.openPipe !== undefined) throw withinTunnel(location);
      target = { tls, host, port, path };
      connection.destroy();
      continue;
    }
    if (described.status !== 200) throw refusal(described, 'DESCRIBE');
    const description = parseSdp(described.body.toString('latin1'));
    const baseUri = controlBase({
      requestUri: uri,
      contentBase: described.headers.get('Content-Base'),
      contentLocation: described.headers.get('Content-Location'),
      sessionControl: description.control,
    });
    return { connection, authenticator, isTls: target.tls, description, baseUri, methods };
  }
}

async function connect(
  { options, listener, adopt }: DescribeContext,
  target: RtspUri,
  credentials: Credentials,
  login: LoginMemory,
): Promise<Pick<Described, 'connection' | 'authenticator'>> {
  const { memory, allowBasic } = options;
  const tls = target.tls ? (options.tls ?? {}) : undefined;
  const isNamed = credentials !== undefined && credentials.username !== '';
  const authenticator = isNamed
    ? new Authenticator(credentials, { rules: loginRules('rtsp', login, tls, allowBasic) })
    : undefined;
  if (authenticator !== undefined && memory.digestUri !== undefined)
    authenticator.digestUri = memory.digestUri;
  const connection = await RtspConnection.open({
    ...listener,
    host: target.host,
    port: target.port,
    path: target.path,
    credentials: isNamed ? credentials : undefined,
    rules: isNamed ? loginRules('http', login, tls, allowBasic) : undefined,
    onWarning: (error) => options.onWarning?.(error),
    tls,
    timeoutMs: options.requestTimeoutMs ?? 10_000,
    userAgent: USER_AGENT,
    authenticator,
    gate: options.gate,
    memory,
    logger: options.logger,
    ...(options.openPipe === undefined ? {} : { open: options.openPipe }),
  });
  adopt(connection);
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
