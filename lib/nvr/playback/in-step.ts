// Several recordings on one clock: each picture is let go when its recorded time has come, for all of them
// alike. Time comes in, in monotonic ms.

/** What is played in step. */
export interface Timed {
  readonly unit: { readonly time: number; readonly data: { readonly length: number } };
}

export interface InStepTimers {
  set(run: () => void, ms: number): unknown;
  clear(timer: unknown): void;
}

export interface InStepOptions {
  /** Recorded time to begin with, epoch ms. */
  readonly from: number;
  /** Times real speed. */
  readonly speed: number;
  readonly now: () => number;
  readonly timers: InStepTimers;
}

/** How much of each recording waits before the clock goes, so that no jitter of the network stops it. */
const LEAD_MS = 500;
/** One that sends nothing for so long no longer holds the others up. */
const PATIENCE_MS = 5_000;
/** What waits of one recording before its server is asked to wait. */
const AHEAD_BYTES = 4 * 1024 * 1024;

export interface LaneHandlers<T extends Timed> {
  onUnit(recorded: T): void;
  hold(): void;
  letGo(): void;
}

/** One of the recordings. */
export class Lane<T extends Timed> {
  readonly queue: T[] = [];
  bytes = 0;
  /** Told when its last picture has been let go. */
  end: (() => void) | undefined;
  isOver = false;
  /** It holds the clock up no longer, until it sends again. */
  isLate = false;

  constructor(
    readonly handlers: LaneHandlers<T>,
    private readonly changed: () => void,
  ) {}

  push(recorded: T): void {
    this.queue.push(recorded);
    this.bytes += recorded.unit.data.length;
    if (this.bytes > AHEAD_BYTES) this.handlers.hold();
    this.changed();
  }

  /** No more comes; `told` is called behind its last picture, at once where none waits. */
  finish(told: () => void): void {
    this.end = told;
    if (this.queue.length === 0) this.endNow();
    this.changed();
  }

  /** Once. */
  endNow(): void {
    if (this.isOver || this.end === undefined || this.queue.length > 0) return;
    this.isOver = true;
    this.end();
  }

  take(): T {
    const recorded = this.queue.shift()!;
    this.bytes -= recorded.unit.data.length;
    if (this.bytes <= AHEAD_BYTES / 2) this.handlers.letGo();
    return recorded;
  }

  /** Drops what waits, of a time that is not wanted any more. */
  drop(): void {
    this.queue.length = 0;
    this.bytes = 0;
    this.isLate = false;
    this.handlers.letGo();
  }

  /** Whether enough waits to go on from a recorded time. A full queue is enough of any recording. */
  isReady(time: number): boolean {
    if (this.end !== undefined || this.isLate || this.bytes > AHEAD_BYTES) return true;
    const last = this.queue.at(-1);
    return last !== undefined && last.unit.time >= time + LEAD_MS;
  }
}

export class InStep<T extends Timed> {
  private readonly lanes: Lane<T>[] = [];
  /** The clock: it showed `at` at `since`, and stands while `since` is undefined. */
  private at: number;
  private since: number | undefined;
  private isPaused = false;
  private waitingSince: number | undefined;
  private timer: unknown;
  private isTurning = false;

  constructor(private readonly options: InStepOptions) {
    this.at = options.from;
  }

  /** Recorded time on the clock, epoch ms. */
  get position(): number {
    const { now, speed } = this.options;
    return this.since === undefined ? this.at : this.at + (now() - this.since) * speed;
  }

  /** All are to be there before the first picture comes. */
  lane(handlers: LaneHandlers<T>): Lane<T> {
    const lane = new Lane<T>(handlers, () => {
      this.turn();
    });
    this.lanes.push(lane);
    return lane;
  }

  pause(): void {
    this.stand();
    this.isPaused = true;
    this.options.timers.clear(this.timer);
  }

  resume(): void {
    this.isPaused = false;
    this.turn();
  }

  /** Goes on from another recorded time; what waits is of no use then. */
  seek(from: number): void {
    this.since = undefined;
    this.at = from;
    this.waitingSince = undefined;
    for (const lane of this.lanes) lane.drop();
  }

  close(): void {
    this.isPaused = true;
    this.options.timers.clear(this.timer);
  }

  /**
   * Lets go what is due, and sees to it that it is called again. A picture that is let go may bring the next
   * one: one turn at a time.
   */
  private turn(): void {
    if (this.isPaused || this.isTurning) return;
    this.isTurning = true;
    try {
      this.run();
    } finally {
      this.isTurning = false;
    }
  }

  private run(): void {
    const { timers, now, speed } = this.options;
    timers.clear(this.timer);
    this.timer = undefined;
    if (this.since === undefined && !this.start()) return;
    for (let next = this.next(); next !== undefined; next = this.next()) {
      if (this.isPaused) return;
      const due = next.queue[0]!.unit.time - this.position;
      if (due > 0) {
        this.timer = timers.set(() => {
          this.turn();
        }, due / speed);
        return;
      }
      next.handlers.onUnit(next.take());
      this.endLanes();
      if (this.lanes.some((lane) => isStarved(lane))) {
        this.stand();
        if (!this.start()) return;
      }
    }
    this.endLanes();
    if (this.lanes.every((lane) => lane.isOver)) return;
    this.waitingSince ??= now();
    this.stand();
    this.start();
  }

  /** The clock goes when every recording has enough; false: it is waited for. */
  private start(): boolean {
    const { timers, now } = this.options;
    const lacking = this.lanes.filter((lane) => !lane.isReady(this.at));
    if (lacking.length === 0) {
      this.waitingSince = undefined;
      this.since = now();
      return true;
    }
    this.waitingSince ??= now();
    const left = this.waitingSince + PATIENCE_MS - now();
    const someWait = this.lanes.some((lane) => lane.queue.length > 0);
    if (left <= 0 && someWait) {
      for (const lane of lacking) if (lane.queue.length === 0) lane.isLate = true;
      this.waitingSince = undefined;
      this.since = now();
      return true;
    }
    timers.clear(this.timer);
    this.timer = timers.set(
      () => {
        this.turn();
      },
      Math.max(left, LEAD_MS),
    );
    return false;
  }

  private stand(): void {
    this.at = this.position;
    this.since = undefined;
  }

  /** The recording whose next picture is the earliest. */
  private next(): Lane<T> | undefined {
    let first: Lane<T> | undefined;
    for (const lane of this.lanes) {
      if (lane.queue.length === 0) continue;
      if (first === undefined || lane.queue[0]!.unit.time < first.queue[0]!.unit.time) first = lane;
    }
    return first;
  }

  private endLanes(): void {
    for (const lane of this.lanes) lane.endNow();
  }
}

/** Nothing of it waits, and more is to come. One that was late is back as soon as something of it waits. */
function isStarved(lane: Lane<Timed>): boolean {
  if (lane.queue.length > 0) lane.isLate = false;
  return lane.queue.length === 0 && lane.end === undefined && !lane.isLate;
}
