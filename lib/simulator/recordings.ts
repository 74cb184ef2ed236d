// Issues playback keys, and knows which recording each opens, until when, and how often.

import { randomBytes } from 'node:crypto';
import type { Settings } from './options.js';

interface Entry {
  readonly startMs: number;
  readonly validUntil: number;
  used: boolean;
}

const MAX_KEYS = 1000;

export class KeyBook {
  /** Number of keys issued. */
  issued = 0;
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly settings: Settings) {}

  /** A key that contains characters which a URI must percent-encode. */
  issue(startSeconds: number, nowMs: number): string {
    const key = `K${randomBytes(6).toString('base64')}&=/+% ü`.replace(' ', '~');
    const { expireMs, staleKeys } = this.settings.keyService;
    const isStale = this.issued++ < staleKeys;
    this.entries.set(key, {
      startMs: startSeconds * 1000,
      validUntil: isStale ? 0 : nowMs + expireMs,
      used: false,
    });
    if (this.entries.size > MAX_KEYS) this.entries.delete(this.entries.keys().next().value!);
    return key;
  }

  /** Start of the recording for a key in epoch ms; undefined if the key is unknown, expired or used up. */
  open(key: string, nowMs: number): number | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || nowMs > entry.validUntil || (this.settings.keyService.once && entry.used))
      return undefined;
    entry.used = true;
    return entry.startMs;
  }
}
