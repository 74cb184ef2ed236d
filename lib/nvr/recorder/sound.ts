// What sound comes with a camera's pictures: a file declares it only when it has been heard, for declared silence would hold everything up.

import type { AudioFormat, AudioUnit } from '../../codec/unit.js';
import { isWritable } from '../../media/mp4-writer.js';

/** Sound that was last heard longer ago has ended. */
const FRESH_MS = 2000;
/** Time from which the clock's rate can be told from twice and half of it. */
const SPAN_MS = 1000;

export class Sound {
  private first: AudioUnit | undefined;
  private last: AudioUnit | undefined;

  see(unit: AudioUnit): void {
    if (!isWritable(unit)) return;
    const { last } = this;
    if (last?.format.codec !== unit.format.codec || last.format.sampleRate !== unit.format.sampleRate)
      this.first = unit;
    // RTP time is compared over no longer than it runs on for certain.
    else if (unit.arrival - last.arrival > FRESH_MS || unit.arrival - this.first!.arrival > 10 * SPAN_MS)
      this.first = last;
    this.last = unit;
  }

  /** The sound heard at `arrival`, and the rate of its RTP clock; undefined: none. */
  at(arrival: number): { format: AudioFormat; rate: number } | undefined {
    const { last } = this;
    if (last === undefined || last.arrival < arrival - FRESH_MS) return undefined;
    return { format: last.format, rate: this.rate(last.format.sampleRate) };
  }

  /** HE-AAC is played at twice the rate by which some cameras count it. */
  private rate(sampleRate: number): number {
    const elapsed = this.last!.arrival - this.first!.arrival;
    if (elapsed < SPAN_MS) return sampleRate;
    const measured = (((this.last!.rtpTime - this.first!.rtpTime) | 0) * 1000) / elapsed;
    return (
      [sampleRate, sampleRate / 2, sampleRate * 2].find(
        (rate) => measured > rate * 0.75 && measured < rate * 1.5,
      ) ?? sampleRate
    );
  }
}
