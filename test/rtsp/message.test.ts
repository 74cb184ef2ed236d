import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NvrError } from '../../lib/errors.js';
import { Framer } from '../../lib/rtsp/framer.js';
import {
  Headers,
  serializeRequest,
  serializeResponse,
  type RtspRequest,
  type RtspResponse,
} from '../../lib/rtsp/message.js';
import { plain, request, response } from './arbitraries.js';

function parse(bytes: Buffer): (RtspRequest | RtspResponse)[] {
  const seen: (RtspRequest | RtspResponse)[] = [];
  const framer = new Framer({
    onPacket: () => assert.fail('no packet was sent'),
    onResponse: (message) => seen.push(message),
    onRequest: (message) => seen.push(message),
  });
  framer.feed(bytes);
  return seen;
}

const isInput = (error: unknown): boolean => error instanceof NvrError && error.code === 'EINPUT';

describe('Headers', () => {
  it('quirk cseq-missing-or-behind: finds a field in any case, and keeps the case it was given', () => {
    const headers = new Headers().set('Cseq', '4');
    assert.equal(headers.get('CSeq'), '4');
    assert.equal(headers.has('CSEQ'), true);
    assert.deepEqual([...headers], [['Cseq', '4']]);
  });

  it('keeps repeated fields apart, and gives the first', () => {
    const headers = new Headers().append('WWW-Authenticate', 'Basic').append('www-authenticate', 'Digest');
    assert.equal(headers.get('WWW-Authenticate'), 'Basic');
    assert.deepEqual(headers.getAll('WWW-AUTHENTICATE'), ['Basic', 'Digest']);
    assert.deepEqual(headers.getAll('Session'), []);
  });

  it('replaces every field of a name by set, and removes them by delete', () => {
    const headers = new Headers().append('A', '1').append('B', '2').append('a', '3').set('A', '4');
    assert.deepEqual(
      [...headers],
      [
        ['B', '2'],
        ['A', '4'],
      ],
    );
    headers.delete('b');
    assert.equal(headers.has('B'), false);
  });
});

describe('RTSP messages', () => {
  it('writes a request as RFC 2326 6 says', () => {
    const bytes = serializeRequest({
      method: 'SETUP',
      uri: 'rtsp://192.168.6.202:554/CH00D/track1',
      headers: new Headers().set('CSeq', '3').set('Transport', 'RTP/AVP;unicast;client_port=48646-48647'),
      body: Buffer.alloc(0),
    });
    assert.equal(
      bytes.toString(),
      'SETUP rtsp://192.168.6.202:554/CH00D/track1 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast;client_port=48646-48647\r\n\r\n',
    );
  });

  it('adds the right Content-Length where there is a body, and no second one', () => {
    const bytes = serializeResponse({
      status: 200,
      reason: 'OK',
      headers: new Headers().set('content-length', '99').set('CSeq', '1'),
      body: Buffer.from('héllo'),
    });
    assert.equal(bytes.toString(), 'RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 6\r\n\r\nhéllo');
  });

  it('parses what it wrote: requests', () => {
    fc.assert(
      fc.property(request, (message) => {
        assert.deepEqual(parse(serializeRequest(message)).map(plain), [plain(message)]);
      }),
    );
  });

  it('parses what it wrote: responses', () => {
    fc.assert(
      fc.property(response, (message) => {
        assert.deepEqual(parse(serializeResponse(message)).map(plain), [plain(message)]);
      }),
    );
  });

  it('refuses a second line smuggled into a value, a name, the reason or the URI', () => {
    const body = Buffer.alloc(0);
    const headers = new Headers();
    const uri = 'rtsp://h/';
    for (const bad of ['a\r\nEvil: 1', 'a\nb', 'a\rb', 'a\0b', 'a\x7fb']) {
      const field = new Headers().set('X', bad);
      assert.throws(() => serializeRequest({ method: 'PLAY', uri, headers: field, body }), isInput);
      assert.throws(() => serializeResponse({ status: 200, reason: bad, headers, body }), isInput);
      assert.throws(() => serializeRequest({ method: 'PLAY', uri: `${uri}${bad}`, headers, body }), isInput);
    }
    const named = new Headers().set('X: y\r\nEvil', '1');
    assert.throws(() => serializeRequest({ method: 'PLAY', uri, headers: named, body }), isInput);
  });

  it('refuses a method that is no word, and a URI that is empty or in two pieces', () => {
    const rest = { headers: new Headers(), body: Buffer.alloc(0) };
    assert.throws(() => serializeRequest({ method: 'PL AY', uri: 'rtsp://h/', ...rest }), isInput);
    assert.throws(() => serializeRequest({ method: '', uri: 'rtsp://h/', ...rest }), isInput);
    assert.throws(() => serializeRequest({ method: 'PLAY', uri: '', ...rest }), isInput);
    assert.throws(() => serializeRequest({ method: 'PLAY', uri: 'rtsp://h/a b', ...rest }), isInput);
  });
});
