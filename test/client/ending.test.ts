import assert from 'node:assert/strict';
import { tcp, udp } from '../../lib/client/transport/transports.js';
import { openSession } from '../../lib/client/open-session.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession, type SessionEnd, type SessionOptions } from '../../lib/client/session.js';
import { buildBye } from '../../lib/rtp/rtcp.js';
import {
  idrSlice,
  interleaved,
  keyframePackets,
  rtp,
  startScriptedServer,
  usualReply,
  type Script,
  type ScriptedServer,
} from '../kit/scripted-server.js';

describe('the end of a session', () => {
  let server: ScriptedServer;

  afterEach(() => server.close());

  async function start(script: Script): Promise<SessionOptions> {
    server = await startScriptedServer(script);
    return {
      uri: `rtsp://127.0.0.1:${server.port}/live`,
      transport: tcp(),
      memory: new ServerMemory(),
      onUnit: () => undefined,
      onEnd: () => undefined,
    };
  }

  const torn = (): (string | undefined)[] =>
    server.requests
      .filter(({ method }) => method === 'TEARDOWN')
      .map(({ headers }) => headers.get('Session'));

  /** Answers a method late: after the session was closed. */
  function late(method: string): Script {
    return (request, peer) => {
      if (request.method !== method) return undefined;
      setTimeout(() => {
        const { headers = {} } = usualReply(request, peer);
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
        peer.send(
          Buffer.from(`RTSP/1.0 200 OK\r\nCSeq: ${request.headers.get('CSeq')!}\r\n${lines.join('')}\r\n`),
        );
      }, 150);
      return { raw: Buffer.alloc(0) };
    };
  }

  for (const method of ['SETUP', 'PLAY'])
    it(`tears down what a ${method} under way brings when it is closed meanwhile`, async () => {
      const session = new RtspSession(await start(late(method)));
      const opening = session.open();
      await server.waitFor(method);
      await session.close();
      await assert.rejects(opening, { code: 'EUNREACHABLE' });
      assert.deepEqual(torn(), ['S1']);
      assert.equal(server.requests.filter((request) => request.method === method).length, 1);
    });

  it('waits no longer than a second for a SETUP that is not answered', async () => {
    const session = new RtspSession(
      await start(({ method }) => (method === 'SETUP' ? { raw: Buffer.alloc(0) } : undefined)),
    );
    const opening = session.open();
    await server.waitFor('SETUP');
    const begun = performance.now();
    await session.close();
    assert.ok(performance.now() - begun < 1900);
    await assert.rejects(opening, { code: 'EUNREACHABLE' });
    assert.deepEqual(torn(), []);
  });

  it('opens nothing once it is closed, not over another transport either', async () => {
    const options = await start(({ method }) => (method === 'SETUP' ? { status: 461 } : undefined));
    const closed = new RtspSession(options);
    await closed.close();
    await assert.rejects(closed.open(), { code: 'EUNREACHABLE' });
    assert.equal(server.peers.length, 0);
    const { uri, ...rest } = options;
    const control = new AbortController();
    const memory = new ServerMemory();
    const learn = memory.learn.bind(memory);
    memory.learn = (policy, value) => {
      learn(policy, value);
      // Between two transports.
      if (policy === 'refused') control.abort();
    };
    const opening = openSession(uri, {
      ...rest,
      transport: [tcp(), udp()],
      signal: control.signal,
      memory,
    });
    await assert.rejects(opening, { code: 'EUNREACHABLE' });
    assert.equal(server.peers.length, 1);
  });

  it('is told where it comes in the same read as PLAY’s reply', async () => {
    const media = Buffer.concat([
      ...keyframePackets(1, 0).map((packet) => interleaved(0, packet)),
      interleaved(1, buildBye(0x1234)),
    ]);
    const options = await start((request) =>
      request.method === 'PLAY'
        ? {
            raw: Buffer.concat([
              Buffer.from(`RTSP/1.0 200 OK\r\nCSeq: ${request.headers.get('CSeq')!}\r\nSession: S1\r\n\r\n`),
              media,
            ]),
          }
        : undefined,
    );
    const order: string[] = [];
    const ended = new Promise<SessionEnd>((resolve) => {
      const session = new RtspSession({
        ...options,
        onUnit: () => order.push('unit'),
        onEnd: (end) => {
          order.push('end');
          resolve(end);
        },
      });
      void session.open().then(() => order.push('open'));
    });
    assert.equal((await ended).reason, 'bye');
    assert.deepEqual(order, ['open', 'unit', 'end']);
  });

  it('is how a caller’s fault in a timer ends, not the process', async () => {
    // A lone unit waits for what follows it, and is handed out by a timer.
    const options = await start(({ method }) =>
      method === 'PLAY'
        ? { after: interleaved(0, Buffer.concat([rtp(1, 0, true, idrSlice())])), headers: { Session: 'S1' } }
        : undefined,
    );
    const end = await new Promise<SessionEnd>((resolve) => {
      const session = new RtspSession({
        ...options,
        onUnit: () => {
          throw new Error('no');
        },
        onEnd: (told) => {
          resolve(told);
          throw new Error('no, again');
        },
      });
      void session.open();
    });
    assert.deepEqual({ reason: end.reason, code: end.error.code }, { reason: 'error', code: 'EPROTOCOL' });
  });
});
