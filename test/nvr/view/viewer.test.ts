import assert from 'node:assert/strict';
import {
  FLAGS,
  initRecord,
  jsonRecord,
  mediaRecord,
  RECORD_HEAD,
  RECORD_KINDS,
  type ViewRecord,
} from '../../../lib/nvr/view/records.js';
import { Viewer } from '../../../lib/nvr/view/viewer.js';

const CAMERA = 3;
const BOUNDS = { waitingBytes: 1_000, waitingMs: 2_000, stalledMs: 10_000 };

function picture(bytes: number, flags = 0, shownAt = 40): ViewRecord {
  return mediaRecord('picture', CAMERA, flags, 1_000, shownAt, Buffer.alloc(bytes));
}

function sound(): ViewRecord {
  return mediaRecord('sound', CAMERA, FLAGS.keyframe, 1_000, 40, Buffer.alloc(10));
}

/** A page whose network takes bytes when the test says so. */
class SlowPage {
  now = 0;
  destroyed = 0;
  readonly kinds: string[] = [];
  readonly skipped: number[] = [];
  private readonly pending: (() => void)[] = [];
  readonly viewer: Viewer;

  constructor(bounds?: typeof BOUNDS) {
    this.viewer = new Viewer(
      'id',
      {
        write: (bytes, sent) => {
          const kind = Object.entries(RECORD_KINDS).find(([, value]) => value === bytes[4])?.[0] ?? '?';
          this.kinds.push(kind === 'picture' && (bytes[5]! & FLAGS.keyframe) !== 0 ? 'keyframe' : kind);
          if (kind === 'skipped') {
            const { pictures } = JSON.parse(bytes.subarray(RECORD_HEAD).toString()) as { pictures: number };
            this.skipped.push(pictures);
          }
          this.pending.push(sent);
        },
        destroy: () => {
          this.destroyed++;
        },
      },
      () => this.now,
      bounds,
    );
  }

  /** Takes the oldest that waits. */
  takeOne(): void {
    this.pending.shift()!();
  }

  /** Takes all that waits. */
  drain(): void {
    for (const sent of this.pending.splice(0)) sent();
  }
}

