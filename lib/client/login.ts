// Answers a 401 for RTSP, its HTTP tunnel and the key service: at most once per form of the answer, and only
// if the gate permits.

import { NvrError } from '../errors.js';
import type { Authenticator } from '../rtsp/auth.js';
import type { LoginMemory, LoginRules, LoginService } from '../rtsp/login-rules.js';
import type { Headers } from '../rtsp/message.js';
import type { LoginGate } from './login-gate.js';
import type { DigestUriPolicy } from './quirks.js';
import type { TlsSettings } from './transport/socket.js';

/** `tls` is undefined on a plain connection. */
export function loginRules(
  service: LoginService,
  memory: LoginMemory,
  tls: TlsSettings | undefined,
  allowBasic = false,
): LoginRules {
  return { memory, service, isPrivate: tls !== undefined && tls.rejectUnauthorized !== false, allowBasic };
}

/** The warning that the password is sent in clear text. */
export function clearPassword(where: string): NvrError {
  const text = `${where} takes the password in clear text (Basic, without TLS whose certificate is checked), so anybody on the network between can read it; switch on TLS or Digest, or, to do without this warning, allow Basic in the NVR’s settings.`;
  return new NvrError('EAUTH', text);
}

interface Refusable {
  readonly status: number;
  readonly headers: Pick<Headers, 'getAll'>;
}

interface LoginRequest<T> {
  /** Names the request in the error that says why its challenge cannot be answered. */
  readonly what: string;
  /** Sends the request again, with credentials; `ask` by default. */
  readonly again?: (() => Promise<T>) | undefined;
  /** The request's URI, for servers that check the digest over the base URI instead. */
  readonly requestUri?: string;
}

/**
 * Sends a request and answers a 401: with the challenge's nonce (quirk: changing-nonces), then with the
 * credentials in Latin-1 if that may help, then with a digest over the base URI (quirk:
 * digest-over-base-uri). Rejects with EUNSUPPORTED, without asking the gate, if the challenge cannot be
 * answered.
 */
export async function login<T extends Refusable>(
  gate: LoginGate | undefined,
  authenticator: Authenticator | undefined,
  ask: () => Promise<T>,
  { what, again = ask, requestUri }: LoginRequest<T>,
): Promise<T> {
  const first = await ask();
  if (first.status !== 401 || authenticator === undefined) return first;
  const obstacle = authenticator.obstacle(challengesOf(first), what);
  if (obstacle !== undefined) throw obstacle;
  const attempt = async (): Promise<T> => {
    const last = await answer(authenticator, first, again, requestUri);
    authenticator.recordOutcome(last.status !== 401);
    return last;
  };
  return gate === undefined ? attempt() : gate.run(attempt);
}

async function answer<T extends Refusable>(
  auth: Authenticator,
  refused: T,
  again: () => Promise<T>,
  requestUri: string | undefined,
): Promise<T> {
  let last = refused;
  if (auth.accept(challengesOf(last))) {
    last = await again();
    if (last.status !== 401) return last;
  }
  if (auth.acceptInLatin1(challengesOf(last))) {
    last = await again();
    if (last.status !== 401) return last;
  }
  if (auth.baseUri === undefined || requestUri === undefined || auth.baseUri === requestUri) return last;
  const before: DigestUriPolicy = auth.digestUri;
  auth.accept(challengesOf(last));
  auth.digestUri = before === 'request' ? 'base' : 'request';
  last = await again();
  if (last.status === 401) auth.digestUri = before;
  return last;
}

function challengesOf({ headers }: Refusable): string[] {
  return headers.getAll('WWW-Authenticate');
}
