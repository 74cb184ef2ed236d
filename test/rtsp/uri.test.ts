import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NvrError } from '../../lib/errors.js';
import {
  authorityOnWire,
  formatRtspUri,
  parseAuthority,
  parseRtspUri,
  requestUri,
} from '../../lib/rtsp/uri.js';

const isInput = (error: unknown): boolean => error instanceof NvrError && error.code === 'EINPUT';

describe('parseRtspUri', () => {
  it('reads the NVR’s URIs: query, default port, no credentials', () => {
    assert.deepEqual(parseRtspUri('rtsp://192.168.6.202/live?ch=0000&stype=D'), {
      tls: false,
      host: '192.168.6.202',
      port: 554,
      path: '/live?ch=0000&stype=D',
    });
  });

  it('reads rtsps with its own default port, in any case', () => {
    assert.deepEqual(parseRtspUri('RTSPS://cam'), { tls: true, host: 'cam', port: 322, path: '/' });
  });

  it('takes a query without a path', () => {
    assert.equal(parseRtspUri('rtsp://cam?ch=1').path, '/?ch=1');
  });

  it('reads percent-encoded credentials', () => {
    const uri = parseRtspUri('rtsp://us%65r%40home:p%2Fss%3A@cam:8554/x');
    assert.equal(uri.username, 'user@home');
    assert.equal(uri.password, 'p/ss:');
    assert.equal(uri.port, 8554);
  });

  it('quirk odd-control-and-password: reads a # or an @ in a password, where new URL() throws', () => {
    const uri = parseRtspUri('rtsp://u:p#1@2@h/');
    assert.deepEqual(
      { username: uri.username, password: uri.password, host: uri.host },
      { username: 'u', password: 'p#1@2', host: 'h' },
    );
  });

  it('takes broken percent-encoding as it stands, and a name alone', () => {
    const uri = parseRtspUri('rtsp://50%:100%zz@h/');
    assert.deepEqual(
      { username: uri.username, password: uri.password },
      { username: '50%', password: '100%zz' },
    );
    assert.equal(parseRtspUri('rtsp://u@h/').password, '');
  });

  it('reads IPv6 addresses, in brackets and bare', () => {
    assert.deepEqual(parseRtspUri('rtsp://[fe80::1%eth0]:8554/x').host, 'fe80::1%eth0');
    assert.equal(parseRtspUri('rtsp://[::1]:8554/x').port, 8554);
    assert.deepEqual(parseRtspUri('rtsp://fe80::1/x'), {
      tls: false,
      host: 'fe80::1',
      port: 554,
      path: '/x',
    });
  });

  for (const bad of [
    'http://h/',
    'h/',
    '',
    'rtsp://',
    'rtsp:///x',
    'rtsp://a b/',
    'rtsp://h:0/',
    'rtsp://h:65536/',
    'rtsp://[::1/',
  ]) {
    it(`refuses '${bad}'`, () => {
      assert.throws(() => parseRtspUri(bad), isInput);
    });
  }

  it('never quotes a password in its errors', () => {
    for (const bad of ['http://u:geheim@h/', 'rtsp://u:geheim@a b/', 'rtsp://u:geheim@h:99999/']) {
      assert.throws(
        () => parseRtspUri(bad),
        (error) => error instanceof NvrError && !error.message.includes('geheim'),
      );
    }
  });
});

describe('requestUri', () => {
  it('never holds a zone, which is of no meaning to anybody but this machine', () => {
    for (const [host, wire] of [
      ['fe80::1%eth0', '[fe80::1]'],
      ['fe80::1%br-lan.100', '[fe80::1]'],
      ['::1', '[::1]'],
      ['cam', 'cam'],
    ] as const) {
      assert.equal(requestUri({ tls: false, host, port: 8554, path: '/x' }), `rtsp://${wire}:8554/x`);
      assert.equal(authorityOnWire(host, 80, 80), wire);
    }
  });
});

describe('parseAuthority', () => {
  for (const [text, host, port] of [
    ['cam', 'cam', undefined],
    ['cam:8554', 'cam', 8554],
    ['cam:', 'cam', undefined],
    ['10.0.0.9:554', '10.0.0.9', 554],
    ['[::1]:8554', '::1', 8554],
    ['[::1]', '::1', undefined],
    ['fe80::1', 'fe80::1', undefined],
    ['fe80::1%eth0', 'fe80::1%eth0', undefined],
    ['[fe80::1%25eth0]:8554', 'fe80::1%eth0', 8554],
    ['[fe80::1%br-lan.100]', 'fe80::1%br-lan.100', undefined],
  ] as const)
    it(`reads ${text}`, () => {
      assert.deepEqual(parseAuthority(text), port === undefined ? { host } : { host, port });
    });
});

describe('formatRtspUri', () => {
  it('quirk redirects: never writes credentials, whatever it is given', () => {
    const uri = parseRtspUri('rtsp://u:geheim@h:8554/x?y');
    assert.equal(formatRtspUri(uri), 'rtsp://h:8554/x?y');
  });

  it('leaves the default ports out', () => {
    assert.equal(formatRtspUri({ tls: false, host: 'h', port: 554, path: '/' }), 'rtsp://h/');
    assert.equal(formatRtspUri({ tls: true, host: 'h', port: 322, path: '/' }), 'rtsps://h/');
    assert.equal(formatRtspUri({ tls: true, host: 'h', port: 554, path: '/' }), 'rtsps://h:554/');
  });

  it('is read back as it was', () => {
    const uri = fc.record(
      {
        tls: fc.boolean(),
        host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
        port: fc.integer({ min: 1, max: 65_535 }),
        path: fc.stringMatching(/^\/[!-~]{0,40}$/),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(uri, (one) => {
        assert.deepEqual(parseRtspUri(formatRtspUri(one)), one);
      }),
    );
  });
});
