// What the health node asks the NVR, and what it sends, on checks that the test answers.

import assert from 'node:assert/strict';
import sinon from 'sinon';
import { NvrError } from '../../../lib/errors.js';
import healthPingNode from '../../../nodes/nvr-health-ping.js';
import { FakeRed, turn, type FakeNode } from '../../kit/fake-red.js';

const CAMERAS = [
  { channel: 2, name: 'Gate' },
  { channel: 3, name: 'Yard' },
];

describe('the messages of a health node', () => {
  let clock: sinon.SinonFakeTimers;
  let node: FakeNode;
  /** The NVR's cameras as they are; `up` where nothing is said. */
  let health: Map<number, object | NvrError>;
  let asked: string[];

  beforeEach(() => {
    clock = sinon.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'performance'],
      shouldClearNativeTimers: true,
    });
    health = new Map();
    asked = [];
  });

  afterEach(async () => {
    await node.close();
    clock.restore();
  });

  function deploy(saved: object, channels = CAMERAS): void {
    const red = new FakeRed();
    const probe = (channel: number, stream: string, _depth: string, { freshMs }: { freshMs: number }) => {
      asked.push(`${channel}/${stream} ${freshMs}`);
      const own = health.get(channel);
      if (own instanceof NvrError) return Promise.reject(own);
      if (own instanceof Promise) return own as Promise<object>;
      return Promise.resolve({ state: 'up', stage: 'auth', rttMs: 3, checkedAt: 1, ...own });
    };
    const search = (): Promise<number[]> => Promise.resolve([5]);
    red.server({ health: { probe, channels: search, phase: 0.5 } }, { channels });
    node = red.make(healthPingNode, 'nvr-health-ping', { interval: '0', failures: '1', ...saved });
    red.run();
  }

  /** The messages that answer one: those of the check, and those of changes. */
  async function check(message: object = {}): Promise<Record<string, unknown>[]> {
    const { sent, error } = await node.receive(message);
    assert.equal(error, undefined);
    return sent.map(([first, second]) => ({ ...(first ?? second), output: first === null ? 1 : 0 }));
  }

  it('asks anew for a message, and shares a check of its interval that is half a second old', async () => {
    deploy({ channel: '2', stream: 'dual', interval: '60' });
    await check();
    await check({ stream: 'main' });
    clock.tick(500);
    await turn();
    assert.deepEqual(asked, ['2/dual 0', '2/main 0', '2/dual 500']);
  });

  it('checks several of its interval with the same age, and those of a message anew', async () => {
    deploy({ channel: '2-3', interval: '60' });
    await check();
    clock.tick(500);
    await turn();
    assert.deepEqual(asked, ['2/main 0', '3/main 0', '2/main 500', '3/main 500']);
  });

  it('starts its first check within an interval that is shorter than a second', () => {
    deploy({ channel: '2', interval: '1' });
    clock.tick(499);
    assert.equal(asked.length, 0);
    clock.tick(1);
    assert.equal(asked.length, 1);
  });

  for (const [what, message, channels, topic] of [
    ['one by its number', { channel: 4 }, [4], 'nvr/Home/4/health'],
    ['one by its name', { channel: 'yard' }, [3], 'nvr/Home/Yard/health'],
    ['a list', { channel: ' 3,4 ' }, [3, 4], 'nvr/Home/3,4/health'],
    ['all', { channel: '*' }, [2, 3], 'nvr/Home/*/health'],
    ['the node’s', { channel: '' }, [2], 'nvr/Home/Gate/health'],
    ['the node’s, under a topic of its own', { topic: 'mine' }, [2], 'mine'],
  ] as const)
    it(`checks the cameras that a message names: ${what}`, async () => {
      deploy({ channel: 'gate' });
      const [answer] = await check(message);
      assert.deepEqual(
        asked.map((one) => Number(one.split('/')[0])),
        channels,
      );
      assert.equal(answer!.topic, topic);
    });

  it('checks all cameras that are found where the NVR’s table has none', async () => {
    deploy({ channel: '*' }, []);
    await check();
    assert.deepEqual(asked, ['5/main 0']);
  });

  for (const [state, rttMs, payload] of [
    ['up', 7, 7],
    ['degraded', 7, 7],
    ['up', undefined, false],
    ['down', 7, false],
  ] as const)
    it(`has the round trip as its payload, or false: ${state} after ${rttMs} ms`, async () => {
      deploy({ channel: '2' });
      health.set(2, { state, rttMs });
      assert.equal((await check())[0]!.payload, payload);
    });

  it('sends the changes of each camera after the check, each of its own topic and marked where there are several', async () => {
    const down = { state: 'down', code: 'EAUTH', reason: 'No.' };
    deploy({ channel: '2-3' });
    await check();
    health.set(2, down).set(3, down);
    const ofSeveral = await check();
    assert.deepEqual(
      ofSeveral.slice(1).map(({ output, topic, payload, channel, camera }) => ({
        ...{ output, topic, payload, channel, camera },
      })),
      [
        { output: 1, topic: 'nvr/Home/Gate/health', payload: 'down', channel: 2, camera: 'Gate' },
        { output: 1, topic: 'nvr/Home/Yard/health', payload: 'down', channel: 3, camera: 'Yard' },
      ],
    );
    await node.close();
    health.clear();
    deploy({ channel: '2' });
    await check();
    health.set(2, down);
    const [, ofOne] = await check();
    assert.deepEqual(
      { output: ofOne!.output, topic: ofOne!.topic, hasMark: 'channel' in ofOne! || 'camera' in ofOne! },
      { output: 1, topic: 'nvr/Home/Gate/health', hasMark: false },
    );
  });

  it('sends all messages of a check of its interval', async () => {
    deploy({ channel: '2-3', interval: '60' });
    await check();
    health.set(2, { state: 'down' });
    clock.tick(500);
    await turn();
    assert.deepEqual(
      { checks: node.payloads(0), changes: node.payloads(1) },
      { checks: [false], changes: ['down'] },
    );
  });

  it('reports a check of its interval that could not be made to Catch, and goes on', async () => {
    deploy({ channel: '2', interval: '60' });
    health.set(2, new NvrError('EINPUT', 'The host holds a port.'));
    for (let round = 1; round <= 2; round++) {
      clock.tick(round === 1 ? 500 : 60_000);
      await turn();
      assert.equal(node.badge, 'red ring EINPUT');
    }
    assert.ok(node.errors.length >= 2);
    assert.equal(node.errors[0]!.code, 'EINPUT');
  });

  it('reports no check that fails once the node is closed', async () => {
    deploy({ channel: '2' });
    let fail!: (error: NvrError) => void;
    health.set(2, new Promise((_resolve, reject) => (fail = reject)));
    const answer = node.receive({});
    await turn();
    const before = node.statuses.length;
    await node.close();
    fail(new NvrError('EAUTH', 'No.'));
    const { error, sent } = await answer;
    assert.deepEqual(
      { error, sent, badges: node.statuses.length },
      { error: undefined, sent: [], badges: before },
    );
  });
});
