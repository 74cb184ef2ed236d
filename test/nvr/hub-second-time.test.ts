import assert from 'node:assert/strict';
import { HubRig, picture } from '../kit/hub-rig.js';

describe('a camera hub, the second time round', () => {
  let rig: HubRig;

  beforeEach(() => {
    rig = new HubRig();
  });

  afterEach(() => {
    rig.end();
  });

  it('goes on for the users that stay, and ends with the last one, once', async () => {
    const hub = rig.hub({ linger: 0 });
    const [first, second] = [rig.join(hub), rig.join(hub)];
    await rig.turn();
    first.unsubscribe();
    first.unsubscribe();
    await rig.clock.tickAsync(60_000);
    assert.equal(hub.statistics.state, 'playing');
    assert.equal(rig.session().closed, 0);
    second.unsubscribe();
    await rig.turn();
    assert.deepEqual(
      { state: hub.statistics.state, closed: rig.session().closed, sessions: rig.sessions.length },
      { state: 'idle', closed: 1, sessions: 1 },
    );
  });

  it('is not closed by the linger of a user before, neither within it nor past it', async () => {
    const hub = rig.hub();
    for (let round = 0; round < 3; round++) {
      const user = rig.join(hub);
      await rig.turn();
      user.unsubscribe();
      await rig.clock.tickAsync(9_000);
    }
    const last = rig.join(hub);
    await rig.clock.tickAsync(60_000);
    assert.deepEqual(
      { state: hub.statistics.state, sessions: rig.sessions.length },
      { state: 'playing', sessions: 1 },
    );
    assert.ok(!last.words().includes('stopped'));
    last.unsubscribe();
    await rig.clock.tickAsync(9_999);
    assert.equal(hub.statistics.state, 'playing');
    await rig.clock.tickAsync(1);
    assert.equal(hub.statistics.state, 'idle');
  });

  it('ends with its last user there and then where it is not to linger, and within no linger however short', async () => {
    for (const [linger, state] of [
      [0, 'idle'],
      [0.001, 'playing'],
    ] as const) {
      const hub = rig.hub({ linger });
      const user = rig.join(hub);
      await rig.turn();
      user.unsubscribe();
      assert.equal(hub.statistics.state, state, `a linger of ${linger} s`);
      await rig.clock.tickAsync(1);
      assert.deepEqual(
        { state: hub.statistics.state, timers: rig.clock.countTimers() },
        { state: 'idle', timers: 0 },
      );
    }
  });

  it('opens a session of its own again after it was idle', async () => {
    const hub = rig.hub({ linger: 0 });
    for (let round = 1; round <= 3; round++) {
      const user = rig.join(hub);
      await rig.turn();
      assert.equal(rig.sessions.length, round);
      assert.deepEqual(user.words(), ['connecting', 'playing']);
      user.unsubscribe();
      await rig.turn();
    }
  });

  it('keeps nothing of before an outage, and lets each user wait for a keyframe after it', async () => {
    const hub = rig.hub();
    const user = rig.join(hub);
    await rig.turn();
    const before = rig.session();
    before.user.onUnit!(picture(1, true));
    before.user.onUnit!(picture(2, false));
    assert.equal(hub.gop.length, 2);
    before.end();
    assert.equal(hub.gop.length, 0);
    await rig.clock.tickAsync(2_000);
    rig.session().user.onUnit!(picture(3, false));
    rig.session().user.onUnit!(picture(4, true));
    assert.deepEqual(user.units, [1, 2, 4]);
  });

  it('counts its reconnects and its attempts, and a restart by hand counts from the first again', async () => {
    const hub = rig.hub();
    const user = rig.join(hub);
    await rig.turn();
    for (let lost = 1; lost <= 2; lost++) {
      rig.session().end();
      assert.equal(hub.statistics.reconnects, lost);
      await rig.clock.tickAsync(5_000);
    }
    const attempts = (): (number | undefined)[] =>
      user.events.filter(({ type }) => type === 'connecting').map(({ attempt }) => attempt);
    assert.deepEqual(attempts(), [1, 2, 3]);
    hub.restart();
    await rig.turn();
    assert.deepEqual(attempts(), [1, 2, 3, 1]);
    assert.equal(rig.sessions.length, 4);
    assert.equal(rig.sessions[2]!.closed, 1);
  });

  it('tries no sooner after a refused log-in than the account allows', async () => {
    const login = (status: number): Promise<unknown> =>
      rig.account.gate.run(() => Promise.resolve({ status })).catch(() => undefined);
    for (let refusals = 0; refusals < 3; refusals++) {
      await login(401);
      await rig.clock.tickAsync(rig.account.gate.waitMs);
    }
    await login(401);
    const { waitMs } = rig.account.gate;
    assert.ok(waitMs > 30 * 60_000, String(waitMs));
    rig.refusal = 'EAUTH';
    const user = rig.join(rig.hub());
    await rig.turn();
    const { type, retryInMs } = user.events.at(-1)!;
    assert.equal(type, 'error');
    assert.ok(retryInMs >= waitMs, `${retryInMs} of ${waitMs} ms`);
  });

  it('goes over to TCP at once, and for good, where UDP brings nothing', async () => {
    rig.lower = 'udp';
    const hub = rig.hub({ transport: 'udp-first' });
    const user = rig.join(hub);
    await rig.turn();
    rig.session().end('silence', 'ETIMEDOUT', true);
    await rig.turn();
    assert.deepEqual(user.words(), ['connecting', 'playing', 'warning', 'connecting', 'playing']);
    assert.equal(rig.session().transport.name, 'tcp');
    rig.session().end();
    await rig.clock.tickAsync(5_000);
    assert.equal(rig.session().transport.name, 'tcp');
  });

  it('stays on UDP where the settings say so, and waits as after any other loss', async () => {
    rig.lower = 'udp';
    const hub = rig.hub({ transport: 'udp' });
    const user = rig.join(hub);
    await rig.turn();
    rig.session().end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(user.words(), ['connecting', 'playing', 'reconnecting']);
  });

  it('tells lasting loss over UDP once, however often it is lossy', async () => {
    rig.lower = 'udp';
    const hub = rig.hub({ transport: 'udp' });
    const user = rig.join(hub);
    await rig.turn();
    for (let minute = 0; minute < 3; minute++) rig.session().user.onLossy!(7);
    const warnings = (): string[] =>
      user.events.filter(({ type }) => type === 'warning').map(({ reason }) => reason!);
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0]!, /7 % of the packets .* over UDP .*choose another/);
    assert.equal(rig.sessions.length, 1);
  });

  it('changes from lossy UDP to TCP, with one warning, and keeps its users', async () => {
    rig.lower = 'udp';
    const hub = rig.hub({ transport: 'udp-first' });
    const user = rig.join(hub);
    await rig.turn();
    rig.session().user.onLossy!(7);
    await rig.turn();
    assert.deepEqual(user.words(), ['connecting', 'playing', 'warning', 'connecting', 'playing']);
    assert.deepEqual(
      { transport: rig.session().transport.name, closed: rig.sessions[0]!.closed },
      { transport: 'tcp', closed: 1 },
    );
    assert.equal(hub.statistics.reconnects, 0);
  });
});
