import assert from 'node:assert/strict';
import { DEPTHS, type Depth } from '../../lib/nvr/health/health.js';
import { Hysteresis } from '../../lib/nvr/health/hysteresis.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { HubEvent, NvrSettings } from '../../lib/nvr/types.js';
import type { Simulator, SimulatorOptions } from '../../lib/simulator/index.js';
import { startScriptedServer } from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';
import { ACCOUNT, CAUSES, CauseServers } from './health-causes.js';

describe('the health probe', function () {
  this.timeout(30_000);
  const servers = new CauseServers();
  const simulate = (options?: SimulatorOptions): Promise<Simulator> => servers.simulate(options);

  afterEach(() => servers.end());

  function open(rtspPort: number, settings: Partial<NvrSettings> = {}): Nvr {
    const nvr = new Nvr(settingsFor(rtspPort, { httpPort: 1, ...ACCOUNT, ...settings }));
    servers.endings.push(() => nvr.close());
    return nvr;
  }

  const nvrOf = (simulator: Simulator, settings: Partial<NvrSettings> = {}): Nvr =>
    open(simulator.rtspPort, { httpPort: simulator.httpPort, ...settings });

  it('goes as deep as requested, reports each stage that passes, and leaves nothing open', async () => {
    const simulator = await simulate();
    const nvr = nvrOf(simulator);
    for (const [index, depth] of DEPTHS.entries()) {
      const told: Depth[] = [];
      const health = await nvr.health.probe(1, 'main', depth, { onStage: (stage) => told.push(stage) });
      assert.deepEqual(
        { state: health.state, stage: health.stage, code: health.code },
        { state: 'up', stage: depth, code: undefined },
        health.reason,
      );
      assert.deepEqual(told, DEPTHS.slice(0, index + 1));
      assert.ok(health.rttMs! > 0 && health.rttMs! < 5000 && health.connectMs! > 0);
      assert.equal(health.describeMs !== undefined, index >= 2);
      assert.equal(health.keyframeMs !== undefined, index >= 3);
      if (index >= 3)
        assert.deepEqual(
          { codec: health.codec, width: health.width, height: health.height, fps: health.fps },
          { codec: 'h264', width: 640, height: 360, fps: 12.5 },
        );
      if (index < 2)
        assert.equal(
          simulator.requests.some((line) => line.startsWith('DESCRIBE')),
          false,
        );
      assert.equal(simulator.sessionCount, 0, depth);
    }
    assert.equal(simulator.failedLogins, 0);
  });

  it('answers every depth from a camera’s hub while it plays: no new connection, no new log-in', async () => {
    const simulator = await simulate();
    const nvr = nvrOf(simulator);
    const playing = new Promise<void>((resolve) => {
      nvr.camera(1, 'main').subscribe({
        onUnit: () => {
          resolve();
        },
      });
    });
    // While it connects, the check waits for it.
    const early = await nvr.health.probe(1, 'main', 'auth');
    assert.deepEqual(
      { state: early.state, codec: early.codec, fps: early.fps },
      { state: 'up', codec: 'h264', fps: 12.5 },
    );
    await playing;
    const describes = (): number => simulator.requests.filter((line) => line.startsWith('DESCRIBE')).length;
    const before = describes();
    for (const depth of DEPTHS) {
      const health = await nvr.health.probe(1, 'main', depth);
      assert.deepEqual({ state: health.state, stage: health.stage }, { state: 'up', stage: depth });
      assert.ok(health.rttMs! > 0);
      assert.deepEqual(
        { codec: health.codec, width: health.width, height: health.height },
        { codec: 'h264', width: 640, height: 360 },
      );
    }
    assert.deepEqual(
      {
        connectionCount: simulator.connectionCount,
        describes: describes(),
        sessionCount: simulator.sessionCount,
      },
      { connectionCount: 1, describes: before, sessionCount: 1 },
    );
  });

  it('reports a loss of half a percent and more, counted since the last check, even if a check reads the counters twice', async () => {
    const simulator = await simulate({ pace: 60 });
    const nvr = nvrOf(simulator);
    const hub = nvr.camera(1, 'main');
    let enough = (): void => undefined;
    let wanted = 0;
    hub.subscribe({
      onUnit: () => {
        if (hub.statistics.packets >= wanted) enough();
      },
    });
    const packets = (more: number): Promise<void> => {
      wanted = hub.statistics.packets + more;
      return new Promise((resolve) => (enough = resolve));
    };
    for (const [loseEvery, state] of [
      [0, 'up'],
      [100, 'degraded'],
      [1000, 'up'],
    ] as const) {
      simulator.faults.loseEvery = loseEvery;
      // What was sent before is read first: seconds of it, on a busy machine.
      const expected = loseEvery === 0 ? 0 : 600 / loseEvery;
      let lost: number;
      do {
        const before = hub.statistics.lost;
        await packets(600);
        lost = hub.statistics.lost - before;
      } while (Math.abs(lost - expected) > 1);
      await nvr.health.probe(1, 'main', 'media');
      await packets(600);
      const health = await nvr.health.probe(1, 'main', 'session');
      assert.equal(health.state, state, health.reason);
      if (state === 'up') continue;
      assert.ok(health.lossPercent! >= 0.8 && health.lossPercent! <= 1.2, String(health.lossPercent));
      assert.match(health.reason!, new RegExp(`${health.lossPercent} % .* since the last check`));
      assert.equal(health.code, undefined);
    }
  });

  it('is made once for all who ask for the same at the same time', async () => {
    const simulator = await simulate();
    const nvr = nvrOf(simulator);
    const all = await Promise.all(Array.from({ length: 12 }, () => nvr.health.probe(2, 'main', 'auth')));
    assert.equal(new Set(all).size, 1);
    assert.equal(simulator.connectionCount, 1);
    assert.equal(await nvr.health.probe(2, 'main', 'auth', { freshMs: 5_000 }), all[0]);
    assert.notEqual(await nvr.health.probe(2, 'main', 'auth'), all[0]);
  });

  it('checks 64 cameras of one NVR within 5 s, with at most 4 connections at once', async () => {
    const simulator = await simulate({ channels: 64, replyDelayMs: 20 });
    const nvr = nvrOf(simulator);
    const begun = performance.now();
    const all = await Promise.all(
      Array.from({ length: 64 }, (_, index) => nvr.health.probe(index + 1, 'main', 'auth')),
    );
    const took = performance.now() - begun;
    assert.ok(all.every(({ state }) => state === 'up'));
    assert.ok(took < 5000, `${took} ms`);
    assert.ok(simulator.peakConnections <= 4, `${simulator.peakConnections} connections`);
  });

  it('has at most 4 connections at once for keyframes too, and leaves no session lingering', async () => {
    const simulator = await simulate({ channels: 12 });
    const nvr = nvrOf(simulator);
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, index) => nvr.health.probe(index + 1, 'dual', 'media')),
    );
    assert.ok(all.every(({ state, width }) => state === 'up' && width === 320));
    assert.ok(simulator.peakConnections <= 4, `${simulator.peakConnections} connections`);
    assert.equal(simulator.sessionCount, 0);
  });

  it('tells each who follows a check its stages, and takes no check of another stream or depth for its own', async () => {
    const nvr = nvrOf(await simulate());
    const told: Depth[][] = [[], []];
    await Promise.all(
      told.map((list) => nvr.health.probe(1, 'main', 'rtsp', { onStage: (stage) => list.push(stage) })),
    );
    assert.deepEqual(told, [
      ['reach', 'rtsp'],
      ['reach', 'rtsp'],
    ]);
    const [main, dual, rtsp] = await Promise.all([
      nvr.health.probe(1, 'main', 'auth'),
      nvr.health.probe(1, 'dual', 'auth'),
      nvr.health.probe(1, 'main', 'rtsp'),
    ]);
    assert.deepEqual(
      { mainStage: main.stage, dualStage: dual.stage, rtspStage: rtsp.stage },
      { mainStage: 'auth', dualStage: 'auth', rtspStage: 'rtsp' },
    );
    assert.notEqual(main, dual);
    assert.equal(await nvr.health.probe(1, 'main', 'auth', { freshMs: 60_000 }), main);
  });

  it('blames a channel that is none for itself alone, and tells what was found before it', async () => {
    const nvr = nvrOf(await simulate({ channels: 1 }));
    const all = await Promise.all(
      [5, 6, 7, 8, 1].map((channel) => nvr.health.probe(channel, 'main', 'auth')),
    );
    assert.deepEqual(
      all.map(({ state, code }) => code ?? state),
      ['ECHANNEL', 'ECHANNEL', 'ECHANNEL', 'ECHANNEL', 'up'],
    );
    assert.ok(all.every(({ connectMs, rttMs }) => connectMs! > 0 && rttMs! > 0));
  });

  it('finds the channels of an NVR whose clock is wrong', async () => {
    const nvr = nvrOf(await simulate({ channels: 2, clockSkewMs: 60_000 }));
    assert.deepEqual(await nvr.health.channels('main'), [1, 2]);
  });

  it('ends at once where the NVR is closed meanwhile, and connects no more then', async () => {
    let connections = 0;
    let connected = (): void => undefined;
    const isConnected = new Promise<void>((resolve) => (connected = resolve));
    const port = await servers.listen(() => {
      connections++;
      connected();
    });
    const nvr = open(port, { requestTimeout: 600 });
    const health = nvr.health.probe(1, 'main', 'auth');
    await isConnected;
    nvr.health.close();
    assert.deepEqual(await health.then(({ state, code }) => [state, code]), ['down', 'EUNREACHABLE']);
    const after = await nvr.health.probe(1, 'main', 'auth');
    assert.deepEqual({ state: after.state, code: after.code }, { state: 'down', code: 'EUNREACHABLE' });
    assert.match(after.reason!, /closed/);
    assert.equal(connections, 1);
  });

  it('asks for the time as deep as a log-in goes alone, and not where the stream has told it', async () => {
    let asked = 0;
    const httpPort = await servers.listen((socket) => {
      asked++;
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    });
    const { rtspPort } = await simulate();
    const nvr = open(rtspPort, { httpPort });
    for (const depth of ['reach', 'rtsp', 'media'] as const) await nvr.health.probe(1, 'main', depth);
    assert.equal(asked, 0);
    await nvr.health.probe(1, 'main', 'auth');
    assert.equal(asked, 1);
  });

  it('sends no account where it only asks whether RTSP is spoken, and names a refusal of the first request as one of the account', async () => {
    for (const [status, scheme, code] of [
      [401, 'Digest realm="NVR", nonce="abc"', 'EAUTH'],
      [401, 'Negotiate', 'EUNSUPPORTED'],
      [403, undefined, 'EFORBIDDEN'],
    ] as const) {
      const server = await startScriptedServer(() => ({ status, headers: { 'WWW-Authenticate': scheme } }));
      servers.endings.push(() => server.close());
      const nvr = open(server.port);
      const { state, stage } = await nvr.health.probe(1, 'main', 'rtsp');
      assert.deepEqual({ state, stage }, { state: 'up', stage: 'rtsp' }, code);
      assert.ok(server.requests.every(({ headers }) => headers.get('Authorization') === undefined));
      const health = await nvr.health.probe(1, 'main', 'auth');
      assert.deepEqual(
        { state: health.state, code: health.code, stage: health.stage },
        { state: 'down', code, stage: 'auth' },
        health.reason,
      );
    }
  });

  it('waits for a dead host once: its 64 cameras do not cost 64 time-outs', async () => {
    const port = await servers.listen(() => undefined);
    const nvr = open(port, { requestTimeout: 0.3 });
    const begun = performance.now();
    const all = await Promise.all(
      Array.from({ length: 64 }, (_, index) => nvr.health.probe(index + 1, 'main', 'auth')),
    );
    assert.ok(all.every(({ state, code }) => state === 'down' && code === 'ETIMEDOUT'));
    assert.ok(performance.now() - begun < 2000);
  });

  it('finds the channels of an NVR, and rejects where the NVR cannot be asked', async () => {
    assert.deepEqual(
      await nvrOf(await simulate({ channels: 10 })).health.channels('main'),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    const wrong = nvrOf(await simulate(), { password: 'wrong' });
    await assert.rejects(wrong.health.channels('main'), { code: 'EAUTH' });
  });

  it('wakes a hub whose camera is back, long before its own next try', async () => {
    const simulator = await simulate();
    simulator.unplugCamera(1);
    const nvr = nvrOf(simulator);
    const words: string[] = [];
    const failed = new Promise<void>((resolve) => {
      nvr.camera(1, 'main').subscribe({
        onEvent: (event: HubEvent) => {
          words.push(event.type);
          if (event.type === 'error') resolve();
        },
      });
    });
    await failed;
    assert.equal((await nvr.health.probe(1, 'main', 'media')).code, 'ECHANNEL');
    simulator.plugCamera(1);
    assert.equal((await nvr.health.probe(1, 'main', 'media')).state, 'up');
    assert.ok(words.includes('playing'));
  });

  describe('names each cause', () => {
    for (const [what, { code, depth = 'auth', stage, state = 'down', start }] of Object.entries(CAUSES)) {
      it(`${what}: ${code}`, async () => {
        const { rtspPort = 554, ...settings } = await start(servers);
        const health = await open(rtspPort, settings).health.probe(1, 'main', depth);
        assert.deepEqual(
          { state: health.state, code: health.code, stage: health.stage },
          { state, code, stage },
          health.reason,
        );
        assert.ok(health.reason!.length > 20 && !health.reason!.includes(ACCOUNT.password));
      });
    }

    it('an account that is locked out is tried once, not by every check', async () => {
      const simulator = await simulate();
      const nvr = nvrOf(simulator, { password: 'wrong' });
      for (const channel of [1, 2, 3, 1]) {
        const { code, stage } = await nvr.health.probe(channel, 'main', 'auth');
        assert.deepEqual({ code, stage }, { code: 'EAUTH', stage: 'auth' });
      }
      assert.equal(simulator.failedLogins, 1);
    });
  });
});

