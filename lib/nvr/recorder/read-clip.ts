// Reads the properties of a clip whose recording was cut short from the file itself.

import { GapFinder, type ClipGap } from '../../media/gaps.js';
import { readTimes, type ClipTrack } from '../../media/mp4/clip-reader.js';
import type { Place } from './below.js';
import { readBoxes, type ClipBoxes } from './read-boxes.js';

interface ReadClip {
  readonly durationMs: number;
  readonly frames: number;
  /** `at` is in ms from the start of the clip. */
  readonly gaps: readonly ClipGap[];
  /** Length of further gaps, which are too many to be listed. */
  readonly unlistedMs: number;
  /** Codec of the sound, or false. */
  readonly audio: string | false;
}

/** Codec names by the type of the sample entry. */
const AUDIO: Readonly<Record<string, string>> = {
  mp4a: 'aac',
  Opus: 'opus',
  ulaw: 'pcmu',
  alaw: 'pcma',
  twos: 'l16',
};

/** Returns zeros if the file cannot be read; the file exists all the same. */
export async function readClip(place: Place): Promise<ReadClip> {
  const handle = await place.open('read');
  try {
    const clip = await readBoxes(handle);
    const video = clip.tracks.find(({ kind }) => kind === 'vide');
    const audio = clip.tracks.find(({ kind }) => kind === 'soun');
    const times = video === undefined ? [] : shownTimes(clip, video);
    const finder = new GapFinder();
    for (const time of times) finder.add(time);
    finder.finish();
    return {
      durationMs: times.length === 0 ? 0 : Math.round(times.at(-1)! + finder.frameMs),
      frames: times.length,
      gaps: finder.gaps,
      unlistedMs: finder.unlistedMs,
      audio: AUDIO[audio?.entry ?? ''] ?? false,
    };
  } catch {
    return { durationMs: 0, frames: 0, gaps: [], unlistedMs: 0, audio: false };
  } finally {
    await handle.close();
  }
}

/** The display times of the frames in order, in ms from the first one. */
function shownTimes({ moov, fragments }: ClipBoxes, track: ClipTrack): number[] {
  const ticks =
    fragments.length === 0
      ? readTimes(moov, 'vide')
      : fragments.flatMap((samples) => (samples.get(track) ?? []).map(({ time, offset }) => time + offset));
  ticks.sort((a, b) => a - b);
  return ticks.map((time) => ((time - ticks[0]!) * 1000) / track.timescale);
}
