// Answers that are well formed and mean harm: informational ones without end, values at their extremes,
// refusals that take turns, and services that answer at length or not at all.

import assert from 'node:assert/strict';
import type net from 'node:net';
import zlib from 'node:zlib';
import { interleaved, rtp, SDP, type Script } from '../kit/scripted-server.js';
import { withAudio } from './descriptions.js';
import { BY_URI, keyService, PLAYBACK } from './dialogues.js';
import { opening } from './packets.js';
import type { Attack, Seen } from './stage.js';

const ACCOUNT = { username: 'user', password: 'correct-horse-battery' };
const STATUSES = [
  100, 204, 300, 304, 400, 402, 405, 406, 407, 410, 411, 413, 415, 451, 452, 453, 454, 455, 456, 457, 458,
  459, 460, 461, 462, 463, 464, 500, 501, 502, 503, 504, 505, 551, 600, 999,
];

/** Writes `bytes` as fast as the peer takes them. */
function pour(socket: net.Socket, bytes: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on('error', () => undefined);
  socket.on('drain', more);
  more();
}

const describedAs = (...lines: string[]): Script => {
  const body = [...SDP.split('\r\n').slice(0, 9), ...lines, ''].join('\r\n').slice(0, 120 * 1024);
  return ({ method, uri }) =>
    method === 'DESCRIBE'
      ? { headers: { 'Content-Type': 'application/sdp', 'Content-Base': `${uri}/` }, body }
      : undefined;
};

const VIDEO = ['m=video 0 RTP/AVP 99', 'a=rtpmap:99 H264/90000', 'a=control:track1'];

/** Handles a tunnel's GET and POST on the bare sockets. */
const tunnel = (name: string, answer: (socket: net.Socket, method: string) => void): Attack => ({
  name: `a tunnel ${name}`,
  server: { transport: 'http', requestTimeout: 2 },
  credentials: ACCOUNT,
  tunnel: true,
  http: ({ socket, method }) => {
    socket.on('error', () => undefined);
    answer(socket, method ?? '');
  },
  judge: comesBackSlowly,
});

const plays = (name: string, headers: Record<string, string>): Attack => ({
  name: `a recording ${name}`,
  server: BY_URI,
  before: opening,
  nodes: PLAYBACK,
  script: ({ method }, { connection }) =>
    method === 'PLAY' ? { headers: { Session: `S${connection}`, ...headers } } : undefined,
  cycle: opening,
  mbit: 2,
  judge: ({ caught }) => {
    assert.equal(caught.other, undefined, 'an error without a code');
  },
});

