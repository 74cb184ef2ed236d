// Remembers why a camera's stream does not play, or did not for a while. Pure: times are monotonic ms.

import type { NvrError } from '../../errors.js';
import type { HubEvent } from '../types.js';

export class StreamTrouble {
  /** `until` is when the stream played again; Infinity if it does not play yet. */
  private last: { readonly error: NvrError; readonly until: number } | undefined;

  onHubEvent({ type, error }: HubEvent, now: number): void {
    if (type === 'reconnecting' || type === 'error') this.last = { error, until: Infinity };
    if (type === 'playing' && this.last?.until === Infinity) this.last = { ...this.last, until: now };
  }

  /** The last reason why the stream did not play at some time after `time`. */
  since(time: number): NvrError | undefined {
    const { error, until = -Infinity } = this.last ?? {};
    return until > time ? error : undefined;
  }
}
