import assert from 'node:assert/strict';
import sinon from 'sinon';
import { StillFeed } from '../../../lib/nvr/view/still-feed.js';
import { Viewer } from '../../../lib/nvr/view/viewer.js';

function page(write: () => void): Viewer {
  const sink = {
    write: (_: Buffer, sent: () => void): void => {
      write();
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

    beforeEach(() => {
      clock = sinon.useFakeTimers({ now: 1_700_000_000_000 });
      asked = [];
      signals = [];
      error = undefined;
      const begun = Date.now();
      feed = new StillFeed((signal) => {
        asked.push(Date.now() - begun);
        signals.push(signal);
        return error === undefined
          ? Promise.resolve({ data: Buffer.from([0xff, 0xd8]), time: asked.length })
          : Promise.reject(error);
      }, 0);
    });

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
  });
});
