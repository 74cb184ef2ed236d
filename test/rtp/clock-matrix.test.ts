import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SessionClock } from '../../lib/rtp/session-clock.js';
import { FAULTS, STALLS } from './clock-faults.js';
import {
  apart,
  BEGIN,
  EPOCH,
  judge,
  play,
  random,
  uniform,
  type StreamOptions,
  type Verdict,
} from './clock-rig.js';

/** The most that a time may be off by, ms. */
const TOLERANCE = 150;
const TICKS = 90;

function assertTrue(verdict: Verdict, seconds: number, name: string): void {
  const span = Math.max(100, seconds);
  assert.equal(verdict.disorder, 0, `${name}: times rise`);
  assert.ok(verdict.spanError <= span, `${name}: the span is ${verdict.spanError.toFixed(1)} ms off`);
  assert.ok(verdict.worst <= TOLERANCE, `${name}: a picture is ${verdict.worst.toFixed(1)} ms off`);
}

describe('SessionClock, every fault of a clock', () => {
  for (const fault of FAULTS) {
    it(`dates pictures at their real times: ${fault.name}`, () => {
      for (const fps of [1, 2, 5, 12, 25, 60]) {
        for (const jitter of [0, 30]) {
          const name = `${fps} fps, ${jitter} ms of jitter`;
          const network = jitter === 0 ? {} : { jitter: uniform(jitter, fps) };
          const verdict = judge(play({ ...fault.of(fps), depth: 0, ...network }));
          assertTrue(verdict, 60, name);
          if (!fault.name.includes('stall'))
            assert.ok(verdict.live <= TOLERANCE, `${name}: live times are ${verdict.live} ms off`);
        }
      }
    });
  }

  it('dates nothing ahead of its arrival where the clock is set ahead while the way stalls', () => {
    for (const by of [500, 4000, 3_600_000]) {
      for (const fps of [5, 25]) {
        const stamp = (_n: number, ms: number): number => (ms + (ms >= 21_500 ? by : 0)) * TICKS;
        const { units } = judge(play({ fps, stamp, stalls: STALLS, depth: 0, jitter: uniform(30) }));
        const ahead = Math.max(...units.map(({ mediaTime, arrival }) => mediaTime - arrival));
        assert.ok(ahead <= TOLERANCE, `set by ${by} ms, ${fps} fps: ${ahead.toFixed(0)} ms ahead`);
      }
    }
  });

  it('keeps a steady stream within 20 ms rms with 30 ms of jitter, uniform or not', () => {
    for (const fps of [1, 5, 25, 60]) {
      const next = random(3);
      const normal = (): number =>
        Math.abs(30 * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
      for (const jitter of [uniform(30), normal]) {
        const { rms } = judge(play({ fps, jitter, depth: 0, seconds: 120 }));
        assert.ok(rms <= 20, `${fps} fps: ${rms.toFixed(1)} ms rms`);
      }
    }
  });

  it('keeps its word over hours', () => {
    for (const fault of FAULTS.filter(({ name }) => /none|21|1 % slow|200 ppm|3 s back/.test(name))) {
      const seconds = 2 * 3600;
      const verdict = judge(play({ ...fault.of(12), seconds, depth: 0, jitter: uniform(30) }));
      assertTrue(verdict, seconds, fault.name);
    }
  });

  it('takes what comes in any order, at any length, whatever the clock does', () => {
    const event = fc.record({
      at: fc.integer({ min: 5, max: 50 }),
      kind: fc.constantFrom('step', 'stray', 'stall'),
      by: fc.oneof(fc.integer({ min: 300, max: 5000 }), fc.integer({ min: 5000, max: 3_600_000 })),
      back: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 6 }),
        fc.constantFrom(2, 5, 12, 25, 30, 60),
        fc.constantFrom(0.84, 0.95, 1, 1, 1, 1.11, 10.5, 1 / 90),
        fc.nat(),
        (events, fps, rate, seed) => {
          // Apart from one another, as each takes a second or two to be told.
          const apartFrom = events
            .sort((a, b) => a.at - b.at)
            .filter(({ at }, i) => i === 0 || at >= events[i - 1]!.at + 5);
          const stamp = (n: number, ms: number): number => {
            let off = 0;
            for (const { at, kind, by, back } of apartFrom) {
              const sign = back ? -by : by;
              if (kind === 'step' && ms >= at * 1000 + 1) off += sign;
              if (kind === 'stray' && n === at * fps) off += sign;
            }
            return (ms + off) * TICKS * rate;
          };
          const stalls = apartFrom
            .filter(({ kind }) => kind === 'stall')
            .map(({ at }) => [at * 1000 + 3, at * 1000 + 3003] as const);
          const verdict = judge(play({ fps, stamp, stalls, jitter: uniform(30, seed), depth: 0 }));
          assertTrue(verdict, 60, `${fps} fps`);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('SessionClock, anything', () => {
  it('gives finite times, and rising ones to what comes in order, whatever comes', () => {
    const unit = fc.record({
      step: fc.oneof(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.integer({ min: -10_000, max: 20_000 }),
      ),
      elapsed: fc.oneof(fc.integer({ min: -50, max: 200 }), fc.integer({ min: 0, max: 3_600_000 })),
      rank: fc.oneof(fc.constant(NaN), fc.integer({ min: -40, max: 40 }), fc.integer()),
    });
    fc.assert(
      fc.property(
        fc.array(unit, { minLength: 1, maxLength: 200 }),
        fc.constantFrom(0, 2, 16, undefined),
        fc.constantFrom(undefined, 25, 0.001),
        fc.constantFrom(1, 8000, 90_000),
        (list, reorderDepth, frameRate, clockRate) => {
          const track = new SessionClock(EPOCH).track(clockRate);
          let rtpTime = 0;
          let arrival = 0;
          let last = { mediaTime: -Infinity, time: -Infinity };
          let latest = 0;
          let longest = 0;
          for (const { step, elapsed, rank } of list) {
            rtpTime = (rtpTime + step) >>> 0;
            arrival += elapsed;
            const format = {
              codec: 'h264',
              ...(reorderDepth !== undefined && { reorderDepth }),
              ...(frameRate !== undefined && { frameRate }),
            };
            const one = { kind: 'video', rtpTime, arrival, time: 0, timeSource: '', format };
            track.stamp(one, rank);
            const { mediaTime = NaN, time } = one as typeof one & { mediaTime?: number };
            assert.ok(Number.isFinite(mediaTime) && Number.isInteger(time));
            assert.ok(time >= last.time);
            assert.ok(reorderDepth !== 0 || mediaTime > last.mediaTime);
            latest = Math.max(latest, arrival);
            longest = Math.max(longest, elapsed);
            // Never further from the arrival than the longest stall, and the places that a picture may be
            // moved.
            const far = reorderDepth === 0 ? 0 : 10_000 + 4 * 17 * longest;
            assert.ok(mediaTime <= latest + far + list.length && mediaTime >= arrival - 10_000 - far);
            assert.ok(Number.isFinite(track.clock.clockRate) && track.clock.clockRate > 0);
            last = { mediaTime, time };
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('SessionClock, picture and sound', () => {
  const together = (pictures: StreamOptions, sounds: StreamOptions, seed: number): number => {
    const clock = new SessionClock(EPOCH - BEGIN);
    const shared = { seconds: 300 };
    const seen = play({ ...shared, depth: 0, jitter: uniform(30, seed), ...pictures }, clock);
    const sound = {
      ...shared,
      kind: 'audio',
      fps: 50,
      clockRate: 8000,
      jitter: uniform(30, seed + 1),
    } as const;
    return apart(seen, play({ ...sound, ...sounds }, clock));
  };

  const cases: [string, StreamOptions, StreamOptions][] = [
    ['sound 1 % slow', {}, { stamp: (_n, ms) => ms * 8 * 0.99 }],
    ['sound 1 % fast', {}, { stamp: (_n, ms) => ms * 8 * 1.01 }],
    ['44.1 kHz said to be 48', {}, { clockRate: 48_000, stamp: (_n, ms) => ms * 44.1 }],
    ['25 pictures stamped for 21', { fps: 21, stamp: (n) => n * 3600 }, {}],
    [
      '25 pictures stamped for 12.5, at night',
      { fps: (n) => (n < 500 ? 40 : 80), stamp: (n) => n * 3600 },
      {},
    ],
    ['pictures stamped in ms', { stamp: (_n, ms) => ms }, {}],
    ['the pictures’ clock set ahead', { stamp: (_n, ms) => (ms + (ms > 20_400 ? 3500 : 0)) * TICKS }, {}],
    ['the pictures’ clock set back', { stamp: (_n, ms) => (ms - (ms > 20_400 ? 1200 : 0)) * TICKS }, {}],
    [
      'both clocks set ahead',
      { stamp: (_n, ms) => (ms + (ms > 20_400 ? 3500 : 0)) * TICKS },
      { stamp: (_n, ms) => (ms + (ms > 20_400 ? 3500 : 0)) * 8 },
    ],
    ['stalls', { stalls: STALLS }, { stalls: STALLS }],
  ];
  for (const [name, pictures, sounds] of cases) {
    it(`never lets them part by more than 80 ms: ${name}`, () => {
      for (const seed of [1, 5, 9]) {
        const worst = together(pictures, sounds, seed);
        assert.ok(worst <= 80, `${worst.toFixed(1)} ms apart`);
      }
    });
  }
});

describe('SessionClock, pictures that are shown in another order than they come', () => {
  const patterns: [string, number[], number][] = [
    ['two B pictures', [3, 1, 2], 1],
    ['three B pictures', [4, 1, 2, 3], 1],
    ['a pyramid', [4, 2, 1, 3], 2],
  ];
  for (const [name, pattern, depth] of patterns) {
    it(`keeps their order and their times, whatever the clock does: ${name}`, () => {
      // Where RTP time stands or each picture lasts as long as it likes, nobody can tell how far a picture
      // was moved: of those, the order is kept.
      const places = (fault: string): boolean => !/one stamp|catches up|vary/.test(fault);
      for (const fault of FAULTS) {
        for (const fps of [5, 25]) {
          for (const jitter of [0, 30]) {
            const network = jitter === 0 ? {} : { jitter: uniform(jitter, fps) };
            const verdict = judge(play({ ...fault.of(fps), pattern, depth, ranked: true, ...network }));
            const what = `${fault.name}, ${fps} fps, ${jitter} ms of jitter`;
            assert.equal(verdict.disorder, 0, what);
            if (places(fault.name)) assertTrue(verdict, 60, what);
          }
        }
      }
    });

    it(`keeps even steps where the stream tells of its frame rate alone: ${name}`, () => {
      for (const fps of [1, 5, 12, 25, 60]) {
        for (const jitter of [0, 30]) {
          const stream = { fps, frameRate: fps, pattern, depth };
          const verdict = judge(play({ ...stream, ...(jitter > 0 && { jitter: uniform(jitter) }) }));
          assertTrue(verdict, 60, `${fps} fps, ${jitter} ms of jitter`);
        }
      }
    });
  }

  it('takes a stream that could be reordered, and is not, as strictly as one that cannot', () => {
    for (const fault of FAULTS) {
      for (const fps of [1, 5, 25]) {
        const verdict = judge(play({ ...fault.of(fps), ranked: true, jitter: uniform(30, fps) }));
        assertTrue(verdict, 60, `${fault.name}, ${fps} fps`);
      }
    }
  });

  it('follows B pictures that come and go', () => {
    for (const fps of [1, 5, 25]) {
      // Ten seconds with, ten seconds without.
      const groups = Math.round(2.5 * fps);
      const pattern = [
        ...Array.from({ length: groups }, (_, g) => [4, 2, 1, 3].map((n) => 4 * g + n)).flat(),
        ...Array.from({ length: 4 * groups }, (_, i) => 4 * groups + i + 1),
      ];
      const verdict = judge(play({ fps, pattern, depth: 2, ranked: true, jitter: uniform(30) }));
      assertTrue(verdict, 60, `${fps} fps`);
    }
  });
});
