// The way out of a node past its bounds, the second time, and when it is closed in between.

import assert from 'node:assert/strict';
import sinon from 'sinon';
import { loopDelay } from '../../../nodes/shared/output/loop-delay.js';
import { Outlet, type Outputs } from '../../../nodes/shared/output/outlet.js';
import { turn } from '../../kit/fake-red.js';

const MIB = 1024 * 1024;

interface Rig {
  readonly outlet: Outlet;
  readonly sent: unknown[];
  readonly overloads: string[];
  readonly full: boolean[];
}

const opened: Outlet[] = [];

function rig(onSend: (payload: unknown) => void = () => undefined): Rig {
  const [sent, overloads, full]: [unknown[], string[], boolean[]] = [[], [], []];
  const outlet = new Outlet({
    send: (outputs) => {
      const payload = outputs.find((one) => one !== null)?.payload;
      sent.push(payload);
      onSend(payload);
    },
    onOverload: (what) => overloads.push(what),
    onFull: (isFull) => full.push(isFull),
  });
  opened.push(outlet);
  return { outlet, sent, overloads, full };
}

const message =
  (name: unknown = 'unit') =>
  (): Outputs => [{ payload: name }];

const offer = (messages: number, bytes: number, keyframe = true): Parameters<Outlet['picture']>[0] => ({
  ...{ keyframe, messages, bytes },
  arrival: performance.now(),
});

const allSent = (outlet: Outlet): Promise<void> =>
  new Promise((resolve) => {
    outlet.afterwards(resolve);
  });

