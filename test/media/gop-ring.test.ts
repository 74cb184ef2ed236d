import assert from 'node:assert/strict';
import fc from 'fast-check';

import type { VideoUnit } from '../../lib/codec/unit.js';
import { unitCost } from '../../lib/codec/unit-cost.js';
import { LIMITS } from '../../lib/limits.js';
import { MemoryBudget } from '../../lib/nvr/memory-budget.js';
import { GopRing, type ClipUnit } from '../../lib/media/gop-ring.js';

/** Memory of one unit with so many bytes. */
const cost = (bytes: number): number => unitCost({ data: Buffer.alloc(bytes) });

/** `K`: a keyframe, `p`: a picture that refers to it, `a`: sound, `x`: a damaged keyframe. */
function unit(kind: string, arrival: number, bytes = 10): ClipUnit {
  const common = {
    data: Buffer.alloc(bytes),
    arrival,
    rtpTime: 0,
    rtpSequence: 0,
    time: arrival,
    timeSource: 'arrival' as const,
    damaged: kind === 'x',
  };
  if (kind === 'a')
    return {
      ...common,
      kind: 'audio',
      codec: 'aac',
      format: { codec: 'aac', sampleRate: 16_000, channels: 1 },
    };
  const format = { codec: 'h264', width: 320, height: 180 } as const;
  return {
    ...common,
    kind: 'video',
    codec: 'h264',
    keyframe: kind === 'K' || kind === 'x',
    nals: [],
    format,
  };
}

/** A unit each 100 ms. */
function fill(ring: GopRing, kinds: string, from = 0, bytes = 10): void {
  Array.from(kinds).forEach((kind, index) => {
    ring.push(unit(kind, from + index * 100, bytes));
  });
}

const arrivals = (units: readonly ClipUnit[]): number[] => units.map(({ arrival }) => arrival);

