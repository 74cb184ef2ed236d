import assert from 'node:assert/strict';
import { NvrError } from '../../lib/errors.js';
import { SessionSlot } from '../../lib/nvr/session-slot.js';
import { Slots } from '../../lib/nvr/slots.js';
import { FakeSession } from '../kit/fake-session.js';

/** Lets everything that is ready have its turn. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Attempt {
  readonly session: FakeSession;
  /** Its TEARDOWN is through. */
  readonly gone: () => void;
  readonly signal: AbortSignal;
  readonly opens: () => void;
  readonly fails: (error: Error) => void;
}

describe('the session slot', () => {
  let places: Slots;
  let slot: SessionSlot<FakeSession>;
  let attempts: Attempt[];

  beforeEach(() => {
    places = new Slots(1);
    slot = new SessionSlot(places);
    attempts = [];
  });

  function open(): Promise<FakeSession | undefined> {
    return slot.open(
      (signal) =>
        new Promise((resolve, reject) => {
          const session = new FakeSession();
          const opens = (): void => {
            resolve(session);
          };
          attempts.push({ session, gone: session.holdTeardown(), signal, opens, fails: reject });
        }),
    );
  }

  /** Whether there is a place in the queue. */
  async function isFree(): Promise<boolean> {
    const control = new AbortController();
    const taken = places.acquire(control.signal).then(
      (release) => {
        release();
        return true;
      },
      () => false,
    );
    await turn();
    control.abort();
    return taken;
  }

  it('holds what has opened until it is left, and its place in the queue only while it opens', async () => {
    const opening = open();
    await turn();
    assert.equal(await isFree(), false);
    attempts[0]!.opens();
    assert.equal(await opening, attempts[0]!.session);
    assert.equal(slot.session, attempts[0]!.session);
    assert.equal(await isFree(), true);
    slot.leave();
    assert.equal(slot.session, undefined);
    assert.deepEqual(
      { closed: attempts[0]!.session.closed, aborted: attempts[0]!.signal.aborted },
      { closed: 1, aborted: true },
    );
  });

  it('opens the next one only when the last TEARDOWN is through, the second time as the first', async () => {
    for (const round of [0, 2]) {
      const first = open();
      await turn();
      attempts[round]!.opens();
      await first;
      const second = open();
      await turn();
      assert.equal(attempts.length, round + 1, 'it waits');
      attempts[round]!.gone();
      await turn();
      assert.equal(attempts.length, round + 2);
      attempts[round + 1]!.opens();
      assert.equal(await second, attempts[round + 1]!.session);
      attempts[round + 1]!.gone();
    }
  });

  it('closes what opens after it was left, and answers nothing', async () => {
    const opening = open();
    await turn();
    slot.leave();
    assert.equal(attempts[0]!.signal.aborted, true);
    let isClosed = false;
    const closed = slot.closed.then(() => (isClosed = true));
    attempts[0]!.opens();
    await turn();
    assert.deepEqual(
      { closed: attempts[0]!.session.closed, isClosed, session: slot.session },
      { closed: 1, isClosed: false, session: undefined },
    );
    attempts[0]!.gone();
    assert.equal(await opening, undefined);
    await closed;
    assert.equal(await isFree(), true);
  });

  it('leaves the queue where it is left there, and lets those behind it have its turn', async () => {
    const release = await places.acquire();
    const given = open();
    await turn();
    slot.leave();
    assert.equal(await given, undefined);
    const next = open();
    release();
    await turn();
    assert.equal(attempts.length, 1, 'the second attempt alone');
    attempts[0]!.opens();
    assert.equal(await next, attempts[0]!.session);
    assert.equal(await isFree(), true);
  });

  it('keeps the errors of an attempt that was left to itself, and passes on those of the present one', async () => {
    const first = open();
    await turn();
    const second = open();
    attempts[0]!.fails(new NvrError('ETIMEDOUT', 'Late.'));
    assert.equal(await first, undefined);
    await turn();
    attempts[1]!.fails(new NvrError('ECONNREFUSED', 'No.'));
    await assert.rejects(second, { code: 'ECONNREFUSED' });
    assert.equal(await isFree(), true);
    const third = open();
    await turn();
    attempts[2]!.opens();
    assert.equal(await third, attempts[2]!.session);
  });

  it('waits for the TEARDOWN of a session also where an attempt was given up since', async () => {
    const first = open();
    await turn();
    const gone = attempts[0]!.session.holdTeardown();
    attempts[0]!.opens();
    await first;
    for (let round = 0; round < 2; round++) {
      void open();
      await turn();
      slot.leave();
    }
    let isClosed = false;
    void slot.closed.then(() => (isClosed = true));
    void open();
    await turn();
    assert.deepEqual({ attempts: attempts.length, isClosed }, { attempts: 1, isClosed: false });
    gone();
    await turn();
    assert.deepEqual({ attempts: attempts.length, isClosed }, { attempts: 2, isClosed: true });
  });

  it('waits for no TEARDOWN once it is left, and gives its place in the queue back', async () => {
    const first = open();
    await turn();
    attempts[0]!.session.holdTeardown();
    attempts[0]!.opens();
    await first;
    const second = open();
    await turn();
    slot.leave();
    assert.equal(await second, undefined);
    assert.deepEqual({ attempts: attempts.length, isFree: await isFree() }, { attempts: 1, isFree: true });
  });
});
