// Runs of several channels that play in step: one clock for all, and what stops, seeks or ends one does so to
// all.

import { performance } from 'node:perf_hooks';
import { guarded } from '../../guard.js';
import { InStep, type Lane } from './in-step.js';
import type { PlaybackRun } from './run.js';
import type { PlaybackHandlers, PlaybackRequest, RecordedUnit } from './run-types.js';

/** What a single run and several in step have in common. */
export type PlaybackControls = Pick<
  PlaybackRun,
  'state' | 'reached' | 'pause' | 'resume' | 'seek' | 'stop' | 'hold' | 'letGo'
>;

interface Member {
  run: PlaybackRun;
  readonly handlers: PlaybackHandlers;
  /** Asks for the recording from another time on. */
  readonly start: (from: number) => PlaybackRun;
  readonly lane: Lane<RecordedUnit>;
}

export class PlaybackTogether implements PlaybackControls {
  private readonly step: InStep<RecordedUnit>;
  private readonly members: Member[] = [];
  private isPaused = false;
  private isHeld = false;
  private isStopped = false;

  /**
   * `requests`: one for each channel, of one span, at a speed above 0, which is the clock's: each recording
   * is read as fast as its server sends it. `play` starts a run, and throws where there are too many; none
   * plays then.
   */
  constructor(
    requests: readonly PlaybackRequest[],
    play: (request: PlaybackRequest, handlers: PlaybackHandlers) => PlaybackRun,
    handlersOf: (request: PlaybackRequest) => PlaybackHandlers,
  ) {
    const [{ from, speed }] = requests as [PlaybackRequest];
    this.step = new InStep({
      ...{ from, speed },
      now: () => performance.now(),
      timers: {
        set: (run, ms) =>
          setTimeout(
            guarded(run, () => void this.stop()),
            ms,
          ),
        clear: (timer) => {
          clearTimeout(timer as NodeJS.Timeout | undefined);
        },
      },
    });
    try {
      for (const request of requests) this.add(request, play, handlersOf(request));
    } catch (error) {
      this.isStopped = true;
      void this.stop();
      throw error;
    }
  }

  get state(): PlaybackRun['state'] {
    const states = this.members.map(({ run }) => run.state);
    if (this.members.every(({ lane }) => lane.isOver)) return 'ended';
    return this.isPaused ? 'paused' : states.includes('opening') ? 'opening' : 'playing';
  }

  /** Recorded time that is shown, epoch ms. */
  get reached(): number {
    return Math.min(Math.round(this.step.position), Math.max(...this.members.map(({ run }) => run.reached)));
  }

  pause(): void {
    this.isPaused = true;
    this.step.pause();
    for (const { run, lane, handlers } of this.members) {
      run.pause();
      // Where it is shown to, and not where it has been read to.
      if (!lane.isOver) handlers.onPaused?.(Math.round(this.step.position));
    }
  }

  resume(): void {
    this.isPaused = false;
    for (const { run } of this.members) run.resume();
    if (!this.isHeld) this.step.resume();
  }

  /**
   * Throws EINPUT as a run does, and nothing has moved then. What has been read to its end is asked for
   * again.
   */
  seek(from: number): void {
    const playing = this.members.filter(({ lane }) => !lane.isOver);
    for (const member of playing) if (member.run.state !== 'ended') member.run.seek(from);
    this.step.seek(from);
    for (const member of playing) {
      if (member.run.state !== 'ended') continue;
      member.lane.end = undefined;
      member.run = member.start(from);
    }
    this.isPaused = false;
    if (!this.isHeld) this.step.resume();
  }

  /** Whoever takes the pictures has enough of them: the clock stands. */
  hold(): void {
    this.isHeld = true;
    this.step.pause();
  }

  letGo(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    if (!this.isPaused) this.step.resume();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.step.close();
    for (const { run, lane, handlers } of this.members) {
      // Of one that has been read to its end, nobody else tells.
      if (lane.isOver || run.state !== 'ended') continue;
      lane.drop();
      lane.finish(() => {
        handlers.onEnd('stopped', undefined, 0);
      });
    }
    await Promise.all(this.members.map(({ run }) => run.stop()));
  }

  private add(
    request: PlaybackRequest,
    play: (request: PlaybackRequest, handlers: PlaybackHandlers) => PlaybackRun,
    handlers: PlaybackHandlers,
  ): void {
    const own = (): Member | undefined => this.members.find((member) => member.lane === lane);
    const lane: Lane<RecordedUnit> = this.step.lane({
      onUnit: (recorded) => {
        handlers.onUnit(recorded);
      },
      hold: () => {
        own()?.run.hold();
      },
      letGo: () => {
        own()?.run.letGo();
      },
    });
    const told: PlaybackHandlers = {
      ...handlers,
      onPaused: () => undefined,
      onUnit: (recorded) => {
        // What comes again after a pause has been shown, or waits to be.
        if (!recorded.repeated) lane.push(recorded);
      },
      // That no server plays at speed 0 is no news: the speed is the clock's.
      onWarning: (error) => {
        if (error.code !== 'EUNSUPPORTED') handlers.onWarning?.(error);
      },
      onEnd: (reason, error, missingMs) => {
        if (this.isStopped) lane.drop();
        lane.finish(() => {
          handlers.onEnd(reason, error, missingMs);
        });
      },
    };
    const start = (from: number): PlaybackRun => play({ ...request, from, speed: 0 }, told);
    this.members.push({ lane, handlers, start, run: start(request.from) });
  }
}