describe('the hysteresis of health', () => {
  it('lets "down" count after so many failures in a row, and "up" after so many successes', () => {
    const hysteresis = new Hysteresis(3, 2);
    const states = [
      'up',
      'up',
      'down',
      'down',
      'up',
      'down',
      'down',
      'down',
      'down',
      'up',
      'up',
      'up',
    ] as const;
    const verdicts = states.map((state, index) => hysteresis.judge(state, index * 1000));
    assert.deepEqual(verdicts.map(({ changed }, index) => (changed ? index : 0)).filter(Boolean), [7, 10]);
    assert.deepEqual(
      { state: verdicts[7]!.state, since: verdicts[7]!.since },
      { state: 'down', since: 5000 },
    );
    assert.deepEqual(
      { state: verdicts[10]!.state, since: verdicts[10]!.since },
      { state: 'up', since: 9000 },
    );
  });

  it('lets any other state count after as many checks as "up", and says so once', () => {
    const hysteresis = new Hysteresis(3, 2);
    const states = ['up', 'up', 'degraded', 'degraded', 'degraded', 'up', 'degraded', 'up', 'up'] as const;
    const verdicts = states.map((state, index) => hysteresis.judge(state, index * 1000));
    assert.deepEqual(
      verdicts.flatMap(({ changed, state, since }, index) => (changed ? [[index, state, since]] : [])),
      [
        [3, 'degraded', 2000],
        [8, 'up', 7000],
      ],
    );
  });

  it('reports the first state only if it is not "up"', () => {
    assert.equal(new Hysteresis(2, 1).judge('up', 0).changed, false);
    assert.equal(new Hysteresis(1, 1).judge('down', 0).changed, true);
    assert.equal(new Hysteresis(1, 1).judge('degraded', 0).changed, true);
    assert.equal(new Hysteresis(2, 1).judge('down', 0).state, undefined);
  });
});
