// Answering a 401, for RTSP, its HTTP tunnel and the key service alike: at most once per form of the answer, and through the gate.

import { NvrError } from '../errors.js';
import type { Authenticator } from '../rtsp/auth.js';
import type { LoginMemory, LoginRules, LoginService } from '../rtsp/login-rules.js';
import type { Headers } from '../rtsp/message.js';
import type { LoginGate } from './login-gate.js';
import type { DigestUriPolicy } from './quirks.js';
import type { TlsSettings } from './transport/socket.js';

/** `tls`: absent on a plain connection. */
export function loginRules(
  service: LoginService,
  memory: LoginMemory,
  tls: TlsSettings | undefined,
  allowBasic = false,
): LoginRules {
  return { memory, service, isPrivate: tls !== undefined && tls.rejectUnauthorized !== false, allowBasic };
}

/** What a user is told where the password is sent as it is. */
export function clearPassword(where: string): NvrError {
  const text = `${where} takes the password in clear (Basic without checked TLS), and whoever is between can read it; switch TLS or Digest on, or allow Basic in the NVR’s settings.`;
  return new NvrError('EAUTH', text);
}

interface Refusable {
  readonly status: number;
  readonly headers: Pick<Headers, 'getAll'>;
}

/**
 * Answers the challenge of `refused` by asking `again`: with its nonce (row 9), then in Latin-1 where that may be it, then over the base URI
 * where the server checks that (row 10). Rejects with EUNSUPPORTED, and leaves the gate alone, where nothing can be answered.
 */
export async function logIn<T extends Refusable>(
  auth: Authenticator,
  refused: T,
  what: string,
  again: () => Promise<T>,
  gate?: LoginGate,
  requestUri?: string,
): Promise<T> {
  const obstacle = auth.obstacle(challengesOf(refused), what);
  if (obstacle !== undefined) throw obstacle;
  const login = async (): Promise<T> => {
    const last = await answer(auth, refused, again, requestUri);
    auth.settle(last.status !== 401);
    return last;
  };
  return gate === undefined ? login() : gate.run(login);
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
