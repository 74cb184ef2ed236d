import assert from 'node:assert/strict';
import sinon from 'sinon';
import { NvrError } from '../../../lib/errors.js';
import { jsonRecord, RECORD_HEAD, RECORD_KINDS } from '../../../lib/nvr/view/records.js';
import { StillFeed } from '../../../lib/nvr/view/still-feed.js';
import { Viewer } from '../../../lib/nvr/view/viewer.js';

function page(write: (bytes: Buffer) => void): Viewer {
  const sink = {
    write: (bytes: Buffer, sent: () => void): void => {
      write(bytes);
      sent();
    },
    destroy: (): void => undefined,
  };
  return new Viewer('id', sink, () => 0);
}

describe('a camera as pictures', () => {
  it('goes on for the other pages where one of them throws at each picture', async () => {
    let pictures = 0;
    let written = 0;
    let isBroken = false;
    await new Promise<void>((resolve) => {
      const broken = page(() => {
        if (isBroken) throw new Error('the response is gone');
      });
      const other = page(() => written++);
      const feed = new StillFeed(
        () => {
          isBroken = true;
          if (++pictures === 3) {
            feed.remove(broken);
            feed.remove(other);
            resolve();
          }
          return Promise.resolve({ data: Buffer.from([0xff, 0xd8]), time: 1 });
        },
        0,
        1,
      );
      feed.add(broken);
      feed.add(other);
    });
    assert.ok(written >= 2, `${written} records`);
  });

  describe('second by second', () => {
    let clock: sinon.SinonFakeTimers;
    let asked: number[];
    let signals: AbortSignal[];
    let error: Error | undefined;
    let feed: StillFeed;
    /** Holds the pictures back. */
    let held: Promise<void> | undefined;

    beforeEach(() => {
      clock = sinon.useFakeTimers({ now: 1_700_000_000_000 });
      asked = [];
      signals = [];
      error = held = undefined;
      feed = feedOf(3);
    });

    function feedOf(camera: number, periodMs?: number): StillFeed {
      const begun = Date.now();
      const take = async (signal: AbortSignal): Promise<{ data: Uint8Array; time: number }> => {
        asked.push(Date.now() - begun);
        signals.push(signal);
        const time = asked.length;
        await held;
        if (error !== undefined) throw error;
        return { data: Buffer.from([0xff, 0xd8]), time };
      };
      return new StillFeed(take, camera, periodMs);
    }

    afterEach(() => {
      clock.restore();
    });

    it('is asked for less often while it fails', async () => {
      const viewer = page(() => undefined);
      feed.add(viewer);
      await clock.tickAsync(1_000);
      error = new Error('no picture');
      await clock.tickAsync(7_000);
      error = undefined;
      await clock.tickAsync(4_000);
      assert.deepEqual(asked, [0, 1_000, 2_000, 5_000, 8_000, 11_000, 12_000].slice(0, asked.length));
      assert.ok(asked.length >= 6, asked.join());
    });

    it('shows a newcomer the last picture at once, but none of before all pages had gone', async () => {
      let written = 0;
      const [one, other] = [page(() => undefined), page(() => written++)];
      feed.add(one);
      await clock.tickAsync(100);
      feed.add(other);
      assert.equal(written, 1);
      for (const viewer of [one, other]) feed.remove(viewer);
      assert.equal(signals.at(-1)!.aborted, true);
      written = 0;
      feed.add(other);
      assert.equal(written, 0);
      await clock.tickAsync(0);
      assert.equal(written, 1);
      assert.deepEqual(asked, [0, 100]);
    });

    it('sends each picture with its camera and the time it was taken at, and why there is none', async () => {
      const records: Buffer[] = [];
      feed.add(page((bytes) => records.push(bytes)));
      await clock.tickAsync(0);
      error = new NvrError('EBUSY', 'too many wait');
      await clock.tickAsync(1_000);
      error = new Error('a fault');
      await clock.tickAsync(3_000);
      const [picture, warning, fault] = records as [Buffer, Buffer, Buffer];
      assert.deepEqual(
        { kind: picture[4], tile: picture.readUInt16BE(6) },
        { kind: RECORD_KINDS.jpeg, tile: 3 },
      );
      assert.equal(picture.readDoubleBE(RECORD_HEAD), 1);
      assert.deepEqual(
        { kind: warning[4], tile: warning.readUInt16BE(6) },
        { kind: RECORD_KINDS.state, tile: 3 },
      );
      assert.deepEqual(JSON.parse(warning.subarray(RECORD_HEAD).toString()), {
        ...{ state: 'warning', code: 'EBUSY', reason: 'too many wait' },
      });
      assert.match(fault.subarray(RECORD_HEAD).toString(), /"code":"EDECODE"/);
    });

    it('goes on where one page of several leaves, and sends that one nothing more', async () => {
      let written = 0;
      const left = page(() => written++);
      feed.add(left);
      feed.add(page(() => undefined));
      await clock.tickAsync(0);
      feed.remove(left);
      left.take(3, jsonRecord('state', 3, {}));
      left.begin(3);
      feed.remove(left);
      assert.equal(left.awaitsKeyframe(3), true, 'another feed has begun meanwhile');
      await clock.tickAsync(5_000);
      assert.deepEqual(
        { asked: asked.length, written, aborted: signals.at(-1)!.aborted },
        { asked: 6, written: 1, aborted: false },
      );
    });

    it('sends a page of now no picture, and no failure, that was begun for those of before', async () => {
      for (const fails of [false, true]) {
        let release = (): void => undefined;
        held = new Promise((resolve) => (release = resolve));
        const [one, other] = [page(() => undefined), page(() => records++)];
        let records = 0;
        feed.add(one);
        feed.remove(one);
        const late = held;
        held = new Promise(() => undefined);
        const before = asked.length;
        feed.add(other);
        if (fails) error = new Error('no picture');
        release();
        await late;
        await clock.tickAsync(10_000);
        assert.deepEqual({ records, asked: asked.length - before }, { records: 0, asked: 1 });
        feed.remove(other);
        const [third, newest] = [page(() => undefined), page(() => records++)];
        feed.add(third);
        feed.add(newest);
        assert.equal(records, 0, 'nor is it kept for the next page');
        for (const viewer of [third, newest]) feed.remove(viewer);
      }
      assert.equal(clock.countTimers(), 0);
    });

    it('waits no shorter after a failure than without one', async () => {
      const slow = feedOf(0, 10_000);
      error = new Error('no picture');
      slow.add(page(() => undefined));
      await clock.tickAsync(20_000);
      assert.deepEqual(asked, [0, 10_000, 20_000]);
    });

    it('asks for nothing more, and has no timer, once its last page has left between two pictures', async () => {
      const viewer = page(() => undefined);
      feed.add(viewer);
      await clock.tickAsync(500);
      feed.remove(viewer);
      assert.equal(clock.countTimers(), 0);
      feed.add(viewer);
      await clock.tickAsync(900);
      assert.deepEqual(asked, [0, 500], 'the timer of before is not that of now');
      feed.remove(viewer);
    });
  });
});
