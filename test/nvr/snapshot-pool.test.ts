import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import workerThreads from 'node:worker_threads';

import sinon from 'sinon';

import { NvrError } from '../../lib/errors.js';
import type { SnapshotJob } from '../../lib/media/snapshot-job.js';
import type { SnapshotReply } from '../../lib/media/snapshot-worker.js';
import { SnapshotPool, sharedSnapshotPool } from '../../lib/nvr/snapshot/snapshot-pool.js';

const script = path.join(__dirname, '..', 'fixtures', 'faulty-worker.cjs');
const [GOOD, HANG, EXIT, THROW, REFUSE, HOARD, WHOSE, PRINT] = [0, 1, 2, 3, 4, 5, 6, 7];

const job = (fault: number, ...more: number[]): SnapshotJob => ({
  codec: 'h264',
  data: Uint8Array.of(fault, ...more),
  quality: 80,
});

const rejectsWith = (code: string) => (error: unknown) => error instanceof NvrError && error.code === code;

describe('the snapshot pool', () => {
  let pool: SnapshotPool;
  let clock: sinon.SinonFakeTimers | undefined;

  beforeEach(() => {
    pool = new SnapshotPool({ script });
  });

  afterEach(async () => {
    clock?.restore();
    clock = undefined;
    await pool.close();
  });

  it('starts no thread before it is needed, and one for any number of keyframes', async () => {
    assert.equal(pool.threads, 0);
    const pictures = await Promise.all([1, 2, 3].map((n) => pool.decode(job(GOOD, n))));
    assert.deepEqual(
      pictures.map(({ data }) => data[3]),
      [1, 2, 3],
    );
    assert.equal(pool.threads, 1);
  });

  it("leaves the camera's own buffer as it was", async () => {
    const shared = Buffer.from([9, GOOD, 7, 9]);
    const picture = await pool.decode({ ...job(GOOD), data: shared.subarray(1, 3) });
    assert.deepEqual([...picture.data], [0xff, 0xd8, GOOD, 7]);
    assert.deepEqual([...shared], [9, GOOD, 7, 9]);
  });

  it("hands on the decoder's own refusals", async () => {
    await assert.rejects(pool.decode(job(REFUSE)), rejectsWith('EUNSUPPORTED'));
    assert.equal(pool.threads, 1);
  });

  for (const [what, fault] of [
    ['ends its thread', EXIT],
    ['throws', THROW],
    ['hoards memory', HOARD],
  ] as const) {
    it(`answers EDECODE for a keyframe that ${what}, and decodes the next one`, async () => {
      const [bad, good] = await Promise.allSettled([pool.decode(job(fault)), pool.decode(job(GOOD, 5))]);
      assert.ok(bad.status === 'rejected' && rejectsWith('EDECODE')(bad.reason));
      assert.ok(good.status === 'fulfilled' && good.value.data[3] === 5);
    });
  }

  it('ends a thread that takes too long: EDECODE for that keyframe alone', async () => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const bad = pool.decode(job(HANG));
    const good = pool.decode(job(GOOD, 6));
    const refused = assert.rejects(bad, rejectsWith('EDECODE'));
    await clock.tickAsync(10_000);
    await refused;
    assert.equal((await good).data[3], 6);
  });

  it('refuses with EBUSY past the queue, at once, and takes more once there is room', async () => {
    await pool.close();
    pool = new SnapshotPool({ script, queue: 2 });
    const settled = Promise.all([1, 2, 3].map((n) => pool.decode(job(GOOD, n))));
    await assert.rejects(pool.decode(job(GOOD)), rejectsWith('EBUSY'));
    assert.equal((await settled).length, 3);
    await pool.decode(job(GOOD));
  });

  it('lets no camera wait behind the many keyframes of another', async () => {
    const [greedy, modest] = [{}, {}];
    const order: string[] = [];
    const ask = (name: string, camera: object): Promise<unknown> =>
      pool.decode(job(GOOD), camera).then(
        () => order.push(name),
        (error: unknown) => {
          assert.ok(rejectsWith('EBUSY')(error));
          order.push(`${name} refused`);
        },
      );
    await Promise.all([...Array.from({ length: 8 }, () => ask('greedy', greedy)), ask('modest', modest)]);
    // One runs and four wait; the other camera's is the next to run.
    assert.deepEqual(order.filter((name) => name === 'greedy refused').length, 3);
    assert.deepEqual(order.filter((name) => name !== 'greedy refused').slice(0, 3), [
      'greedy',
      'modest',
      'greedy',
    ]);
  });

  it('tells the thread whose keyframe it is, by a number for each camera', async () => {
    await pool.close();
    pool = new SnapshotPool({ script });
    const [one, other] = [{}, {}];
    const cameras: number[] = [];
    for (const camera of [one, one, other, undefined, one]) {
      const { data } = await pool.decode(job(WHOSE), camera);
      cameras.push(data[2]!);
    }
    assert.deepEqual(cameras, [1, 1, 2, 0, 1]);
  });

  it('lets a camera wait whose keyframe cost the thread, and no other', async () => {
    const [hostile, honest] = [{}, {}];
    await assert.rejects(pool.decode(job(EXIT), hostile), rejectsWith('EDECODE'));
    await assert.rejects(
      pool.decode(job(GOOD), hostile),
      (error) => rejectsWith('EDECODE')(error) && (error as Error).message.includes('is tried in'),
    );
    await pool.decode(job(GOOD), honest);
  });

  it('uses as many threads as it is told to', async () => {
    await pool.close();
    pool = new SnapshotPool({ script, workers: 2 });
    await Promise.all([1, 2, 3, 4].map((n) => pool.decode(job(GOOD, n))));
    assert.equal(pool.threads, 2);
  });

  it('ends the thread when it has been idle, and starts another on demand', async () => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await pool.decode(job(GOOD));
    clock.tick(29_999);
    assert.equal(pool.threads, 1);
    clock.tick(1);
    assert.equal(pool.threads, 0);
    await pool.decode(job(GOOD));
    assert.equal(pool.threads, 1);
  });

  it('keeps a program alive while it decodes, each time, and not a moment longer, and prints nothing into it', () => {
    const program = `
      const { SnapshotPool } = require('./lib/nvr/snapshot/snapshot-pool.ts');
      const pool = new SnapshotPool({ script: ${JSON.stringify(script)} });
      const decode = () => pool.decode({ codec: 'h264', data: Uint8Array.of(${String(PRINT)}), quality: 80 });
      decode().then(decode).then(() => console.log('two pictures'));`;
    const child = spawnSync(process.execPath, ['--require', 'tsx/cjs', '-e', program], {
      encoding: 'utf8',
      timeout: 15_000,
      cwd: path.join(__dirname, '..', '..'),
    });
    assert.deepEqual(
      { stdout: child.stdout.trim(), stderr: child.stderr },
      { stdout: 'two pictures', stderr: '' },
    );
    assert.equal(child.status, 0);
  });

  it('is one for the whole process', () => {
    assert.equal(sharedSnapshotPool(), sharedSnapshotPool());
  });

  describe('with threads that answer when the test says so', () => {
    /** A thread without a program. */
    class Thread extends EventEmitter {
      readonly jobs: SnapshotJob[] = [];
      readonly stdout = new PassThrough();
      readonly stderr = new PassThrough();
      isRef = true;
      isEnded = false;
      private end = (_code: number): void => undefined;
      private readonly ended = new Promise<number>((resolve) => (this.end = resolve));

      constructor() {
        super();
        threads.push(this);
      }

      postMessage(given: SnapshotJob): void {
        this.jobs.push(given);
      }

      reply(answer: SnapshotReply): void {
        this.emit('message', answer);
      }

      /** Answers with a picture of these bytes in memory of its own. */
      show(...bytes: number[]): Uint8Array {
        const memory = new SharedArrayBuffer(bytes.length);
        const shown = new Uint8Array(memory);
        shown.set(bytes);
        this.reply({ length: bytes.length, width: 16, height: 8, memory });
        return shown;
      }

      unref(): void {
        this.isRef = false;
      }

      terminate(): Promise<number> {
        this.isEnded = true;
        return this.ended;
      }

      /** Its end comes later than it is asked for. */
      exit(): void {
        this.emit('exit', 1);
        this.end(1);
      }
    }

    let threads: Thread[];
    let fake: sinon.SinonFakeTimers;

    beforeEach(() => {
      threads = [];
      fake = clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
      sinon.replace(workerThreads, 'Worker', Thread as never);
    });

    afterEach(() => {
      sinon.restore();
      for (const thread of threads) thread.exit();
    });

    it('leaves its one thread alone for a keyframe that comes shortly before the idle time is over, and counts anew behind it', async () => {
      const first = pool.decode(job(GOOD));
      threads[0]!.show(1);
      await first;
      fake.tick(29_999);
      const second = pool.decode(job(GOOD));
      fake.tick(9_000);
      threads[0]!.show(2);
      assert.deepEqual([...(await second).data], [2]);
      fake.tick(29_999);
      assert.deepEqual(
        { held: pool.threads, started: threads.length, isEnded: threads[0]!.isEnded },
        { held: 1, started: 1, isEnded: false },
      );
      fake.tick(1);
      assert.deepEqual(
        { threads: pool.threads, isEnded: threads[0]!.isEnded },
        { threads: 0, isEnded: true },
      );
    });

    it('rests in the same way behind a refusal: holds no program up, and ends when idle', async () => {
      const refused = assert.rejects(pool.decode(job(REFUSE)), rejectsWith('EUNSUPPORTED'));
      threads[0]!.reply({ code: 'EUNSUPPORTED', message: 'no such thing' });
      await refused;
      assert.equal(threads[0]!.isRef, false);
      fake.tick(30_000);
      assert.equal(pool.threads, 0);
    });

    it('takes no reply, and no end, of a thread that it has given up for that of the next', async () => {
      const late = assert.rejects(pool.decode(job(HANG)), rejectsWith('EDECODE'));
      const next = pool.decode(job(GOOD));
      await fake.tickAsync(10_000);
      await late;
      const [old, present] = threads as [Thread, Thread];
      assert.equal(old.isEnded, true);
      old.show(1);
      old.emit('error', new Error('ended'));
      old.exit();
      assert.deepEqual({ threads: pool.threads, isEnded: present.isEnded }, { threads: 1, isEnded: false });
      present.show(2);
      assert.deepEqual([...(await next).data], [2]);
    });

    it('keeps a picture as it is while the thread makes the next one in the same memory', async () => {
      const first = pool.decode(job(GOOD));
      const memory = threads[0]!.show(1, 1, 1);
      const kept = await first;
      const second = pool.decode(job(GOOD));
      memory.fill(2);
      threads[0]!.reply({ length: 2, width: 16, height: 8 });
      assert.deepEqual([...(await second).data], [2, 2]);
      assert.deepEqual([...kept.data], [1, 1, 1]);
    });

    it('hands a thread keyframes of any length, in memory that it uses again and that no other thread has', async () => {
      const lengths = [100, 150, 10, 5_000];
      for (const length of lengths) {
        const made = pool.decode(job(GOOD, ...Array<number>(length - 1).fill(length & 255)));
        threads[0]!.show(1);
        await made;
      }
      const taken = threads[0]!.jobs.map(({ data }) => data);
      assert.deepEqual(
        taken.map(({ length }) => length),
        lengths,
      );
      assert.equal(taken[3]![4_999], 5_000 & 255);
      assert.equal(new Set(taken.slice(0, 3).map(({ buffer }) => buffer)).size, 1);
      const lost = assert.rejects(pool.decode(job(EXIT)), rejectsWith('EDECODE'));
      threads[0]!.exit();
      await lost;
      const next = pool.decode(job(GOOD));
      assert.ok(threads[0]!.jobs.every(({ data }) => data.buffer !== threads[1]!.jobs[0]!.data.buffer));
      threads[1]!.show(1);
      await next;
    });

    it('lets a camera wait for 30 s whose keyframe cost a thread, says for how long, and again the next time', async () => {
      const camera = {};
      const refused = async (seconds: number): Promise<void> => {
        const words = `tried in ${String(seconds)} s`;
        await assert.rejects(
          pool.decode(job(GOOD), camera),
          (error) => rejectsWith('EDECODE')(error) && (error as Error).message.endsWith(words),
        );
      };
      for (const time of [0, 1]) {
        const lost = assert.rejects(pool.decode(job(EXIT), camera), rejectsWith('EDECODE'));
        threads[time]!.exit();
        await lost;
        await refused(30);
        fake.tick(29_500);
        await refused(1);
        fake.tick(500);
      }
      const made = pool.decode(job(GOOD), camera);
      threads[2]!.show(1);
      await made;
    });

    it('lets no camera wait whose keyframe was only refused', async () => {
      const camera = {};
      const refused = assert.rejects(pool.decode(job(REFUSE), camera), rejectsWith('EUNSUPPORTED'));
      threads[0]!.reply({ code: 'EUNSUPPORTED', message: 'no such thing' });
      await refused;
      const made = pool.decode(job(GOOD), camera);
      threads[0]!.show(1);
      await made;
    });

    it('lets 64 keyframes wait, unless it is told otherwise, and no more', async () => {
      const all = Promise.allSettled(Array.from({ length: 65 }, () => pool.decode(job(GOOD), {})));
      await assert.rejects(pool.decode(job(GOOD), {}), rejectsWith('EBUSY'));
      for (let picture = 0; picture < 65; picture++) {
        threads[0]!.show(1);
        await fake.tickAsync(0);
      }
      assert.ok((await all).every(({ status }) => status === 'fulfilled'));
    });

    it('lets no camera wait whose picture was given up because the pool was closed', async () => {
      const camera = {};
      const refused = assert.rejects(pool.decode(job(GOOD), camera), /closed/);
      const closed = pool.close();
      threads[0]!.exit();
      await Promise.all([refused, closed]);
      const made = pool.decode(job(GOOD), camera);
      threads[1]!.show(3);
      assert.deepEqual([...(await made).data], [3]);
    });

    it('is closed in the midst of a picture: that one is refused, its thread ends first, no timer is left, and it can be used again', async () => {
      const refused = assert.rejects(
        pool.decode(job(GOOD)),
        (error) => rejectsWith('EDECODE')(error) && (error as Error).message.includes('closed'),
      );
      let isClosed = false;
      const closed = pool.close().then(() => (isClosed = true));
      await refused;
      assert.deepEqual(
        { isEnded: threads[0]!.isEnded, isClosed, timers: fake.countTimers() },
        { isEnded: true, isClosed: false, timers: 0 },
      );
      threads[0]!.exit();
      await closed;
      const made = pool.decode(job(GOOD));
      threads[1]!.show(3);
      assert.deepEqual([...(await made).data], [3]);
      const again = pool.close();
      threads[1]!.exit();
      await again;
      assert.deepEqual({ threads: pool.threads, timers: fake.countTimers() }, { threads: 0, timers: 0 });
    });
  });
});
