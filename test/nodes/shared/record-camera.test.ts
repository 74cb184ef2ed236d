// The record node on a hub and a folder that the test holds: what is hard to make a server do.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { Recorder } from '../../../lib/nvr/recorder/recorder.js';
import type { ClipInfo } from '../../../lib/nvr/recorder/types.js';
import recordNode from '../../../nodes/nvr-record.js';
import { RecordArchive } from '../../../nodes/shared/record-archive.js';
import { recordedOf } from '../../../nodes/shared/recorded-cameras.js';
import { FakeHub } from '../../kit/fake-hub.js';
import { FakeRed, turn, type FakeNode, type FakeServer } from '../../kit/fake-red.js';
import { clipUnits } from '../../kit/picture-units.js';

const [KEYFRAME] = clipUnits('h264', 1);

/** A keyframe that arrives at a monotonic time. */
const pictureAt = (arrival: number): VideoUnit => ({
  ...KEYFRAME!,
  ...{ arrival, mediaTime: arrival, time: Math.round(performance.timeOrigin + arrival) },
});

describe('the camera of a record node', () => {
  let folder: string;
  let hub: FakeHub;
  let server: FakeServer;
  let node: FakeNode;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-record-camera-'));
  });

  afterEach(async () => {
    sinon.restore();
    await node.close(true);
    fs.rmSync(folder, { recursive: true, force: true });
  });

  function deploy(saved: object = {}): void {
    hub = new FakeHub();
    const red = new FakeRed();
    server = red.server({ camera: () => hub, canPlayBack: false });
    node = red.make(recordNode, 'nvr-record', { folder, preRoll: '0', postRoll: '60', ...saved });
    red.run();
  }

  /** What has been reported, once all that is queued is sent. */
  async function words(): Promise<unknown[]> {
    await turn();
    return node.payloads(1);
  }

  const event = async (message: object): Promise<Record<string, unknown>> => {
    const { sent } = await node.receive(message);
    return sent[0]![1]!.event as Record<string, unknown>;
  };
  const state = async (): Promise<unknown> => (await event({ action: 'status' })).state;

  /** An alarm with a picture; answers with what becomes of its message. */
  function alarm(message: object = { payload: true }): Promise<{ error: { code?: string } | undefined }> {
    const answer = node.receive(message);
    hub.emit(pictureAt(performance.now()));
    return answer;
  }

  for (const payload of ['OFF', ' off ', 0, false])
    it(`does not take ${JSON.stringify(payload)} for an alarm, and lets the one under way end by it`, async () => {
      deploy({ postRoll: '0' });
      assert.equal((await node.receive({ payload })).error, undefined);
      assert.equal(await state(), 'armed');
      const answer = alarm();
      hub.emit(pictureAt(performance.now() + 500));
      assert.equal(await state(), 'recording', 'a held alarm lasts');
      await node.receive({ payload });
      hub.emit(pictureAt(performance.now() + 1000));
      assert.equal((await answer).error, undefined);
      assert.equal(await state(), 'armed');
    });

  it('records an alarm that is not held for as long as the post-roll lasts', async () => {
    deploy({ postRoll: '1' });
    const answer = alarm({ payload: 'motion' });
    hub.emit(pictureAt(performance.now() + 1500));
    assert.equal((await answer).error, undefined);
  });

  it('records from an action to start on, however short the post-roll', async () => {
    deploy({ postRoll: '0' });
    const answer = alarm({ action: 'start' });
    hub.emit(pictureAt(performance.now() + 500));
    assert.equal(await state(), 'recording');
    await node.receive({ action: 'stop' });
    assert.equal((await answer).error, undefined);
  });

  it('answers an alarm without a picture with the cause, shows it, and is well again with the next clip', async () => {
    deploy();
    hub.tell({ type: 'playing' });
    for (let round = 0; round < 2; round++) {
      const answer = node.receive({ payload: true });
      assert.equal(node.badge, 'blue dot recording');
      await node.receive({ action: 'stop' });
      const { code } = (await answer).error!;
      assert.equal(node.badge, `red ring ${code}`);
      const clip = alarm();
      while (!node.badge.endsWith('recording')) await turn();
      await node.receive({ action: 'stop' });
      assert.equal((await clip).error, undefined);
      assert.equal(node.badge, 'green dot armed');
    }
    assert.equal((await words()).filter((word) => word === 'failed').length, 2);
    assert.deepEqual(node.errors, [], 'the message has it');
  });

  it('is let go of when it is disarmed after it had no keyframe', async () => {
    deploy();
    hub.tell({ type: 'warning', code: 'ENOKEYFRAME' });
    assert.ok(hub.subscribers.size > 0);
    await node.receive({ action: 'disarm' });
    assert.equal(hub.subscribers.size, 0);
    assert.equal(node.badge, 'grey ring disarmed');
  });

  it('is let go of when the node closes after it had no keyframe', async () => {
    deploy();
    hub.tell({ type: 'warning', code: 'ENOKEYFRAME' });
    await node.close();
    assert.equal(hub.subscribers.size, 0);
  });

  it('reports the second outage to Catch as it did the first, and each attempt as an event', async () => {
    deploy({ channel: '1-2' });
    for (let outage = 1; outage <= 2; outage++) {
      for (let attempt = 1; attempt <= 2; attempt++)
        hub.tell({ type: 'reconnecting', code: 'ETIMEDOUT', attempt, firstOfOutage: attempt === 1 });
      hub.tell({ type: 'playing' });
      // Both cameras stand on the one hub here.
      assert.deepEqual(
        node.errors.map(({ code }) => code),
        new Array(2 * outage).fill('ETIMEDOUT'),
      );
    }
    assert.deepEqual(node.errors[0]!.about, { channel: 1, camera: '1' });
    assert.equal((await words()).filter((word) => word === 'reconnecting').length, 8);
  });

  it('says nothing of its stream once the node closes', async () => {
    deploy();
    const [before, badge] = [(await words()).length, node.badge];
    const subscribers = [...hub.subscribers];
    const closed = node.close();
    for (const subscriber of subscribers)
      subscriber.onEvent?.({
        ...{ type: 'error', code: 'EAUTH', reason: 'refused', channel: 1, stream: 'main', time: 1 },
        ...{ error: new NvrError('EAUTH', 'refused'), firstOfOutage: true },
      } as never);
    await closed;
    assert.deepEqual(
      { words: (await words()).length, badge: node.badge, errors: node.errors.length },
      { words: before, badge, errors: 0 },
    );
  });

  it('ignores alarms while it is disarmed, and records them when it is armed again', async () => {
    deploy();
    await node.receive({ action: 'disarm' });
    for (const payload of [true, 'motion']) assert.equal((await node.receive({ payload })).error, undefined);
    assert.equal(await state(), 'disarmed');
    assert.equal((await node.receive({ action: 'start' })).error!.code, 'EINPUT');
    await node.receive({ action: 'arm' });
    void alarm();
    assert.equal(await state(), 'recording');
    assert.equal(node.badge, 'grey ring idle');
    hub.tell({ type: 'playing' });
    assert.equal(node.badge, 'blue dot recording');
  });

  it('is said to have stopped once for each time that it was disarmed, and not if it was armed again at once', async () => {
    deploy();
    const stops = async (): Promise<number> => (await words()).filter((word) => word === 'stopped').length;
    await node.receive({ action: 'disarm' });
    await node.receive({ action: 'disarm' });
    assert.equal(await stops(), 1);
    await node.receive({ action: 'arm' });
    const disarmed = node.receive({ action: 'disarm' });
    await node.receive({ action: 'arm' });
    await disarmed;
    assert.equal(await stops(), 1);
    await node.receive({ action: 'disarm' });
    assert.equal(await stops(), 2);
  });

  it('records from start to stop again and again, and answers each start with its own clip', async () => {
    deploy();
    const files: unknown[] = [];
    for (let clip = 1; clip <= 2; clip++) {
      const started = alarm({ action: 'start', n: clip });
      // An alarm meanwhile belongs to the same clip, and is answered at once.
      assert.equal((await node.receive({ payload: 'motion' })).error, undefined);
      await node.receive({ action: 'stop' });
      const { sent, error } = (await started) as Awaited<ReturnType<FakeNode['receive']>>;
      assert.equal(error, undefined);
      assert.equal(sent[0]![0]!.n, clip);
      files.push(sent[0]![0]!.payload);
    }
    assert.equal(new Set(files).size, 2);
    assert.equal(node.done, 6);
  });

  it('offers what it has recorded to pages as long as the node is there', async () => {
    deploy();
    assert.equal(recordedOf(server.asServer, 1).length, 1);
    assert.equal(recordedOf(server.asServer, 2).length, 0);
    await node.close();
    assert.equal(recordedOf(server.asServer, 1).length, 0);
  });

  it('stops and starts what is recorded continuously', async () => {
    deploy({ mode: 'continuous' });
    assert.equal(await state(), 'recording');
    await node.receive({ action: 'stop' });
    assert.equal(await state(), 'disarmed');
    await node.receive({ action: 'start' });
    assert.equal(await state(), 'recording');
    hub.emit(pictureAt(performance.now()));
    await node.receive({ action: 'stop' });
    const alarms = (): unknown[] =>
      node.sent.flatMap(([clip]) => (clip == null ? [] : [(clip.clip as ClipInfo).alarms.length]));
    while (alarms().length < 1) await turn();
    await node.receive({ action: 'start' });
    // An alarm is listed in the segment, and is not answered with it.
    assert.equal((await node.receive({ payload: true })).error, undefined);
    hub.emit(pictureAt(performance.now()));
    await node.receive({ action: 'stop' });
    while (alarms().length < 2) await turn();
    assert.deepEqual(alarms(), [0, 1], 'to start it is no alarm');
  });

  it('tells after the next start of the clip that was cut short by a deploy, with its message, and nothing before', async () => {
    deploy();
    void alarm({ payload: true, topic: 'door' });
    await node.close();
    await turn();
    const [before, events] = [node.payloads(0), node.payloads(1)];
    assert.deepEqual(
      { before, finished: events.filter((word) => word === 'finished') },
      { before: [], finished: [] },
    );
    deploy();
    while (node.payloads(0).length === 0) await turn();
    const { topic, clip } = node.sent.find(([message]) => message != null)![0]!;
    assert.deepEqual({ topic, recovered: (clip as ClipInfo).recovered }, { topic: 'door', recovered: true });
  });

  it('gives an alarm that waits for its first picture the cause when the node is deleted, and no event', async () => {
    deploy();
    const answer = node.receive({ payload: true });
    await turn();
    const before = (await words()).length;
    await node.close(true);
    const { error } = await answer;
    assert.notEqual(error!.code, 'EDISK');
    assert.equal((await words()).length, before);
  });

  it('sends nothing that was to be sent later once it is closed', async () => {
    deploy();
    await words();
    hub.tell({ type: 'format', codec: 'h264', width: 1, height: 1 });
    await node.close();
    assert.equal((await words()).includes('format'), false);
  });

  it('waits for its exports when it closes', async () => {
    deploy();
    let finish!: () => void;
    sinon.stub(RecordArchive.prototype, 'close').returns(new Promise<void>((resolve) => (finish = resolve)));
    let isClosed = false;
    const closed = node.close().then(() => (isClosed = true));
    for (let i = 0; i < 50; i++) await turn();
    assert.equal(isClosed, false);
    finish();
    await closed;
  });

  it('closes within 12 s though its disk hangs, and answers the alarm that waits with EDISK', async () => {
    deploy();
    const answer = alarm();
    const close = sinon.stub(Recorder.prototype, 'close').returns(new Promise(() => undefined));
    const clock = sinon.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout'],
      shouldClearNativeTimers: true,
    });
    try {
      let isClosed = false;
      const closed = node.close().then(() => (isClosed = true));
      await clock.tickAsync(11_999);
      assert.equal(isClosed, false);
      await clock.tickAsync(1);
      await closed;
      assert.equal((await answer).error!.code, 'EDISK');
    } finally {
      clock.restore();
      close.restore();
      await (close.firstCall.thisValue as Recorder).close();
    }
  });

  it('leaves no timer behind when it closes in time', async () => {
    deploy();
    const clock = sinon.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout'],
      shouldClearNativeTimers: true,
    });
    try {
      const before = clock.countTimers();
      const closed = node.close();
      while ((await Promise.race([closed.then(() => 'closed'), turn()])) !== 'closed');
      assert.equal(clock.countTimers(), before);
    } finally {
      clock.restore();
    }
  });
});
