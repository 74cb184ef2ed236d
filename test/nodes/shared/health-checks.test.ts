import assert from 'node:assert/strict';
import { NvrError, type NvrErrorCode } from '../../../lib/errors.js';
import type { Health } from '../../../lib/nvr/health/health.js';
import type { Nvr } from '../../../lib/nvr/nvr.js';
import { HealthChecks } from '../../../nodes/shared/health-checks.js';
import { changeOf, statusOf, untilNext } from '../../../nodes/shared/health-messages.js';
import { settingsFor } from '../../kit/settings.js';

/** Checks of an NVR whose cameras are as the test says. */
class Bench {
  readonly health = new Map<number, Partial<Health>>();
  readonly asked: string[] = [];
  searches = 0;
  found: number[] | NvrErrorCode = [];
  readonly checks: HealthChecks;

  constructor(
    rules: { failures?: number; successes?: number } = {},
    channels: { channel: number; name: string }[] = [],
  ) {
    const probe = (
      channel: number,
      stream: string,
      depth: string,
      { freshMs }: { freshMs: number },
    ): unknown => {
      this.asked.push(`${channel}/${stream} ${depth} ${freshMs}`);
      const own = { state: 'up', stage: 'auth', rttMs: 5, checkedAt: this.asked.length };
      return Promise.resolve({ ...own, ...this.health.get(channel) });
    };
    const search = (): Promise<number[]> => {
      this.searches++;
      const { found } = this;
      return typeof found === 'string'
        ? Promise.reject(new NvrError(found, 'Away.'))
        : Promise.resolve(found);
    };
    const nvr = { health: { probe, channels: search } } as unknown as Nvr;
    this.checks = new HealthChecks(nvr, settingsFor(554, { channels }), {
      ...{ depth: 'auth', failures: 2, successes: 1 },
      ...rules,
    });
  }
}

const DOWN = { state: 'down', code: 'ECHANNEL', reason: 'No such camera.' } as const;

describe('the check of one camera', () => {
  it('is a change only when it fails so often in a row, and again the second time', async () => {
    const bench = new Bench({ failures: 2, successes: 2 });
    const changes: string[] = [];
    const check = async (state: 'up' | 'down'): Promise<void> => {
      bench.health.set(1, state === 'down' ? DOWN : {});
      const { changes: rows } = await bench.checks.one(1, 'main', 0);
      changes.push(rows.map((row) => row.state).join() || '-');
    };
    for (let round = 0; round < 2; round++)
      for (const state of ['up', 'up', 'down', 'up', 'down', 'down', 'down', 'up', 'up'] as const)
        await check(state);
    const again = ['-', '-', '-', '-', '-', 'down', '-', '-', 'up'];
    assert.deepEqual(changes, [...again, ...again]);
  });

  it('is counted for each camera and each stream, be they checked alone or with others', async () => {
    const bench = new Bench({ failures: 2 });
    bench.health.set(1, DOWN).set(2, DOWN);
    assert.equal((await bench.checks.one(1, 'main', 0)).changes.length, 0);
    assert.equal((await bench.checks.one(1, 'dual', 0)).changes.length, 0);
    assert.equal((await bench.checks.one(2, 'main', 0)).changes.length, 0);
    const { changes } = await bench.checks.several([1, 2, 3], 'main', 0);
    assert.deepEqual(
      changes.map(({ channel }) => channel),
      [1, 2],
    );
    assert.equal((await bench.checks.one(1, 'dual', 0)).changes.length, 1);
  });

  it('says since when it is so, with the camera’s name, at the depth and of the age that were asked for', async () => {
    const bench = new Bench({ failures: 1 }, [{ channel: 3, name: 'Gate' }]);
    const since: number[] = [];
    for (const health of [
      { checkedAt: 100 },
      { checkedAt: 200 },
      { ...DOWN, checkedAt: 300 },
      { checkedAt: 400 },
    ]) {
      bench.health.set(3, health);
      const { health: row } = await bench.checks.one(3, 'dual', 500);
      since.push(row.since as number);
      assert.deepEqual(
        { channel: row.channel, name: row.name, stream: row.stream },
        { channel: 3, name: 'Gate', stream: 'dual' },
      );
    }
    assert.deepEqual(since, [100, 100, 300, 400]);
    assert.deepEqual(bench.asked[0], '3/dual auth 500');
  });
});

