// The fixture clips: raw H.264 with a delimiter before each access unit, read once and shared.

import fs from 'node:fs';
import path from 'node:path';
import { splitAnnexB } from '../codec/annexb.js';

/** One access unit: its NAL units without start codes and without the delimiter. */
export interface ClipUnit {
  readonly nals: readonly Buffer[];
  readonly keyframe: boolean;
}

export interface Clip {
  readonly fps: number;
  readonly units: readonly ClipUnit[];
}

const DELIMITER = 9;
const IDR = 5;
const MAX_NALS = 100_000;
const cache = new Map<string, Clip>();

/** A clip of lib/simulator/clips by its name. Throws what the file system throws. */
export function loadClip(name: string, fps: number): Clip {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const clip = { fps, units: readUnits(fs.readFileSync(path.join(__dirname, 'clips', `${name}.h264`))) };
  cache.set(name, clip);
  return clip;
}

/** The clip of a channel's stream; channels above 4 share the four. */
export function channelClip(channel: number, stream: 'main' | 'dual'): Clip {
  return loadClip(`ch${((channel - 1) % 4) + 1}-${stream}`, 12.5);
}

function readUnits(data: Buffer): ClipUnit[] {
  const units: { nals: Buffer[]; keyframe: boolean }[] = [];
  for (const nal of splitAnnexB(data, MAX_NALS)) {
    const type = nal[0]! & 0x1f;
    if (type === DELIMITER || units.length === 0) units.push({ nals: [], keyframe: false });
    if (type === DELIMITER) continue;
    const unit = units.at(-1)!;
    unit.nals.push(nal);
    unit.keyframe ||= type === IDR;
  }
  return units;
}
