// The hubs of one NVR, one for each camera and stream in use, and the limit on how many sessions messages may
// open.

import { NvrError } from '../../errors.js';
import type { Hub } from './hub.js';

/** Idle hubs that are kept for later messages. */
const SPARE_HUBS = 64;

export class Hubs {
  private readonly hubs = new Map<string, Hub>();
  /** Keys of hubs that only messages asked for: they are deleted when they are idle. */
  private readonly named = new Set<string>();
  private warned = false;

  constructor(
    private readonly maxSessions: number,
    private readonly create: (channel: number, stream: string) => Hub,
  ) {}

  /** The hub for a deployed node: never refused. */
  own(channel: number, stream: string): Hub {
    const key = keyOf(channel, stream);
    this.named.delete(key);
    return this.find(key, channel, stream);
  }

  /**
   * The hub for a camera that a message names. Throws ESESSIONS if that would open more than `maxSessions`.
   */
  byMessage(channel: number, stream: string): Hub {
    const key = keyOf(channel, stream);
    if (!this.hubs.has(key)) this.named.add(key);
    const hub = this.find(key, channel, stream);
    if (!hub.isBusy && !this.makeRoom()) {
      throw new NvrError(
        'ESESSIONS',
        `${this.maxSessions} cameras of this NVR are in use, as many as the setting "maxSessions" lets messages open: ask for fewer at a time, or set it higher.`,
      );
    }
    this.forgetSpare();
    return hub;
  }

  /** The warning for a node whose session exceeds `maxSessions`; given only once. */
  warnIfCrowded(): NvrError | undefined {
    if (this.warned || this.busy().length <= this.maxSessions) return undefined;
    this.warned = true;
    return new NvrError(
      'ESESSIONS',
      `The nodes of these flows use more than ${this.maxSessions} cameras of this NVR at once; it may have no session left for others. The setting "maxSessions" says how many are expected.`,
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.hubs.values()].map((hub) => hub.close()));
    this.hubs.clear();
    this.named.clear();
  }

  private find(key: string, channel: number, stream: string): Hub {
    let hub = this.hubs.get(key);
    if (hub === undefined) this.hubs.set(key, (hub = this.create(channel, stream)));
    return hub;
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

  private forgetSpare(): void {
    if (this.named.size <= this.maxSessions + SPARE_HUBS) return;
    for (const key of this.named) {
      if (this.hubs.get(key)?.isBusy === true) continue;
      this.hubs.delete(key);
      this.named.delete(key);
    }
  }
}

function keyOf(channel: number, stream: string): string {
  return `${channel}/${stream}`;
}