describe('a viewer of the live view', () => {
  it('begins with a keyframe, and is not told that it missed what was before', () => {
    const page = new SlowPage(BOUNDS);
    page.viewer.begin(CAMERA);
    page.viewer.take(CAMERA, picture(10));
    page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
    page.viewer.take(CAMERA, picture(10));
    assert.deepEqual(page.kinds, ['keyframe', 'picture']);
  });

  it('is given nothing of a camera that it does not watch, or no longer', () => {
    const page = new SlowPage(BOUNDS);
    page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
    page.viewer.begin(CAMERA);
    page.viewer.end(CAMERA);
    page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
    assert.deepEqual(page.kinds, []);
  });

  it('beyond the bytes that may wait misses pictures, and goes on at a keyframe once the page has caught up, told how many it missed', () => {
    const page = new SlowPage(BOUNDS);
    page.viewer.begin(CAMERA);
    page.viewer.take(CAMERA, picture(900, FLAGS.keyframe));
    page.viewer.take(CAMERA, picture(200));
    page.viewer.take(CAMERA, picture(10));
    page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
    assert.deepEqual(page.kinds, ['keyframe', 'picture']);
    page.drain();
    page.viewer.take(CAMERA, picture(10));
    page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
    page.viewer.take(CAMERA, picture(10));
    assert.deepEqual(page.kinds.slice(2), ['skipped', 'keyframe', 'picture']);
    assert.deepEqual(page.skipped, [3]);
    // The second time it counts anew.
    page.viewer.take(CAMERA, picture(1_000));
    page.viewer.take(CAMERA, picture(10));
    page.drain();
    page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
    assert.deepEqual(page.skipped, [3, 1]);
  });

  it('is told what it missed of a camera that it began with while it was behind, B-frames or not', () => {
    const page = new SlowPage(BOUNDS);
    page.viewer.begin(CAMERA);
    page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
    page.viewer.take(CAMERA, picture(1_200));
    const other = CAMERA + 1;
    page.viewer.begin(other);
    for (const shownAt of [80, 40]) page.viewer.take(other, picture(10, 0, shownAt));
    page.drain();
    page.viewer.take(other, picture(10, FLAGS.keyframe, 120));
    assert.deepEqual(page.skipped, [2]);
  });

  /** Bytes of a picture's record, its times included. */
  const sized = (bytes: number, flags = 0): ViewRecord => picture(bytes - RECORD_HEAD - 16, flags);

  it('may wait for the bound itself, and for not a byte more', () => {
    for (const [bytes, kinds] of [
      [1_000, ['keyframe', 'picture']],
      [1_001, ['keyframe']],
    ] as const) {
      const page = new SlowPage(BOUNDS);
      page.viewer.begin(CAMERA);
      page.viewer.take(CAMERA, sized(bytes, FLAGS.keyframe));
      page.viewer.take(CAMERA, picture(10));
      assert.deepEqual(page.kinds, kinds);
    }
  });

  it('goes on once no more than a quarter of the bytes waits, and not before', () => {
    for (const [rest, goesOn] of [
      [250, true],
      [251, false],
    ] as const) {
      const page = new SlowPage(BOUNDS);
      page.viewer.begin(CAMERA);
      page.viewer.take(CAMERA, sized(800, FLAGS.keyframe));
      page.viewer.take(CAMERA, sized(rest));
      page.viewer.take(CAMERA, picture(10));
      page.takeOne();
      page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
      assert.equal(page.kinds.at(-1) === 'keyframe', goesOn, `${rest} bytes`);
    }
  });

  it('goes on once nothing waits for more than a quarter of the time', () => {
    for (const [since, goesOn] of [
      [1_501, true],
      [1_499, false],
    ] as const) {
      const page = new SlowPage(BOUNDS);
      page.viewer.begin(CAMERA);
      page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
      page.now = since;
      page.viewer.take(CAMERA, picture(10));
      page.now = 2_001;
      page.viewer.take(CAMERA, picture(10));
      page.takeOne();
      page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
      assert.equal(page.kinds.at(-1) === 'keyframe', goesOn, `since ${since}`);
    }
  });

  it('has 2 MiB and 2 s to wait, unless it is told otherwise', () => {
    for (const [bytes, ms, isBehind] of [
      [2 * 1024 * 1024, 2_000, false],
      [2 * 1024 * 1024 + 1, 0, true],
      [1_000, 2_001, true],
    ] as const) {
      const page = new SlowPage();
      page.viewer.begin(CAMERA);
      page.viewer.take(CAMERA, sized(bytes, FLAGS.keyframe));
      page.now = ms;
      page.viewer.take(CAMERA, picture(10));
      assert.equal(page.kinds.length === 1, isBehind, `${bytes} bytes, ${ms} ms`);
    }
  });

  it('takes a keyframe whatever the time of its stream says', () => {
    const page = new SlowPage(BOUNDS);
    page.viewer.begin(CAMERA);
    for (const shownAt of [100, 50]) page.viewer.take(CAMERA, picture(10, FLAGS.keyframe, shownAt));
    assert.deepEqual(page.kinds, ['keyframe', 'keyframe']);
  });

  it('gets sound with the pictures that it shows alone: none before the first, behind a backlog, or while it is behind', () => {
    const page = new SlowPage(BOUNDS);
    page.viewer.begin(CAMERA);
    page.viewer.take(CAMERA, sound());
    assert.deepEqual(page.kinds, []);
    page.viewer.catchUp(CAMERA, [picture(300, FLAGS.keyframe), picture(300)]);
    page.viewer.take(CAMERA, sound());
    assert.deepEqual(page.kinds, ['keyframe']);
    page.takeOne();
    page.viewer.take(CAMERA, sound());
    assert.deepEqual(page.kinds, ['keyframe', 'picture', 'sound']);
    page.viewer.take(CAMERA, picture(900));
    page.viewer.take(CAMERA, sound());
    assert.deepEqual(page.kinds.slice(3), ['picture']);
  });

  it('is written nothing to once it is closed, and is closed once', () => {
    const page = new SlowPage(BOUNDS);
    page.viewer.begin(CAMERA);
    page.viewer.catchUp(CAMERA, [picture(300, FLAGS.keyframe), picture(300), picture(300)]);
    const before = page.kinds.length;
    page.viewer.close();
    page.drain();
    page.viewer.begin(CAMERA);
    page.viewer.catchUp(CAMERA, [picture(300, FLAGS.keyframe)]);
    page.viewer.take(CAMERA, jsonRecord('state', CAMERA, {}));
    page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
    page.viewer.send(jsonRecord('show', 0, {}));
    page.viewer.tick();
    page.viewer.close();
    assert.deepEqual(
      { kinds: page.kinds.length, destroyed: page.destroyed, isOver: page.viewer.isOver },
      { kinds: before, destroyed: 1, isOver: true },
    );
  });

  it('misses pictures that would wait longer than the bound, however small they are', () => {
    const page = new SlowPage(BOUNDS);
    page.viewer.begin(CAMERA);
    page.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
    page.now = 2_001;
    page.viewer.take(CAMERA, picture(10));
    assert.deepEqual(page.kinds, ['keyframe']);
  });

  describe('that comes into a long GOP', () => {
    const gop = [picture(300, FLAGS.keyframe), ...Array.from({ length: 9 }, () => picture(300))];
    const expected = ['keyframe', ...Array<string>(9).fill('picture')];

    it('gets all of it, however much it is, in portions, and what comes meanwhile behind it', () => {
      const page = new SlowPage(BOUNDS);
      page.viewer.begin(CAMERA);
      page.viewer.catchUp(CAMERA, gop);
      assert.ok(page.kinds.length < 3, 'it does not wait at once');
      page.viewer.take(CAMERA, picture(20));
      for (let turn = 0; turn < 20; turn++) page.drain();
      assert.deepEqual(page.kinds, [...expected, 'picture']);
      page.viewer.take(CAMERA, picture(20));
      assert.equal(page.kinds.length, 12, 'and then what comes, as it comes');
    });

    it('of many cameras at once is handed one portion of them all in a turn, so that nobody else waits for it', () => {
      const page = new SlowPage(BOUNDS);
      const cameras = Array.from({ length: 16 }, (_, index) => index);
      for (const camera of cameras) page.viewer.begin(camera);
      for (const camera of cameras) page.viewer.catchUp(camera, gop);
      assert.deepEqual(page.kinds, ['keyframe']);
      let most = 0;
      for (let turn = 0; turn < 200; turn++) {
        const before = page.kinds.length;
        page.drain();
        most = Math.max(most, page.kinds.length - before);
      }
      assert.deepEqual({ most, kinds: page.kinds.length }, { most: 1, kinds: 160 });
    });

    it('leaves the rest of it for the next keyframe, and is told of no picture that it missed', () => {
      const page = new SlowPage(BOUNDS);
      page.viewer.begin(CAMERA);
      page.viewer.catchUp(CAMERA, gop);
      const before = page.kinds.length;
      page.viewer.take(CAMERA, picture(20, FLAGS.keyframe));
      assert.deepEqual(page.kinds.slice(before), ['keyframe']);
      for (let turn = 0; turn < 20; turn++) page.drain();
      assert.equal(page.kinds.length, before + 1);
    });

    it('is given no picture of another format behind its initialization', () => {
      const page = new SlowPage(BOUNDS);
      page.viewer.begin(CAMERA);
      page.viewer.catchUp(CAMERA, gop);
      const before = page.kinds.length;
      page.viewer.take(CAMERA, initRecord(CAMERA, 'video/mp4', Buffer.alloc(10), false));
      page.drain();
      assert.deepEqual(page.kinds.slice(before), ['init']);
    });

    it('of any length is handed all of it where it takes everything at once', () => {
      let written = 0;
      const sink = {
        write: (_: Buffer, sent: () => void): void => {
          written++;
          sent();
        },
        destroy: () => undefined,
      };
      const viewer = new Viewer('id', sink, () => 0);
      viewer.begin(CAMERA);
      viewer.catchUp(CAMERA, [picture(1, FLAGS.keyframe), ...Array<ViewRecord>(20_000).fill(picture(1))]);
      assert.equal(written, 20_001);
    });

    it('is handed a portion of it that is full at a quarter of the bound', () => {
      const page = new SlowPage(BOUNDS);
      page.viewer.begin(CAMERA);
      page.viewer.catchUp(CAMERA, [sized(250, FLAGS.keyframe), picture(1)]);
      assert.deepEqual(page.kinds, ['keyframe']);
    });

    it('holds a bounded part of a GOP without end, and goes on at the next keyframe alone', () => {
      const page = new SlowPage(BOUNDS);
      page.viewer.begin(CAMERA);
      page.viewer.catchUp(CAMERA, gop);
      const before = page.kinds.length;
      for (let i = 0; i < 3_000; i++) page.viewer.take(CAMERA, picture(1));
      for (let turn = 0; turn < 3_000; turn++) page.drain();
      assert.equal(page.kinds.length, before, 'the rest of it is useless');
      page.viewer.take(CAMERA, picture(1, FLAGS.keyframe));
      assert.equal(page.kinds.at(-1), 'keyframe');
    });
  });

  describe('of an open GOP', () => {
    /** A keyframe, then in decoding order what is shown before it and after it. */
    const gop = (at: number): ViewRecord[] => [
      picture(10, FLAGS.keyframe, at),
      picture(10, 0, at - 20),
      picture(10, 0, at - 10),
      picture(10, 0, at + 20),
    ];
    const take = (page: SlowPage, records: readonly ViewRecord[]): void => {
      for (const record of records) page.viewer.take(CAMERA, record);
    };

    it('gets no picture shown before the keyframe it begins with, and all of the GOPs behind it', () => {
      const page = new SlowPage(BOUNDS);
      page.viewer.begin(CAMERA);
      take(page, gop(100));
      assert.deepEqual(page.kinds, ['keyframe', 'picture']);
      take(page, gop(200));
      assert.deepEqual(page.kinds.slice(2), ['keyframe', 'picture', 'picture', 'picture']);
    });

    it('gets none of them from what is kept either, nor of those that come meanwhile', () => {
      const page = new SlowPage(BOUNDS);
      page.viewer.begin(CAMERA);
      page.viewer.catchUp(CAMERA, gop(100).slice(0, 2));
      take(page, gop(100).slice(2));
      for (let turn = 0; turn < 5; turn++) page.drain();
      assert.deepEqual(page.kinds, ['keyframe', 'picture']);
    });

    it('gets none of them where it goes on after it was left behind, or in another format', () => {
      const page = new SlowPage(BOUNDS);
      page.viewer.begin(CAMERA);
      take(page, [...gop(100), picture(1_200, 0, 150), picture(10, 0, 160)]);
      page.drain();
      const before = page.kinds.length;
      take(page, gop(200));
      assert.deepEqual(page.kinds.slice(before), ['skipped', 'keyframe', 'picture']);
      take(page, [initRecord(CAMERA, 'video/mp4', Buffer.alloc(10), false), ...gop(50)]);
      assert.deepEqual(page.kinds.slice(before + 3), ['init', 'keyframe', 'picture']);
    });
  });

  it('is told of states while it is behind', () => {
    const page = new SlowPage(BOUNDS);
    page.viewer.begin(CAMERA);
    page.viewer.take(CAMERA, picture(1_100, FLAGS.keyframe));
    page.viewer.take(CAMERA, jsonRecord('state', CAMERA, { state: 'reconnecting' }));
    assert.deepEqual(page.kinds, ['keyframe', 'state']);
  });

  it('that takes nothing is cut, and only that one', () => {
    const stuck = new SlowPage(BOUNDS);
    stuck.viewer.begin(CAMERA);
    stuck.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
    stuck.now = 10_000;
    stuck.viewer.tick();
    assert.deepEqual(
      { destroyed: stuck.destroyed, kinds: stuck.kinds },
      { destroyed: 0, kinds: ['keyframe'] },
    );
    stuck.now = 10_001;
    stuck.viewer.tick();
    assert.equal(stuck.destroyed, 1);

    const slow = new SlowPage(BOUNDS);
    slow.viewer.begin(CAMERA);
    for (let i = 0; i < 3; i++) slow.viewer.take(CAMERA, picture(10, FLAGS.keyframe));
    for (const now of [9_000, 18_000]) {
      slow.now = now;
      slow.takeOne();
      slow.viewer.tick();
    }
    assert.equal(slow.destroyed, 0, 'it takes one now and then');

    const quiet = new SlowPage(BOUNDS);
    quiet.now = 60_000;
    quiet.viewer.tick();
    assert.deepEqual({ destroyed: quiet.destroyed, kinds: quiet.kinds }, { destroyed: 0, kinds: ['alive'] });
  });

  it('has its time from when it was opened on', () => {
    const waits = new Viewer(
      'id',
      { write: () => undefined, destroy: () => undefined },
      () => 60_000,
      BOUNDS,
    );
    waits.send(jsonRecord('hello', 0, {}));
    waits.tick();
    assert.equal(waits.isOver, false);
  });

  it('that is flooded with states while it takes nothing is cut at twice the bound', () => {
    const page = new SlowPage(BOUNDS);
    page.viewer.begin(CAMERA);
    const state = jsonRecord('state', CAMERA, { reason: 'x'.repeat(200) });
    for (let i = 0; i < 100 && page.destroyed === 0; i++) page.viewer.take(CAMERA, state);
    assert.equal(page.destroyed, 1);
    assert.ok(page.kinds.length * state.bytes.length < 2 * BOUNDS.waitingBytes + 2 * state.bytes.length);
  });
});

