import assert from 'node:assert/strict';
import type { MediaUnit, VideoUnit } from '../../lib/codec/unit.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import type {
  CameraHub,
  HubEvent,
  HubSubscriber,
  HubSubscription,
  NvrSettings,
} from '../../lib/nvr/types.js';
import { fuA } from '../codec/packetizers/h264.js';
import {
  deltaSlice,
  idrSlice,
  interleaved,
  keyframePackets,
  rtp,
  startScriptedServer,
  type Peer,
  type Script,
  type ScriptedServer,
} from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';

const FRAME = 3600;

/** Sends frames over the interleaved channel 0 of a peer, counting sequence and time. */
class PictureSender {
  private sequence = 1;
  private frame = 0;

  constructor(private readonly peer: Peer) {}

  keyframe(): void {
    const packets = keyframePackets(this.sequence, this.frame++ * FRAME);
    this.sequence += packets.length;
    this.peer.send(Buffer.concat(packets.map((packet) => interleaved(0, packet))));
  }

  delta(): void {
    this.peer.send(interleaved(0, rtp(this.sequence++, this.frame++ * FRAME, true, deltaSlice())));
  }

  lose(): void {
    this.sequence++;
  }

  /** A keyframe of two slices, of which a packet in between was lost. */
  tornKeyframe(): void {
    const timestamp = this.frame++ * FRAME;
    this.send(timestamp, false, idrSlice());
    this.lose();
    this.send(timestamp, true, Buffer.from([0x65, 0x42, 0x71, 0x55, 0x80]));
  }

  /** A picture whose last slice is cut off at a loss, behind whole ones. */
  cutDelta(...whole: Buffer[]): void {
    const timestamp = this.frame++ * FRAME;
    for (const slice of whole) this.send(timestamp, false, slice);
    const [start, , end] = fuA(deltaSlice(0x33, 900), 400);
    this.send(timestamp, false, start!.bytes);
    this.lose();
    this.send(timestamp, true, end!.bytes);
  }

  /** recovery_frame_cnt 2, and a P picture. */
  recoveryPoint(): void {
    const timestamp = this.frame++ * FRAME;
    this.send(timestamp, false, Buffer.from([6, 6, 1, 0x70, 0x80]));
    this.send(timestamp, true, deltaSlice());
  }

  private send(timestamp: number, marker: boolean, payload: Buffer): void {
    this.peer.send(interleaved(0, rtp(this.sequence++, timestamp, marker, payload)));
  }
}

function keyframe(): Buffer {
  return Buffer.concat(keyframePackets(1, 0).map((packet) => interleaved(0, packet)));
}

/** A subscriber that can be waited for. */
class HubUser {
  readonly units: MediaUnit[] = [];
  readonly events: HubEvent[] = [];
  readonly subscription: HubSubscription;
  private readonly waits: { done(): boolean; resolve(): void }[] = [];

  constructor(hub: CameraHub, options: Pick<HubSubscriber, 'onLoss' | 'cutSlices'> = {}) {
    this.subscription = hub.subscribe({
      ...options,
      onUnit: (unit) => {
        this.units.push(unit);
        this.check();
      },
      onEvent: (event) => {
        this.events.push(event);
        this.check();
      },
    });
  }

  get words(): string[] {
    return this.events.map(({ type }) => type);
  }

  /** `K` or `p` of each unit; `d`: damaged, `l`: builds on what was lost. */
  get flags(): string {
    const ofUnit = ({ keyframe, damaged, reference }: VideoUnit): string =>
      `${keyframe ? 'K' : 'p'}${damaged ? 'd' : ''}${reference === 'lost' ? 'l' : ''}`;
    return this.units.map((unit) => ofUnit(unit as VideoUnit)).join(' ');
  }

  get keyframes(): boolean[] {
    return this.units.map((unit) => (unit as VideoUnit).keyframe);
  }

  until(done: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.waits.push({ done, resolve });
      this.check();
    });
  }

  private check(): void {
    for (const wait of this.waits) if (wait.done()) wait.resolve();
  }
}

