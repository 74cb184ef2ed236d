import assert from 'node:assert/strict';
import { splitAddress } from '../../../lib/nvr/presets/address.js';
import { expandTemplate } from '../../../lib/nvr/uri-template.js';
import { settingsFor } from '../../kit/settings.js';

const CAMERA = '10.0.0.2';

describe('what people paste as an address', () => {
  describe('an account whose password was never percent-encoded', () => {
    for (const password of [
      ...[
        'p@ss',
        'p:a:ss',
        '100%',
        'a#b',
        'a/b',
        '12/34',
        'a?b',
        '12?34',
        'a b',
        'a@b/c',
        'ü€/',
        '//',
        '${PW}',
      ],
      ...['%zz', '[x]', '<&>', '1/2@3.4'],
    ])
      it(`is read: ${password}`, () => {
        for (const host of [CAMERA, `${CAMERA}:8554`, 'cam.local', 'nvr:554', '[fe80::1%eth0]:554'])
          for (const path of ['', '/', '/Streaming/Channels/101', '/?inst=1']) {
            const split = splitAddress(`rtsp://admin:${password}@${host}${path}`);
            const where = `${host}${path}`;
            assert.deepEqual(
              { username: split?.username, password: split?.password },
              { username: 'admin', password },
              where,
            );
            assert.equal(split?.host, host.replace(/:\d+$/, '').replace(/[[\]]/g, ''), where);
          }
      });

    it('is read where the host has neither a dot nor a port', () => {
      const { host, username, password } = splitAddress('rtsp://admin:a/b@c@nvr/x')!;
      assert.deepEqual({ host, username, password }, { host: 'nvr', username: 'admin', password: 'a/b@c' });
    });

    it('is decoded where it was, an empty password and an account with a domain included', () => {
      const login = (text: string): unknown[] => {
        const { username, password } = splitAddress(`rtsp://${text}@${CAMERA}/x`)!;
        return [username, password];
      };
      assert.deepEqual(login('admin:a%2Fb%3A%E2%82%AC'), ['admin', 'a/b:€']);
      assert.deepEqual(login('user%40dom:pw'), ['user@dom', 'pw']);
      assert.deepEqual(login('dom\\user:pw'), ['dom\\user', 'pw']);
      assert.deepEqual(login('admin:'), ['admin', '']);
      assert.deepEqual(login('admin'), ['admin', '']);
    });

    it('is not looked for in a path that has an @ of its own', () => {
      for (const path of ['/x?user=a@b.c', '/a@10.0.0.3/b', '/user=a:b@c.d'])
        assert.deepEqual(splitAddress(`rtsp://${CAMERA}${path}`), {
          ...{ tls: false, host: CAMERA, port: 554, template: path },
        });
      assert.equal(splitAddress('rtsp://nvr:554/x@y.z')?.host, 'nvr');
    });
  });

  it('may have any spelling of the scheme, quotes around it, and signs that nobody sees', () => {
    for (const text of [
      ...['RTSP://10.0.0.2/x', ' rtsp://10.0.0.2/x \n', '"rtsp://10.0.0.2/x"', '<rtsp://10.0.0.2/x>'],
      ...['“rtsp://10.0.0.2/x”', '`rtsp://10.0.0.2/x`', '(rtsp://10.0.0.2/x)', '\u200brtsp://10.0.0.2/x'],
      ...['\ufeffrtsp://10.0.0.2/x', 'rtspt://10.0.0.2/x', 'rtspu://10.0.0.2/x', 'URL: rtsp://10.0.0.2/x'],
      ...['ffplay -rtsp_transport tcp "rtsp://10.0.0.2/x" -an', '10.0.0.2/x', '10.0.0.2:554/x'],
    ])
      assert.deepEqual(splitAddress(text), { tls: false, host: CAMERA, port: 554, template: '/x' }, text);
  });

  it('may be torn out of a sentence, or stand behind a scheme that was there already', () => {
    for (const text of [
      ...['rtsp://10.0.0.2/x "', "rtsp://10.0.0.2/x'", 'See rtsp://10.0.0.2/x.', '[Gate](rtsp://10.0.0.2/x)'],
      ...['[rtsp://10.0.0.2/x]', 'rtsp://10.0.0.2/x,', 'rtsp://rtsp://10.0.0.2/x'],
    ])
      assert.deepEqual(splitAddress(text), { tls: false, host: CAMERA, port: 554, template: '/x' }, text);
    for (const text of ['rtspst://10.0.0.2/x', 'rtspsu://10.0.0.2/x', 'RTSPS://10.0.0.2/x'])
      assert.deepEqual(splitAddress(text), { tls: true, host: CAMERA, port: 322, template: '/x' }, text);
    assert.deepEqual(splitAddress('rtsp://http://10.0.0.2/x'), { host: CAMERA });
    assert.equal(splitAddress('rtsp://10.0.0.2/x(1)')?.template, '/x(1)');
    assert.equal(splitAddress('rtsp://[::1]')?.host, '::1');
  });

  it('may lack the scheme where it is an address beyond doubt', () => {
    const { host, username, password } = splitAddress('admin:a/b@10.0.0.2:554/stream1')!;
    assert.deepEqual({ host, username, password }, { host: CAMERA, username: 'admin', password: 'a/b' });
    assert.equal(splitAddress('admin:pw@cam.local')?.host, 'cam.local');
    assert.equal(splitAddress('10.0.0.2:554/h264Preview_01_main')?.preset?.id, 'reolink');
    for (const text of ['cam/stream1', 'a word', '//10.0.0.2/x', 'me@home'])
      assert.equal(splitAddress(text), undefined, text);
  });

  it('may come from a browser or an ONVIF tool: then only the host, the account and the ports are used', () => {
    assert.deepEqual(splitAddress('http://admin:p%40w@10.0.0.2:8080/onvif/device_service'), {
      ...{ host: CAMERA, httpPort: 8080, username: 'admin', password: 'p@w' },
    });
    assert.deepEqual(splitAddress('https://nvr.local/'), {
      ...{ host: 'nvr.local', httpTls: true, httpPort: 443 },
    });
    assert.deepEqual(splitAddress('onvif://10.0.0.2/x'), { host: CAMERA });
    assert.deepEqual(splitAddress('10.0.0.2/doc/page/login.asp?_16'), { host: CAMERA });
    assert.deepEqual(splitAddress('http://[fe80::1]/x'), { host: 'fe80::1' });
    for (const password of ['p#w', 'p/w', 'p@w', '100%'])
      assert.deepEqual(splitAddress(`http://admin:${password}@10.0.0.2/x y#z`), {
        ...{ host: CAMERA, username: 'admin', password },
      });
    assert.deepEqual(splitAddress('http://10.0.0.2#top'), { host: CAMERA });
  });

  it('may name an IPv6 address, with a zone and without brackets', () => {
    for (const [text, host, port] of [
      ['rtsp://[fe80::1%25eth0]:8554/x', 'fe80::1%eth0', 8554],
      ['rtsp://[fe80::1%eth0]/x', 'fe80::1%eth0', 554],
      ['rtsp://fe80::1/x', 'fe80::1', 554],
      ['rtsps://[::1]', '::1', 322],
    ] as const)
      assert.deepEqual(
        { host: splitAddress(text)?.host, port: splitAddress(text)?.port },
        { host, port },
        text,
      );
  });

  it('keeps the path’s spelling: slashes, queries, letters of any script, what a page made of an &', () => {
    const template = (path: string): string | undefined => splitAddress(`rtsp://${CAMERA}${path}`)?.template;
    for (const path of ['/live.sdp/', '//', '/tür/1', '/x#t', '/a?b=c?d']) assert.equal(template(path), path);
    assert.equal(template('//h264Preview_01_main'), '//h264Preview_{ch:2}_{stream}');
    assert.equal(template('?inst=1'), '/?inst={stream}');
    assert.equal(
      template('/cam/realmonitor?channel=2&amp;subtype=1'),
      '/cam/realmonitor?channel={ch}&subtype={stream}',
    );
    for (const path of ['', '/']) assert.equal(template(path), undefined);
  });

  describe('of a MOBOTIX recorder', () => {
    it('is its URI style, for all its channels, and leaves no key in the settings', () => {
      const base = { tls: false, host: CAMERA, port: 554 };
      for (const [path, style, channel] of [
        ['/live?ch=0000&stype=M', 'move', 1],
        ['/live?ch=0011&stype=D', 'move', 12],
        ['/playback?ch=0001&stype=M&pbkey=secret', 'move', 2],
        ['/CH00M', 'legacy', 1],
        ['/CH03D/', 'legacy', 4],
      ] as const)
        assert.deepEqual(splitAddress(`rtsp://${CAMERA}${path}`), { ...base, style, channel }, path);
      assert.deepEqual(splitAddress(`rtsp://${CAMERA}/live?ch=%d&stype=<D/M>`), { ...base, style: 'move' });
    });

    it('is a path like any other where more or less is said', () => {
      for (const path of ['/live?ch=0&stype=M', '/live?ch=0000', '/CH1M', '/live?ch=0000&stype=M&x=1'])
        assert.equal(splitAddress(`rtsp://${CAMERA}${path}`)?.template, path);
    });
  });

  describe('with the account in its path', () => {
    const split = (path: string): unknown[] => {
      const { username, password, template, preset } = splitAddress(`rtsp://${CAMERA}${path}`)!;
      return [username, password, template, preset?.id];
    };

    it('leaves none in the template', () => {
      assert.deepEqual(split('/user=admin&password=abc&channel=3&stream=1.sdp?real_stream'), [
        ...['admin', 'abc'],
        '/user={username}&password={password}&channel={ch}&stream={stream}.sdp?real_stream',
        'luxvision',
      ]);
      assert.deepEqual(split('/user=admin_password=a_b_channel=1_stream=0.sdp'), [
        ...['admin', 'a_b', '/user={username}_password={password}_channel=1_stream=0.sdp', undefined],
      ]);
      assert.deepEqual(split('/x?pwd=a%2Fb&usr=me'), [
        ...['me', 'a/b', '/x?pwd={password}&usr={username}', undefined],
      ]);
      assert.deepEqual(split('/user=admin&password=&channel=1&stream=0.sdp').slice(0, 2), ['admin', '']);
    });

    it('takes that one, which the camera asks for, and not the one in front of the host', () => {
      const { username, password } = splitAddress(`rtsp://me:pw@${CAMERA}/x?user=admin&pwd=abc`)!;
      assert.deepEqual({ username, password }, { username: 'admin', password: 'abc' });
    });

    it('is asked for as it was pasted', () => {
      for (const path of [
        '/x?user=me&password=a@b:c+$=',
        '/x?user=a%2Fb&password=%C3%A4%26',
        '/user=_password=_ch=1',
      ]) {
        const { template, username, password } = splitAddress(`rtsp://${CAMERA}${path}`)!;
        const settings = settingsFor(554, { username: username!, password: password! });
        assert.equal(expandTemplate(template!, settings, 1, 'main'), path);
      }
    });
  });

  it('of a recording is that of the live pictures, with none of its times', () => {
    for (const [path, template, channel] of [
      ['/Streaming/tracks/201?starttime=20260329T140200Z', '/Streaming/Channels/{ch}0{stream}', 2],
      [
        '/cam/playback?channel=3&subtype=1&starttime=2026_03',
        '/cam/realmonitor?channel={ch}&subtype={stream}',
        3,
      ],
      ['/c4/b1494208846/e1494209026/replay/', '/unicast/c{ch}/s{stream}/live', 4],
    ] as const) {
      const split = splitAddress(`rtsp://${CAMERA}${path}`);
      assert.deepEqual({ template: split?.template, channel: split?.channel }, { template, channel }, path);
      assert.notEqual(split?.preset?.playback, '');
    }
    assert.equal(splitAddress(`rtsp://${CAMERA}/c4/barn`)?.template, '/c4/barn');
  });

  it('is none where nobody could tell what is meant', () => {
    for (const text of [
      ...['rtsp://10.0.0.2:99999/x', 'rtsp://10.0.0.2:port/x', 'rtmp://10.0.0.2/x', 'ftp://10.0.0.2/x'],
      ...['rtsp:/10.0.0.2/x', 'rtsp//10.0.0.2/x', 'rtsp://10.0.0.2 :554/x', 'rtsp://10.0.0.2/a b'],
      ...['rtsp://[username]:[password]@[ip]:554/x', 'rtsp://10.0.0.2/xrtsp://10.0.0.2/y', 'http://', '://'],
    ])
      assert.equal(splitAddress(text), undefined, text);
  });
});
