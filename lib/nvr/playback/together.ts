// Playback runs of several channels on one clock: pause, seek and stop apply to all of them.

import { performance } from 'node:perf_hooks';
import { guarded } from '../../guard.js';
import { UNCOUNTED, type UnitMemory } from '../../media/unit-memory.js';
import { InStep, type Lane } from './in-step.js';
import { checkSeek, type PlaybackRun } from './run.js';
import type { PlaybackHandlers, PlaybackRequest, RecordedUnit } from './run-types.js';

/** The controls that a single run and synchronised runs have in common. */
export type PlaybackControls = Pick<
  PlaybackRun,
  'state' | 'reached' | 'pause' | 'resume' | 'seek' | 'stop' | 'hold' | 'letGo'
>;

interface Member {
  run: PlaybackRun;
  readonly handlers: PlaybackHandlers;
  /** Starts a new run from another time. */
  readonly start: (from: number) => PlaybackRun;
  readonly lane: Lane<RecordedUnit>;
}

export class PlaybackTogether implements PlaybackControls {
  private readonly step: InStep<RecordedUnit>;
  private readonly members: Member[] = [];
  /** All requests are for the same span. */
  private readonly span: Pick<PlaybackRequest, 'to'>;
  private isPaused = false;
  private isHeld = false;
  private isStopped = false;

  /**
   * `requests` has one request for each channel, all for the same span and at the same speed above 0. The
   * clock keeps that speed; each recording is read as fast as its server sends it. `play` starts a run, and
   * throws if there are too many; then none is started. `memory` makes an account for the units of one
   * recording that wait for their time.
   */
  constructor(
    requests: readonly PlaybackRequest[],
    play: (request: PlaybackRequest, handlers: PlaybackHandlers) => PlaybackRun,
    handlersOf: (request: PlaybackRequest) => PlaybackHandlers,
    private readonly memory: () => UnitMemory = () => UNCOUNTED,
  ) {
    const [span] = requests as [PlaybackRequest];
    const { from, speed } = span;
    this.span = span;
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

  /** The recorded time that is shown, in epoch ms. */
  get reached(): number {
    return Math.min(Math.round(this.step.position), Math.max(...this.members.map(({ run }) => run.reached)));
  }

  pause(): void {
    this.isPaused = true;
    this.step.pause();
    for (const { run, lane, handlers } of this.members) {
      run.pause();
      // The time that is shown, not the time that has been read.
      if (!lane.isOver) handlers.onPaused?.(Math.round(this.step.position));
    }
  }

  resume(): void {
    this.isPaused = false;
    for (const { run } of this.members) run.resume();
    if (!this.isHeld) this.step.resume();
  }

  /**
   * Throws EINPUT as a run's `seek` does, before anything has changed. Recordings that have been read to
   * their end are requested again.
   */
  seek(from: number): void {
    checkSeek(from, this.span);
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

  /** The receiver asks to pause: the clock stops. */
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
      // A run that has been read to its end reports nothing any more, so its end is reported here.
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
    // Looked up at each call, because the run has to be started before it can be a member.
    const own = (): Member | undefined => this.members.find((member) => member.lane === lane);
    const receiver = {
      onUnit: (recorded: RecordedUnit) => {
        handlers.onUnit(recorded);
      },
      hold: () => {
        own()?.run.hold();
      },
      letGo: () => {
        own()?.run.letGo();
      },
    };
    const lane: Lane<RecordedUnit> = this.step.lane(receiver, this.memory());
    const runHandlers: PlaybackHandlers = {
      ...handlers,
      onPaused: () => undefined,
      onUnit: (recorded) => {
        // Repeated units have been shown already, or are buffered.
        if (!recorded.repeated) lane.push(recorded);
      },
      // A server that cannot send faster than real time is no problem here: the clock determines the speed.
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
    const start = (from: number): PlaybackRun => play({ ...request, from, speed: 0 }, runHandlers);
    this.members.push({ lane, handlers, start, run: start(request.from) });
  }
}
