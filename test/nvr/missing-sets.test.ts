import assert from 'node:assert/strict';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { MissingSets } from '../../lib/nvr/camera/missing-sets.js';

const unit = (arrival: number, keyframe: boolean, types: readonly number[], width = 0): VideoUnit =>
  ({
    codec: 'h264',
    arrival,
    keyframe,
    nals: types.map((type) => ({ type, start: 0, end: 0 })),
    format: { codec: 'h264', width, height: width },
  }) as unknown as VideoUnit;

describe('a stream without parameter sets', () => {
  it('is reported once, at the second keyframe, or five seconds after the first if none follows', () => {
    const often = new MissingSets();
    assert.equal(often.take(unit(0, true, [5])), undefined);
    assert.equal(often.take(unit(40, false, [1])), undefined);
    const error = often.take(unit(1000, true, [5]));
    assert.deepEqual(
      { code: error?.code, namesSets: (error?.message ?? '').includes('SPS and PPS') },
      { code: 'EUNSUPPORTED', namesSets: true },
    );
    assert.equal(often.take(unit(2000, true, [5])), undefined);

    const seldom = new MissingSets();
    assert.equal(seldom.take(unit(0, false, [1])), undefined);
    assert.equal(seldom.take(unit(6000, false, [1])), undefined, 'joined in mid-stream');
    assert.equal(seldom.take(unit(7000, true, [5])), undefined);
    assert.equal(seldom.take(unit(11_999, false, [1])), undefined);
    assert.equal(seldom.take(unit(12_000, false, [1]))?.code, 'EUNSUPPORTED');
  });

  it('is none where the sets come in time, with a picture or with the description', () => {
    const late = new MissingSets();
    late.take(unit(0, true, [5]));
    assert.equal(late.take(unit(1000, true, [7, 8, 5], 320)), undefined);
    assert.equal(late.take(unit(2000, true, [5], 320)), undefined);
  });

  it('is none where they come, though no one can read a width from them', () => {
    const odd = new MissingSets();
    for (const arrival of [0, 1000, 9000]) assert.equal(odd.take(unit(arrival, true, [7, 8, 5])), undefined);
  });
});
