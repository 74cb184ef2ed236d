// Writes the session description as the MOVE NVR does, line by line, without sprop-parameter-sets.

import { FORMATS, type TrackFormat } from './formats.js';
import type { Settings } from './options.js';
import { clipOf, videoKind, type SessionTarget } from './session.js';

/** The tracks of a target, in the order of their control URIs: `track1` video, `track2` audio. */
export function tracksOf(target: SessionTarget, settings: Settings): TrackFormat[] {
  const video = target.recordedFrom === undefined ? videoKind(settings, target.channel) : 'h264';
  return settings.audio === undefined ? [FORMATS[video]] : [FORMATS[video], FORMATS[settings.audio]];
}

export function describe(target: SessionTarget, settings: Settings): string {
  const number = String(target.channel - 1 + settings.firstChannel).padStart(2, '0');
  const { rate, width, height } = clipOf(target, settings);
  const lines = [
    'v=0',
    'o=- 1271956268066958 0 IN IP4 0.0.0.0',
    's=Session streamed by "NVRMediaServer"',
    `i=CH${number}${target.stream === 'main' ? 'M' : 'D'}`,
    't=0 0',
    'a=tool:NVR Streaming Media',
    'a=type:broadcast',
    'a=control:*',
    'a=range:npt=0-',
  ];
  for (const [index, format] of tracksOf(target, settings).entries()) {
    lines.push(
      `m=${format.media} 0 RTP/AVP ${format.payloadType}`,
      'c=IN IP4 0.0.0.0',
      `a=rtpmap:${format.payloadType} ${format.rtpmap}`,
      ...(format.fmtp === undefined ? [] : [`a=fmtp:${format.payloadType} ${format.fmtp}`]),
      `a=control:track${index + 1}`,
    );
    if (format.media === 'video')
      lines.push(`a=cliprect:0,0,${height},${width}`, `a=framerate:${rate.toFixed(6)}`, 'a=x-bufferdelay:0');
  }
  return [...lines, ''].join('\r\n');
}
