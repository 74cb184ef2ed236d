// The corpus: what the spec's servers say, captured packets, and streams of the test's own packetizers.

import { splitAnnexB } from '../../lib/codec/annexb.js';
import { buildBye, buildReceiverReport, buildSdes, buildSenderReport } from '../../lib/rtp/rtcp.js';
import fs from 'node:fs';
import path from 'node:path';
import { auHeaders, packetizeAac } from '../codec/packetizers/aac.js';
import { packetizeH264, packetizeH264Interleaved, mtap, stapA } from '../codec/packetizers/h264.js';
import { BitWriter } from '../codec/bit-writer.js';
import * as h264 from '../codec/h264/nals.js';
import { aggregation, packetizeH265, packetizeH265Numbered } from '../codec/packetizers/h265.js';
import * as h265 from '../codec/h265/nals.js';
import { muxConfig, packetizeLatm, toBits } from '../codec/packetizers/latm.js';
import { jpegParts, packetizeMjpeg } from '../codec/packetizers/mjpeg.js';
import { adtsFrames, capture, fixture } from '../codec/packetizers/network.js';
import type { SourcePicture } from '../codec/packetizers/packets.js';
import { onvifReplay, rtp } from '../rtp/build.js';

const crlf = (...lines: string[]): string => lines.join('\r\n');

export const SDPS = [
  crlf(
    'v=0',
    'o=- 1271956268066958 0 IN IP4 0.0.0.0',
    's=Session streamed by "NVRMediaServer"',
    'i=CH00D',
    't=0 0',
    'a=tool:NVR Streaming Media',
    'a=control:*',
    'a=range:npt=0-',
    'm=video 0 RTP/AVP 99',
    'c=IN IP4 0.0.0.0',
    'a=rtpmap:99 H264/90000',
    'a=fmtp:99 packetization-mode=1',
    'a=control:track1',
    'a=cliprect:0,0,576,720',
    'a=framerate:25.000000',
    '',
  ),
  crlf(
    'v=0',
    's=-',
    'm=video 0 RTP/AVP 96',
    'a=rtpmap:96 H265/90000',
    'a=fmtp:96 sprop-vps=QAEMAf//; sprop-sps=QgEBAWAAAAMA; sprop-pps=RAHBcrRiQA==; sprop-max-don-diff=2',
    'm=video 0 RTP/AVP 26 97',
    'a=rtpmap:97 H264/90000',
    'a=fmtp:97 packetization-mode=2;sprop-interleaving-depth=8;sprop-parameter-sets=Z2QAKKzZQHgCJ+XARAAAAwAE,aOvjyyLA',
    'm=audio 0 RTP/AVP 98 0 8',
    'a=rtpmap:98 mpeg4-generic/48000/2',
    'a=fmtp:98 streamtype=5;mode=AAC-hbr;config=1190;sizelength=13;indexlength=3;indexdeltalength=3',
    'm=audio 0 RTP/AVP 100',
    'a=rtpmap:100 MP4A-LATM/44100',
    'a=fmtp:100 cpresent=0; config=400024203fc0',
    'm=application 0 RTP/AVP 107',
    'a=rtpmap:107 vnd.onvif.metadata/90000',
    'a=recvonly',
    '',
  ),
  // What took long to read: many lines for one payload type, and many parameters in one.
  crlf(
    'v=0',
    'm=video 0 RTP/AVP 99',
    'a=rtpmap:99 H264/90000',
    ...Array.from({ length: 400 }, (_, i) => `a=fmtp:99 a${i}=${i}`),
    `a=fmtp:99 ${'a=b;'.repeat(2000)} ${' '.repeat(2000)}c`,
    '',
  ),
];

