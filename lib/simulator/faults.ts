// What a test or a demo breaks at run time.

export class Faults {
  /** Cameras that are pulled out. */
  readonly unplugged = new Set<number>();
  /** Channels whose keyframes are held back. */
  readonly withoutKeyframes = new Set<number>();
  /** Requests that are answered with a status, by method. */
  readonly statuses = new Map<string, number>();
  /** New sessions get 453. */
  refusesSessions = false;
  /** Requests are read and never answered. */
  isDeaf = false;
  /** Every nth RTP packet is lost on the way; 0: none. */
  loseEvery = 0;
}
