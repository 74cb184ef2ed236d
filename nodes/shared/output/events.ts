// The story of a stream, told at a pace a person or a flow can follow: of words that repeat, a few a second, each with how many it stands for. Pure; time comes in, in monotonic ms.

import { Bucket } from './bucket.js';

/** Later ones say what earlier ones said. All other words are told at once, each. */
const REPEATED: ReadonlySet<string> = new Set(['gap', 'format', 'warning', 'extended']);
const PER_SECOND = 2;
const AT_ONCE = 4;
const EVERY_MS = 1000 / PER_SECOND;

export type Fields = Readonly<Record<string, unknown>>;

export interface Told {
  readonly word: string;
  readonly event: Fields;
}

interface Held {
  readonly word: string;
  event: Fields;
  count: number;
  lost: number;
}

export class EventGate {
  private readonly paces = new Map<string, Bucket>();
  /** By word and code, in the order in which they were held back. */
  private readonly held = new Map<string, Held>();

  /** What is to be told now, in order. What is held back is told with what comes next, or by `due`. */
  offer(word: string, event: Fields, now: number): Told[] {
    if (!REPEATED.has(word)) return [...this.all(), { word, event }];
    const key = `${word} ${String(event.code)}`;
    const held = this.held.get(key);
    if (held === undefined && this.paceOf(key).take(1, now)) return [{ word, event }];
    const { count, lost } = held ?? { count: 0, lost: 0 };
    this.held.set(key, {
      word,
      event,
      count: count + 1,
      lost: lost + (typeof event.lost === 'number' ? event.lost : 0),
    });
    return [];
  }

  /** What was held back long enough. */
  due(now: number): Told[] {
    const told: Told[] = [];
    for (const [key, held] of this.held) {
      if (!this.paceOf(key).take(1, now)) continue;
      this.held.delete(key);
      told.push(summed(held));
    }
    return told;
  }

  /** Everything held back. */
  all(): Told[] {
    const told = [...this.held.values()].map(summed);
    this.held.clear();
    return told;
  }

  /** Milliseconds after which `due` is to be asked; undefined: nothing is held back. */
  get dueInMs(): number | undefined {
    return this.held.size > 0 ? EVERY_MS : undefined;
  }

  private paceOf(key: string): Bucket {
    let pace = this.paces.get(key);
    if (pace === undefined) this.paces.set(key, (pace = new Bucket(PER_SECOND, AT_ONCE)));
    return pace;
  }
}

function summed({ word, event, count, lost }: Held): Told {
  const sums = { ...(count > 1 && { count }), ...(event.lost !== undefined && { lost }) };
  return { word, event: { ...event, ...sums } };
}
