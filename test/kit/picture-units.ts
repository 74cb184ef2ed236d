// The simulator's clips as units, as a session hands them up.

import { joinAnnexB } from '../../lib/codec/annexb.js';
import type { VideoFormat, VideoUnit } from '../../lib/codec/unit.js';
import { channelClip } from '../../lib/simulator/clips.js';

const BEGIN_MS = 10_000;
const EPOCH_MS = 1_760_000_000_000;

/**
 * The first pictures of channel 1's main stream, each at its time. All share one format, as those of a
 * session do.
 */
export function clipUnits(codec: 'h264' | 'h265', count: number): VideoUnit[] {
  const { units, rate, width, height } = channelClip(1, 'main', codec);
  const format: VideoFormat = { codec, width, height, reorderDepth: 0 };
  return Array.from({ length: count }, (_, index) => {
    const { parts, keyframe } = units[index % units.length]!;
    let at = 0;
    const nals = parts.map((part) => ({
      type: codec === 'h264' ? part[0]! & 0x1f : (part[0]! >> 1) & 0x3f,
      start: at,
      end: (at += part.length + 4),
    }));
    const ms = (index * 1000) / rate;
    return {
      kind: 'video',
      codec,
      data: joinAnnexB(parts),
      nals,
      keyframe,
      damaged: false,
      format,
      rtpTime: Math.round(ms * 90) >>> 0,
      rtpSequence: index & 0xffff,
      arrival: BEGIN_MS + ms,
      mediaTime: BEGIN_MS + ms,
      time: EPOCH_MS + Math.round(ms),
      timeSource: 'arrival',
    };
  });
}