describe('CameraHub', () => {
  let server: ScriptedServer;
  let nvr: Nvr;

  async function start(script?: Script, extra: Partial<NvrSettings> = {}): Promise<void> {
    server = await startScriptedServer(script);
    nvr = new Nvr(settingsFor(server.port, extra));
  }

  afterEach(async () => {
    await nvr.close();
    await server.close();
  });

  const sessions = (): number => server.requests.filter(({ method }) => method === 'PLAY').length;

  it('holds one session for ten users, and each gets all events', async () => {
    await start();
    const hub = nvr.camera(1, 'main');
    assert.equal(nvr.camera(1, 'main'), hub);
    const first = new HubUser(hub);
    await first.until(() => first.words.includes('playing'));
    const watchers = Array.from({ length: 9 }, () => new HubUser(hub));
    const sender = new PictureSender(server.peers[0]!);
    sender.keyframe();
    sender.delta();
    for (const user of [first, ...watchers]) {
      await user.until(() => user.units.length === 2);
      assert.deepEqual(user.words, ['connecting', 'playing', 'format']);
    }
    assert.equal(sessions(), 1);
    assert.equal(hub.statistics.subscribers, 10);
    assert.equal(server.requests[1]!.uri.endsWith('/live?ch=0000&stype=M'), true);
  });

  it('lets a newcomer begin at the next keyframe, and keeps the GOP', async () => {
    await start();
    const hub = nvr.camera(1, 'main');
    const first = new HubUser(hub);
    await first.until(() => first.words.includes('playing'));
    const sender = new PictureSender(server.peers[0]!);
    sender.keyframe();
    sender.delta();
    await first.until(() => first.units.length === 2);
    assert.equal(hub.gop.length, 2);
    const second = new HubUser(hub);
    sender.delta();
    sender.keyframe();
    sender.delta();
    await second.until(() => second.units.length === 2);
    assert.deepEqual(second.keyframes, [true, false]);
    assert.deepEqual(first.keyframes, [true, false, false, true, false]);
    assert.equal(hub.gop[0], second.units[0]);
  });

  it('keeps the session while its only user is replaced, and closes it after the linger', async () => {
    await start(undefined, { linger: 0.2 });
    const hub = nvr.camera(1, 'main');
    const first = new HubUser(hub);
    await first.until(() => first.words.includes('playing'));
    first.subscription.unsubscribe();
    first.subscription.unsubscribe();
    const second = new HubUser(hub);
    assert.deepEqual(second.words, ['connecting', 'playing']);
    const torn = server.waitFor('TEARDOWN');
    second.subscription.unsubscribe();
    await torn;
    assert.equal(sessions(), 1);
    assert.equal(hub.statistics.state, 'idle');
  });

  it('begins no session anew for losses over UDP once its last user has left', async () => {
    await start(undefined, { linger: 0.2, transport: 'udp-first' });
    const hub = nvr.camera(1, 'main');
    const first = new HubUser(hub);
    await first.until(() => first.words.includes('playing'));
    const torn = server.waitFor('TEARDOWN');
    first.subscription.unsubscribe();
    // What the session tells after a minute of losses.
    (hub as unknown as { onLossy(percent: number): void }).onLossy(5);
    await torn;
    assert.equal(hub.statistics.state, 'idle');
    assert.equal(sessions(), 1);
  });

  it('keeps the attempt while its only user is replaced before it plays', async () => {
    await start();
    const hub = nvr.camera(1, 'main');
    const first = new HubUser(hub);
    first.subscription.unsubscribe();
    const second = new HubUser(hub);
    await second.until(() => second.words.includes('playing'));
    assert.deepEqual(second.words, ['connecting', 'playing']);
    assert.equal(server.peers.length, 1);
  });

  it('sends TEARDOWN at once when the NVR is closed', async () => {
    await start();
    const user = new HubUser(nvr.camera(1, 'main'));
    await user.until(() => user.words.includes('playing'));
    await nvr.close();
    assert.equal(server.requests.at(-1)!.method, 'TEARDOWN');
    assert.equal(user.words.at(-1), 'stopped');
    assert.throws(() => nvr.camera(1, 'main'), { code: 'EINPUT' });
  });

  it('comes back by itself after a loss, and marks one cause of one outage once', async () => {
    await start(({ method }, peer) =>
      method === 'PLAY' && peer.connection < 3 ? { close: true } : undefined,
    );
    const user = new HubUser(nvr.camera(1, 'main'));
    await user.until(
      () => user.words.filter((word) => word === 'playing').length === 3 && user.events.length > 7,
    );
    assert.deepEqual(user.words.slice(0, 8), [
      'connecting',
      'playing',
      'reconnecting',
      'connecting',
      'playing',
      'reconnecting',
      'connecting',
      'playing',
    ]);
    const lost = user.events.filter(({ type }) => type === 'reconnecting');
    assert.deepEqual(
      lost.map(({ firstOfOutage }) => firstOfOutage),
      [true, false],
    );
    assert.deepEqual(
      lost.map(({ attempt }) => attempt),
      [1, 2],
    );
    assert.ok(lost[0]!.retryInMs! >= 800 && lost[0]!.retryInMs! <= 1200);
    assert.ok(lost[1]!.retryInMs! >= 1600 && lost[1]!.retryInMs! <= 2400);
  });

  it('looks again soon where a camera that has played is refused: the NVR boots', async () => {
    let dead = false;
    await start(({ method }, { connection, socket }) => {
      if (dead && method === 'DESCRIBE' && connection === 2) return { status: 404, reason: 'Not Found' };
      if (method === 'PLAY' && connection === 1)
        setTimeout(() => {
          dead = true;
          socket.end();
        }, 100);
      return method === 'PLAY' ? { headers: { Session: 'x' }, after: keyframe() } : undefined;
    });
    const user = new HubUser(nvr.camera(1, 'main'));
    await user.until(() => user.words.filter((word) => word === 'playing').length === 2);
    assert.ok(!user.words.includes('error'), user.words.join());
    const [, refused] = user.events.filter(({ type }) => type === 'reconnecting');
    assert.equal(refused?.code, 'ECHANNEL');
    assert.ok(refused.retryInMs! <= 2000);
  });

  it('looks again as soon as the gate for passwords opens, where another camera’s log-in has closed it for a boot’s time', async () => {
    await start(
      ({ method, headers }, { connection, socket }) => {
        if (method === 'PLAY' && connection === 1) setTimeout(() => void socket.end(), 100);
        if (method === 'PLAY') return { headers: { Session: 'x' }, after: keyframe() };
        if (method !== 'DESCRIBE' || connection === 1 || headers.has('Authorization')) return undefined;
        if (connection === 2) {
          // As if the other one had been refused nearly 10 s ago.
          const { gate } = (nvr as unknown as { account: { gate: object } }).account;
          Object.assign(gate, { blockedUntil: performance.now() + 500 });
        }
        return { status: 401, headers: { 'WWW-Authenticate': 'Digest realm="NVR", nonce="n"' } };
      },
      { username: 'admin', password: 'right-password' },
    );
    const user = new HubUser(nvr.camera(1, 'main'));
    await user.until(() => user.words.filter((word) => word === 'playing').length === 2);
    assert.ok(!user.words.includes('error'), user.words.join());
    const refused = user.events.find(({ code }) => code === 'EAUTH');
    assert.ok(refused?.type === 'reconnecting' && refused.retryInMs <= 500, JSON.stringify(refused));
  });

  it('lets 32 channels with a wrong password log in once, and tells each of them EAUTH', async () => {
    await start(
      ({ method }) =>
        method === 'DESCRIBE'
          ? { status: 401, headers: { 'WWW-Authenticate': 'Digest realm="NVR", nonce="n"' } }
          : undefined,
      { username: 'admin', password: 'wrong-password' },
    );
    const watchers = Array.from({ length: 32 }, (_, index) => new HubUser(nvr.camera(index + 1, 'main')));
    for (const user of watchers) {
      await user.until(() => user.words.includes('error'));
      const error = user.events.at(-1)!;
      assert.deepEqual(
        { code: error.code, firstOfOutage: error.firstOfOutage },
        { code: 'EAUTH', firstOfOutage: true },
      );
      assert.ok(error.retryInMs! >= 240_000);
      assert.ok(!JSON.stringify(user.events).includes('wrong-password'));
    }
    assert.equal(server.requests.filter(({ headers }) => headers.has('Authorization')).length, 1);
  });

  it('sets up at most 4 sessions at once', async () => {
    let open = 0;
    let most = 0;
    await start(({ method }) => {
      if (method === 'OPTIONS') most = Math.max(most, ++open);
      if (method === 'PLAY') open--;
      return undefined;
    });
    const watchers = Array.from({ length: 12 }, (_, index) => new HubUser(nvr.camera(index + 1, 'dual')));
    await Promise.all(watchers.map((user) => user.until(() => user.words.includes('playing'))));
    assert.ok(most <= 4 && most >= 2, `${most} at once`);
  });

  it('delivers every whole unit after a loss, marked, and reports the loss once; with `skip`, delivers none up to the next keyframe', async () => {
    await start();
    const hub = nvr.camera(1, 'main');
    const user = new HubUser(hub);
    const skipper = new HubUser(hub, { onLoss: 'skip' });
    await user.until(() => user.words.includes('playing'));
    const sender = new PictureSender(server.peers[0]!);
    sender.keyframe();
    sender.delta();
    sender.lose();
    sender.delta();
    sender.delta();
    sender.lose();
    sender.lose();
    sender.delta();
    sender.keyframe();
    sender.delta();
    await user.until(() => user.units.length === 7);
    assert.equal(user.flags, 'K p pl pl pl K p');
    assert.equal(skipper.flags, 'K p K p');
    const gaps = user.events.filter(({ type }) => type === 'gap');
    assert.deepEqual(
      gaps.map(({ lost }) => lost),
      [1],
    );
    assert.equal(hub.gop.length, 2);
  });

  it('lets a newcomer wait for a clean keyframe, and for a damaged one where three went without', async () => {
    await start();
    const hub = nvr.camera(1, 'main');
    const first = new HubUser(hub);
    await first.until(() => first.words.includes('playing'));
    const sender = new PictureSender(server.peers[0]!);
    sender.keyframe();
    sender.tornKeyframe();
    sender.delta();
    await first.until(() => first.units.length === 3);
    const second = new HubUser(hub);
    sender.tornKeyframe();
    sender.delta();
    sender.tornKeyframe();
    sender.delta();
    await first.until(() => first.units.length === 7);
    assert.equal(first.flags, 'K Kd pl Kdl pl Kdl pl');
    assert.equal(second.flags, 'Kdl pl');
    assert.equal((second.units[0] as VideoUnit).standIn, true);
  });

  it('gives cut slices to who asks for them, and to others whole NAL units alone', async () => {
    await start();
    const hub = nvr.camera(1, 'main');
    const plain = new HubUser(hub);
    const file = new HubUser(hub, { cutSlices: true });
    await plain.until(() => plain.words.includes('playing'));
    const sender = new PictureSender(server.peers[0]!);
    sender.keyframe();
    sender.cutDelta(deltaSlice());
    sender.cutDelta();
    sender.delta();
    await plain.until(() => plain.units.length === 3);
    assert.equal(plain.flags, 'K pd pl');
    assert.equal(file.flags, 'K pd pdl pl');
    const count = ({ units }: HubUser): number[] => units.map((unit) => (unit as VideoUnit).nals.length);
    assert.deepEqual(count(plain), [3, 1, 1]);
    assert.deepEqual(count(file), [3, 2, 1, 1]);
    assert.ok([...plain.units, ...file.units].every((unit) => !('cut' in unit)));
  });

  it('lets newcomers begin at a recovery point, and says to them alone that the picture is not whole yet', async () => {
    await start();
    const hub = nvr.camera(1, 'main');
    const first = new HubUser(hub);
    await first.until(() => first.words.includes('playing'));
    const sender = new PictureSender(server.peers[0]!);
    sender.keyframe();
    sender.recoveryPoint();
    sender.delta();
    await first.until(() => first.units.length === 3);
    const second = new HubUser(hub);
    sender.delta();
    sender.recoveryPoint();
    for (let i = 0; i < 3; i++) sender.delta();
    await second.until(() => second.units.length === 4);
    assert.equal(first.flags, 'K p p p p p p p');
    assert.equal(second.flags, 'pl pl p p');
    const [entry] = second.units as VideoUnit[];
    assert.deepEqual(
      entry!.nals.map(({ type }) => type),
      [7, 8, 6, 1],
    );
  });

  it('says EINPUT for a channel or stream that cannot be', async () => {
    await start();
    for (const channel of [0, -1, 1.5, Number.NaN, 10_000])
      assert.throws(() => nvr.camera(channel, 'main'), { code: 'EINPUT' });
    for (const stream of ['third', 'constructor', '__proto__'])
      assert.throws(() => nvr.camera(1, stream), { code: 'EINPUT' });
  });

  it('survives a subscriber that throws', async () => {
    await start();
    const hub = nvr.camera(1, 'main');
    hub.subscribe({
      onUnit: () => {
        throw new Error('no');
      },
      onEvent: () => {
        throw new Error('no');
      },
    });
    const user = new HubUser(hub);
    await user.until(() => user.words.includes('playing'));
    new PictureSender(server.peers[0]!).keyframe();
    await user.until(() => user.units.length === 1);
  });

  it('starts over on restart, with TEARDOWN before the new session', async () => {
    await start();
    const hub = nvr.camera(1, 'main');
    const user = new HubUser(hub);
    await user.until(() => user.words.includes('playing'));
    hub.restart();
    await user.until(() => user.words.filter((word) => word === 'playing').length === 2);
    const order = server.requests
      .map(({ method }) => method)
      .filter((method) => method === 'PLAY' || method === 'TEARDOWN');
    assert.deepEqual(order, ['PLAY', 'TEARDOWN', 'PLAY']);
  });
});
