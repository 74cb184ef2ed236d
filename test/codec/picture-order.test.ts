import assert from 'node:assert/strict';
import { PictureOrder } from '../../lib/codec/picture-order.js';
import { source, videoUnits } from '../kit/recorded-units.js';

describe('PictureOrder', () => {
  for (const codec of ['h264', 'h265'] as const) {
    it(`tells the order of presentation, ${codec}, through GOPs and the count's wrap`, () => {
      const from = source({
        codec,
        bFrames: 3,
        size: '64x64',
        seconds: 12,
        gop: codec === 'h264' ? 75 : 150,
      });
      const order = new PictureOrder();
      const found = videoUnits(from).map((unit, i) => ({
        order: order.of(unit),
        shown: from.pictures[i]!.shown,
      }));
      assert.ok(found.every((one) => !Number.isNaN(one.order)));
      const byOrder = [...found].sort((a, b) => a.order - b.order);
      assert.deepEqual(
        byOrder.map(({ shown }) => shown),
        found.map((_, i) => i),
      );
    });
  }

  it('says nothing before the parameter sets, of what is no slice, and of MJPEG', () => {
    const from = source({ codec: 'h264', bFrames: 3, size: '64x64', seconds: 12, gop: 75 });
    const units = videoUnits(from);
    const order = new PictureOrder();
    assert.ok(Number.isNaN(order.of(units[1]!)));
    assert.ok(!Number.isNaN(order.of(units[0]!)));
    assert.ok(Number.isNaN(order.of({ ...units[1]!, nals: [] })));
    const cut = units[1]!.nals[0]!;
    assert.ok(Number.isNaN(order.of({ ...units[1]!, nals: [{ ...cut, end: cut.start + 5 }] })));
    const picture = { codec: 'mjpeg', data: Buffer.from([1, 2, 3]), nals: [], keyframe: true } as const;
    assert.ok(Number.isNaN(new PictureOrder().of(picture)));
  });
});
