import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { NVR_ERROR_CODES } from '../../lib/errors.js';
import type { Simulator } from '../../lib/simulator/index.js';
import { ACCOUNT, CAUSES, CauseServers } from '../nvr/health-causes.js';
import { flowWith, helper, load, statuses, type Message, type Sink } from '../kit/red.js';

/** Codes that belong to recordings, decoders, disks and messages: no check of a connection ends in one. */
const ELSEWHERE = ['EPLAYBACKKEY', 'ENORECORDING', 'EDECODE', 'EBUSY', 'EOVERLOAD', 'EDISK', 'EINPUT'];

const catalogOf = (language: string): Record<string, string> =>
  JSON.parse(
    fs.readFileSync(
      path.join(__dirname, '..', '..', 'nodes', 'shared', 'locales', `${language}.json`),
      'utf8',
    ),
  ) as Record<string, string>;

describe('nvr-health-ping, at a real socket,', function () {
  this.timeout(30_000);
  const servers = new CauseServers();
  /** What each code has been told as: badge and reason. */
  const told = new Map<string, { badge: string; reason: string }>();

  beforeEach(function (done) {
    helper.startServer(done);
  });

  afterEach(async () => {
    await helper.unload();
    await servers.end();
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  function deploy(
    ping: object,
    { password = ACCOUNT.password, ...settings }: Record<string, unknown>,
    username = ACCOUNT.username,
  ): Promise<(id: string) => Sink> {
    const texts = Object.fromEntries(
      Object.entries({ httpPort: 1, requestTimeout: 1, ...settings }).map(([name, value]) => [
        name,
        typeof value === 'number' ? String(value) : value,
      ]),
    );
    const flow = flowWith(
      texts,
      [
        {
          ...{ id: 'ping', type: 'nvr-health-ping', interval: '0', failures: '1', successes: '1' },
          ...{ wires: [['out'], ['change']], ...ping },
        },
      ],
      ['out', 'change'],
    );
    return load(flow, { username, password: password as string });
  }

  const ask = (sink: (id: string) => Sink): Promise<Message> => {
    const answer = sink('out').next(() => true);
    (helper.getNode('ping') as { receive(message: object): void }).receive({});
    return answer;
  };

  for (const [what, { code, depth = 'auth', stage, state = 'down', start }] of Object.entries(CAUSES)) {
    it(`tells ${what} as ${code}, on both outputs and as its badge`, async () => {
      const sink = await deploy({ depth }, await start(servers));
      const answer = await ask(sink);
      const health = answer.health as Record<string, unknown>;
      assert.deepEqual(
        { state: health.state, code: health.code, stage: health.stage },
        { state, code, stage },
      );
      assert.equal(answer.payload, state === 'down' ? false : health.rttMs);
      const change = await sink('change').first(() => true);
      assert.equal(change.payload, state);
      const { reason } = health as { reason: string };
      const event = change.event as Record<string, unknown>;
      assert.deepEqual({ code: event.code, reason: event.reason }, { code, reason });
      const { fill, shape, text } = statuses('ping').at(-1)!;
      assert.deepEqual(
        { fill, shape, text },
        { fill: state === 'down' ? 'red' : 'yellow', shape: 'ring', text: code },
      );
      assert.ok(reason.length > 20 && !reason.includes(ACCOUNT.password), reason);
      assert.equal(sink('catch').messages.length, 0);
      told.set(code, { badge: text, reason });
    });
  }

  it('has reported every code that a connection can end with, each with a badge and a sentence of its own', () => {
    const codes = NVR_ERROR_CODES.filter((code) => !ELSEWHERE.includes(code));
    assert.deepEqual([...told.keys()].sort(), [...codes].sort());
    for (const language of ['en-US', 'de']) {
      const texts = catalogOf(language);
      for (const words of [codes.map((code) => texts[code]), codes.map((code) => texts[`sentence ${code}`])])
        assert.equal(new Set(words.filter(Boolean)).size, codes.length, language);
    }
    assert.equal(new Set([...told.values()].map(({ reason }) => reason)).size, codes.length);
  });

  it('checks 64 cameras of one NVR within 5 s, with at most 4 connections at once', async () => {
    const simulator = await servers.simulate({ channels: 64, replyDelayMs: 20 });
    const channels = Array.from({ length: 64 }, (_, index) => ({
      channel: index + 1,
      name: `Camera ${index + 1}`,
    }));
    const { rtspPort, httpPort } = simulator;
    const sink = await deploy({ channel: '*' }, { rtspPort, httpPort, channels });
    const begun = performance.now();
    const health = (await ask(sink)).health as { up: number; cameras: { state: string }[] };
    const took = performance.now() - begun;
    assert.deepEqual({ up: health.up, cameras: health.cameras.length }, { up: 64, cameras: 64 });
    assert.ok(took < 5000, `${took} ms`);
    assert.ok(simulator.peakConnections <= 4, `${simulator.peakConnections} connections at once`);
    assert.equal(statuses('ping').at(-1)?.text, '64/64');
  });

  const outages: [string, string, (simulator: Simulator, isOut: boolean) => void][] = [
    [
      'pulled out',
      'ECHANNEL',
      (simulator, isOut) => {
        if (isOut) simulator.unplugCamera(5);
        else simulator.plugCamera(5);
      },
    ],
    [
      'on an NVR that answers nothing any more',
      'ETIMEDOUT',
      (simulator, isOut) => {
        simulator.stopAnswering(isOut);
      },
    ],
  ];
  for (const [how, code, breakIt] of outages) {
    it(`tells a camera ${how} as down within interval x failures + time-out, and as up once it is back`, async () => {
      const [interval, failures, timeout] = [0.5, 2, 0.5];
      const simulator = await servers.simulate({ channels: 8 });
      const { rtspPort, httpPort } = simulator;
      const sink = await deploy(
        { channel: '5', interval: String(interval), failures: String(failures) },
        { rtspPort, httpPort, requestTimeout: timeout },
      );
      await sink('out').first(() => true);
      breakIt(simulator, true);
      const pulled = performance.now();
      const down = await sink('change').word('down');
      const bound = (interval * failures + timeout) * 1000;
      const took = performance.now() - pulled;
      // 150 ms are the event loop's; one failure alone must not do.
      assert.ok(took <= bound + 150 && took >= interval * (failures - 1) * 1000 - 50, `${took} ms`);
      assert.equal((down.event as { code: string }).code, code);
      breakIt(simulator, false);
      const back = performance.now();
      await sink('change').word('up');
      assert.ok(performance.now() - back <= (interval + timeout) * 1000 + 150);
      assert.deepEqual(
        sink('change').messages.map(({ payload }) => payload),
        ['down', 'up'],
      );
    });
  }
});
