// The simulator's first clip as units without end.

import { joinAnnexB } from '../../lib/codec/annexb.js';
import type { VideoFormat, VideoUnit } from '../../lib/codec/unit.js';
import { channelClip } from '../../lib/simulator/clips.js';

const FRAME_MS = 80;
const FORMAT: VideoFormat = { codec: 'h264', width: 640, height: 360, codecString: 'avc1.64001e' };

/** Pictures of the clip. */
export const CLIP_PICTURES = channelClip(1, 'main', 'h264').units.length;

/** Picture `index`, at monotonic `index` * 80 ms; `epoch` is that of monotonic 0. */
export function clipUnit(index: number, epoch: number): VideoUnit {
  const clip = channelClip(1, 'main', 'h264');
  const { parts, keyframe } = clip.units[index % clip.units.length]!;
  let at = 0;
  const nals = parts.map((part) => ({ type: part[0]! & 0x1f, start: at, end: (at += part.length + 4) }));
  return {
    kind: 'video',
    codec: 'h264',
    data: joinAnnexB(parts),
    nals,
    keyframe,
    damaged: false,
    format: FORMAT,
    rtpTime: (index * FRAME_MS * 90) >>> 0,
    rtpSequence: index & 0xffff,
    arrival: index * FRAME_MS,
    time: epoch + index * FRAME_MS,
    timeSource: 'arrival',
  };
}

/** The pictures that arrive from one monotonic time until before another, in ms; a keyframe every 2 s. */
export function clipUnitsBetween(from: number, to: number, epoch: number): VideoUnit[] {
  return Array.from({ length: (to - from) / FRAME_MS }, (_, index) =>
    clipUnit(from / FRAME_MS + index, epoch),
  );
}
