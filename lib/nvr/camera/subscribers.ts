// The subscribers of a camera's stream, and what each receives: events, and units from the first one that it
// can begin at.

import { isEntry, Recovery } from '../../codec/entry.js';
import type { MediaUnit, VideoUnit } from '../../codec/unit.js';
import type { HubEvent, HubSubscriber } from '../types.js';

/** A subscriber and its state: it gets no video before the first unit that it can begin at. */
interface Subscribed {
  readonly subscriber: HubSubscriber;
  started: boolean;
  /** Set if it began at a recovery point: its pictures are incomplete until the recovery is done. */
  recovery?: Recovery | undefined;
}

export class Subscribers {
  private readonly all = new Set<Subscribed>();
  /** The events since the last attempt began; a new subscriber gets them, too. */
  private history: HubEvent[] = [];

  get count(): number {
    return this.all.size;
  }

  /**
   * `kept` are the units to deliver at once if the subscriber wants them; `isWhole` says whether the live
   * units continue them. Returns the function to leave, which returns false if it was called before.
   */
  join(subscriber: HubSubscriber, kept: readonly VideoUnit[], isWhole: boolean): () => boolean {
    const joined: Subscribed = { subscriber, started: false };
    this.all.add(joined);
    // Report the outage as new to a subscriber that joins during it.
    for (const event of this.history)
      emitTo(joined, event.error === undefined ? event : { ...event, firstOfOutage: true });
    if (subscriber.fromKept === true) {
      for (const unit of kept) deliverTo(joined, unit);
      joined.started = isWhole;
    }
    return () => this.all.delete(joined);
  }

  /** The session has ended: every subscriber waits for the next unit that it can begin at. */
  beginAnew(): void {
    for (const subscribed of this.all) {
      subscribed.started = false;
      subscribed.recovery = undefined;
    }
  }

  /**
   * Drops the past events: after a new attempt, a failure or a stop they no longer concern new subscribers.
   */
  clearHistory(): void {
    this.history = [];
  }

  /** Sends an event to all subscribers, and keeps it for later ones if it tells how the stream is now. */
  emit(event: HubEvent): void {
    const { type } = event;
    if (type === 'connecting' || type === 'playing' || type === 'reconnecting' || type === 'error')
      this.history.push(event);
    if (type === 'format') this.history = [...this.history.filter((past) => past.type !== type), event];
    for (const subscribed of this.all) emitTo(subscribed, event);
  }

  /** Delivers audio or metadata. */
  deliver(unit: MediaUnit): void {
    for (const subscribed of this.all) deliverTo(subscribed, unit);
  }

  /**
   * `plain` is the unit without slices that were cut off; undefined if nothing else is left. `skips`: the
   * unit is left out for subscribers with `onLoss: 'skip'`.
   */
  deliverVideo(unit: VideoUnit, plain: VideoUnit | undefined, skips: boolean): void {
    const full = withCuts(unit);
    for (const subscribed of this.all) {
      const wantsCuts = subscribed.subscriber.cutSlices === true;
      this.deliverFrom(subscribed, unit, wantsCuts ? full : plain, skips);
    }
  }

  /**
   * Delivers `given`, the unit as this subscriber wants it, from the first unit on that it can begin at;
   * undefined if nothing is left of the unit.
   */
  private deliverFrom(
    subscribed: Subscribed,
    unit: VideoUnit,
    given: VideoUnit | undefined,
    skips: boolean,
  ): void {
    const { subscriber } = subscribed;
    if (!subscribed.started) {
      // A recording prefers a damaged keyframe to a gap.
      if (!isEntry(unit) && !(unit.keyframe && subscriber.cutSlices === true)) return;
      subscribed.started = true;
      if (!unit.keyframe) subscribed.recovery = new Recovery(unit.recoveryFrames ?? 0);
    }
    if (given === undefined || (subscriber.onLoss === 'skip' && skips)) return;
    const { recovery } = subscribed;
    if (recovery !== undefined && (unit.keyframe || !recovery.take(unit))) subscribed.recovery = undefined;
    const isPartial = subscribed.recovery !== undefined && given.reference === undefined;
    deliverTo(subscribed, isPartial ? { ...given, reference: 'lost' } : given);
  }
}

/** The unit without slices that were cut off; undefined if nothing else is left. */
export function withoutCuts(unit: VideoUnit): VideoUnit | undefined {
  if (unit.cut === undefined) return unit;
  const { cut: _cut, ...plain } = unit;
  return plain.data.length === 0 ? undefined : plain;
}

function withCuts(unit: VideoUnit): VideoUnit {
  if (unit.cut === undefined) return unit;
  const { cut, ...plain } = unit;
  return { ...plain, ...cut };
}

/** An error in one subscriber must not affect the others or the socket's callback. */
function deliverTo({ subscriber }: Subscribed, unit: MediaUnit): void {
  try {
    subscriber.onUnit?.(unit);
  } catch {
    // Ignored: subscribers must not throw, and this function has no way to report it.
  }
}

function emitTo({ subscriber }: Subscribed, event: HubEvent): void {
  try {
    subscriber.onEvent?.(event);
  } catch {
    // As in `deliverTo`.
  }
}
