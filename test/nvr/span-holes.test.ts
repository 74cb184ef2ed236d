import assert from 'node:assert/strict';
import { SpanHoles } from '../../lib/nvr/playback/span-holes.js';

const FROM = 1_764_233_441_000;

/** What is told missing of ten seconds with pictures at these times, in ms after their beginning. */
function missing(times: readonly number[]): number {
  const holes = new SpanHoles(FROM);
  for (const time of times) holes.take(FROM + time);
  return holes.upTo(FROM + 10_000);
}

const every = (ms: number, from: number, to: number): number[] =>
  Array.from({ length: Math.ceil((to - from) / ms) }, (_, index) => from + index * ms);

describe('what a played span leaves out', () => {
  for (const [what, times, ms] of [
    ['nothing of a whole one', every(40, 0, 10_000), 0],
    ['nothing of one that begins with the keyframe before it', every(40, -900, 10_000), 0],
    ['nothing of one of keyframes alone', every(2000, 0, 10_000), 0],
    ['nothing of an uneven camera', [...every(40, 0, 4000), ...every(240, 4000, 10_000)], 0],
    ['its head', every(40, 3000, 10_000), 3000],
    ['its tail', every(40, 0, 7000), 3040],
    ['a tail below half a second', every(40, 0, 9680), 360],
    ['a hole within', [...every(40, 0, 2000), ...every(40, 5000, 10_000)], 3040],
    ['two holes within', [...every(40, 0, 2000), ...every(40, 4000, 6000), ...every(40, 8000, 10_000)], 4080],
    ['a hole before its last picture', [...every(40, 0, 6000), 9990], 4030],
    ['a hole after its first picture', [0, ...every(40, 6000, 10_000)], 6000],
    ['head, middle and tail', [...every(40, 1000, 2000), ...every(40, 4000, 6000)], 1000 + 2040 + 4040],
    ['all of it', [], 10_000],
    ['all but one picture', [5000], 10_000],
    ['the head alone where the hole begins before it', [-4000, -3960, ...every(40, 6000, 10_000)], 6000],
  ] as const)
    it(`is ${what}`, () => {
      assert.equal(missing(times), ms);
    });

  it('counts nothing twice that comes again after an interruption', () => {
    assert.equal(missing([...every(40, 0, 6000), ...every(40, 5000, 10_000)]), 0);
  });

  it('is a tail of more than two pictures and their jitter, by the shorter of the last two steps', () => {
    const tail = (...times: number[]): number => {
      const holes = new SpanHoles(FROM);
      for (const time of times) holes.take(FROM + time);
      return holes.upTo(FROM + 5000);
    };
    assert.equal(tail(0, 400, 800, 1200, 1600, 2000, 2400, 2800, 3200, 3600, 4180), 0);
    assert.equal(tail(...every(400, 0, 3600), 3779, 4179), 821);
    assert.equal(tail(...every(400, 0, 4180), 4180), 820);
    assert.equal(tail(...every(400, 0, 3600), 3700, 4100), 900);
  });

  it('counts no step back', () => {
    const holes = new SpanHoles(FROM);
    for (const time of [0, 40, 80, 40, 60, 100, 120]) holes.take(FROM + time);
    assert.equal(holes.within, 0);
    assert.equal(holes.upTo(FROM + 180), 0);
  });

  it('takes the step between the first two pictures for their pace', () => {
    const holes = new SpanHoles(FROM);
    for (const time of [0, 3000]) holes.take(FROM + time);
    assert.equal(holes.within, 0);
  });

  it('does not take a hole before the last picture for the pace that its end is judged by', () => {
    const holes = new SpanHoles(FROM);
    for (const time of [...every(100, 0, 1100), 3000]) holes.take(FROM + time);
    assert.equal(holes.within, 2000);
    assert.equal(holes.upTo(FROM + 4500), 3500);
  });

  it('counts of a hole that began before the span what lies within it, however short that is', () => {
    const holes = new SpanHoles(FROM);
    for (const time of [-440, -400, 200, 240, 280]) holes.take(FROM + time);
    assert.equal(holes.within, 200);
  });
});
