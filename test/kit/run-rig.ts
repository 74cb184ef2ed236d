// A playback run whose sessions and clock are the test's.

import sinon from 'sinon';
import type { SessionEnd } from '../../lib/client/session-options.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError, type NvrErrorCode } from '../../lib/errors.js';
import { Account } from '../../lib/nvr/account.js';
import { PlaybackRun } from '../../lib/nvr/playback/run.js';
import type { RecordedHandlers } from '../../lib/nvr/playback/recorded-session.js';
import { FakeSession } from './fake-session.js';

export const FROM = 1_700_000_000_000;
const FRAME_MS = 100;

/** A session of the run. */
interface Opened {
  /** ms from the span's beginning. */
  readonly at: number;
  readonly session: FakeSession<RecordedHandlers>;
}

/** A picture at a recorded time, in ms from the span's beginning. */
export const picture = (at: number): VideoUnit =>
  ({
    ...{ kind: 'video', keyframe: at % 1000 === 0, format: { codec: 'h264', reorderDepth: 0 } },
    ...{ time: FROM + at, mediaTime: FROM + at },
  }) as VideoUnit;

export class RunRig {
  readonly clock = sinon.useFakeTimers({ now: FROM + 3_600_000 });
  readonly account = new Account(() => performance.now());
  opened: Opened[] = [];
  /** What opening fails with. */
  refusal: NvrErrorCode | undefined;
  status: number | undefined;
  /** What the end of a session waits for. */
  teardown = Promise.resolve();
  /** Times from the span's beginning, in ms; `r` behind one that was repeated. */
  units: string[] = [];
  interruptions: number[] = [];
  ends: [reason: string, code: string | undefined, missingMs: number][] = [];
  /** What else the run tells, in order. */
  told: string[] = [];
  /** What the server answers to PLAY. */
  playReply: object = {};

  close(): void {
    this.clock.restore();
  }

  play(seconds: number | undefined, speed = 1): PlaybackRun {
    const run = new PlaybackRun(
      { account: this.account } as never,
      {
        ...{ run: 'a', channel: 1, stream: 'main', group: 0, speed, from: FROM },
        ...(seconds !== undefined && { to: FROM + seconds * 1000 }),
      },
      {
        onUnit: ({ unit, repeated }) => this.units.push(`${unit.time - FROM}${repeated ? 'r' : ''}`),
        onConnecting: () => this.told.push('connecting'),
        onPlaying: (transport) => this.told.push(`playing ${transport}`),
        onPaused: (at) => this.told.push(`paused ${at - FROM}`),
        onWarning: ({ message }) => this.told.push(message),
        onInterrupted: (_error, attempt, retryInMs) => {
          this.interruptions.push(retryInMs);
          this.told.push(`interrupted ${attempt}, ${run.state}`);
        },
        onEnd: (reason, error, missingMs) => {
          this.ends.push([reason, error?.code, missingMs]);
          this.told.push(error?.message ?? reason);
          // What has ended takes no more orders, from its own handler neither.
          run.seek(FROM);
        },
      },
      (_context, { at }, handlers) => {
        const { refusal, status, playReply, teardown } = this;
        if (refusal !== undefined)
          return Promise.reject(
            new NvrError(refusal, 'Refused.', { ...(status !== undefined && { status }) }),
          );
        const session = Object.assign(new FakeSession(handlers), { playReply, teardown });
        this.opened.push({ at: at - FROM, session });
        return Promise.resolve(session.asSession as never);
      },
    );
    run.start();
    return run;
  }

  turn(): Promise<number> {
    return this.clock.tickAsync(0);
  }

  session(): FakeSession<RecordedHandlers> {
    return this.opened.at(-1)!.session;
  }

  /** Pictures from one time to another, in ms from the span's beginning. */
  send(from: number, to: number): void {
    for (let at = from; at < to; at += FRAME_MS) this.session().user.onUnit(picture(at));
  }

  end(reason: SessionEnd['reason'], code?: NvrErrorCode, withoutMedia?: boolean): void {
    this.session().end(reason, code, withoutMedia);
  }
}