export const HEADER_VALUES: Readonly<Record<string, readonly string[]>> = {
  Session: ['538A2CBB;timeout=60', '1; timeout = 5'],
  Transport: [
    'RTP/AVP/UDP;unicast;client_port=48646-48647;server_port=17808-17809',
    'RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0A1B2C3D;mode="PLAY"',
    'RTP/AVP;multicast;destination=239.0.0.1;port=5000-5001;ttl=16,RTP/AVP',
  ],
  'RTP-Info': [
    'url=rtsp://h/CH00D/track1;seq=45102;rtptime=1401564347,url=rtsp://h/2;seq=1;',
    'url="a,b;c";seq=1',
  ],
  Range: ['npt=0.000-', 'clock=19961108T142300.25Z-19961108T143520Z', 'npt=0:01:30.5-', 'smpte=10:12:33:20-'],
  Public: ['OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, GET_PARAMETER'],
  'WWW-Authenticate': [
    'Digest realm="RTSP Server", nonce="b6178554c731808e378559283e5483fc"',
    'Basic realm="a", Digest realm="b\\"c", qop="auth,auth-int", algorithm=SHA-256, nonce=abc, opaque="", stale=TRUE',
  ],
  'Content-Base': ['rtsp://192.168.6.202:554/CH00D/', 'rtsp://rtsp://h/', '[fe80::1]/live/'],
  Location: ['rtsp://u:p%40@h:8554/live?ch=0000&stype=M'],
};

export const CHALLENGES = [
  ...HEADER_VALUES['WWW-Authenticate']!,
  'Digest\trealm="r" ,\tnonce=abc+/==,algorithm="MD5", stale="FALSE"',
  'Digest realm="Tom\\"s \\\\ cam", nonce="n3", qop="auth-int"\nBasic realm="\xb4\xf3\xc3\xc5"\nNegotiate abc==',
  `Digest realm="${' '.repeat(200)}", nonce=${'"'.repeat(9)}`,
];

export const KEY_REPLIES = [
  '{"error":{"code":0,"message":"OK"},"data":[[{"pb_key":"aB3"}]]}',
  '<?xml version="1.0"?><!-- x --><n:r xmlns:n="u"><n:pbkey a=\'b\'>a&amp;b&#x41;</n:pbkey><key value="x"/><![CDATA[y]]></n:r>',
  'OK\r\nvar result = 0;\r\nvar root.pbkey = "aB3;x";\r\nerror=0&pbkey=aB3\r\n',
  'NOT_LOGIN',
  'key=a b',
  'id=[aB3] ticket=aB3',
  '<!DOCTYPE html><html><head><title>Log in</title></head></html>',
  'callback({"pbkey":"aB3"});',
  // What held the loop for seconds where regular expressions looked through all of it.
  `key=a${' '.repeat(60_000)}b`,
  `key=${'"'.repeat(20_000)}`,
  `${'['.repeat(10_000)}{"pbkey":"${'<'.repeat(10_000)}`,
  `<key${' a="b"'.repeat(5000)}`,
];

/** Whole conversations, as the socket gives them. */
export function conversations(): Buffer[] {
  const headers = Object.entries(HEADER_VALUES).map(([name, values]) => `${name}: ${values[0]!}`);
  const frame = (channel: number, packet: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0x24, channel, packet.length >> 8, packet.length & 0xff]), packet]);
  const media = streams()
    .h264!.packets.slice(0, 20)
    .map((packet) => frame(0, packet));
  const reply = (body: string, ...more: string[]): Buffer =>
    Buffer.from(crlf('RTSP/1.0 200 OK', 'CSeq: 2', ...more, `Content-Length: ${body.length}`, '', body));
  return [
    Buffer.concat([reply('', ...headers), reply(SDPS[0]!), ...media]),
    Buffer.concat([...media.slice(0, 3), Buffer.from('junk\r\n'), reply(SDPS[1]!), ...media]),
    Buffer.from(crlf('OPTIONS rtsp://h/ RTSP/1.0', 'CSeq: 1', ' folded', 'Session : 1', '', '')),
    Buffer.from(
      crlf(
        'RTSP/1.0 401 Unauthorized',
        'Cseq: 2',
        `WWW-Authenticate: ${HEADER_VALUES['WWW-Authenticate']![1]!}`,
        '',
        '',
      ),
    ),
    Buffer.from('HTTP/1.1 200 OK\r\n\r\n'),
    // Servers that repeat what they were told: in the reason, in Unsupported, in other names of a query and
    // in a path.
    Buffer.from(
      crlf(
        'RTSP/1.0 551 No such option: Basic dTpw and pbkey=aB3',
        'CSeq: 2',
        'Unsupported: Authorization: Digest username="u", response="1"',
        'Location: rtsp://u:p@h/aB3/live?session=aB3&token=x',
        '',
        '',
      ),
    ),
  ];
}

