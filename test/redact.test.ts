import assert from 'node:assert/strict';
import { redact } from '../lib/redact.js';

describe('redact', () => {
  it('strikes out Authorization, credentials in URIs and playback keys', () => {
    const text = [
      'DESCRIBE rtsp://admin:s3cret@h/playback?ch=0000&stype=M&pbkey=abc%3D RTSP/1.0',
      'Authorization: Digest username="admin", response="00"',
      'authorization:Basic YWRtaW46czNjcmV0',
      'CSeq: 2',
    ].join('\r\n');
    const clean = redact(text);
    for (const secret of ['s3cret', 'abc%3D', 'response', 'YWRtaW46'])
      assert.ok(!clean.includes(secret), secret);
    assert.ok(clean.includes('ch=0000&stype=M&pbkey=***') && clean.includes('CSeq: 2'));
  });

  it('strikes out given secrets in every spelling', () => {
    const clean = redact('plain a b/c and coded a%20b%2Fc', ['a b/c']);
    assert.equal(clean, 'plain *** and coded ***');
  });

  it('leaves other text alone', () => {
    const text = 'SETUP rtsp://h:554/CH00D/track1 RTSP/1.0\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1';
    assert.equal(redact(text), text);
  });
});
