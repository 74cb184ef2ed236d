import assert from 'node:assert/strict';
import { GapFinder, type ClipGap } from '../../lib/media/gaps.js';

interface Found {
  readonly gaps: readonly ClipGap[];
  readonly frameMs: number;
}

function find(times: readonly number[], rate?: number, lossy: readonly number[] = []): Found {
  const finder = new GapFinder(rate);
  times.forEach((time, index) => {
    finder.add(time, lossy.includes(index));
  });
  finder.finish();
  return { gaps: finder.gaps, frameMs: finder.frameMs };
}

/** Times of pictures, by the steps between them. */
function after(...steps: readonly number[]): number[] {
  const times = [0];
  for (const step of steps) times.push(times.at(-1)! + step);
  return times;
}
const steady = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms);

describe('where pictures are missing', () => {
  for (const fps of [60, 25, 5, 1, 0.99, 0.5, 0.1]) {
    it(`is nowhere in a steady stream of ${fps} pictures a second, and its last picture lasts as long as the others`, () => {
      const { gaps, frameMs } = find(after(...steady(40, 1000 / fps)), 25);
      assert.deepEqual(gaps, []);
      assert.ok(Math.abs(frameMs - 1000 / fps) < 1e-6);
    });
  }

  it('is where more than two frame times passed', () => {
    const times = after(
      ...steady(30, 40),
      120,
      ...steady(10, 40),
      80,
      ...steady(3, 40),
      5000,
      ...steady(2, 40),
    );
    const { gaps, frameMs } = find(times);
    assert.deepEqual(gaps, [
      { at: 1200, ms: 120 },
      { at: 1920, ms: 5000 },
    ]);
    assert.equal(frameMs, 40);
  });

  it('is nowhere where a camera slows down or speeds up, or comes unevenly', () => {
    assert.deepEqual(find(after(...steady(30, 40), ...steady(30, 1000), ...steady(30, 40))).gaps, []);
    const uneven = Array.from({ length: 200 }, (_, index) => 40 + ((index * 7919) % 41) - 20);
    assert.deepEqual(find(after(...uneven)).gaps, []);
    const asItLikes = Array.from({ length: 200 }, (_, index) => 20 + ((index * 7919) % 900));
    assert.deepEqual(find(after(...asItLikes)).gaps, []);
  });

  it('is where something was lost, though much else was lost around it', () => {
    const steps = Array.from({ length: 40 }, (_, index) => (index % 3 === 0 ? 120 : 40));
    const lossy = steps.flatMap((step, index) => (step > 40 ? [index + 1] : []));
    assert.equal(find(after(...steps), 25, lossy).gaps.length, lossy.length);
  });

  it('is found by the declared frame rate if there are only two pictures', () => {
    assert.deepEqual(find([0, 120_000], 25).gaps, [{ at: 0, ms: 120_000 }]);
    assert.deepEqual(find([0, 120_000]).gaps, []);
    assert.equal(find([0], 5).frameMs, 200);
    assert.equal(find([0, 70], 25).frameMs, 70);
    assert.equal(find([0]).frameMs, 40);
  });

  it('is listed a thousand times at most; what is more is told by its length', () => {
    const times = after(...Array.from({ length: 1500 }, () => [...steady(10, 40), 200]).flat(), 40);
    const finder = new GapFinder();
    for (const time of times) finder.add(time);
    finder.finish();
    assert.deepEqual(
      { gaps: finder.gaps.length, unlistedMs: finder.unlistedMs },
      { gaps: 1000, unlistedMs: 500 * 200 },
    );
  });

  it('is from two frames and the usual jitter on, in whole milliseconds', () => {
    assert.deepEqual(find(after(...steady(10, 40), 100, ...steady(10, 40))).gaps, []);
    assert.deepEqual(find(after(...steady(10, 40), 100.5, ...steady(10, 40))).gaps, [{ at: 400, ms: 101 }]);
    assert.deepEqual(find(after(40.4, 40, 40, 40, 40, 200, 40, 40, 40)).gaps, [{ at: 200, ms: 200 }]);
  });

  it('is told by the eight steps on each side, and no others', () => {
    const isGap = (before: number, behind: number): boolean => {
      const steps = [
        ...steady(20, 1000),
        ...steady(before, 40),
        500,
        ...steady(behind, 40),
        ...steady(20, 1000),
      ];
      return find(after(...steps)).gaps.some(({ ms }) => ms === 500);
    };
    // Four slow steps among the sixteen are enough.
    assert.equal(isGap(6, 6), false);
    assert.equal(isGap(7, 6), true);
    assert.equal(isGap(6, 7), true);
    assert.equal(isGap(8, 4), false);
    assert.equal(isGap(4, 8), false);
  });

  it('is told by three quarters of the steps of a short clip', () => {
    assert.deepEqual(find(after(40, 40, 500, 40, 40, 1000)).gaps, [
      { at: 80, ms: 500 },
      { at: 660, ms: 1000 },
    ]);
  });

  it('is not known before eight more pictures have come', () => {
    const finder = new GapFinder();
    for (const time of after(...steady(20, 40), 3000, ...steady(7, 40))) finder.add(time);
    assert.deepEqual(finder.gaps, []);
  });

  it('tells how long a picture lasts by the newest ones', () => {
    const finder = new GapFinder(25);
    for (const time of after(...steady(20, 40), ...steady(8, 1000))) finder.add(time);
    assert.equal(finder.frameMs, 1000);
  });

  it('is found during the recording, too, eight pictures later', () => {
    const finder = new GapFinder();
    for (const time of after(...steady(20, 40), 3000, ...steady(8, 40))) finder.add(time);
    assert.deepEqual(finder.gaps, [{ at: 800, ms: 3000 }]);
  });
});
