// A bounded queue of units for `for await`: if the reader is too slow, units are dropped up to the next
// keyframe, and counted.

import { unitCost } from '../codec/unit-cost.js';
import type { MediaUnit } from '../codec/unit.js';

export interface UnitsOptions {
  /** The most units to queue; 512 by default. */
  readonly maxUnits?: number;
  /** The most bytes of memory for queued units; 32 MiB by default. */
  readonly maxBytes?: number;
  /**
   * `count` units in a row were dropped because they arrived faster than they were read. The units that
   * follow begin with a keyframe.
   */
  onDrop?(count: number): void;
}

const MAX_UNITS = 512;
const MAX_BYTES = 32 * 1024 * 1024;

export class UnitQueue implements AsyncIterableIterator<MediaUnit, undefined> {
  private readonly waiting: MediaUnit[] = [];
  private readonly readers: ((result: IteratorResult<MediaUnit, undefined>) => void)[] = [];
  private bytes = 0;
  private isOver = false;
  /** Units dropped since one was last queued. */
  private dropped = 0;
  private options: UnitsOptions = {};

  constructor(private readonly onLeave: () => void = () => undefined) {}

  /** Sets the bounds of the reader. */
  bound(options: UnitsOptions): this {
    this.options = options;
    return this;
  }

  push(unit: MediaUnit): void {
    if (this.isOver) return;
    const reader = this.readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value: unit });
      return;
    }
    if (!this.admits(unit)) {
      this.dropped++;
      return;
    }
    if (this.dropped > 0) this.options.onDrop?.(this.dropped);
    this.dropped = 0;
    this.waiting.push(unit);
    this.bytes += unitCost(unit);
  }

  /** No more units arrive; queued ones can still be read. */
  end(): void {
    this.isOver = true;
    if (this.dropped > 0) this.options.onDrop?.(this.dropped);
    this.dropped = 0;
    for (const reader of this.readers.splice(0)) reader({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<MediaUnit, undefined>> {
    const unit = this.waiting.shift();
    if (unit !== undefined) {
      this.bytes -= unitCost(unit);
      return Promise.resolve({ done: false, value: unit });
    }
    if (this.isOver) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.readers.push(resolve));
  }

  return(): Promise<IteratorResult<MediaUnit, undefined>> {
    this.waiting.length = 0;
    this.dropped = 0;
    this.end();
    this.onLeave();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private admits(unit: MediaUnit): boolean {
    const { maxUnits = MAX_UNITS, maxBytes = MAX_BYTES } = this.options;
    if (this.waiting.length >= maxUnits || this.bytes + unitCost(unit) > maxBytes) return false;
    return this.dropped === 0 || (unit.kind === 'video' && unit.keyframe);
  }
}

/** The readers of a session's units. */
export class UnitReaders {
  private readonly queues = new Set<UnitQueue>();
  /** Keeps the units that arrive before the first reader. */
  private unread: UnitQueue | undefined;

  /** `keepsUnread`: the first reader also gets the units received before. */
  constructor(keepsUnread: boolean) {
    if (keepsUnread) this.queues.add((this.unread = new UnitQueue()));
  }

  add(options: UnitsOptions): UnitQueue {
    const queue = this.unread ?? new UnitQueue(() => this.queues.delete(queue));
    this.unread = undefined;
    this.queues.add(queue);
    return queue.bound(options);
  }

  push(unit: MediaUnit): void {
    for (const queue of this.queues) queue.push(unit);
  }

  end(): void {
    for (const queue of this.queues) queue.end();
  }
}
