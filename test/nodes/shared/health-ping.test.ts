// The health node's timer and badge, on checks that the test answers.

import assert from 'node:assert/strict';
import sinon from 'sinon';
import healthPingNode from '../../../nodes/nvr-health-ping.js';
import { FakeRed, turn, type FakeNode } from '../../kit/fake-red.js';

describe('the timer and the badge of a health node', () => {
  let clock: sinon.SinonFakeTimers;
  let node: FakeNode;
  let answers: ((state: 'up' | 'down') => void)[];

  beforeEach(() => {
    clock = sinon.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'performance'],
      shouldClearNativeTimers: true,
    });
    answers = [];
  });

  afterEach(async () => {
    await node.close();
    clock.restore();
  });

  function deploy(saved: object): void {
    const red = new FakeRed();
    const probe = (): Promise<unknown> =>
      new Promise((resolve) => {
        answers.push((state) => {
          resolve({
            state,
            stage: 'auth',
            rttMs: 3,
            checkedAt: 1,
            ...(state === 'down' && { code: 'EAUTH' }),
          });
        });
      });
    red.server({ health: { probe, phase: 0.5 } });
    node = red.make(healthPingNode, 'nvr-health-ping', { interval: '60', ...saved });
    red.run();
  }

  it('checks within a second of the start, then once an interval, and no more once it is closed', async () => {
    deploy({});
    clock.tick(499);
    assert.equal(answers.length, 0);
    clock.tick(1);
    assert.equal(answers.length, 1);
    clock.tick(29_500);
    assert.equal(answers.length, 2, 'at the moment of its NVR');
    for (let round = 3; round < 6; round++) {
      clock.tick(60_000);
      assert.equal(answers.length, round);
    }
    await node.close();
    assert.equal(clock.countTimers(), 0);
  });

  it('has no timer where a message asks alone, or names the camera', () => {
    for (const saved of [{ interval: '0' }, { channel: 'payload', channelType: 'msg' }]) {
      deploy(saved);
      assert.equal(clock.countTimers(), 0);
    }
  });

  it('shows that it checks once for all checks under way, and then how the last of them ended', async () => {
    deploy({ interval: '0' });
    for (let round = 0; round < 2; round++) {
      const before = node.statuses.length;
      const asked = [node.receive({}), node.receive({})];
      await turn();
      assert.deepEqual(
        node.statuses.slice(before).map(({ text }) => text),
        ['checking'],
      );
      answers[2 * round]!('up');
      await asked[0];
      assert.equal(node.badge, 'blue dot checking');
      answers[2 * round + 1]!('down');
      await asked[1];
      assert.equal(node.badge, 'red ring EAUTH');
    }
  });

  it('says nothing of a check that ends after it was closed', async () => {
    deploy({});
    clock.tick(500);
    await node.close();
    const before = node.statuses.length;
    answers[0]!('down');
    await turn();
    assert.deepEqual(
      { statuses: node.statuses.length, sent: node.sent, errors: node.errors },
      { statuses: before, sent: [], errors: [] },
    );
  });
});
