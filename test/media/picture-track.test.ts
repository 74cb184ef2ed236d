import assert from 'node:assert/strict';
import type { VideoFormat, VideoUnit } from '../../lib/codec/unit.js';
import { PictureTrack, type PictureRun } from '../../lib/media/picture-track.js';

const BYTES = 100;

function picture(changes: Partial<VideoUnit> = {}): VideoUnit {
  return {
    kind: 'video',
    codec: 'h264',
    data: Buffer.alloc(BYTES),
    nals: [{ type: 1, start: 0, end: BYTES }],
    keyframe: false,
    damaged: false,
    format: { codec: 'h264', width: 320, height: 180 },
    rtpTime: 0,
    rtpSequence: 0,
    arrival: 0,
    time: 0,
    timeSource: 'arrival',
    ...changes,
  };
}

const KEY = { keyframe: true };
const DAMAGED = { damaged: true };

/** A track of pictures; all times are ms, all 40 ms pictures unless given. */
class Feed {
  readonly track: PictureTrack;

  constructor(format: Partial<VideoFormat> = {}, usualRate?: number) {
    const first = picture({ ...KEY, format: { ...picture().format, ...format } });
    this.track = new PictureTrack(first, usualRate);
  }

  add(ms: number, changes: Partial<VideoUnit> = {}): this {
    const unit = picture(changes);
    this.track.add(unit, this.track.place(ms, unit.keyframe));
    return this;
  }

  leaveOut(ms: number, changes: Partial<VideoUnit> = {}): this {
    this.track.leaveOut(picture(changes), ms);
    return this;
  }

  /** Takes a run before the picture that is shown at `ms`, and adds that one. */
  take(ms: number, changes: Partial<VideoUnit> = {}): PictureRun | undefined {
    const unit = picture(changes);
    const shown = this.track.place(ms, unit.keyframe);
    const run = this.track.take(1, { shown, keyframe: unit.keyframe });
    this.track.add(unit, shown);
    return run;
  }

  end(): PictureRun {
    return this.track.take(1)!;
  }
}

/** When each picture of a run is decoded and shown, and how long until the next, in ms. */
function timesOf({ run }: PictureRun): [decoded: number, shown: number, duration: number][] {
  let time = run.time;
  return run.samples.map(({ duration, offset }) => {
    time += duration;
    return [(time - duration) / 90, (time - duration + offset) / 90, duration / 90];
  });
}