export function rtcpPackets(): Buffer[] {
  const report = { ssrc: 1, ntpMs: 1_700_000_000_000, rtpTime: 9, packets: 5, bytes: 500 };
  return [
    Buffer.concat([buildSenderReport(report), buildSdes(1, 'camera')]),
    Buffer.concat([buildReceiverReport(1), buildSdes(1, 'x'.repeat(255)), buildBye(1)]),
    Buffer.from('81cc000400000001414243440000000000000001', 'hex'),
  ];
}

export interface Stream {
  encoding: string;
  clockRate: number;
  fmtp: Record<string, string>;
  packets: Buffer[];
}

let made: Record<string, Stream> | undefined;

/** A stream of every payload format, by name. */
export function streams(): Record<string, Stream> {
  return (made ??= makeStreams());
}

function makeStreams(): Record<string, Stream> {
  const clip = realPictures();
  const small: SourcePicture[] = [
    { rtpTime: 0, nals: [h264.AUD, h264.SPS, h264.PPS, h264.RECOVERY_SEI, h264.idr({ size: 300 })] },
    { rtpTime: 3600, nals: [h264.delta({ size: 500 }), h264.delta({ firstMb: 20 })] },
    { rtpTime: 7200, nals: [h264.OTHER_SPS, h264.OTHER_PPS, h264.USER_SEI, h264.idr()] },
  ];
  const hevc: SourcePicture[] = [
    {
      rtpTime: 0,
      nals: [h265.AUD, h265.VPS, h265.SPS, h265.PPS, h265.SEI, h265.slice(h265.IDR, { size: 900 })],
    },
    { rtpTime: 3600, nals: [h265.slice(h265.TRAIL), h265.slice(h265.TRAIL, { first: false })] },
    { rtpTime: 7200, nals: [h265.OTHER_SPS, h265.slice(h265.CRA)] },
  ];
  const video = (encoding: string, packets: Buffer[], fmtp: Record<string, string> = {}): Stream => ({
    encoding,
    clockRate: 90_000,
    fmtp,
    packets,
  });
  const jpeg = jpegParts(fixture('mjpeg422-gst-0.jpg'));
  const aac = {
    sequence: 1,
    timestamp: 0,
    frameTicks: 1024,
    sizeLength: 13,
    indexLength: 3,
    indexDeltaLength: 3,
  };
  const numbered = packetizeH264Interleaved(
    small,
    [1, 0, 2, 4, 3, 6, 5, 7, 9, 8, 10].slice(0, 9),
    200,
    65_530,
  );
  return {
    h264: video('H264', packetizeH264(clip, { mtu: 1400, aggregate: true })),
    'h264 small': video('H264', packetizeH264(small, { mtu: 100, aggregate: true })),
    'h264 interleaved': video(
      'H264',
      [
        ...numbered,
        rtp({
          sequence: 900,
          timestamp: 9000,
          payload: mtap(2, 7, [{ nal: h264.delta(), dond: 0, offset: 0 }]),
        }),
        rtp({
          sequence: 901,
          timestamp: 9000,
          payload: mtap(3, 9, [{ nal: h264.idr(), dond: 1, offset: 70_000 }]),
        }),
      ],
      { 'packetization-mode': '2', 'sprop-interleaving-depth': '4', 'sprop-max-don-diff': '8' },
    ),
    h265: video('H265', packetizeH265(hevc, { mtu: 120, aggregate: true })),
    'h265 numbered': video('H265', packetizeH265Numbered(hevc, [0, 2, 1, 3, 5, 4, 6, 8, 7, 9], 200, 65_533), {
      'sprop-max-don-diff': '4',
      'sprop-depack-buf-nalus': '4',
    }),
    mjpeg: video('JPEG', [...capture('mjpeg-gst.rtp'), ...capture('mjpeg422-gst.rtp')]),
    'mjpeg restart': video('JPEG', [
      ...packetizeMjpeg(jpeg.scan, {
        ...jpeg,
        mtu: 500,
        type: 64,
        q: 255,
        restart: 4,
        sequence: 1,
        timestamp: 0,
      }),
      ...packetizeMjpeg(jpeg.scan, {
        ...jpeg,
        mtu: 900,
        type: 0,
        q: 90,
        sequence: 100,
        timestamp: 3000,
        extension: { profile: 0xabac, data: onvifReplay(1_700_000_000_000) },
      }),
    ]),
    'h264 flood of tiny pictures': video('H264', floodOfTiny()),
    'h264 keyframe and pictures of 6 bytes': video(
      'H264',
      eachInOne([h264.SPS, h264.PPS, h264.idr(), ...new Array<Buffer>(57).fill(h264.delta({ size: 2 }))]),
    ),
    'h264 another format with every picture': video(
      'H264',
      eachInOne(
        Array.from({ length: 30 }, (_, i) => [i % 2 === 0 ? h264.SPS : h264.OTHER_SPS, h264.idr()]).flat(),
      ),
    ),
    'h264 aggregates of a thousand': video(
      'H264',
      eachInOne([
        h264.SPS,
        h264.PPS,
        stapA(new Array<Buffer>(1000).fill(Buffer.of(0x65, 0x88, 0x80))),
        stapA([h264.idr(), ...new Array<Buffer>(1000).fill(Buffer.of(0x06))]),
      ]),
    ),
    'h265 aggregates of a thousand': video(
      'H265',
      eachInOne([
        h265.VPS,
        h265.SPS,
        h265.PPS,
        aggregation(new Array<Buffer>(1000).fill(h265.slice(h265.IDR, { size: 1 }))),
      ]),
    ),
    'aac flood of tiny units': {
      encoding: 'MPEG4-GENERIC',
      clockRate: 16_000,
      fmtp: { mode: 'AAC-hbr', config: '1408', sizelength: '13', indexlength: '3', indexdeltalength: '3' },
      packets: Array.from({ length: 8 }, (_, i) =>
        rtp({
          sequence: i,
          timestamp: i * 1024,
          marker: true,
          payload: Buffer.concat([auHeaders(new Array<number>(4000).fill(1), AU_WIDTHS), Buffer.alloc(4000)]),
        }),
      ),
    },
    aac: {
      encoding: 'MPEG4-GENERIC',
      clockRate: 48_000,
      fmtp: { mode: 'AAC-hbr', config: '1190', sizelength: '13', indexlength: '3', indexdeltalength: '3' },
      packets: packetizeAac(adtsFrames('aacfrag-ffmpeg.adts').slice(0, 20), { ...aac, mtu: 600 }),
    },
    'aac low': {
      encoding: 'MPEG4-GENERIC',
      clockRate: 8000,
      fmtp: {
        mode: 'AAC-lbr',
        config: '1588',
        sizelength: '6',
        indexlength: '2',
        indexdeltalength: '2',
        maxdisplacement: '4',
      },
      packets: packetizeAac(
        Array.from({ length: 40 }, (_, i) => Buffer.alloc(10 + (i % 50), i)),
        { ...aac, sizeLength: 6, indexLength: 2, indexDeltaLength: 2, mtu: 200 },
      ),
    },
    latm: latm({ cpresent: '0', config: '400028203fc0' }, capture('latm-ffmpeg.rtp')),
    'latm short config': latm({ cpresent: '0', config: '40002810' }, capture('latm-gst.rtp')),
    'latm in band': latm(
      { cpresent: '1' },
      packetizeLatm(adtsFrames('aacfrag-ffmpeg.adts').slice(0, 20), {
        mtu: 300,
        frames: 2,
        frameTicks: 1024,
        sequence: 1,
        timestamp: 0,
        inBand: muxConfig(toBits(Buffer.from('1410', 'hex')), 2),
        configEvery: 3,
      }),
    ),
    pcmu: sound('PCMU', 8000, 160),
    g726: sound('G726-32', 8000, 80),
    l16: sound('L16', 44_100, 1200),
    opus: sound('OPUS', 48_000, 100),
    onvif: video('VND.ONVIF.METADATA', documents()),
  };
}

