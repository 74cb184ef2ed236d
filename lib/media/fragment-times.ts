// Makes B-frames' times in a fragment the same for every player. The muxer writes composition offsets below zero, by which ffmpeg shifts the pictures
// against the sound; moved up by the deepest of them, sound included, nothing is below zero and nothing is shifted (ISO 14496-12 8.8.7, 8.8.8, 8.8.12).

import { decodeTimeAt, trackOf, trafs, truns, type Box } from './moof.js';

/** One per file: the first fragment decides. */
export class FragmentTimes {
  /** In units of the picture's time scale. */
  private depth: number | undefined;

  /** Scales, in units per second, of the tracks in order of their ids, pictures first. */
  constructor(private readonly scales: readonly number[]) {}

  /** Rewrites the moofs in `view`, in place. */
  apply(view: DataView): void {
    const all = [...trafs(view)];
    this.depth ??= Math.max(0, ...all.map((traf) => deepest(view, traf)));
    if (this.depth === 0) return;
    for (const traf of all) this.moveUp(view, traf, this.depth);
  }

  private moveUp(view: DataView, traf: Box, depth: number): void {
    const track = trackOf(view, traf);
    const runs = track === 0 ? [...truns(view, traf)] : [];
    const offset = Math.round((depth * this.scales[track]!) / this.scales[0]!);
    if (runs.some(({ first }) => first >= 0)) {
      for (const { count, first, stride } of runs) {
        for (let i = 0; i < count; i++)
          view.setInt32(first + i * stride, view.getInt32(first + i * stride) + offset);
      }
      return;
    }
    const at = decodeTimeAt(view, traf);
    if (at >= 0) view.setBigUint64(at, view.getBigUint64(at) + BigInt(offset));
  }
}

function deepest(view: DataView, traf: Box): number {
  if (trackOf(view, traf) !== 0) return 0;
  let deepest = 0;
  for (const { count, first, stride } of truns(view, traf)) {
    for (let i = 0; first >= 0 && i < count; i++)
      deepest = Math.max(deepest, -view.getInt32(first + i * stride));
  }
  return deepest;
}
