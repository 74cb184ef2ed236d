// Divides the bytes of a clip into spans of one second or one GOP, so that a changed byte can be located in
// time. Pure.

import type { ClipSample, ClipTrack } from '../../media/mp4/clip-reader.js';
import { samplesOf, type ClipBoxes } from '../recorder/read-boxes.js';

/** The spans of a file are contiguous and cover all of its bytes. */
export interface ByteSpan {
  readonly offset: number;
  readonly bytes: number;
  /**
   * Time of the first frame or audio sample, in ms from the start of the clip; undefined for the index at the
   * front.
   */
  readonly at?: number;
  /** The span begins with a keyframe. */
  readonly key?: true;
}

/** A keyframe begins a new span if the present one has at least this length, in ms. */
const LEAST_MS = 500;
const SECOND_MS = 1000;

interface Placed {
  readonly at: number;
  readonly ms: number;
  readonly key: boolean;
}

/** `size` is that of the file. Without boxes, the whole file is one span. */
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

/** All samples in the order of their bytes. A fragment's first sample includes the bytes before it. */
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

/** Counts a fragment's own index (moof) as part of its first sample. */
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
