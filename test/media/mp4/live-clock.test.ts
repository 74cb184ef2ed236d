import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LEAD_MS, LiveClock } from '../../../lib/media/mp4/live-clock.js';
import { LIVE_TIMESCALE, type LiveTimes } from '../../../lib/media/mp4/live-mp4.js';

/**
 * What a player does with each picture: it throws away those behind a step of more than twice the last
 * duration.
 */
function accepts(times: readonly LiveTimes[]): boolean {
  return times.every((time, index) => {
    const last = times[index - 1];
    return (
      last === undefined || (time.decode > last.decode && time.decode - last.decode <= 2 * last.duration)
    );
  });
}

function run(mediaTimes: readonly number[], reorderDepth = 0): LiveTimes[] {
  const clock = new LiveClock();
  return mediaTimes.map((mediaTime) => clock.next({ mediaTime, reorderDepth }));
}

describe('the clock of a live player', () => {
  it('keeps a steady stream steady, and shows each picture as it is decoded', () => {
    const times = run(Array.from({ length: 50 }, (_, index) => 5_000 + index * 40));
    assert.equal(times[0]!.decode, (LEAD_MS * LIVE_TIMESCALE) / 1000);
    for (const [index, { decode, offset }] of times.entries()) {
      assert.equal(decode, ((LEAD_MS + index * 40) * LIVE_TIMESCALE) / 1000);
      assert.equal(offset, 0);
    }
  });

  it('shortens a gap to what a player plays across, once, and goes on steadily', () => {
    const times = run([0, 40, 80, 120, 3_120, 3_160, 3_200]);
    assert.ok(accepts(times));
    const step = (index: number): number => times[index]!.decode - times[index - 1]!.decode;
    assert.ok(step(4) <= 2 * 40 * 90);
    assert.equal(step(5), 40 * 90);
  });

  it('follows a camera that slows down to a picture a second, and one that is so from the start', () => {
    assert.ok(accepts(run([0, 40, 80, 1_080, 2_080, 3_080, 4_080, 5_080, 6_080])));
    const slow = run([0, 1_000, 2_000, 3_000]);
    assert.equal(slow[3]!.decode - slow[2]!.decode, 90_000);
  });

  it('decodes B-frames in time, none after it is to be shown', () => {
    // I0 P3 B1 B2 P6 B4 B5 …
    const order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11].map((picture) => picture * 40);
    const times = run(order, 2);
    assert.ok(accepts(times));
    for (const { offset } of times) assert.ok(offset >= 0, String(offset));
    for (const { duration } of times) assert.equal(duration, 40 * 90);
    const shown = times.map(({ decode, offset }) => decode + offset);
    assert.deepEqual(
      [...shown].sort((a, b) => a - b).map((ticks) => Math.round((ticks - shown[0]!) / 3_600)),
      Array.from({ length: 13 }, (_, index) => index),
    );
  });

  it('holds back as many pictures as may be out of order, no fewer, and no more than that costs', () => {
    const delays = { 0: [0, 1, 2, 3], 1: [0, 2, 1, 4, 3, 6, 5], 2: [0, 4, 2, 1, 3, 8, 6, 5, 7] };
    for (const [depth, order] of Object.entries(delays)) {
      const times = run(
        order.map((picture) => picture * 40),
        Number(depth),
      );
      const offsets = times.map(({ offset }) => offset / 3_600);
      assert.equal(Math.min(...offsets), 0, `depth ${depth}: a picture is shown as it is decoded`);
      assert.equal(offsets[0], Number(depth), `depth ${depth}: the first picture waits for those before it`);
    }
  });

  it('gives times that a player takes, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 60_000 })), {
          maxLength: 100,
        }),
        fc.integer({ min: 0, max: 4 }),
        (steps, depth) => {
          let at = 0;
          assert.ok(
            accepts(
              run(
                steps.map((step) => (at += step)),
                depth,
              ),
            ),
          );
        },
      ),
    );
  });

  it('keeps the order of display across a gap that it shortens: B-frames come after the picture that ends it', () => {
    // A stream that begins with a burst, whose pictures come closer together than they were taken.
    const burst = [0, 8, 4, 2, 6, 16, 12, 10, 14];
    const live = [0, 1, 2].flatMap((gop) => [160, 80, 40, 120].map((ms) => 16 + gop * 160 + ms));
    const mediaTimes = [...burst, ...live];
    const shown = run(mediaTimes, 2).map(({ decode, offset }) => decode + offset);
    const order = (times: readonly number[]): number[] =>
      times.map((_, index) => index).sort((a, b) => times[a]! - times[b]!);
    assert.deepEqual(order(shown), order(mediaTimes));
    assert.ok(Math.min(...shown) === shown[0], 'none before the keyframe');
  });

  it('keeps the order of display of any stream with B-frames, however unevenly it comes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 2, maxLength: 40 }), (steps) => {
        let at = 0;
        // P B b b, with steps of any length.
        const mediaTimes = [0];
        for (const step of steps) {
          mediaTimes.push(...[4, 2, 1, 3].map((quarter) => at + step * quarter));
          at += step * 4;
        }
        const shown = run(mediaTimes, 2).map(({ decode, offset }) => decode + offset);
        const inOrder = mediaTimes.map((time, index) => ({ time, shown: shown[index]! }));
        inOrder.sort((a, b) => a.time - b.time);
        for (const [index, one] of inOrder.entries())
          assert.ok(index === 0 || one.shown >= inOrder[index - 1]!.shown, `picture ${index}`);
      }),
    );
  });

  it('begins at its lead with the frame rate that is declared, the usual one, or what a frame may last', () => {
    const first = (rate?: number): LiveTimes => new LiveClock(rate).next({ mediaTime: 5, reorderDepth: 0 });
    for (const [rate, ms] of [
      [undefined, 40],
      [50, 20],
      [0, 5000],
      [1e6, 1],
    ] as const)
      assert.deepEqual(first(rate), { sequence: 1, decode: 90 * LEAD_MS, offset: 0, duration: 90 * ms });
    assert.equal(LEAD_MS, 1000);
  });

  it('counts its fragments, and tells when the last picture is shown', () => {
    const clock = new LiveClock();
    const sequences = [100, 140, 180].map((mediaTime) => clock.next({ mediaTime, reorderDepth: 0 }).sequence);
    assert.deepEqual(sequences, [1, 2, 3]);
    assert.equal(clock.shownAt, LEAD_MS + 80);
  });

  it('takes the first step for the frame interval, and follows later ones little by little, to 5 s at most', () => {
    const durations = (...mediaTimes: number[]): number[] =>
      run(mediaTimes).map(({ duration }) => duration / 90);
    assert.deepEqual(durations(0, 20, 40), [40, 20, 20]);
    assert.deepEqual(durations(0, 40, 110), [40, 40, 46]);
    assert.equal(durations(0, 40, 60_000)[2], 40 + (5000 - 40) / 5);
    assert.equal(durations(0, 60_000)[1], 5000);
  });

  it('shortens a gap to 1.9 times the last frame, of each picture that may be out of order too', () => {
    for (const [depth, ms] of [
      [0, 76],
      [2, 3 * 76],
      [99, 17 * 76],
      [-1, 76],
    ] as const) {
      const clock = new LiveClock();
      clock.next({ mediaTime: 0, reorderDepth: depth });
      clock.next({ mediaTime: 50_000, reorderDepth: depth });
      assert.equal(Math.round(clock.shownAt), LEAD_MS + ms, `depth ${depth}`);
    }
  });

  it('shortens each of several gaps, by what it is longer', () => {
    const clock = new LiveClock();
    const shown = [0, 40, 80, 3080, 3120, 3160, 3200, 9200, 9240].map((mediaTime) => {
      clock.next({ mediaTime, reorderDepth: 0 });
      return clock.shownAt - LEAD_MS;
    });
    for (const [at, before] of [
      [3, 2],
      [7, 6],
    ] as const)
      assert.ok(shown[at]! - shown[before]! < 1500, shown.join());
    assert.ok(Math.abs(shown[4]! - shown[3]! - 40) < 1e-9 && Math.abs(shown[8]! - shown[7]! - 40) < 1e-9);
  });

  it('gives rising times of decoding for times of presentation that jump anyhow', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5_000, max: 5_000 }), { maxLength: 60 }), (mediaTimes) => {
        const times = run(mediaTimes, 2);
        for (const [index, { decode, duration }] of times.entries()) {
          assert.ok(Number.isInteger(decode) && duration > 0);
          assert.ok(index === 0 || decode > times[index - 1]!.decode);
        }
      }),
    );
  });
});
