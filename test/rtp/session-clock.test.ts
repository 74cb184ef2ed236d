import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CaptureClaim } from '../../lib/rtp/capture-claim.js';
import { SessionClock, type SessionTrack, type Timed } from '../../lib/rtp/session-clock.js';

const EPOCH = Date.UTC(2026, 10, 5, 12);
const RATE = 90_000;
const FRAME_MS = 40;
const FRAME = 3600;

/** A session's only track. */
function trackOf(rate = RATE, clock = new SessionClock(EPOCH)): SessionTrack {
  return clock.track(rate);
}

/** The live time of a unit. */
function timeOf(track: SessionTrack, rtpTime: number, arrival: number, kind = 'audio'): number {
  const one = { ...unit(rtpTime, arrival), kind };
  track.stamp(one);
  return one.time;
}

interface Run {
  times: number[];
  arrivals: number[];
}

/**
 * Feeds `count` frames of a 25 fps stream: RTP time from `rtp`, delay on the way from `delay` (ms); returns
 * times less EPOCH.
 */
function run(
  track: SessionTrack,
  count: number,
  options: { rtp?: (i: number) => number; delay?: (i: number) => number; from?: number; kind?: string } = {},
): Run {
  const from = options.from ?? 0;
  const times: number[] = [];
  const arrivals: number[] = [];
  for (let i = from; i < from + count; i++) {
    // In order: what is late delays what follows.
    const arrival = Math.max(arrivals.at(-1) ?? 0, i * FRAME_MS + (options.delay?.(i) ?? 0));
    arrivals.push(arrival);
    times.push(timeOf(track, (options.rtp?.(i) ?? i * FRAME) >>> 0, arrival, options.kind) - EPOCH);
  }
  return { times, arrivals };
}

function assertMonotonic(times: number[]): void {
  for (let i = 1; i < times.length; i++)
    assert.ok(times[i]! >= times[i - 1]!, `goes back at ${i}: ${times[i - 1]} -> ${times[i]}`);
}

function unit(rtpTime: number, arrival: number, onvifTime?: number): Timed {
  return { rtpTime, arrival, time: 0, timeSource: '', ...(onvifTime === undefined ? {} : { onvifTime }) };
}

