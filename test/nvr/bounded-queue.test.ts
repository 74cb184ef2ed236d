import assert from 'node:assert/strict';

import sinon from 'sinon';

import { NvrError } from '../../lib/errors.js';
import { BoundedQueue } from '../../lib/nvr/snapshot/bounded-queue.js';

const isBusy = (error: unknown): boolean => error instanceof NvrError && error.code === 'EBUSY';

describe('a bounded queue', () => {
  let clock: sinon.SinonFakeTimers;

  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });

  afterEach(() => {
    clock.restore();
  });

  /** A job of so many milliseconds that notes its name when it begins. */
  const jobOf = (ms: number, name: string, order: string[]) => async (): Promise<void> => {
    order.push(name);
    await new Promise((resolve) => setTimeout(resolve, ms));
  };

  it('takes first come first served where nobody owns anything', async () => {
    const queue = new BoundedQueue(1, 16, 'test');
    const order: string[] = [];
    for (const name of ['a', 'b', 'c', 'd']) void queue.run(jobOf(10, name, order));
    await clock.tickAsync(100);
    assert.deepEqual(order, ['a', 'b', 'c', 'd']);
    assert.deepEqual({ running: queue.running, waiting: queue.waiting }, { running: 0, waiting: 0 });
  });

  it('takes whoever has used the least time of late, so that a costly camera delays another by one job at most', async () => {
    const queue = new BoundedQueue(1, 64, 'test');
    const costly = {};
    const cheap = Array.from({ length: 8 }, () => ({}));
    const order: string[] = [];
    for (let n = 0; n < 5; n++) void queue.run(jobOf(6000, 'costly', order), costly);
    for (const [n, camera] of cheap.entries()) void queue.run(jobOf(100, String(n), order), camera);
    await clock.tickAsync(60_000);
    assert.deepEqual(order, [
      'costly',
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
      'costly',
      'costly',
      'costly',
      'costly',
    ]);
  });

  it('forgets what was used long ago', async () => {
    const queue = new BoundedQueue(1, 16, 'test');
    const [once, often] = [{}, {}];
    const order: string[] = [];
    void queue.run(jobOf(8000, 'once', order), once);
    await clock.tickAsync(300_000);
    void queue.run(jobOf(1000, 'often', order), often);
    void queue.run(jobOf(10, 'often again', order), often);
    void queue.run(jobOf(10, 'once again', order), once);
    await clock.tickAsync(2000);
    assert.deepEqual(order, ['once', 'often', 'once again', 'often again']);
  });

  it('refuses past its room, and past that of one owner, at once', async () => {
    const queue = new BoundedQueue(1, 6, 'test');
    const owner = {};
    const order: string[] = [];
    for (let n = 0; n < 5; n++) void queue.run(jobOf(10, 'own', order), owner);
    await assert.rejects(queue.run(jobOf(10, 'own', order), owner), isBusy);
    void queue.run(jobOf(10, 'a', order));
    void queue.run(jobOf(10, 'b', order));
    await assert.rejects(queue.run(jobOf(10, 'c', order)), isBusy);
    await clock.tickAsync(100);
    assert.equal(order.length, 7);
  });

  it('goes on after a job that fails', async () => {
    const queue = new BoundedQueue(1, 16, 'test');
    const order: string[] = [];
    const failing = queue.run(() => Promise.reject(new Error('no')));
    void queue.run(jobOf(10, 'next', order));
    await assert.rejects(failing, /no/);
    await clock.tickAsync(20);
    assert.deepEqual(order, ['next']);
    assert.equal(queue.running, 0);
  });
});
