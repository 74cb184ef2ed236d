import assert from 'node:assert/strict';
import {
  addRecording,
  endLaterRecording,
  removeRecording,
  type RunningRecording,
} from '../../../lib/nvr/recorder/running-recordings.js';

describe('recordings that need memory of others', () => {
  const running: RunningRecording[] = [];
  let gaveWay: number[] = [];

  function recording(order: number, waitingBytes = 1000): RunningRecording {
    const one = { order, waitingBytes, endEarly: () => void gaveWay.push(order) };
    running.push(one);
    addRecording(one);
    return one;
  }

  beforeEach(() => {
    gaveWay = [];
  });

  afterEach(() => {
    for (const one of running.splice(0)) removeRecording(one);
  });

  it('take it from the one that began last, in whichever order they came', () => {
    const asking = recording(1);
    for (const order of [3, 4, 2]) recording(order);
    assert.equal(endLaterRecording(asking), true);
    assert.deepEqual(gaveWay, [4]);
  });

  it('take none from one that began before them, nor from themselves', () => {
    recording(1);
    const asking = recording(3);
    recording(2);
    assert.equal(endLaterRecording(asking), false);
    assert.deepEqual(gaveWay, []);
  });

  it('end none that holds no memory, or is over', () => {
    const asking = recording(1);
    recording(3, 0);
    removeRecording(recording(2));
    assert.equal(endLaterRecording(asking), false);
    assert.deepEqual(gaveWay, []);
  });
});
