import assert from 'node:assert/strict';
import { quotable, redact } from '../lib/redact.js';

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

  it('strikes out passwords and tokens that a camera’s path itself holds', () => {
    for (const path of [
      '/user=admin_password=s3cret_channel=1_stream=0.sdp?real_stream',
      '/user=admin&password=s3cret&channel=1',
      '/live?usr=admin&pwd=s3cret',
      '/live?user=admin&PASS=s3cret',
      '/a?token=s3cret&x=1',
    ])
      assert.ok(!redact(`DESCRIBE rtsp://h:554${path} RTSP/1.0`).includes('s3cret'), path);
    assert.equal(redact('/live?monkey=1&bypass=2'), '/live?monkey=1&bypass=2');
  });

  it('strikes out given secrets in every spelling', () => {
    const clean = redact('plain a b/c and coded a%20b%2Fc', ['a b/c']);
    assert.equal(clean, 'plain *** and coded ***');
  });

  it('strikes out the keys of a session description, and leaves what says how they are used', () => {
    const clean = redact(
      [
        'RTSP/1.0 200 OK',
        '',
        'v=0',
        'k=clear:c2VjcmV0LTE',
        'a=key-mgmt:mikey c2VjcmV0LTI',
        'm=video 0 RTP/SAVP 96',
        'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0LTM|2^20|1:4;inline:c2VjcmV0LTQ|2^20|2:4 FEC_ORDER=FEC_SRTP',
        'A=CRYPTO:2 AES_CM_128_HMAC_SHA1_32 INLINE:c2VjcmV0LTU',
      ].join('\r\n'),
    );
    assert.ok(!clean.includes('c2VjcmV0'), clean);
    for (const kept of ['m=video 0 RTP/SAVP 96', 'AES_CM_128_HMAC_SHA1_80', 'a=key-mgmt:', 'FEC_ORDER'])
      assert.ok(clean.includes(kept), kept);
  });

  it('strikes out every one of several', () => {
    const lines = [
      'Authorization: Digest s3cret1',
      'Proxy-Authorization: Basic s3cret2',
      'AUTHORIZATION : s3cret3',
      'k=base64:s3cret4',
      'k=prompt:s3cret5',
      'http://a:s3cret6@h/ https://a:s3cret7@h/ rtsps://a:s3cret8@h/ RTSP://s3cret9@h/',
      'a=crypto:1 inline:s3cretA;inline:s3cretB',
      'pbkey=s3cretC&key=s3cretD',
    ];
    assert.ok(!redact(lines.join('\r\n')).includes('s3cret'), redact(lines.join('\r\n')));
    assert.equal(redact('it said 47Äb and 47%C3%84b', ['47Äb']), 'it said *** and ***');
  });

  it('quotes text without secrets, and no more of it than asked', () => {
    assert.equal(quotable('rtsp://a:s3cret@host/live', 14), 'rtsp://***@hos');
    assert.equal(quotable('x'.repeat(300)).length, 200);
  });

  it('leaves other text alone', () => {
    const text = 'SETUP rtsp://h:554/CH00D/track1 RTSP/1.0\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1';
    assert.equal(redact(text), text);
  });
});
