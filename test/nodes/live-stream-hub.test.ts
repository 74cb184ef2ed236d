// The live-stream node on a hub that does what the test says: what is hard to make a server do.

import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import sinon from 'sinon';
import type { AudioUnit, MediaUnit, MetadataUnit, VideoUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import { FakeHub, videoUnit } from '../kit/fake-hub.js';
import { flowWith, helper, liveFlow, load, statuses, type Message, type Sink } from '../kit/red.js';

class LiveHub extends FakeHub {
  restarts = 0;

  override restart(): void {
    this.restarts++;
  }

  deliver(unit: MediaUnit): void {
    for (const subscriber of [...this.subscribers]) subscriber.onUnit?.(unit);
  }
}

const side = {
  rtpTime: 1,
  rtpSequence: 2,
  arrival: 3,
  time: 4,
  timeSource: 'arrival',
  damaged: false,
} as const;
const AUDIO: AudioUnit = {
  ...side,
  kind: 'audio',
  codec: 'pcma',
  data: Buffer.from('sound'),
  format: { codec: 'pcma', sampleRate: 8000, channels: 1 },
};
const METADATA: MetadataUnit = { ...side, kind: 'metadata', codec: 'onvif', data: Buffer.from('<tt/>') };

/** Two NAL units. */
function picture(options: Parameters<typeof videoUnit>[0] = {}): VideoUnit {
  const data = Buffer.from([0, 0, 0, 1, 0x67, 9, 0, 0, 0, 1, 0x65, 1, 2]);
  const nals = [
    { type: 7, start: 0, end: 6 },
    { type: 5, start: 6, end: 13 },
  ];
  return { ...videoUnit({ data, ...options }), nals };
}

describe('nvr-live-stream on its hub', () => {
  let hub: LiveHub;

  beforeEach(function (done) {
    hub = new LiveHub();
    sinon.stub(Nvr.prototype, 'camera').returns(hub);
    helper.startServer(done);
  });

  afterEach(async () => {
    await helper.unload();
    sinon.restore();
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  async function start(live: object = {}, server: object = {}): Promise<(id: string) => Sink> {
    const sink = await load(
      liveFlow(server, { inputs: 1, wires: [['out'], ['event'], ['side']], ...live }).concat({
        id: 'side',
        z: 'tab',
        type: 'helper',
      }),
    );
    if (hub.joined === 0)
      await new Promise<void>((resolve) => {
        const subscribe = sinon.stub(hub, 'subscribe').callsFake((subscriber) => {
          subscribe.restore();
          resolve();
          return hub.subscribe(subscriber);
        });
      });
    return sink;
  }

  const node = (): Node => helper.getNode('live') as Node;
  const at = (sink: Sink, count: number): Promise<Message> => sink.first(() => sink.messages.length >= count);

  it('sends audio and metadata by the third output, and leaves 1 and 2 in their places', async () => {
    const sink = await start({ emit: 'accessUnits' }, { audio: true });
    hub.deliver(AUDIO);
    hub.deliver(METADATA);
    hub.deliver(picture());
    await at(sink('out'), 1);
    await at(sink('side'), 2);
    const [sound, document] = sink('side').messages;
    assert.deepEqual(
      { topic: sound!.topic, contentType: sound!.contentType, payload: sound!.payload },
      { topic: 'nvr/Home/1/audio', contentType: 'audio/pcma', payload: AUDIO.data },
    );
    assert.equal((sound!.audio as { sampleRate: number }).sampleRate, 8000);
    assert.deepEqual(
      { topic: document!.topic, contentType: document!.contentType },
      { topic: 'nvr/Home/1/metadata', contentType: 'application/xml' },
    );
    assert.equal(sink('out').messages.length, 1);
    assert.equal(sink('event').messages.length, 0);
  });

  it('sends an MJPEG picture as the JPEG it is, whatever it is to emit', async () => {
    const sink = await start({ emit: 'nalUnits' });
    hub.deliver(videoUnit({ codec: 'mjpeg', data: Buffer.from([0xff, 0xd8, 0xff, 0xd9]) }));
    const message = await at(sink('out'), 1);
    assert.deepEqual(
      { contentType: message.contentType, payload: message.payload },
      { contentType: 'image/jpeg', payload: Buffer.from([0xff, 0xd8, 0xff, 0xd9]) },
    );
  });

  it('gives each NAL unit a message of its own, as a view of the unit, and shares no metadata between them', async () => {
    const sink = await start({ emit: 'nalUnits' });
    const unit = picture();
    hub.deliver(unit);
    await at(sink('out'), 2);
    const [first, second] = sink('out').messages;
    assert.deepEqual(first!.payload, unit.data.subarray(0, 6));
    assert.equal((second!.payload as Buffer).buffer, unit.data.buffer);
    assert.notEqual(first!.video, second!.video);
    assert.deepEqual(
      [first, second].map((message) => (message!.video as { sequence: number }).sequence),
      [1, 2],
    );
    assert.equal(first!.topic, 'nvr/Home/1/nal');
  });

  it('reports a fault to Catch once per outage and cause, and every attempt on output 2', async () => {
    const sink = await start();
    const error = new NvrError('ECONNREFUSED', 'refused');
    for (let attempt = 1; attempt <= 3; attempt++)
      hub.tell({ type: 'reconnecting', code: 'ECONNREFUSED', attempt, firstOfOutage: attempt === 1, error });
    const other = new NvrError('ETIMEDOUT', 'silent');
    hub.tell({ type: 'reconnecting', code: 'ETIMEDOUT', attempt: 4, firstOfOutage: true, error: other });
    await at(sink('event'), 4);
    await at(sink('catch'), 2);
    assert.deepEqual(
      sink('catch').messages.map((message) => (message.error as { code: string }).code),
      ['ECONNREFUSED', 'ETIMEDOUT'],
    );
    assert.deepEqual(
      sink('event').messages.map((message) => (message.event as { attempt: number }).attempt),
      [1, 2, 3, 4],
    );
    assert.ok(sink('event').messages.every((message) => !Object.hasOwn(message.event as object, 'error')));
  });

  it('goes back to green when the keyframe that was missed comes', async () => {
    const sink = await start();
    hub.tell({ type: 'playing' });
    hub.tell({ type: 'warning', code: 'ENOKEYFRAME', error: new NvrError('ENOKEYFRAME', 'none') });
    assert.deepEqual(statuses('live').at(-1), { fill: 'yellow', shape: 'ring', text: 'ENOKEYFRAME' });
    hub.tell({ type: 'format', codec: 'h264', width: 320, height: 180 });
    hub.deliver(picture());
    await at(sink('out'), 1);
    assert.deepEqual(statuses('live').at(-1), { fill: 'green', shape: 'dot', text: 'playing' });
    await at(sink('event'), 3);
    assert.equal(sink('catch').messages.length, 0);
  });

  it('sends keyframes that are clean, and a damaged one only where it stands in for them', async () => {
    const sink = await start({ emit: 'keyframes' });
    const refresh = { ...picture({ keyframe: false }), recoveryFrames: 3 };
    hub.deliver(picture());
    hub.deliver(refresh);
    hub.deliver(picture({ damaged: true }));
    hub.deliver({ ...picture({ damaged: true }), standIn: true, reference: 'lost' });
    await at(sink('out'), 2);
    assert.deepEqual(
      sink('out').messages.map(({ video }) => {
        const { damaged, reference } = video as { damaged: boolean; reference?: string };
        return [damaged, reference];
      }),
      [
        [false, undefined],
        [true, 'lost'],
      ],
    );
  });

  it('stays yellow where it waits for keyframes and a stream of intra refresh has none', async () => {
    await start({ emit: 'keyframes' });
    hub.tell({ type: 'playing' });
    hub.tell({ type: 'warning', code: 'ENOKEYFRAME', error: new NvrError('ENOKEYFRAME', 'none') });
    hub.deliver({ ...picture({ keyframe: false }), recoveryFrames: 3 });
    assert.equal(statuses('live').at(-1)!.text, 'ENOKEYFRAME');
  });

  it('asks for every unit after a loss, or for none up to the next keyframe, and refuses other wishes', async () => {
    await start();
    assert.equal([...hub.subscribers][0]!.onLoss, 'keep');
    assert.equal([...hub.subscribers][0]!.cutSlices, undefined);
    await helper.unload();
    await load(liveFlow({}, { onLoss: 'skip' }));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal([...hub.subscribers].at(-1)!.onLoss, 'skip');
    await helper.unload();
    await load(liveFlow({}, { onLoss: 'drop' }));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(statuses('live').at(-1)!.text, 'bad onLoss');
  });

  it('drops to keyframes when units are old, reports that once, and counts what it dropped', async () => {
    const sink = await start({ emit: 'accessUnits' });
    hub.deliver(picture());
    hub.deliver(picture({ keyframe: false, age: 800 }));
    hub.deliver(picture({ keyframe: false, age: 900 }));
    hub.deliver(picture({ age: 900 }));
    hub.deliver(picture({ keyframe: false }));
    await at(sink('out'), 2);
    const gap = await sink('event').word('gap');
    assert.equal((gap.event as { code: string }).code, 'EOVERLOAD');
    node().receive({ action: 'status' });
    const status = await sink('event').word('status');
    assert.equal((status.event as { dropped: number }).dropped, 3);
    assert.equal(sink('event').messages.filter(({ payload }) => payload === 'gap').length, 1);
    assert.deepEqual(
      sink('out').messages.map((message) => (message.video as { keyframe: boolean }).keyframe),
      [true, true],
    );
  });

  it('answers every action with done exactly once', async () => {
    const sink = await start();
    for (const action of ['start', 'restart', 'stop', 'stop', 'restart', 'status', 'start'])
      node().receive({ action });
    await at(sink('complete'), 7);
    for (const action of ['go', undefined, 1, 'toString']) node().receive({ action });
    await at(sink('catch'), 4);
    assert.equal(sink('complete').messages.length, 7);
    assert.ok(
      sink('catch').messages.every((message) => (message.error as { code: string }).code === 'EINPUT'),
    );
    assert.equal(hub.restarts, 1, 'the restart of a stopped node is a start');
    assert.equal(hub.subscribers.size, 1);
  });

  it('is silent after a stop', async () => {
    const sink = await start();
    node().receive({ action: 'stop' });
    const stopped = await sink('event').word('stopped');
    assert.equal(stopped.topic, 'nvr/Home/1/event');
    assert.equal(hub.subscribers.size, 0);
    hub.deliver(picture());
    node().receive({ action: 'status' });
    await sink('event').word('status');
    assert.equal(sink('out').messages.length, 0);
  });

  it('leaves the hub and the NVR’s users when it is closed, be it twice', async () => {
    await start();
    const server = helper.getNode('nvr') as { users: Record<string, unknown> };
    assert.deepEqual(Object.keys(server.users), ['live']);
    assert.equal(Object.getPrototypeOf(server.users), Object.prototype);
    const live = node() as unknown as { close(removed: boolean): Promise<void> };
    await live.close(true);
    assert.equal(hub.subscribers.size, 0);
    assert.deepEqual(Object.keys(server.users), []);
    await live.close(true);
    assert.equal(hub.subscribers.size, 0);
  });

  it('shares no message between two nodes on one camera', async () => {
    const two = ['live', 'other'].map((id) => ({ id, type: 'nvr-live-stream', wires: [['out'], ['event']] }));
    const sink = await load(flowWith({}, two));
    await new Promise<void>((resolve) => {
      const poll = (): void => {
        if (hub.subscribers.size === 2) resolve();
        else setImmediate(poll);
      };
      poll();
    });
    const unit = picture();
    hub.deliver(unit);
    await at(sink('out'), 2);
    const [first, second] = sink('out').messages;
    assert.notEqual(first!.video, second!.video);
    assert.equal((first!.payload as Buffer).buffer, (second!.payload as Buffer).buffer);
  });
});
