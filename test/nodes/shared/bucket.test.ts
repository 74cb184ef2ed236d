import assert from 'node:assert/strict';
import { Bucket } from '../../../nodes/shared/output/bucket.js';

describe('Bucket', () => {
  it('takes a burst at once, and then what its rate allows', () => {
    const bucket = new Bucket(10, 5);
    const taken = (now: number): number => {
      let count = 0;
      while (bucket.take(1, now)) count++;
      return count;
    };
    assert.equal(taken(0), 5);
    assert.equal(taken(99), 0);
    assert.equal(taken(100), 1);
    assert.equal(taken(400), 3);
    assert.equal(taken(60_000), 5, 'no more than a burst, however long the rest');
    assert.equal(taken(0), 0, 'and nothing for a clock that goes back');
  });

  it('is used up by an offer beyond its burst, and owes nothing after that', () => {
    const bucket = new Bucket(10, 10);
    assert.equal(bucket.offer(1000, 0), false);
    assert.equal(bucket.offer(10, 1000), true);
  });

  it('loses nothing by a clock that goes back', () => {
    const bucket = new Bucket(10, 5);
    assert.equal(bucket.take(1, 1000), true);
    assert.equal(bucket.take(4, 0), true);
  });

  it('stays exceeded as long as more is offered than its rate, and not where `take` refused', () => {
    const [offered, taken] = [new Bucket(10, 10), new Bucket(10, 10)];
    assert.equal(offered.offer(10, 0), true);
    assert.equal(taken.take(10, 0), true);
    for (let now = 500; now <= 3000; now += 500) assert.equal(offered.offer(9, now), false, `${now} ms`);
    assert.equal(taken.take(9, 500), false);
    assert.equal(taken.take(9, 1000), true);
  });
});