describe('SessionClock, live times', () => {
  it('is the arrival of a steady stream, in whole epoch milliseconds', () => {
    const { times } = run(trackOf(), 100);
    assert.deepEqual(
      times,
      Array.from({ length: 100 }, (_, i) => i * FRAME_MS),
    );
  });

  it('goes on through the wrap of the 32-bit RTP time', () => {
    const { times } = run(trackOf(), 100, { rtp: (i) => 2 ** 32 - 50 * FRAME + i * FRAME });
    assert.equal(times[99], 99 * FRAME_MS);
    assertMonotonic(times);
  });

  it('smooths jitter: frames are dated evenly however unevenly they arrive', () => {
    const { times } = run(trackOf(), 500, { delay: (i) => (i % 7) * 6 });
    for (let i = 1; i < 500; i++) assert.equal(times[i]! - times[i - 1]!, FRAME_MS);
  });

  it('dates no unit later than it arrived, and a burst of older frames at its arrival', () => {
    const track = trackOf();
    const burst = run(track, 50, { delay: (i) => (50 - i) * FRAME_MS });
    assert.ok(burst.times.every((time) => time === 50 * FRAME_MS));
    const live = run(track, 100, { from: 50 });
    assert.deepEqual(live.times, live.arrivals);
  });

  it('is monotonic, with an error no larger than the jitter, for any jitter and drift', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(200), { minLength: 300, maxLength: 1000 }),
        fc.integer({ min: -300, max: 300 }),
        fc.nat(2 ** 32 - 1),
        (delays, ppm, start) => {
          const scale = 1 + ppm / 1e6;
          const { times, arrivals } = run(trackOf(), delays.length, {
            rtp: (i) => start + Math.round(i * FRAME * scale),
            delay: (i) => delays[i]!,
          });
          assertMonotonic(times);
          const least = Math.min(...delays);
          for (let i = 0; i < times.length; i++) {
            assert.ok(times[i]! <= arrivals[i]! + 1, 'not after its arrival');
            assert.ok(
              Math.abs(times[i]! - (i * FRAME_MS + least)) <= 200 - least + 6,
              `frame ${i} is dated ${times[i]! - i * FRAME_MS} ms off`,
            );
          }
        },
      ),
      // The same ones each time: jitter of five frames looks like a clock of another rate once in thousands.
      { numRuns: 60, seed: 24 },
    );
  });

  it('follows a sender whose clock runs 200 ppm fast or slow for an hour', () => {
    for (const scale of [1.0002, 0.9998]) {
      const { times } = run(trackOf(), 90_000, {
        rtp: (i) => Math.round(i * FRAME * scale),
        delay: (i) => (i * 7919) % 30,
      });
      assertMonotonic(times);
      for (let i = 1000; i < times.length; i += 97)
        assert.ok(Math.abs(times[i]! - i * FRAME_MS) < 35, `${times[i]! - i * FRAME_MS} ms off at ${i}`);
    }
  });

  it('quirk misplaced-markers: survives a jump of the RTP time, forward and backward', () => {
    for (const jump of [RATE * 3600, -RATE * 3600, RATE * 5, 0x7fff0000]) {
      const track = trackOf();
      const { times } = run(track, 200, { rtp: (i) => i * FRAME + (i < 100 ? 0 : jump) });
      assertMonotonic(times);
      assert.equal(times[100], 100 * FRAME_MS);
    }
  });

  it('quirk misplaced-markers: comes back to the arrival within seconds after RTP time stepped back a little', () => {
    const { times, arrivals } = run(trackOf(), 1500, {
      rtp: (i) => i * FRAME - (i < 100 ? 0 : RATE * 2),
    });
    assertMonotonic(times);
    for (let i = 0; i < 1500; i++) assert.ok(arrivals[i]! - times[i]! <= 2100);
    assert.ok(arrivals[1499]! - times[1499]! <= 1);
  });

  it('quirk misplaced-markers: lets the arrival be the clock while RTP time stands still', () => {
    const track = trackOf();
    const { times, arrivals } = run(track, 1000, { rtp: (i) => Math.min(i, 100) * FRAME });
    assert.deepEqual(times, arrivals);
    const after = run(track, 100, { from: 1000 });
    assert.deepEqual(
      after.times,
      after.arrivals,
      'and takes the RTP time up again where it jumps to the present',
    );
  });

  it('stays within seconds of the arrival with a clock rate that is wrong', () => {
    for (const rate of [1000, 45_000, 900_000]) {
      const { times, arrivals } = run(trackOf(), 2000, {
        rtp: (i) => Math.round((i * FRAME_MS * rate) / 1000),
      });
      assertMonotonic(times);
      for (let i = 0; i < 2000; i++) {
        assert.ok(times[i]! <= arrivals[i]!);
        assert.ok(arrivals[i]! - times[i]! <= 11_000);
      }
    }
  });

  it('starts anew after a pause in which RTP time stood still', () => {
    const track = trackOf();
    run(track, 100);
    assert.equal(timeOf(track, 100 * FRAME, 60_000 + 4000) - EPOCH, 64_000);
  });

  it('keeps decode order with B-frames, close to the arrival and evenly spaced', () => {
    // Display order of frames in decode order: I0 P3 B1 B2 P6 B4 B5 …, and a pyramid: I0 P4 B2 B1 B3 P8 ….
    const patterns = [
      [3, 1, 2],
      [4, 2, 1, 3],
    ];
    for (const pattern of patterns) {
      const size = pattern.length;
      const display = (i: number): number =>
        i === 0 ? 0 : Math.floor((i - 1) / size) * size + pattern[(i - 1) % size]!;
      const { times, arrivals } = run(trackOf(), 600, { rtp: (i) => display(i) * FRAME, kind: 'video' });
      assertMonotonic(times);
      for (let i = 0; i < 600; i++)
        assert.ok(
          Math.abs(times[i]! - arrivals[i]!) <= size * FRAME_MS,
          `${times[i]! - arrivals[i]!} ms off at ${i}`,
        );
      for (let i = 400; i < 600; i++) assert.equal(times[i]! - times[i - 1]!, FRAME_MS);
    }
  });

  it('does not go back when the SSRC changes, and starts at the arrival', () => {
    const track = trackOf();
    run(track, 100);
    track.reset();
    assert.equal(timeOf(track, 12345, 4010) - EPOCH, 4010);
    track.reset();
    assert.equal(timeOf(track, 99, 1000) - EPOCH, 4010);
  });

  it("follows when this machine's clock is set", () => {
    const clock = new SessionClock(EPOCH);
    const track = trackOf(RATE, clock);
    run(track, 10);
    clock.setWallOffset(EPOCH + 3_600_000);
    assert.equal(timeOf(track, 10 * FRAME, 400) - EPOCH, 3_600_400);
    clock.setWallOffset(EPOCH - 3_600_000);
    assert.equal(timeOf(track, 11 * FRAME, 440) - EPOCH, -3_599_560, 'back, too');
  });

  it("keeps durations when this machine's clock is set: media time knows nothing of it", () => {
    const clock = new SessionClock(EPOCH);
    const track = trackOf(RATE, clock);
    const times: number[] = [];
    for (let i = 0; i < 100; i++) {
      if (i === 30) clock.setWallOffset(EPOCH - 3_600_000);
      if (i === 60) clock.setWallOffset(EPOCH + 3_600_000);
      const one: Timed = unit(i * FRAME, i * FRAME_MS);
      track.stamp(one);
      times.push(one.mediaTime!);
    }
    for (let i = 1; i < times.length; i++) assert.ok(Math.abs(times[i]! - times[i - 1]! - FRAME_MS) < 1e-6);
  });

  it('takes the rounding of the clocks, read once a second, for no step', () => {
    const clock = new SessionClock(EPOCH);
    for (let i = 0; i < 100; i++) clock.setWallOffset(EPOCH + (i % 3) - 1);
    assert.deepEqual(
      { wallOffset: clock.wallOffset, wallSteps: clock.wallSteps },
      { wallOffset: EPOCH, wallSteps: 0 },
    );
  });

  it('never goes back and never gives anything but a whole number, whatever RTP times come', () => {
    const steps = fc.array(fc.tuple(fc.oneof(fc.nat(2 ** 32 - 1), fc.nat(RATE)), fc.nat(30_000)), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, (list) => {
        const track = trackOf();
        let arrival = 0;
        let last = -Infinity;
        for (const [rtpTime, elapsed] of list) {
          arrival += elapsed;
          const time = timeOf(track, rtpTime, arrival);
          assert.ok(Number.isInteger(time) && time >= last && time <= EPOCH + arrival + 1);
          last = time;
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("SessionClock, the server's claim", () => {
  it('has none before a sender report, then carries it by RTP time in both directions', () => {
    const claim = new CaptureClaim(RATE);
    assert.equal(claim.at(0), undefined);
    claim.senderReport(EPOCH, 90_000);
    assert.equal(claim.at(90_000), EPOCH);
    assert.equal(claim.at(90_000 + 45_000), EPOCH + 500);
    assert.equal(claim.at(0), EPOCH - 1000);
  });

  it('is anchored anew by each report', () => {
    const claim = new CaptureClaim(RATE);
    claim.senderReport(EPOCH, 0);
    claim.senderReport(EPOCH + 5100, 5 * RATE);
    assert.equal(claim.at(5 * RATE), EPOCH + 5100);
  });

  it('outlives the wrap of RTP time after a single report', () => {
    const claim = new CaptureClaim(RATE);
    claim.senderReport(EPOCH, 0);
    const day = 86_400 * RATE;
    for (let ticks = 0; ticks <= day; ticks += RATE * 30) {
      assert.equal(claim.at(ticks % 2 ** 32), EPOCH + ticks / 90);
    }
  });

  it('quirk wrong-sender-reports: falls back to arrival time when a report cannot be true', () => {
    const track = trackOf();
    track.senderReport(EPOCH, 0);
    track.senderReport(NaN, 3600);
    const one = unit(3600, 40);
    track.stamp(one);
    assert.equal(one.timeSource, 'arrival');
    assert.equal('captureTime' in one, false);
    assert.equal(one.time, EPOCH + 40);
  });

  it("quirk wrong-sender-reports: does not believe a report whose RTP time is far from the stream's", () => {
    const claim = new CaptureClaim(RATE);
    claim.senderReport(EPOCH, 0);
    assert.equal(claim.at(RATE * 3600), undefined);
    assert.equal(claim.at(1), undefined, 'until the next report');
    claim.senderReport(EPOCH, RATE * 3600);
    assert.equal(claim.at(RATE * 3600), EPOCH);
  });

  it('ends when the RTP time jumps, until the next report', () => {
    const claim = new CaptureClaim(RATE);
    claim.follow(0, 0);
    claim.senderReport(EPOCH, 0);
    claim.follow(RATE * 30, 40);
    assert.equal(claim.at(RATE * 30), undefined);
  });

  it("leaves `time` alone when the server's clock is two hours wrong", () => {
    const track = trackOf();
    track.senderReport(EPOCH + 7_200_000, 0);
    const one = unit(FRAME, 40);
    track.stamp(one);
    assert.deepEqual(one, {
      rtpTime: FRAME,
      arrival: 40,
      mediaTime: 40,
      time: EPOCH + 40,
      captureTime: EPOCH + 7_200_040,
      timeSource: 'sr',
    });
  });

  it('prefers the ONVIF time, carries it to units without one, and ignores reports meanwhile', () => {
    const recorded = Date.UTC(2026, 9, 1);
    const track = trackOf();
    track.senderReport(EPOCH, 0);
    const first = unit(0, 0, recorded);
    track.stamp(first);
    assert.deepEqual(
      { captureTime: first.captureTime, timeSource: first.timeSource },
      { captureTime: recorded, timeSource: 'onvif' },
    );
    track.senderReport(EPOCH + 40, FRAME);
    const second = unit(FRAME, 40);
    track.stamp(second);
    assert.deepEqual(
      { captureTime: second.captureTime, timeSource: second.timeSource },
      { captureTime: recorded + 40, timeSource: 'onvif' },
    );
  });

  it('takes sender reports again once the SSRC changed', () => {
    const track = trackOf();
    track.stamp(unit(0, 0, EPOCH));
    track.reset();
    track.senderReport(EPOCH + 5, 100);
    const one = unit(100, 40);
    track.stamp(one);
    assert.deepEqual(
      { captureTime: one.captureTime, timeSource: one.timeSource },
      { captureTime: EPOCH + 5, timeSource: 'sr' },
    );
  });
});
