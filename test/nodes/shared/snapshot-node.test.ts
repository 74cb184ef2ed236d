// The snapshot node on cameras, recordings and a decoder that the test holds.

import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { SnapshotPool } from '../../../lib/nvr/snapshot/snapshot-pool.js';
import snapshotNode from '../../../nodes/nvr-snapshot.js';
import { FakeHub, videoUnit } from '../../kit/fake-hub.js';
import { FakeRed, turn, type FakeNode } from '../../kit/fake-red.js';

/** An NVR that says which cameras and recordings it was asked for. */
class FakeNvr {
  readonly hub = new FakeHub();
  readonly asked: string[] = [];
  readonly canPlayBack = true;
  readonly settings = { timeZone: '' };
  /** Recorded at 2026-03-29T12:02:00 UTC. */
  recorded = videoUnit();

  camera(channel: number, stream: string, by: string): FakeHub {
    this.asked.push(`${channel} ${stream} by ${by}`);
    return this.hub;
  }

  async *fetchSpan({ channel, stream, from }: { channel: number; stream: string; from: number }) {
    await Promise.resolve();
    this.asked.push(`${channel} ${stream} at ${from}`);
    yield { ...this.recorded, time: from };
  }
}

const PAST = Date.UTC(2026, 2, 29, 12, 2);

