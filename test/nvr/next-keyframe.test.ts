import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import sinon from 'sinon';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { nextKeyframe, type KeyframeOptions } from '../../lib/nvr/camera/next-keyframe.js';
import type { NvrError } from '../../lib/errors.js';
import { FakeHub, videoUnit } from '../kit/fake-hub.js';

describe('the next keyframe of a camera', () => {
  let clock: sinon.SinonFakeTimers;
  let hub: FakeHub;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ now: 1_700_000_000_000 });
    hub = new FakeHub();
  });

  afterEach(() => {
    clock.restore();
  });

  /** The keyframe, the code of the error, or `waits`. */
  class Waiting {
    outcome: VideoUnit | string = 'waits';

    constructor(options: Partial<KeyframeOptions> = {}) {
      nextKeyframe(hub, { timeout: 10, ...options }).then(
        (unit) => (this.outcome = unit),
        (error: unknown) => (this.outcome = (error as NvrError).code),
      );
    }

    async after(ms = 0): Promise<VideoUnit | string> {
      await clock.tickAsync(ms);
      return this.outcome;
    }
  }

  it('is awaited through one break of a stream that plays, and not through a second attempt that fails', async () => {
    const waiting = new Waiting();
    hub.tell({ type: 'playing' });
    hub.tell({ type: 'reconnecting', code: 'EUNREACHABLE' });
    assert.equal(await waiting.after(), 'waits');
    hub.tell({ type: 'connecting' });
    hub.tell({ type: 'reconnecting', code: 'ECONNREFUSED' });
    assert.equal(await waiting.after(), 'ECONNREFUSED');
    assert.equal(hub.subscribers.size, 0);
  });

  it('is awaited where the camera broke off before, and is tried again by now; not where it is not', async () => {
    const replay = (...words: ('reconnecting' | 'connecting')[]): void => {
      const subscribe = hub.subscribe.bind(hub);
      hub.subscribe = (subscriber) => {
        const subscription = subscribe(subscriber);
        for (const type of words) hub.tell({ type, code: 'ECONNREFUSED' });
        return subscription;
      };
    };
    replay('reconnecting', 'connecting');
    assert.equal(await new Waiting().after(), 'waits');
    hub = new FakeHub();
    replay('reconnecting');
    assert.equal(await new Waiting().after(), 'ECONNREFUSED');
  });

  it('is awaited through no break where none is to be outlasted', async () => {
    const waiting = new Waiting({ outlastsOutages: false });
    hub.tell({ type: 'playing' });
    hub.tell({ type: 'reconnecting', code: 'EUNREACHABLE' });
    assert.equal(await waiting.after(), 'EUNREACHABLE');
  });

  it('comes after a break, too, and is not taken for late because of it', async () => {
    const waiting = new Waiting();
    hub.tell({ type: 'playing' });
    hub.tell({ type: 'reconnecting', code: 'EUNREACHABLE' });
    hub.tell({ type: 'connecting' });
    hub.tell({ type: 'playing' });
    const unit = videoUnit();
    hub.emit(unit);
    assert.equal(await waiting.after(), unit);
  });

  it('that does not come is told by the time limit, not by an outage that is over', async () => {
    const waiting = new Waiting();
    hub.tell({ type: 'playing' });
    hub.tell({ type: 'reconnecting', code: 'ECONNREFUSED' });
    hub.tell({ type: 'connecting' });
    hub.tell({ type: 'playing' });
    assert.equal(await waiting.after(9_999), 'waits');
    assert.equal(await waiting.after(1), 'ETIMEDOUT');
    const other = new Waiting();
    hub.tell({ type: 'playing' });
    hub.packets = 100;
    assert.equal(await other.after(10_000), 'ENOKEYFRAME');
  });

  it('is a damaged one only where no whole one comes in time', async () => {
    const damaged = videoUnit({ damaged: true });
    const waiting = new Waiting();
    hub.emit(damaged);
    assert.equal(await waiting.after(9_999), 'waits');
    assert.equal(await waiting.after(1), damaged);
    const other = new Waiting();
    hub.emit(damaged);
    const whole = videoUnit();
    hub.emit(whole);
    assert.equal(await other.after(), whole);
  });

  it('is called off by its signal, before or while it is awaited, and leaves no one subscribed', async () => {
    const ending = new AbortController();
    const waiting = new Waiting({ signal: ending.signal });
    ending.abort();
    const late = new Waiting({ signal: ending.signal });
    assert.deepEqual(
      { waiting: await waiting.after(), late: await late.after() },
      { waiting: 'EUNREACHABLE', late: 'EUNREACHABLE' },
    );
    assert.equal(hub.subscribers.size, 0);
    assert.equal(clock.countTimers(), 0);
  });

  it('can be any unit that decoding can begin at, and then no damaged one, however long it takes', async () => {
    const entry = { wants: 'entry' } as const;
    const waiting = new Waiting(entry);
    hub.tell({ type: 'playing' });
    hub.packets = 1;
    hub.emit(videoUnit({ damaged: true }));
    hub.emit(videoUnit({ keyframe: false }));
    assert.equal(await waiting.after(10_000), 'ENOKEYFRAME');
    const other = new Waiting(entry);
    const point = { ...videoUnit({ keyframe: false }), recoveryFrames: 3 };
    hub.emit(point);
    assert.equal(await other.after(), point);
  });

  it('that no stream of recovery points has is told so, whether they were kept or came meanwhile; not to who needs none', async () => {
    const point = { ...videoUnit({ keyframe: false }), recoveryFrames: 3 };
    const waiting = new Waiting();
    hub.emit(point);
    assert.equal(await waiting.after(10_000), 'EUNSUPPORTED');
    hub.gop = [point];
    const [picture, entry] = [new Waiting(), new Waiting({ wants: 'entry' })];
    assert.deepEqual(
      { pictureAfter: await picture.after(10_000), entryAfter: await entry.after() },
      { pictureAfter: 'EUNSUPPORTED', entryAfter: 'ETIMEDOUT' },
    );
  });

  it('that does not come because the camera is not back yet is told by why it is away', async () => {
    const waiting = new Waiting();
    hub.tell({ type: 'playing' });
    hub.tell({ type: 'reconnecting', code: 'ECONNREFUSED' });
    assert.equal(await waiting.after(10_000), 'ECONNREFUSED');
  });

  it('is awaited while a stream that played begins anew by itself, and not past a failure that lasts', async () => {
    const waiting = new Waiting();
    hub.tell({ type: 'playing' });
    hub.tell({ type: 'connecting' });
    hub.tell({ type: 'reconnecting', code: 'EUNREACHABLE' });
    assert.equal(await waiting.after(), 'waits');
    hub.tell({ type: 'playing' });
    hub.tell({ type: 'error', code: 'EFORBIDDEN' });
    assert.equal(await waiting.after(), 'EFORBIDDEN');
  });

  it('does not come from a stream that is stopped', async () => {
    const waiting = new Waiting();
    hub.tell({ type: 'stopped' });
    assert.equal(await waiting.after(), 'EUNREACHABLE');
  });

  it('is missed for the packets of its own wait, not for those of before', async () => {
    hub.packets = 1000;
    const silent = new Waiting();
    assert.equal(await silent.after(10_000), 'ETIMEDOUT');
    hub.lost = 500;
    const lossy = assert.rejects(nextKeyframe(hub, { timeout: 10 }), /10 % of the packets/);
    [hub.packets, hub.lost] = [1090, 510];
    await clock.tickAsync(10_000);
    await lossy;
  });

  it('leaves nothing on a signal that outlives it', async () => {
    const { signal } = new AbortController();
    for (let round = 0; round < 3; round++) await new Waiting({ signal, kept: videoUnit() }).after();
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  it('that was kept is taken at once, and joins the camera all the same', async () => {
    const kept = videoUnit();
    assert.equal(await new Waiting({ kept }).after(), kept);
    assert.deepEqual(
      { joined: hub.joined, subscribers: hub.subscribers.size },
      { joined: 1, subscribers: 0 },
    );
  });

  it('is the newest of several damaged ones, also where the camera is away by then', async () => {
    const waiting = new Waiting();
    hub.tell({ type: 'playing' });
    hub.emit(videoUnit({ damaged: true }));
    const last = videoUnit({ damaged: true });
    hub.emit(last);
    hub.tell({ type: 'reconnecting', code: 'EUNREACHABLE' });
    assert.equal(await waiting.after(10_000), last);
  });

  it('is no sound, and is awaited through a break of a stream that played when it was joined', async () => {
    const subscribe = hub.subscribe.bind(hub);
    hub.subscribe = (subscriber) => {
      const subscription = subscribe(subscriber);
      hub.tell({ type: 'playing' });
      return subscription;
    };
    const waiting = new Waiting();
    hub.emit({ ...videoUnit(), kind: 'audio' } as never);
    hub.tell({ type: 'reconnecting', code: 'EUNREACHABLE' });
    assert.equal(await waiting.after(), 'waits');
  });

  it('that was kept is taken where the camera has just gone, too', async () => {
    const subscribe = hub.subscribe.bind(hub);
    hub.subscribe = (subscriber) => {
      const subscription = subscribe(subscriber);
      hub.tell({ type: 'reconnecting', code: 'ECONNREFUSED' });
      return subscription;
    };
    const kept = videoUnit();
    assert.equal(await new Waiting({ kept }).after(), kept);
  });

  it('says the same of a stream whose recovery point is followed by pictures that decoding cannot begin at', async () => {
    const waiting = new Waiting();
    hub.emit({ ...videoUnit({ keyframe: false }), recoveryFrames: 3 });
    hub.emit(videoUnit({ keyframe: false }));
    assert.equal(await waiting.after(10_000), 'EUNSUPPORTED');
  });

  it('is awaited through a break of each attempt that has played, and through none of one that has not since', async () => {
    const waiting = new Waiting();
    for (let round = 0; round < 2; round++) {
      hub.tell({ type: 'playing' });
      hub.tell({ type: 'reconnecting' });
      assert.equal(await waiting.after(), 'waits', `break ${round + 1}`);
    }
    hub.tell({ type: 'reconnecting' });
    assert.equal(await waiting.after(), 'EUNREACHABLE');
  });
});
