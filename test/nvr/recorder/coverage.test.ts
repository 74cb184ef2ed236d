import assert from 'node:assert/strict';
import fc from 'fast-check';
import { coverageOf, type FileContents } from '../../../lib/nvr/recorder/coverage.js';

const FRAME = 40;
const asked = { from: 1000, to: 11_000 };

/** What a writer says of pictures at these times. */
function heldOf(times: readonly number[]): FileContents {
  const start = times[0]!;
  const gaps = times.slice(1).flatMap((time, index) => {
    const ms = time - times[index]!;
    return ms > 2 * FRAME ? [{ at: times[index]! - start, ms }] : [];
  });
  return { start, end: times.at(-1)! + FRAME, frames: times.length, gaps, unlistedMs: 0 };
}

const pictures = (from: number, to: number): number[] =>
  Array.from({ length: (to - from) / FRAME }, (_, index) => from + index * FRAME);

describe('the coverage of what was asked for', () => {
  it('is 1 for a file that begins before the span and ends after it, and lists no gap outside the span', () => {
    const held = heldOf([...pictures(-3000, -2000), ...pictures(0, 12_000)]);
    assert.deepEqual(coverageOf(asked, held), { coverage: 1, gaps: [], missingMs: 0 });
  });

  it('lists a missing beginning and a missing end, but none of up to two frame times', () => {
    assert.deepEqual(coverageOf(asked, heldOf(pictures(3000, 9000))), {
      coverage: 0.6,
      gaps: [
        { at: 0, ms: 2000 },
        { at: 8000, ms: 2000 },
      ],
      missingMs: 4000,
    });
    assert.equal(coverageOf(asked, heldOf(pictures(1080, 10_920))).coverage, 1);
  });

  it('lists a gap inside by its place in the requested span, cut at the ends of the span', () => {
    const held = heldOf([...pictures(0, 400), ...pictures(3000, 6000), ...pictures(8000, 11_000)]);
    assert.deepEqual(coverageOf(asked, held).gaps, [
      { at: 0, ms: 2000 },
      { at: 4960, ms: 2040 },
    ]);
  });

  it('is 0 without a frame, and without a frame of the requested span', () => {
    for (const held of [undefined, heldOf(pictures(-5000, 0)), heldOf(pictures(20_000, 21_000))])
      assert.deepEqual(coverageOf(asked, held), {
        coverage: 0,
        gaps: [{ at: 0, ms: 10_000 }],
        missingMs: 10_000,
      });
  });

  it('counts the holes that are too many to be listed', () => {
    const held = { ...heldOf(pictures(0, 12_000)), unlistedMs: 4000 };
    assert.deepEqual(coverageOf(asked, held), { coverage: 0.6, gaps: [], missingMs: 4000 });
  });

  it('is whole where no time was asked for', () => {
    assert.equal(coverageOf({ from: 5, to: 5 }, heldOf(pictures(0, 400))).coverage, 1);
  });

  it('is 1 minus the listed gaps, which are inside the span, in order and apart, whichever frames are missing', () => {
    const lost = fc.array(fc.record({ at: fc.nat(300), count: fc.nat(60) }), { maxLength: 8 });
    fc.assert(
      fc.property(
        lost,
        fc.integer({ min: 0, max: 4000 }),
        fc.integer({ min: 1, max: 9000 }),
        (holes, from, length) => {
          const all = pictures(0, 12_000);
          const times = all.filter(
            (_, index) => !holes.some(({ at, count }) => index >= at && index < at + count),
          );
          if (times.length === 0) return;
          const span = { from, to: from + length };
          const { coverage, gaps, missingMs } = coverageOf(span, heldOf(times));
          let end = 0;
          for (const gap of gaps) {
            assert.ok(gap.at >= end && gap.ms > 0 && gap.at + gap.ms <= length + 1);
            end = gap.at + gap.ms;
          }
          assert.equal(
            missingMs,
            gaps.reduce((sum, { ms }) => sum + ms, 0),
          );
          assert.ok(Math.abs(coverage - (1 - missingMs / length)) < 0.0011 && coverage >= 0 && coverage <= 1);
          assert.equal(coverage === 1, gaps.length === 0);
          // What is told agrees with the pictures that are there.
          const shown = times.filter((time) => time >= span.from && time < span.to).length * FRAME;
          assert.ok(
            Math.abs(shown - coverage * length) <= FRAME * (2 * holes.length + 6),
            `${shown} ${coverage * length}`,
          );
        },
      ),
    );
  });
});
