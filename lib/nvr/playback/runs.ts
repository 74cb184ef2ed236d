// The playback runs of one NVR: each has a name, and at most four run at the same time.

import { NvrError } from '../../errors.js';
import { PlaybackRun, type PlaybackHandlers, type PlaybackRequest, type RunContext } from './run.js';

const MAX_RUNS = 4;

export class PlaybackRuns {
  private readonly runs = new Map<string, PlaybackRun>();
  private readonly waiting: (() => void)[] = [];

  /** @internal */
  constructor(private readonly context: RunContext) {}

  get(name: string): PlaybackRun | undefined {
    return this.runs.get(name);
  }

  /** True if another run would be refused. */
  get isFull(): boolean {
    return this.runs.size >= MAX_RUNS;
  }

  /** Calls `wake` once, when a run has ended. */
  onceOneEnds(wake: () => void): void {
    this.waiting.push(wake);
  }

  /** Starts a run, and replaces one of the same name. Throws EBUSY if there are four others. */
  play(request: PlaybackRequest, handlers: PlaybackHandlers): PlaybackRun {
    const before = this.runs.get(request.run);
    if (before === undefined && this.isFull) {
      throw new NvrError(
        'EBUSY',
        `${MAX_RUNS} playback runs of this NVR are under way; stop one, or wait for its end.`,
      );
    }
    const run = new PlaybackRun(this.context, request, {
      ...handlers,
      onEnd: (reason, error, missingMs) => {
        if (this.runs.get(request.run) === run) this.runs.delete(request.run);
        handlers.onEnd(reason, error, missingMs);
        for (const wake of this.waiting.splice(0)) wake();
      },
    });
    this.runs.set(request.run, run);
    void before?.stop('replaced');
    // In its `onEnd`, the replaced run's user may have started yet another run, which has replaced this one.
    if (this.runs.get(request.run) === run) run.start();
    return run;
  }

  async close(): Promise<void> {
    await Promise.all([...this.runs.values()].map((run) => run.stop()));
  }
}
