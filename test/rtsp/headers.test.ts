import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  formatTransport,
  parsePublic,
  parseRange,
  parseRtpInfo,
  parseSession,
  parseTransport,
  type TransportSpec,
} from '../../lib/rtsp/headers.js';

describe('parseSession', () => {
  for (const [value, timeoutSeconds] of [
    ['538A2CBB', 60],
    ['538A2CBB;timeout=15', 15],
    ['538A2CBB; timeout = 60', 60],
    [' 538A2CBB ;Timeout=5', 5],
    ['538A2CBB;timeout=0', 60],
    ['538A2CBB;timeout=-3', 60],
    ['538A2CBB;timeout=soon', 60],
    ['538A2CBB;timeout="30"', 30],
    ['538A2CBB;foo;timeout=7;bar', 7],
    ['538A2CBB;timeout=99999999999', 86_400],
  ] as const) {
    it(`quirk odd-session-header: reads '${value}' as ${timeoutSeconds} s, and the id without it`, () => {
      assert.deepEqual(parseSession(value), { id: '538A2CBB', timeoutSeconds });
    });
  }

  it('leaves alone the header that a print slip put on the same line', () => {
    assert.equal(parseSession('538A2CBB Range: npt=0.000-').id, '538A2CBB');
  });

  it('reads back any id and timeout', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[\w$.+-]{1,40}$/),
        fc.integer({ min: 1, max: 86_400 }),
        (id, timeoutSeconds) => {
          assert.deepEqual(parseSession(`${id};timeout=${timeoutSeconds}`), { id, timeoutSeconds });
        },
      ),
    );
  });
});

describe('parsePublic', () => {
  it('quirk odd-headers: reads methods in any case, with commas, spaces or both', () => {
    assert.deepEqual(
      [...parsePublic('OPTIONS, describe,SETUP  PLAY,,\tGET_PARAMETER ,')],
      ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY', 'GET_PARAMETER'],
    );
    assert.equal(parsePublic('').size, 0);
  });
});

describe('parseTransport', () => {
  it('reads the MOVE NVR’s reply', () => {
    assert.deepEqual(parseTransport('RTP/AVP/UDP;unicast;client_port=48646-48647;server_port=17808-17809'), {
      profile: 'RTP/AVP/UDP',
      lower: 'udp',
      multicast: false,
      clientPort: [48_646, 48_647],
      serverPort: [17_808, 17_809],
    });
  });

  it('reads everything else RFC 2326 12.39 names', () => {
    assert.deepEqual(
      parseTransport(
        'RTP/AVP;multicast;destination=239.1.2.3;source="10.0.0.1";port=5000-5001;ttl=16;mode="PLAY"',
      ),
      {
        profile: 'RTP/AVP',
        lower: 'udp',
        multicast: true,
        destination: '239.1.2.3',
        source: '10.0.0.1',
        port: [5000, 5001],
        ttl: 16,
      },
    );
  });

  for (const [what, value, expected] of [
    [
      'RTP/AVP in answer to TCP',
      'RTP/AVP;unicast;interleaved=0-1',
      { profile: 'RTP/AVP', lower: 'tcp', interleaved: [0, 1] },
    ],
    ['TCP without interleaved', 'RTP/AVP/TCP;unicast', { profile: 'RTP/AVP/TCP', lower: 'tcp' }],
    ['one channel only', 'RTP/AVP/TCP;interleaved=2', { interleaved: [2, 3] }],
    ['other channels than asked for', 'RTP/AVP/TCP;interleaved= 8 - 9', { interleaved: [8, 9] }],
    ['channels that cannot be', 'RTP/AVP/TCP;interleaved=300-301', { lower: 'tcp', interleaved: undefined }],
    [
      'one port only',
      'RTP/AVP;client_port=5000;server_port=6000',
      { clientPort: [5000, 5001], serverPort: [6000, 6001] },
    ],
    ['no server_port', 'RTP/AVP;client_port=5000-5001', { serverPort: undefined }],
    ['ports that cannot be', 'RTP/AVP;server_port=70000-70001', { serverPort: undefined }],
    ['an ssrc with a space', 'RTP/AVP/TCP;ssrc= 0A1B2C3D', { ssrc: 0x0a1b2c3d }],
    ['an ssrc of odd hex', 'RTP/AVP/TCP;ssrc=0xabc', { ssrc: 0xabc }],
    ['an ssrc that is no hex', 'RTP/AVP/TCP;ssrc=hello', { ssrc: undefined }],
    [
      'an ssrc first in the list',
      'ssrc=00000001;RTP/AVP/TCP;interleaved=0-1',
      { profile: 'RTP/AVP/TCP', ssrc: 1, interleaved: [0, 1] },
    ],
    ['several transports', 'RAW/RAW/UDP;unicast, RTP/AVP/TCP;interleaved=4-5', { interleaved: [4, 5] }],
    ['nothing sensible', 'x', { profile: 'RTP/AVP', lower: 'udp' }],
    ['nothing', '', { profile: 'RTP/AVP', lower: 'udp' }],
    [
      'a time to live that cannot be',
      'RTP/AVP;multicast;ttl=900;source=;destination=',
      { ttl: undefined, source: undefined, destination: undefined },
    ],
  ] as const) {
    it(`quirk odd-transport-reply: reads a reply with ${what}`, () => {
      const spec = parseTransport(value);
      for (const [key, wanted] of Object.entries(expected))
        assert.deepEqual(spec[key as keyof TransportSpec], wanted, key);
    });
  }

  it('reads what formatTransport wrote', () => {
    const port = fc.integer({ min: 0, max: 65_535 });
    const host = fc.ipV4();
    const spec = fc.record(
      {
        profile: fc.constantFrom('RTP/AVP', 'RTP/AVP/UDP', 'RTP/SAVP'),
        lower: fc.constant<'udp'>('udp'),
        multicast: fc.boolean(),
        clientPort: fc.tuple(port, port),
        serverPort: fc.tuple(port, port),
        port: fc.tuple(port, port),
        ssrc: fc.integer({ min: 0, max: 0xffff_ffff }),
        source: host,
        destination: host,
        ttl: fc.nat(255),
      },
      { requiredKeys: ['profile', 'lower', 'multicast'], noNullPrototype: true },
    );
    const interleaved = fc.tuple(fc.nat(255), fc.nat(255)).map((channels): TransportSpec => ({
      profile: 'RTP/AVP/TCP',
      lower: 'tcp',
      multicast: false,
      interleaved: channels,
    }));
    fc.assert(
      fc.property(fc.oneof(spec, interleaved), (one) => {
        assert.deepEqual(parseTransport(formatTransport(one)), one);
      }),
    );
  });
});

