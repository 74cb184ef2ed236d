import assert from 'node:assert/strict';
import { NvrError } from '../../lib/errors.js';
import type { Hub } from '../../lib/nvr/camera/hub.js';
import { Hubs } from '../../lib/nvr/camera/hubs.js';

/** A hub in one of three states: idle, used, or without users and still open. */
class FakeHub {
  state: 'idle' | 'used' | 'lingers' = 'idle';
  closed = 0;
  /** What `close` waits for. */
  teardown: Promise<void> = Promise.resolve();

  get isBusy(): boolean {
    return this.state !== 'idle';
  }

  get isUsed(): boolean {
    return this.state === 'used';
  }

  close(): Promise<void> {
    this.closed++;
    this.state = 'idle';
    return this.teardown;
  }
}

/** So many idle hubs are kept beside `maxSessions`. */
const SPARE = 64;
const MOST = 2;

describe('the hubs of an NVR', () => {
  let hubs: Hubs;
  let made: string[];

  const hubsFor = (maxSessions: number): Hubs =>
    new Hubs(maxSessions, (channel, stream) => {
      if (stream === 'none') throw new NvrError('EINPUT', 'No such stream.');
      made.push(`${channel}/${stream}`);
      return new FakeHub() as unknown as Hub;
    });

  beforeEach(() => {
    made = [];
    hubs = hubsFor(MOST);
  });

  const asked = (channel: number, stream = 'main'): FakeHub =>
    hubs.byMessage(channel, stream) as unknown as FakeHub;
  const own = (channel: number): FakeHub => hubs.own(channel, 'main') as unknown as FakeHub;
  const use = (hub: FakeHub): FakeHub => Object.assign(hub, { state: 'used' });
  const refused = (channel: number, code = 'ESESSIONS', stream = 'main'): void => {
    assert.throws(() => asked(channel, stream), { code });
  };

  it('know each hub that they have handed out to a message, also the one that is one too many to keep', () => {
    for (let channel = 1; channel <= 3 * SPARE; channel++) {
      const hub = use(asked(channel));
      assert.equal(asked(channel), hub, `channel ${channel}`);
      hub.state = 'idle';
    }
  });

  it('keep 64 idle hubs beside those in use, and forget the one that nobody asked for longest', () => {
    for (let channel = 1; channel <= MOST + SPARE; channel++) asked(channel);
    asked(1);
    made = [];
    asked(1000);
    for (let channel = 3; channel <= MOST + SPARE; channel++) asked(channel);
    asked(1);
    assert.deepEqual(made, ['1000/main'], 'all but the second are still there');
    asked(2);
    assert.deepEqual(made, ['1000/main', '2/main']);
  });

  it('forget no hub in use, nor one that lingers, nor one of a node, however many others messages name', () => {
    hubs = hubsFor(8);
    const kept = [own(1), use(asked(2)), Object.assign(asked(3), { state: 'lingers' }), asked(4)];
    own(4);
    for (let channel = 10; channel < 300; channel++) asked(channel);
    const now = [own(1), asked(2), asked(3), own(4)];
    assert.ok(now.every((hub, index) => hub === kept[index]));
    assert.equal(own(1), now[0]);
  });

  it('keep nothing of what they refuse', () => {
    for (const channel of [1, 2]) use(asked(channel));
    for (let channel = 10; channel < 300; channel++) {
      refused(channel);
      refused(channel, 'EINPUT', 'none');
    }
    const { hubs: held, named } = hubs as unknown as { hubs: Map<string, Hub>; named: Set<string> };
    assert.deepEqual(
      { held: [...held.keys()], named: [...named] },
      { held: ['1/main', '2/main'], named: ['1/main', '2/main'] },
    );
  });

  it('close no session for a message that names no camera', () => {
    const lingers = [1, 2].map((channel) => Object.assign(asked(channel), { state: 'lingers' }));
    refused(3, 'EINPUT', 'none');
    assert.deepEqual(
      lingers.map(({ closed }) => closed),
      [0, 0],
    );
  });

  it('close as many sessions without users as a message needs, and no more', () => {
    const lingers = [1, 2].map((channel) => Object.assign(asked(channel), { state: 'lingers' }));
    use(asked(3));
    assert.deepEqual(
      lingers.map(({ closed }) => closed),
      [1, 0],
    );
    use(own(4));
    use(own(5));
    refused(6);
    assert.deepEqual(
      lingers.map(({ closed }) => closed),
      [1, 1],
    );
  });

  it('warn once of more cameras in use than expected, however often that comes', () => {
    const crowd = [1, 2, 3].map((channel) => own(channel));
    use(crowd[0]!);
    use(crowd[1]!);
    assert.equal(hubs.crowdedWarningOnce(), undefined);
    use(crowd[2]!);
    assert.equal(hubs.crowdedWarningOnce()?.code, 'ESESSIONS');
    assert.equal(hubs.crowdedWarningOnce(), undefined);
    crowd[2]!.state = 'idle';
    assert.equal(hubs.crowdedWarningOnce(), undefined);
    use(crowd[2]!);
    assert.equal(hubs.crowdedWarningOnce(), undefined);
  });

  it('are closed once the last TEARDOWN is through', async () => {
    let over = (): void => undefined;
    use(own(1)).teardown = new Promise((resolve) => (over = resolve));
    const message = use(asked(2));
    let isClosed = false;
    const closing = hubs.close().then(() => (isClosed = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual({ isClosed, closed: message.closed }, { isClosed: false, closed: 1 });
    over();
    await closing;
  });

  it('count the idle hubs of messages alone, also where a node has named some of them or a message a node’s', () => {
    for (let channel = 1; channel <= 200; channel++) own(channel);
    const first = asked(1000);
    for (let channel = 1001; channel < 1000 + MOST + SPARE; channel++) asked(channel);
    for (let channel = 1; channel <= 200; channel++) asked(channel);
    assert.equal(asked(1000), first);
    const adopted = asked(1001);
    own(1001);
    made = [];
    for (let channel = 2000; channel < 2300; channel++) asked(channel);
    assert.equal(asked(1001), adopted);
    for (let channel = 1; channel <= 200; channel++) own(channel);
    assert.equal(made.length, 300, 'no node’s hub was forgotten');
    for (let channel = 2300 - SPARE; channel < 2300; channel++) asked(channel);
    assert.equal(made.length, 300, 'nor one of the newest');
  });

  it('keep the newest, also where it was forgotten before and is asked for again', () => {
    for (let channel = 1; channel <= MOST + SPARE + 1; channel++) asked(channel);
    made = [];
    const again = asked(1);
    assert.deepEqual(made, ['1/main'], 'it was forgotten');
    assert.equal(asked(1), again, 'it is the newest');
    for (let channel = 1001; channel <= 1010; channel++) asked(channel);
    assert.equal(asked(1), again, 'newer than most');
  });
});
