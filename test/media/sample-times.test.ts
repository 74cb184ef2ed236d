import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DecodeTimes, ShownTimes } from '../../lib/media/sample-times.js';

interface Picture {
  readonly wanted: number;
  readonly keyframe: boolean;
}

/** As wild as they may be, far apart and close together. */
const ticks = fc.oneof(fc.integer({ min: -100_000, max: 900_000 }), fc.integer({ min: 0, max: 30 }));
const pictures = fc.array(fc.record({ wanted: ticks, keyframe: fc.boolean() }), {
  minLength: 1,
  maxLength: 60,
});

/**
 * What a file would get of the pictures, run by run. `cuts`: before which pictures a run ends, keyframes or
 * not.
 */
function run(from: readonly Picture[], depth: number, cuts: readonly number[] = []): [number, number][] {
  const shownTimes = new ShownTimes(depth);
  const decodeTimes = new DecodeTimes(depth);
  const out: [number, number][] = [];
  let waiting: number[] = [];
  const take = (held: number): void => {
    const times = decodeTimes.take(waiting, held);
    times.forEach((time, index) => out.push([time, waiting[index]! + decodeTimes.delay!]));
    waiting = waiting.slice(times.length);
  };
  from.forEach(({ wanted, keyframe }, index) => {
    if (keyframe && waiting.length > 0) take(0);
    else if (cuts.includes(index) && waiting.length > depth) take(depth);
    waiting.push(shownTimes.next(wanted, keyframe));
  });
  if (waiting.length > 0) take(0);
  return out;
}

const gop = (...shown: number[]): Picture[] =>
  shown.map((index, at) => ({ wanted: index * 3600, keyframe: at === 0 }));

describe('the times of a file’s pictures', () => {
  it('leave steady pictures as they are', () => {
    const out = run([...gop(0, 1, 2), ...gop(3, 4)], 0);
    assert.deepEqual(
      out,
      [0, 1, 2, 3, 4].map((index) => [index * 3600, index * 3600]),
    );
  });

  it('move up pictures that are decoded out of order, all by the same, and even those of GOPs in order', () => {
    const from = [...gop(0, 3, 1, 2), ...gop(4, 5, 6, 7), ...gop(8, 11, 9, 10)];
    const out = run(from, 2);
    assert.deepEqual(
      out.map(([decoded]) => decoded / 3600),
      from.map((_, index) => index),
    );
    assert.deepEqual(
      out.map(([, shown]) => shown / 3600),
      from.map(({ wanted }) => wanted / 3600 + 1),
    );
  });

  it('find room where pictures are decoded out of order later only', () => {
    const from = [...gop(0, 1, 2, 3), ...gop(4, 7, 5, 6), ...gop(8, 9)];
    const out = run(from, 2);
    assert.deepEqual(
      out.map(([, shown]) => shown - 2),
      from.map(({ wanted }) => wanted),
    );
  });

  it('keep the order of decoding where the stream allows no other', () => {
    const wanted = [0, 3600, 1800, 7200, -90_000, 10_800];
    const out = run(
      wanted.map((ticks, index) => ({ wanted: ticks, keyframe: index === 0 })),
      0,
    );
    assert.deepEqual(
      out.map(([, shown]) => shown),
      [0, 3600, 3601, 7200, 7201, 10_800],
    );
  });

  it('are those of a file that can be played, whatever comes in', () => {
    fc.assert(
      fc.property(pictures, fc.integer({ min: 0, max: 16 }), fc.array(fc.nat(59)), (from, depth, cuts) => {
        const out = run(from, depth, cuts);
        assert.equal(out.length, from.length);
        out.forEach(([decoded, shown], index) => {
          assert.ok(decoded <= shown, `${decoded} is behind ${shown}`);
          if (index > 0) assert.ok(decoded > out[index - 1]![0], 'decoding goes on');
        });
        assert.equal(new Set(out.map(([, shown]) => shown)).size, out.length, 'no two are shown at once');
      }),
      { numRuns: 3000 },
    );
  });
});
