// Keeps a session alive at half its timeout: GET_PARAMETER, else OPTIONS, else RTCP alone (quirk:
// keep-alive-refused).

import { performance } from 'node:perf_hooks';
import { NvrError } from '../errors.js';
import type { RtspResponse } from '../rtsp/message.js';
import type { Ending } from './learning.js';
import { keepAliveOrder, type KeepAlivePolicy, type ServerMemory } from './quirks.js';

interface KeepAliveOptions {
  memory: ServerMemory;
  hasGetParameter: boolean;
  /** The session's timeout, ms. */
  timeoutMs: number;
  request(method: 'GET_PARAMETER' | 'OPTIONS'): Promise<RtspResponse>;
  /**
   * Media came within the last seconds, so a missing or odd reply does not mean that the session has ended.
   */
  mediaFlows(): boolean;
  onExpired(error: NvrError): void;
}

export class KeepAlive {
  policy: KeepAlivePolicy;
  private readonly order: readonly KeepAlivePolicy[];
  private readonly refused = new Set<KeepAlivePolicy>();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** Keep-alives sent since the policy last changed, while the session went on. */
  private rounds = 0;
  private asked: { readonly policy: KeepAlivePolicy; readonly at: number } | undefined;
  private answered: KeepAlivePolicy | undefined;

  constructor(private readonly options: KeepAliveOptions) {
    this.order = keepAliveOrder(options.hasGetParameter);
    this.policy = options.memory.recall('keepAlive') ?? this.order[0]!;
    this.schedule();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** What the keep-alive did until the session ended, for `learnFromEnd`. */
  summary(now: number): Ending['keepAlive'] {
    return {
      policy: this.answered ?? this.policy,
      hasGetParameter: this.options.hasGetParameter,
      asked: this.asked && { policy: this.asked.policy, forMs: now - this.asked.at },
    };
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      // `round` should never reject. If a bug makes it reject, Node.js must not end the process for it.
      this.round().catch(() => undefined);
    }, this.options.timeoutMs / 2);
  }

  private async round(): Promise<void> {
    if (this.policy !== 'rtcp') await this.ask(this.policy);
    // The policy is remembered once the session has outlived a whole timeout with it.
    if (++this.rounds >= 3) this.options.memory.learn('keepAlive', this.policy);
    this.schedule();
  }

  private async ask(policy: 'get-parameter' | 'options'): Promise<void> {
    this.asked = { policy, at: performance.now() };
    const status = await this.options.request(policy === 'get-parameter' ? 'GET_PARAMETER' : 'OPTIONS').then(
      (response) => response.status,
      // There is no reply, or the connection has ended; the connection's owner reports that.
      () => 0,
    );
    if (status !== 0) this.asked = undefined;
    if (this.stopped) return;
    if (status >= 200 && status < 300) {
      this.answered = policy;
      return;
    }
    if (status === 401) {
      this.options.onExpired(
        new NvrError('EAUTH', 'The server refused the credentials in a running session.', { status }),
      );
      return;
    }
    if (status === 454 && !this.options.mediaFlows()) {
      this.options.onExpired(new NvrError('ETIMEDOUT', 'The session has expired on the server.', { status }));
      return;
    }
    if (status === 0 && !this.options.mediaFlows()) return;
    this.refused.add(policy);
    this.policy = this.order.find((one) => !this.refused.has(one))!;
    this.rounds = 0;
    if (this.policy !== 'rtcp') await this.ask(this.policy);
  }
}