describe('parseRtpInfo', () => {
  it('reads two tracks', () => {
    assert.deepEqual(
      parseRtpInfo('url=rtsp://h/live/track1;seq=45102;rtptime=12345678, url=rtsp://h/live/track2;seq=1'),
      [
        { url: 'rtsp://h/live/track1', seq: 45_102, rtptime: 12_345_678 },
        { url: 'rtsp://h/live/track2', seq: 1 },
      ],
    );
  });

  for (const [what, value, expected] of [
    ['missing', '', []],
    ['with a trailing ;', 'url=rtsp://h/1;seq=3;', [{ url: 'rtsp://h/1', seq: 3 }]],
    ['with a trailing ; behind the URL', 'url=rtsp://h/1;', [{ url: 'rtsp://h/1' }]],
    ['of a URL alone', 'url=rtsp://h/1', [{ url: 'rtsp://h/1' }]],
    [
      'with commas and semicolons in the URL',
      'url=rtsp://h/a,b;c?d=1,2;seq=3,url=x',
      [{ url: 'rtsp://h/a,b;c?d=1,2', seq: 3 }, { url: 'x' }],
    ],
    [
      'with spaces and capitals',
      ' URL = rtsp://h/1 ; SEQ = 5 ; RTPTIME = 6 ',
      [{ url: 'rtsp://h/1', seq: 5, rtptime: 6 }],
    ],
    ['with quotes', 'url="rtsp://h/1";seq=3', [{ url: 'rtsp://h/1', seq: 3 }]],
    [
      'with an rtptime before its seq',
      'url=a;rtptime=4294967295;seq=65535',
      [{ url: 'a', seq: 65_535, rtptime: 4_294_967_295 }],
    ],
    ['with numbers that cannot be', 'url=a;seq=65536;rtptime=4294967296', [{ url: 'a' }]],
    ['with numbers that are none', 'url=a;seq=x;rtptime=-1', [{ url: 'a' }]],
    ['without a URL', 'seq=1;rtptime=2', []],
    ['with an empty URL', 'url=;seq=1', []],
    ['with a parameter nobody knows', 'url=a;ssrc=0;seq=2', [{ url: 'a', seq: 2 }]],
  ] as const) {
    it(`quirk foreign-rtp-info: reads one ${what}`, () => {
      assert.deepEqual(parseRtpInfo(value), expected);
    });
  }

  it('reads back any tracks, commas and semicolons in their URLs included', () => {
    const entry = fc.record(
      {
        url: fc.stringMatching(/^rtsp:\/\/h\/[a-z0-9?&=,;]{0,20}[a-z0-9]$/),
        seq: fc.nat(0xffff),
        rtptime: fc.nat(0xffff_ffff),
      },
      { requiredKeys: ['url'], noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), (entries) => {
        // A URL that itself says `,url=` or `;seq=` cannot be told from the list's own.
        fc.pre(entries.every(({ url }) => !/,\s*url=|;(seq|rtptime|ssrc)=/.test(url)));
        const text = entries.map(({ url, seq, rtptime }) =>
          [
            `url=${url}`,
            ...(seq === undefined ? [] : [`seq=${seq}`]),
            ...(rtptime === undefined ? [] : [`rtptime=${rtptime}`]),
          ].join(';'),
        );
        assert.deepEqual(parseRtpInfo(text.join(',')), entries);
      }),
    );
  });

  it('reads no more than 32 tracks', () => {
    assert.equal(parseRtpInfo(new Array(100).fill('url=a;seq=1').join(',')).length, 32);
  });
});

