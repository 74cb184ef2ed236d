import assert from 'node:assert/strict';

import sinon from 'sinon';

import { NvrError } from '../../lib/errors.js';
import { BoundedQueue } from '../../lib/nvr/snapshot/bounded-queue.js';

const isBusy =
  (words: RegExp) =>
  (error: unknown): boolean =>
    error instanceof NvrError && error.code === 'EBUSY' && words.test(error.message);

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

  it('counts all that an owner has used, not its last job alone', async () => {
    const queue = new BoundedQueue(1, 16, 'test');
    const [many, one] = [{}, {}];
    const order: string[] = [];
    for (let n = 0; n < 3; n++) {
      void queue.run(jobOf(1000, 'many', order), many);
      await clock.tickAsync(1000);
    }
    void queue.run(jobOf(2000, 'one', order), one);
    void queue.run(jobOf(10, 'many', order), many);
    void queue.run(jobOf(10, 'one', order), one);
    await clock.tickAsync(3000);
    assert.deepEqual(order.slice(3), ['one', 'one', 'many']);
  });

  it('lets what was used fade from the end of a job on, not from its beginning', async () => {
    const queue = new BoundedQueue(2, 16, 'test');
    const [more, less] = [{}, {}];
    const order: string[] = [];
    await clock.tickAsync(1_000_000);
    void queue.run(jobOf(90_000, 'more', order), more);
    await clock.tickAsync(30_000);
    void queue.run(jobOf(60_000, 'less', order), less);
    await clock.tickAsync(60_000);
    for (const ms of [10, 1000]) void queue.run(jobOf(ms, 'filler', order));
    void queue.run(jobOf(10, 'more', order), more);
    void queue.run(jobOf(10, 'less', order), less);
    await clock.tickAsync(1000);
    assert.deepEqual(order.slice(4), ['less', 'more']);
  });

  it('refuses past its room, and past that of one owner, at once', async () => {
    const queue = new BoundedQueue(1, 6, 'test');
    const owner = {};
    const order: string[] = [];
    for (let n = 0; n < 5; n++) void queue.run(jobOf(10, 'own', order), owner);
    await assert.rejects(
      queue.run(jobOf(10, 'own', order), owner),
      isBusy(/^4 jobs of this camera .* test /),
    );
    void queue.run(jobOf(10, 'a', order));
    void queue.run(jobOf(10, 'b', order));
    await assert.rejects(queue.run(jobOf(10, 'c', order)), isBusy(/^6 jobs wait/));
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
