// What was learnt of one server, as named policies. Shared by all sessions to it, so that a quirk is paid for once.

import { LoginMemory } from '../rtsp/login-rules.js';
import type { ControlUriPolicy } from '../rtsp/control-uri.js';

/** `get-parameter` suits the MOVE NVR; `options` LIVE555 without GET_PARAMETER; `rtcp` cameras that refuse both (row 18). */
export type KeepAlivePolicy = 'get-parameter' | 'options' | 'rtcp';

/** What the digest is computed over: RFC 2617 says the request URI; some servers check the base URI (row 10). */
export type DigestUriPolicy = 'request' | 'base';

/** `udp` is unicast. */
export type Lower = 'tcp' | 'udp' | 'multicast';

/** One per server. Fields start undefined, "not yet learnt", and are set by the first session that finds out. */
export class ServerMemory {
  controlUri: ControlUriPolicy | undefined;
  digestUri: DigestUriPolicy | undefined;
  keepAlive: KeepAlivePolicy | undefined;
  /** How this account logs in. */
  readonly login = new LoginMemory();
  /** The lower transport that delivered media where the preferred one did not (row 21). */
  transport: Lower | undefined;
}

const CONTROL_ORDER: readonly ControlUriPolicy[] = ['append', 'resolve', 'query-last'];

/** The order in which a track's URI is tried: the remembered winner first. */
export function controlUriOrder(memory: ServerMemory): ControlUriPolicy[] {
  const first = memory.controlUri;
  if (first === undefined) return [...CONTROL_ORDER];
  return [first, ...CONTROL_ORDER.filter((policy) => policy !== first)];
}

/** SETUP statuses after which another form of the track's URI is worth a try (row 1). */
export const WRONG_URI_STATUSES: ReadonlySet<number> = new Set([400, 404, 451, 454, 455, 503]);

/** The next keep-alive to try when a server refuses one (row 18). */
export function nextKeepAlive(policy: KeepAlivePolicy): KeepAlivePolicy {
  return policy === 'get-parameter' ? 'options' : 'rtcp';
}
