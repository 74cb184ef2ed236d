// Recordings that are shown in step, on a clock that the test moves.

import { UNCOUNTED, type UnitMemory } from '../../lib/media/unit-memory.js';
import { InStep, type Lane, type Timed } from '../../lib/nvr/playback/in-step.js';
import { videoUnit } from './fake-hub.js';
import { TestClock } from './test-clock.js';

export const FROM = Date.UTC(2026, 10, 23, 14, 2);
export const FRAME_MS = 40;

/** A picture of a recorded time (epoch ms), of so many bytes. */
export const at = (time: number, bytes = 1_000): Timed => ({
  unit: { ...videoUnit({ data: Buffer.alloc(bytes) }), time },
});

/** `shown` says what of which lane was shown, and when by the clock. */
export class Screening {
  readonly clock = new TestClock();
  readonly shown: { lane: number; time: number; at: number }[] = [];
  readonly held: boolean[] = [];
  readonly ends: number[] = [];
  onShown: (() => void) | undefined;
  readonly lanes: Lane<Timed>[];
  readonly step: InStep<Timed>;

  constructor(count: number, speed = 1, memory: () => UnitMemory = () => UNCOUNTED) {
    this.step = new InStep({ from: FROM, speed, now: this.clock.read, timers: this.clock });
    this.lanes = Array.from({ length: count }, (_, lane) =>
      this.step.lane(
        {
          onUnit: ({ unit }) => {
            this.shown.push({ lane, time: unit.time, at: this.clock.now });
            this.onShown?.();
          },
          hold: () => (this.held[lane] = true),
          letGo: () => (this.held[lane] = false),
        },
        memory(),
      ),
    );
  }

  push(lane: number, from: number, count: number, frame = FRAME_MS): void {
    for (let index = 0; index < count; index++) this.lanes[lane]!.push(at(from + index * frame));
  }

  end(lane: number): void {
    this.lanes[lane]!.finish(() => this.ends.push(lane));
  }
}