describe('a record of the live view', () => {
  it('tells its length, kind, flags and camera in front of its body', () => {
    const { bytes } = mediaRecord(
      'picture',
      258,
      FLAGS.keyframe | FLAGS.damaged,
      1_700_000_000_123,
      41.5,
      Buffer.from('moof'),
    );
    assert.equal(bytes.readUInt32BE(0), bytes.length - RECORD_HEAD);
    assert.equal(bytes[4], RECORD_KINDS.picture);
    assert.equal(bytes[5], FLAGS.keyframe | FLAGS.damaged);
    assert.equal(bytes.readUInt16BE(6), 258);
    assert.equal(bytes.readDoubleBE(8), 1_700_000_000_123);
    assert.equal(bytes.readDoubleBE(16), 41.5);
    assert.equal(bytes.subarray(24).toString(), 'moof');
  });

  it('sets a player up with the length of the kind of media in front of it', () => {
    const { bytes } = initRecord(1, 'video/mp4', Buffer.from('moov'), false);
    const body = bytes.subarray(RECORD_HEAD);
    assert.equal(body.readUInt16BE(0), 9);
    assert.equal(body.subarray(2).toString(), 'video/mp4moov');
  });

  it('has the kinds and flags that the pages of other versions know', () => {
    assert.deepEqual(RECORD_KINDS, {
      ...{ hello: 1, init: 2, picture: 3, sound: 4, jpeg: 5, state: 6, show: 7, skipped: 8, alive: 9 },
    });
    assert.deepEqual(FLAGS, { keyframe: 1, kept: 2, damaged: 4, sound: 8 });
  });

  it('queues two thousand pictures of an endless GOP, and gives the whole of it up with the next', () => {
    const page = new SlowPage(BOUNDS);
    page.viewer.begin(CAMERA);
    page.viewer.catchUp(CAMERA, [picture(300, FLAGS.keyframe), picture(10)]);
    const delta = picture(10);
    for (let index = 1; index < 2_000; index++) page.viewer.take(CAMERA, delta);
    assert.equal(page.viewer.awaitsKeyframe(CAMERA), false);
    page.viewer.take(CAMERA, delta);
    assert.equal(page.viewer.awaitsKeyframe(CAMERA), true);
    page.drain();
    assert.deepEqual(page.kinds, ['keyframe']);
  });
});
