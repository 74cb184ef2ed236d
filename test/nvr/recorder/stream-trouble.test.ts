import assert from 'node:assert/strict';
import { NvrError } from '../../../lib/errors.js';
import { StreamTrouble } from '../../../lib/nvr/recorder/stream-trouble.js';
import { UsualPace } from '../../../lib/nvr/recorder/usual-pace.js';
import type { HubEvent } from '../../../lib/nvr/types.js';

const AWAY = new NvrError('EUNREACHABLE', 'Away.');
const REFUSED = new NvrError('EAUTH', 'Refused.');

describe('why a stream did not play', () => {
  const tell = (trouble: StreamTrouble, type: string, now: number, error?: NvrError): void => {
    trouble.onHubEvent({ type, error } as unknown as HubEvent, now);
  };

  it('is known while it is away or given up, and of any time before it plays again', () => {
    for (const type of ['reconnecting', 'error']) {
      const trouble = new StreamTrouble();
      assert.equal(trouble.since(0), undefined);
      tell(trouble, type, 1000, AWAY);
      assert.equal(trouble.since(1e9), AWAY, type);
      tell(trouble, 'playing', 2000);
      assert.deepEqual(
        { before: trouble.since(1999), after: trouble.since(2000) },
        { before: AWAY, after: undefined },
      );
    }
  });

  it('ended when it played first, and is another one the second time', () => {
    const trouble = new StreamTrouble();
    tell(trouble, 'reconnecting', 1000, AWAY);
    tell(trouble, 'playing', 2000);
    tell(trouble, 'playing', 5000);
    assert.equal(trouble.since(3000), undefined);
    tell(trouble, 'error', 6000, REFUSED);
    assert.equal(trouble.since(3000), REFUSED);
  });
});

describe('the usual pace of a camera', () => {
  it('is asked for at most once a second, and is the last one that was known', () => {
    const pace = new UsualPace();
    const rates = [0, 12.5, 0, 25];
    let asked = 0;
    const fps = (): number => rates[asked++]!;
    assert.equal(pace.rate, undefined);
    const known = [0, 999, 1000, 1999, 2000, 3000].map((arrival) => {
      pace.take(arrival, fps);
      return { asked, rate: pace.rate, lastPicture: pace.lastPicture };
    });
    assert.deepEqual(known, [
      { asked: 1, rate: undefined, lastPicture: 0 },
      { asked: 1, rate: undefined, lastPicture: 999 },
      { asked: 2, rate: 12.5, lastPicture: 1000 },
      { asked: 2, rate: 12.5, lastPicture: 1999 },
      { asked: 3, rate: 12.5, lastPicture: 2000 },
      { asked: 4, rate: 25, lastPicture: 3000 },
    ]);
  });
});
