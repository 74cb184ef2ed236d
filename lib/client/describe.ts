// OPTIONS and DESCRIBE, through redirects and log-ins: what a server offers at a URI, and the connection to take it on.

import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { Authenticator } from '../rtsp/auth.js';
import { controlBase } from '../rtsp/control-uri.js';
import { parsePublic } from '../rtsp/headers.js';
import { parseSdp, type SessionDescription } from '../rtsp/sdp.js';
import { formatRtspUri, parseRtspUri, type RtspUri } from '../rtsp/uri.js';
import { RtspConnection, type ConnectionListener } from './connection.js';
import { credentialsOf, type SessionOptions } from './session-options.js';
import { errorOfReply } from './status.js';

export const USER_AGENT = 'node-red-mobotix-nvr';

export interface Described {
  readonly connection: RtspConnection;
  readonly authenticator: Authenticator | undefined;
  readonly description: SessionDescription;
  /** The aggregate URI. */
  readonly baseUri: string;
  /** What the server says it can do. */
  readonly methods: ReadonlySet<string>;
}

export interface DescribeContext {
  readonly options: SessionOptions;
  readonly listener: ConnectionListener;
  /** Told of each connection once it is open; throws where nobody wants it any more. */
  readonly adopt: (connection: RtspConnection) => void;
}

type Credentials = { username: string; password: string } | undefined;

/** Rejects with an NvrError that names the cause; the last connection adopted is the caller's to close. */
export async function describe(context: DescribeContext): Promise<Described> {
  const { options } = context;
  const given = parseRtspUri(options.uri);
  let target = given;
  let credentials: Credentials = options.credentials ?? credentialsOf(given);
  for (let hops = 0; ; hops++) {
    const uri = formatRtspUri(target);
    const { connection, authenticator } = await connect(context, target, credentials);
    const reply = await connection.request('OPTIONS', uri);
    if (reply.status === 401 || reply.status === 403) throw errorOfReply(reply, 'OPTIONS');
    // Row 11: `OPTIONS:` in place of `Public:`.
    const methods = parsePublic(reply.headers.get('Public') ?? reply.headers.get('OPTIONS') ?? '');

    const described = await connection.request('DESCRIBE', uri, { Accept: 'application/sdp' });
    const location = described.headers.get('Location');
    if (described.status >= 300 && described.status < 400 && location !== undefined) {
      if (hops >= LIMITS.redirects)
        throw new NvrError('EPROTOCOL', `The server redirected more than ${LIMITS.redirects} times.`);
      const next = parseRtspUri(location);
      if (target.tls && !next.tls)
        throw new NvrError(
          'ETLS',
          'The server redirects to a connection without TLS; switch RTSP over TLS off if that is what you want.',
        );
      // Row 12: credentials go to the host they were given for, and to no other.
      if (next.host.toLowerCase() !== given.host.toLowerCase()) credentials = undefined;
      target = { tls: next.tls, host: next.host, port: next.port, path: next.path };
      connection.destroy();
      continue;
    }
    if (described.status !== 200) throw errorOfReply(described, 'DESCRIBE');
    const description = parseSdp(described.body.toString('utf8'));
    const baseUri = controlBase({
      requestUri: uri,
      contentBase: described.headers.get('Content-Base'),
      contentLocation: described.headers.get('Content-Location'),
      sessionControl: description.control,
    });
    return { connection, authenticator, description, baseUri, methods };
  }
}

async function connect(
  { options, listener, adopt }: DescribeContext,
  target: RtspUri,
  credentials: Credentials,
): Promise<Pick<Described, 'connection' | 'authenticator'>> {
  const authenticator =
    credentials === undefined || credentials.username === '' ? undefined : new Authenticator(credentials);
  if (authenticator !== undefined && options.memory.digestUri !== undefined)
    authenticator.digestUri = options.memory.digestUri;
  const connection = await RtspConnection.open({
    ...listener,
    host: target.host,
    port: target.port,
    path: target.path,
    credentials: authenticator === undefined ? undefined : credentials,
    tls: target.tls ? (options.tls ?? {}) : undefined,
    timeoutMs: options.requestTimeoutMs ?? 10_000,
    userAgent: USER_AGENT,
    authenticator,
    gate: options.gate,
    logger: options.logger,
    ...(options.openPipe === undefined ? {} : { open: options.openPipe }),
  });
  adopt(connection);
  return { connection, authenticator };
}
