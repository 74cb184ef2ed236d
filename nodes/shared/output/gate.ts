// What one node may send to its flow. Node-RED's `send` acknowledges nothing, so overload is measured where
// it can be: at the age of what is sent, the event loop's delay, and what waits; and a camera may send no
// more messages and bytes a second than any real one does. Pure; time comes in, in monotonic ms.

import { Bucket } from './bucket.js';

/** Above this, in ms, a unit's age or the event loop's delay means overload. */
const LATE_MS = 500;
/** All must have been well for this long before all is sent again. */
const CALM_MS = 2_000;

/** Of 4K at 60 pictures a second with a NAL unit for each row of macroblocks, several times over. */
const UNITS_PER_SECOND = 500;
const MESSAGES_PER_SECOND = 10_000;
const BYTES_PER_SECOND = 64 * 1024 * 1024;
/** In overload: a stream's own keyframes pass, a flood of them does not. */
const KEYFRAMES_PER_SECOND = 4;
/** Opus in packets of 2.5 ms is 400. */
const SOUNDS_PER_SECOND = 1000;

/** The moment at hand. */
export interface Moment {
  readonly now: number;
  /** Of the event loop, ms. */
  readonly loopDelay: number;
  /** As much waits to be sent as may wait. */
  readonly isFull: boolean;
}

export interface Verdict {
  readonly send: boolean;
  /** Overload begins here. */
  readonly begins: boolean;
}

export interface PictureOffer {
  readonly keyframe: boolean;
  /** Monotonic ms. */
  readonly arrival: number;
  /** It makes so many: 0 if it is not to be sent in any case. */
  readonly messages: number;
  readonly bytes: number;
}

/** Overload and its end, which is 2 s after the last trouble. */
class Overload {
  isOn = false;
  private troubledAt = 0;

  /** True where it begins. */
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
  /** Back to normal, but what was dropped is referred to until the next keyframe. */
  private awaitsKeyframe = false;

  /** In overload keyframes alone are sent, a few a second; all again from the first keyframe after it. */
  picture({ keyframe, arrival, messages, bytes }: PictureOffer, moment: Moment): Verdict {
    const { now } = moment;
    const tooMuch = messages > 0 && !this.isWithinRates(messages, bytes, now);
    const begins = this.pictureOverload.note(tooMuch || isLate(arrival, moment), now);
    if (begins) this.awaitsKeyframe = true;
    if (messages === 0) return { send: false, begins };
    if (this.pictureOverload.isOn)
      return { send: keyframe && !moment.isFull && this.keyframes.take(1, now), begins };
    if (keyframe) this.awaitsKeyframe = false;
    return { send: !this.awaitsKeyframe, begins };
  }

  /** Sound and metadata: what is within the rate is sent, also while pictures are dropped. */
  sound(bytes: number, { now, isFull }: Moment): Verdict {
    const fits = this.sounds.offer(1, now) && this.bytes.offer(bytes, now) && !isFull;
    return { send: fits, begins: this.soundOverload.note(!fits, now) };
  }

  private isWithinRates(messages: number, bytes: number, now: number): boolean {
    const units = this.units.offer(1, now);
    const many = this.messages.offer(messages, now);
    return this.bytes.offer(bytes, now) && units && many;
  }
}

function isLate(arrival: number, { now, loopDelay, isFull }: Moment): boolean {
  return isFull || now - arrival > LATE_MS || loopDelay > LATE_MS;
}