export const SERVICES: readonly Attack[] = [
  {
    name: 'a Public of 3,000 methods, another one each time',
    script: ({ method }, { connection }) =>
      method === 'OPTIONS' || method === 'GET_PARAMETER'
        ? { headers: { Public: Array.from({ length: 3000 }, (_, i) => `M${connection}${i}`).join(',') } }
        : undefined,
  },
  {
    name: 'a session of one second whose keep-alives are refused with another challenge each',
    credentials: ACCOUNT,
    before: opening,
    cycle: opening,
    mbit: 1,
    script: ({ method, headers }, { connection }) => {
      const challenge = `Digest realm="r", nonce="${Math.random()}", stale=true, qop="auth"`;
      if (method === 'GET_PARAMETER' || (method === 'OPTIONS' && headers.get('Session') !== undefined))
        return { status: 401, headers: { 'WWW-Authenticate': challenge } };
      if (method === 'SETUP')
        return {
          headers: {
            Session: `S${connection};timeout=1;timeout=0;timeout=-1;timeout=1e99`,
            Transport: headers.get('Transport'),
          },
        };
      return undefined;
    },
    judge: comesBackSlowly,
  },
  {
    name: 'challenges of another realm, scheme and algorithm with each request',
    credentials: ACCOUNT,
    script: ({ method }, { connection }) => {
      if (method === 'OPTIONS') return undefined;
      const algorithm = ['MD5', 'SHA-256', 'MD5-sess', 'SHA-512'][Math.floor(Math.random() * 4)]!;
      const digest = `Digest realm="${connection}${Math.random()}", nonce="${Math.random()}", algorithm=${algorithm}, qop="auth,auth-int", stale=true`;
      return { status: 401, headers: { 'WWW-Authenticate': [digest, 'Negotiate', 'Bearer'] } };
    },
    judge: ({ words }) => {
      assert.ok((words.connecting ?? 0) <= 8, `it logs in ${words.connecting ?? 0} times`);
    },
  },
  {
    name: '"100 Continue" without end in place of an answer',
    script: ({ method, headers }, { socket }) => {
      if (method !== 'DESCRIBE') return undefined;
      const one = `RTSP/1.0 100 Continue\r\nCSeq: ${headers.get('CSeq') ?? ''}\r\n\r\n`;
      pour(socket, Buffer.from(one.repeat(2000)));
      return { raw: Buffer.alloc(0) };
    },
    judge: comesBackSlowly,
  },
  {
    name: 'redirects to another path each, with an account, a zone and 10 KB of query in it',
    credentials: ACCOUNT,
    script: ({ method, uri }, { connection }) =>
      method === 'DESCRIBE'
        ? {
            status: [301, 302, 303, 305, 307, 308][connection % 6]!,
            headers: {
              Location: uri.replace(
                /^rtsp:\/\/([^/]*).*$/,
                `rtsp://root:toor@$1/${connection}/${Math.random()}?${'q=%00&'.repeat(1700)}`,
              ),
            },
          }
        : undefined,
    judge: comesBackSlowly,
  },
  {
    name: 'both tracks put on the same channels, and a session that changes with each answer',
    sdp: withAudio('PCMU/8000', undefined),
    before: opening,
    cycle: opening,
    mbit: 2,
    script: ({ method }, { connection }) =>
      method === 'SETUP'
        ? {
            headers: {
              Session: `${connection}${Math.random()}`,
              Transport: 'RTP/AVP/TCP;unicast;interleaved=0-0;ssrc=FFFFFFFF',
            },
          }
        : undefined,
  },
  {
    name: 'a TEARDOWN of the server behind each PLAY',
    script: ({ method }) =>
      method === 'PLAY'
        ? {
            after: Buffer.concat([
              opening(),
              Buffer.from('TEARDOWN * RTSP/1.0\r\nCSeq: 1\r\n\r\n'.repeat(500)),
            ]),
          }
        : undefined,
    judge: comesBackSlowly,
  },
  {
    name: 'a keyframe and the end of the connection, again and again',
    script: ({ method }) => (method === 'PLAY' ? { after: opening(), close: true } : undefined),
    judge: comesBackSlowly,
  },
  {
    name: 'another refusal each time, of each request in turn, with a Retry-After of 0 and of years',
    server: { transport: 'auto' },
    script: ({ method }, { connection }) => {
      const refused = ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY'][connection % 4];
      if (method !== refused) return undefined;
      const retry = ['0', '-1', '99999999999', 'Fri, 31 Dec 9999 23:59:59 GMT'][connection % 4]!;
      return { status: STATUSES[connection % STATUSES.length]!, headers: { 'Retry-After': retry } };
    },
    judge: comesBackSlowly,
  },
  {
    name: 'a description of 20,000 attributes, and of lines of colons, equals signs and spaces',
    script: describedAs(
      ...Array.from({ length: 4000 }, (_, i) => `a=x${i}:${i}`),
      ...VIDEO.slice(0, 2),
      ...Array.from({ length: 500 }, () => 'a=control:track1'),
      `a=fmtp:99 ${'='.repeat(10_000)};${' '.repeat(10_000)};${':'.repeat(10_000)}`,
      `a=framesize:99 ${'1-'.repeat(5000)}`,
    ),
  },
  {
    name: 'a description of numbers that are none: rates, sizes, ports and types',
    script: describedAs(
      'm=video 99999999999999999999/1e308 RTP/AVP 99 -1 1e9 NaN 256',
      'a=rtpmap:99 H264/1e308/1e308',
      'a=rtpmap:-1 __proto__/0',
      'a=fmtp:99 packetization-mode=1e308;sprop-interleaving-depth=-1;__proto__=1;constructor=x;sprop-parameter-sets=,,,,',
      'a=framerate:Infinity',
      'a=framesize:99 1e9-1e9',
      'a=x-dimensions:-1,NaN',
      'a=control:track1',
    ),
    before: opening,
    cycle: opening,
    mbit: 1,
  },
  {
    name: 'tracks whose addresses lead to other hosts, schemes and files',
    script: describedAs(
      ...[
        'rtsp://127.0.0.1:1/x',
        'file:///etc/passwd',
        'http://169.254.169.254/',
        '//host/x',
        '\0',
        '../..',
      ].flatMap((control) => [...VIDEO.slice(0, 2), `a=control:${control}`]),
    ),
    judge: comesBackSlowly,
  },
  plays('whose span is given in years beyond all years', {
    Range: 'clock=99991231T235959Z-00000101T000000Z',
    Scale: 'NaN',
    Speed: '-1e308',
    'RTP-Info': 'url=x;seq=65535;rtptime=4294967295,url=*;seq=99999999;rtptime=-1',
  }),
  plays('whose span ends before it begins', { Range: 'npt=999999999999-0.000001', 'RTP-Info': 'url=' }),
  keyService('sends "103 Early Hints" without end', ({ socket }) => {
    const hint = `HTTP/1.1 103 Early Hints\r\nLink: </${'x'.repeat(200)}>\r\n\r\n`;
    pour(socket, Buffer.from(hint.repeat(200)));
  }),
  keyService('cuts its answer into chunks of one byte, each with an extension of 8 KB', ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    pour(socket, Buffer.from(`1;${'x'.repeat(8000)}\r\nk\r\n`.repeat(8)));
  }),
  keyService('sends headers without end', ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    pour(socket, Buffer.alloc(65_536, 'X: y\r\n'));
  }),
  keyService('sends trailers without end', ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nk\r\n0\r\n');
    pour(socket, Buffer.alloc(65_536, 'X: y\r\n'));
  }),
  keyService('packs 100 MB with Brotli', (_, response) => {
    response.writeHead(200, { 'content-encoding': 'br' });
    const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 };
    response.end((bomb ??= zlib.brotliCompressSync(Buffer.alloc(100 << 20), { params })));
  }),
  keyService('sets 5,000 cookies and is always busy', (_, response) => {
    const cookies = Array.from({ length: 200 }, (_, i) => `c${i}${Math.random()}=${'x'.repeat(40)}`);
    response.writeHead(503, { 'retry-after': '0', 'set-cookie': cookies });
    response.end();
  }),
  keyService('answers half a status line and falls silent', ({ socket }) => {
    socket.write('HTTP/1.1 200');
  }),
  tunnel('that says "100 Continue" without end', (socket, method) => {
    if (method === 'GET') pour(socket, Buffer.from('HTTP/1.0 100 Continue\r\n\r\n'.repeat(1000)));
  }),
  tunnel('that wants another log-in with each answer', (socket) => {
    socket.end(
      `HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="${Math.random()}", nonce="${Math.random()}", stale=true\r\n\r\n`,
    );
  }),
  tunnel('that sends requests without end and closes each POST at once', (socket, method) => {
    if (method !== 'GET') {
      socket.destroy();
      return;
    }
    socket.write('HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n');
    pour(socket, Buffer.from('OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n'.repeat(2000)));
  }),
  tunnel('that redirects to another service of its choice', (socket) => {
    socket.end('HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:1/admin?do=it\r\n\r\n');
  }),
  {
    name: 'media and answers in pieces of one byte',
    script: ({ method }, { socket }) => {
      if (method === 'PLAY')
        setTimeout(() => {
          const bytes = Buffer.concat([
            opening(),
            interleaved(0, rtp(0, 3600, true, Buffer.of(0x41, 0x9a, 1))),
          ]);
          let at = 0;
          socket.setNoDelay(true);
          const more = (): void => {
            for (let i = 0; i < 200 && !socket.destroyed; i++, at++)
              socket.write(bytes.subarray(at % bytes.length, (at % bytes.length) + 1));
            if (!socket.destroyed) setTimeout(more, 5);
          };
          more();
        }, 100);
      return undefined;
    },
  },
];

/** Made when it is first sent. */
let bomb: Buffer | undefined;

function comesBackSlowly({ words }: Seen): void {
  assert.ok((words.connecting ?? 0) < 30, `it connects ${words.connecting ?? 0} times`);
}
