// Answers that are invalid, arrive drop by drop or lie about their length; floods of requests; and attempts
// to obtain a password, a session with another host, or file descriptors.

import assert from 'node:assert/strict';
import type http from 'node:http';
import { interleaved, rtp, SDP } from '../kit/scripted-server.js';
import type { Script } from '../kit/scripted-server.js';
import { opening } from './packets.js';
import { BY_URI, PLAYBACK } from './dialogues.js';
import type { Attack, Seen } from './stage.js';

const ACCOUNT = { username: 'user', password: 'correct-horse-battery' };

const answers = (method: string, bytes: (cseq: string, uri: string) => Buffer | string): Script => {
  return (request) =>
    request.method === method
      ? { raw: Buffer.from(bytes(request.headers.get('CSeq') ?? '', request.uri)) }
      : undefined;
};

const again =
  (text: string): (() => Buffer) =>
  () =>
    Buffer.from(text.repeat(4096));

/** Records the requests, to be searched afterwards. */
function listening(script: Script): { script: Script; sent: string[] } {
  const sent: string[] = [];
  return {
    sent,
    script: (request, peer) => {
      sent.push(request.headers.get('Authorization') ?? '');
      return script(request, peer);
    },
  };
}

function neverInClear(name: string, script: Script): Attack {
  const heard = listening(script);
  return {
    name,
    credentials: ACCOUNT,
    script: heard.script,
    judge: () => {
      assert.ok(
        heard.sent.some((sent) => sent.startsWith('Digest')),
        'it never logged in',
      );
      assert.deepEqual(
        heard.sent.filter((sent) => sent.startsWith('Basic')),
        [],
      );
    },
  };
}

const DIGEST = { 'WWW-Authenticate': 'Digest realm="r", nonce="n"' };
const BASIC = { 'WWW-Authenticate': 'Basic realm="r"' };

const drops: (name: string, every: string) => Attack = (name, text) => ({
  name,
  script: ({ method, headers }, { socket }) => {
    if (method !== 'DESCRIBE') return undefined;
    socket.write(`RTSP/1.0 200 OK\r\nCSeq: ${headers.get('CSeq') ?? ''}\r\n`);
    let at = 0;
    const timer = setInterval(() => {
      if (socket.destroyed) clearInterval(timer);
      else socket.write(text[at++ % text.length]!);
    }, 100);
    return { raw: Buffer.alloc(0) };
  },
  judge: comesBackSlowly,
});

const key = (name: string, answer: http.RequestListener): Attack => ({
  name: `a key service that ${name}`,
  nodes: PLAYBACK,
  http: answer,
  judge: ({ caught }) => {
    assert.ok(Object.keys(caught).length > 0, 'nobody was told');
    assert.equal(caught.other, undefined, 'an error without a code');
    assert.equal(caught.EINPUT, undefined, 'the settings were blamed');
  },
});

const BIDI = '\u202e\u0007\u001b[31m\u2066'.repeat(2000);

