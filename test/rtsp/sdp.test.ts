import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NvrError } from '../../lib/errors.js';
import { LIMITS } from '../../lib/limits.js';
import { parseSdp } from '../../lib/rtsp/sdp.js';

const sdp = (...lines: string[]): string =>
  ['v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=x', 't=0 0', ...lines, ''].join('\r\n');

const NVR = `v=0
o=- 1271956268066958 0 IN IP4 0.0.0.0
s=Session streamed by "NVRMediaServer"
i=CH00D
t=0 0
a=tool:NVR Streaming Media
a=type:broadcast
a=control:*
a=range:npt=0-
m=video 0 RTP/AVP 99
c=IN IP4 0.0.0.0
a=rtpmap:99 H264/90000
a=fmtp:99 packetization-mode=1
a=control:track1
a=cliprect:0,0,576,720
a=framerate:25.000000
a=x-bufferdelay:0
`;

describe('parseSdp', () => {
  it('reads the size of pictures too large for a header, as GStreamer, 3GPP and Real write it', () => {
    const size = (...lines: string[]): unknown =>
      parseSdp(sdp('m=video 0 RTP/AVP 26', ...lines)).media[0]!.pictureSize;
    const large = { width: 2592, height: 1944 };
    for (const line of [
      'a=x-dimensions:2592,1944',
      'a=x-dimensions: 2592, 1944',
      'a=X-Dimensions:2592,1944',
      'a=framesize:26 2592-1944',
      'a=framesize: 26  2592-1944',
    ])
      assert.deepEqual(size(line), large, line);
    assert.deepEqual(size('a=framesize:26 2592-1944', 'a=x-dimensions:1,1'), large);
    for (const line of [
      'a=x-dimensions:0,0',
      'a=x-dimensions:2592',
      'a=x-dimensions:70000,16',
      'a=framesize:26 -1-5',
      'a=framesize:26',
      'a=x-dimensions:NaN,1e999',
    ])
      assert.equal(size(line), undefined, line);
  });

  for (const [name, end] of [
    ['CRLF', '\r\n'],
    ['LF', '\n'],
    ['CR', '\r'],
  ] as const) {
    it(`reads the MOVE NVR’s SDP with ${name} line ends`, () => {
      assert.deepEqual(parseSdp(NVR.replaceAll('\n', end)), {
        name: 'Session streamed by "NVRMediaServer"',
        control: '*',
        range: 'npt=0-',
        media: [
          {
            index: 0,
            type: 'video',
            protocol: 'RTP/AVP',
            control: 'track1',
            frameRate: 25,
            payloads: [
              {
                type: 99,
                encoding: 'H264',
                clockRate: 90_000,
                channels: 1,
                fmtp: new Map([['packetization-mode', '1']]),
              },
            ],
          },
        ],
      });
    });
  }

  it('reads video, audio and metadata tracks with their formats', () => {
    const { media } = parseSdp(
      sdp(
        'm=video 0 RTP/AVP 96 97',
        'a=rtpmap:96 H265/90000',
        'a=rtpmap:97 h264/90000',
        'a=fmtp:96 sprop-vps=QAE=; sprop-sps=QgE= ;Sprop-PPS=RAE=',
        'a=sendonly',
        'm=audio 0 RTP/AVP 98',
        'a=rtpmap:98 mpeg4-generic/48000/2',
        'a=fmtp:98 streamtype=5;mode=AAC-hbr;config=1190;sizelength=13;flag',
        'm=application 0 RTP/AVP 107',
        'a=rtpmap:107 vnd.onvif.metadata/90000',
        'a=recvonly',
      ),
    );
    assert.deepEqual(
      media.map(({ type, direction, payloads }) => [type, direction, payloads.map((one) => one.encoding)]),
      [
        ['video', 'sendonly', ['H265', 'H264']],
        ['audio', undefined, ['MPEG4-GENERIC']],
        ['application', 'recvonly', ['VND.ONVIF.METADATA']],
      ],
    );
    assert.deepEqual(
      [...media[0]!.payloads[0]!.fmtp],
      [
        ['sprop-vps', 'QAE='],
        ['sprop-sps', 'QgE='],
        ['sprop-pps', 'RAE='],
      ],
    );
    assert.deepEqual(
      { clockRate: media[1]!.payloads[0]!.clockRate, channels: media[1]!.payloads[0]!.channels },
      { clockRate: 48_000, channels: 2 },
    );
    assert.equal(media[1]!.payloads[0]!.fmtp.get('flag'), '');
  });

  it('fills in static payload types that no rtpmap explains', () => {
    const { media } = parseSdp(
      sdp('m=audio 0 RTP/AVP 0 8 10 14', 'm=video 0 RTP/AVP 26 33 35', 'm=video 0 RTP/AVP 127'),
    );
    assert.deepEqual(
      media.map(({ payloads }) =>
        payloads.map(({ encoding, clockRate, channels }) => [encoding, clockRate, channels]),
      ),
      [
        [
          ['PCMU', 8000, 1],
          ['PCMA', 8000, 1],
          ['L16', 44_100, 2],
          ['MPA', 90_000, 1],
        ],
        [
          ['JPEG', 90_000, 1],
          ['MP2T', 90_000, 1],
        ],
        [],
      ],
    );
  });

  it('an rtpmap wins over the static meaning', () => {
    const { media } = parseSdp(sdp('m=video 0 RTP/AVP 26', 'a=rtpmap:26 H264/90000'));
    assert.equal(media[0]!.payloads[0]!.encoding, 'H264');
  });

  it('quirk broken-fmtp: takes the lone fmtp of a wrong payload type for the lone payload’s, and no other', () => {
    const lone = parseSdp(
      sdp('m=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', 'a=fmtp:97 packetization-mode=1'),
    );
    assert.equal(lone.media[0]!.payloads[0]!.fmtp.get('packetization-mode'), '1');
    const two = parseSdp(
      sdp(
        'm=video 0 RTP/AVP 96 98',
        'a=rtpmap:96 H264/90000',
        'a=rtpmap:98 H265/90000',
        'a=fmtp:97 packetization-mode=1',
      ),
    );
    assert.ok(two.media[0]!.payloads.every(({ fmtp }) => fmtp.size === 0));
  });

  it('quirk broken-fmtp: reads media without fmtp, packetization-mode or frame rate, and with an odd profile-level-id', () => {
    const { media } = parseSdp(
      sdp(
        'm=video 0 RTP/AVP 96',
        'a=rtpmap:96 H264/90000',
        'm=video 0 RTP/AVP 97',
        'a=rtpmap:97 H264/90000',
        'a=fmtp:97 profile-level-id=ZZ;;=x',
      ),
    );
    assert.equal(media[0]!.payloads[0]!.fmtp.size, 0);
    assert.equal(media[0]!.frameRate, undefined);
    assert.deepEqual([...media[1]!.payloads[0]!.fmtp], [['profile-level-id', 'ZZ']]);
  });

  it('quirk broken-fmtp: reads an SDP whose o= and t= are malformed or missing, and one behind a byte order mark', () => {
    for (const head of [
      'v=0\r\no=-\r\nt=\r\n',
      'v=0\r\no=a b c d e f g h\r\nt=x y z\r\n',
      '',
      '\ufeffv=0\r\n',
      'v = 0\r\n',
    ]) {
      const { media } = parseSdp(
        `${head}m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n`,
      );
      assert.deepEqual(
        { media: media.length, control: media[0]!.control, payloads: media[0]!.payloads.length },
        { media: 1, control: 'track1', payloads: 1 },
        head,
      );
    }
  });

  it('quirk broken-fmtp: puts usable numbers in place of impossible ones', () => {
    const { media } = parseSdp(
      sdp(
        'm=video 0 RTP/AVP 96',
        'a=rtpmap:96 H264/0',
        'a=framerate:-3',
        'm=video 0 RTP/AVP 97',
        'a=rtpmap:97 H264',
        'a=framerate:100000',
        'm=audio 0 RTP/AVP 98',
        'a=rtpmap:98 PCMU/99999999999/900',
      ),
    );
    assert.deepEqual(
      media.map(({ payloads, frameRate }) => [payloads[0]!.clockRate, payloads[0]!.channels, frameRate]),
      [
        [90_000, 1, undefined],
        [90_000, 1, undefined],
        [8000, 1, undefined],
      ],
    );
  });

  it('reads an empty description with a version as one without media', () => {
    assert.deepEqual(parseSdp('v=0\r\n'), { media: [] });
  });

  for (const text of ['', '<html><body>Not found</body></html>', '{"error":1}', '\0\0\0', 'hello']) {
    it(`refuses ${JSON.stringify(text)}, which is no SDP`, () => {
      assert.throws(
        () => parseSdp(text),
        (error) => error instanceof NvrError && error.code === 'EPROTOCOL',
      );
    });
  }

  it('reads no more than 32 media sections, nor 32 payload types of one', () => {
    const many = sdp(...new Array<string>(100).fill('m=video 0 RTP/AVP 96'));
    assert.equal(parseSdp(many).media.length, LIMITS.mediaSections);
    const types = Array.from({ length: 100 }, (_, i) => i + 28);
    const wide = sdp(
      `m=video 0 RTP/AVP ${types.join(' ')}`,
      ...types.map((type) => `a=rtpmap:${type} H264/90000`),
    );
    assert.equal(parseSdp(wide).media[0]!.payloads.length, LIMITS.mediaSections);
  });

  const usual = [
    'm=video 0 RTP/AVP 96',
    'a=rtpmap:96 H264/90000',
    'a=fmtp:96 packetization-mode=1',
    'a=control:track1',
  ];
  for (const [odd, ...lines] of [
    ['a port below zero', 'm=video -1353744643 RTP/AVP 96', ...usual.slice(1)],
    ['a port beyond all ports, with a count', 'm=video 4294967296/2 RTP/AVP 96', ...usual.slice(1)],
    ['no port', 'm=video RTP/AVP 96', ...usual.slice(1)],
    ['no protocol', 'm=video 0 96', ...usual.slice(1)],
    ['neither', 'm=video 96', ...usual.slice(1)],
    ['no payload type in the media line', 'm=video 0 RTP/AVP', ...usual.slice(1)],
    ['nothing but the kind of media', 'm=video', ...usual.slice(1)],
    [
      'two spaces and tabs',
      'm=video  0\t RTP/AVP   96 ',
      'a=rtpmap:96  \tH264/90000',
      'a=fmtp:96\tpacketization-mode=1',
      'a=control:\ttrack1',
    ],
    [
      'a space behind the colon',
      'm=video 0 RTP/AVP 96',
      'a=rtpmap: 96 H264/90000',
      'a=fmtp: 96 packetization-mode=1',
      'a=control: track1',
    ],
    [
      'spaces around colons, equal signs and slashes',
      'm = video 0 RTP / AVP 96',
      'a = rtpmap : 96 H264 / 90000',
      'a= fmtp :96 packetization-mode = 1',
      'a =control : track1',
    ],
    [
      'spaces in front of lines',
      ' m=video 0 RTP/AVP 96',
      '\ta=rtpmap:96 H264/90000',
      '  a=fmtp:96 packetization-mode=1',
      ' a=control:track1',
    ],
    [
      'capitals',
      'M=VIDEO 0 RTP/AVP 96',
      'A=RTPMAP:96 h264/90000',
      'a=Fmtp:96 Packetization-Mode=1',
      'A=Control:track1',
    ],
    [
      'equal signs or spaces for colons',
      'm=video 0 RTP/AVP 96',
      'a=rtpmap=96 H264/90000',
      'a=fmtp 96 packetization-mode=1',
      'a=control=track1',
    ],
    ['commas between payload types', 'm=video 0 RTP/AVP 96,26', ...usual.slice(1)],
    ['quotes around the control', ...usual.slice(0, 3), 'a=control:"track1"'],
    [
      'more behind the clock rate',
      'm=video 0 RTP/AVP 96',
      'a=rtpmap:96 H264/90000/1 x',
      'a=fmtp:96;packetization-mode=1;',
      'a=control:track1',
    ],
    [
      'no clock rate',
      'm=video 0 RTP/AVP 96',
      'a=rtpmap:96 H264',
      'a=fmtp:96: packetization-mode=1',
      'a=control:track1',
    ],
    [
      'a second fmtp line',
      ...usual.slice(0, 2),
      'a=fmtp:96 profile-level-id=64001f',
      'a=fmtp:96 packetization-mode=1',
      'a=control:track1',
    ],
    [
      'control characters around',
      'm=video 0 RTP/AVP 96',
      "c=IN IP4 '&\u0001\u00ff",
      'a=\u0001\u0002',
      ...usual.slice(1),
    ],
  ] as const)
    it(`reads a video track with ${odd}`, () => {
      const [media] = parseSdp(sdp(...lines)).media;
      assert.deepEqual({ type: media!.type, control: media!.control }, { type: 'video', control: 'track1' });
      assert.equal(media!.protocol, 'RTP/AVP');
      const [format] = media!.payloads;
      assert.deepEqual(
        { type: format!.type, encoding: format!.encoding, clockRate: format!.clockRate },
        { type: 96, encoding: 'H264', clockRate: 90_000 },
      );
      assert.equal(format!.fmtp.get('packetization-mode'), '1');
    });

  it('keeps a control as the bytes it came in', () => {
    const control = Buffer.from('Ворота à').toString('latin1');
    const [media] = parseSdp(sdp(...usual.slice(0, 3), `a=control:${control}`)).media;
    assert.equal(media!.control, control);
    assert.equal(parseSdp(sdp().replace('s=x', `s=${control}`)).name, 'Ворота à');
  });

  it('finds keys whatever their attribute looks like', () => {
    for (const line of ['A=CRYPTO:1 x y', 'a = crypto: 1 x y', 'a=fingerprint sha-256 AA'])
      assert.equal(parseSdp(sdp(...usual, line)).media[0]!.encrypted, true, line);
  });

  it('takes no longer for thousands of fmtp lines of one payload type', () => {
    for (const line of [
      'a=fmtp:96 a=b',
      'a=rtpmap:96 H264/90000',
      'a=fmtp:96 ;;;;;;;;;;;;;;;;;;;;;;;;',
      `a=fmtp:96 ${'a=1;b=2;'.repeat(500)}`,
    ]) {
      const body = sdp(usual[0]!, ...new Array<string>(Math.ceil(LIMITS.bodyBytes / line.length)).fill(line));
      const begun = process.cpuUsage();
      parseSdp(body);
      const { user } = process.cpuUsage(begun);
      assert.ok(user < 150_000, `${line.slice(0, 20)}: ${user / 1000} ms`);
    }
  });

  it('reads several KB of sprop-sei', () => {
    const sei = 'A'.repeat(9000);
    const { media } = parseSdp(
      sdp('m=video 0 RTP/AVP 96', 'a=rtpmap:96 H265/90000', `a=fmtp:96 sprop-sei=${sei}`),
    );
    assert.equal(media[0]!.payloads[0]!.fmtp.get('sprop-sei'), sei);
  });

  it('gives a description or EPROTOCOL for any text', () => {
    const line = fc.tuple(
      fc.constantFrom(
        'v=',
        'o=',
        'm=',
        'a=',
        'a=rtpmap:',
        'a=fmtp:',
        'a=control:',
        'a=framerate:',
        'a=imageattr:',
        't=',
        'c=',
        '__proto__=',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        const text = lines.map((parts) => parts.join('')).join('\r\n');
        try {
          const { media } = parseSdp(text);
          assert.ok(media.length <= LIMITS.mediaSections);
        } catch (error) {
          assert.ok(error instanceof NvrError && error.code === 'EPROTOCOL', String(error));
        }
      }),
    );
  });

  it('is not slow on a body of 128 KiB, whatever attribute it is made of', () => {
    const started = process.cpuUsage();
    const room = LIMITS.bodyBytes - 100;
    for (const [head, piece] of [
      ['a=imageattr:97 send ', '[x=1] '],
      ['a=imageattr:* recv ', '*'],
      ['a=simulcast:send ', '1,~'],
      ['a=simulcast: recv ', 'pt=97 '],
      ['a=candidate:', '1 1 UDP '],
      ['a=rtpmap:96 H264', ' '],
      ['a=fmtp:96 ', 'a;'],
      ['a=ssrc-group:FID ', '1 '],
      ['a=source-filter: incl IN ', 'x '],
      ['a=crypto:1 ', 'x '],
      ['a=rid:1 send ', 'a '],
      ['', 'm=video 0 RTP/AVP 96\r\n'],
      ['', 'a=rtpmap:96 H264/90000\r\n'],
      ['', 'm='],
      ['', '\r\n'],
    ] as const) {
      const repeated = piece.repeat(Math.floor((room - head.length) / piece.length));
      parseSdp(`v=0\r\nm=video 0 RTP/AVP 96\r\n${head}${repeated}`);
    }
    const { user } = process.cpuUsage(started);
    assert.ok(user < 2_000_000, `${user / 1000} ms`);
  });
});
