// The outages of one stream: when to try again, and what of it is news. Pure: monotonic ms come in.

import { Backoff, type Retry } from '../../client/backoff.js';
import type { NvrErrorCode } from '../../errors.js';

export interface Outage extends Retry {
  /** The attempts that failed, this one included. */
  readonly attempt: number;
  /** This cause has not been told yet in this outage. */
  readonly isNews: boolean;
  /**
   * The stream has begun to flap: it broke that often within the last minutes. Told once, until it has been
   * calm.
   */
  readonly breaks?: number;
}

/** Milliseconds of media in one piece after which an outage is over. */
const OVER_AFTER_MS = 30_000;
/** So many breaks within so many ms are a stream that flaps; it does so until none has come for so long. */
const FLAPS = 4;
export const FLAPPING_MS = 300_000;
const CALM_MS = 600_000;

export class Outages {
  /** Those that were reported in the present outage. */
  private readonly causes = new Set<NvrErrorCode>();
  private mediaSince: number | undefined;
  private breaks: number[] = [];
  private isFlapping = false;

  constructor(private readonly backoff = new Backoff()) {}

  /** Failures since the stream was healthy. */
  get attempts(): number {
    return this.backoff.attempt;
  }

  /** Media came. */
  heard(now: number): void {
    this.mediaSince ??= now;
    this.backoff.heard(now);
    if (now - this.mediaSince > OVER_AFTER_MS && this.causes.size > 0) this.causes.clear();
  }

  /** The stream was lost, or could not be opened. */
  failed(code: NvrErrorCode, now: number): Outage {
    const breaks = this.mediaSince === undefined ? undefined : this.countBreak(now);
    this.left();
    const isNews = !this.isFlapping && !this.causes.has(code);
    this.causes.add(code);
    const retry = this.backoff.next(code, now);
    return {
      ...retry,
      attempt: this.backoff.attempt,
      isNews,
      ...(breaks === undefined ? {} : { breaks }),
    };
  }

  /** The session is over, and not by a failure. */
  left(): void {
    this.mediaSince = undefined;
    this.backoff.left();
  }

  /** The user begins anew. */
  reset(): void {
    this.left();
    this.backoff.reset();
  }

  private countBreak(now: number): number | undefined {
    const last = this.breaks.at(-1);
    if (last !== undefined && now - last >= CALM_MS) this.isFlapping = false;
    this.breaks = [...this.breaks.filter((at) => now - at < FLAPPING_MS), now].slice(-2 * FLAPS);
    if (this.isFlapping || this.breaks.length < FLAPS) return undefined;
    this.isFlapping = true;
    return this.breaks.length;
  }
}
