// What was learnt about one server, as named policies, shared by all sessions with it: a quirk then costs a
// failed attempt only once.

import { performance } from 'node:perf_hooks';
import { LoginMemory } from '../rtsp/login-rules.js';
import type { ControlUriPolicy } from '../rtsp/control-uri.js';

/**
 * `get-parameter`: the MOVE NVR, and EvoStream, which does not list it in Public and accepts nothing else as
 * a keep-alive. `options`: LIVE555 without GET_PARAMETER. `rtcp`: cameras that refuse both or close the
 * connection when they are asked (quirk: keep-alive-refused).
 */
export type KeepAlivePolicy = 'get-parameter' | 'options' | 'rtcp';

/**
 * The URI that the digest is computed over: the request URI (RFC 2617), or the base URI for servers that
 * check that (quirk: digest-over-base-uri).
 */
export type DigestUriPolicy = 'request' | 'base';

/** `udp` is unicast. */
export type Lower = 'tcp' | 'udp' | 'multicast';

/**
 * `all`: cameras of the H264DVR family send nothing until every track they describe is set up. Packets of the
 * tracks that are not wanted are dropped.
 */
export type TrackPolicy = 'wanted' | 'all';

/**
 * `new-connection`: VStarcam closes the connection on which it sent a challenge, and accepts the answer on a
 * new one.
 */
export type LoginPolicy = 'same-connection' | 'new-connection';

interface Policies {
  controlUri: ControlUriPolicy;
  digestUri: DigestUriPolicy;
  keepAlive: KeepAlivePolicy;
  /** The lower transport that delivered media after the preferred one did not (quirk: 461-or-dead-udp). */
  transport: Lower;
  /** A lower transport that the server refuses (461). */
  refused: Lower;
  tracks: TrackPolicy;
  loginOn: LoginPolicy;
}

/** What was learnt expires after a day, since the device or its firmware may be replaced. */
const FORGOTTEN_AFTER_MS = 86_400_000;

/** One per server. A policy is undefined until a session has found out which one the server needs. */
export class ServerMemory {
  /** How this account logs in.
   * @internal */
  readonly login: LoginMemory;
  private readonly learnt = new Map<keyof Policies, { readonly value: string; readonly at: number }>();

  /**
   * `now` returns monotonic ms; `login` is how this account logs in.
   * @internal
   */
  constructor(
    private readonly now: () => number = () => performance.now(),
    login?: LoginMemory,
  ) {
    this.login = login ?? new LoginMemory();
  }

  /** @internal */
  recall<P extends keyof Policies>(policy: P): Policies[P] | undefined {
    const lesson = this.learnt.get(policy);
    if (lesson === undefined || this.now() - lesson.at >= FORGOTTEN_AFTER_MS) return undefined;
    return lesson.value as Policies[P];
  }

  /**
   * Remembers a policy. Confirming the same value does not extend the day after which it expires.
   * @internal
   */
  learn<P extends keyof Policies>(policy: P, value: Policies[P]): void {
    if (this.recall(policy) !== value) this.learnt.set(policy, { value, at: this.now() });
  }

  /** @internal */
  forget(policy: keyof Policies): void {
    this.learnt.delete(policy);
  }

  /** Forgets everything, for when the settings were edited. */
  forgetAll(): void {
    this.learnt.clear();
  }

  /** A line for the trace; empty if nothing is known. */
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

/**
 * The forms of a track's URI, in the order in which they are tried: the one that worked before comes first.
 */
export function controlUriOrder(memory: ServerMemory): ControlUriPolicy[] {
  const first = memory.recall('controlUri');
  if (first === undefined) return [...CONTROL_ORDER];
  return [first, ...CONTROL_ORDER.filter((policy) => policy !== first)];
}

/** SETUP statuses after which another form of the track's URI is tried (quirk: control-behind-query). */
export const WRONG_URI_STATUSES: ReadonlySet<number> = new Set([400, 404, 451, 454, 455, 503]);

/**
 * Keep-alive policies in the order in which they are tried (quirk: keep-alive-refused). A server may accept a
 * method even if Public does not list it.
 */
export function keepAliveOrder(hasGetParameter: boolean): readonly KeepAlivePolicy[] {
  return hasGetParameter ? ['get-parameter', 'options', 'rtcp'] : ['options', 'get-parameter', 'rtcp'];
}
