import assert from 'node:assert/strict';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { SpanEnd } from '../../lib/media/span-end.js';

/**
 * Pictures by their times of presentation, in order of decoding; what of them belongs to a span up to 100.
 */
function taken(
  times: readonly number[],
  changes: Partial<VideoUnit> = {},
  keyframes: readonly number[] = [],
): number[] {
  const end = new SpanEnd(100);
  const out: number[] = [];
  for (const time of times) {
    const format = { reorderDepth: 2 };
    const unit = { time, keyframe: keyframes.includes(time), codec: 'h264', format, ...changes } as VideoUnit;
    const place = end.place(unit);
    if (place === 'over') break;
    if (place === 'in') out.push(...end.takeHeld().map((held) => held.time), time);
  }
  return out;
}

describe('the end of a recorded span', () => {
  it('lies in front of the first picture that is shown too late', () => {
    assert.deepEqual(taken([0, 40, 80, 120, 160]), [0, 40, 80]);
    assert.deepEqual(taken([0, 40, 80, 100, 140]), [0, 40, 80]);
    assert.deepEqual(taken([0, 40]), [0, 40]);
  });

  it('waits for pictures that are decoded later and shown in time, with what they build on', () => {
    // P0 P80 B40 P160 B120
    assert.deepEqual(taken([0, 80, 40, 160, 120, 240, 200]), [0, 80, 40]);
    assert.deepEqual(taken([0, 60, 30, 120, 90, 180, 150]), [0, 60, 30, 120, 90]);
    // A pyramid: P160 B80 b40 b120
    assert.deepEqual(taken([0, 160, 80, 40, 120, 320, 240]), [0, 160, 80, 40]);
    assert.deepEqual(taken([0, 200, 120, 60, 160, 400, 300, 260]), [0, 200, 120, 60]);
  });

  it('is certain at once where nothing is out of order, or at a keyframe', () => {
    assert.deepEqual(taken([0, 80, 120, 90], { format: { reorderDepth: 0 } as never }), [0, 80]);
    assert.deepEqual(taken([0, 80, 120, 90], { codec: 'mjpeg' }), [0, 80]);
    assert.deepEqual(taken([0, 80, 120, 90], {}, [120]), [0, 80]);
  });

  it('waits for as many pictures as may be out of order in any stream', () => {
    const late = Array.from({ length: 16 }, (_, index) => 1000 - index);
    assert.deepEqual(taken([0, ...late, 50]), [0, ...late, 50]);
    assert.deepEqual(taken([0, 1001, ...late, 50]), [0]);
  });

  it('is found though times go back without end', () => {
    const times = Array.from({ length: 100 }, (_, index) => 1000 - index);
    assert.deepEqual(taken([...times, 50]), []);
  });
});