describe('the pictures of a file', () => {
  it('each last until the next one, over the end of a run too', () => {
    const feed = new Feed({ reorderDepth: 0 }).add(0, KEY).add(40).add(100);
    assert.deepEqual(timesOf(feed.take(300, KEY)!), [
      [0, 0, 40],
      [40, 40, 60],
      [100, 100, 200],
    ]);
    assert.deepEqual(timesOf(feed.take(5000, KEY)!), [[300, 300, 4700]]);
    assert.deepEqual(timesOf(feed.end())[0]!.slice(0, 2), [5000, 5000]);
  });

  it('are counted with their bytes until they are taken, and by how long they wait', () => {
    const feed = new Feed({ reorderDepth: 0 });
    const { track } = feed;
    assert.equal(track.waitingMs(90_000), 0);
    feed.add(0, KEY).add(40);
    assert.deepEqual(
      { bytes: track.bytes, frames: track.frames, waitingMs: track.waitingMs(90_000) },
      { bytes: 2 * BYTES, frames: 2, waitingMs: 1000 },
    );
    feed.take(80, KEY);
    assert.deepEqual(
      { bytes: track.bytes, frames: track.frames, waitingMs: track.waitingMs(80 * 90 + 90) },
      { bytes: BYTES, frames: 3, waitingMs: 1 },
    );
  });

  it('are marked as keyframes where a player can begin: at recovery points as well, and at the first one', () => {
    const feed = new Feed({ reorderDepth: 0 }).add(0, { ...KEY, ...DAMAGED });
    feed
      .add(40, { recoveryFrames: 3 })
      .add(80)
      .add(120, KEY)
      .add(160, { ...KEY, ...DAMAGED });
    assert.deepEqual(
      feed.end().run.samples.map(({ key }) => key),
      [true, true, false, true, false],
    );
  });

  it('say of a run when its first picture is shown, if a player can begin there', () => {
    const feed = new Feed({ reorderDepth: 2 }).add(0, KEY).add(120).add(40).add(80);
    const run = feed.take(160, KEY)!;
    assert.equal(run.opens, feed.track.delay);
    assert.ok(feed.track.delay > 0);
    feed.add(200).add(240).add(280);
    assert.equal(feed.take(320)?.opens, 160 * 90 + feed.track.delay);
    feed.add(360);
    const within = feed.end();
    assert.equal(within.samples.length, 4);
    assert.ok(!('opens' in within));
  });

  it('wait for those that may still be shown before them, unless a keyframe follows', () => {
    const feed = new Feed({ reorderDepth: 2 }).add(0, KEY);
    assert.equal(feed.take(40), undefined);
    assert.equal(feed.take(80), undefined);
    feed.add(120).add(160);
    const first = feed.take(200)!;
    assert.deepEqual(
      { samples: first.samples.length, bytes: feed.track.bytes },
      { samples: 3, bytes: 3 * BYTES },
    );
    const second = feed.take(240, KEY)!;
    assert.equal(second.samples.length, 3);
    const [times, later] = [timesOf(first), timesOf(second)];
    const [decoded, , duration] = times.at(-1)!;
    assert.equal(decoded + duration, later[0]![0]);
    assert.deepEqual(
      [...times, ...later].map(([, shown]) => Math.round(shown - times[0]![1])),
      [0, 40, 80, 120, 160, 200],
    );
  });

  for (const reorderDepth of [undefined, 99])
    it(`may be 16 deep out of order where the stream says ${reorderDepth ?? 'nothing'}`, () => {
      const feed = new Feed(reorderDepth === undefined ? {} : { reorderDepth }).add(0, KEY);
      for (let index = 1; index < 20; index++) feed.add(index * 40);
      assert.equal(feed.take(800)?.samples.length, 4);
    });

  it('are all taken at the end, in the order of decoding', () => {
    const feed = new Feed({ reorderDepth: 2 }).add(0, KEY).add(120).add(40).add(80);
    const run = feed.end();
    assert.deepEqual(
      timesOf(run).map(([, shown]) => Math.round(shown - run.opens! / 90)),
      [0, 120, 40, 80],
    );
    for (const [decoded, shown] of timesOf(run)) assert.ok(decoded <= shown);
    assert.equal(feed.track.take(1), undefined);
  });

  it('last a frame at most at the end of a run out of order, as the next decoding time is not known; a gap stays', () => {
    for (const [next, duration] of [
      [160, 40],
      [240, 40],
      [250, 130],
      [2000, 1880],
    ] as const) {
      const feed = new Feed({ reorderDepth: 2, frameRate: 25 }).add(0, KEY).add(120).add(40).add(80);
      const run = feed.take(next, KEY)!;
      const [decoded, , last] = timesOf(run).at(-1)!;
      assert.ok(Math.abs(last - duration) < 1, `${last} ms until ${next}`);
      assert.ok(decoded + last <= next + feed.track.delay / 90);
    }
  });

  it('end a frame after the last one shown, by the usual interval, or the rate that is declared or known', () => {
    assert.equal(new Feed().track.endMs, 0);
    assert.equal(new Feed().add(0, KEY).track.endMs, 40);
    assert.equal(new Feed({}, 5).add(0, KEY).track.endMs, 200);
    assert.equal(new Feed({ frameRate: 10 }, 5).add(0, KEY).track.endMs, 100);
    const feed = new Feed({ reorderDepth: 2 }).add(0, KEY).add(300).add(100).add(200);
    feed.end();
    assert.equal(feed.track.endMs, 400);
  });

  it('last a frame by the rate where there is one picture alone', () => {
    assert.deepEqual(timesOf(new Feed({ reorderDepth: 0 }, 5).add(0, KEY).end()), [[0, 0, 200]]);
  });

  it('are reported in the order of display: damage spans what depends on it, until a whole one is shown', () => {
    const feed = new Feed({ reorderDepth: 2 }).add(0, KEY).add(120, DAMAGED).add(40).add(80);
    feed.add(160, { reference: 'lost' }).add(280).add(200).add(240);
    feed.end();
    assert.equal(feed.track.damaged, 1);
    assert.deepEqual(feed.track.damagedSpans, [{ start: 120, end: 200 }]);
    assert.deepEqual(feed.track.gaps, []);
  });

  it('are reported only when no other can come in front of them', () => {
    const feed = new Feed({ reorderDepth: 2 }).add(0, KEY).add(40, DAMAGED).add(120).add(160);
    feed.take(80);
    assert.deepEqual(feed.track.damagedSpans, [{ start: 40, end: feed.track.endMs }]);
    feed.end();
    assert.deepEqual(feed.track.damagedSpans, [{ start: 40, end: 80 }]);
  });

  it('that are left out count as damage in their place, and mark the gap that they leave', () => {
    const feed = new Feed({ reorderDepth: 0 });
    // Much is lost all around, so that only the known loss tells the one from the others.
    for (let ms = 0; ms < 8000; ms += 200)
      feed
        .add(ms, ms === 0 ? KEY : {})
        .add(ms + 40)
        .add(ms + 80);
    feed.leaveOut(4010, DAMAGED).leaveOut(4100).leaveOut(4140, DAMAGED);
    feed.end();
    assert.deepEqual({ frames: feed.track.frames, damaged: feed.track.damaged }, { frames: 120, damaged: 2 });
    const within = feed.track.gaps.filter(({ at }) => at > 1000 && at < 7000);
    assert.deepEqual(within, [{ at: 4080, ms: 120 }]);
    assert.deepEqual(feed.track.damagedSpans, [
      { start: 4010, end: 4040 },
      { start: 4100, end: 4200 },
    ]);
  });

  it('that are left out behind the last one are damage until the end', () => {
    const feed = new Feed({ reorderDepth: 0 }).add(0, KEY).add(40).leaveOut(60).leaveOut(70);
    feed.end();
    assert.deepEqual(feed.track.damagedSpans, [{ start: 60, end: 80 }]);
  });

  it('tell a gap at the end of a clip when it ends, not before', () => {
    const feed = new Feed({ reorderDepth: 0 }).add(0, KEY).add(40).add(80).add(2000);
    feed.take(2040, KEY);
    assert.deepEqual(feed.track.gaps, []);
    feed.end();
    assert.deepEqual(feed.track.gaps, [{ at: 80, ms: 1920 }]);
    assert.equal(feed.track.unlistedMs, 0);
  });
});
