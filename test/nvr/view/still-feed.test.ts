import assert from 'node:assert/strict';
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
});
