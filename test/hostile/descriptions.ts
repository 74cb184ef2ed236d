// Session descriptions for the attacks: the usual video track, alone or with another.

import { SDP } from '../kit/scripted-server.js';

/** The usual video track, and another described by `lines`. */
const withTrack = (...lines: string[]): string => `${SDP}${lines.join('\r\n')}\r\n`;
const onlyVideo = (...lines: string[]): string =>
  [...SDP.split('\r\n').slice(0, 9), ...lines, 'a=control:track1', ''].join('\r\n');

export const METADATA = withTrack(
  'm=application 0 RTP/AVP 107',
  'a=rtpmap:107 vnd.onvif.metadata/90000',
  'a=control:track2',
);
export const OPUS = withTrack('m=audio 0 RTP/AVP 97', 'a=rtpmap:97 opus/48000/2', 'a=control:track2');
export const LATM = withTrack(
  'm=audio 0 RTP/AVP 97',
  'a=rtpmap:97 MP4A-LATM/16000/1',
  'a=fmtp:97 cpresent=1',
  'a=control:track2',
);
/** The usual video, and a sound track of payload type 97. */
export const withAudio = (encoding: string, fmtp: string | undefined): string =>
  withTrack(
    'm=audio 0 RTP/AVP 97',
    `a=rtpmap:97 ${encoding}`,
    ...(fmtp === undefined ? [] : [`a=fmtp:97 ${fmtp}`]),
    'a=control:track2',
  );
export const H265 = onlyVideo('m=video 0 RTP/AVP 99', 'a=rtpmap:99 H265/90000');
export const JPEG = onlyVideo('m=video 0 RTP/AVP 26', 'a=rtpmap:26 JPEG/90000');
