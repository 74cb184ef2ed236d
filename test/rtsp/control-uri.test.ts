import assert from 'node:assert/strict';
import fc from 'fast-check';
import { controlBase, trackUri, type ControlUriPolicy } from '../../lib/rtsp/control-uri.js';
import { Headers, serializeRequest } from '../../lib/rtsp/message.js';

const NVR = 'rtsp://h/live?ch=0000&stype=D';

describe('controlBase', () => {
  it('quirk control-behind-query: an absolute session control comes first, then Content-Base, Content-Location, the request URI', () => {
    const all = {
      requestUri: NVR,
      contentBase: 'rtsp://h/base/',
      contentLocation: 'rtsp://h/location/',
      sessionControl: 'rtsp://h/session/',
    };
    assert.equal(controlBase(all), 'rtsp://h/session/');
    assert.equal(controlBase({ ...all, sessionControl: '*' }), 'rtsp://h/base/');
    assert.equal(
      controlBase({ ...all, sessionControl: undefined, contentBase: undefined }),
      'rtsp://h/location/',
    );
    assert.equal(controlBase({ requestUri: NVR }), NVR);
    assert.equal(controlBase({ requestUri: NVR, contentBase: ' ', contentLocation: '' }), NVR);
  });

  it('quirk control-behind-query: keeps the connection’s host and port, whatever the server calls itself', () => {
    const base = controlBase({
      requestUri: 'rtsp://nat.example:8554/live',
      contentBase: 'rtsp://10.0.0.1:554/live/',
    });
    assert.equal(base, 'rtsp://nat.example:8554/live/');
    const session = controlBase({
      requestUri: 'rtsp://[::1]:8554/live',
      sessionControl: 'rtsp://10.0.0.1/live?ch=1',
    });
    assert.equal(session, 'rtsp://[::1]:8554/live?ch=1');
  });

  it('quirk base-without-query: GStreamer’s Content-Base without the query wins over the request URI', () => {
    const base = controlBase({ requestUri: NVR, contentBase: 'rtsp://h/live/' });
    assert.equal(trackUri(base, 'stream=0', 'append'), 'rtsp://h/live/stream=0');
  });

  for (const [kind, contentBase] of [
    ['without scheme', '192.168.0.9:554/live/'],
    ['without scheme or port', '192.168.0.9/live/'],
    ['without scheme, in brackets', '[fe80::1]/live/'],
    ['of a path only', '/live/'],
    ['of a path without its first slash', 'live/'],
    ['with a doubled scheme', 'rtsp://rtsp://192.168.0.9/live/'],
    ['with a bare IPv6 address', 'rtsp://fe80::1/live/'],
    ['with another port', 'rtsps://[fe80::1]:322/live/'],
  ] as const) {
    it(`quirk malformed-content-base: takes a Content-Base ${kind}`, () => {
      assert.equal(controlBase({ requestUri: 'rtsp://h:8554/x', contentBase }), 'rtsp://h:8554/live/');
    });
  }

  it('quirk malformed-content-base: a Content-Base of a host alone means its root', () => {
    assert.equal(controlBase({ requestUri: 'rtsp://h/x', contentBase: 'rtsp://10.0.0.1' }), 'rtsp://h/');
  });
});

describe('trackUri', () => {
  const policies: ControlUriPolicy[] = ['append', 'resolve', 'query-last'];

  it('quirk control-behind-query: appends behind the NVR’s query, resolves as RFC 3986 says, or keeps the query last', () => {
    assert.deepEqual(
      policies.map((policy) => trackUri(NVR, 'track1', policy)),
      ['rtsp://h/live?ch=0000&stype=D/track1', 'rtsp://h/track1', 'rtsp://h/live/track1?ch=0000&stype=D'],
    );
  });

  it('quirk control-behind-query: puts exactly one slash between base and track', () => {
    for (const base of ['rtsp://h/CH00D', 'rtsp://h/CH00D/']) {
      for (const control of ['track1', '/track1']) {
        assert.equal(trackUri(base, control, 'append'), 'rtsp://h/CH00D/track1');
        assert.equal(trackUri(base, control, 'query-last'), 'rtsp://h/CH00D/track1');
      }
    }
    assert.equal(trackUri('rtsp://h/live?ch=1/', 'track1', 'query-last'), 'rtsp://h/live/track1?ch=1');
  });

  it('quirk control-behind-query: an absolute control keeps its path and query on the connection’s host', () => {
    for (const policy of policies) {
      assert.equal(
        trackUri('rtsp://nat:8554/live/', 'rtsp://10.0.0.1:554/live/track1?x=1', policy),
        'rtsp://nat:8554/live/track1?x=1',
      );
    }
  });

  it('resolves a path from the root, and a name beside the last segment', () => {
    assert.equal(trackUri('rtsp://h/a/b', '/c', 'resolve'), 'rtsp://h/c');
    assert.equal(trackUri('rtsp://h/a/b', 'c', 'resolve'), 'rtsp://h/a/c');
    assert.equal(trackUri('rtsp://h', 'c', 'resolve'), 'rtsp://h/c');
  });

  it('quirk malformed-content-base: a control that is missing, empty, * or equal to the base is the base', () => {
    for (const policy of policies) {
      for (const control of [undefined, '', ' ', '*', 'rtsp://h/live/'])
        assert.equal(trackUri('rtsp://h/live/', control, policy), 'rtsp://h/live/');
    }
  });

  it('percent-encodes white space and control characters, which no request line can hold', () => {
    const base = controlBase({ requestUri: 'rtsp://h/x', contentBase: 'rtsp://h/front gate/' });
    assert.equal(base, 'rtsp://h/front%20gate/');
    assert.equal(trackUri(base, 'track\t1\x00', 'append'), 'rtsp://h/front%20gate/track%091%00');
    assert.equal(controlBase({ requestUri: 'rtsp://h/x', sessionControl: 'rtsp://h/a b' }), 'rtsp://h/a%20b');
  });

  it('quirk odd-control-and-password: video:1 is a name, not an absolute URI', () => {
    assert.equal(trackUri('rtsp://h/live/', 'video:1', 'append'), 'rtsp://h/live/video:1');
    assert.equal(controlBase({ requestUri: 'rtsp://h/live', sessionControl: 'video:1' }), 'rtsp://h/live');
  });

  it('never leaves the connection’s host, whatever a server says', () => {
    const text = fc.string({ maxLength: 30 });
    const odd = fc.oneof(
      text,
      text.map((rest) => `rtsp://${rest}`),
    );
    fc.assert(
      fc.property(
        odd,
        odd,
        odd,
        fc.constantFrom(...policies),
        (contentBase, sessionControl, control, policy) => {
          const base = controlBase({ requestUri: 'rtsp://h:8554/x', contentBase, sessionControl });
          const uri = trackUri(base, control, policy);
          assert.match(uri, /^rtsp:\/\/h:8554(\/|$)/);
          assert.doesNotThrow(() =>
            serializeRequest({ method: 'SETUP', uri, headers: new Headers(), body: Buffer.alloc(0) }),
          );
        },
      ),
    );
  });
});
