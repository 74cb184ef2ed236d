// What a clip holds whose recording was cut short: read back from the file.

import { mediabunny } from '../../media/mediabunny.js';
import { sourceOf } from './plain-mp4.js';
import type { RecorderFs } from './types.js';

export interface ReadClip {
  readonly durationMs: number;
  readonly frames: number;
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
export async function readClip(fs: RecorderFs, file: string): Promise<ReadClip> {
  const { Input, ALL_FORMATS } = mediabunny();
  const handle = await fs.open(file, 'r');
  try {
    const input = new Input({ source: sourceOf(handle), formats: ALL_FORMATS });
    const video = await input.getPrimaryVideoTrack();
    const audio = await input.getPrimaryAudioTrack();
    const codec = await audio?.getCodec();
    const { packetCount } = (await video?.computePacketStats()) ?? { packetCount: 0 };
    const seconds = await input.computeDuration();
    return {
      durationMs: Math.round(seconds * 1000),
      frames: packetCount,
      audio: AUDIO[codec ?? ''] ?? false,
    };
  } catch {
    return { durationMs: 0, frames: 0, audio: false };
  } finally {
    await handle.close();
  }
}
