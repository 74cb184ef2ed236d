import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { openSession, type OpenOptions } from '../../lib/client/open-session.js';
import type { RtspSession } from '../../lib/client/session.js';
import { httpTunnel } from '../../lib/client/transport/http-tunnel.js';
import type { Transport } from '../../lib/client/transport/transport.js';
import { tcp, udp } from '../../lib/client/transport/transports.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import { startScriptedServer, type ScriptedServer } from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';

const mute = { raw: Buffer.alloc(0) };

describe('a signal that gives a session up', () => {
  let control: AbortController;
  let server: ScriptedServer | undefined;
  let silent: net.Server | undefined;

  beforeEach(() => {
    control = new AbortController();
  });
  afterEach(async () => {
    await server?.close();
    silent?.close();
    server = silent = undefined;
  });

  /** A server that takes connections and says nothing; answers its port and the first socket. */
  async function startSilent(): Promise<{ port: number; socket: Promise<net.Socket> }> {
    silent = net.createServer((socket) => socket.on('error', () => undefined).resume());
    const socket = once(silent, 'connection').then(([first]) => first as net.Socket);
    await new Promise<void>((resolve) => silent!.listen(0, '127.0.0.1', resolve));
    return { port: (silent.address() as AddressInfo).port, socket };
  }

  function open(port: number, options: OpenOptions = {}, scheme = 'rtsp'): Promise<RtspSession> {
    return openSession(`${scheme}://127.0.0.1:${port}/live`, {
      signal: control.signal,
      requestTimeoutMs: 60_000,
      ...options,
    });
  }

  async function isGivenUp(opening: Promise<unknown>): Promise<void> {
    await assert.rejects(opening, { code: 'EUNREACHABLE', message: /closed while it was being opened/ });
  }

  it('opens nothing where it was given before', async () => {
    server = await startScriptedServer(() => undefined);
    control.abort();
    await isGivenUp(open(server.port));
    assert.equal(server.peers.length, 0);
  });

  it('ends the connection that TLS does not get to, the socket included', async () => {
    const { port, socket } = await startSilent();
    const opening = open(port, {}, 'rtsps');
    const closed = once(await socket, 'close');
    control.abort();
    await isGivenUp(opening);
    await closed;
  });

  it('ends an HTTP tunnel that is not answered, the socket included', async () => {
    const { port, socket } = await startSilent();
    const opening = open(port, { transport: httpTunnel() });
    const closed = once(await socket, 'close');
    control.abort();
    await isGivenUp(opening);
    await closed;
  });

  for (const method of ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY'])
    it(`ends a ${method} that is not answered`, async () => {
      server = await startScriptedServer((request) =>
        request.method === method || request.method === 'TEARDOWN' ? mute : undefined,
      );
      const opening = open(server.port);
      await server.waitFor(method);
      control.abort();
      await isGivenUp(opening);
    });

  it('ends the wait for another one’s log-in', async () => {
    server = await startScriptedServer(({ method }) =>
      method === 'DESCRIBE'
        ? { status: 401, headers: { 'WWW-Authenticate': 'Digest realm="r", nonce="n"' } }
        : undefined,
    );
    let asked: () => void = () => undefined;
    const waits = new Promise<void>((resolve) => (asked = resolve));
    const gate = {
      run: <T>(): Promise<T> => {
        asked();
        return new Promise<T>(() => undefined);
      },
    };
    const opening = open(server.port, { gate, credentials: { username: 'u', password: 'p' } });
    await waits;
    control.abort();
    await isGivenUp(opening);
  });

  it('closes a track’s sockets that open too late', async () => {
    server = await startScriptedServer(() => undefined);
    let opened: () => void = () => undefined;
    let goOn: () => void = () => undefined;
    const reached = new Promise<void>((resolve) => (opened = resolve));
    const held = new Promise<void>((resolve) => (goOn = resolve));
    let isClosed = false;
    let closed: () => void = () => undefined;
    const closes = new Promise<void>((resolve) => (closed = resolve)).then(() => (isClosed = true));
    const late: Transport = {
      ...udp(),
      openTrack: async (context) => {
        const track = await udp().openTrack(context);
        opened();
        await held;
        const close = (): void => {
          closed();
          track.close();
        };
        return { ...track, close };
      },
    };
    const opening = open(server.port, { transport: late });
    await reached;
    control.abort();
    await isGivenUp(opening);
    assert.equal(isClosed, false);
    goOn();
    await closes;
    assert.equal(server.requests.filter(({ method }) => method === 'SETUP').length, 0);
  });

  it('destroys a connection that opens too late', async () => {
    let connected: (pipe: never) => void = () => undefined;
    let destroy: () => void = () => undefined;
    const destroyed = new Promise<void>((resolve) => (destroy = resolve));
    const opening = open(1, {
      transport: tcp({ connect: () => new Promise<never>((resolve) => (connected = resolve)) }),
    });
    control.abort();
    await isGivenUp(opening);
    connected({ destroy } as never);
    await destroyed;
  });

  it('closes a session that plays, with TEARDOWN, and says nothing more', async () => {
    server = await startScriptedServer(() => undefined);
    const session = await open(server.port, {
      onEnd: () => {
        assert.fail('it was the user');
      },
    });
    control.abort();
    assert.equal(await session.closed, undefined);
    assert.equal(server.requests.at(-1)?.method, 'TEARDOWN');
  });

  it('leaves nothing behind on the signal of a session that has ended', async () => {
    server = await startScriptedServer(() => undefined);
    const { signal } = control;
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    for (let round = 0; round < 2; round++) {
      const session = await open(server.port);
      await session.close();
      await session.closed;
      assert.equal(listeners, 0);
    }
  });

  for (const [what, act] of [
    ['a health check under way', (nvr: Nvr): unknown => nvr.health.probe(1, 'main', 'auth')],
    [
      'a request for a playback key under way',
      (nvr: Nvr): unknown =>
        nvr.playback.play(
          { run: 'r', channel: 1, stream: 'main', group: 0, from: 1_700_000_000_000, speed: 1 },
          { onUnit: () => undefined, onEnd: () => undefined },
        ),
    ],
    ['a camera’s session that opens', (nvr: Nvr): unknown => nvr.camera(1, 'main').subscribe({})],
  ] as const)
    it(`is what an NVR that is closed gives to ${what}`, async () => {
      const { port, socket } = await startSilent();
      const nvr = new Nvr(settingsFor(port, { httpPort: port, requestTimeout: 60 }));
      void act(nvr);
      const closed = once(await socket, 'close');
      await nvr.close();
      await closed;
    });
});
