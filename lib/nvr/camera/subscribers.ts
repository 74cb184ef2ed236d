// Who uses a camera's stream, and what each of them gets of it: events, and units from the first one that it
// can begin at.

import { isEntry, Recovery } from '../../codec/entry.js';
import type { MediaUnit, VideoUnit } from '../../codec/unit.js';
import type { HubEvent, HubSubscriber } from '../types.js';

/** A subscriber and where it stands: it gets no video before the first unit that it can begin at. */
interface Subscribed {
  readonly subscriber: HubSubscriber;
  started: boolean;
  /** It began at a recovery point that the stream itself had no need of. */
  recovery?: Recovery | undefined;
}

export class Subscribers {
  private readonly all = new Set<Subscribed>();
  /** How the stream got to where it is: what a newcomer is told. */
  private history: HubEvent[] = [];

  get count(): number {
    return this.all.size;
  }

  /**
   * `kept`: what it is given at once, if it wants that; `isWhole`: it can go on from there. Answers what lets
   * it leave, which says whether it was there.
   */
  join(subscriber: HubSubscriber, kept: readonly VideoUnit[], isWhole: boolean): () => boolean {
    const joined: Subscribed = { subscriber, started: false };
    this.all.add(joined);
    // Report the outage as new to a subscriber that joins during it.
    for (const event of this.history)
      tell(joined, event.error === undefined ? event : { ...event, firstOfOutage: true });
    if (subscriber.fromKept === true) {
      for (const unit of kept) deliver(joined, unit);
      joined.started = isWhole;
    }
    return () => this.all.delete(joined);
  }

  /** The session is gone: everybody begins anew with the next one. */
  beginAnew(): void {
    for (const subscribed of this.all) {
      subscribed.started = false;
      subscribed.recovery = undefined;
    }
  }

  /** A new attempt, a failure or a stop: newcomers need not hear what came before. */
  forget(): void {
    this.history = [];
  }

  tell(event: HubEvent): void {
    const { type } = event;
    if (type === 'connecting' || type === 'playing' || type === 'reconnecting' || type === 'error')
      this.history.push(event);
    if (type === 'format') this.history = [...this.history.filter((past) => past.type !== type), event];
    for (const subscribed of this.all) tell(subscribed, event);
  }

  /** Sound or metadata. */
  give(unit: MediaUnit): void {
    for (const subscribed of this.all) deliver(subscribed, unit);
  }

  /**
   * `plain`: what of the picture is whole; undefined: nothing. `skips`: it is one that `onLoss: 'skip'`
   * leaves out.
   */
  giveVideo(unit: VideoUnit, plain: VideoUnit | undefined, skips: boolean): void {
    const full = withCuts(unit);
    for (const subscribed of this.all) {
      const wantsCuts = subscribed.subscriber.cutSlices === true;
      this.hand(subscribed, unit, wantsCuts ? full : plain, skips);
    }
  }

  /** `given`: the unit as this subscriber wants it; undefined: nothing of it is for him. */
  private hand(subscribed: Subscribed, unit: VideoUnit, given: VideoUnit | undefined, skips: boolean): void {
    const { subscriber } = subscribed;
    if (!subscribed.started) {
      // For a file, a damaged keyframe is better than a hole.
      if (!isEntry(unit) && !(unit.keyframe && subscriber.cutSlices === true)) return;
      subscribed.started = true;
      if (!unit.keyframe) subscribed.recovery = new Recovery(unit.recoveryFrames ?? 0);
    }
    if (given === undefined || (subscriber.onLoss === 'skip' && skips)) return;
    const { recovery } = subscribed;
    if (recovery !== undefined && (unit.keyframe || !recovery.take(unit))) subscribed.recovery = undefined;
    const isPartial = subscribed.recovery !== undefined && given.reference === undefined;
    deliver(subscribed, isPartial ? { ...given, reference: 'lost' } : given);
  }
}

/** What of a unit goes to those who want whole NAL units alone. */
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

/** One subscriber's fault must not reach the others, nor the socket's callback. */
function deliver({ subscriber }: Subscribed, unit: MediaUnit): void {
  try {
    subscriber.onUnit?.(unit);
  } catch {
    // Subscribers promise not to throw; there is nobody here to tell.
  }
}

function tell({ subscriber }: Subscribed, event: HubEvent): void {
  try {
    subscriber.onEvent?.(event);
  } catch {
    // As above.
  }
}
