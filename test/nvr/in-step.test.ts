import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MemoryBudget } from '../../lib/nvr/memory-budget.js';
import { FRAME_MS, FROM, Screening, at } from '../kit/screening.js';

/** How far apart recordings were shown: for each picture, from what the others showed last. */
function skew(shown: Screening['shown'], lanes: number): number {
  const last: number[] = [];
  let worst = 0;
  for (const { lane, time } of shown) {
    last[lane] = time;
    if (Object.keys(last).length === lanes) worst = Math.max(worst, Math.max(...last) - Math.min(...last));
  }
  return worst;
}

describe('recordings in step', () => {
  it('are shown by their recorded times, however unevenly they come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 30, maxLength: 30 }), (delays) => {
        const screening = new Screening(3);
        const count = 30 * 25;
        const arrivals = [0, 1, 2].flatMap((lane) => {
          let latest = 0;
          return Array.from({ length: count }, (_, index) => {
            // In real time, each second's pictures late by another delay, and in order.
            const late = delays[Math.floor(index / 25)]! * ((lane + 1) / 3);
            latest = Math.max(latest, index * FRAME_MS + late);
            return { lane, time: FROM + index * FRAME_MS, at: latest };
          });
        });
        const ordered = arrivals.sort((a, b) => a.at - b.at || a.time - b.time);
        for (const { lane, time, at: now } of ordered) {
          screening.clock.to(now);
          screening.lanes[lane]!.push(at(time));
        }
        for (const lane of [0, 1, 2]) screening.end(lane);
        screening.clock.to(120_000);
        assert.equal(screening.shown.length, 3 * count);
        assert.ok(skew(screening.shown, 3) <= FRAME_MS, `${skew(screening.shown, 3)} ms apart`);
        assert.deepEqual(screening.ends.sort(), [0, 1, 2]);
      }),
      { numRuns: 20 },
    );
  });

  it('keep to real time over five minutes, and to one frame of each other, at different rates', () => {
    const screening = new Screening(2);
    const minutes = 5 * 60_000;
    for (let now = 0; now < minutes; now += 200) {
      screening.clock.to(now);
      screening.push(0, FROM + now, 5);
      screening.push(1, FROM + now, 2, 100);
    }
    screening.end(0);
    screening.end(1);
    screening.clock.to(minutes + 2_000);
    assert.equal(screening.shown.length, (minutes / 200) * 7);
    assert.ok(skew(screening.shown, 2) <= 100);
    const first = screening.shown[0]!;
    const last = screening.shown.at(-1)!;
    const took = last.at - first.at;
    assert.ok(Math.abs(took - (last.time - first.time)) <= FRAME_MS, `${took} ms`);
  });

  it('are shown faster where that is asked for', () => {
    const screening = new Screening(2, 4);
    for (const lane of [0, 1]) screening.push(lane, FROM, 25 * 8);
    for (const lane of [0, 1]) screening.end(lane);
    screening.clock.to(1_000);
    const shown = screening.shown.filter(({ lane }) => lane === 0).length;
    assert.ok(Math.abs(shown - 100) <= 2, `${shown} in a second`);
  });

  it('stand still together, and go on together from where they stood', () => {
    const screening = new Screening(2);
    for (const lane of [0, 1]) screening.push(lane, FROM, 250);
    screening.clock.to(2_000);
    screening.step.pause();
    const before = screening.shown.length;
    screening.clock.to(60_000);
    assert.equal(screening.shown.length, before);
    screening.step.resume();
    screening.clock.to(61_000);
    const after = screening.shown.slice(before);
    assert.ok(Math.abs(after.length - 50) <= 2, `${after.length} in a second`);
    assert.ok(after[0]!.time - screening.shown[before - 1]!.time <= FRAME_MS);
  });

  it('seek together: nothing that was buffered before is shown', () => {
    const screening = new Screening(2);
    for (const lane of [0, 1]) screening.push(lane, FROM, 250);
    screening.clock.to(1_000);
    const to = FROM + 3_600_000;
    screening.step.seek(to);
    const before = screening.shown.length;
    screening.push(0, to, 250);
    screening.clock.to(1_500);
    assert.equal(screening.shown.length, before, 'the other one is waited for');
    screening.push(1, to, 250);
    screening.clock.to(2_000);
    assert.ok(screening.shown.length > before + 20);
    assert.ok(screening.shown.slice(before).every(({ time }) => time >= to));
  });

  it('wait five seconds for one that stalls, continue without it, and with it when it is back', () => {
    const screening = new Screening(2);
    screening.push(0, FROM, 25 * 60);
    screening.push(1, FROM, 25);
    screening.clock.to(3_000);
    const stalled = screening.shown.length;
    screening.clock.to(5_500);
    assert.equal(screening.shown.length, stalled, 'the clock stands');
    screening.clock.to(9_000);
    assert.ok(screening.shown.length > stalled + 25, 'the other one goes on');
    const position = screening.step.position;
    screening.push(1, position, 250);
    screening.clock.to(11_000);
    const both = screening.shown.slice(-20).map(({ lane }) => lane);
    assert.ok(both.includes(0) && both.includes(1));
    assert.ok(skew(screening.shown.slice(-20), 2) <= FRAME_MS);
  });

  it('wait five seconds again after a seek, also for one that was given up before it', () => {
    const screening = new Screening(2);
    screening.push(0, FROM, 25 * 60);
    screening.push(1, FROM, 25);
    screening.clock.to(9_000);
    const to = FROM + 3_600_000;
    screening.step.seek(to);
    const before = screening.shown.length;
    screening.push(0, to, 250);
    screening.clock.to(13_900);
    assert.equal(screening.shown.length, before, 'the one that was given up may play at the other time');
    screening.push(1, to, 250);
    screening.clock.to(15_000);
    const lanes = new Set(screening.shown.slice(before).map(({ lane }) => lane));
    assert.equal(lanes.size, 2);
  });

  it('wait five seconds from the seek on, not from a wait that it cut short', () => {
    const screening = new Screening(2);
    screening.push(0, FROM, 250);
    screening.clock.to(4_000);
    const to = FROM + 3_600_000;
    screening.step.seek(to);
    screening.push(0, to, 250);
    screening.clock.to(8_900);
    assert.deepEqual(screening.shown, []);
    screening.clock.to(9_600);
    assert.ok(screening.shown.length > 0);
  });

  it('let a server go on only when half of what may be buffered is shown', () => {
    const screening = new Screening(1);
    const bytes = 60_000;
    let sent = 0;
    while (screening.held[0] !== true) screening.lanes[0]!.push(at(FROM + sent++ * FRAME_MS, bytes));
    screening.clock.to((sent / 4) * FRAME_MS);
    assert.equal(screening.held[0], true, 'three quarters are left');
    screening.clock.to((sent / 2 + 2) * FRAME_MS);
    assert.equal(screening.held[0], false);
  });

  it('report the end of each after its last picture, and do not hold up the others then', () => {
    const screening = new Screening(2);
    screening.push(0, FROM, 25);
    screening.end(0);
    screening.push(1, FROM, 100);
    screening.clock.to(900);
    assert.deepEqual(screening.ends, []);
    screening.clock.to(1_100);
    assert.deepEqual(screening.ends, [0]);
    screening.clock.to(3_000);
    assert.ok(screening.shown.filter(({ lane }) => lane === 1).length > 60);
  });

  it('ask a server to wait that sends faster than it is shown', () => {
    const screening = new Screening(2);
    for (let index = 0; index < 100; index++) screening.lanes[0]!.push(at(FROM + index * FRAME_MS, 60_000));
    assert.equal(screening.held[0], true);
    screening.push(1, FROM, 100);
    screening.clock.to(4_000);
    assert.equal(screening.held[0], false);
  });

  it('count in the memory for all cameras, make a server wait where that has no room, and play on all the same', () => {
    const budget = new MemoryBudget({ bytes: 20_000 });
    const screening = new Screening(2, 1, () => budget.camera());
    let sent = 0;
    while (screening.held[0] !== true && sent < 1_000) screening.lanes[0]!.push(at(FROM + sent++ * FRAME_MS));
    assert.ok(sent < 20 && budget.used > 15_000 && budget.used <= 20_000, `${sent} ${budget.used}`);
    screening.lanes[1]!.push(at(FROM));
    assert.equal(screening.shown.length, 2, 'both are full, so the clock does not wait for more');
    assert.equal(screening.held[0], false, 'it sends again');
    screening.step.seek(FROM + 60_000);
    assert.deepEqual({ used: budget.used, units: budget.units }, { used: 0, units: 0 });
    screening.push(0, FROM + 60_000, 2);
    screening.push(1, FROM + 60_000, 2);
    assert.equal(budget.units, 4);
    for (const lane of [0, 1]) screening.end(lane);
    screening.clock.to(10_000);
    assert.deepEqual(
      { used: budget.used, units: budget.units, ends: screening.ends.length },
      { used: 0, units: 0, ends: 2 },
    );
  });

  it('count a picture as what it costs in memory: of tiny ones only thousands are kept', () => {
    const screening = new Screening(2);
    let kept = 0;
    while (screening.held[0] !== true && kept < 100_000) screening.lanes[0]!.push(at(FROM + kept++, 6));
    assert.ok(kept < 7_000, `${kept} pictures`);
  });
});
