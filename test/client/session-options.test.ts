import assert from 'node:assert/strict';
import { credentialsOf, readPlayReply, rtpInfoOf } from '../../lib/client/session-options.js';
import { Headers } from '../../lib/rtsp/message.js';
import { parseRtspUri } from '../../lib/rtsp/uri.js';

describe('what a session reads', () => {
  it('of a URI with a user alone is an empty password', () => {
    assert.deepEqual(credentialsOf(parseRtspUri('rtsp://me@camera/live')), { username: 'me', password: '' });
    assert.equal(credentialsOf(parseRtspUri('rtsp://camera/live')), undefined);
  });

  describe('in the reply to PLAY', () => {
    const read = (headers: Readonly<Record<string, string>>): ReturnType<typeof readPlayReply> => {
      const said = new Headers();
      for (const [name, value] of Object.entries(headers)) said.set(name, value);
      return readPlayReply({ status: 200, reason: 'OK', headers: said, body: Buffer.alloc(0) });
    };

    for (const scale of [-1, 0, 0.5, 8])
      it(`is the granted speed: ${scale}`, () => {
        assert.equal(read({ Scale: String(scale) }).scale, scale);
      });

    it('is no speed where that is no number, and no word on the rate where none is said', () => {
      assert.deepEqual(read({ Scale: 'fast' }), { rtpInfo: [] });
    });

    it('is how fast it sends, in small letters', () => {
      assert.equal(read({ 'Rate-Control': ' No ' }).rateControl, 'no');
    });

    it('is the entry of each track by its URI, else by its place, if there is one for each track', () => {
      const entries = [{ url: 'rtsp://x/1' }, { url: 'rtsp://x/2' }];
      const of = (uri: string, index: number, count: number): string | undefined =>
        rtpInfoOf(entries, uri, index, count)?.url;
      assert.deepEqual(
        {
          byUri: of('rtsp://x/2', 0, 3),
          byPlace: of('rtsp://y/1', 1, 2),
          ofFewerTracks: of('rtsp://y/1', 0, 1),
          ofMoreTracks: of('rtsp://y/1', 0, 3),
        },
        { byUri: 'rtsp://x/2', byPlace: 'rtsp://x/2', ofFewerTracks: undefined, ofMoreTracks: undefined },
      );
    });
  });
});
