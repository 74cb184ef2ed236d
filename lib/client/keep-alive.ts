// Keeps a session alive at half its timeout: GET_PARAMETER, else OPTIONS, else RTCP alone (row 18).

import { NvrError } from '../errors.js';
import type { RtspResponse } from '../rtsp/message.js';
import { nextKeepAlive, type KeepAlivePolicy, type ServerMemory } from './quirks.js';

export interface KeepAliveOptions {
  memory: ServerMemory;
  hasGetParameter: boolean;
  /** The session's timeout, ms. */
  timeoutMs: number;
  request(method: 'GET_PARAMETER' | 'OPTIONS'): Promise<RtspResponse>;
  /** Media came within the last seconds: a missing or odd reply is then not the end. */
  mediaFlows(): boolean;
  onExpired(error: NvrError): void;
}

export class KeepAlive {
  private policy: KeepAlivePolicy;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** Rounds survived since the policy was last changed. */
  private rounds = 0;

  constructor(private readonly options: KeepAliveOptions) {
    this.policy = options.memory.keepAlive ?? (options.hasGetParameter ? 'get-parameter' : 'options');
    this.schedule();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** A session that died of a policy must not teach it to the next one. */
  ended(reason: string): void {
    if (reason === 'silence' || reason === 'expired' || reason === 'eof')
      this.options.memory.keepAlive = undefined;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      void this.round();
    }, this.options.timeoutMs / 2);
  }

  private async round(): Promise<void> {
    if (this.policy !== 'rtcp') await this.ask(this.policy);
    // Remembered once it has outlived a whole timeout.
    if (++this.rounds >= 3) this.options.memory.keepAlive = this.policy;
    this.schedule();
  }

  private async ask(policy: 'get-parameter' | 'options'): Promise<void> {
    const status = await this.options.request(policy === 'get-parameter' ? 'GET_PARAMETER' : 'OPTIONS').then(
      (response) => response.status,
      // No reply, or the connection is gone; the second is told elsewhere.
      () => 0,
    );
    if (this.stopped || (status >= 200 && status < 300)) return;
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
    this.policy = nextKeepAlive(policy);
    this.rounds = 0;
    if (this.policy !== 'rtcp') await this.ask(this.policy);
  }
}
