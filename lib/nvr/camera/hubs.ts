// The hubs of one NVR, one for each camera and stream in use, and the limit on how many sessions messages may
// open.

import { NvrError } from '../../errors.js';
import type { Hub } from './hub.js';

/** Idle hubs that are kept for later messages. */
const SPARE_HUBS = 64;

export class Hubs {
  private readonly hubs = new Map<string, Hub>();
  /** Keys of hubs that only messages asked for: idle ones are deleted when there are too many. */
  private readonly named = new Set<string>();
  private warned = false;

  constructor(
    private readonly maxSessions: number,
    private readonly create: (channel: number, stream: string) => Hub,
  ) {}

  /** The hub for a deployed node: never refused. */
  own(channel: number, stream: string): Hub {
    const key = keyOf(channel, stream);
    const hub = this.hubs.get(key) ?? this.create(channel, stream);
    this.hubs.set(key, hub);
    this.named.delete(key);
    return hub;
  }

  /**
   * The hub for a camera that a message names. Throws ESESSIONS if that would open more than `maxSessions`.
   */
  byMessage(channel: number, stream: string): Hub {
    const key = keyOf(channel, stream);
    const known = this.hubs.get(key);
    const hub = known ?? this.create(channel, stream);
    if (!hub.isBusy && !this.makeRoom()) {
      throw new NvrError(
        'ESESSIONS',
        `${this.maxSessions} cameras of this NVR are in use, as many as the setting "maxSessions" lets messages open: ask for fewer at a time, or set it higher.`,
      );
    }
    this.hubs.set(key, hub);
    // In the order of use: the last one is the newest.
    if (known === undefined || this.named.delete(key)) this.named.add(key);
    this.forgetSpare();
    return hub;
  }

  /** The warning for a node whose session exceeds `maxSessions`; given only once. */
  crowdedWarningOnce(): NvrError | undefined {
    if (this.warned || this.busy().length <= this.maxSessions) return undefined;
    this.warned = true;
    return new NvrError(
      'ESESSIONS',
      `The nodes of these flows use more than ${this.maxSessions} cameras of this NVR at once; it may have no session left for others. If it allows that many, set "maxSessions" higher.`,
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.hubs.values()].map((hub) => hub.close()));
  }

  private busy(): Hub[] {
    return [...this.hubs.values()].filter(({ isBusy }) => isBusy);
  }

  /** Closes sessions without users until there is room for one more. */
  private makeRoom(): boolean {
    const busy = this.busy();
    let tooMany = busy.length - this.maxSessions + 1;
    for (const hub of busy) {
      if (tooMany <= 0) break;
      if (hub.isUsed) continue;
      void hub.close();
      tooMany--;
    }
    return tooMany <= 0;
  }

  /** Deletes the idle hubs that were not used for the longest. The one just asked for is not among them. */
  private forgetSpare(): void {
    let tooMany = this.named.size - this.maxSessions - SPARE_HUBS;
    for (const key of this.named) {
      if (tooMany <= 0) return;
      if (this.hubs.get(key)?.isBusy === true) continue;
      this.hubs.delete(key);
      this.named.delete(key);
      tooMany--;
    }
  }
}

function keyOf(channel: number, stream: string): string {
  return `${channel}/${stream}`;
}
