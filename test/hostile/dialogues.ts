// Endless or oversized answers from a server: descriptions, headers, challenges and redirects, also from the
// key service and the HTTP tunnel.

import assert from 'node:assert/strict';
import type http from 'node:http';
import zlib from 'node:zlib';
import type { Reply, Script } from '../kit/scripted-server.js';
import type { Attack, Seen } from './stage.js';

const VIDEO = ['m=video 0 RTP/AVP 99', 'a=rtpmap:99 H264/90000', 'a=control:track1'];
const HEAD = ['v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=x', 't=0 0'];

const describes = (lines: readonly string[]): Script => {
  const body = [...HEAD, ...lines, ''].join('\r\n').slice(0, 127 * 1024);
  return ({ method, uri }) =>
    method === 'DESCRIBE'
      ? { headers: { 'Content-Type': 'application/sdp', 'Content-Base': `${uri}/` }, body }
      : undefined;
};

const says = (method: string, reply: () => Reply): Script => {
  return (request) => (request.method === method ? reply() : undefined);
};

/** A flow that plays a recording of the last five minutes; what else its two nodes say. */
export function playback(play: object = {}, inject: object = {}): NonNullable<Attack['nodes']> {
  return [
    {
      ...{ id: 'begin', type: 'inject', once: true, onceDelay: 0.1, wires: [['play']] },
      ...{ props: [{ p: 'from', v: '-5m', vt: 'str' }], ...inject },
    },
    { id: 'play', type: 'nvr-playback', channel: '2', wires: [['pictures'], ['words']], ...play },
  ];
}

/** Where the camera is asked for its recording by its own URI, and not by a key. */
export const BY_URI = {
  uriStyle: 'custom',
  liveTemplate: '/live',
  playbackTemplate: '/recorded?{start:unix}',
};

/** Plays, and so needs a key, again and again. */
export const PLAYBACK = playback({}, { repeat: '0.5' });

export const keyService = (name: string, http: http.RequestListener): Attack => ({
  name: `a key service that ${name}`,
  nodes: PLAYBACK,
  http,
  judge: ({ caught }) => {
    assert.ok(Object.keys(caught).length > 0, 'nobody was told');
    assert.equal(caught.other, undefined, 'an error without a code');
    assert.equal(caught.EINPUT, undefined, 'the settings were blamed');
  },
});

const forever = (response: http.ServerResponse, bytes: Buffer): void => {
  const more = (): void => {
    while (!response.destroyed && response.write(bytes));
  };
  response.on('drain', more);
  response.on('error', () => undefined);
  more();
};

export const DIALOGUES: readonly Attack[] = [
  {
    name: 'a description of 4,000 media',
    script: describes(Array.from({ length: 4000 }, () => VIDEO).flat()),
  },
  {
    name: 'a description of 8,000 fmtp lines for one payload type',
    script: describes([...VIDEO, ...Array.from({ length: 8000 }, (_, i) => `a=fmtp:99 a${i}=${i}`)]),
  },
  {
    name: 'a description whose fmtp has 30,000 parameters, and 20,000 payload types',
    script: describes([
      `m=video 0 RTP/AVP ${Array.from({ length: 20_000 }, (_, i) => i % 128).join(' ')}`,
      'a=rtpmap:99 H264/90000',
      `a=fmtp:99 ${'a=b;'.repeat(12_000)}`,
      'a=control:track1',
    ]),
  },
  {
    name: 'headers without end in place of an answer',
    script: says('DESCRIBE', () => ({
      raw: Buffer.concat([Buffer.from('RTSP/1.0 200 OK\r\n'), Buffer.alloc(8 << 20, 'X: y\r\n')]),
    })),
    judge: comesBackSlowly,
  },
  {
    name: 'an answer that claims a body of 4 GB',
    script: says('DESCRIBE', () => ({
      raw: Buffer.concat([
        Buffer.from('RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 4294967296\r\n\r\n'),
        Buffer.alloc(8 << 20, 'a=b\r\n'),
      ]),
    })),
    judge: comesBackSlowly,
  },
  {
    name: 'a thousand answers to each request',
    script: ({ headers }) => ({
      before: Buffer.from(
        `RTSP/1.0 200 OK\r\nCSeq: ${headers.get('CSeq') ?? ''}\r\nSession: 1\r\n\r\n`.repeat(1000),
      ),
    }),
    judge: comesBackSlowly,
  },
  {
    name: 'challenges without end',
    credentials: { username: 'user', password: 'correct-horse-battery' },
    script: ({ method }, { connection }) =>
      method === 'OPTIONS'
        ? undefined
        : {
            status: 401,
            headers: {
              'WWW-Authenticate': Array.from(
                { length: 60 },
                (_, i) =>
                  `Digest realm="r", nonce="${connection}${i}${Math.random()}", stale=true, qop="auth"`,
              ),
            },
          },
    judge: ({ words }) => {
      assert.ok((words.connecting ?? 0) <= 4, 'it logs in again and again');
    },
  },
  {
    name: 'a redirect to itself',
    script: ({ method, uri }) =>
      method === 'DESCRIBE' ? { status: 302, headers: { Location: uri } } : undefined,
    judge: comesBackSlowly,
  },
  {
    name: 'an Unsupported header that repeats the account',
    credentials: { username: 'user', password: 'correct-horse-battery' },
    script: ({ method, headers }) => {
      if (method === 'OPTIONS') return undefined;
      const given = headers.get('Authorization');
      return given === undefined
        ? { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="r"' } }
        : {
            status: 551,
            reason: `${given} ${encodeURIComponent('user:correct-horse-battery')}`,
            headers: { Unsupported: given },
          };
    },
  },
  keyService('never ends its answer', (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    forever(response, Buffer.alloc(65_536, 'key = '));
  }),
  keyService('packs 100 MB into its answer', (_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end((bomb ??= zlib.gzipSync(Buffer.alloc(100 << 20))));
  }),
  keyService('answers with 60,000 spaces', (_, response) => {
    response.end(`key=a${' '.repeat(60_000)}b`);
  }),
  keyService('redirects to itself', (request, response) => {
    response.writeHead(302, { location: request.url ?? '/' });
    response.end();
  }),
  keyService('challenges without end', (_, response) => {
    response.writeHead(401, { 'www-authenticate': `Digest realm="r", nonce="${Math.random()}", stale=true` });
    response.end();
  }),
  {
    name: 'a tunnel that sends junk without end',
    server: { transport: 'http' },
    tunnel: true,
    http: (request, response) => {
      if (request.method !== 'GET') return;
      response.writeHead(200, { 'content-type': 'application/x-rtsp-tunnelled' });
      forever(response, Buffer.alloc(65_536, 'RTSP/1.0 '));
    },
    judge: comesBackSlowly,
  },
  {
    name: 'a tunnel whose head never ends',
    server: { transport: 'http' },
    tunnel: true,
    http: (request) => {
      const { socket } = request;
      socket.write('HTTP/1.0 200 OK\r\n');
      const more = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536, 'X: y\r\n')));
      };
      socket.on('drain', more);
      more();
    },
    judge: comesBackSlowly,
  },
];

/** Made when it is first sent: making it takes half a second. */
let bomb: Buffer | undefined;

function comesBackSlowly({ words }: Seen): void {
  assert.ok((words.connecting ?? 0) < 30, `it connects ${words.connecting ?? 0} times`);
}
