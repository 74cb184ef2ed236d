import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';

import sinon from 'sinon';

import { NvrError } from '../../lib/errors.js';
import type { SnapshotJob } from '../../lib/media/snapshot-job.js';
import { SnapshotPool } from '../../lib/nvr/snapshot/snapshot-pool.js';

const script = path.join(__dirname, '..', 'fixtures', 'faulty-worker.cjs');
const [GOOD, HANG, EXIT, THROW, REFUSE, HOARD, WHOSE] = [0, 1, 2, 3, 4, 5, 6];

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

  it('keeps a program alive while it decodes, and not a moment longer', () => {
    const program = `
      const { SnapshotPool } = require('./lib/nvr/snapshot/snapshot-pool.ts');
      new SnapshotPool({ script: ${JSON.stringify(script)} }).decode({ codec: 'h264', data: Uint8Array.of(0), quality: 80 })
        .then(() => console.log('a picture'));`;
    const child = spawnSync(process.execPath, ['--require', 'tsx/cjs', '-e', program], {
      encoding: 'utf8',
      timeout: 15_000,
      cwd: path.join(__dirname, '..', '..'),
    });
    assert.equal(child.stdout.trim(), 'a picture', child.stderr);
    assert.equal(child.status, 0);
  });
});