describe('parseRange', () => {
  for (const [value, expected] of [
    ['npt=0.000-', { unit: 'npt', start: 0 }],
    ['npt=now-', { unit: 'npt' }],
    ['npt=10.5-20', { unit: 'npt', start: 10.5, end: 20 }],
    ['npt=-20', { unit: 'npt', end: 20 }],
    ['npt=0:01:30.5-1:00:00', { unit: 'npt', start: 90.5, end: 3600 }],
    ['NPT = 5-', { unit: 'npt', start: 5 }],
    ['npt=5', { unit: 'npt', start: 5 }],
    ['npt=a-b', { unit: 'npt' }],
    [`npt=${'9'.repeat(400)}-${'9'.repeat(400)}:00:00`, { unit: 'npt' }],
    [
      'clock=19961108T142300.25Z-19961108T143520Z',
      { unit: 'clock', start: Date.UTC(1996, 10, 8, 14, 23, 0, 250), end: Date.UTC(1996, 10, 8, 14, 35, 20) },
    ],
    [
      'clock=19961108T142300Z-;time=19970123T143720Z',
      { unit: 'clock', start: Date.UTC(1996, 10, 8, 14, 23) },
    ],
    ['clock=yesterday-', { unit: 'clock' }],
    ['smpte=10:12:33:20-', { unit: 'smpte' }],
    ['smpte-30-drop=0:10:00-', { unit: 'smpte' }],
  ] as const) {
    it(`quirk closed-range-refused: reads '${value.slice(0, 50)}'`, () => {
      assert.deepEqual(parseRange(value), expected);
    });
  }

  it('reads back any span, in seconds and in clock time', () => {
    const milliseconds = fc.nat(200_000_000_000);
    fc.assert(
      fc.property(milliseconds, fc.option(milliseconds, { nil: undefined }), (from, to) => {
        const end = to === undefined ? {} : { end: to / 1000 };
        const npt = (ms: number): string => (ms / 1000).toFixed(3);
        assert.deepEqual(parseRange(`npt=${npt(from)}-${to === undefined ? '' : npt(to)}`), {
          unit: 'npt',
          start: from / 1000,
          ...end,
        });
        const clock = (ms: number): string => new Date(ms).toISOString().replace(/[-:]/g, '');
        assert.deepEqual(parseRange(`clock=${clock(from)}-${to === undefined ? '' : clock(to)}`), {
          unit: 'clock',
          start: from,
          ...(to === undefined ? {} : { end: to }),
        });
      }),
    );
  });

  it('leaves alone the header that a print slip put on the same line', () => {
    assert.deepEqual(parseRange('npt=0.000- Session: 538A2CBB'), { unit: 'npt', start: 0 });
  });

  it('knows no other unit', () => {
    for (const value of ['', 'frames=1-2', 'npt', 'smpte', '-'])
      assert.equal(parseRange(value), undefined, value);
  });
});

describe('the time the parsers take', () => {
  // The longest value a header of 16 KiB can hold, made to send a careless pattern back and forth.
  const LENGTH = 16_000;
  const spaces = ' '.repeat(LENGTH);
  for (const [name, parse] of Object.entries({
    parseRange,
    parseRtpInfo,
    parseSession,
    parseTransport,
    parsePublic,
  })) {
    it(`${name} is not slow on long runs of one kind`, () => {
      const started = process.cpuUsage();
      for (const value of [
        `smpte${spaces}x`,
        `npt${spaces}`,
        `url=a${spaces}b`,
        `url${spaces}=`,
        `url=a;seq${spaces}=1;rtptime${spaces}x`,
        `url=${';seq=,'.repeat(LENGTH / 6)}`,
        'url='.repeat(LENGTH / 4),
        ';'.repeat(LENGTH),
        ','.repeat(LENGTH),
        `ssrc=${spaces}x`,
        `interleaved=0${spaces}-${spaces}`,
      ])
        parse(value);
      const { user } = process.cpuUsage(started);
      assert.ok(user < 1_000_000, `${user / 1000} ms`);
    });
  }
});
