import assert from 'node:assert/strict';
import { FRAME_MS, FROM, Screening, at } from '../kit/screening.js';

describe('recordings in step, at their bounds', () => {
  it('are each shown at their own moment, by the speed', () => {
    const screening = new Screening(1, 2);
    screening.push(0, FROM, 20);
    screening.clock.to(200);
    assert.deepEqual(
      screening.shown.slice(0, 4).map((one) => one.at),
      [0, 20, 40, 60],
    );
  });

  it('begin once half a second of each is there, or all of one that is shorter', () => {
    const screening = new Screening(2);
    screening.push(0, FROM, 14);
    screening.push(1, FROM, 5, 100);
    assert.deepEqual(screening.shown, []);
    screening.push(1, FROM + 500, 1);
    assert.ok(screening.shown.length > 0, 'to the last millisecond');
    const short = new Screening(2);
    short.push(0, FROM, 25);
    short.push(1, FROM, 1);
    assert.deepEqual(short.shown, []);
    short.end(1);
    assert.equal(short.shown.length, 2);
    const empty = new Screening(2);
    empty.push(0, FROM, 25);
    empty.end(1);
    assert.deepEqual({ shown: empty.shown.length, ends: empty.ends }, { shown: 1, ends: [1] });
  });

  it('show nothing while they stand, whatever comes, and have no timer then; an end is told all the same', () => {
    const screening = new Screening(2);
    for (const lane of [0, 1]) screening.push(lane, FROM, 25);
    screening.clock.to(100);
    const before = screening.shown.length;
    screening.step.pause();
    assert.equal(screening.clock.waiting, 0);
    screening.push(0, FROM + 1000, 25);
    screening.clock.to(5_000);
    assert.deepEqual(
      { shown: screening.shown.length, position: screening.step.position },
      { shown: before, position: FROM + 100 },
    );
    screening.lanes[1]!.drop();
    screening.end(1);
    assert.deepEqual(screening.ends, [1]);
    screening.step.resume();
    screening.step.close();
    const shown = screening.shown.length;
    assert.equal(screening.clock.waiting, 0);
    screening.push(0, FROM + 2000, 25);
    screening.clock.to(20_000);
    assert.equal(screening.shown.length, shown);
  });

  it('stop at the picture whose receiver asks for that, also where others are due', () => {
    const screening = new Screening(1);
    screening.onShown = () => {
      screening.step.pause();
    };
    for (let index = 0; index < 3; index++) screening.lanes[0]!.push(at(FROM));
    screening.push(0, FROM + 1000, 1);
    assert.equal(screening.shown.length, 1);
  });

  it('go on behind a receiver that fails at one picture', () => {
    const screening = new Screening(1);
    screening.onShown = () => {
      screening.onShown = undefined;
      throw new Error('The receiver’s own.');
    };
    assert.throws(() => {
      screening.push(0, FROM, 20);
    });
    screening.push(0, FROM + 20 * FRAME_MS, 20);
    screening.clock.to(1_000);
    assert.ok(screening.shown.length > 10);
  });

  it('take what a receiver brings while it is given a picture, however often that is', () => {
    const screening = new Screening(1);
    let left = 12_000;
    screening.onShown = () => {
      if (left-- > 0) screening.lanes[0]!.push(at(FROM, 1));
    };
    screening.push(0, FROM, 1);
    screening.end(0);
    assert.equal(screening.shown.length, 12_001);
  });

  it('end once each, also where an end makes them look again, and leave no timer', () => {
    const screening = new Screening(2);
    for (const lane of [0, 1]) screening.push(lane, FROM, 5);
    for (const lane of [0, 1])
      screening.lanes[lane]!.finish(() => {
        screening.ends.push(lane);
        screening.lanes[lane]!.endNow();
      });
    screening.clock.to(1_000);
    assert.deepEqual(
      { ends: screening.ends, waiting: screening.clock.waiting },
      { ends: [0, 1], waiting: 0 },
    );
  });

  it('end where a seek leaves nothing of one that was read to its end', () => {
    const screening = new Screening(1);
    screening.push(0, FROM, 25);
    screening.end(0);
    screening.step.seek(FROM + 10_000);
    screening.step.resume();
    assert.deepEqual(screening.ends, [0]);
  });

  it('stop while one has nothing buffered, or nothing has come at all, and look again only now and then', () => {
    const screening = new Screening(2);
    screening.push(0, FROM, 250);
    screening.push(1, FROM, 25);
    screening.clock.to(4_000);
    assert.equal(screening.step.position, FROM + 24 * FRAME_MS);
    const empty = new Screening(2);
    empty.step.resume();
    empty.clock.to(60_000);
    assert.equal(empty.step.position, FROM);
    assert.ok(empty.clock.timersSet <= 120, `${empty.clock.timersSet} timers`);
  });

  it('wait five seconds to the millisecond, and as long each time that one stalls', () => {
    const screening = new Screening(2);
    screening.push(0, FROM, 25 * 60);
    screening.clock.to(4_999);
    assert.deepEqual(screening.shown, []);
    screening.clock.to(5_000);
    assert.equal(screening.shown.length, 1);
    screening.push(1, FROM, 25);
    screening.clock.to(6_000);
    const stalled: number = screening.shown.length;
    screening.clock.to(10_900);
    assert.equal(screening.shown.length, stalled);
    screening.clock.to(11_100);
    assert.ok(screening.shown.length > stalled);
  });

  it('wait for one that has sent too little to begin with, and then stalls', () => {
    const screening = new Screening(2);
    screening.push(0, FROM, 250);
    screening.push(1, FROM, 1);
    screening.clock.to(9_900);
    assert.deepEqual(
      screening.shown.map(({ time }) => time),
      [FROM, FROM],
    );
    screening.clock.to(10_100);
    assert.ok(screening.shown.length > 2);
  });

  it('do not wait again for one that was given up where another one runs dry', () => {
    const screening = new Screening(2);
    screening.push(0, FROM, 25);
    screening.clock.to(7_000);
    const dry = screening.shown.length;
    assert.equal(dry, 25);
    screening.push(0, FROM + 1000, 25);
    screening.clock.to(7_500);
    assert.ok(screening.shown.length > dry + 10);
  });

  it('count nothing of before a seek, and let a server that waits go on then', () => {
    const screening = new Screening(1);
    screening.step.pause();
    for (let index = 0; index < 70; index++) screening.lanes[0]!.push(at(FROM + index, 60_000));
    assert.equal(screening.held[0], true);
    screening.step.seek(FROM + 10_000);
    assert.deepEqual(
      { held: screening.held[0], bytes: screening.lanes[0]!.bytes },
      { held: false, bytes: 0 },
    );
    for (let index = 0; index < 50; index++) screening.lanes[0]!.push(at(FROM + 10_000 + index, 60_000));
    assert.equal(screening.held[0], false);
  });

  it('wait for one whose server was made to wait and is not any more', () => {
    const screening = new Screening(2);
    screening.push(1, FROM, 500);
    for (let index = 0; screening.held[0] !== true; index++)
      screening.lanes[0]!.push(at(FROM + index, 60_000));
    screening.clock.to(2_000);
    const { position } = screening.step;
    assert.ok(position < FROM + 200, `${position - FROM} ms`);
  });

  it('go on from a pause only with half a second of each, and take a seek of who is given a picture', () => {
    const screening = new Screening(1);
    screening.step.pause();
    screening.push(0, FROM, 2);
    screening.step.resume();
    const early = screening.shown.length;
    assert.equal(early, 0);
    const to = FROM + 60_000;
    screening.onShown = () => {
      screening.onShown = undefined;
      screening.step.seek(to);
      screening.push(0, to, 25);
    };
    screening.push(0, FROM + 2 * FRAME_MS, 25);
    screening.clock.to(10_000);
    const times = screening.shown.map(({ time }) => time);
    assert.ok(times.includes(to), `${times.length}`);
  });

  it('stand again when what was there of the others is shown, where one of them is late', () => {
    const screening = new Screening(3);
    // The last one sends nothing for longer than the others wait for it; the first has one picture.
    screening.push(0, FROM, 1);
    screening.push(1, FROM, 500);
    screening.clock.to(9_000);
    assert.equal(screening.step.position, FROM);
    assert.equal(screening.shown.filter(({ lane }) => lane === 0).length, 1);
  });

  it('play on to the last picture of one that stalled with too little, and wait for it anew there', () => {
    const screening = new Screening(2);
    screening.push(0, FROM, 250);
    screening.push(1, FROM, 5);
    screening.clock.to(5_200);
    const { position } = screening.step;
    const [last] = screening.shown.filter(({ lane }) => lane === 1).slice(-1);
    assert.deepEqual(
      { last: { ...last }, position },
      {
        last: { lane: 1, time: FROM + 4 * FRAME_MS, at: 5_000 + 4 * FRAME_MS },
        position: FROM + 4 * FRAME_MS,
      },
    );
    screening.clock.to(11_000);
    assert.ok(screening.step.position > FROM + 500, 'it goes on without it');
  });

  it('keep what is due of the others where one runs dry under a slow receiver, and have one timer', () => {
    const screening = new Screening(2);
    screening.push(0, FROM, 14);
    screening.push(1, FROM + 10, 100);
    const lastOf0 = FROM + 13 * FRAME_MS;
    screening.onShown = () => {
      // What the last picture of the first one is given to takes its time.
      if (screening.shown.at(-1)!.time === lastOf0) screening.clock.now += 200;
    };
    screening.clock.to(1_000);
    assert.deepEqual(
      { last: screening.shown.at(-1)!.time, waiting: screening.clock.waiting },
      { last: lastOf0, waiting: 1 },
    );
    screening.push(0, FROM + 14 * FRAME_MS, 50);
    screening.clock.to(2_000);
    const times = screening.shown.map(({ time }) => time);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    );
    screening.step.pause();
    assert.equal(screening.clock.waiting, 0);
  });
});
