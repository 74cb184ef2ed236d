// The demo's judges of recorded clips: the file is read, and its first picture's burnt-in clock compared with
// the alarm.

import fs from 'node:fs/promises';
import path from 'node:path';
import { readTimes } from '../../lib/media/mp4/clip-reader.js';
import { readBoxes } from '../../lib/nvr/recorder/read-boxes.js';
import { channelClip } from '../../lib/simulator/clips.js';
import type { Judge, SentMessage } from './judge.js';

const MIN_PRE_ROLL_MS = 9_000;

/** One clip of two alarms, which begins at least 9 s before the first one by its own picture. */
export function judgeAlarmClip(): Judge {
  let begun = 0;
  return async ({ type, port, payload, clip, event }: SentMessage) => {
    if (type !== 'nvr-record') return undefined;
    if (payload === 'failed') throw new Error(event?.reason ?? 'the clip failed');
    if (port === 1 && payload === 'recording') begun++;
    if (port !== 0) return undefined;
    if (clip === undefined || payload !== clip.file) throw new Error('the message has no clip');
    if (begun !== 1 || clip.alarms.length !== 2)
      throw new Error(`two alarms made ${begun} clips, the first one of ${clip.alarms.length} alarms`);
    const read = await readRecording(clip.file);
    if (read.frames !== clip.frames)
      throw new Error(`the file holds ${read.frames} of ${clip.frames} frames`);
    const [first, second] = clip.alarms;
    const shownMs = agoByPicture(read.first, first!.time);
    if (clip.preRollMs < MIN_PRE_ROLL_MS || shownMs < MIN_PRE_ROLL_MS)
      throw new Error(`the clip begins ${clip.preRollMs} ms before the alarm, and shows ${shownMs} ms`);
    if (clip.start + clip.durationMs < second!.time + 4_000)
      throw new Error('the second alarm made it no longer');
    const seconds = (ms: number): string => (ms / 1000).toFixed(1);
    return `clip of ${seconds(clip.durationMs)} s, ${clip.frames} frames, from ${seconds(shownMs)} s before the alarm by its own clock`;
  };
}

/** Files one after the other, of which the oldest are deleted, and nothing else. */
export function judgeContinuous(): Judge {
  const files: string[] = [];
  // A file may be deleted before the one that made it too many is told: that one's digest takes a moment.
  const deleted: string[] = [];
  let strange: string | undefined;
  return async ({ type, port, payload, clip, event }: SentMessage) => {
    if (type !== 'nvr-record') return undefined;
    if (payload === 'failed') throw new Error(event?.reason ?? 'the recording failed');
    if (port === 0 && clip !== undefined) {
      files.push(clip.file);
      if (strange === undefined) {
        strange = path.join(path.dirname(clip.file), 'not of this node.mp4');
        await fs.writeFile(strange, 'x'.repeat(100_000));
      }
      return undefined;
    }
    if (payload !== 'deleted') return undefined;
    deleted.push(event?.file ?? 'nothing');
    if (strange === undefined || files.length < 2) return undefined;
    if (deleted.some((file, index) => file !== files[index]))
      throw new Error(`${deleted.join(', ')} were deleted, and not the oldest of ${files.join(', ')}`);
    await fs.access(strange);
    if (await exists(files[0]!)) throw new Error('the oldest file is still there');
    const { frames } = await readRecording(files.at(-1)!);
    return `${files.length} files, the oldest deleted, ${frames} frames in the newest`;
  };
}

/**
 * A file of what the NVR has recorded, as long as was asked for, with every picture that it is said to hold.
 */
export function judgeExport(spanMs: number): Judge {
  return async ({ type, port, payload, clip, event }: SentMessage) => {
    if (type !== 'nvr-playback') return undefined;
    if (payload === 'error') throw new Error(event?.reason ?? 'an error');
    if (port !== 0) return undefined;
    if (clip?.recordedFrom === undefined || clip.recordedTo === undefined || payload !== clip.file)
      throw new Error('the message has no clip');
    const ms = clip.recordedTo - clip.recordedFrom;
    if (Math.abs(ms - spanMs) > 1_100) throw new Error(`the file spans ${ms} ms`);
    const handle = await fs.open(clip.file, 'r');
    try {
      const frames = readTimes((await readBoxes(handle)).moov, 'vide').length;
      if (frames !== clip.frames) throw new Error(`the file holds ${frames} of ${clip.frames} frames`);
    } finally {
      await handle.close();
    }
    return `${clip.frames} frames from ${new Date(clip.recordedFrom).toISOString()}, ${(ms / 1000).toFixed(1)} s, in a file`;
  };
}

async function exists(file: string): Promise<boolean> {
  return fs.access(file).then(
    () => true,
    () => false,
  );
}

/** The first picture, as an access unit in AVC form, and how many there are. */
async function readRecording(file: string): Promise<{ first: Uint8Array; frames: number }> {
  const handle = await fs.open(file, 'r');
  try {
    const { tracks, fragments } = await readBoxes(handle);
    const track = tracks.find(({ kind }) => kind === 'vide');
    const samples = track === undefined ? [] : fragments.flatMap((found) => found.get(track) ?? []);
    const [sample] = samples;
    if (sample === undefined) throw new Error(`${file} holds no picture`);
    const first = Buffer.alloc(sample.bytes);
    await handle.read(first, 0, first.length, sample.at);
    return { first, frames: samples.length };
  } finally {
    await handle.close();
  }
}

/**
 * How long before `time` (epoch ms) a live picture of channel 1 was sent, by the clock in it: which picture
 * of the clip it is. The clip begins anew every 20 s.
 */
function agoByPicture(picture: Uint8Array, time: number): number {
  const { units, rate } = channelClip(1, 'main', 'h264');
  const bytes = Buffer.from(picture.buffer, picture.byteOffset, picture.byteLength);
  const index = units.findIndex(({ keyframe, parts }) => keyframe && bytes.includes(parts.at(-1)!));
  if (index < 0) throw new Error('the first picture is no keyframe of channel 1');
  const lengthMs = (units.length * 1000) / rate;
  return Math.round((((time - (index * 1000) / rate) % lengthMs) + lengthMs) % lengthMs);
}
