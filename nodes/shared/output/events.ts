// The story of a stream, told at a pace a person or a flow can follow: of words that repeat, a few a second,
// each with how many it stands for. Pure; time comes in, in monotonic ms.

import { Bucket } from './bucket.js';

/** Later ones say what earlier ones said. All other words are told at once, each. */
const REPEATED: ReadonlySet<string> = new Set(['gap', 'format', 'warning', 'extended']);
const PER_SECOND = 2;
const AT_ONCE = 4;
const EVERY_MS = 1000 / PER_SECOND;
const MOST_PACES = 256;

export type Fields = Readonly<Record<string, unknown>>;

export interface Told {
  readonly word: string;
  readonly event: Fields;
  /** What it is told of, where a node tells of several things. */
  readonly of?: string;
}

interface Held<T extends Told> {
  readonly told: T;
  readonly count: number;
  readonly lost: number;
}

/** `T`: an event with whatever else the caller wants back with it. */
export class EventGate<T extends Told = Told> {
  private readonly paces = new Map<string, Bucket>();
  /** By what it is of, word and code, in the order in which they were held back. */
  private readonly held = new Map<string, Held<T>>();

  /** What is to be told now, in order. What is held back is told with what comes next, or by `due`. */
  offer(told: T, now: number): T[] {
    const { word, event, of = '' } = told;
    if (!REPEATED.has(word)) return [...this.all(), told];
    const key = JSON.stringify([of, word, event.code]);
    const held = this.held.get(key);
    if (held === undefined && this.paceOf(key).take(1, now)) return [told];
    const { count, lost } = held ?? { count: 0, lost: 0 };
    const more = typeof event.lost === 'number' ? event.lost : 0;
    this.held.set(key, { told, count: count + 1, lost: lost + more });
    return [];
  }

  /** What was held back long enough. */
  due(now: number): T[] {
    const told: T[] = [];
    for (const [key, held] of this.held) {
      if (!this.paceOf(key).take(1, now)) continue;
      this.held.delete(key);
      told.push(summed(held));
    }
    return told;
  }

  /** Everything held back. */
  all(): T[] {
    const told = [...this.held.values()].map(summed);
    this.held.clear();
    return told;
  }

  /** Milliseconds after which `due` is to be asked; undefined: nothing is held back. */
  get dueInMs(): number | undefined {
    return this.held.size > 0 ? EVERY_MS : undefined;
  }

  private paceOf(key: string): Bucket {
    const known = this.paces.get(key);
    if (known !== undefined) return known;
    const pace = new Bucket(PER_SECOND, AT_ONCE);
    this.paces.set(key, pace);
    // Names of runs are without number; the pace of one long past is full again.
    if (this.paces.size > MOST_PACES) this.paces.delete(this.paces.keys().next().value!);
    return pace;
  }
}

function summed<T extends Told>({ told, count, lost }: Held<T>): T {
  const { event } = told;
  const sums = { ...(count > 1 && { count }), ...(event.lost !== undefined && { lost }) };
  return { ...told, event: { ...event, ...sums } };
}
