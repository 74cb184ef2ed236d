// The live-stream node on a hub that the test holds, the second time round.

import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { AudioUnit, VideoUnit } from '../../../lib/codec/unit.js';
import liveStreamNode from '../../../nodes/nvr-live-stream.js';
import { FakeHub, videoUnit } from '../../kit/fake-hub.js';
import { FakeRed, turn, type FakeNode } from '../../kit/fake-red.js';

class Hub extends FakeHub {
  restarts = 0;

  override restart(): void {
    this.restarts++;
  }
}

const SOUND = {
  ...{ kind: 'audio', codec: 'pcma', data: Buffer.from('sound'), damaged: false, time: 4, rtpTime: 1 },
  format: { codec: 'pcma', sampleRate: 8000, channels: 1 },
} as unknown as AudioUnit;

describe('the camera of a live-stream node', () => {
  let hub: Hub;
  let node: FakeNode;

  afterEach(async () => {
    await node.close();
    sinon.restore();
  });

  function deploy(saved: object = {}): void {
    hub = new Hub();
    const red = new FakeRed();
    red.server({ camera: () => hub });
    node = red.make(liveStreamNode, 'nvr-live-stream', { emit: 'accessUnits', ...saved });
    red.run();
  }

  const about = (index: number): Record<string, unknown> =>
    node.sent.flatMap(([, event]) => (event == null ? [] : [event.event as Record<string, unknown>]))[index]!;

  const picture = (more: Partial<VideoUnit> = {}): VideoUnit => ({ ...videoUnit(), ...more });
  const late = (): VideoUnit => picture({ keyframe: false, arrival: performance.now() - 900 });

  const status = async (): Promise<Record<string, unknown>> => {
    const { sent } = await node.receive({ action: 'status' });
    return sent[0]![1]!.event as Record<string, unknown>;
  };

  it('reports the second outage to Catch as it did the first, with the camera if the node has several', async () => {
    deploy({ channel: '3-4' });
    for (let outage = 1; outage <= 2; outage++) {
      for (let attempt = 1; attempt <= 2; attempt++)
        hub.tell({ type: 'reconnecting', code: 'ETIMEDOUT', attempt, firstOfOutage: attempt === 1 });
      hub.tell({ type: 'playing' });
      assert.equal(node.errors.length, 2 * outage);
    }
    assert.deepEqual(node.errors[3]!.about, { channel: 4, camera: '4' });
    await turn();
    assert.equal(node.payloads(1).length, 12);
  });

  it('subscribes once however often it is started, and anew after each stop', async () => {
    deploy();
    for (let round = 1; round <= 3; round++) {
      await node.receive({ action: 'start' });
      await node.receive({ action: 'start' });
      assert.deepEqual(
        { subscribers: hub.subscribers.size, joined: hub.joined },
        { subscribers: 1, joined: round },
      );
      await node.receive({ action: 'stop' });
      await node.receive({ action: 'stop' });
      assert.equal(hub.subscribers.size, 0);
      assert.equal(node.badge, 'grey ring stopped');
    }
    assert.deepEqual(node.payloads(1), ['stopped', 'stopped', 'stopped']);
  });

  it('shows and reports a stream that the NVR’s own end has stopped', async () => {
    deploy();
    hub.tell({ type: 'playing' });
    hub.tell({ type: 'stopped' });
    await turn();
    assert.deepEqual(
      { badge: node.badge, payloads: node.payloads(1) },
      { badge: 'grey ring stopped', payloads: ['playing', 'stopped'] },
    );
  });

  it('restarts the session where it plays, and starts where it is stopped', async () => {
    deploy();
    await node.receive({ action: 'restart' });
    assert.deepEqual({ restarts: hub.restarts, joined: hub.joined }, { restarts: 1, joined: 1 });
    await node.receive({ action: 'stop' });
    await node.receive({ action: 'restart' });
    assert.deepEqual({ restarts: hub.restarts, joined: hub.joined }, { restarts: 1, joined: 2 });
  });

  it('starts, stops, restarts and asks the one of its cameras that a message names, and leaves the other alone', async () => {
    const hubs = { 3: new Hub(), 4: new Hub() };
    const red = new FakeRed();
    red.server({ camera: (channel: 3 | 4) => hubs[channel] });
    node = red.make(liveStreamNode, 'nvr-live-stream', { emit: 'accessUnits', channel: '3-4' });
    red.run();
    const both = (): object =>
      Object.fromEntries(
        Object.entries(hubs).map(([channel, { joined, restarts, subscribers }]) => [
          channel,
          { joined, restarts, plays: subscribers.size === 1 },
        ]),
      );
    const alone = { joined: 1, restarts: 0, plays: true };
    await node.receive({ action: 'stop', channel: 4 });
    assert.deepEqual(both(), { 3: alone, 4: { joined: 1, restarts: 0, plays: false } });
    await node.receive({ action: 'start', channel: '4' });
    assert.deepEqual(both(), { 3: alone, 4: { joined: 2, restarts: 0, plays: true } });
    await node.receive({ action: 'restart', channel: 4 });
    assert.deepEqual(both(), { 3: alone, 4: { joined: 2, restarts: 1, plays: true } });
    const { sent } = await node.receive({ action: 'status', channel: 4 });
    assert.deepEqual(
      sent.map(([, answer]) => answer!.channel),
      [4],
    );
    await node.receive({ action: 'restart' });
    assert.deepEqual(both(), {
      3: { joined: 1, restarts: 1, plays: true },
      4: { joined: 2, restarts: 2, plays: true },
    });
    await node.receive({ action: 'stop' });
    assert.deepEqual(
      { 3: hubs[3].subscribers.size, 4: hubs[4].subscribers.size },
      { 3: 0, 4: 0 },
      'all are meant without a channel',
    );
  });

  it('adds up what it has dropped over every stop and start', async () => {
    deploy();
    for (let round = 1; round <= 3; round++) {
      hub.emit(picture());
      hub.emit(late());
      hub.emit(late());
      assert.equal((await status()).dropped, 2 * round);
      await node.receive({ action: 'stop' });
      assert.equal((await status()).dropped, 2 * round);
      await node.receive({ action: 'start' });
    }
  });

  it('counts its pictures on over a stop and a start', async () => {
    deploy();
    for (let round = 0; round < 2; round++) {
      hub.emit(picture());
      hub.emit(picture({ keyframe: false }));
      await turn();
      await node.receive({ action: 'stop' });
      await node.receive({ action: 'start' });
    }
    assert.deepEqual(
      node.sent.flatMap(([message]) =>
        message == null ? [] : [(message.video as { sequence: number }).sequence],
      ),
      [1, 2, 3, 4],
    );
  });

  it('sends nothing of what waited when it was stopped', async () => {
    deploy();
    hub.emit(picture());
    hub.emit(SOUND as never);
    await node.receive({ action: 'stop' });
    await turn();
    await turn();
    assert.deepEqual({ units: node.payloads(0), sound: node.payloads(2) }, { units: [], sound: [] });
  });

  it('says what it leaves out when the flow is overloaded, of pictures and of sound, again the second time', async () => {
    deploy();
    const clock = sinon.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
    try {
      for (let overload = 0; overload < 2; overload++) {
        hub.emit(late());
        hub.emit(late());
        clock.tick(3000);
        hub.emit(picture({ arrival: performance.now() }));
      }
      for (let i = 0; i < 2100; i++) hub.emit(SOUND as never);
    } finally {
      clock.restore();
    }
    // The last one waits behind the sound.
    while (node.payloads(1).length < 3) await turn();
    assert.deepEqual(node.payloads(1), ['gap', 'gap', 'gap']);
    const { code, reason, channel, stream } = about(0);
    assert.deepEqual({ code, channel, stream }, { code: 'EOVERLOAD', channel: 1, stream: 'main' });
    assert.match(String(reason), /only keyframes/);
    assert.match(String(about(1).reason), /only keyframes/);
    assert.match(String(about(2).reason), /sound and metadata/);
  });

  it('sends what a decoder can begin at in an overload, be it no keyframe', async () => {
    deploy();
    hub.emit(late());
    hub.emit(late());
    hub.emit({ ...late(), recoveryFrames: 3 });
    await turn();
    assert.equal(node.payloads(0).length, 1);
  });

  it('goes back to green by the picture after each missing keyframe, and is not set by any other picture', async () => {
    deploy();
    hub.tell({ type: 'playing' });
    for (let round = 0; round < 2; round++) {
      hub.tell({ type: 'warning', code: 'ENOKEYFRAME' });
      assert.equal(node.badge, 'yellow ring ENOKEYFRAME');
      hub.emit(SOUND as never);
      hub.tell({ type: 'gap' });
      assert.equal(node.badge, 'yellow ring ENOKEYFRAME');
      hub.emit(picture());
      assert.equal(node.badge, 'green dot playing');
      const before = node.statuses.length;
      hub.emit(picture());
      assert.equal(node.statuses.length, before);
    }
    hub.tell({ type: 'warning', code: 'ENOKEYFRAME' });
    hub.tell({ type: 'reconnecting', code: 'ETIMEDOUT' });
    hub.emit(picture());
    assert.equal(node.badge, 'yellow ring ETIMEDOUT', 'a picture that is still on its way is no end of it');
    await turn();
  });

  it('sends each NAL unit of a picture once, in order', async () => {
    deploy({ emit: 'nalUnits' });
    const data = Buffer.from([0, 0, 0, 1, 0x67, 9, 0, 0, 0, 1, 0x65, 1, 2]);
    const nals = [
      { type: 7, start: 0, end: 6 },
      { type: 5, start: 6, end: 13 },
    ];
    hub.emit(picture({ data, nals }));
    await turn();
    assert.deepEqual(node.payloads(0), [data.subarray(0, 6), data.subarray(6)]);
  });

  it('counts what waits in bytes', async () => {
    deploy();
    hub.emit(picture({ data: Buffer.alloc(16 * 1024 * 1024) }));
    hub.emit(picture());
    assert.equal((await status()).dropped, 1);
  });

  it('keeps the topic of a question for its status, and answers with what it has of the stream', async () => {
    deploy();
    const { sent } = await node.receive({ action: 'status', topic: 'mine', kept: 1 });
    const answer = sent[0]![1]!;
    assert.deepEqual(
      { topic: answer.topic, payload: answer.payload, kept: answer.kept },
      { topic: 'mine', payload: 'status', kept: 1 },
    );
    const { state, subscribers, channel, stream } = answer.event as Record<string, unknown>;
    assert.deepEqual(
      { state, subscribers, channel, stream },
      { state: 'playing', subscribers: 1, channel: 1, stream: 'main' },
    );
  });

  it('has left the camera, with what waited, once the node is closed', async () => {
    deploy();
    hub.emit(picture());
    await node.close();
    await node.close();
    await turn();
    assert.deepEqual(
      { subscribers: hub.subscribers.size, payloads: node.payloads(0) },
      { subscribers: 0, payloads: [] },
    );
    assert.equal((await node.receive({ action: 'start' })).error!.code, 'EINPUT');
    assert.equal(hub.joined, 1);
  });
});
