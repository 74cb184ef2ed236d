// A clip's bytes cut into what belongs to one second, or to one GOP: so that a changed byte is told by when
// it was recorded. Pure.

import type { ClipSample, ClipTrack } from '../../media/mp4/clip-reader.js';
import { samplesOf, type ClipBoxes } from '../recorder/read-boxes.js';

/** The spans of a file lie end to end and hold all of its bytes. */
export interface ByteSpan {
  readonly offset: number;
  readonly bytes: number;
  /** Ms into the clip of the first picture or sound; absent of the index in front. */
  readonly at?: number;
  /** It begins with a keyframe. */
  readonly key?: true;
}

/** A keyframe begins a span of its own where the one at hand has at least so much. */
const LEAST_MS = 500;
const SECOND_MS = 1000;

interface Placed {
  readonly at: number;
  readonly ms: number;
  readonly key: boolean;
}

/** `size`: of the file. Without boxes it is one span. */
export function byteSpans(clip: ClipBoxes | undefined, size: number): ByteSpan[] {
  const cuts: { offset: number; at?: number; key?: true }[] = [{ offset: 0 }];
  let last: number | undefined;
  for (const { at, ms, key } of clip === undefined ? [] : placed(clip)) {
    const isNew =
      last === undefined ||
      Math.floor(ms / SECOND_MS) !== Math.floor(last / SECOND_MS) ||
      (key && ms - last >= LEAST_MS);
    const { offset } = cuts.at(-1)!;
    if (!isNew || at <= offset || at >= size) continue;
    last = ms;
    cuts.push({ offset: at, at: ms, ...(key && { key }) });
  }
  return cuts.map((cut, index) => ({ ...cut, bytes: (cuts[index + 1]?.offset ?? size) - cut.offset }));
}

/** All samples in the order of their bytes; the first of a fragment stands for what lies in front of it. */
function placed(clip: ClipBoxes): Placed[] {
  const all: Placed[] = [];
  const [first] = clip.tracks
    .filter(({ kind }) => kind === 'vide')
    .flatMap((track) => firstShown(clip, track));
  for (const track of clip.tracks) {
    for (const { at, time, offset, key } of samplesOf(clip, track)) {
      const ms = Math.max(0, Math.round(((time + offset) * 1000) / track.timescale - (first ?? 0)));
      all.push({ at, ms, key: key && track.kind === 'vide' });
    }
  }
  all.sort((a, b) => a.at - b.at);
  return clip.places.length === 0 ? all : withHeads(all, clip.places);
}

/** A fragment's own index belongs to its first sample. */
function withHeads(samples: readonly Placed[], places: readonly number[]): Placed[] {
  let next = 0;
  return samples.map((sample) => {
    const place = places[next];
    if (place === undefined || sample.at < place) return sample;
    while (next < places.length && places[next]! <= sample.at) next++;
    return { ...sample, at: places[next - 1]! };
  });
}

function firstShown(clip: ClipBoxes, track: ClipTrack): number[] {
  const shown = samplesOf(clip, track).reduce(
    (least, { time, offset }: ClipSample) => Math.min(least, time + offset),
    Infinity,
  );
  return shown === Infinity ? [] : [(shown * 1000) / track.timescale];
}
