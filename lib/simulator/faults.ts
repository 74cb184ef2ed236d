// Faults that a test or demo can switch on at run time.

export class Faults {
  /** Disconnected cameras. */
  readonly unplugged = new Set<number>();
  /** Channels that send no keyframes. */
  readonly withoutKeyframes = new Set<number>();
  /** Status codes to answer with, by request method. */
  readonly statuses = new Map<string, number>();
  /** New sessions are answered 453. */
  refusesSessions = false;
  /** Requests are read but never answered. */
  isDeaf = false;
  /** Every nth RTP packet is dropped; 0 for none. */
  loseEvery = 0;
}
