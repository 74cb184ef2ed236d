import assert from 'node:assert/strict';
import type { ClipSample, ClipTrack } from '../../../lib/media/mp4/clip-reader.js';
import { byteSpans } from '../../../lib/nvr/evidence/byte-spans.js';
import type { ClipBoxes } from '../../../lib/nvr/recorder/read-boxes.js';

/** Times in ms. */
const track = (kind: 'vide' | 'soun'): ClipTrack => ({ kind, timescale: 1000 }) as ClipTrack;
const sample = (time: number, at: number, more: Partial<ClipSample> = {}): ClipSample => ({
  ...{ time, at, duration: 100, offset: 0, bytes: 10, key: false },
  ...more,
});

/** A clip of one fragment, or with the positions of several. */
function clip(
  video: readonly ClipSample[],
  sound: readonly ClipSample[] = [],
  places: readonly number[] = [],
): ClipBoxes {
  const samples = [
    [track('vide'), video],
    [track('soun'), sound],
  ] as const;
  return {
    ...{ moov: Buffer.alloc(0), places },
    tracks: samples.map(([one]) => one),
    fragments: [new Map(samples)],
  };
}

/** A picture each 100 ms, 10 bytes each behind an index of 50 bytes, with keyframes at these times. */
const pictures = (count: number, keys: readonly number[], first = 0): ClipSample[] =>
  Array.from({ length: count }, (_, index) =>
    sample(first + index * 100, 50 + index * 10, { key: keys.includes(index * 100) }),
  );

const cuts = (boxes: ClipBoxes, size = 10_000): (number | undefined)[][] =>
  byteSpans(boxes, size).map(({ offset, at }) => [offset, at]);

describe('the spans of the bytes of a clip', () => {
  it('are the index and one for each second, and cover the whole file', () => {
    assert.deepEqual(byteSpans(clip(pictures(25, [0])), 300), [
      { offset: 0, bytes: 50 },
      { offset: 50, at: 0, key: true, bytes: 100 },
      { offset: 150, at: 1000, bytes: 100 },
      { offset: 250, at: 2000, bytes: 50 },
    ]);
  });

  it('begin anew with a keyframe, unless the last one has begun less than half a second before', () => {
    const spans = byteSpans(clip(pictures(15, [0, 400, 500, 900])), 200);
    assert.deepEqual(
      spans.map(({ at, key }) => [at, key]),
      [
        [undefined, undefined],
        [0, true],
        [500, true],
        [1000, undefined],
      ],
    );
  });

  it('have their times from the picture that is shown first', () => {
    const shown = [80, 160, 0].map((offset, index) => sample(500 + index * 40, 50 + index * 10, { offset }));
    assert.deepEqual(cuts(clip(shown)), [
      [0, undefined],
      [50, 0],
    ]);
    assert.deepEqual(cuts(clip(pictures(12, [0], 7_300))).slice(1), [
      [50, 0],
      [150, 1000],
    ]);
    assert.deepEqual(cuts(clip([sample(500, 60)], [sample(400, 50)])).slice(1), [[50, 0]]);
  });

  it('follow the bytes, whatever track they are of; sound begins none as keyframes do', () => {
    const video = [sample(0, 50, { key: true }), sample(2000, 90)];
    const sound = [0, 1000, 1600].map((time, index) => sample(time, 60 + index * 10, { key: true }));
    assert.deepEqual(cuts(clip(video, sound)), [
      [0, undefined],
      [50, 0],
      [70, 1000],
      [90, 2000],
    ]);
  });

  it('hold the index of a fragment with its first picture', () => {
    const video = [sample(0, 150), sample(500, 160), sample(1000, 250), sample(2000, 450)];
    assert.deepEqual(cuts(clip(video, [], [100, 200, 300])), [
      [0, undefined],
      [100, 0],
      [200, 1000],
      [300, 2000],
    ]);
  });

  it('hold a picture that claims to begin where its fragment does, and no fragment twice', () => {
    const video = [sample(0, 100), sample(500, 150), sample(1000, 200), sample(2000, 300)];
    assert.deepEqual(cuts(clip(video, [], [100, 200, 300])), [
      [0, undefined],
      [100, 0],
      [200, 1000],
      [300, 2000],
    ]);
  });

  it('leave the index of a fragment without pictures with what is before it', () => {
    const video = [sample(0, 150), sample(1000, 350)];
    assert.deepEqual(cuts(clip(video, [], [100, 200, 300])), [
      [0, undefined],
      [100, 0],
      [300, 1000],
    ]);
  });

  it('are none of no bytes, and none beyond the end of the file', () => {
    const video = [sample(0, 50), sample(1000, 50), sample(2000, 60), sample(3000, 100)];
    const spans = byteSpans(clip(video), 100);
    assert.deepEqual(
      spans.map(({ offset, bytes }) => [offset, bytes]),
      [
        [0, 50],
        [50, 10],
        [60, 40],
      ],
    );
  });

  it('are a single one of a file that is no clip', () => {
    assert.deepEqual(byteSpans(undefined, 7), [{ offset: 0, bytes: 7 }]);
  });
});
