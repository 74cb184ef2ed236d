// Plays several recordings on one clock: each unit is delivered when the clock reaches its recorded time.
// Time is an argument, in monotonic ms.

import { unitCost } from '../../codec/unit-cost.js';
import type { VideoUnit } from '../../codec/unit.js';
import { UNCOUNTED, type UnitMemory } from '../../media/unit-memory.js';

/** A recorded unit as this module needs it. */
export interface Timed {
  readonly unit: VideoUnit;
}

interface InStepTimers {
  set(run: () => void, ms: number): unknown;
  clear(timer: unknown): void;
}

interface InStepOptions {
  /** The recorded time to begin at, in epoch ms. */
  readonly from: number;
  /** The speed as a multiple of real time. */
  readonly speed: number;
  readonly now: () => number;
  readonly timers: InStepTimers;
}

/**
 * The clock starts when this much of each recording (ms) is buffered, so that network jitter does not stop
 * it.
 */
const LEAD_MS = 500;
/** A recording that sends nothing for this long (ms) no longer holds up the others. */
const PATIENCE_MS = 5_000;
/** The most bytes of memory for one recording to buffer before its server is made to wait. */
const AHEAD_BYTES = 4 * 1024 * 1024;

interface LaneHandlers<T extends Timed> {
  onUnit(recorded: T): void;
  /** Makes the server wait, until `letGo`. */
  hold(): void;
  letGo(): void;
}

/** The buffer of one recording. */
export class Lane<T extends Timed> {
  readonly queue: T[] = [];
  bytes = 0;
  /** Called after the last unit was delivered. */
  end: (() => void) | undefined;
  isOver = false;
  /** Its server is made to wait, so no more arrives. */
  private isFull = false;
  /**
   * The recording has sent nothing for `PATIENCE_MS`: the clock does not wait for it until it sends again.
   */
  isLate = false;

  constructor(
    readonly handlers: LaneHandlers<T>,
    private readonly memory: UnitMemory,
    private readonly changed: () => void,
  ) {}

  push(recorded: T): void {
    this.queue.push(recorded);
    this.bytes += unitCost(recorded.unit);
    if (!this.memory.hold(recorded.unit) || this.bytes > AHEAD_BYTES) {
      this.isFull = true;
      this.handlers.hold();
    }
    this.changed();
  }

  /**
   * No more units arrive. `onEnd` is called after the last one was delivered; at once if none is buffered.
   */
  finish(onEnd: () => void): void {
    this.end = onEnd;
    if (this.queue.length === 0) this.endNow();
    this.changed();
  }

  /** Calls `end` once, when nothing is buffered any more. */
  endNow(): void {
    if (this.isOver || this.end === undefined || this.queue.length > 0) return;
    this.isOver = true;
    this.end();
  }

  take(): T {
    const recorded = this.queue.shift()!;
    this.bytes -= unitCost(recorded.unit);
    this.memory.release(recorded.unit);
    if (this.bytes <= AHEAD_BYTES / 2) this.letGo();
    return recorded;
  }

  /** Drops the buffered units after a seek. */
  drop(): void {
    for (const { unit } of this.queue.splice(0)) this.memory.release(unit);
    this.bytes = 0;
    this.isLate = false;
    this.letGo();
  }

  /** Whether enough is buffered to start the clock at a recorded time. A full buffer is always enough. */
  isReady(time: number): boolean {
    if (this.end !== undefined || this.isLate || this.isFull) return true;
    const last = this.queue.at(-1);
    return last !== undefined && last.unit.time >= time + LEAD_MS;
  }

  private letGo(): void {
    this.isFull = false;
    this.handlers.letGo();
  }
}

export class InStep<T extends Timed> {
  private readonly lanes: Lane<T>[] = [];
  /** The clock showed `at` at the monotonic time `since`; it is stopped while `since` is undefined. */
  private at: number;
  private since: number | undefined;
  private isPaused = false;
  private waitingSince: number | undefined;
  private timer: unknown;
  private isTurning = false;

  constructor(private readonly options: InStepOptions) {
    this.at = options.from;
  }

  /** The recorded time that the clock shows, in epoch ms. */
  get position(): number {
    const { now, speed } = this.options;
    return this.since === undefined ? this.at : this.at + (now() - this.since) * speed;
  }

  /**
   * Adds a recording; all must be added before the first unit arrives. `memory` counts its units: where it
   * has no room, the server is made to wait.
   */
  lane(handlers: LaneHandlers<T>, memory: UnitMemory = UNCOUNTED): Lane<T> {
    const lane = new Lane<T>(handlers, memory, () => {
      this.turn();
    });
    this.lanes.push(lane);
    return lane;
  }

  pause(): void {
    this.stopClock();
    this.isPaused = true;
    this.options.timers.clear(this.timer);
  }

  resume(): void {
    this.isPaused = false;
    this.turn();
  }

  /** Moves the clock to another recorded time and drops the buffers. */
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
   * Delivers the units that are due and sets the timer for the next one. Not reentrant: delivering a unit may
   * push the next one.
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
    const { timers, speed } = this.options;
    timers.clear(this.timer);
    this.timer = undefined;
    if (this.since === undefined && !this.startClock()) return;
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
      if (this.lanes.some((lane) => updateStarved(lane))) {
        this.stopClock();
        if (!this.startClock()) return;
      }
    }
    this.endLanes();
    if (this.lanes.every((lane) => lane.isOver)) return;
    this.stopClock();
    this.startClock();
  }

  /** Starts the clock if every recording has enough buffered; returns false if it has to wait. */
  private startClock(): boolean {
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
    this.timer = timers.set(
      () => {
        this.turn();
      },
      Math.max(left, LEAD_MS),
    );
    return false;
  }

  private stopClock(): void {
    this.at = this.position;
    this.since = undefined;
  }

  /** The recording with the earliest buffered unit. */
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

/**
 * A late recording that has sent again is no longer late. Returns whether the clock must wait for this
 * recording: nothing is buffered, and more is expected.
 */
function updateStarved(lane: Lane<Timed>): boolean {
  if (lane.queue.length > 0) lane.isLate = false;
  return lane.queue.length === 0 && lane.end === undefined && !lane.isLate;
}
