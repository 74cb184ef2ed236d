import assert from 'node:assert/strict';
import { ShownOrder } from '../../../lib/nvr/view/shown-order.js';

describe('the order that the frames of a stream are displayed in', () => {
  const silent = { codec: 'h264', width: 640, height: 360 } as const;
  const inOrder = { ...silent, reorderDepth: 0 };

  function seen(count: number): ShownOrder {
    const order = new ShownOrder();
    for (let index = 0; index < count; index++) order.take(index * 40);
    return order;
  }

  it('is that of decoding after fifty frames where the stream does not tell, at once where it does', () => {
    assert.deepEqual(
      [49, 50].map((count) => seen(count).isInOrder(silent)),
      [false, true],
    );
    assert.equal(seen(0).isInOrder(inOrder), true);
  });

  it('is another from the first frame on that is displayed before an earlier one, whatever the stream tells', () => {
    const order = seen(60);
    order.take(59 * 40);
    assert.equal(order.isReordered, false, 'at the same time is not before');
    order.take(59 * 40 - 1);
    for (let index = 60; index < 200; index++) order.take(index * 40);
    assert.deepEqual(
      { isReordered: order.isReordered, silent: order.isInOrder(silent), inOrder: order.isInOrder(inOrder) },
      { isReordered: true, silent: false, inOrder: false },
    );
  });

  it('counts the frames that came before', () => {
    const earlier = Array.from({ length: 50 }, (_, index) => ({ arrival: index * 40 }));
    assert.equal(new ShownOrder(earlier).isInOrder(silent), true);
    const [first, ...rest] = earlier.map(({ arrival }) => ({ arrival, mediaTime: arrival }));
    assert.equal(new ShownOrder([...rest, first!]).isReordered, true);
  });
});
