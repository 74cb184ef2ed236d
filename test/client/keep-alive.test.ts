import assert from 'node:assert/strict';
import sinon from 'sinon';
import { KeepAlive } from '../../lib/client/keep-alive.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import type { NvrError } from '../../lib/errors.js';
import type { RtspResponse } from '../../lib/rtsp/message.js';

const TIMEOUT_MS = 60_000;

describe('KeepAlive', () => {
  let clock: sinon.SinonFakeTimers;
  const memory = new ServerMemory(() => 0);
  /** The methods asked, and how each was or is to be answered. */
  const asked: string[] = [];
  let answer: (method: string) => number | Promise<number>;
  let flows: boolean;
  let expired: NvrError[];
  let keepAlive: KeepAlive;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    memory.forgetAll();
    asked.length = 0;
    answer = () => 200;
    flows = true;
    expired = [];
    keepAlive = new KeepAlive({
      ...{ memory, hasGetParameter: true, timeoutMs: TIMEOUT_MS },
      request: async (method) => {
        asked.push(method);
        const status = await answer(method);
        if (status === 0) throw new Error('no reply');
        return { status } as RtspResponse;
      },
      mediaFlows: () => flows,
      onExpired: (error) => expired.push(error),
    });
  });

  afterEach(() => {
    keepAlive.stop();
    clock.restore();
  });

  const rounds = (count: number): Promise<number> => clock.tickAsync((count * TIMEOUT_MS) / 2);

  it('asks at half the timeout, again and again, and no more once it is stopped', async () => {
    await clock.tickAsync(TIMEOUT_MS / 2 - 1);
    assert.deepEqual(asked, []);
    await clock.tickAsync(1);
    assert.deepEqual(asked, ['GET_PARAMETER']);
    await rounds(3);
    assert.equal(asked.length, 4);
    keepAlive.stop();
    await rounds(3);
    assert.equal(asked.length, 4);
  });

  it('remembers what the session outlived a whole timeout with, and not before', async () => {
    await rounds(2);
    assert.equal(memory.keepAlive, undefined);
    await rounds(1);
    assert.equal(memory.keepAlive, 'get-parameter');
  });

  it('takes a 454 for the end of the session only where no media comes, else asks in another way', async () => {
    answer = (method) => (method === 'GET_PARAMETER' ? 454 : 200);
    await rounds(2);
    assert.deepEqual(expired, []);
    assert.deepEqual(asked, ['GET_PARAMETER', 'OPTIONS', 'OPTIONS']);
    answer = () => 454;
    flows = false;
    await rounds(1);
    assert.deepEqual(
      expired.map(({ code }) => code),
      ['ETIMEDOUT'],
    );
  });

  it('reports a refused log-in, media or not', async () => {
    answer = () => 401;
    await rounds(1);
    assert.deepEqual(
      expired.map(({ code }) => code),
      ['EAUTH'],
    );
  });

  it('asks in another way without a reply while media flows, and in the same way while none does', async () => {
    answer = () => 0;
    flows = false;
    await rounds(2);
    assert.deepEqual(asked, ['GET_PARAMETER', 'GET_PARAMETER']);
    flows = true;
    await rounds(1);
    assert.deepEqual(asked.slice(2), ['GET_PARAMETER', 'OPTIONS']);
    await rounds(2);
    assert.equal(asked.length, 4, 'RTCP alone asks nothing');
    assert.equal(keepAlive.policy, 'rtcp');
  });

  it('heeds no reply that comes after it was stopped', async () => {
    let reply!: (status: number) => void;
    answer = () => new Promise((resolve) => (reply = resolve));
    await rounds(1);
    keepAlive.stop();
    reply(401);
    await rounds(1);
    assert.deepEqual(expired, []);
    assert.equal(asked.length, 1);
  });

  it('accounts for a request without a reply, until one is answered', async () => {
    let reply!: (status: number) => void;
    answer = () => new Promise((resolve) => (reply = resolve));
    await rounds(1);
    await clock.tickAsync(1500);
    const now = performance.now();
    assert.deepEqual(keepAlive.summary(now).asked, { policy: 'get-parameter', forMs: 1500 });
    reply(200);
    await clock.tickAsync(0);
    assert.deepEqual(keepAlive.summary(now), {
      ...{ policy: 'get-parameter', hasGetParameter: true, asked: undefined },
    });
  });

  it('accounts for no request once each was answered, with whatever refusal', async () => {
    answer = () => 501;
    await rounds(1);
    assert.deepEqual(
      { policy: keepAlive.policy, asked: keepAlive.summary(performance.now()).asked },
      { policy: 'rtcp', asked: undefined },
    );
  });

  it('begins with what was learnt of the server', async () => {
    keepAlive.stop();
    memory.learn('keepAlive', 'options');
    const next = new KeepAlive({
      ...{ memory, hasGetParameter: true, timeoutMs: TIMEOUT_MS },
      request: (method) => {
        asked.push(method);
        return Promise.resolve({ status: 200 } as RtspResponse);
      },
      mediaFlows: () => true,
      onExpired: (error) => expired.push(error),
    });
    await rounds(1);
    next.stop();
    assert.deepEqual(asked, ['OPTIONS']);
  });

  it('tries each way that was not refused, where the learnt one is refused', async () => {
    keepAlive.stop();
    memory.learn('keepAlive', 'options');
    answer = (method) => (method === 'OPTIONS' ? 501 : 200);
    keepAlive = new KeepAlive({
      ...{ memory, hasGetParameter: true, timeoutMs: TIMEOUT_MS },
      request: async (method) => {
        asked.push(method);
        return { status: await answer(method) } as RtspResponse;
      },
      mediaFlows: () => true,
      onExpired: (error) => expired.push(error),
    });
    await rounds(1);
    assert.deepEqual(asked, ['OPTIONS', 'GET_PARAMETER']);
  });

  it('remembers another way only once the session has outlived a whole timeout with that one', async () => {
    await rounds(2);
    answer = (method) => (method === 'GET_PARAMETER' ? 501 : 200);
    await rounds(2);
    assert.equal(memory.keepAlive, undefined);
    await rounds(1);
    assert.equal(memory.keepAlive, 'options');
  });

  it('accounts for the way that was answered last, and for a request that never was', async () => {
    await rounds(1);
    answer = () => 0;
    await rounds(1);
    const { policy, asked: open } = keepAlive.summary(performance.now() + 500);
    assert.equal(keepAlive.policy, 'rtcp');
    assert.equal(policy, 'get-parameter');
    assert.deepEqual(open, { policy: 'options', forMs: 500 });
  });
});
