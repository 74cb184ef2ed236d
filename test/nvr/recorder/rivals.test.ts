import assert from 'node:assert/strict';
import { enter, leave, makeRoom, type Rival } from '../../../lib/nvr/recorder/rivals.js';

describe('recordings that need memory of others', () => {
  const entered: Rival[] = [];
  let gaveWay: number[] = [];

  function rival(order: number, waitingBytes = 1000): Rival {
    const one = { order, waitingBytes, giveWay: () => void gaveWay.push(order) };
    entered.push(one);
    enter(one);
    return one;
  }

  beforeEach(() => {
    gaveWay = [];
  });

  afterEach(() => {
    for (const one of entered.splice(0)) leave(one);
  });

  it('take it from the one that began last, in whichever order they came', () => {
    const asking = rival(1);
    for (const order of [3, 4, 2]) rival(order);
    assert.equal(makeRoom(asking), true);
    assert.deepEqual(gaveWay, [4]);
  });

  it('take none from one that began before them, nor from themselves', () => {
    rival(1);
    const asking = rival(3);
    rival(2);
    assert.equal(makeRoom(asking), false);
    assert.deepEqual(gaveWay, []);
  });

  it('end none that holds no memory, or is over', () => {
    const asking = rival(1);
    rival(3, 0);
    leave(rival(2));
    assert.equal(makeRoom(asking), false);
    assert.deepEqual(gaveWay, []);
  });
});