describe('the ring of GOPs before an alarm', () => {
  it('begins at the first keyframe, and at no damaged one', () => {
    const ring = new GopRing({ seconds: 10 });
    fill(ring, 'appxpaKpa');
    assert.deepEqual(arrivals(ring.since(0)), [600, 700, 800]);
  });

  it('answers from the last keyframe at or before the asked time on, sound included', () => {
    const ring = new GopRing({ seconds: 10 });
    fill(ring, 'KpapKpapKpap');
    assert.deepEqual(arrivals(ring.since(799)), [400, 500, 600, 700, 800, 900, 1000, 1100]);
    assert.deepEqual(arrivals(ring.since(800)), [800, 900, 1000, 1100]);
    assert.deepEqual(arrivals(ring.since(5000)), [800, 900, 1000, 1100]);
    assert.equal(ring.since(-1).length, 12);
  });

  it('keeps whole GOPs that reach back as far as was asked, and no more', () => {
    const ring = new GopRing({ seconds: 1 });
    fill(ring, 'Kppp'.repeat(20));
    // The newest unit is of 7900: a keyframe at or before 6900 is needed.
    assert.equal(ring.since(0)[0]!.arrival, 6800);
    assert.equal(ring.bytes, 12 * cost(10));
    assert.equal(ring.spanMs, 1100);
  });

  it('keeps the GOP at hand where no seconds are asked for', () => {
    const ring = new GopRing({ seconds: 0 });
    fill(ring, 'KpppKpp');
    assert.deepEqual(arrivals(ring.since(600)), [400, 500, 600]);
  });

  it('does not take what was before an outage for what is now', () => {
    const ring = new GopRing({ seconds: 5 });
    fill(ring, 'KpppKppp');
    fill(ring, 'Kppp', 3_600_000);
    assert.deepEqual(arrivals(ring.since(3_600_000 - 4000)), [3_600_000, 3_600_100, 3_600_200, 3_600_300]);
    assert.equal(ring.bytes, 4 * cost(10));
  });

  it('shrinks to its bytes, and reports that once', () => {
    const told: number[] = [];
    const ring = new GopRing({ seconds: 100, maxBytes: 10 * cost(100), onShrink: (ms) => told.push(ms) });
    fill(ring, 'Kppp'.repeat(50), 0, 100);
    assert.ok(ring.bytes <= 10 * cost(100));
    assert.deepEqual(told, [600]);
    assert.equal((ring.since(0)[0] as VideoUnit).keyframe, true);
  });

  it('holds the keyframe and the newest units of a GOP that alone is too large, which then say what they build on', () => {
    const told: number[] = [];
    const ring = new GopRing({ seconds: 10, maxBytes: 5 * cost(100), onShrink: (ms) => told.push(ms) });
    fill(ring, 'Kppppppppp', 0, 100);
    assert.deepEqual(arrivals(ring.since(0)), [0, 600, 700, 800, 900]);
    assert.deepEqual(
      ring.since(0).map((one) => (one as VideoUnit).reference),
      [undefined, 'lost', 'lost', 'lost', 'lost'],
    );
    assert.equal(ring.bytes, 5 * cost(100));
    assert.deepEqual({ told, spanMs: ring.spanMs }, { told: [300], spanMs: 300 });
    fill(ring, 'Kpp', 2000, 100);
    assert.deepEqual(arrivals(ring.since(2000)), [2000, 2100, 2200]);
  });

  it('holds nothing of a GOP whose keyframe alone is too large, and takes the next one', () => {
    const ring = new GopRing({ seconds: 10, maxBytes: 5 * cost(100) });
    ring.push(unit('K', 0, 5000));
    fill(ring, 'ppp', 100, 100);
    assert.equal(ring.bytes, 0);
    fill(ring, 'Kpp', 2000, 100);
    assert.deepEqual(arrivals(ring.since(0)), [2000, 2100, 2200]);
  });

  it('holds minutes of a GOP that fits, however few seconds are asked for: a smart codec’s', () => {
    const ring = new GopRing({ seconds: 5 });
    fill(ring, `K${'p'.repeat(1500)}`);
    assert.equal(ring.since(145_000).length, 1501);
  });

  it('begins at a recovery point too, and says until when its pictures are not whole', () => {
    const ring = new GopRing({ seconds: 10 });
    const entry = { ...(unit('p', 100) as VideoUnit), recoveryFrames: 2 };
    fill(ring, 'p');
    ring.push(entry);
    fill(ring, 'app', 200);
    const held = ring.since(0);
    assert.deepEqual(arrivals(held), [100, 200, 300, 400]);
    assert.deepEqual(
      held.map((one) => (one as VideoUnit).reference),
      ['lost', undefined, 'lost', undefined],
    );
    assert.equal(entry.reference, undefined);
  });

  it('begins at a damaged keyframe where there is nothing else, and at later ones only where they stand in for clean ones', () => {
    const damaged = (arrival: number, more: Partial<VideoUnit> = {}): VideoUnit => {
      const nals = [7, 8, 5].map((type) => ({ type, start: 0, end: 5 }));
      return { ...(unit('x', arrival) as VideoUnit), nals, ...more };
    };
    const ring = new GopRing({ seconds: 10 });
    fill(ring, 'p');
    ring.push(damaged(100));
    fill(ring, 'p', 200);
    ring.push(damaged(300));
    fill(ring, 'pKp', 400);
    assert.deepEqual(arrivals(ring.since(450)), [100, 200, 300, 400, 500, 600]);
    assert.deepEqual(arrivals(ring.since(500)), [500, 600]);
    ring.push(damaged(700, { standIn: true }));
    ring.push(damaged(800, { standIn: true, nals: [] }));
    assert.deepEqual(arrivals(ring.since(850)), [700, 800]);
  });

  it('holds at most its bytes, begins with a keyframe and covers what it can, whatever comes', () => {
    const kinds = fc.array(
      fc.tuple(fc.constantFrom('K', 'p', 'p', 'p', 'a', 'x'), fc.nat(400), fc.nat(200)),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(kinds, fc.nat(20), (units, seconds) => {
        const ring = new GopRing({ seconds, maxBytes: 30_000 });
        let now = 0;
        for (const [kind, step, bytes] of units) {
          ring.push(unit(kind, (now += step), bytes));
          assert.ok(ring.bytes <= 30_000);
        }
        const held = ring.since(-Infinity);
        assert.equal(
          held.reduce((sum, one) => sum + unitCost(one), 0),
          ring.bytes,
        );
        if (held.length > 0) assert.equal((held[0] as VideoUnit).keyframe, true);
      }),
      { numRuns: 200 },
    );
  });

  it('takes a unit in the same time however many it holds', () => {
    const ring = new GopRing({ seconds: 120, maxBytes: 1 << 30 });
    const pictures = [unit('K', 0, 1), unit('p', 0, 1)];
    /** Of eight times a thousand units, the least: a busy machine stops in the midst of some. In ms. */
    const took = (from: number): number => {
      let least = Infinity;
      for (let first = 0; first < 8000; first += 1000) {
        const start = performance.now();
        for (let i = first; i < first + 1000; i++) ring.push({ ...pictures[i % 2]!, arrival: from + i });
        least = Math.min(least, performance.now() - start);
      }
      return least;
    };
    took(0);
    const few = took(8000);
    took(16_000);
    took(24_000);
    const many = took(32_000);
    assert.ok(many < few * 5 + 6, `${few} ms, then ${many} ms`);
  });

  it('holds so many units and no more, however small: a keyframe and then tiny pictures for ever', () => {
    const ring = new GopRing({ seconds: 120, maxBytes: Infinity });
    ring.push(unit('K', 0, 1));
    const picture = unit('p', 0, 1);
    for (let i = 1; i < LIMITS.cameraUnits; i++) ring.push({ ...picture, arrival: i / 1000 });
    assert.equal(ring.since(0).length, LIMITS.cameraUnits);
    ring.push(unit('p', 100, 1));
    const { length } = ring.since(0);
    assert.ok(length < LIMITS.cameraUnits && length > LIMITS.cameraUnits / 2, `${length} units`);
    assert.deepEqual(arrivals(ring.since(0)).at(-1), 100);
    fill(ring, 'Kp', 200);
    assert.equal(ring.since(200).length, 2);
  });

  it('gives up its oldest GOPs for others, reports that once, and keeps the current one', () => {
    const budget = new MemoryBudget({ bytes: 12 * cost(10) });
    const told: number[] = [];
    const ring = new GopRing({
      seconds: 100,
      memory: budget.camera(),
      onShrink: (ms) => told.push(ms),
    });
    fill(ring, 'KpppKpppKppp');
    const other = budget.camera();
    const extra = Array.from({ length: 8 }, (_, i) => unit('p', i));
    for (const one of extra) assert.equal(other.hold(one), true);
    assert.deepEqual(arrivals(ring.since(0)), [800, 900, 1000, 1100]);
    assert.deepEqual(told, [700]);
    assert.equal(other.hold(unit('p', 9)), false);
    assert.equal(ring.since(0).length, 4);
    for (const one of extra) other.release(one);
    ring.clear();
    assert.equal(budget.used, 0);
    assert.equal(budget.stores.size, 0);
  });

  it('keeps of the GOP at hand what there is room for, and waits for the next keyframe where there is none', () => {
    const budget = new MemoryBudget({ bytes: 3 * cost(10) });
    const ring = new GopRing({ seconds: 10, memory: budget.camera() });
    fill(ring, 'Kpppp');
    assert.deepEqual(arrivals(ring.since(0)), [0, 300, 400]);
    assert.equal(budget.used, 3 * cost(10));
    const other = budget.camera();
    ring.clear();
    const extra = Array.from({ length: 3 }, (_, i) => unit('p', i));
    for (const one of extra) other.hold(one);
    fill(ring, 'Kp', 1000);
    assert.equal(ring.since(0).length, 0);
    for (const one of extra) other.release(one);
    assert.equal(budget.used, 0);
    fill(ring, 'Kp', 2000);
    assert.equal(ring.since(0).length, 2);
  });

  it('keeps two minutes at most, however many seconds are asked for', () => {
    const ring = new GopRing({ seconds: 3600 });
    for (let at = 0; at <= 300_000; at += 10_000) ring.push(unit('K', at));
    assert.equal(ring.since(0)[0]!.arrival, 180_000);
  });

  it('keeps 32 MB where no bytes are given', () => {
    const ring = new GopRing({ seconds: 120 });
    const data = Buffer.alloc(1024 * 1024);
    for (let at = 0; at < 40; at++) ring.push({ ...unit('K', at), data });
    const most = 32 * 1024 * 1024;
    assert.ok(ring.bytes <= most && ring.bytes > most - 2 * cost(data.length), `${ring.bytes} bytes`);
  });

  it('takes the picture before a break in the stream for the current one for two seconds', () => {
    const ring = new GopRing({ seconds: 60 });
    fill(ring, 'Kp');
    fill(ring, 'Kp', 30_000);
    assert.deepEqual(arrivals(ring.since(2099)), [0, 100, 30_000, 30_100]);
    assert.deepEqual(arrivals(ring.since(2100)), [30_000, 30_100]);
  });

  it('drops all that is too old at once with the first picture after an outage', () => {
    const ring = new GopRing({ seconds: 5 });
    fill(ring, 'KpKpKp');
    fill(ring, 'K', 3_600_000);
    assert.deepEqual(arrivals(ring.since(0)), [3_600_000]);
  });

  it('keeps what it should after hundreds of GOPs have gone', () => {
    const ring = new GopRing({ seconds: 1 });
    for (let round = 1; round <= 20; round++) {
      fill(ring, 'Kp'.repeat(50), round * 10_000);
      const end = round * 10_000 + 9900;
      assert.deepEqual(
        { first: ring.since(0)[0]!.arrival, spanMs: ring.spanMs },
        { first: end - 1100, spanMs: 1100 },
      );
      assert.equal(ring.bytes, 12 * cost(10));
    }
  });

  it('gives back each unit once: another store of the camera that holds it too goes on holding it', () => {
    const budget = new MemoryBudget({ bytes: 1 << 30 });
    const memory = budget.camera();
    const ring = new GopRing({ seconds: 0, memory });
    const first = unit('K', 0);
    memory.hold(first);
    ring.push(first);
    fill(ring, 'KpK', 100);
    ring.clear();
    assert.equal(budget.used, cost(10));
  });

  it('fills exactly to its bytes before it drops anything', () => {
    const told: number[] = [];
    const ring = new GopRing({ seconds: 100, maxBytes: 8 * cost(10), onShrink: (ms) => told.push(ms) });
    fill(ring, 'KpppKppp');
    assert.deepEqual({ bytes: ring.bytes, told }, { bytes: 8 * cost(10), told: [] });
    fill(ring, 'p', 800);
    assert.deepEqual({ bytes: ring.bytes, told }, { bytes: 5 * cost(10), told: [400] });
  });

  it('drops as many old GOPs at once as one large picture needs', () => {
    const ring = new GopRing({ seconds: 100, maxBytes: 10 * cost(10) });
    fill(ring, 'KpKpKpK');
    ring.push(unit('p', 700, 8 * cost(10) - 700));
    assert.deepEqual(arrivals(ring.since(0)), [600, 700]);
  });

  it('gives back a large GOP’s memory little by little, no more than is needed', () => {
    const ring = new GopRing({ seconds: 100, maxBytes: 32 * cost(10) });
    fill(ring, `K${'p'.repeat(32)}`);
    assert.equal(ring.since(0).length, 28);
  });

  it('starts over after it was cleared: nothing kept, nothing counted, in whatever state it was', () => {
    const budget = new MemoryBudget({ bytes: 1 << 30 });
    const ring = new GopRing({ seconds: 1, memory: budget.camera() });
    // Long enough that GOPs have been dropped in front.
    for (let round = 0; round < 3; round++) {
      fill(ring, 'Kp'.repeat(10), round * 10_000);
      ring.clear();
      assert.deepEqual(
        {
          bytes: ring.bytes,
          spanMs: ring.spanMs,
          since: ring.since(0).length,
          yield: ring.yield(),
          used: budget.used,
          stores: budget.stores.size,
        },
        { bytes: 0, spanMs: 0, since: 0, yield: false, used: 0, stores: 0 },
      );
      fill(ring, 'p', round * 10_000 + 2000);
      assert.equal(ring.since(0).length, 0);
    }
    fill(ring, 'KpKpKp', 50_000);
    assert.deepEqual(arrivals(ring.since(50_400)), [50_400, 50_500]);
    assert.equal(ring.spanMs, 500);
  });

  it('counts its units anew after it was cleared, and those of dropped GOPs no more', () => {
    const told: number[] = [];
    const ring = new GopRing({ seconds: 1, maxBytes: Infinity, onShrink: (ms) => told.push(ms) });
    const many = Math.ceil(LIMITS.cameraUnits * 0.6);
    const picture = unit('p', 0, 1);
    for (const round of [0, 1, 2]) {
      if (round === 2) ring.clear();
      ring.push(unit('K', round * 10_000));
      for (let i = 1; i < many; i++) ring.push({ ...picture, arrival: round * 10_000 + i / 1000 });
    }
    assert.deepEqual(told, []);
    assert.equal(ring.since(0).length, many);
  });

  it('reports that it shrank when nothing at all is left, and only the first time', () => {
    const told: number[] = [];
    const ring = new GopRing({ seconds: 10, maxBytes: 2 * cost(10), onShrink: (ms) => told.push(ms) });
    ring.push(unit('K', 0, 5000));
    ring.push(unit('K', 100, 5000));
    assert.deepEqual({ told, spanMs: ring.spanMs, bytes: ring.bytes }, { told: [0], spanMs: 0, bytes: 0 });
  });

  it('reports that it shrank where other stores leave it no room, for one unit or for all', () => {
    for (const [units, span] of [
      [4, 100],
      [0, 0],
    ] as const) {
      const budget = new MemoryBudget({ bytes: 4 * cost(10) });
      const other = budget.camera();
      for (let i = units; i < 4; i++) other.hold(unit('p', i));
      const told: number[] = [];
      const memory = budget.camera();
      const ring = new GopRing({ seconds: 10, memory, onShrink: (ms) => told.push(ms) });
      fill(ring, 'Kpppp');
      assert.deepEqual(told, [span]);
    }
  });

  it('says of a GOP with a hole how long its newest units last, also when others have followed', () => {
    const ring = new GopRing({ seconds: 10, maxBytes: 32 * cost(10) });
    fill(ring, `K${'p'.repeat(32)}`);
    const [, kept] = arrivals(ring.since(0));
    fill(ring, 'K', 3300);
    assert.equal(ring.spanMs, 3300 - kept!);
    fill(ring, 'p'.repeat(31), 3400);
    assert.deepEqual(
      { firstArrival: arrivals(ring.since(0))[0], bytes: ring.bytes },
      { firstArrival: 3300, bytes: 32 * cost(10) },
    );
    assert.ok(ring.since(0).every((one) => (one as VideoUnit).reference === undefined));
  });

  it('leaves a unit as it was lost, sound as it is, and the pictures of whole GOPs behind it', () => {
    const ring = new GopRing({ seconds: 10 });
    ring.push({ ...(unit('p', 0) as VideoUnit), recoveryFrames: 2 });
    const lost = { ...(unit('p', 100) as VideoUnit), reference: 'lost' as const };
    ring.push(lost);
    const sound = unit('a', 200);
    ring.push(sound);
    ring.push({ ...(unit('p', 300) as VideoUnit), recoveryFrames: 5 });
    fill(ring, 'p', 400);
    const held = ring.since(0);
    assert.equal(held[1], lost);
    assert.equal(held[2], sound);
    assert.deepEqual(
      held.map((one) => (one as VideoUnit).reference),
      ['lost', 'lost', undefined, undefined, undefined],
    );
    assert.deepEqual(
      ring.since(300).map((one) => (one as VideoUnit).reference),
      ['lost', 'lost'],
    );
  });
});
