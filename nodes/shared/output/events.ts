// Limits how often events of a stream are sent: repeated events to a few per second, each with the number it
// stands for. Pure: the time is an argument, in monotonic ms.

import { Bucket } from './bucket.js';

/**
 * Event words for which only the latest of several matters. Events with other words are sent at once, each.
 */
const REPEATED: ReadonlySet<string> = new Set(['gap', 'format', 'warning', 'extended']);
const PER_SECOND = 2;
const AT_ONCE = 4;
const EVERY_MS = 1000 / PER_SECOND;
const MOST_PACES = 256;

export type Fields = Readonly<Record<string, unknown>>;

export interface StreamEvent {
  readonly word: string;
  readonly event: Fields;
  /** What the event is about, if a node reports on several things. */
  readonly of?: string;
}

interface Held<T extends StreamEvent> {
  readonly latest: T;
  readonly count: number;
  readonly lost: number;
}

/** `T`: an event with additional data for the caller. */
export class EventGate<T extends StreamEvent = StreamEvent> {
  private readonly paces = new Map<string, Bucket>();
  /** By subject, word and code, in the order in which they were held back. */
  private readonly held = new Map<string, Held<T>>();

  /** Returns the events to send now, in order. Others are held back until a later `offer` or `due`. */
  offer(item: T, now: number): T[] {
    const { word, event, of = '' } = item;
    if (!REPEATED.has(word)) return [...this.all(), item];
    const key = JSON.stringify([of, word, event.code]);
    const held = this.held.get(key);
    if (held === undefined && this.paceOf(key).take(1, now)) return [item];
    const { count, lost } = held ?? { count: 0, lost: 0 };
    const more = typeof event.lost === 'number' ? event.lost : 0;
    this.held.set(key, { latest: item, count: count + 1, lost: lost + more });
    return [];
  }

  /** Returns the events that were held back long enough. */
  due(now: number): T[] {
    const due: T[] = [];
    for (const [key, held] of this.held) {
      if (!this.paceOf(key).take(1, now)) continue;
      this.held.delete(key);
      due.push(summed(held));
    }
    return due;
  }

  /** Returns all events held back. */
  all(): T[] {
    const all = [...this.held.values()].map(summed);
    this.held.clear();
    return all;
  }

  /** ms after which to call `due`; undefined if nothing is held back. */
  get dueInMs(): number | undefined {
    return this.held.size > 0 ? EVERY_MS : undefined;
  }

  private paceOf(key: string): Bucket {
    const current = this.paces.get(key);
    if (current !== undefined) return current;
    const pace = new Bucket(PER_SECOND, AT_ONCE);
    this.paces.set(key, pace);
    // Bounded, because run names are arbitrary. The oldest bucket is full again anyway.
    if (this.paces.size > MOST_PACES) this.paces.delete(this.paces.keys().next().value!);
    return pace;
  }
}

function summed<T extends StreamEvent>({ latest, count, lost }: Held<T>): T {
  const { event } = latest;
  const sums = { ...(count > 1 && { count }), ...(event.lost !== undefined && { lost }) };
  return { ...latest, event: { ...event, ...sums } };
}
