import assert from 'node:assert/strict';
import type { SessionStatistics } from '../../lib/client/statistics.js';
import { Ledger } from '../../lib/nvr/camera/ledger.js';

const COUNTERS = [
  ...(['bytes', 'packets', 'lost', 'late', 'duplicates', 'clockSteps'] as const),
  ...(['frames', 'keyframes', 'damaged'] as const),
];

describe('the statistics of a stream', () => {
  /** A session whose counters are powers of two: no other sum of some of them is the right one. */
  const session = (nth: number, now = 0): SessionStatistics => {
    const counts = COUNTERS.map((name, index) => [name, 2 ** (3 * index + nth)]);
    return { ...Object.fromEntries(counts), jitterMs: now, fps: now, bitrateKbps: now } as SessionStatistics;
  };
  const sumOf = (...nths: number[]): object =>
    Object.fromEntries(
      COUNTERS.map((name, index) => [name, nths.reduce((sum, nth) => sum + 2 ** (3 * index + nth), 0)]),
    );
  const STILL = { jitterMs: 0, fps: 0, bitrateKbps: 0, reconnects: 0 };

  it('are nought before its first session', () => {
    assert.deepEqual(new Ledger().total(undefined), {
      ...STILL,
      ...Object.fromEntries(COUNTERS.map((name) => [name, 0])),
    });
  });

  it('add every counter up over its sessions, each once, and have the rates of the present one', () => {
    const ledger = new Ledger();
    ledger.close(undefined);
    ledger.close(session(0, 5));
    assert.deepEqual(ledger.total(undefined), { ...STILL, ...sumOf(0) });
    assert.deepEqual(ledger.total(session(1, 7)), {
      ...{ jitterMs: 7, fps: 7, bitrateKbps: 7, reconnects: 0 },
      ...sumOf(0, 1),
    });
    ledger.close(session(1, 7));
    ledger.close(undefined);
    ledger.reconnects = 2;
    assert.deepEqual(ledger.total(session(2, 9)), {
      ...{ jitterMs: 9, fps: 9, bitrateKbps: 9, reconnects: 2 },
      ...sumOf(0, 1, 2),
    });
  });
});
