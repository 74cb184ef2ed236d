// Decides what a node may send to its flow. Node-RED's `send` gives no acknowledgement, so overload is
// detected by the age of units, the delay of the event loop, and the length of the queue. Independently, a
// camera may not send more messages and bytes per second than any real one does. Pure: the time is an
// argument, in monotonic ms.

import { Bucket } from './bucket.js';

/** Overload begins when a unit's age or the event loop's delay exceeds this, in ms. */
const LATE_MS = 500;
/** Overload ends after this long without exceeding a limit. */
const CALM_MS = 2_000;

/** Several times what 4K at 60 pictures per second with one NAL unit per row of macroblocks needs. */
const UNITS_PER_SECOND = 500;
const MESSAGES_PER_SECOND = 10_000;
const BYTES_PER_SECOND = 64 * 1024 * 1024;
/** In overload: passes the keyframes of a normal stream, but not a flood of them. */
const KEYFRAMES_PER_SECOND = 4;
/** Opus in packets of 2.5 ms makes 400 per second. */
const SOUNDS_PER_SECOND = 1000;

/** Measurements for one decision. */
export interface Moment {
  readonly now: number;
  /** Delay of the event loop in ms. */
  readonly loopDelay: number;
  /** The queue is full. */
  readonly isFull: boolean;
}

export interface Verdict {
  readonly send: boolean;
  /** This unit starts an overload. */
  readonly begins: boolean;
}

export interface PictureOffer {
  readonly keyframe: boolean;
  /** Monotonic ms. */
  readonly arrival: number;
  /** Number of messages that the unit makes; 0 if it is never sent. */
  readonly messages: number;
  readonly bytes: number;
}

/** Overload, and its end 2 s after the last limit was exceeded. */
class Overload {
  isOn = false;
  private troubledAt = 0;

  /** True when overload begins. */
  note(trouble: boolean, now: number): boolean {
    if (trouble) {
      const begins = !this.isOn;
      this.isOn = true;
      this.troubledAt = now;
      return begins;
    }
    if (now - this.troubledAt >= CALM_MS) this.isOn = false;
    return false;
  }
}

export class OutputGate {
  private readonly units = new Bucket(UNITS_PER_SECOND, 2 * UNITS_PER_SECOND);
  private readonly messages = new Bucket(MESSAGES_PER_SECOND, MESSAGES_PER_SECOND);
  private readonly bytes = new Bucket(BYTES_PER_SECOND, BYTES_PER_SECOND);
  private readonly keyframes = new Bucket(KEYFRAMES_PER_SECOND, KEYFRAMES_PER_SECOND);
  private readonly sounds = new Bucket(SOUNDS_PER_SECOND, 2 * SOUNDS_PER_SECOND);
  private readonly pictureOverload = new Overload();
  private readonly soundOverload = new Overload();
  /** After overload, units depend on dropped ones until the next keyframe. */
  private awaitsKeyframe = false;

  /**
   * In overload, sends only keyframes, a few per second; afterwards everything from the first keyframe on.
   */
  picture({ keyframe, arrival, messages, bytes }: PictureOffer, moment: Moment): Verdict {
    const { now } = moment;
    const tooMuch = messages > 0 && !this.countAgainstRates(messages, bytes, now);
    const begins = this.pictureOverload.note(tooMuch || isLate(arrival, moment), now);
    if (begins) this.awaitsKeyframe = true;
    if (messages === 0) return { send: false, begins };
    if (this.pictureOverload.isOn)
      return { send: keyframe && !moment.isFull && this.keyframes.take(1, now), begins };
    if (keyframe) this.awaitsKeyframe = false;
    return { send: !this.awaitsKeyframe, begins };
  }

  /** Audio and metadata are sent while within the rate, even if pictures are dropped. */
  sound(bytes: number, { now, isFull }: Moment): Verdict {
    const fits = this.sounds.offer(1, now) && this.bytes.offer(bytes, now) && !isFull;
    return { send: fits, begins: this.soundOverload.note(!fits, now) };
  }

  /** Counts a unit and its messages and bytes. Returns whether all three rates are kept. */
  private countAgainstRates(messages: number, bytes: number, now: number): boolean {
    const units = this.units.offer(1, now);
    const many = this.messages.offer(messages, now);
    return this.bytes.offer(bytes, now) && units && many;
  }
}

function isLate(arrival: number, { now, loopDelay, isFull }: Moment): boolean {
  return isFull || now - arrival > LATE_MS || loopDelay > LATE_MS;
}
