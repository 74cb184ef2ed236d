import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { SessionOptions } from '../../lib/client/session-options.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError, type NvrErrorCode } from '../../lib/errors.js';
import { UNCOUNTED } from '../../lib/media/unit-memory.js';
import { Account } from '../../lib/nvr/account.js';
import { Hub } from '../../lib/nvr/camera/hub.js';
import type { HubEvent, HubSubscription, NvrSettings } from '../../lib/nvr/types.js';
import { FakeSession } from '../kit/fake-session.js';
import { settingsFor } from '../kit/settings.js';

const FORMAT = { codec: 'h264', width: 64, height: 64 };

const picture = (arrival: number, keyframe: boolean): VideoUnit =>
  ({
    ...{ kind: 'video', codec: 'h264', keyframe, damaged: false, arrival, time: arrival, format: FORMAT },
    ...{ data: Buffer.alloc(10), nals: [Buffer.alloc(10)], rtpTime: arrival * 90, timeSource: 'arrival' },
  }) as unknown as VideoUnit;

describe('a camera hub, the second time round', () => {
  let clock: sinon.SinonFakeTimers;
  let account: Account;
  let sessions: FakeSession[];
  /** What the next attempts fail with; undefined: they open. */
  let refusal: NvrErrorCode | undefined;
  let lower: string;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ now: 1_700_000_000_000 });
    account = new Account(() => performance.now());
    sessions = [];
    refusal = undefined;
    lower = 'tcp';
  });

  afterEach(() => {
    clock.restore();
  });

  function hubWith(settings: Partial<NvrSettings> = {}): Hub {
    return new Hub({
      ...{ account, memory: UNCOUNTED, session: {}, uri: 'rtsp://127.0.0.1/', channel: 1, stream: 'main' },
      settings: settingsFor(554, { linger: 10, ...settings }),
      open: (_uri, options) => {
        if (refusal !== undefined) return Promise.reject(new NvrError(refusal, 'Refused.'));
        const session = new FakeSession(options as SessionOptions, account.memory.transport ?? lower);
        sessions.push(session);
        return Promise.resolve(session.asSession);
      },
    });
  }

  interface User extends HubSubscription {
    readonly events: HubEvent[];
    readonly units: number[];
    readonly words: () => string[];
  }

  function join(hub: Hub): User {
    const events: HubEvent[] = [];
    const units: number[] = [];
    const subscription = hub.subscribe({
      onEvent: (event) => events.push(event),
      onUnit: ({ arrival }) => units.push(arrival),
    });
    return { ...subscription, events, units, words: () => events.map(({ type }) => type) };
  }

  const turn = (): Promise<number> => clock.tickAsync(0);
  const session = (): FakeSession => sessions.at(-1)!;

  it('goes on for the users that stay, and ends with the last one, once', async () => {
    const hub = hubWith({ linger: 0 });
    const [first, second] = [join(hub), join(hub)];
    await turn();
    first.unsubscribe();
    first.unsubscribe();
    await clock.tickAsync(60_000);
    assert.equal(hub.statistics.state, 'playing');
    assert.equal(session().closed, 0);
    second.unsubscribe();
    await turn();
    assert.deepEqual(
      { state: hub.statistics.state, closed: session().closed, sessions: sessions.length },
      { state: 'idle', closed: 1, sessions: 1 },
    );
  });

  it('is not closed by the linger of a user before, neither within it nor past it', async () => {
    const hub = hubWith();
    for (let round = 0; round < 3; round++) {
      const user = join(hub);
      await turn();
      user.unsubscribe();
      await clock.tickAsync(9_000);
    }
    const last = join(hub);
    await clock.tickAsync(60_000);
    assert.deepEqual(
      { state: hub.statistics.state, sessions: sessions.length },
      { state: 'playing', sessions: 1 },
    );
    assert.ok(!last.words().includes('stopped'));
    last.unsubscribe();
    await clock.tickAsync(9_999);
    assert.equal(hub.statistics.state, 'playing');
    await clock.tickAsync(1);
    assert.equal(hub.statistics.state, 'idle');
  });

  it('opens a session of its own again after it was idle', async () => {
    const hub = hubWith({ linger: 0 });
    for (let round = 1; round <= 3; round++) {
      const user = join(hub);
      await turn();
      assert.equal(sessions.length, round);
      assert.deepEqual(user.words(), ['connecting', 'playing']);
      user.unsubscribe();
      await turn();
    }
  });

  it('keeps nothing of before an outage, and lets each user wait for a keyframe after it', async () => {
    const hub = hubWith();
    const user = join(hub);
    await turn();
    const before = session();
    before.user.onUnit!(picture(1, true));
    before.user.onUnit!(picture(2, false));
    assert.equal(hub.gop.length, 2);
    before.end();
    assert.equal(hub.gop.length, 0);
    await clock.tickAsync(2_000);
    session().user.onUnit!(picture(3, false));
    session().user.onUnit!(picture(4, true));
    assert.deepEqual(user.units, [1, 2, 4]);
  });

  it('counts its reconnects and its attempts, and a restart by hand counts from the first again', async () => {
    const hub = hubWith();
    const user = join(hub);
    await turn();
    for (let lost = 1; lost <= 2; lost++) {
      session().end();
      assert.equal(hub.statistics.reconnects, lost);
      await clock.tickAsync(5_000);
    }
    const attempts = (): (number | undefined)[] =>
      user.events.filter(({ type }) => type === 'connecting').map(({ attempt }) => attempt);
    assert.deepEqual(attempts(), [1, 2, 3]);
    hub.restart();
    await turn();
    assert.deepEqual(attempts(), [1, 2, 3, 1]);
    assert.equal(sessions.length, 4);
    assert.equal(sessions[2]!.closed, 1);
  });

  it('tries no sooner after a refused log-in than the account allows', async () => {
    const login = (status: number): Promise<unknown> =>
      account.gate.run(() => Promise.resolve({ status })).catch(() => undefined);
    for (let refusals = 0; refusals < 3; refusals++) {
      await login(401);
      await clock.tickAsync(account.gate.waitMs);
    }
    await login(401);
    const { waitMs } = account.gate;
    assert.ok(waitMs > 30 * 60_000, String(waitMs));
    refusal = 'EAUTH';
    const user = join(hubWith());
    await turn();
    const { type, retryInMs } = user.events.at(-1)!;
    assert.equal(type, 'error');
    assert.ok(retryInMs >= waitMs, `${retryInMs} of ${waitMs} ms`);
  });

  it('goes over to TCP at once, and for good, where UDP brings nothing', async () => {
    lower = 'udp';
    const hub = hubWith({ transport: 'udp-first' });
    const user = join(hub);
    await turn();
    session().end('silence', 'ETIMEDOUT', true);
    await turn();
    assert.deepEqual(user.words(), ['connecting', 'playing', 'warning', 'connecting', 'playing']);
    assert.equal(session().transport.name, 'tcp');
    session().end();
    await clock.tickAsync(5_000);
    assert.equal(session().transport.name, 'tcp');
  });

  it('stays on UDP where the settings say so, and waits as after any other loss', async () => {
    lower = 'udp';
    const hub = hubWith({ transport: 'udp' });
    const user = join(hub);
    await turn();
    session().end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(user.words(), ['connecting', 'playing', 'reconnecting']);
  });

  it('tells lasting loss over UDP once, however often it is lossy', async () => {
    lower = 'udp';
    const hub = hubWith({ transport: 'udp' });
    const user = join(hub);
    await turn();
    for (let minute = 0; minute < 3; minute++) session().user.onLossy!(7);
    const warnings = (): string[] =>
      user.events.filter(({ type }) => type === 'warning').map(({ reason }) => reason!);
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0]!, /7 % of the packets .* over UDP .*choose another/);
    assert.equal(sessions.length, 1);
  });

  it('changes from lossy UDP to TCP, with one warning, and keeps its users', async () => {
    lower = 'udp';
    const hub = hubWith({ transport: 'udp-first' });
    const user = join(hub);
    await turn();
    session().user.onLossy!(7);
    await turn();
    assert.deepEqual(user.words(), ['connecting', 'playing', 'warning', 'connecting', 'playing']);
    assert.deepEqual(
      { transport: session().transport.name, closed: sessions[0]!.closed },
      { transport: 'tcp', closed: 1 },
    );
    assert.equal(hub.statistics.reconnects, 0);
  });
});
