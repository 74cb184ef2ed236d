// What a clip holds whose recording was cut short: read back from the file.

import { mediabunny, type InputVideoTrack } from '../../media/mediabunny.js';
import { GapFinder, type ClipGap } from '../../media/gaps.js';
import type { Place } from './below.js';
import { sourceOf } from './plain-mp4.js';

export interface ReadClip {
  readonly durationMs: number;
  readonly frames: number;
  /** Ms into the clip. */
  readonly gaps: readonly ClipGap[];
  /** Codec of the sound, or false. */
  readonly audio: string | false;
}

const AUDIO: Readonly<Record<string, string>> = {
  aac: 'aac',
  opus: 'opus',
  ulaw: 'pcmu',
  alaw: 'pcma',
  'pcm-s16be': 'l16',
};

/** Nothing but zeros for a file that cannot be read: it is there all the same. */
export async function readClip(place: Place): Promise<ReadClip> {
  const { Input, ALL_FORMATS } = mediabunny();
  const handle = await place.open('read');
  try {
    const input = new Input({ source: sourceOf(handle), formats: ALL_FORMATS });
    const video = await input.getPrimaryVideoTrack();
    const audio = await input.getPrimaryAudioTrack();
    const codec = await audio?.getCodec();
    const times = video === null ? [] : await timesOf(video);
    const seconds = await input.computeDuration();
    return {
      durationMs: Math.round(seconds * 1000),
      frames: times.length,
      gaps: gapsOf(times),
      audio: AUDIO[codec ?? ''] ?? false,
    };
  } catch {
    return { durationMs: 0, frames: 0, gaps: [], audio: false };
  } finally {
    await handle.close();
  }
}

/** Of the pictures, in ms, in order of showing. */
async function timesOf(video: InputVideoTrack): Promise<number[]> {
  const times: number[] = [];
  const sink = new (mediabunny().EncodedPacketSink)(video);
  for await (const { timestamp } of sink.packets(undefined, undefined, { metadataOnly: true }))
    times.push(timestamp * 1000);
  return times.sort((a, b) => a - b);
}

function gapsOf(times: readonly number[]): readonly ClipGap[] {
  const finder = new GapFinder();
  for (const time of times) finder.add(time);
  finder.finish();
  return finder.gaps;
}
