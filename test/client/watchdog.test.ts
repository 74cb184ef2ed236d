import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Watchdog, type WatchdogOptions } from '../../lib/client/watchdog.js';

/**
 * Looks once a second from `second` 1 on; answers the second at which it calls silence, and what it says
 * then.
 */
function silentAt(
  options: WatchdogOptions,
  received: (second: number) => number,
  fps = 0,
): [second: number, silence: number] | undefined {
  const watchdog = new Watchdog(options);
  watchdog.begin(1000);
  for (let second = 1; second <= 120; second++) {
    const silence = watchdog.check(1000 + second * 1000, received(second), fps);
    if (silence !== undefined) return [second, silence];
  }
  return undefined;
}

describe('Watchdog', () => {
  it('gives a stream that never came the silence that the settings allow, and UDP 3 s', () => {
    const never = (): number => 0;
    assert.deepEqual(silentAt({ transport: 'tcp', silenceMs: 8_000 }, never), [8, 8_000]);
    assert.deepEqual(silentAt({ transport: 'tcp' }, never), [5, 5_000]);
    for (const transport of ['udp', 'multicast'] as const)
      assert.deepEqual(silentAt({ transport, silenceMs: 8_000 }, never), [3, 3_000]);
    assert.deepEqual(silentAt({ transport: 'udp', silenceMs: 2_000 }, never), [2, 2_000]);
  });

  it('counts silence from the last packet, and takes a slow camera for what it is', () => {
    const until10 = (second: number): number => Math.min(second, 10);
    assert.deepEqual(silentAt({ transport: 'udp' }, until10, 25), [15, 5_000]);
    assert.deepEqual(silentAt({ transport: 'tcp' }, until10, 0.5), [20, 10_000]);
  });

  it('never calls silent what sends within the time allowed', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom('tcp', 'udp', 'multicast'),
        (period, transport) => {
          const options = { transport, silenceMs: (period + 1) * 1000 } as const;
          assert.equal(
            silentAt(options, (second) => 1 + Math.floor(second / period)),
            undefined,
          );
        },
      ),
    );
  });

  it('restarts when reading resumes after a pause', () => {
    const watchdog = new Watchdog({ transport: 'tcp' });
    watchdog.begin(0);
    assert.equal(watchdog.check(1000, 1, 25), undefined);
    watchdog.begin(60_000);
    assert.equal(watchdog.check(61_000, 1, 25), undefined);
    assert.equal(watchdog.mediaFlows(62_000), true);
    assert.equal(watchdog.mediaFlows(62_500), false);
    assert.equal(watchdog.check(65_000, 1, 25), 5_000);
  });
});
