// An RTSP session that the test plays, for whatever opens sessions: the slot, the hub, a playback run.

import type { SessionEnd, SessionOptions } from '../../lib/client/session-options.js';
import type { RtspSession } from '../../lib/client/session.js';
import { NvrError, type NvrErrorCode } from '../../lib/errors.js';

/** `User` is what it was opened with: who is told. */
export class FakeSession<User extends Pick<SessionOptions, 'onEnd'> = SessionOptions> {
  /** How often it was closed. */
  closed = 0;
  /** `paused` and `resumed`, as it was asked for. */
  readonly reading: string[] = [];
  count = { packets: 0, lost: 0 };
  statistics: object = {};
  payloadMismatch: NvrError | undefined;
  readonly playReply: object = {};
  readonly transport: { readonly name: string; readonly lower: string };
  /** What a close waits for. */
  teardown: Promise<void> = Promise.resolve();

  constructor(
    readonly user: User = {} as User,
    lower = 'tcp',
  ) {
    this.transport = { name: lower, lower };
  }

  get asSession(): RtspSession {
    return this as unknown as RtspSession;
  }

  /** Holds the TEARDOWN of a close back until what it answers is called. */
  holdTeardown(): () => void {
    let release = (): void => undefined;
    this.teardown = new Promise((resolve) => (release = resolve));
    return release;
  }

  close(): Promise<void> {
    this.closed++;
    return this.teardown;
  }

  ping(): Promise<number> {
    return Promise.resolve(7);
  }

  pauseReading(): void {
    this.reading.push('paused');
  }

  resumeReading(): void {
    this.reading.push('resumed');
  }

  /** Ends by itself. */
  end(
    reason: SessionEnd['reason'] = 'error',
    code: NvrErrorCode = 'EUNREACHABLE',
    withoutMedia = false,
  ): void {
    this.user.onEnd?.({ reason, withoutMedia, error: new NvrError(code, 'It has ended.') });
  }
}
