// The hubs of one NVR, one for each camera and stream that was asked for, and how many of them messages may
// keep busy.

import { NvrError } from '../../errors.js';
import type { Hub } from './hub.js';

/** Hubs without a session that are kept for messages to come. */
const SPARE_HUBS = 64;

export class Hubs {
  private readonly hubs = new Map<string, Hub>();
  /** Those that only messages named: they go when they are not used. */
  private readonly named = new Set<string>();
  private warned = false;

  constructor(
    private readonly maxSessions: number,
    private readonly create: (channel: number, stream: string) => Hub,
  ) {}

  /** That of a camera which a deployed node is set to: never refused. */
  own(channel: number, stream: string): Hub {
    const key = keyOf(channel, stream);
    this.named.delete(key);
    return this.find(key, channel, stream);
  }

  /** That of a camera which a message names. Throws ESESSIONS where it would open one session too many. */
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

  /** What nodes are to be told as one more session opens: once, that there are more than `maxSessions`. */
  get crowded(): NvrError | undefined {
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

  /** Sessions that nobody uses any more go first. */
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
