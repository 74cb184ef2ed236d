// Sends SETUP for each form of a track's URI that the server might mean, until one is accepted (quirk:
// control-behind-query).

import { trackUri } from '../rtsp/control-uri.js';
import { parseSession, parseTransport, type TransportSpec } from '../rtsp/headers.js';
import type { RtspResponse } from '../rtsp/message.js';
import type { Described } from './describe.js';
import { controlUriOrder, WRONG_URI_STATUSES, type ServerMemory } from './quirks.js';
import { errorOfReply } from './status.js';

export interface Granted {
  readonly uri: string;
  readonly session: { id: string; timeoutSeconds: number } | undefined;
  /**
   * Undefined if the reply has no Transport header, which counts as acceptance of what was asked for (quirk:
   * odd-transport-reply).
   */
  readonly transport: TransportSpec | undefined;
}

/**
 * Tries the remembered form of the URI first. `headers` is called for each request. Rejects with the error of
 * the first refusal.
 */
export async function requestSetup(
  { connection, baseUri, authenticator }: Described,
  memory: ServerMemory,
  control: string | undefined,
  headers: () => Record<string, string>,
): Promise<Granted> {
  let first: RtspResponse | undefined;
  const tried = new Set<string>();
  for (const policy of controlUriOrder(memory)) {
    const uri = trackUri(baseUri, control, policy);
    if (tried.has(uri)) continue;
    tried.add(uri);
    if (authenticator !== undefined) authenticator.baseUri = baseUri;
    const reply = await connection.request('SETUP', uri, headers());
    if (reply.status === 200) {
      memory.learn('controlUri', policy);
      if (authenticator !== undefined) memory.learn('digestUri', authenticator.digestUri);
      return readGrant(uri, reply);
    }
    first ??= reply;
    if (!WRONG_URI_STATUSES.has(reply.status)) break;
  }
  throw errorOfReply(first!, 'SETUP');
}

function readGrant(uri: string, { headers }: RtspResponse): Granted {
  const session = headers.get('Session');
  const transport = headers.get('Transport');
  return {
    uri,
    session: session === undefined ? undefined : parseSession(session),
    transport: transport === undefined ? undefined : parseTransport(transport),
  };
}
