import assert from 'node:assert/strict';
import sinon from 'sinon';
import { PendingRequests } from '../../lib/client/pending.js';
import { NvrError } from '../../lib/errors.js';
import { LIMITS } from '../../lib/limits.js';
import { Headers, type RtspResponse } from '../../lib/rtsp/message.js';

/** The time-out and the turn of the event loop behind it, which fake timers count as 1 ms. */
const GIVEN_UP_MS = 1000 + 1;

describe('requests that wait for replies', () => {
  let clock: sinon.SinonFakeTimers;
  let pending: PendingRequests;
  /** How each request ended, by its CSeq. */
  let ended: Record<number, string>;

  beforeEach(() => {
    clock = sinon.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'],
    });
    pending = new PendingRequests();
    ended = {};
  });

  afterEach(() => {
    clock.restore();
  });

  function wait(cseq: number, ms = 1000): void {
    const late = (): NvrError => new NvrError('ETIMEDOUT', 'late');
    pending.wait(cseq, ms, late).then(
      ({ status }) => (ended[cseq] = String(status)),
      (error: unknown) => (ended[cseq] = (error as NvrError).code),
    );
  }

  async function reply(cseq: number, status = 200): Promise<number | undefined> {
    const headers = new Headers().set('CSeq', String(cseq));
    const response: RtspResponse = { status, reason: '', headers, body: Buffer.alloc(0) };
    const rttMs = pending.resolve(response, performance.now());
    await clock.tickAsync(0);
    return rttMs;
  }

  it('get their own replies, in whatever order those come', async () => {
    wait(1);
    clock.tick(10);
    wait(2);
    clock.tick(5);
    assert.equal(await reply(2, 202), 5);
    assert.equal(await reply(1, 201), 15);
    assert.deepEqual(ended, { 1: '201', 2: '202' });
    assert.equal(clock.countTimers(), 0);
  });

  it('are given up alone, each at its time', async () => {
    wait(1, 1000);
    wait(2, 2000);
    await clock.tickAsync(GIVEN_UP_MS);
    assert.deepEqual(ended, { 1: 'ETIMEDOUT' });
    await reply(2);
    assert.deepEqual(ended, { 1: 'ETIMEDOUT', 2: '200' });
  });

  it('do not get the late reply to an older one, of which many are remembered', async () => {
    for (let cseq = 1; cseq <= LIMITS.pendingRequests + 1; cseq++) wait(cseq);
    await clock.tickAsync(GIVEN_UP_MS);
    wait(99);
    for (let cseq = 2; cseq <= LIMITS.pendingRequests + 1; cseq++)
      assert.equal(await reply(cseq), undefined, `the reply to ${cseq}`);
    assert.equal(ended[99], undefined);
  });

  it('get the late reply to one that was given up before the last sixteen: no more are remembered', async () => {
    for (let cseq = 1; cseq <= LIMITS.pendingRequests + 1; cseq++) wait(cseq);
    await clock.tickAsync(GIVEN_UP_MS);
    wait(99);
    await reply(1);
    assert.equal(ended[99], '200');
  });

  it('get the replies of a server that says the same CSeq each time, after a late one as well', async () => {
    wait(1);
    await clock.tickAsync(GIVEN_UP_MS);
    wait(2);
    assert.equal(await reply(1, 404), undefined);
    await reply(1);
    assert.equal(ended[2], '200');
  });

  it('leave room for others once the connection has ended', async () => {
    for (let cseq = 1; cseq <= LIMITS.pendingRequests; cseq++) wait(cseq);
    assert.equal(pending.isFull, true);
    pending.rejectAll(new NvrError('EUNREACHABLE', 'closed'));
    await clock.tickAsync(0);
    assert.equal(pending.isFull, false);
    assert.equal(clock.countTimers(), 0);
    assert.ok(Object.values(ended).every((end) => end === 'EUNREACHABLE'));
  });
});
