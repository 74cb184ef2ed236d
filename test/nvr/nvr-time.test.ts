import assert from 'node:assert/strict';
import { nvrLocalSeconds, parseDuration, parseTime } from '../../lib/nvr/playback/nvr-time.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const BERLIN = 'Europe/Berlin';

describe('parseTime', () => {
  const time = (value: unknown, zone = ''): number => parseTime(value, 'from', NOW, zone);

  it('takes epoch ms, a Date, now, and spans from now', () => {
    assert.equal(time(NOW - 5), NOW - 5);
    assert.equal(time(String(NOW)), NOW);
    assert.equal(time(new Date(NOW - 7)), NOW - 7);
    assert.equal(time('now'), NOW);
    assert.equal(time('-5m'), NOW - 300_000);
    assert.equal(time('-1.5 h'), NOW - 5_400_000);
    assert.equal(time('+90s'), NOW + 90_000);
  });

  it('takes text of twelve to fourteen digits for epoch ms, and says which years those may lie in', () => {
    assert.equal(time('946684800000'), Date.UTC(2000, 0, 1));
    assert.equal(time('1764233441000'), 1_764_233_441_000);
    for (const digits of ['100000000000', '20260329140200'])
      assert.throws(() => time(digits), { code: 'EINPUT', message: /between 1990 and 2100/ }, digits);
    for (const digits of ['1764233441', '17642334410', '202603291402000'])
      assert.throws(() => time(digits), { code: 'EINPUT', message: /is no time; give/ }, digits);
  });

  it('takes ISO 8601 with a zone as it says, and without in the NVR’s zone', () => {
    assert.equal(time('2026-03-29T14:02:00Z'), Date.UTC(2026, 2, 29, 14, 2));
    assert.equal(time('2026-03-29T14:02:00+02:00', 'America/New_York'), Date.UTC(2026, 2, 29, 12, 2));
    assert.equal(time('2026-07-01T14:02:00'), Date.UTC(2026, 6, 1, 14, 2));
    assert.equal(time('2026-07-01 14:02', BERLIN), Date.UTC(2026, 6, 1, 12, 2));
  });

  it('takes text without a zone in UTC, wherever this machine stands, where the NVR has no zone', () => {
    const before = process.env.TZ;
    process.env.TZ = 'Asia/Tokyo';
    try {
      assert.equal(new Date(NOW).getTimezoneOffset(), -540, 'the machine stands in Tokyo');
      assert.equal(time('2026-07-01T14:02:00'), Date.UTC(2026, 6, 1, 14, 2));
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });

  it('is right on both nights of the year when the clocks change', () => {
    assert.equal(time('2026-03-29T01:59:00', BERLIN), Date.UTC(2026, 2, 29, 0, 59));
    assert.equal(time('2026-03-29T03:00:00', BERLIN), Date.UTC(2026, 2, 29, 1, 0));
    assert.equal(time('2026-10-25T01:59:00', BERLIN), Date.UTC(2026, 9, 24, 23, 59));
    assert.equal(time('2026-10-25T03:00:00', BERLIN), Date.UTC(2026, 9, 25, 2, 0));
  });

  it('takes whole milliseconds from 1990 to the end of 2099, and rounds to them', () => {
    const [first, end] = [Date.UTC(1990, 0, 1), Date.UTC(2100, 0, 1)];
    assert.deepEqual(
      [first, end - 1, NOW + 0.4].map((at) => time(at)),
      [first, end - 1, NOW],
    );
    for (const at of [first - 1, end]) assert.throws(() => time(at), { code: 'EINPUT' }, String(at));
    assert.equal(time('20260329140200'.slice(0, 8)), Date.UTC(2026, 2, 29), 'eight digits are a day');
  });

  for (const value of [
    'yesterday',
    '',
    '5m',
    '2026-13-45T99:00',
    {},
    [],
    null,
    undefined,
    Number.NaN,
    12,
    new Date(Number.NaN),
    '1990',
  ]) {
    it(`refuses ${JSON.stringify([value])}`, () => {
      assert.throws(() => time(value), { code: 'EINPUT' });
    });
  }
});

describe('parseDuration', () => {
  it('takes numbers as seconds, whether text or not, and text with a unit', () => {
    assert.deepEqual(
      [4, '4', 0.5, 999, '90s', '2m', '1.5h', '250 ms', '7d'].map((value) =>
        parseDuration(value, 'duration'),
      ),
      [4_000, 4_000, 500, 999_000, 90_000, 120_000, 5_400_000, 250, 7 * 86_400_000],
    );
  });

  it('asks for a unit from 1,000 on: a flow that means milliseconds is told so', () => {
    for (const value of [1_000, '1000', 20_000, 1e308])
      assert.throws(() => parseDuration(value, 'duration'), /"duration" is in seconds.*"20m"/);
  });

  it('asks for from and to beyond a week', () => {
    assert.throws(() => parseDuration('8d', 'duration'), /a week at most.*"from" and "to"/);
  });

  for (const value of [
    '-5s',
    '0',
    0,
    -1,
    'long',
    '',
    {},
    [5],
    true,
    null,
    NaN,
    Number.POSITIVE_INFINITY,
    '1e999d',
  ]) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      assert.throws(() => parseDuration(value, 'duration'), { code: 'EINPUT' });
    });
  }
});

describe('nvrLocalSeconds', () => {
  const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 19);

  it('gives Unix seconds for an NVR that keeps UTC', () => {
    assert.equal(nvrLocalSeconds(NOW + 999, ''), NOW / 1000);
  });

  it('gives the local clock’s reading, on both nights when the clocks change', () => {
    for (const [utc, local] of [
      ['2026-03-29T00:59:59Z', '2026-03-29T01:59:59'],
      ['2026-03-29T01:00:00Z', '2026-03-29T03:00:00'],
      ['2026-10-25T00:59:59Z', '2026-10-25T02:59:59'],
      ['2026-10-25T01:00:00Z', '2026-10-25T02:00:00'],
    ] as const) {
      assert.equal(iso(nvrLocalSeconds(Date.parse(utc), BERLIN)), local);
    }
  });

  it('refuses a zone that is none', () => {
    assert.throws(() => nvrLocalSeconds(NOW, 'Mars/Base'), { code: 'EINPUT' });
  });
});
