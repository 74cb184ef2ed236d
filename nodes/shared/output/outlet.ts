// Sends a node's messages: through its gate, in order, and together with all other such nodes no more per
// turn of the event loop than flows can handle.

import { performance } from 'node:perf_hooks';
import type { NodeMessage } from 'node-red';
import { EventGate, type Fields, type StreamEvent } from './events.js';
import { OutputGate, type Moment, type PictureOffer } from './gate.js';
import { loopDelay } from './loop-delay.js';
import { TurnBudget } from './turn.js';

/** One message or null for each output. */
export type Outputs = (NodeMessage | null)[];

/** A queued unit; its messages are created only when they are sent. */
interface Parcel {
  readonly count: number;
  /** Of all its messages together. */
  readonly bytes: number;
  readonly message: (index: number) => Outputs;
  /** Not a message but a callback, which runs in any case. */
  readonly isTask?: true;
}

interface OutletOptions {
  /** The node's `send`. */
  readonly send: (outputs: Outputs) => void;
  /** Called once when overload begins, with what is dropped. */
  readonly onOverload?: (what: 'pictures' | 'sound') => void;
  /**
   * Called when the queue is full, so that the source should pause, and when it no longer is. Without it,
   * units that do not fit are dropped.
   */
  readonly onFull?: (isFull: boolean) => void;
}

interface QueuedEvent extends StreamEvent {
  readonly message: (event: Fields) => Outputs;
}

/** Limits of one node's queue. */
const WAITING_MESSAGES = 2000;
const WAITING_BYTES = 16 * 1024 * 1024;
/** Number of sent parcels after which the queue array is compacted. */
const COMPACT_AT = 256;

export class Outlet {
  /** Number of units that were not sent. */
  dropped = 0;
  /** The queue is full, so the source should pause. */
  isFull = false;
  private readonly gate = new OutputGate();
  private readonly events = new EventGate<QueuedEvent>();
  private queue: Parcel[] = [];
  private front = 0;
  /** Number of messages of the first parcel already sent. */
  private sent = 0;
  private messages = 0;
  private bytes = 0;
  private eventTimer: NodeJS.Timeout | undefined;
  private closed = false;
  /** Takes part in measuring the event loop's delay. */
  private isMeasuring = false;

  constructor(private readonly options: OutletOptions) {}

  /** Queues a live unit that makes several messages; drops it if the flow cannot take it. */
  picture(offer: PictureOffer, message: (index: number) => Outputs): void {
    const { send, begins } = this.gate.picture(offer, this.moment());
    if (begins) this.options.onOverload?.('pictures');
    if (send) this.push({ count: offer.messages, bytes: offer.bytes, message });
    else if (offer.messages > 0) this.dropped++;
  }

  /** Queues audio or metadata of a size in bytes; drops it if the flow cannot take it. */
  sound(bytes: number, message: () => Outputs): void {
    const { send, begins } = this.gate.sound(bytes, this.moment());
    if (begins) this.options.onOverload?.('sound');
    if (send) this.push({ count: 1, bytes, message });
    else this.dropped++;
  }

  /** Queues a recorded unit. It is never dropped; the source is asked to pause instead. */
  recorded(count: number, bytes: number, message: (index: number) => Outputs): void {
    this.push({ count, bytes, message });
  }

  /**
   * Queues an event at its permitted rate; `message` makes a message of it. `of`: what it is about, if a node
   * reports on several things.
   */
  event(word: string, event: Fields, message: (event: Fields) => Outputs, of = ''): void {
    this.queueEvents(this.events.offer({ word, event, message, of }, performance.now()));
  }

  /** Runs a callback once everything queued is sent; at once if the outlet is closed. */
  afterwards(run: () => void): void {
    const message = (): Outputs => {
      run();
      return [];
    };
    if (this.closed) run();
    else this.push({ count: 1, bytes: 0, message, isTask: true });
  }

