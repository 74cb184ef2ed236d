import assert from 'node:assert/strict';
import { Outlet, type Outputs } from '../../../nodes/shared/output/outlet.js';

const now = (): number => performance.now();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const allSent = (outlet: Outlet): Promise<void> =>
  new Promise((resolve) => {
    outlet.afterwards(resolve);
  });

/** An outlet and what came out of it. */
function outletWith(options: { onFull?: (isFull: boolean) => void } = {}): {
  outlet: Outlet;
  sent: unknown[];
  overloads: string[];
} {
  const sent: unknown[] = [];
  const overloads: string[] = [];
  const outlet = new Outlet({
    send: (outputs) => {
      sent.push(outputs.find((one) => one !== null)?.payload);
    },
    onOverload: (what) => overloads.push(what),
    ...options,
  });
  return { outlet, sent, overloads };
}

const message =
  (name: string) =>
  (index: number): Outputs => [{ payload: `${name} ${index}` }];

const picture = (keyframe = true, messages = 1): Parameters<Outlet['picture']>[0] => ({
  keyframe,
  arrival: now(),
  messages,
  bytes: 1000,
});

describe('a node’s way out', () => {
  it('sends in the same turn of the loop what the flows can take', async () => {
    const { outlet, sent } = outletWith();
    outlet.picture(picture(), message('picture'));
    outlet.event('gap', {}, () => [null, { payload: 'gap' }]);
    outlet.sound(10, () => [null, null, { payload: 'sound' }]);
    outlet.picture(picture(false, 3), message('nal'));
    await turn();
    assert.deepEqual(sent, ['picture 0', 'gap', 'sound', 'nal 0', 'nal 1', 'nal 2']);
    outlet.close();
  });

  it('sends a bounded number of messages of all nodes together per turn, and the rest in order in later turns', async () => {
    const nodes = [outletWith(), outletWith()];
    const each = 1500;
    for (let i = 0; i < each; i++)
      for (const { outlet } of nodes) outlet.recorded(1, 100, () => [{ payload: i }]);
    const atOnce = nodes.reduce((sum, { sent }) => sum + sent.length, 0);
    assert.ok(atOnce <= 1000, `${atOnce} at once`);
    while (nodes.some(({ sent }) => sent.length < each)) await turn();
    for (const { sent, outlet } of nodes) {
      assert.deepEqual(
        sent,
        Array.from({ length: each }, (_, i) => i),
      );
      outlet.close();
    }
  });

  it('asks its source to pause when the queue is full, and to resume as it drains', async () => {
    const asked: boolean[] = [];
    const { outlet, sent } = outletWith({ onFull: (isFull) => asked.push(isFull) });
    for (let i = 0; i < 4000; i++) outlet.recorded(1, 100, message('unit'));
    assert.deepEqual(asked, [true]);
    await allSent(outlet);
    assert.equal(sent.length, 4000);
    assert.deepEqual(asked, [true, false]);
    outlet.close();
  });

  it('drops live pictures instead, reports that once, and counts them', async () => {
    const { outlet, sent, overloads } = outletWith();
    for (let i = 0; i < 3000; i++) outlet.picture(picture(i === 0), message('picture'));
    await allSent(outlet);
    assert.deepEqual(overloads, ['pictures']);
    assert.equal(outlet.dropped + sent.length, 3000);
    outlet.close();
  });

  it('continues after making or sending a message has thrown', async () => {
    const { outlet, sent } = outletWith();
    outlet.recorded(1, 1, () => {
      throw new Error('not sent');
    });
    outlet.recorded(1, 1, message('next'));
    await turn();
    assert.deepEqual(sent, ['next 0']);
    outlet.close();
  });

  it('does what is to be done afterwards in any case, also when it is closed', () => {
    const { outlet, sent } = outletWith();
    const done: string[] = [];
    for (let i = 0; i < 1500; i++) outlet.recorded(1, 100, message('unit'));
    outlet.afterwards(() => done.push('waited'));
    assert.equal(done.length, 0);
    outlet.close();
    outlet.afterwards(() => done.push('closed'));
    assert.deepEqual(done, ['waited', 'closed']);
    assert.ok(sent.length <= 1000);
  });

  it('sends repeated events later, with their number, and nothing once it is closed', async () => {
    const events: unknown[] = [];
    let heard = (): void => undefined;
    const fifth = new Promise<void>((resolve) => (heard = resolve));
    const outlet = new Outlet({ send: () => undefined });
    const hear = ({ count }: { readonly count?: unknown }): Outputs => {
      if (events.push(count) === 5) heard();
      return [];
    };
    const flood = (): void => {
      for (let i = 0; i < 100; i++) outlet.event('gap', {}, hear);
    };
    flood();
    await turn();
    assert.deepEqual(events, new Array(4).fill(undefined));
    await fifth;
    assert.equal(events[4], 96);
    const before = events.length;
    outlet.close();
    outlet.close();
    flood();
    outlet.event('stopped', {}, hear);
    outlet.recorded(1, 1, () => assert.fail('closed'));
    assert.equal(events.length, before);
  });
});