describe('the check of several cameras', () => {
  it('is as bad as the worst of them, with its cause, the slowest round trip and how many are well', async () => {
    const bench = new Bench();
    bench.health.set(1, { rttMs: 7 }).set(2, { state: 'degraded', stage: 'media', rttMs: 90 });
    const degraded = (await bench.checks.several([1, 2], 'main', 250)).health;
    assert.deepEqual(bench.asked, ['1/main auth 250', '2/main auth 250']);
    assert.ok(Math.abs(degraded.checkedAt - Date.now()) < 60_000, 'it was checked now');
    assert.deepEqual(
      {
        state: degraded.state,
        stage: degraded.stage,
        rttMs: degraded.rttMs,
        up: degraded.up,
        degraded: degraded.degraded,
        down: degraded.down,
      },
      { state: 'degraded', stage: 'media', rttMs: 90, up: 1, degraded: 1, down: 0 },
    );
    assert.equal('code' in degraded, false);
    bench.health.set(3, { ...DOWN, rttMs: undefined as never });
    const down = (await bench.checks.several([1, 2, 3, 4], 'main', 0)).health;
    assert.deepEqual(
      {
        state: down.state,
        code: down.code,
        reason: down.reason,
        up: down.up,
        degraded: down.degraded,
        down: down.down,
      },
      { state: 'down', code: 'ECHANNEL', reason: 'No such camera.', up: 2, degraded: 1, down: 1 },
    );
    assert.deepEqual(
      (down.cameras as { channel: number }[]).map(({ channel }) => channel),
      [1, 2, 3, 4],
      'in the order in which they were asked for',
    );
    assert.equal((await bench.checks.several([4], 'main', 0)).health.state, 'up');
  });

  it('has no round trip where none of them has one', async () => {
    const bench = new Bench();
    bench.health.set(1, { ...DOWN, rttMs: undefined as never });
    assert.equal('rttMs' in (await bench.checks.several([1], 'main', 0)).health, false);
  });

  it('takes all from the NVR’s table, each once and in order, and searches for none then', async () => {
    const table = [3, 1, 3, 12].map((channel) => ({ channel, name: `c${channel}` }));
    const bench = new Bench({}, table);
    await bench.checks.several(undefined, 'main', 0);
    assert.deepEqual(
      bench.asked.map((one) => one.split('/')[0]),
      ['1', '3', '12'],
    );
    assert.equal(bench.searches, 0);
  });

  it('searches for those of each stream once, and again where it has found none', async () => {
    const bench = new Bench();
    const empty = await bench.checks.several(undefined, 'main', 0);
    assert.deepEqual(
      { state: empty.health.state, code: empty.health.code, cameras: empty.health.cameras },
      { state: 'down', code: 'ECHANNEL', cameras: [] },
    );
    bench.found = [1, 2];
    for (let times = 0; times < 2; times++)
      for (const stream of ['main', 'dual'])
        assert.equal((await bench.checks.several(undefined, stream, 0)).health.up, 2);
    assert.equal(bench.searches, 3);
  });

  for (const [code, stage] of [
    ['ECONNREFUSED', 'reach'],
    ['ETIMEDOUT', 'reach'],
    ['ENOTRTSP', 'rtsp'],
    ['EPROTOCOL', 'rtsp'],
    ['EAUTH', 'auth'],
    ['EFORBIDDEN', 'auth'],
    ['ECHANNEL', 'auth'],
  ] as const)
    it(`names the stage of an NVR that cannot be searched: ${code} at ${stage}, and searches again`, async () => {
      const bench = new Bench();
      bench.found = code;
      const { health, changes } = await bench.checks.several(undefined, 'main', 0);
      assert.deepEqual(
        {
          state: health.state,
          stage: health.stage,
          code: health.code,
          reason: health.reason,
          cameras: health.cameras,
          changes,
        },
        { state: 'down', stage, code, reason: 'Away.', cameras: [], changes: [] },
      );
      assert.ok(Math.abs(health.checkedAt - Date.now()) < 60_000, 'it was checked now');
      bench.found = [1];
      assert.equal((await bench.checks.several(undefined, 'main', 0)).health.state, 'up');
    });
});

describe('what nvr-health-ping tells of a check', () => {
  it('is a change with its cause, and none where there is none', () => {
    const row = {
      channel: 3,
      name: 'Gate',
      stream: 'main',
      since: 5,
      state: 'up',
      stage: 'auth',
      checkedAt: 9,
    } as const;
    assert.deepEqual(changeOf(row, 'topic'), {
      ...{ topic: 'topic', payload: 'up', event: { channel: 3, stream: 'main', time: 9 } },
      health: row,
    });
    const { event } = changeOf({ ...row, ...DOWN }, 'topic') as { event?: unknown };
    assert.deepEqual(event, {
      channel: 3,
      stream: 'main',
      code: 'ECHANNEL',
      reason: 'No such camera.',
      time: 9,
    });
  });

  for (const [health, badge] of [
    [{ state: 'up' }, 'green dot up'],
    [{ state: 'degraded' }, 'yellow ring degraded'],
    [{ state: 'degraded', code: 'ENOKEYFRAME' }, 'yellow ring ENOKEYFRAME'],
    [{ state: 'down', code: 'EAUTH' }, 'red ring EAUTH'],
    [{ state: 'down' }, 'red ring down'],
    [{ state: 'up', up: 2, cameras: [1, 2] }, 'green dot 2/2'],
    [{ state: 'degraded', up: 1, cameras: [1, 2] }, 'yellow ring 1/2'],
    [{ state: 'down', code: 'EAUTH', up: 1, cameras: [1, 2] }, 'red ring 1/2'],
    [{ state: 'down', code: 'ECONNREFUSED', cameras: [] }, 'red ring ECONNREFUSED'],
  ] as const)
    it(`shows as "${badge}"`, () => {
      const { fill, shape, text } = statusOf(health as never);
      assert.equal(`${fill} ${shape} ${text}`, badge);
    });
});

describe('the time until the next check', () => {
  it('leads all nodes of an NVR to the same moments, one interval apart', () => {
    const [interval, phase] = [60_000, 0.25];
    for (const now of [0, 1, 14_000, 59_999, 61_000, 3_600_000]) {
      const moment = now + untilNext(interval, phase, now);
      assert.equal(moment % interval, phase * interval, String(now));
      assert.ok(moment - now <= interval + interval / 20 && moment > now);
    }
    assert.equal(untilNext(interval, phase, 15_000), interval);
    assert.equal(untilNext(interval, phase, 10_000), 5_000);
  });

  it('does not check twice for a moment that a timer was early for', () => {
    assert.equal(untilNext(60_000, 0, 60_000 - 1), 60_001);
    assert.equal(untilNext(60_000, 0, 60_000 - 2_999), 62_999);
    assert.equal(untilNext(60_000, 0, 60_000 - 3_000), 3_000);
  });
});
