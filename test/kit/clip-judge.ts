// ffmpeg and ffprobe as the judges of a recorded clip.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';

import { hashesOf, TO_HASHES } from './tools.js';

export interface Packet {
  readonly codecType: 'video' | 'audio';
  /** Seconds. */
  readonly pts: number;
  readonly dts: number;
  readonly duration: number;
  readonly key: boolean;
}

/**
 * Decodes everything, sound included; a word of complaint condemns the clip. Answers the frames' hashes in
 * order of presentation.
 */
export function judgeClip(file: string): string[] {
  const strict = ['-v', 'error', '-xerror', '-err_detect', 'explode'];
  const args = [...strict, '-i', file, '-map', '0:v:0', '-map', '0:a?', ...TO_HASHES];
  const done = spawnSync('ffmpeg', args, { maxBuffer: 64 << 20 });
  assert.equal(done.stderr.toString(), '', `ffmpeg complains of ${file}`);
  assert.equal(done.status, 0);
  const [first] = packets(file).filter(({ codecType }) => codecType === 'video');
  assert.equal(first?.key, true, 'the first frame is a keyframe');
  return hashesOf(done.stdout);
}

/** What was read of a file, under its name, size and time: a test asks several things of one file. */
const known = new Map<string, readonly Packet[]>();

/** In order of the file. */
export function packets(file: string): readonly Packet[] {
  const { size, mtimeNs, ino } = fs.statSync(file, { bigint: true });
  const key = [file, size, mtimeNs, ino].join();
  const found = known.get(key) ?? readPackets(file);
  known.set(key, found);
  return found;
}

function readPackets(file: string): Packet[] {
  const entries = 'packet=codec_type,pts_time,dts_time,duration_time,flags';
  const args = ['-v', 'error', '-show_entries', entries, '-of', 'json', file];
  const { packets: found } = JSON.parse(
    execFileSync('ffprobe', args, { maxBuffer: 64 << 20 }).toString(),
  ) as {
    packets: {
      codec_type: 'video' | 'audio';
      pts_time: string;
      dts_time: string;
      duration_time: string;
      flags: string;
    }[];
  };
  return found.map((packet) => ({
    codecType: packet.codec_type,
    pts: Number(packet.pts_time),
    dts: Number(packet.dts_time),
    duration: Number(packet.duration_time),
    key: packet.flags.startsWith('K'),
  }));
}

export const videoTimes = (file: string): number[] => times(file, 'video');
export const audioTimes = (file: string): number[] => times(file, 'audio');

function times(file: string, kind: Packet['codecType']): number[] {
  return packets(file)
    .filter(({ codecType }) => codecType === kind)
    .map(({ pts }) => pts)
    .sort((a, b) => a - b);
}

/** Seconds from the first picture to the end of the last one. */
export function duration(file: string): number {
  const shown = packets(file).filter(({ codecType }) => codecType === 'video');
  return (
    Math.max(...shown.map(({ pts, duration: length }) => pts + length)) -
    Math.min(...shown.map(({ pts }) => pts))
  );
}
