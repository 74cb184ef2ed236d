import assert from 'node:assert/strict';
import { GapFinder, type ClipGap } from '../../lib/media/gaps.js';
import { SessionClock } from '../../lib/rtp/session-clock.js';
import { EPOCH, random } from './clock-rig.js';

const SECONDS = 20;

interface Sender {
  fps?: number;
  /** Spans in which it sends nothing, ms. */
  stalls?: readonly (readonly [number, number])[];
  /** What a picture takes to be sent when more wait, ms. */
  perPicture?: number;
  /** It sends what has come up every so many ms. */
  batch?: number;
  /** Pictures are decoded in this order within each group. */
  pattern?: readonly number[];
  depth?: number;
  rtpStart?: number;
  /** Spans of which no picture was ever taken. */
  holes?: readonly (readonly [number, number])[];
  /** Sound of the same session: stalled with the pictures, or not. */
  sound?: 'stalls too' | 'goes on';
  /** Times of sender reports, ms. */
  reports?: number;
  /** The pictures' source begins anew then. */
  newSource?: number;
}

interface Event {
  readonly at: number;
  run(at: number): void;
}

/** Every picture's RTP time is true; what a clip of all of them says is missing. */
function gapsOf(sender: Sender): readonly ClipGap[] {
  const { fps = 25, stalls = [], perPicture = 1, batch = 0, pattern = [], depth = 0, holes = [] } = sender;
  const frame = 1000 / fps;
  const session = new SessionClock(EPOCH);
  const video = session.track(90_000);
  const audio = session.track(8000);
  let free = 0;
  const sentAt = (due: number): number => {
    let at = Math.max(batch > 0 ? Math.ceil((due + 1) / batch) * batch : due, free);
    for (const [from, to] of stalls) if (at >= from && at < to) at = to;
    return at;
  };
  const size = pattern.length || 1;
  const count = Math.floor((SECONDS * fps) / size) * size + 1;
  const shown: { n: number; ms: number }[] = [];
  const events: Event[] = [];
  for (let i = 0; i < count; i++) {
    const n =
      i === 0 || pattern.length === 0 ? i : Math.floor((i - 1) / size) * size + pattern[(i - 1) % size]!;
    if (holes.some(([from, to]) => n * frame >= from && n * frame < to)) continue;
    const origin = i * frame >= (sender.newSource ?? Infinity) ? 2_000_000_000 : (sender.rtpStart ?? 5e8);
    events.push({
      at: i * frame,
      run: (due) => {
        const at = sentAt(due);
        free = at + perPicture;
        if (i * frame >= (sender.newSource ?? Infinity) && (i - 1) * frame < sender.newSource!) video.reset();
        const unit = {
          ...{ kind: 'video', rtpTime: (origin + Math.round(n * frame * 90)) >>> 0, arrival: at },
          ...{ time: 0, timeSource: '' },
          format: { codec: 'h264', frameRate: fps, ...(depth >= 0 && { reorderDepth: depth }) },
        };
        video.stamp(unit, depth === 0 ? NaN : n);
        shown.push({ n, ms: (unit as { mediaTime?: number }).mediaTime! });
      },
    });
  }
  for (let ms = 0; sender.sound !== undefined && ms < SECONDS * 1000; ms += 20)
    events.push({
      at: ms,
      run: (due) => {
        const arrival = sender.sound === 'goes on' ? due : sentAt(due);
        audio.stamp({ kind: 'audio', rtpTime: ms * 8, arrival, time: 0, timeSource: '' });
      },
    });
  for (let ms = 0; sender.reports !== undefined && ms < SECONDS * 1000; ms += sender.reports)
    events.push({
      at: ms,
      run: () => {
        video.senderReport(EPOCH + ms, ((sender.rtpStart ?? 5e8) + ms * 90) >>> 0);
      },
    });
  for (const event of events.sort((a, b) => a.at - b.at)) event.run(event.at);
  shown.sort((a, b) => a.n - b.n);
  const finder = new GapFinder(fps);
  for (const { ms } of shown) finder.add(ms - shown[0]!.ms);
  finder.finish();
  return finder.gaps;
}

/** Stalls of 0.1 to 2 s, one after the other, from `from` on. */
function stallsOf(seed: number, from = 0): [number, number][] {
  const next = random(seed);
  const stalls: [number, number][] = [];
  for (let at = from; at < (SECONDS - 3) * 1000;) {
    const begin = at + next() * 4000;
    at = begin + 100 + next() * 1900;
    stalls.push([begin, at]);
  }
  return stalls;
}

describe('Pictures that a sender held up are not missing', () => {
  const SENDERS: readonly (readonly [string, Sender])[] = [
    ['a stall of 1.2 s', { stalls: [[10_000, 11_200]] }],
    ['one soon after the first picture', { stalls: [[150, 1400]] }],
    [
      'one right after another',
      {
        stalls: [
          [10_000, 10_600],
          [10_605, 11_700],
        ],
      },
    ],
    [
      'the next one before all was caught up',
      {
        stalls: [
          [10_000, 11_200],
          [11_400, 12_200],
        ],
        perPicture: 20,
      },
    ],
    ['one that is caught up slowly', { stalls: [[10_000, 11_200]], perPicture: 36 }],
    ['small ones all the time', { batch: 300 }],
    ['large ones all the time', { batch: 1000 }],
    ['one after a new source began', { newSource: 10_000, stalls: [[10_200, 11_400]] }],
    ['one while sender reports come', { reports: 500, stalls: [[10_000, 11_200]] }],
  ];
  for (const [name, sender] of SENDERS)
    it(name, () => {
      assert.deepEqual(gapsOf(sender), []);
    });

  for (const fps of [5, 12, 25, 50])
    it(`any stalls, at ${fps} pictures a second, in any order, with and without sound`, () => {
      for (const [pattern, depth] of [
        [[], 0],
        [[], -1],
        [[3, 1, 2], 2],
        [[3, 1, 2], -1],
      ] as const)
        for (const sound of [undefined, 'stalls too', 'goes on'] as const)
          for (let seed = 1; seed <= 2; seed++) {
            // What is late while nothing is known yet, and sound is not, is no stall.
            const stalls = stallsOf(seed * 7919 + fps, sound === 'goes on' ? 2000 : 0);
            const gaps = gapsOf({ fps, pattern, depth, stalls, ...(sound !== undefined && { sound }) });
            assert.deepEqual(
              gaps,
              [],
              `pattern ${pattern.join()}, depth ${depth}, sound ${sound}, seed ${seed}`,
            );
          }
    });

  it('a stream that begins close to RTP time 0', () => {
    for (const rtpStart of [0, 1, 999, 3000, 7499])
      assert.deepEqual(gapsOf({ fps: 12, depth: -1, rtpStart }), []);
  });

  it('and those that were never taken are, through a stall, too', () => {
    for (const stalls of [[], [[12_000, 13_500]], [[14_500, 15_500]]] as const) {
      const gaps = gapsOf({ holes: [[13_000, 14_000]], stalls });
      assert.equal(gaps.length, 1, JSON.stringify(gaps));
      assert.ok(Math.abs(gaps[0]!.ms - 1040) <= 80, `${gaps[0]!.ms} ms`);
      assert.ok(Math.abs(gaps[0]!.at - 12_960) <= 80, `at ${gaps[0]!.at}`);
    }
  });
});
