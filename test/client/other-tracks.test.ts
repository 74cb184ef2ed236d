import assert from 'node:assert/strict';
import { selectTracks } from '../../lib/client/select-tracks.js';
import { parseSdp } from '../../lib/rtsp/sdp.js';
import { SDP } from '../kit/scripted-server.js';

const ALL = parseSdp(
  `${SDP}m=audio 0 RTP/AVP 0\r\na=control:sound\r\nm=audio 0 RTP/AVP 8\r\na=sendonly\r\na=control:back\r\n` +
    'm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:meta\r\n',
);

describe('the tracks of a description', () => {
  for (const extras of [false, true])
    it(`are the video ${extras ? 'with sound and metadata' : 'alone'}, and the others but no back-channel`, () => {
      const { tracks, others, refused } = selectTracks(ALL, { extras });
      const controls = (choices: typeof tracks): unknown[] => choices.map(({ media }) => media.control);
      assert.deepEqual(
        { tracks: controls(tracks), others: controls(others), refused },
        extras
          ? { tracks: ['track1', 'sound', 'meta'], others: [], refused: [] }
          : { tracks: ['track1'], others: ['sound', 'meta'], refused: [] },
      );
    });
});
