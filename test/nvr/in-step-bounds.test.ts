import assert from 'node:assert/strict';
import { UNCOUNTED, type UnitMemory } from '../../lib/media/unit-memory.js';
import { InStep, type Lane, type Timed } from '../../lib/nvr/playback/in-step.js';
import { videoUnit } from '../kit/fake-hub.js';

const FROM = Date.UTC(2026, 10, 23, 14, 2);
const FRAME_MS = 40;

/** A clock that the test moves, and the timers on it. */
class Time {
  now = 0;
  private readonly timers = new Map<number, { at: number; run: () => void }>();
  /** How many timers there were. */
  id = 0;

  readonly set = (run: () => void, ms: number): number => {
    this.timers.set(++this.id, { at: this.now + ms, run });
    return this.id;
  };
  readonly clear = (id: unknown): void => void this.timers.delete(id as number);

  get pending(): number {
    return this.timers.size;
  }

  /** To a time, with all timers on the way. */
  to(end: number): void {
    for (;;) {
      const [due] = [...this.timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].run();
    }
    this.now = Math.max(this.now, end);
  }
}

const at = (time: number, bytes = 1_000): Timed => ({
  unit: { ...videoUnit({ data: Buffer.alloc(bytes) }), time },
});

class Bench {
  readonly time = new Time();
  readonly shown: { lane: number; time: number; at: number }[] = [];
  readonly held: boolean[] = [];
  readonly ends: number[] = [];
  onShown: (() => void) | undefined;
  readonly lanes: Lane<Timed>[];
  readonly step: InStep<Timed>;

  constructor(count: number, speed = 1, memory: () => UnitMemory = () => UNCOUNTED) {
    this.step = new InStep({ from: FROM, speed, now: () => this.time.now, timers: this.time });
    this.lanes = Array.from({ length: count }, (_, lane) =>
      this.step.lane(
        {
          onUnit: ({ unit }) => {
            this.shown.push({ lane, time: unit.time, at: this.time.now });
            this.onShown?.();
          },
          hold: () => (this.held[lane] = true),
          letGo: () => (this.held[lane] = false),
        },
        memory(),
      ),
    );
  }

  push(lane: number, from: number, count: number, frame = FRAME_MS): void {
    for (let index = 0; index < count; index++) this.lanes[lane]!.push(at(from + index * frame));
  }

  end(lane: number): void {
    this.lanes[lane]!.finish(() => this.ends.push(lane));
  }
}

