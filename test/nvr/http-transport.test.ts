import assert from 'node:assert/strict';
import net, { type AddressInfo } from 'node:net';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { HubEvent, NvrSettings } from '../../lib/nvr/types.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { startHttpFront, type HttpFront } from '../kit/http-front.js';
import { startScriptedServer, type Reply } from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';

const ACCOUNT = { username: 'admin', password: 'front-pw' };

describe('an NVR whose transport is HTTP', () => {
  let simulator: Simulator | undefined;
  let front: HttpFront | undefined;
  let nvr: Nvr;

  afterEach(async () => {
    await nvr.close();
    await front?.close();
    await simulator?.stop();
    simulator = front = undefined;
  });

  async function start(settings: Partial<NvrSettings> = {}, basic?: string): Promise<void> {
    simulator = await startSimulator({ ...ACCOUNT, onvifReplay: true });
    front = await startHttpFront(simulator.rtspPort, basic);
    nvr = new Nvr(
      settingsFor(front.port, {
        httpPort: simulator.httpPort,
        ...ACCOUNT,
        transport: 'http',
        ...settings,
      }),
    );
  }

  /** The events up to the first keyframe, or to the first failure. */
  function watch(): Promise<HubEvent[]> {
    const events: HubEvent[] = [];
    return new Promise((resolve) => {
      nvr.camera(1, 'main').subscribe({
        onEvent: (event) => {
          events.push(event);
          if (event.type === 'error' || event.type === 'reconnecting') resolve(events);
        },
        onUnit: () => {
          resolve(events);
        },
      });
    });
  }

  it('streams through the tunnel, and says so', async () => {
    await start();
    const events = await watch();
    assert.equal(events.find(({ type }) => type === 'playing')?.transport, 'http');
    assert.equal(nvr.camera(1, 'main').statistics.transport, 'http');
    assert.deepEqual(
      front!.asked.map(({ method, path }) => [method, path]),
      [
        ['GET', '/live?ch=0000&stype=M'],
        ['POST', '/live?ch=0000&stype=M'],
      ],
    );
  });

  it('logs in to the tunnel with the NVR’s account', async () => {
    await start({}, 'admin:front-pw');
    const events = await watch();
    assert.equal(events.at(-1)?.type, 'format');
    assert.deepEqual(
      front!.asked.map(({ method, authorized }) => [method, authorized]),
      [
        ['GET', false],
        ['GET', true],
        ['POST', true],
      ],
    );
  });

  it('says EAUTH where the tunnel refuses the account, and asks once for all cameras', async () => {
    await start({}, 'admin:another');
    const [event] = (await watch()).slice(-1);
    assert.deepEqual({ type: event?.type, code: event?.code }, { type: 'error', code: 'EAUTH' });
    const health = await nvr.health.probe(2, 'main', 'auth');
    assert.deepEqual({ stage: health.stage, code: health.code }, { stage: 'auth', code: 'EAUTH' });
    assert.equal(front!.asked.filter(({ authorized }) => authorized).length, 1);
  });

  it('says EUNSUPPORTED where the server knows RTSP alone, and a probe says how far it came', async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => socket.end('RTSP/1.0 405 Method Not Allowed\r\n\r\n'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    nvr = new Nvr(settingsFor((server.address() as AddressInfo).port, { ...ACCOUNT, transport: 'http' }));
    const [event] = (await watch()).slice(-1);
    assert.deepEqual(
      { type: event?.type, code: event?.code },
      { type: 'error', code: 'EUNSUPPORTED' },
      event?.reason,
    );
    assert.match(event?.reason ?? '', /RTSP\/1.0 405 Method Not Allowed.*another transport/);
    assert.equal((await nvr.health.probe(1, 'main', 'reach')).state, 'up');
    const health = await nvr.health.probe(1, 'main', 'auth');
    assert.deepEqual({ stage: health.stage, code: health.code }, { stage: 'rtsp', code: 'EUNSUPPORTED' });
    await nvr.close();
    await new Promise((resolve) => server.close(resolve));
  });

  it('tries again where the server hangs up, and says what to do if it always does', async () => {
    simulator = await startSimulator(ACCOUNT);
    nvr = new Nvr(settingsFor(simulator.rtspPort, { ...ACCOUNT, transport: 'http' }));
    const [event] = (await watch()).slice(-1);
    assert.deepEqual(
      { type: event?.type, code: event?.code },
      { type: 'reconnecting', code: 'EUNREACHABLE' },
    );
    assert.match(event?.reason ?? '', /another transport/);
  });

  it('plays recordings through the tunnel as fast as they come, by Basic where the settings allow it beside the key service’s Digest', async () => {
    await start({ allowBasic: true, requestTimeout: 10 }, 'admin:front-pw');
    const from = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;
    const words: string[] = [];
    let frames = 0;
    const end = await new Promise<string>((resolve) => {
      nvr.playback.play(
        { run: 'r', channel: 1, stream: 'main', group: 0, from, to: from + 600_000, speed: 0 },
        {
          onUnit: () => frames++,
          onPlaying: (transport) => words.push(transport),
          onEnd: (reason, error) => {
            resolve(error === undefined ? reason : error.message);
          },
        },
      );
    });
    assert.equal(end, 'reached');
    assert.deepEqual(words, ['http']);
    assert.equal(frames, 6_000);
  });

  it('finds the channels through the tunnel', async () => {
    await start();
    assert.ok((await nvr.health.channels('main')).length > 0);
    assert.ok(front!.asked.length > 2);
  });

  for (const redirects of ['same', 'any'] as const)
    it(`asks no other host for a path that the camera chose, inside the tunnel, where redirects may lead to ${redirects}`, async () => {
      const elsewhere = await startHttpFront(1, 'admin:front-pw');
      const server = await startScriptedServer(({ method }): Reply | undefined =>
        method === 'DESCRIBE'
          ? { status: 302, reason: 'Found', headers: { Location: `rtsp://localhost:${elsewhere.port}/live` } }
          : undefined,
      );
      front = await startHttpFront(server.port);
      nvr = new Nvr(settingsFor(front.port, { ...ACCOUNT, transport: 'http', redirects }));
      const [event] = (await watch()).slice(-1);
      assert.deepEqual(
        { type: event?.type, code: event?.code },
        { type: 'error', code: 'EUNSUPPORTED' },
        event?.reason,
      );
      assert.deepEqual(elsewhere.asked, []);
      await elsewhere.close();
      await server.close();
    });

  it('leaves no socket behind where the tunnel opens after a check’s time-out', async () => {
    const sockets = new Set<net.Socket>();
    let asked = 0;
    const server = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        if (!bytes.toString('latin1').startsWith('GET')) return;
        const answer =
          asked++ === 0
            ? '401 Unauthorized\r\nWWW-Authenticate: Digest realm="r", nonce="n"'
            : '200 OK\r\nContent-Type: application/x-rtsp-tunnelled';
        // Each in time by itself, both together too late.
        setTimeout(() => socket.write(`HTTP/1.0 ${answer}\r\n\r\n`), 200);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    nvr = new Nvr(settingsFor(port, { ...ACCOUNT, transport: 'http', requestTimeout: 0.3 }));
    const health = await nvr.health.probe(1, 'main', 'auth');
    assert.equal(health.code, 'ETIMEDOUT');
    assert.ok(sockets.size > 0, 'the second GET is still to be answered');
    while (sockets.size > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(asked, 2);
    server.close();
  });
});
