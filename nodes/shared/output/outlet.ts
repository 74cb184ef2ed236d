// The one way out of a node that sends what a camera sends: through its gate, in order, and with all other
// such nodes no more in one turn of the event loop than flows can take.

import { performance } from 'node:perf_hooks';
import type { NodeMessage } from 'node-red';
import { EventGate, type Fields, type Told } from './events.js';
import { OutputGate, type Moment, type PictureOffer } from './gate.js';
import { loopDelay } from './loop-delay.js';
import { TurnBudget } from './turn.js';

export type Outputs = (NodeMessage | null)[];

/** What waits to be sent: messages are made only then. */
interface Parcel {
  readonly count: number;
  /** Of all its messages. */
  readonly bytes: number;
  readonly message: (index: number) => Outputs;
  /** It is no message: it is done in any case. */
  readonly isTask?: true;
}

export interface OutletOptions {
  /** The node's own. */
  readonly send: (outputs: Outputs) => void;
  /** Told once when overload begins: what is dropped. */
  readonly onOverload?: (what: 'pictures' | 'sound') => void;
  /** So much waits that its source should pause, and no longer. Without it, what does not fit is dropped. */
  readonly onFull?: (isFull: boolean) => void;
}

interface TellableEvent extends Told {
  readonly message: (event: Fields) => Outputs;
}

/** Of one node. */
const WAITING_MESSAGES = 2000;
const WAITING_BYTES = 16 * 1024 * 1024;
/** Parcels taken before the queue is moved up. */
const COMPACT_AT = 256;

export class Outlet {
  /** Units that were not sent. */
  dropped = 0;
  /** So much waits that its source should pause. */
  isFull = false;
  private readonly gate = new OutputGate();
  private readonly events = new EventGate<TellableEvent>();
  private queue: Parcel[] = [];
  private front = 0;
  /** Messages of the first parcel that are sent. */
  private sent = 0;
  private messages = 0;
  private bytes = 0;
  private eventTimer: NodeJS.Timeout | undefined;
  private closed = false;

  private isWatching = false;

  constructor(private readonly options: OutletOptions) {}

  /** A live unit as so many messages; dropped if the flow cannot take it. */
  picture(offer: PictureOffer, message: (index: number) => Outputs): void {
    const { send, begins } = this.gate.picture(offer, this.moment());
    if (begins) this.options.onOverload?.('pictures');
    if (send) this.push({ count: offer.messages, bytes: offer.bytes, message });
    else if (offer.messages > 0) this.dropped++;
  }

  /** Sound or metadata, of so many bytes; dropped if the flow cannot take it. */
  sound(bytes: number, message: () => Outputs): void {
    const { send, begins } = this.gate.sound(bytes, this.moment());
    if (begins) this.options.onOverload?.('sound');
    if (send) this.push({ count: 1, bytes, message });
    else this.dropped++;
  }

  /** A recorded unit: it waits, and its source is told to pause. */
  recorded(count: number, bytes: number, message: (index: number) => Outputs): void {
    this.push({ count, bytes, message });
  }

  /**
   * An event, at its pace; `message` puts it into one. `of`: what it is told of, where a node tells of
   * several things.
   */
  event(word: string, event: Fields, message: (event: Fields) => Outputs, of = ''): void {
    this.tell(this.events.offer({ word, event, message, of }, performance.now()));
  }

  /** Runs it once all that waits is sent; once it is closed, at once. */
  afterwards(run: () => void): void {
    const message = (): Outputs => {
      run();
      return [];
    };
    if (this.closed) run();
    else this.push({ count: 1, bytes: 0, message, isTask: true });
  }

  /** What waits is sent no more. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.eventTimer);
    if (this.isWatching) loopDelay.release();
    pump.remove(this);
    const waiting = this.queue.slice(this.front);
    this.queue = [];
    this.front = this.sent = this.messages = this.bytes = 0;
    for (const { isTask, message } of waiting) if (isTask === true) message(0);
  }

  /** Sends the next message; false: nothing waits. For the pump alone. */
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
      // Whoever catches a flow's own errors is behind `send`; there is nobody to tell here.
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
    if (!this.isWatching) loopDelay.acquire();
    this.isWatching = true;
    const now = performance.now();
    return { now, loopDelay: loopDelay.delay(now), isFull: this.isFull };
  }

  private tell(told: readonly TellableEvent[]): void {
    for (const { event, message } of told) this.push({ count: 1, bytes: 0, message: () => message(event) });
    const ms = this.events.dueInMs;
    if (ms === undefined || this.eventTimer !== undefined || this.closed) return;
    this.eventTimer = setTimeout(() => {
      this.eventTimer = undefined;
      this.tell(this.events.due(performance.now()));
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
   * What it has is sent in this turn of the loop, but not within the caller's: who reads from a camera is not
   * charged with what flows take.
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
    // Node-RED delivers in immediates: those of this turn lie between the two here.
    setImmediate(() => {
      this.turn.begin(performance.now());
      setImmediate(() => {
        this.turn.end(performance.now());
        this.run();
      });
    });
  }

  private run(): void {
    // A flow's nodes may send synchronously from within.
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      while (!this.turn.isSpent) {
        const outlet = this.waiting.values().next().value;
        if (outlet === undefined) return;
        const hasMore = outlet.next();
        // Behind the others, where there are any.
        if (!hasMore || this.waiting.size > 1) this.waiting.delete(outlet);
        if (hasMore) this.waiting.add(outlet);
      }
    } finally {
      this.isRunning = false;
    }
  }
}

const pump = new Pump();