  /** Discards the queue. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.eventTimer);
    if (this.isMeasuring) loopDelay.release();
    pump.remove(this);
    const waiting = this.queue.slice(this.front);
    this.queue = [];
    this.front = this.sent = this.messages = this.bytes = 0;
    for (const { isTask, message } of waiting) if (isTask === true) message(0);
  }

  /** Sends the next message; false if the queue is empty. For the pump only. */
  next(): boolean {
    const parcel = this.queue[this.front];
    if (parcel === undefined) return false;
    const bytes = parcel.bytes / parcel.count;
    this.messages--;
    this.bytes -= bytes;
    const index = this.sent++;
    if (this.sent === parcel.count) this.shift();
    this.sendOne(parcel, index);
    this.watchLevel();
    return this.queue.length > this.front;
  }

  private push(parcel: Parcel): void {
    if (this.closed || parcel.count === 0) return;
    this.queue.push(parcel);
    this.messages += parcel.count;
    this.bytes += parcel.bytes;
    pump.add(this);
    this.watchLevel();
  }

  private shift(): void {
    this.sent = 0;
    this.front++;
    if (this.front < COMPACT_AT && this.front < this.queue.length) return;
    this.queue = this.queue.slice(this.front);
    this.front = 0;
  }

  private sendOne({ count, bytes, message }: Parcel, index: number): void {
    pump.spend(bytes / count);
    try {
      const outputs = message(index);
      if (outputs.length > 0) this.options.send(outputs);
    } catch {
      // Errors of the flow's nodes are caught behind `send`; nothing here could report them.
    }
  }

  private watchLevel(): void {
    const most = this.isFull ? 0.5 : 1;
    const isFull = this.messages >= WAITING_MESSAGES * most || this.bytes >= WAITING_BYTES * most;
    if (isFull === this.isFull) return;
    this.isFull = isFull;
    this.options.onFull?.(isFull);
  }

  private moment(): Moment {
    if (!this.isMeasuring) loopDelay.acquire();
    this.isMeasuring = true;
    const now = performance.now();
    return { now, loopDelay: loopDelay.delay(now), isFull: this.isFull };
  }

  private queueEvents(events: readonly QueuedEvent[]): void {
    for (const { event, message } of events) this.push({ count: 1, bytes: 0, message: () => message(event) });
    const ms = this.events.dueInMs;
    if (ms === undefined || this.eventTimer !== undefined || this.closed) return;
    this.eventTimer = setTimeout(() => {
      this.eventTimer = undefined;
      this.queueEvents(this.events.due(performance.now()));
    }, ms);
  }
}

/** Sends for all outlets of the process, one message of each in turn. */
class Pump {
  private readonly turn = new TurnBudget();
  private readonly waiting = new Set<Outlet>();
  private isRunning = false;
  private isDue = false;

  /**
   * Sends the outlet's messages in this turn of the event loop, but not within this call, so that a camera's
   * read is not delayed by the flows.
   */
  add(outlet: Outlet): void {
    this.waiting.add(outlet);
    if (this.isDue || this.isRunning) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      this.run();
    });
  }

  remove(outlet: Outlet): void {
    this.waiting.delete(outlet);
  }

  spend(bytes: number): void {
    if (!this.turn.spend(bytes)) return;
    // Node-RED delivers messages in immediates; those of this turn run between the two immediates here.
    setImmediate(() => {
      this.turn.begin(performance.now());
      setImmediate(() => {
        this.turn.end(performance.now());
        this.run();
      });
    });
  }

  private run(): void {
    // A node of the flow may send synchronously from within `send`.
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      while (!this.turn.isSpent) {
        const outlet = this.waiting.values().next().value;
        if (outlet === undefined) return;
        const hasMore = outlet.next();
        // Move it behind the other outlets, if there are any.
        if (!hasMore || this.waiting.size > 1) this.waiting.delete(outlet);
        if (hasMore) this.waiting.add(outlet);
      }
    } finally {
      this.isRunning = false;
    }
  }
}

const pump = new Pump();