describe('the snapshot node on cameras of the test', () => {
  let own: FakeNvr;
  let other: FakeNvr;
  let node: FakeNode;

  beforeEach(() => {
    own = new FakeNvr();
    other = new FakeNvr();
  });

  afterEach(async () => {
    await node.close();
    sinon.restore();
  });

  function deploy(saved: object = {}): void {
    const red = new FakeRed();
    red.server(own, { channels: [{ channel: 2, name: 'Gate' }] });
    red.server(other, { name: 'Cellar', channels: [{ channel: 7, name: 'Gate' }] }, 'cellar');
    node = red.make(snapshotNode, 'nvr-snapshot', { format: 'keyframe', ...saved });
    red.run();
  }

  /** Answers with the message that left, or with the code that Catch gets. */
  async function take(message: object = {}): Promise<Record<string, unknown>> {
    const { error, sent } = await node.receive(message);
    return error === undefined ? { ...sent[0]![0] } : { code: error.code };
  }

  const video = (answer: Record<string, unknown>): Record<string, unknown> =>
    answer.video as Record<string, unknown>;

  it('is busy once for all requests under way, and shows how the last of them ended, each time', async () => {
    deploy();
    for (let round = 1; round <= 2; round++) {
      const from = node.statuses.length;
      const first = take();
      const second = take({ channel: 2 });
      await turn();
      const third = await take({ stream: 'third' });
      assert.equal(third.code, 'EINPUT');
      assert.equal(node.badge, 'blue dot busy', 'two are under way');
      own.hub.emit(videoUnit());
      assert.deepEqual(
        [video(await first).sequence, video(await second).sequence],
        [2 * round - 1, 2 * round],
      );
      assert.equal(node.badge, 'grey ring idle');
      assert.deepEqual(new Set(node.statuses.slice(from).map(({ text }) => text)), new Set(['busy', 'idle']));
    }
    await take({ stream: 'third' });
    assert.equal(node.badge, 'red ring EINPUT');
  });

  it('shows that it is done before the picture leaves', async () => {
    deploy();
    own.hub.gop = [videoUnit()];
    const badges: string[] = [];
    await new Promise<void>((resolve) => {
      node.emit('input', {}, () => badges.push(node.badge), resolve);
    });
    assert.deepEqual(badges, ['grey ring idle']);
  });

  it('says nothing of a request that it is closed under, and is done with it', async () => {
    deploy();
    const waiting = node.receive({});
    await turn();
    const before = node.statuses.length;
    await node.close();
    const { error, sent } = await waiting;
    assert.deepEqual(
      { error, sent, badges: node.statuses.length },
      { error: undefined, sent: [], badges: before },
    );
    assert.equal(own.hub.subscribers.size, 0);
  });

  it('sends no picture whose decoding ends after it was closed', async () => {
    deploy({ format: 'jpeg' });
    own.hub.gop = [videoUnit()];
    let decoded!: (picture: object) => void;
    sinon
      .stub(SnapshotPool.prototype, 'decode')
      .returns(new Promise((resolve) => (decoded = resolve as never)));
    const waiting = node.receive({});
    await turn();
    const before = node.statuses.length;
    await node.close();
    decoded({ data: new Uint8Array(1), width: 1, height: 1 });
    const { error, sent } = await waiting;
    assert.deepEqual(
      { error, sent, badges: node.statuses.length },
      { error: undefined, sent: [], badges: before },
    );
  });

  it('gives an unforeseen error the code EDECODE, on the badge and to Catch', async () => {
    deploy();
    sinon.stub(own, 'camera').throws(new TypeError('not foreseen'));
    assert.equal((await take()).code, 'EDECODE');
    assert.equal(node.badge, 'red ring EDECODE');
  });

  it('holds a session of its own for its own camera and stream alone', async () => {
    deploy({ channel: 'gate', stream: 'dual' });
    own.hub.gop = [videoUnit()];
    other.hub.gop = [videoUnit()];
    for (const message of [
      {},
      { channel: 2, stream: 'dual' },
      { channel: 3 },
      { stream: 'main' },
      { nvr: 'cellar', channel: 2 },
    ])
      await take(message);
    assert.deepEqual(
      { own: own.asked, other: other.asked },
      {
        own: ['2 dual by node', '2 dual by node', '3 dual by message', '2 main by message'],
        other: ['2 dual by message'],
      },
    );
  });

  it('owns no camera where each message names it', async () => {
    deploy({ channel: 'payload', channelType: 'msg' });
    own.hub.gop = [videoUnit()];
    assert.equal(video(await take({ payload: 'Gate' })).channel, 2);
    assert.deepEqual(own.asked, ['2 main by message']);
    assert.equal((await take({ channel: 2, payload: '' })).code, 'EINPUT');
  });

  it('takes a picture of the NVR that the message names, with its channels and under its name', async () => {
    deploy();
    other.hub.gop = [videoUnit()];
    const live = await take({ nvr: 'cellar', channel: 'gate' });
    const past = await take({ nvr: 'cellar', channel: 'gate', stream: 'dual', at: PAST });
    assert.deepEqual(other.asked, ['7 main by message', `7 dual at ${PAST}`]);
    assert.deepEqual(own.asked, []);
    assert.deepEqual(
      { topic: live.topic, channel: video(live).channel, pastStream: video(past).stream },
      { topic: 'nvr/Cellar/Gate/snapshot', channel: 7, pastStream: 'dual' },
    );
    assert.match(String(live.filename), /^Cellar-Gate-/);
  });

  it('names a file after the moment of the picture, not after that of the message', async () => {
    deploy();
    const { filename } = await take({ at: PAST });
    // The NVR's zone is empty here, which is UTC.
    const there = new Date(PAST).toISOString();
    assert.equal(filename, `Home-1-${there.slice(0, 10)}-${there.slice(11, 19).replaceAll(':', '')}.h264`);
  });

  it('tells the size of the picture that it sends, not of the one that was decoded', async () => {
    deploy({ format: 'jpeg', width: '160' });
    own.hub.gop = [videoUnit({ width: 320, height: 180 })];
    const decode = sinon
      .stub(SnapshotPool.prototype, 'decode')
      .resolves({ data: new Uint8Array(1), width: 160, height: 90 });
    const { width, height } = video(await take());
    assert.deepEqual({ width, height }, { width: 160, height: 90 });
    assert.equal(decode.firstCall.args[0].width, 160);
  });

  it('warns of each cause once as long as it lasts, and again when it comes back', async () => {
    deploy({ format: 'jpeg' });
    const decode = sinon.stub(SnapshotPool.prototype, 'decode');
    for (const cause of ['slice', 'slice', 'tile', 'tile', undefined, 'tile', 'slice']) {
      const unit: VideoUnit = videoUnit({ codec: 'h265' });
      own.hub.gop = [unit];
      if (cause === undefined) decode.resolves({ data: new Uint8Array(1), width: 160, height: 90 });
      else decode.rejects(new NvrError('EDECODE', `No ${cause}.`));
      assert.equal((await take()).contentType, cause === undefined ? 'image/jpeg' : 'video/h265');
    }
    assert.deepEqual(
      node.warnings.map((text) => /No (slice|tile)/.exec(text)![1]),
      ['slice', 'tile', 'tile', 'slice'],
    );
  });

  it('refuses a moment that is now as one to come, and takes the millisecond before it', async () => {
    deploy();
    const clock = sinon.useFakeTimers({ now: PAST, toFake: ['Date'] });
    try {
      assert.equal((await take({ at: PAST })).code, 'EINPUT');
      assert.equal((await take({ at: PAST - 1 })).code, undefined);
    } finally {
      clock.restore();
    }
  });
});
