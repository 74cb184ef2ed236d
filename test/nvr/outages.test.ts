import assert from 'node:assert/strict';
import { Backoff } from '../../lib/client/backoff.js';
import { NvrError } from '../../lib/errors.js';
import { flapping, Outages, type Outage } from '../../lib/nvr/camera/outages.js';

/**
 * A stream that plays for `pieceMs` and is lost, `times` times; it is back at once when it is tried again.
 */
function flap(outages: Outages, pieceMs: number, times: number, from = 0): { last: number; told: Outage[] } {
  const told: Outage[] = [];
  let now = from;
  for (let cut = 0; cut < times; cut++) {
    for (const end = now + pieceMs; now <= end; now += 1000) outages.onMedia(now);
    const outage = outages.failed('EUNREACHABLE', now);
    told.push(outage);
    now += outage.inMs;
  }
  return { last: now, told };
}

const make = (): Outages => new Outages(new Backoff(() => 0.5));
const news = (told: readonly Outage[]): number => told.filter(({ isNew }) => isNew).length;
const breaks = (told: readonly Outage[]): (number | undefined)[] =>
  told.map((outage) => outage.breaks).filter((count) => count !== undefined);

describe('Outages', () => {
  it('tell one cause of one outage once, and another cause as well', () => {
    const outages = make();
    outages.onMedia(0);
    const causes = ['EUNREACHABLE', 'ECONNREFUSED', 'ECONNREFUSED', 'EUNREACHABLE'] as const;
    assert.deepEqual(
      causes.map((code) => outages.failed(code, 1000).isNew),
      [true, true, false, false],
    );
    assert.equal(outages.attempts, 4);
  });

  it('tell the next outage anew once the stream has played for half a minute', () => {
    assert.equal(news(flap(make(), 40_000, 3).told), 3);
    assert.equal(news(flap(make(), 20_000, 3).told), 1);
  });

  it('tell a stream that flaps once, with how often, and then no more of its breaks', () => {
    for (const [pieceMs, told] of [
      [20_000, 1],
      [60_000, 3],
    ] as const) {
      const { told: all } = flap(make(), pieceMs, 100);
      assert.deepEqual(breaks(all), [4], `every ${pieceMs} ms`);
      assert.equal(news(all), told, `every ${pieceMs} ms`);
    }
  });

  it('tell it again after ten calm minutes, and not before', () => {
    const outages = make();
    const { last } = flap(outages, 20_000, 10);
    const soon = flap(outages, 540_000, 1, last);
    assert.equal(news(soon.told), 0);
    const later = flap(outages, 660_000, 1, soon.last);
    assert.deepEqual({ news: news(later.told), breaks: breaks(later.told) }, { news: 1, breaks: [] });
    assert.deepEqual(breaks(flap(outages, 20_000, 6, later.last).told), [4]);
  });

  it('are over after more than half a minute of media, to the millisecond', () => {
    const outages = make();
    outages.failed('EUNREACHABLE', 0);
    for (const [end, isNew] of [
      [30_000, false],
      [30_001, true],
    ] as const) {
      outages.onMedia(0);
      outages.onMedia(end);
      assert.equal(outages.failed('EUNREACHABLE', end).isNew, isNew, `${end} ms`);
    }
  });

  it('are flapping from the fourth break within five minutes on, and calm after ten minutes, to the millisecond', () => {
    const breaksAt = (outages: Outages, ...times: number[]): (number | undefined)[] =>
      times.map((now) => {
        outages.onMedia(now);
        return outages.failed('EUNREACHABLE', now).breaks;
      });
    assert.deepEqual(breaksAt(make(), 0, 1, 2, 300_000), [undefined, undefined, undefined, undefined]);
    const restless = make();
    assert.deepEqual(breaksAt(restless, 0, 1, 2, 299_999), [undefined, undefined, undefined, 4]);
    const calm = 299_999 + 600_000;
    assert.deepEqual(breaksAt(restless, calm, calm + 1, calm + 2, calm + 3).at(-1), 4);
    const sooner = make();
    breaksAt(sooner, 0, 1, 2, 3);
    assert.deepEqual(breaksAt(sooner, 600_002, 600_003, 600_004, 600_005).at(-1), undefined);
  });

  it('say of a stream that flaps how often it broke within which time, and why the last time', () => {
    const { code, message } = flapping(new NvrError('ETIMEDOUT', 'It fell silent.'), 4);
    assert.equal(code, 'ETIMEDOUT');
    assert.match(message, /broke 4 times within 5 min, .*It fell silent\./);
  });

  it('take what never plays for an outage, not for flapping', () => {
    const outages = make();
    const told = Array.from({ length: 50 }, (_, i) => outages.failed('ECONNREFUSED', i * 60_000));
    assert.deepEqual(breaks(told), []);
  });

  it('take nothing for media while no session is up', () => {
    const outages = make();
    outages.failed('ETIMEDOUT', 0);
    outages.onMedia(1000);
    outages.onSessionEnd();
    outages.onMedia(3_600_000);
    assert.equal(outages.attempts, 1);
    outages.reset();
    assert.equal(outages.attempts, 0);
  });

  it('count nothing for a break of the stream that was restarted before, however often that is', () => {
    const outages = make();
    const told = Array.from({ length: 8 }, (_, index) => {
      outages.onMedia(index * 1000);
      outages.reset();
      return outages.failed('EUNREACHABLE', index * 1000 + 500);
    });
    assert.deepEqual(breaks(told), []);
  });

  it('count no time from before a restart as played, so that the first failure after it is not made light of', () => {
    const outages = make();
    outages.onMedia(0);
    outages.reset();
    outages.failed('EUNREACHABLE', 40_000);
    // Media for a moment alone: with the time before the restart it would be healthy again.
    outages.onMedia(41_000);
    assert.equal(outages.attempts, 1);
  });
});