/** Each in a packet of its own, that ends a picture where it may. */
function eachInOne(payloads: readonly Buffer[]): Buffer[] {
  return payloads.map((payload, i) => rtp({ sequence: i, timestamp: i * 3600, marker: true, payload }));
}

const AU_WIDTHS = { sizeLength: 13, indexLength: 3, indexDeltaLength: 3 };

/** As large parameter sets as are kept, then keyframes and pictures of a few bytes. */
function floodOfTiny(): Buffer[] {
  const large = Array.from({ length: 20 }, (_, id) =>
    Buffer.concat([new BitWriter().ue(id).ue(0).nal(0x68), Buffer.alloc(3000, 0x55)]),
  );
  const nals = [
    h264.SPS,
    ...large,
    ...Array.from({ length: 60 }, (_, i) => h264[i % 3 === 0 ? 'idr' : 'delta']({ size: 1, ppsId: i % 20 })),
  ];
  return nals.map((payload, i) =>
    rtp({ sequence: i, timestamp: i * 3600, marker: i > large.length, payload }),
  );
}

function latm(fmtp: Record<string, string>, packets: Buffer[]): Stream {
  return { encoding: 'MP4A-LATM', clockRate: 16_000, fmtp, packets };
}

function sound(encoding: string, clockRate: number, size: number): Stream {
  const packets = Array.from({ length: 8 }, (_, i) =>
    rtp({ sequence: 65_532 + i, timestamp: i * size, marker: i === 0, payload: Buffer.alloc(size, i) }),
  );
  return { encoding, clockRate, fmtp: {}, packets };
}

