// What was learnt of one server, as named policies. Shared by all sessions to it, so that a quirk is paid for
// once.

import { performance } from 'node:perf_hooks';
import { LoginMemory } from '../rtsp/login-rules.js';
import type { ControlUriPolicy } from '../rtsp/control-uri.js';

/**
 * `get-parameter` suits the MOVE NVR, and EvoStream, which does not list it in Public and is kept alive by
 * nothing else; `options` LIVE555 without GET_PARAMETER; `rtcp` cameras that refuse both, or hang up when
 * they are asked (quirk: keep-alive-refused).
 */
export type KeepAlivePolicy = 'get-parameter' | 'options' | 'rtcp';

/**
 * What the digest is computed over: RFC 2617 says the request URI; some servers check the base URI (quirk:
 * digest-over-base-uri).
 */
export type DigestUriPolicy = 'request' | 'base';

/** `udp` is unicast. */
export type Lower = 'tcp' | 'udp' | 'multicast';

/**
 * `all`: the H264DVR family sends nothing until every track it describes is set up. What was not wanted is
 * dropped then.
 */
export type TrackPolicy = 'wanted' | 'all';

/**
 * `new-connection`: VStarcam closes the connection that it asked for a log-in on, and takes the answer on
 * another.
 */
export type LoginPolicy = 'same-connection' | 'new-connection';

interface Policies {
  controlUri: ControlUriPolicy;
  digestUri: DigestUriPolicy;
  keepAlive: KeepAlivePolicy;
  /** The lower transport that delivered media where the preferred one did not (quirk: 461-or-dead-udp). */
  transport: Lower;
  /** A lower transport that the server refuses (461). */
  refused: Lower;
  tracks: TrackPolicy;
  loginOn: LoginPolicy;
}

/** A device may be replaced, or its firmware: what was learnt is found out anew after a day. */
const FORGOTTEN_AFTER_MS = 86_400_000;

/**
 * One per server. Policies start undefined, "not yet learnt", and are set by the first session that finds
 * out.
 */
export class ServerMemory {
  /** How this account logs in.
   * @internal */
  readonly login: LoginMemory;
  private readonly learnt = new Map<keyof Policies, { readonly value: string; readonly at: number }>();

  /** `now` gives monotonic ms; `login` is how this account logs in.
   * @internal */
  constructor(
    private readonly now: () => number = () => performance.now(),
    login?: LoginMemory,
  ) {
    this.login = login ?? new LoginMemory();
  }

  /** @internal */
  recall<P extends keyof Policies>(policy: P): Policies[P] | undefined {
    const lesson = this.learnt.get(policy);
    if (lesson === undefined) return undefined;
    if (this.now() - lesson.at < FORGOTTEN_AFTER_MS) return lesson.value as Policies[P];
    this.learnt.delete(policy);
    return undefined;
  }

  /** What is only confirmed is found out anew no later.
   * @internal */
  learn<P extends keyof Policies>(policy: P, value: Policies[P]): void {
    if (this.recall(policy) !== value) this.learnt.set(policy, { value, at: this.now() });
  }

  /** @internal */
  forget(policy: keyof Policies): void {
    this.learnt.delete(policy);
  }

  /** The settings were edited: everything is found out anew. */
  forgetAll(): void {
    this.learnt.clear();
  }

  /** For the trace; empty while nothing is known. */
  toString(): string {
    return [...this.learnt.keys()]
      .filter((policy) => this.recall(policy) !== undefined)
      .map((policy) => `${policy}: ${String(this.recall(policy))}`)
      .join(', ');
  }

  get controlUri(): ControlUriPolicy | undefined {
    return this.recall('controlUri');
  }

  get digestUri(): DigestUriPolicy | undefined {
    return this.recall('digestUri');
  }

  get keepAlive(): KeepAlivePolicy | undefined {
    return this.recall('keepAlive');
  }

  get transport(): Lower | undefined {
    return this.recall('transport');
  }
}

const CONTROL_ORDER: readonly ControlUriPolicy[] = ['append', 'resolve', 'query-last'];

/** The order in which a track's URI is tried: the remembered winner first. */
export function controlUriOrder(memory: ServerMemory): ControlUriPolicy[] {
  const first = memory.recall('controlUri');
  if (first === undefined) return [...CONTROL_ORDER];
  return [first, ...CONTROL_ORDER.filter((policy) => policy !== first)];
}

/**
 * SETUP statuses after which another form of the track's URI is worth a try (quirk: control-behind-query).
 */
export const WRONG_URI_STATUSES: ReadonlySet<number> = new Set([400, 404, 451, 454, 455, 503]);

/**
 * Keep-alives in the order in which they are tried (quirk: keep-alive-refused). What a server does not list
 * in Public it may take all the same.
 */
export function keepAliveOrder(hasGetParameter: boolean): readonly KeepAlivePolicy[] {
  return hasGetParameter ? ['get-parameter', 'options', 'rtcp'] : ['options', 'get-parameter', 'rtcp'];
}