export const NONSENSE: readonly Attack[] = [
  {
    name: 'a flood of ANNOUNCE with a description each',
    before: opening,
    cycle: again(
      `ANNOUNCE * RTSP/1.0\r\nCSeq: 9\r\nContent-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`,
    ),
  },
  {
    name: 'a flood of SET_PARAMETER of 100 KB',
    before: opening,
    cycle: () =>
      Buffer.from(
        `SET_PARAMETER * RTSP/1.0\r\nCSeq: 9\r\nContent-Length: 100000\r\n\r\n${'x: y\r\n'.repeat(16_667).slice(0, 100_000)}`.repeat(
          10,
        ),
      ),
  },
  {
    name: 'answers to requests that nobody made',
    before: opening,
    cycle: again('RTSP/1.0 401 Unauthorized\r\nCSeq: 99999\r\nWWW-Authenticate: Basic realm="r"\r\n\r\n'),
  },
  {
    name: 'a Transport header of 15 KB of quotes and semicolons',
    script: answers(
      'SETUP',
      (cseq) =>
        `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\nSession: 1\r\nTransport: RTP/AVP/TCP;${'a="b;,";'.repeat(1000)}${'"'.repeat(4000)}${' '.repeat(3000)}\r\n\r\n`,
    ),
    judge: comesBackSlowly,
  },
  {
    name: 'an RTP-Info of 1,000 tracks and a Range of colons',
    script: answers(
      'PLAY',
      (cseq) =>
        `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\nSession: S1\r\nRange: npt=${':'.repeat(5000)}\r\nRTP-Info: ${'url=x;seq=1;rtptime=2,'.repeat(400)}\r\n\r\n`,
    ),
  },
  {
    name: 'a challenge of 1,000 parameters, quotes and brackets',
    credentials: ACCOUNT,
    script: answers(
      'DESCRIBE',
      (cseq) =>
        `RTSP/1.0 401 Unauthorized\r\nCSeq: ${cseq}\r\nWWW-Authenticate: Digest realm="${'\\"'.repeat(2000)}", ${'p="q", '.repeat(1000)}nonce="${'n'.repeat(3000)}"\r\n\r\n`,
    ),
    judge: ({ words }) => {
      assert.ok((words.connecting ?? 0) <= 4, 'it logs in again and again');
    },
  },
  {
    name: 'reasons of control characters, escapes and reversed text',
    script: answers('DESCRIBE', (cseq) => `RTSP/1.0 500 ${BIDI.slice(0, 4000)}\r\nCSeq: ${cseq}\r\n\r\n`),
    judge: (seen) => {
      // eslint-disable-next-line no-control-regex -- characters that must not be shown
      assert.ok(!/[\u0007\u001b\u202e\u2066]/.test(JSON.stringify(seen.texts)), 'it is shown');
      comesBackSlowly(seen);
    },
  },
  {
    name: 'a body in chunks, and one of a negative length',
    script: (request, { connection }) =>
      answers('DESCRIBE', (cseq) =>
        connection % 2 === 0
          ? `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\nTransfer-Encoding: chunked\r\n\r\n${'ffffffff\r\n'.repeat(1000)}`
          : `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\nContent-Length: -1\r\nContent-Length: 1e99\r\n\r\n${SDP}`,
      )(request, undefined as never),
    judge: comesBackSlowly,
  },
  drops('header lines a byte at a time, without end', 'X-A: b\r\n'),
  drops('a line that never ends, a byte at a time', 'x'),
  {
    name: 'a status of 99999 and an answer of another protocol in turn',
    script: (request, { connection }) =>
      answers('OPTIONS', (cseq) =>
        connection % 2 === 0
          ? `RTSP/1.0 99999 What\r\nCSeq: ${cseq}\r\n\r\n`
          : `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n${'<b>'.repeat(10_000)}`,
      )(request, undefined as never),
    judge: comesBackSlowly,
  },
  neverInClear(
    'a man in the middle who wants Basic once Digest was offered: for SETUP',
    ({ method, headers }) => {
      if (method === 'OPTIONS') return undefined;
      if (method === 'SETUP') return { status: 401, headers: BASIC };
      return headers.get('Authorization') === undefined ? { status: 401, headers: DIGEST } : undefined;
    },
  ),
  neverInClear(
    'a man in the middle who wants Basic once Digest was offered: from the next connection on',
    ({ method, headers }, { connection }) => {
      if (method === 'OPTIONS') return undefined;
      if (connection > 1) return { status: 401, headers: BASIC };
      if (method === 'PLAY') return { close: true };
      return headers.get('Authorization') === undefined ? { status: 401, headers: DIGEST } : undefined;
    },
  ),
  {
    name: 'secrets repeated in the description, in headers and in a realm, in each of their forms',
    credentials: ACCOUNT,
    script: ({ method, headers }) => {
      if (method === 'OPTIONS') return undefined;
      const said = `${headers.get('Authorization') ?? ''} ${ACCOUNT.password} ${encodeURIComponent(ACCOUNT.password)} ${Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString('base64')}`;
      if (headers.get('Authorization') === undefined)
        return { status: 401, headers: { 'WWW-Authenticate': 'Digest realm="r", nonce="n"' } };
      return {
        headers: { 'Content-Type': 'application/sdp', Server: said },
        body: SDP.replace('H264/90000', `${said.replaceAll(' ', '-').slice(0, 300)}/90000`),
      };
    },
  },
  {
    name: 'redirects back and forth between two paths',
    script: ({ method, uri }) =>
      method === 'DESCRIBE'
        ? {
            status: 302,
            headers: {
              Location: uri.endsWith('/a') ? uri.replace(/\/a$/, '/b') : `${uri.replace(/\/b$/, '')}/a`,
            },
          }
        : undefined,
    judge: comesBackSlowly,
  },
  {
    name: 'REDIRECT requests while it plays, to other ports of this machine',
    before: opening,
    cycle: again('REDIRECT * RTSP/1.0\r\nCSeq: 7\r\nLocation: rtsp://127.0.0.1:22/\r\n\r\n'),
    judge: comesBackSlowly,
  },
  {
    name: 'a grant of the multicast group of another service, with a TTL of 255',
    server: { transport: 'multicast' },
    script: ({ method }) =>
      method === 'SETUP'
        ? {
            headers: {
              Session: '1',
              Transport: 'RTP/AVP;multicast;destination=224.0.0.251;port=5353-5354;ttl=255',
            },
          }
        : undefined,
    judge: comesBackSlowly,
  },
  {
    name: 'a grant of more channels than there are, and of ports of other services',
    server: { transport: 'udp' },
    script: ({ method }) =>
      method === 'SETUP'
        ? {
            headers: {
              Session: '1',
              Transport:
                'RTP/AVP;unicast;client_port=1-2;server_port=99999-70000;source=8.8.8.8;interleaved=300-301',
            },
          }
        : undefined,
  },
  {
    name: 'runs of 400 names that messages ask for',
    server: { ...BY_URI, maxSessions: 16 },
    nodes: [
      { id: 'ask', type: 'http in', url: '/run', method: 'get', wires: [['name', 'reply']] },
      {
        id: 'name',
        type: 'function',
        func: "return { action: 'play', from: '-5m', run: msg.req.query.run, channel: '2' };",
        wires: [['play']],
      },
      { id: 'play', type: 'nvr-playback', channel: '2', wires: [['pictures'], ['words']] },
      { id: 'reply', type: 'http response', wires: [] },
    ],
    also: async ({ url, stop }) => {
      for (let run = 0; run < 400 && !stop.aborted; run++)
        fetch(`${url}/run?run=r${run}`, { signal: stop }).catch(() => undefined);
      await new Promise((resolve) => {
        stop.addEventListener('abort', resolve);
      });
    },
    judge: ({ caught }) => {
      assert.equal(caught.other, undefined, 'an error without a code');
    },
  },
  key('gives its answer a byte a second', (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    const timer = setInterval(() => {
      if (response.destroyed) clearInterval(timer);
      else response.write('k');
    }, 1000);
  }),
  key('nests its answer 30,000 deep', (_, response) => {
    response.end(`${'['.repeat(30_000)}${']'.repeat(30_000)}`);
  }),
  key('answers in entities that mean each other', (_, response) => {
    response.end(
      `<!DOCTYPE a [${'<!ENTITY a "&b;&b;"><!ENTITY b "&a;&a;">'.repeat(500)}]><key>${'&a;'.repeat(5000)}</key>`,
    );
  }),
  key('sends the request to another host and port', (_, response) => {
    response.writeHead(302, { location: 'http://127.0.0.1:1/key?user=x' });
    response.end();
  }),
  {
    name: 'a tunnel that opens after it was given up, again and again',
    server: { transport: 'http', requestTimeout: 1 },
    tunnel: true,
    http: (request, response) => {
      if (request.method !== 'GET') return;
      setTimeout(() => {
        response.writeHead(200, { 'content-type': 'application/x-rtsp-tunnelled' });
        response.flushHeaders();
      }, 1200);
    },
    judge: comesBackSlowly,
  },
  {
    name: 'a tunnel that sends media before its head is read',
    server: { transport: 'http' },
    tunnel: true,
    http: ({ socket, method }) => {
      if (method !== 'GET') return;
      const media = Buffer.concat(
        Array.from({ length: 1000 }, (_, i) => interleaved(0, rtp(i, i, true, Buffer.alloc(1000)))),
      );
      socket.write(Buffer.concat([Buffer.from('HTTP/1.0 200 OK\r\n\r\n'), media]));
      const more = (): void => {
        while (!socket.destroyed && socket.write(media));
      };
      socket.on('drain', more);
      more();
    },
    judge: comesBackSlowly,
  },
];

function comesBackSlowly({ words }: Seen): void {
  assert.ok((words.connecting ?? 0) < 30, `it connects ${words.connecting ?? 0} times`);
}
