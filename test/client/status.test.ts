import assert from 'node:assert/strict';
import { notALocation } from '../../lib/client/redirect.js';
import { errorOfReply, errorOfSocket, errorOfStatus } from '../../lib/client/status.js';
import { NvrError } from '../../lib/errors.js';
import { Headers } from '../../lib/rtsp/message.js';

describe('the error of a channel that is not there', () => {
  const of = (path: string): string => errorOfStatus(404, 'No', 'DESCRIBE', `rtsp://10.0.0.2${path}`).message;

  it('names the URI that was asked for', () => {
    assert.match(of('/live?ch=0009&stype=M'), /as rtsp:\/\/10\.0\.0\.2\/live\?ch=0009&stype=M; check/);
  });

  it('names no password, token or key of its path', () => {
    for (const [path, shown] of [
      ['/user=me&password=hunter2&channel=1.sdp', '/user=me&password=***&channel=1.sdp'],
      ['/x?usr=me&pwd=hunter2', '/x?usr=me&pwd=***'],
      ['/x?token=hunter2&ch=1', '/x?token=***&ch=1'],
      ['/playback?ch=0001&pbkey=hunter2', '/playback?ch=0001&pbkey=***'],
    ] as const) {
      assert.ok(of(path).includes(`${shown};`), of(path));
      assert.ok(!of(path).includes('hunter2'));
    }
  });

  it('names none that the server repeats', () => {
    const said = errorOfStatus(404, 'No /x?token=hunter2', 'DESCRIBE').message;
    assert.ok(said.includes('404 No /x?token=***:'), said);
    const moved = notALocation('/x?token=hunter2', undefined).message;
    assert.ok(moved.includes('to "/x?token=***",'), moved);
  });
});

describe('the code of an error', () => {
  for (const [code, statuses] of Object.entries({
    EAUTH: [401, 407],
    EFORBIDDEN: [403],
    ECHANNEL: [404, 410],
    ESESSIONS: [453, 503],
    EUNSUPPORTED: [405, 406, 415, 461, 501, 505, 551],
    ETIMEDOUT: [408, 504],
    EPROTOCOL: [302, 400, 402, 454, 455, 500, 502],
  }))
    for (const status of statuses)
      it(`is ${code} where a request was answered ${status}`, () => {
        const error = errorOfStatus(status, 'No', 'SETUP');
        assert.deepEqual({ code: error.code, status: error.status }, { code, status });
      });

  for (const [code, causes] of Object.entries({
    EDNS: ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA'],
    ECONNREFUSED: ['ECONNREFUSED'],
    ETIMEDOUT: ['ETIMEDOUT'],
    EUNREACHABLE: [
      ...['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'EADDRNOTAVAIL', 'ECONNRESET', 'EPIPE'],
      ...['ECONNABORTED', 'EMFILE'],
    ],
    ETLS: ['ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_SSL_WRONG_VERSION_NUMBER', 'CERT_HAS_EXPIRED', 'EPROTO'],
  }))
    for (const cause of causes)
      it(`is ${code} where a connection fails with ${cause}`, () => {
        const thrown = Object.assign(new Error('no'), { code: cause });
        const error = errorOfSocket(thrown, 'camera:554');
        assert.deepEqual({ code: error.code, cause: error.cause }, { code, cause: thrown });
        assert.match(error.message, /camera:554/);
      });

  it('says that there is no way where there is none, and that it was cut where it was', () => {
    const said = (code: string): string =>
      errorOfSocket(Object.assign(new Error('no'), { code }), 'x').message;
    for (const code of ['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'EADDRNOTAVAIL'])
      assert.match(said(code), /no way to/, code);
    for (const code of ['ECONNRESET', 'EPIPE', 'ECONNABORTED']) assert.match(said(code), /cut/, code);
  });

  it('stays what it is where it is one of this package’s', () => {
    const error = new NvrError('EBUSY', 'busy');
    assert.equal(errorOfSocket(error, 'camera:554'), error);
  });

  it('comes with what the server calls unsupported, and with its reason alone where it says nothing', () => {
    const of = (headers: Headers): string =>
      errorOfReply({ status: 551, reason: 'No', headers, body: Buffer.alloc(0) }, 'PLAY').message;
    assert.match(of(new Headers()), /^PLAY was answered 551 No: /);
    assert.match(of(new Headers().set('Unsupported', 'x')), /^PLAY was answered 551 No \(Unsupported: x\): /);
  });
});