function documents(): Buffer[] {
  const text = Buffer.from(
    `<?xml version="1.0"?><tt:MetadataStream>${'<a/>'.repeat(100)}</tt:MetadataStream>`,
  );
  const packets: Buffer[] = [];
  for (let i = 0; i < 3; i++) {
    for (let at = 0; at < text.length; at += 100) {
      const marker = at + 100 >= text.length;
      packets.push(
        rtp({
          sequence: packets.length,
          timestamp: i * 90_000,
          marker,
          payload: text.subarray(at, at + 100),
        }),
      );
    }
  }
  return packets;
}

/** The first pictures of a real encoder's clip, which has delimiters. */
function realPictures(): SourcePicture[] {
  const clip = fs.readFileSync(path.join(__dirname, '../../lib/simulator/clips/ch1-dual.h264'));
  const pictures: SourcePicture[] = [];
  for (const nal of splitAnnexB(clip.subarray(0, 30_000))) {
    if ((nal[0]! & 0x1f) === 9) pictures.push({ nals: [], rtpTime: 7200 * pictures.length });
    pictures.at(-1)!.nals.push(nal);
  }
  return pictures.slice(0, -1);
}

export const HTTP_HEADS = [
  'HTTP/1.0 200 OK\r\nServer: GStreamer RTSP Server\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n$',
  'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="cam", nonce="1"\r\nConnection: close\r\n\r\n<html>',
  'HTTP/1.0 200\nServer: x\n\n',
  'RTSP/1.0 405 Method Not Allowed\r\n\r\n',
];
