// Requests that wait for their replies, matched by CSeq.

import { performance } from 'node:perf_hooks';
import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { RtspResponse } from '../rtsp/message.js';

interface Pending {
  readonly cseq: number;
  readonly sentAt: number;
  readonly timer: NodeJS.Timeout;
  resolve(response: RtspResponse): void;
  reject(error: NvrError): void;
}

export class PendingRequests {
  private readonly pending = new Map<number, Pending>();
  /** CSeqs of requests that timed out: a late reply must not be matched to another request. */
  private readonly expired = new Set<number>();

  get isFull(): boolean {
    return this.pending.size >= LIMITS.pendingRequests;
  }

  /**
   * Resolves with the reply. Rejects with `late()` after `timeoutMs`, or with the error that ended the
   * connection.
   */
  wait(cseq: number, timeoutMs: number, late: () => NvrError): Promise<RtspResponse> {
    return new Promise((resolve, reject) => {
      const expire = (): void => {
        if (this.pending.get(cseq) !== request) return;
        this.pending.delete(cseq);
        this.expired.add(cseq);
        if (this.expired.size > LIMITS.pendingRequests)
          this.expired.delete(this.expired.values().next().value!);
        reject(late());
      };
      // Timers run before sockets are read: after the event loop stood still, the reply may lie there unread.
      const timer = setTimeout(() => setImmediate(expire), timeoutMs);
      const request = { cseq, sentAt: performance.now(), timer, resolve, reject };
      this.pending.set(cseq, request);
    });
  }

  /**
   * Handles a reply that came in a read at `readAt`. Returns the round trip time in ms, or undefined if no
   * request is waiting for this reply.
   */
  resolve(response: RtspResponse, readAt: number): number | undefined {
    const pending = this.claim(response);
    if (pending === undefined) return undefined;
    clearTimeout(pending.timer);
    pending.resolve(response);
    return readAt - pending.sentAt;
  }

  rejectAll(error: NvrError): void {
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const request of waiting) {
      clearTimeout(request.timer);
      request.reject(error);
    }
  }

  /**
   * The request that a reply belongs to: the one with its CSeq or, if that is missing or unknown (quirk:
   * cseq-missing-or-behind), the oldest one.
   */
  private claim(response: RtspResponse): Pending | undefined {
    const cseq = Number.parseInt(response.headers.get('CSeq') ?? '', 10);
    if (this.expired.delete(cseq)) return undefined;
    const found = this.pending.get(cseq) ?? this.pending.values().next().value;
    if (found !== undefined) this.pending.delete(found.cseq);
    return found;
  }
}
