import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { Authenticator } from '../../lib/rtsp/auth.js';
import { parseChallenges } from '../../lib/rtsp/challenge.js';

const account = { username: 'admin', password: '123456' };
const digest = (nonce: string, rest = ''): string => `Digest realm="RTSP Server", nonce="${nonce}"${rest}`;

function field(authorization: string | undefined, name: string): string | undefined {
  return new RegExp(`[ ,]${name}="?([^",]*)"?`).exec(authorization ?? '')?.[1];
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

describe('Digest', () => {
  const BASE = 'rtsp://192.168.6.202:554/CH00D/';
  for (const [method, uri, nonce, response] of [
    [
      'DESCRIBE',
      'rtsp://192.168.6.202:554/CH00D',
      'b6178554c731808e378559283e5483fc',
      'e0ff72846d2179b1e3e7ed983bb6ed75',
    ],
    ['SETUP', BASE, 'b6178554c731808e378559283e5483fc', 'e1f0a099d2edefca7d031d48b57eea8f'],
    ['PLAY', BASE, 'b6178554c731808e378559283e5483fc', '5377a23295c1f87e020210d725c72db0'],
    ['TEARDOWN', BASE, '00cbdb905f55ceeda5ee47e93fdf37e8', 'c73c95c721bafd1fb524a0ffa2be975b'],
  ] as const) {
    it(`gives the NVR manual’s response for ${method}`, () => {
      const auth = new Authenticator(account);
      assert.equal(auth.accept([digest(nonce)]), true);
      assert.equal(
        auth.authorize(method, uri),
        `Digest username="admin", realm="RTSP Server", nonce="${nonce}", uri="${uri}", response="${response}"`,
      );
    });
  }

  it('quirk digest-over-base-uri: computes SETUP over the base URI where a server checks that, as the manual’s own example does', () => {
    const auth = new Authenticator(account);
    auth.accept([digest('b6178554c731808e378559283e5483fc')]);
    auth.baseUri = BASE;
    assert.equal(field(auth.authorize('SETUP', `${BASE}track1`), 'uri'), `${BASE}track1`);
    auth.digestUri = 'base';
    const authorization = auth.authorize('SETUP', `${BASE}track1`);
    assert.equal(field(authorization, 'uri'), BASE);
    assert.equal(field(authorization, 'response'), 'e1f0a099d2edefca7d031d48b57eea8f');
  });

  it('falls back on the request URI while no base is known', () => {
    const auth = new Authenticator(account);
    auth.accept([digest('n')]);
    auth.digestUri = 'base';
    assert.equal(field(auth.authorize('PLAY', 'rtsp://h/x'), 'uri'), 'rtsp://h/x');
  });

  it('gives the response of RFC 2617 3.5 with qop, counting its requests', () => {
    const auth = new Authenticator(
      { username: 'Mufasa', password: 'Circle Of Life' },
      { cnonce: () => '0a4f113b' },
    );
    auth.accept([
      'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    ]);
    const first = auth.authorize('GET', '/dir/index.html');
    assert.equal(field(first, 'response'), '6629fae49393a05397450978507c4ef1');
    assert.equal(field(first, 'opaque'), '5ccc069c403ebaf9f0171e9517f40e41');
    assert.match(first!, /qop=auth, nc=00000001, cnonce="0a4f113b"/);
    assert.equal(field(auth.authorize('GET', '/dir/index.html'), 'nc'), '00000002');
  });

  // RFC 7616 3.9.1
  for (const [algorithm, response] of [
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ] as const) {
    it(`gives the response of RFC 7616 3.9.1 for ${algorithm}`, () => {
      const auth = new Authenticator(
        { username: 'Mufasa', password: 'Circle of Life' },
        { cnonce: () => 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ' },
      );
      auth.accept([
        `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
      ]);
      const authorization = auth.authorize('GET', '/dir/index.html');
      assert.equal(field(authorization, 'response'), response);
      assert.equal(field(authorization, 'algorithm'), algorithm);
    });
  }

  it('computes MD5-sess over nonce and cnonce, without qop too', () => {
    const auth = new Authenticator(account, { cnonce: () => 'cn' });
    auth.accept([digest('no', ', algorithm=MD5-sess')]);
    const ha1 = md5(`${md5('admin:RTSP Server:123456')}:no:cn`);
    const authorization = auth.authorize('PLAY', 'rtsp://h/');
    assert.equal(field(authorization, 'response'), md5(`${ha1}:no:${md5('PLAY:rtsp://h/')}`));
    assert.equal(field(authorization, 'cnonce'), 'cn');
  });

  it('makes a fresh cnonce for each request', () => {
    const auth = new Authenticator(account);
    auth.accept([digest('n', ', qop="auth"')]);
    const first = field(auth.authorize('PLAY', 'rtsp://h/'), 'cnonce');
    assert.match(first!, /^[0-9a-f]{32}$/);
    assert.notEqual(field(auth.authorize('PLAY', 'rtsp://h/'), 'cnonce'), first);
  });

  it('writes names and realms with quotes and backslashes safely, and hashes them as they are', () => {
    const auth = new Authenticator({ username: 'a"b\\c', password: 'p' });
    auth.accept(['Digest realm="say \\"hi\\"", nonce="n"']);
    const authorization = auth.authorize('PLAY', 'rtsp://h/')!;
    assert.ok(authorization.includes('username="a\\"b\\\\c", realm="say \\"hi\\""'));
    const response = md5(`${md5('a"b\\c:say "hi":p')}:n:${md5('PLAY:rtsp://h/')}`);
    assert.ok(authorization.includes(`response="${response}"`));
  });

  it('never says the password', () => {
    const auth = new Authenticator({ username: 'u', password: 'geheim' });
    auth.accept([digest('n')]);
    assert.ok(!auth.authorize('PLAY', 'rtsp://h/')!.includes('geheim'));
  });
});

describe('Authenticator', () => {
  it('says nothing before it was asked', () => {
    assert.equal(new Authenticator(account).authorize('DESCRIBE', 'rtsp://h/'), undefined);
  });

  it('answers Basic in UTF-8', () => {
    const auth = new Authenticator({ username: 'jörg', password: 'x:y' });
    assert.equal(auth.accept(['Basic realm="r"']), true);
    assert.equal(
      auth.authorize('DESCRIBE', 'rtsp://h/'),
      `Basic ${Buffer.from('jörg:x:y', 'utf8').toString('base64')}`,
    );
    assert.equal(auth.accept(['Basic realm="r"']), false);
  });

  it('quirk changing-nonces: takes the strongest of several challenges, in lines of their own or in one', () => {
    const sha = digest('s', ', algorithm=SHA-256');
    for (const lines of [
      ['Basic realm="b"', digest('m'), sha],
      [sha, digest('m'), 'Basic realm="b"'],
      [`Basic realm="b", ${digest('m')}, ${sha}`],
    ]) {
      const auth = new Authenticator(account);
      assert.equal(auth.accept(lines), true);
      assert.equal(field(auth.authorize('PLAY', 'rtsp://h/'), 'algorithm'), 'SHA-256');
    }
    const auth = new Authenticator(account);
    auth.accept([`Basic realm="b", ${digest('m')}`]);
    assert.match(auth.authorize('PLAY', 'rtsp://h/')!, /^Digest /);
  });

  it('quirk changing-nonces: passes over what it cannot answer: no nonce, an unknown algorithm, auth-int alone, other schemes', () => {
    const unanswerable = [
      'Digest realm="r"',
      digest('n', ', algorithm=SHA-512-256'),
      digest('n', ', qop="auth-int"'),
      'Negotiate abcdef==',
      'Bearer realm="r"',
      '',
    ];
    const auth = new Authenticator(account);
    assert.equal(auth.accept(unanswerable), false);
    assert.equal(auth.accept([]), false);
    assert.equal(auth.authorize('PLAY', 'rtsp://h/'), undefined);
    assert.equal(auth.accept([...unanswerable, 'Basic realm="r"']), true);
  });

  it('quirk changing-nonces: the same challenge again means: refused', () => {
    const auth = new Authenticator(account);
    assert.equal(auth.accept([digest('n')]), true);
    auth.authorize('DESCRIBE', 'rtsp://h/');
    assert.equal(auth.accept([digest('n')]), false);
  });

  it('quirk changing-nonces: a challenge that was never answered may come again', () => {
    const auth = new Authenticator(account);
    auth.accept([digest('n')]);
    assert.equal(auth.accept([digest('n')]), true);
  });

  it('quirk changing-nonces: a new nonce, or a stale one, is answered, and its count begins at 1', () => {
    const auth = new Authenticator(account);
    auth.accept([digest('n1', ', qop=auth')]);
    auth.authorize('PLAY', 'rtsp://h/');
    auth.authorize('PLAY', 'rtsp://h/');
    assert.equal(auth.accept([digest('n2', ', qop=auth')]), true);
    assert.equal(field(auth.authorize('GET_PARAMETER', 'rtsp://h/'), 'nc'), '00000001');
    assert.equal(auth.accept([digest('n2', ', qop=auth, stale=TRUE')]), true);
    assert.equal(field(auth.authorize('GET_PARAMETER', 'rtsp://h/'), 'nonce'), 'n2');
  });
});

describe('parseChallenges', () => {
  it('quirk changing-nonces: reads unknown, unquoted and repeated parameters, spaces and any case', () => {
    assert.deepEqual(
      parseChallenges([
        'DIGEST Realm = "a, b" , NONCE=abc,charset=UTF-8, userhash=false, opaque="", stale=false, algorithm="MD5", realm="second"',
      ]),
      [{ scheme: 'digest', realm: 'a, b', nonce: 'abc', opaque: '', algorithm: 'MD5' }],
    );
  });

  it('reads qop lists', () => {
    assert.deepEqual(parseChallenges([digest('n', ', qop="Auth, auth-int"')])[0]!.qop, ['auth', 'auth-int']);
  });

  it('takes a missing realm for an empty one', () => {
    assert.deepEqual(parseChallenges(['Basic']), [{ scheme: 'basic', realm: '' }]);
  });

  it('reads no more than 16 challenges', () => {
    assert.equal(parseChallenges(new Array(100).fill('Basic realm="r"')).length, 16);
  });

  it('takes any text, and reads back what a realm or a nonce was', () => {
    fc.assert(
      fc.property(fc.string(), fc.stringMatching(/^[ -~]{0,30}$/), (junk, realm) => {
        parseChallenges([junk]);
        const escaped = realm.replace(/["\\]/g, '\\$&');
        assert.deepEqual(parseChallenges([`Digest realm="${escaped}", nonce="${escaped}"`]), [
          { scheme: 'digest', realm, nonce: realm },
        ]);
      }),
    );
  });

  it('is not slow on a line of 16 KiB made of quotes that never end', () => {
    const started = process.cpuUsage();
    for (const piece of ['a="\\"', 'a= ', '"', '\\', 'a = "\\', 'Digest '])
      parseChallenges([piece.repeat(16_000 / piece.length)]);
    const { user } = process.cpuUsage(started);
    assert.ok(user < 500_000, `${user / 1000} ms`);
  });
});
