import assert from 'node:assert/strict';
import type { MediaUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import type { FakeSession } from '../kit/fake-session.js';
import { FORMAT, HubRig, picture } from '../kit/hub-rig.js';

describe('a camera hub', () => {
  let rig: HubRig;

  beforeEach(() => {
    rig = new HubRig();
  });

  afterEach(() => {
    rig.end();
  });

  it('is busy while it lingers, while it has users, and not else', async () => {
    const hub = rig.hub();
    assert.equal(hub.isBusy, false);
    const user = rig.join(hub);
    assert.equal(hub.isBusy, true);
    await rig.turn();
    user.unsubscribe();
    assert.deepEqual({ isBusy: hub.isBusy, isUsed: hub.isUsed }, { isBusy: true, isUsed: false });
    await rig.clock.tickAsync(10_000);
    assert.equal(hub.isBusy, false);
    rig.join(hub);
    await rig.turn();
    await hub.close();
    assert.equal(hub.isBusy, true, 'its user may start it again');
  });

  it('adds up its sessions, and says since when the present one plays', async () => {
    const hub = rig.hub({ transport: 'udp-first' });
    rig.join(hub);
    assert.equal(hub.statistics.playingSince, undefined);
    const since: (number | undefined)[] = [];
    for (let bytes = 1; bytes <= 3; bytes++) {
      await rig.clock.tickAsync(5000);
      since.push(hub.statistics.playingSince);
      rig.session().statistics = { bytes: 10 ** bytes, lost: bytes };
      assert.equal(hub.statistics.bytes, [10, 110, 1110][bytes - 1], 'with the present one');
      if (bytes === 1) rig.session().end();
      else rig.session().user.onLossy!(5);
      assert.equal(hub.statistics.playingSince, undefined);
    }
    assert.deepEqual(
      since.map((at) => typeof at),
      ['number', 'number', 'number'],
    );
    assert.ok(since[2]! > since[1]! && since[0]! >= 1_700_000_000_000);
    const { bytes, lost } = hub.statistics;
    assert.deepEqual({ bytes, lost }, { bytes: 1110, lost: 6 });
  });

  it('gives a newcomer what it keeps, and lets it go on from there only where nothing of it is missing', async () => {
    const hub = rig.hub();
    rig.join(hub);
    await rig.turn();
    const give = (arrival: number, keyframe = false): void => {
      rig.session().user.onUnit!(picture(arrival, keyframe));
    };
    give(1, true);
    give(2);
    const whole = rig.join(hub, { fromKept: true });
    rig.hasRoom = false;
    give(3);
    const broken = rig.join(hub, { fromKept: true });
    give(4);
    assert.deepEqual(
      { wholeUnits: whole.units, brokenUnits: broken.units },
      { wholeUnits: [1, 2, 3, 4], brokenUnits: [1] },
    );
  });

  it('warns of too many cameras in use where it opens a session, not where a user joins it', async () => {
    const hub = rig.hub();
    rig.crowded = [new NvrError('ESESSIONS', 'Crowded.'), new NvrError('ESESSIONS', 'Again.')];
    const user = rig.join(hub);
    await rig.turn();
    rig.join(hub);
    assert.deepEqual(
      user.events.filter(({ type }) => type === 'warning').map(({ reason }) => reason),
      ['Crowded.'],
    );
  });

  it('lingers from when its last user left, also where that one leaves twice', async () => {
    const hub = rig.hub();
    const user = rig.join(hub);
    await rig.turn();
    user.unsubscribe();
    await rig.clock.tickAsync(6000);
    user.unsubscribe();
    await rig.clock.tickAsync(4000);
    assert.deepEqual(
      { state: hub.statistics.state, timers: rig.clock.countTimers() },
      { state: 'idle', timers: 0 },
    );
  });

  it('is not closed under its next user because the one before left twice', async () => {
    const hub = rig.hub();
    const user = rig.join(hub);
    await rig.turn();
    user.unsubscribe();
    user.unsubscribe();
    rig.join(hub);
    await rig.clock.tickAsync(60_000);
    assert.equal(hub.statistics.state, 'playing');
  });

  it('keeps an attempt whose only user is replaced, and gives up one that waits to try again', async () => {
    const hub = rig.hub();
    rig.join(hub).unsubscribe();
    await rig.turn();
    assert.equal(hub.statistics.state, 'playing');
    await hub.close();
    rig.sessions.splice(0);
    rig.join(hub).unsubscribe();
    const next = rig.join(hub);
    await rig.turn();
    assert.deepEqual(
      { sessions: rig.sessions.length, words: next.words() },
      { sessions: 1, words: ['connecting', 'playing'] },
    );
    rig.session().end();
    next.unsubscribe();
    assert.deepEqual(
      { state: hub.statistics.state, timers: rig.clock.countTimers() },
      { state: 'idle', timers: 0 },
    );
    assert.deepEqual(rig.join(hub).words(), ['connecting']);
  });

  it('begins anew by hand for its users alone, and tries once where it was about to', async () => {
    const hub = rig.hub();
    hub.restart();
    assert.equal(hub.statistics.state, 'idle');
    const user = rig.join(hub);
    await rig.turn();
    rig.session().user.onUnit!(picture(1, true));
    rig.session().end();
    hub.restart();
    await rig.clock.tickAsync(60_000);
    assert.equal(rig.sessions.length, 2);
    rig.session().user.onUnit!(picture(2, true));
    hub.restart();
    await rig.turn();
    rig.session().user.onUnit!(picture(3, false));
    assert.deepEqual({ units: user.units, gop: hub.gop.length }, { units: [1, 2], gop: 0 });
    user.unsubscribe();
    hub.restart();
    assert.equal(rig.sessions.length, 3);
  });

  it('measures its round trip in the session that plays, and says so where none does', async () => {
    const hub = rig.hub();
    await assert.rejects(hub.ping(), { code: 'EUNREACHABLE' });
    rig.join(hub);
    await rig.turn();
    assert.equal(await hub.ping(), 7);
    const late = new NvrError('ETIMEDOUT', 'No answer.');
    rig.session().ping = () => Promise.reject(late);
    await assert.rejects(hub.ping(), late);
  });

  it('is ended by a check at once where nobody uses it, with its TEARDOWN, and not where somebody does', async () => {
    const hub = rig.hub();
    const user = rig.join(hub);
    await rig.turn();
    await hub.endUnused();
    assert.equal(hub.statistics.state, 'playing');
    user.unsubscribe();
    let over = (): void => undefined;
    rig.session().teardown = new Promise((resolve) => (over = resolve));
    let isOver = false;
    void hub.endUnused().then(() => (isOver = true));
    await rig.turn();
    assert.deepEqual(
      {
        state: hub.statistics.state,
        closed: rig.session().closed,
        isOver,
        timers: rig.clock.countTimers(),
      },
      { state: 'idle', closed: 1, isOver: false, timers: 0 },
    );
    over();
    await rig.turn();
    assert.equal(isOver, true);
  });

  it('tells once that it was stopped, and nothing afterwards', async () => {
    const hub = rig.hub();
    const user = rig.join(hub);
    await rig.turn();
    await hub.close();
    await hub.close();
    await rig.clock.tickAsync(60_000);
    assert.deepEqual(user.words(), ['connecting', 'playing', 'stopped']);
    assert.equal(rig.clock.countTimers(), 0);
  });

  it('gives up an attempt that is closed while it opens', async () => {
    const hub = rig.hub();
    let signal = undefined as AbortSignal | undefined;
    rig.early = (options) => (signal = options.signal);
    const user = rig.join(hub);
    await rig.turn();
    assert.equal(signal!.aborted, false);
    await hub.close();
    assert.equal(signal!.aborted, true);
    assert.deepEqual(user.words(), ['connecting', 'playing', 'stopped']);
  });

  it('tells a newcomer how the stream is now, not how it came there', async () => {
    const hub = rig.hub();
    rig.join(hub);
    await rig.turn();
    assert.deepEqual(rig.join(hub).words(), ['connecting', 'playing']);
    rig.session().end();
    assert.deepEqual(rig.join(hub).words(), ['reconnecting']);
    rig.refusal = 'EUNREACHABLE';
    await rig.clock.tickAsync(2000);
    assert.deepEqual(rig.join(hub).words(), ['reconnecting']);
    rig.refusal = undefined;
    await rig.clock.tickAsync(5000);
    assert.deepEqual(rig.join(hub).words(), ['connecting', 'playing']);
  });

  it('opens its sessions as the settings say, with the gate and the memory of the account', async () => {
    rig.join(rig.hub({ requestTimeout: 7, silence: 3 }));
    await rig.turn();
    const { requestTimeoutMs, silenceMs, gate, memory: learnt, cutSlices, readShare } = rig.session().user;
    assert.deepEqual(
      { requestTimeoutMs, silenceMs, cutSlices },
      { requestTimeoutMs: 7000, silenceMs: 3000, cutSlices: true },
    );
    assert.ok(gate === rig.account.gate && learnt === rig.account.memory);
    assert.ok(readShare! > 0 && readShare! < 1, 'a flood leaves time for other cameras');
  });

  it('passes on the losses and the warnings of its session, with the time of day', async () => {
    const hub = rig.hub();
    const user = rig.join(hub);
    await rig.turn();
    rig.session().user.onWarning!(new NvrError('EAUTH', 'In clear.'));
    rig.session().user.onUnit!(picture(1, true));
    rig.session().user.onLoss!(7);
    rig.session().user.onUnit!({ ...picture(2, false), damaged: true });
    const [warning, , gap] = user.events.slice(2);
    assert.deepEqual(
      { code: warning!.code, lost: gap!.lost, time: gap!.time },
      { code: 'EAUTH', lost: 7, time: 1_700_000_000_000 },
    );
  });

  it('tells that it plays before the format of pictures that came with the reply, and their format again after an outage', async () => {
    const hub = rig.hub();
    rig.early = (options) => {
      options.onUnit!(picture(1, true));
    };
    const user = rig.join(hub);
    await rig.turn();
    assert.deepEqual(user.words(), ['connecting', 'playing', 'format']);
    rig.session().end();
    await rig.clock.tickAsync(2000);
    assert.deepEqual(user.words().slice(3), ['reconnecting', 'connecting', 'playing', 'format']);
    assert.equal(hub.format, FORMAT);
    rig.early = undefined;
    rig.session().end('bye');
    await rig.clock.tickAsync(5000);
    assert.deepEqual(
      user.words().slice(7),
      ['reconnecting', 'connecting', 'playing'],
      'it may be another one',
    );
    assert.equal(rig.account.memory.transport, undefined);
  });

  it('says that no keyframe comes, and by which transport packets are lost', async () => {
    rig.lower = 'udp';
    const user = rig.join(rig.hub({ transport: 'udp' }));
    await rig.turn();
    rig.session().count = { packets: 900, lost: 100 };
    await rig.clock.tickAsync(15_000);
    assert.match(user.events.at(-1)!.reason!, /10 % of the packets are lost on the way over UDP/);
    rig.session().end();
    await rig.clock.tickAsync(2000);
    rig.session().payloadMismatch = new NvrError('EUNSUPPORTED', 'Another payload type.');
    await rig.clock.tickAsync(15_000);
    assert.match(user.events.at(-1)!.reason!, /: Another payload type\.$/);
  });

  it('takes UDP for dead only where a session that is silent had no media over it, and only for its users', async () => {
    const endWith = async (over: string, ...how: Parameters<FakeSession['end']>): Promise<string[]> => {
      rig.account.memory.forgetAll();
      rig.lower = over;
      const hub = rig.hub({ transport: 'auto' });
      const user = rig.join(hub);
      await rig.turn();
      rig.session().end(...how);
      const words = user.words().slice(2);
      await hub.close();
      return words;
    };
    assert.deepEqual(await endWith('udp', 'silence', 'ETIMEDOUT', true), ['warning', 'connecting']);
    assert.deepEqual(await endWith('udp', 'silence', 'ETIMEDOUT', false), ['reconnecting']);
    assert.deepEqual(await endWith('udp', 'error', 'EUNREACHABLE', true), ['reconnecting']);
    assert.deepEqual(await endWith('tcp', 'silence', 'ETIMEDOUT', true), ['reconnecting']);
    rig.account.memory.forgetAll();
    rig.lower = 'udp';
    const hub = rig.hub({ transport: 'auto' });
    rig.join(hub).unsubscribe();
    await rig.turn();
    const before = rig.sessions.length;
    rig.session().end('silence', 'ETIMEDOUT', true);
    await rig.turn();
    assert.deepEqual(
      { state: hub.statistics.state, sessions: rig.sessions.length },
      { state: 'idle', sessions: before },
    );
  });

  it('is not begun anew for losses over UDP where nobody uses it, or where the server refuses TCP', async () => {
    rig.lower = 'udp';
    const [hub, other] = [rig.hub({ transport: 'udp-first' }), rig.hub({ transport: 'auto' })];
    rig.join(hub).unsubscribe();
    const user = rig.join(other);
    await rig.turn();
    for (const one of rig.sessions) one.user.onLossy!(7);
    await rig.turn();
    assert.equal(rig.sessions.length, 2);
    assert.deepEqual(user.words(), ['connecting', 'playing', 'warning']);
  });

  it('warns of losses over UDP as news of the first camera, and again where it goes over to TCP after all', async () => {
    rig.lower = 'udp';
    rig.account.memory.learn('refused', 'tcp');
    const user = rig.join(rig.hub({ transport: 'udp-first' }));
    await rig.turn();
    rig.session().user.onLossy!(7);
    assert.equal(rig.sessions.length, 1);
    rig.account.memory.forgetAll();
    rig.session().user.onLossy!(8);
    await rig.turn();
    assert.equal(rig.sessions.length, 2);
    rig.lower = 'udp';
    const second = rig.join(rig.hub({ transport: 'udp-first' }));
    await rig.turn();
    rig.session().user.onLossy!(9);
    const news = [user, second].map(({ events }) =>
      events.filter(({ type }) => type === 'warning').map(({ firstOfOutage }) => firstOfOutage),
    );
    assert.deepEqual(news, [[true, false], [false]]);
  });

  it('counts no time between two sessions as a stream that is healthy', async () => {
    rig.lower = 'udp';
    const user = rig.join(rig.hub({ transport: 'udp-first' }));
    await rig.turn();
    rig.session().end();
    await rig.clock.tickAsync(2000);
    rig.session().user.onUnit!(picture(0, true));
    rig.session().user.onLossy!(7);
    await rig.turn();
    rig.session().user.onUnit!(picture(100_000, true));
    rig.session().end();
    assert.equal(user.events.at(-1)!.attempt, 2);
    await rig.clock.tickAsync(10_000);
    rig.session().user.onUnit!(picture(0, true));
    rig.session().user.onUnit!(picture(60_000, true));
    rig.session().end();
    assert.deepEqual(
      { attempt: user.events.at(-1)!.attempt, firstOfOutage: user.events.at(-1)!.firstOfOutage },
      { attempt: 1, firstOfOutage: true },
    );
    rig.refusal = 'EUNREACHABLE';
    await rig.clock.tickAsync(2000);
    assert.deepEqual(
      { attempt: user.events.at(-1)!.attempt, firstOfOutage: user.events.at(-1)!.firstOfOutage },
      { attempt: 2, firstOfOutage: false },
    );
  });

  it('is idle, with no timer left, where its session ends while it lingers, and opens for the next user', async () => {
    const hub = rig.hub();
    const user = rig.join(hub);
    await rig.turn();
    user.unsubscribe();
    rig.session().end();
    assert.deepEqual(
      { state: hub.statistics.state, timers: rig.clock.countTimers() },
      { state: 'idle', timers: 0 },
    );
    const next = rig.join(hub);
    await rig.turn();
    assert.deepEqual(
      { words: next.words(), sessions: rig.sessions.length },
      { words: ['connecting', 'playing'], sessions: 2 },
    );
  });

  it('waits for the gate of log-ins only where the log-in is refused, and then as long as it is closed, no less and no more', async () => {
    const logIn = (status: number): Promise<unknown> =>
      rig.account.gate.run(() => Promise.resolve({ status }));
    const hub = rig.hub();
    const user = rig.join(hub);
    await rig.turn();
    rig.session().user.onUnit!(picture(1, true));
    rig.session().end('error', 'EAUTH');
    assert.equal(user.events.at(-1)!.retryInMs, 10_000, 'the gate is open');
    await rig.clock.tickAsync(10_000);
    rig.session().user.onUnit!(picture(1, true));
    await logIn(200);
    await logIn(401);
    await rig.clock.tickAsync(4000);
    rig.session().end('error', 'EAUTH');
    assert.equal(user.events.at(-1)!.retryInMs, 6000);
    await rig.clock.tickAsync(5999);
    assert.equal(rig.sessions.length, 2);
    await rig.clock.tickAsync(1);
    assert.equal(rig.sessions.length, 3);
    await logIn(401);
    assert.ok(rig.account.gate.waitMs > 60_000);
    rig.session().end();
    assert.ok(user.events.at(-1)!.retryInMs! < 10_000, 'an outage has nothing to do with it');
    assert.equal(hub.statistics.state, 'waiting');
  });

  it('has failed where only another setting helps', async () => {
    rig.refusal = 'EFORBIDDEN';
    const hub = rig.hub();
    const user = rig.join(hub);
    await rig.turn();
    assert.deepEqual(
      { state: hub.statistics.state, type: user.events.at(-1)!.type },
      { state: 'failed', type: 'error' },
    );
  });

  it('warns of a stream that breaks again and again, once, as news', async () => {
    const user = rig.join(rig.hub());
    for (let round = 0; round < 6; round++) {
      await rig.clock.tickAsync(6000);
      rig.session().user.onUnit!(picture(performance.now(), true));
      rig.session().end();
      // The machine’s clock is set: breaks are counted by the real time.
      rig.clock.setSystemTime(Date.now() + 86_400_000);
    }
    const warnings = user.events.filter(({ type }) => type === 'warning');
    assert.deepEqual(
      warnings.map(({ breaks, firstOfOutage }) => [breaks, firstOfOutage]),
      [[4, true]],
    );
  });

  it('gives sound once, keeps no slices that were cut off, and leaves out what builds on a loss as it comes', async () => {
    const hub = rig.hub();
    const user = rig.join(hub, { onLoss: 'skip' });
    const cuts: unknown[] = [];
    rig.join(hub, { cutSlices: true, onUnit: (unit) => cuts.push(unit.data.length) });
    await rig.turn();
    const { user: options } = rig.session();
    options.onUnit!({ kind: 'audio', arrival: 1, data: Buffer.alloc(0) } as MediaUnit);
    options.onUnit!({ ...picture(2, true), cut: { data: Buffer.alloc(1), nals: [] } });
    options.onUnit!({
      ...picture(3, false),
      data: Buffer.alloc(0),
      cut: { data: Buffer.alloc(1), nals: [] },
    });
    assert.deepEqual(
      hub.gop.map(({ arrival, cut }) => [arrival, cut]),
      [[2, undefined]],
    );
    assert.deepEqual(cuts, [0, 1, 1]);
    options.onLoss!(1);
    options.onUnit!({ ...picture(4, false), reference: 'lost' });
    options.onUnit!(picture(5, true));
    assert.deepEqual(user.units, [1, 2, 5]);
  });
});