describe('recordings in step, at their bounds', () => {
  it('are each shown at their own moment, by the speed', () => {
    const bench = new Bench(1, 2);
    bench.push(0, FROM, 20);
    bench.time.to(200);
    assert.deepEqual(
      bench.shown.slice(0, 4).map((one) => one.at),
      [0, 20, 40, 60],
    );
  });

  it('begin once half a second of each is there, or all of one that is shorter', () => {
    const bench = new Bench(2);
    bench.push(0, FROM, 14);
    bench.push(1, FROM, 5, 100);
    assert.deepEqual(bench.shown, []);
    bench.push(1, FROM + 500, 1);
    assert.ok(bench.shown.length > 0, 'to the last millisecond');
    const short = new Bench(2);
    short.push(0, FROM, 25);
    short.push(1, FROM, 1);
    assert.deepEqual(short.shown, []);
    short.end(1);
    assert.equal(short.shown.length, 2);
    const empty = new Bench(2);
    empty.push(0, FROM, 25);
    empty.end(1);
    assert.deepEqual([empty.shown.length, empty.ends], [1, [1]]);
  });

  it('show nothing while they stand, whatever comes, and have no timer then; an end is told all the same', () => {
    const bench = new Bench(2);
    for (const lane of [0, 1]) bench.push(lane, FROM, 25);
    bench.time.to(100);
    const before = bench.shown.length;
    bench.step.pause();
    assert.equal(bench.time.pending, 0);
    bench.push(0, FROM + 1000, 25);
    bench.time.to(5_000);
    assert.deepEqual([bench.shown.length, bench.step.position], [before, FROM + 100]);
    bench.lanes[1]!.drop();
    bench.end(1);
    assert.deepEqual(bench.ends, [1]);
    bench.step.resume();
    bench.step.close();
    const shown = bench.shown.length;
    assert.equal(bench.time.pending, 0);
    bench.push(0, FROM + 2000, 25);
    bench.time.to(20_000);
    assert.equal(bench.shown.length, shown);
  });

  it('stop at the picture whose receiver asks for that, also where others are due', () => {
    const bench = new Bench(1);
    bench.onShown = () => {
      bench.step.pause();
    };
    for (let index = 0; index < 3; index++) bench.lanes[0]!.push(at(FROM));
    bench.push(0, FROM + 1000, 1);
    assert.equal(bench.shown.length, 1);
  });

  it('go on behind a receiver that fails at one picture', () => {
    const bench = new Bench(1);
    bench.onShown = () => {
      bench.onShown = undefined;
      throw new Error('The receiver’s own.');
    };
    assert.throws(() => {
      bench.push(0, FROM, 20);
    });
    bench.push(0, FROM + 20 * FRAME_MS, 20);
    bench.time.to(1_000);
    assert.ok(bench.shown.length > 10);
  });

  it('take what a receiver brings while it is given a picture, however often that is', () => {
    const bench = new Bench(1);
    let left = 12_000;
    bench.onShown = () => {
      if (left-- > 0) bench.lanes[0]!.push(at(FROM, 1));
    };
    bench.push(0, FROM, 1);
    bench.end(0);
    assert.equal(bench.shown.length, 12_001);
  });

  it('end once each, also where an end makes them look again, and leave no timer', () => {
    const bench = new Bench(2);
    for (const lane of [0, 1]) bench.push(lane, FROM, 5);
    for (const lane of [0, 1])
      bench.lanes[lane]!.finish(() => {
        bench.ends.push(lane);
        bench.lanes[lane]!.endNow();
      });
    bench.time.to(1_000);
    assert.deepEqual([bench.ends, bench.time.pending], [[0, 1], 0]);
  });

  it('end where a seek leaves nothing of one that was read to its end', () => {
    const bench = new Bench(1);
    bench.push(0, FROM, 25);
    bench.end(0);
    bench.step.seek(FROM + 10_000);
    bench.step.resume();
    assert.deepEqual(bench.ends, [0]);
  });

  it('stand where one runs dry, and where nothing has come at all, without being busy', () => {
    const bench = new Bench(2);
    bench.push(0, FROM, 250);
    bench.push(1, FROM, 25);
    bench.time.to(4_000);
    assert.equal(bench.step.position, FROM + 24 * FRAME_MS);
    const empty = new Bench(2);
    empty.step.resume();
    empty.time.to(60_000);
    assert.equal(empty.step.position, FROM);
    assert.ok(empty.time.id <= 120, `${empty.time.id} timers`);
  });

  it('wait five seconds to the millisecond, and as long each time that one stalls', () => {
    const bench = new Bench(2);
    bench.push(0, FROM, 25 * 60);
    bench.time.to(4_999);
    assert.deepEqual(bench.shown, []);
    bench.time.to(5_000);
    assert.equal(bench.shown.length, 1);
    bench.push(1, FROM, 25);
    bench.time.to(6_000);
    const stalled: number = bench.shown.length;
    bench.time.to(10_900);
    assert.equal(bench.shown.length, stalled);
    bench.time.to(11_100);
    assert.ok(bench.shown.length > stalled);
  });

  it('wait for one that has sent too little to begin with, and then stalls', () => {
    const bench = new Bench(2);
    bench.push(0, FROM, 250);
    bench.push(1, FROM, 1);
    bench.time.to(9_900);
    assert.deepEqual(
      bench.shown.map(({ time }) => time),
      [FROM, FROM],
    );
    bench.time.to(10_100);
    assert.ok(bench.shown.length > 2);
  });

  it('do not wait again for one that was given up where another one runs dry', () => {
    const bench = new Bench(2);
    bench.push(0, FROM, 25);
    bench.time.to(7_000);
    const dry = bench.shown.length;
    assert.equal(dry, 25);
    bench.push(0, FROM + 1000, 25);
    bench.time.to(7_500);
    assert.ok(bench.shown.length > dry + 10);
  });

  it('count nothing of before a seek, and let a server that waits go on then', () => {
    const bench = new Bench(1);
    bench.step.pause();
    for (let index = 0; index < 70; index++) bench.lanes[0]!.push(at(FROM + index, 60_000));
    assert.equal(bench.held[0], true);
    bench.step.seek(FROM + 10_000);
    assert.deepEqual([bench.held[0], bench.lanes[0]!.bytes], [false, 0]);
    for (let index = 0; index < 50; index++) bench.lanes[0]!.push(at(FROM + 10_000 + index, 60_000));
    assert.equal(bench.held[0], false);
  });

  it('wait for one whose server was made to wait and is not any more', () => {
    const bench = new Bench(2);
    bench.push(1, FROM, 500);
    for (let index = 0; bench.held[0] !== true; index++) bench.lanes[0]!.push(at(FROM + index, 60_000));
    bench.time.to(2_000);
    const { position } = bench.step;
    assert.ok(position < FROM + 200, `${position - FROM} ms`);
  });

  it('go on from a pause only with half a second of each, and take a seek of who is given a picture', () => {
    const bench = new Bench(1);
    bench.step.pause();
    bench.push(0, FROM, 2);
    bench.step.resume();
    const early = bench.shown.length;
    assert.equal(early, 0);
    const to = FROM + 60_000;
    bench.onShown = () => {
      bench.onShown = undefined;
      bench.step.seek(to);
      bench.push(0, to, 25);
    };
    bench.push(0, FROM + 2 * FRAME_MS, 25);
    bench.time.to(10_000);
    const times = bench.shown.map(({ time }) => time);
    assert.ok(times.includes(to), `${times.length}`);
  });
});
