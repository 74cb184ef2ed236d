import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Backoff } from '../../lib/client/backoff.js';
import type { NvrErrorCode } from '../../lib/errors.js';

const middle = (): number => 0.5;

/** A clock, and a camera that is tried again when the back-off says so. */
class Trial {
  now = 0;

  constructor(readonly backoff = new Backoff(middle)) {}

  /** Fails that often, at once each time; answers the waits in seconds. */
  fail(code: NvrErrorCode, times: number): number[] {
    return Array.from({ length: times }, () => {
      const { inMs } = this.backoff.next(code, this.now);
      this.now += inMs;
      return inMs / 1000;
    });
  }

  /** Brings media for so long, at 25 frames a second, and is lost. */
  play(ms: number): void {
    for (const end = this.now + ms; this.now <= end; this.now += 40) this.backoff.onMedia(this.now);
    this.backoff.onSessionEnd();
  }
}

describe('Backoff', () => {
  it('waits 1 s, doubling to 60 s, for a lost stream, and no longer than 5 s within the first half minute', () => {
    const trial = new Trial();
    assert.deepEqual(trial.fail('ETIMEDOUT', 13), [1, 2, 4, 5, 5, 5, 5, 5, 5, 10, 20, 40, 60]);
    assert.equal(trial.backoff.attempt, 13);
  });

  it('lets the waits grow once an outage has lasted 35 s, to the millisecond', () => {
    for (const [at, inMs] of [
      [34_999, 5_000],
      [35_000, 10_000],
    ] as const) {
      const trial = new Trial();
      trial.fail('ETIMEDOUT', 4);
      assert.equal(trial.backoff.next('ETIMEDOUT', at).inMs, inMs, `at ${at}`);
    }
  });

  it('counts half a minute of media anew once it has started anew', () => {
    const trial = new Trial();
    trial.play(60_000);
    trial.backoff.reset();
    trial.fail('EFORBIDDEN', 1);
    trial.play(29_000);
    assert.equal(trial.backoff.attempt, 1);
    trial.play(2_000);
    assert.equal(trial.backoff.attempt, 0);
  });

  it('waits 5 min, doubling to 1 h, after a wrong password', () => {
    assert.deepEqual(
      new Trial().fail('EAUTH', 6).map((seconds) => seconds / 60),
      [5, 10, 20, 40, 60, 60],
    );
  });

  it('waits 5 min where the camera or its codec must change first', () => {
    const backoff = new Backoff(middle);
    for (const code of ['ECHANNEL', 'EUNSUPPORTED', 'ECHANNEL', 'EINPUT'] as const)
      assert.deepEqual(backoff.next(code, 0), { inMs: 300_000, isLasting: true });
  });

  it('looks again soon, nine times, where a camera that has played is refused: the device may be booting; then each minute', () => {
    for (const code of ['ECHANNEL', 'EFORBIDDEN', 'EUNSUPPORTED'] as const) {
      const trial = new Trial();
      trial.play(1000);
      for (let outage = 0; outage < 2; outage++) {
        const looks = Array.from({ length: 9 }, () => trial.backoff.next(code, trial.now));
        assert.deepEqual(
          looks,
          [1800, 5400, 5400, 5400, 5400, 5400, 5400, 5400, 27_000].map((inMs) => ({
            inMs,
            isLasting: false,
          })),
        );
        assert.deepEqual(trial.backoff.next(code, trial.now), { inMs: 60_000, isLasting: true });
        assert.deepEqual(trial.backoff.next(code, trial.now), { inMs: 60_000, isLasting: true });
        // Seen again, it has second looks again.
        trial.play(1000);
      }
    }
  });

  it('looks a second time, once, where a log-in is refused that was granted before', () => {
    const trial = new Trial();
    trial.play(1000);
    assert.deepEqual(trial.backoff.next('EAUTH', trial.now), { inMs: 10_000, isLasting: false });
    assert.deepEqual(
      trial.fail('EAUTH', 5).map((seconds) => seconds / 60),
      [5, 10, 20, 40, 60],
    );
    trial.backoff.reset();
    assert.equal(trial.backoff.next('EINPUT', trial.now).isLasting, true);
  });

  it('counts second looks of both kinds apart', () => {
    const trial = new Trial();
    trial.play(1000);
    const codes = ['ECHANNEL', 'ECONNREFUSED', 'EAUTH', 'ECHANNEL', 'EAUTH'] as const;
    assert.deepEqual(
      codes.map((code) => trial.backoff.next(code, trial.now).isLasting),
      [false, false, false, false, true],
    );
  });

  it('spreads retries by 20 % either way, and second looks to the earlier side', () => {
    assert.deepEqual(
      [0, 1].map((random) => new Backoff(() => random).next('EDNS', 0).inMs),
      [800, 1200],
    );
    const looks = [0, 1].map((random) => {
      const backoff = new Backoff(() => random);
      backoff.onMedia(0);
      return backoff.next('ECHANNEL', 0).inMs;
    });
    assert.deepEqual(looks, [1600, 2000]);
  });

  it('starts again after a reset, and for another kind of cause', () => {
    const backoff = new Backoff(middle);
    backoff.next('ETIMEDOUT', 0);
    assert.equal(backoff.next('ECONNREFUSED', 0).inMs, 2000);
    assert.equal(backoff.next('EAUTH', 0).inMs, 300_000);
    assert.equal(backoff.next('ETIMEDOUT', 0).inMs, 1000);
    backoff.reset();
    assert.deepEqual(
      { attempt: backoff.attempt, inMs: backoff.next('ETIMEDOUT', 0).inMs },
      { attempt: 0, inMs: 1000 },
    );
  });

  it('starts again after 30 s of media in all since the last doubling', () => {
    const trial = new Trial();
    trial.fail('ETIMEDOUT', 12);
    const waits = Array.from({ length: 7 }, () => {
      trial.play(5_000);
      return trial.fail('ETIMEDOUT', 1)[0];
    });
    // Not in one piece; what is short of it doubles the waits again, but never to long ones.
    assert.deepEqual(waits, [5, 5, 5, 5, 5, 1, 2]);
    assert.equal(trial.backoff.attempt, 2);
  });

  it('counts only the media since the last doubling', () => {
    const trial = new Trial();
    trial.fail('ETIMEDOUT', 1);
    // 35 s in all, but less than 30 since the waits grew.
    const waits = Array.from({ length: 5 }, () => {
      trial.play(7_000);
      return trial.fail('ETIMEDOUT', 1)[0];
    });
    assert.deepEqual(waits, [2, 4, 5, 5, 5]);
  });

  it('never overflows, however long an outage lasts', () => {
    const trial = new Trial();
    trial.fail('ETIMEDOUT', 5000);
    assert.deepEqual(trial.fail('ETIMEDOUT', 1), [60]);
  });

  describe('over any outage', () => {
    /** The camera is away from 0 to `away`; an attempt takes `attemptMs`. Answers when it plays again. */
    function seenAgain(
      away: number,
      attemptMs: number,
      random: () => number,
      before: number[],
      code: NvrErrorCode = 'ECONNREFUSED',
    ): number {
      const trial = new Trial(new Backoff(random));
      for (const piece of before) {
        trial.play(piece);
        trial.now += trial.backoff.next('EUNREACHABLE', trial.now).inMs;
      }
      trial.play(60_000);
      const begun = trial.now;
      for (;;) {
        trial.now += trial.backoff.next(code, trial.now).inMs;
        if (trial.now >= begun + away) return trial.now + attemptMs - begun - away;
        trial.now += attemptMs;
      }
    }

    const randoms = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 });
    const cycle = (values: readonly number[]): (() => number) => {
      let at = 0;
      return () => values[at++ % values.length]!;
    };

    it('sees the camera within 10 s after one of up to 30 s, and within 75 s after a longer one, be it away or refused', () => {
      fc.assert(
        fc.property(
          fc.constantFrom<NvrErrorCode>(
            'ECONNREFUSED',
            'ECHANNEL',
            'EFORBIDDEN',
            'ESESSIONS',
            'EUNSUPPORTED',
          ),
          fc.oneof(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 30_001, max: 7_200_000 })),
          fc.integer({ min: 0, max: 2_000 }),
          randoms,
          fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 10 }),
          (code, away, attemptMs, random, before) => {
            const late = seenAgain(away, attemptMs, cycle(random), before, code);
            assert.ok(late <= (away <= 30_000 ? 10_000 : 75_000), `${late} ms`);
          },
        ),
      );
    });

    it('is no later than that where the camera comes back just after a slow attempt began', () => {
      for (const code of ['ECONNREFUSED', 'ECHANNEL'] as const)
        for (const random of [0, 0.5, 1])
          for (let away = 0; away <= 30_000; away += 10) {
            const late = seenAgain(away, 2_000, () => random, [], code);
            assert.ok(late <= 10_000, `${code}, away for ${away} ms: ${late} ms`);
          }
    });

    it('is so after a long one, too, where every wait is the longest', () => {
      for (const code of ['ECONNREFUSED', 'ECHANNEL'] as const)
        for (let away = 600_000; away <= 680_000; away += 50) {
          const late = seenAgain(away, 2_000, () => 1, [], code);
          assert.ok(late <= 75_000, `${code}, away for ${away} ms: ${late} ms`);
        }
    });

    it('sees a camera that is cut every so often for nine tenths of the time that it can be reached', () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 12_000, max: 60_000 }),
          randoms,
          fc.integer({ min: 0, max: 7_200_000 }),
          (pieceMs, random, awayBefore) => {
            const trial = new Trial(new Backoff(cycle(random)));
            while (trial.now < awayBefore) trial.now += trial.backoff.next('ECONNREFUSED', trial.now).inMs;
            let played = 0;
            let settled = 0;
            for (let cut = 0; cut < 60; cut++) {
              const begun = trial.now;
              trial.play(pieceMs);
              trial.now += trial.backoff.next('EUNREACHABLE', trial.now).inMs;
              // After a long outage the waits come down first.
              if (cut < 5) continue;
              played += pieceMs;
              settled += trial.now - begun;
            }
            assert.ok(played / settled >= 0.9, `${played / settled}`);
          },
        ),
      );
    });
  });
});