describe('a node’s way out past its bounds', () => {
  afterEach(() => {
    for (const outlet of opened.splice(0)) outlet.close();
    sinon.restore();
  });

  it('is full with 2000 messages, whether of many units or of one', () => {
    for (const [count, units] of [
      [1, 2000],
      [500, 4],
    ] as const) {
      const { outlet, full } = rig();
      for (let unit = 1; unit < units; unit++) outlet.recorded(count, 1, message());
      outlet.recorded(count - 1, 1, message());
      assert.deepEqual(full, []);
      outlet.recorded(1, 1, message());
      assert.deepEqual(full, [true]);
    }
  });

  it('is full with 16 MiB, counted once for all messages of a unit', () => {
    const { outlet, full } = rig();
    outlet.recorded(3, 16 * MIB - 1, message());
    assert.deepEqual(full, []);
    outlet.recorded(1, 1, message());
    assert.deepEqual(full, [true]);
  });

  it('asks for more when half of it is sent, by messages and by bytes, and again the second time', async () => {
    for (const [count, bytes, units] of [
      [1, 1, 2000],
      [2, MIB, 16],
    ] as const) {
      let left = 0;
      const leftAt: number[] = [];
      const outlet = new Outlet({
        send: () => left--,
        onFull: () => leftAt.push(left),
      });
      opened.push(outlet);
      for (let round = 0; round < 2; round++) {
        left = count * units;
        for (let unit = 0; unit < units; unit++) outlet.recorded(count, bytes, message());
        assert.equal(leftAt.length, 2 * round + 1);
        while (left > 0) await turn();
        assert.equal(outlet.isFull, false);
      }
      const half = (count * units) / 2 - 1;
      assert.deepEqual(leftAt, [2 * half + 2, half, 2 * half + 2, half]);
    }
  });

  it('leaves live pictures out while it is full, also keyframes', async () => {
    const { outlet, sent, overloads } = rig();
    outlet.recorded(1, 16 * MIB, message('large'));
    outlet.picture(offer(1, 1), message('late'));
    assert.deepEqual({ dropped: outlet.dropped, overloads }, { dropped: 1, overloads: ['pictures'] });
    await allSent(outlet);
    assert.deepEqual(sent, ['large']);
  });

  it('reports an overload that begins with a keyframe, which it sends', async () => {
    const { outlet, sent, overloads } = rig();
    outlet.picture({ ...offer(1, 1), arrival: performance.now() - 900 }, message('keyframe'));
    assert.deepEqual({ dropped: outlet.dropped, overloads }, { dropped: 0, overloads: ['pictures'] });
    await allSent(outlet);
    assert.deepEqual(sent, ['keyframe']);
  });

  it('counts a live picture’s bytes once for all its messages', () => {
    const { outlet, full } = rig();
    outlet.picture(offer(4, 5 * MIB), message());
    assert.deepEqual(full, []);
  });

  it('counts sound that it drops, and reports that once and as sound', async () => {
    const { outlet, sent, overloads } = rig();
    outlet.recorded(1, 16 * MIB, message('large'));
    for (let i = 0; i < 3; i++) outlet.sound(1, message('sound'));
    assert.deepEqual({ dropped: outlet.dropped, overloads }, { dropped: 3, overloads: ['sound'] });
    await allSent(outlet);
    assert.deepEqual(sent, ['large']);
  });

  it('does not count what is never sent as dropped', () => {
    const { outlet } = rig();
    outlet.picture(offer(0, 1000), message());
    assert.equal(outlet.dropped, 0);
  });

  it('has no overload by what is never sent, however much that is', () => {
    const { outlet, overloads } = rig();
    for (let i = 0; i < 2000; i++) outlet.picture(offer(0, MIB), message());
    assert.deepEqual(overloads, []);
  });

  it('sends no unit of no messages', async () => {
    const { outlet, sent } = rig();
    outlet.recorded(0, 1, message('none'));
    outlet.recorded(1, 1, message('one'));
    await allSent(outlet);
    assert.deepEqual(sent, ['one']);
  });

  it('makes no message that it will not send, and does what is due afterwards once alone, when it is closed midway', async () => {
    const { outlet, sent } = rig();
    const done: string[] = [];
    outlet.recorded(1, 1, message('sent'));
    outlet.afterwards(() => done.push('sent'));
    await allSent(outlet);
    let made = 0;
    for (let i = 0; i < 3; i++)
      outlet.recorded(1, 1, () => {
        made++;
        return [{ payload: i }];
      });
    outlet.afterwards(() => done.push('waits'));
    outlet.close();
    await turn();
    await turn();
    assert.deepEqual({ sent, done, made }, { sent: ['sent'], done: ['sent', 'waits'], made: 0 });
    for (let i = 0; i < 2; i++) outlet.picture(offer(1, 1), message('closed'));
    outlet.sound(1, message('closed'));
    await turn();
    assert.deepEqual(sent, ['sent']);
  });

  it('keeps order over a thousand units, with what is to be done between them', async () => {
    const { outlet, sent } = rig();
    const expected: unknown[] = [];
    for (let i = 0; i < 1000; i++) {
      outlet.recorded(2, 10, message(i));
      expected.push(i, i);
      if (i % 300 !== 0) continue;
      outlet.afterwards(() => sent.push(`after ${i}`));
      expected.push(`after ${i}`);
    }
    await allSent(outlet);
    assert.deepEqual(sent, expected);
  });

  it('sends what a flow asks for from within a message after that message', async () => {
    const { outlet, sent } = rig((payload) => {
      if (payload === 'ask') outlet.recorded(1, 1, message('answer'));
    });
    outlet.recorded(1, 1, message('ask'));
    outlet.recorded(1, 1, message('next'));
    await turn();
    await turn();
    assert.deepEqual(sent, ['ask', 'next', 'answer']);
  });

  it('takes turns with others, so that a camera does not wait for all of another’s pictures', async () => {
    const order: unknown[] = [];
    const [one, other] = [rig((payload) => order.push(payload)), rig((payload) => order.push(payload))];
    for (let i = 0; i < 3; i++) one.outlet.recorded(1, 1, message(`a${i}`));
    for (let i = 0; i < 3; i++) other.outlet.recorded(1, 1, message(`b${i}`));
    await allSent(other.outlet);
    assert.deepEqual(order, ['a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
  });

  it('sends no more than 16 MiB in one turn of the loop, and the rest in the next', async () => {
    const { outlet, sent } = rig();
    await allSent(outlet);
    await turn();
    await turn();
    for (let i = 0; i < 6; i++) outlet.recorded(2, 8 * MIB, message(i));
    await turn();
    // A message of 4 MiB each: four of them are 16 MiB.
    assert.equal(sent.length, 4);
    await allSent(outlet);
    assert.equal(sent.length, 12);
  });

  it('measures the event loop from its first live unit until it is closed, once', () => {
    const acquire = sinon.spy(loopDelay, 'acquire');
    const release = sinon.spy(loopDelay, 'release');
    const { outlet } = rig();
    outlet.recorded(1, 1, message());
    outlet.event('playing', {}, message());
    assert.equal(acquire.callCount, 0);
    for (let i = 0; i < 3; i++) outlet.picture(offer(1, 1), message());
    outlet.sound(1, message());
    assert.deepEqual(
      { acquired: acquire.callCount, released: release.callCount },
      { acquired: 1, released: 0 },
    );
    outlet.close();
    outlet.close();
    assert.deepEqual(
      { acquired: acquire.callCount, released: release.callCount },
      { acquired: 1, released: 1 },
    );
    rig().outlet.close();
    assert.deepEqual(
      { acquired: acquire.callCount, released: release.callCount },
      { acquired: 1, released: 1 },
    );
  });
});

describe('events of a node’s way out', () => {
  let clock: sinon.SinonFakeTimers;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });

  afterEach(() => {
    for (const outlet of opened.splice(0)) outlet.close();
    clock.restore();
  });

  const flood = (outlet: Outlet, events: number): void => {
    for (let i = 0; i < events; i++)
      outlet.event('gap', { lost: 1 }, ({ count, lost }) => [{ payload: [count, lost] }]);
  };

  it('that are held back come after half a second, by one timer, and so do those of the next flood', async () => {
    const { outlet, sent } = rig();
    const before = clock.countTimers();
    flood(outlet, 10);
    await turn();
    assert.equal(sent.length, 4);
    assert.equal(clock.countTimers(), before + 1);
    clock.tick(499);
    await turn();
    assert.equal(sent.length, 4);
    clock.tick(1);
    await turn();
    assert.deepEqual(sent.slice(4), [[6, 6]]);
    assert.equal(clock.countTimers(), before);
    flood(outlet, 3);
    assert.equal(clock.countTimers(), before + 1);
    clock.tick(500);
    await turn();
    assert.deepEqual(sent.slice(5), [[3, 3]]);
  });

  it('that are held back come before the next of another kind, each as it was', async () => {
    const { outlet, sent } = rig();
    flood(outlet, 6);
    outlet.event('playing', { of: 'all' }, ({ of }) => [{ payload: of }]);
    await turn();
    assert.deepEqual(sent.slice(4), [[2, 2], 'all']);
  });

  it('that are held back leave no timer when it is closed, and none comes later', () => {
    const { outlet } = rig();
    const before = clock.countTimers();
    flood(outlet, 10);
    outlet.close();
    assert.equal(clock.countTimers(), before);
    flood(outlet, 10);
    assert.equal(clock.countTimers(), before);
  });
});
