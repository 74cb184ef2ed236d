// The camera of a record node: what it exports, and how its recordings end.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import type { EvidenceResult } from '../../../lib/nvr/evidence/evidence.js';
import { Recorder } from '../../../lib/nvr/recorder/recorder.js';
import recordNode from '../../../nodes/nvr-record.js';
import { ownerOf } from '../../../nodes/shared/instance.js';
import { RecordArchive } from '../../../nodes/shared/record-archive.js';
import { recordedOf } from '../../../nodes/shared/recorded-cameras.js';
import { FakeHub } from '../../kit/fake-hub.js';
import { FakeRed, turn, type FakeNode, type FakeServer } from '../../kit/fake-red.js';
import { clipUnits } from '../../kit/picture-units.js';
import { systemTimers } from '../../kit/system-timers.js';

const [KEYFRAME] = clipUnits('h264', 1);

describe('the camera of a record node, at its ends', () => {
  let userDir: string;
  let folder: string;
  let hub: FakeHub;
  let red: FakeRed;
  let server: FakeServer;
  let node: FakeNode;

  beforeEach(() => {
    userDir = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-record-ends-'));
    folder = path.join(userDir, 'clips');
  });

  afterEach(async () => {
    sinon.restore();
    await node.close(true);
    fs.rmSync(userDir, { recursive: true, force: true });
  });

  function deploy(saved: object = {}): void {
    hub = new FakeHub();
    red = new FakeRed();
    red.settings.userDir = userDir;
    server = red.server({ camera: () => hub, canPlayBack: false });
    node = red.make(recordNode, 'nvr-record', { folder, preRoll: '0', postRoll: '60', ...saved });
    red.run();
  }

  const picture = (): void => {
    const arrival = performance.now();
    const times = { arrival, mediaTime: arrival, time: Math.round(performance.timeOrigin + arrival) };
    hub.emit({ ...KEYFRAME!, ...times });
  };

  async function event(message: object): Promise<Record<string, unknown>> {
    const { sent } = await node.receive(message);
    return sent[0]![1]!.event as Record<string, unknown>;
  }

  /** Records a clip of one picture; answers with its message. */
  async function clip(): Promise<Record<string, unknown>> {
    const answer = node.receive({ payload: true });
    picture();
    await node.receive({ action: 'stop' });
    const { sent } = await answer;
    return { ...sent[0]![0] };
  }

  it('exports with proof what the span holds up to now, under the name that is given, and tells its public key', async () => {
    deploy({ stream: 'dual' });
    await clip();
    const { sent } = await node.receive({ action: 'export', from: '-1h', name: 'door' });
    const answer = sent[0]![0]!;
    const result = answer.export as EvidenceResult;
    assert.equal(answer.payload, path.join(fs.realpathSync(folder), 'exports', 'door'));
    assert.equal(result.files, 1);
    const text = fs.readFileSync(result.manifest, 'utf8');
    const manifest = (JSON.parse(text) as { manifest?: string }).manifest ?? text;
    assert.match(manifest, /"stream":\s*"dual"/);
    await turn();
    assert.ok(node.payloads(1).includes('progress'));
    assert.equal((await event({ action: 'status' })).publicKey, result.publicKey);
  });

  it('lists, keeps and releases what it has recorded while it is disarmed as well', async () => {
    deploy();
    const { payload: file } = await clip();
    const list = async (): Promise<unknown> => {
      const { sent, error } = await node.receive({ action: 'list', from: '-1h' });
      assert.equal(error, undefined);
      return sent[0]![0]!.payload;
    };
    const armed = await list();
    assert.equal((armed as unknown[]).length, 1);
    await node.receive({ action: 'disarm' });
    assert.deepEqual(await list(), armed);
    for (const action of ['keep', 'release'])
      assert.equal((await event({ action, clip: { file } })).files, 1, action);
    assert.deepEqual(await list(), armed);
  });

  it('gives up its exports with the node', async () => {
    deploy();
    await clip();
    const [recorded] = recordedOf(server.asServer, 1);
    const archive = (signal: AbortSignal): RecordArchive =>
      new RecordArchive(
        { RED: red.RED, server, settings: { stream: 'main' }, signal } as never,
        { catalog: recorded!.catalog } as never,
        { answer: () => ({}), event: () => undefined } as never,
        { folder, nvr: 'Home', channel: '1', timeZone: '' } as never,
        { fs: fs.promises, now: () => Date.now(), monotonic: () => performance.now(), timers: systemTimers },
        new Set(),
      );
    const take = (signal: AbortSignal): Promise<void> =>
      archive(signal).take('export', { from: '-1h' } as never, () => undefined);
    await assert.rejects(take(AbortSignal.abort()), /stopped/);
    await take(new AbortController().signal);
  });

  it('removes at its start what a crash left of this Node-RED’s exports, and of no other one’s', async () => {
    const part = (owner: string): string => path.join(folder, 'exports', `a@${owner}.part`);
    const own = part(ownerOf({ settings: { userDir } } as never, '').id);
    for (const one of [own, part('0123456789abcdef')]) fs.mkdirSync(one, { recursive: true });
    deploy();
    while (fs.existsSync(own)) await turn();
    assert.ok(fs.existsSync(part('0123456789abcdef')));
  });

  it('starts and stops a time-lapse as what is recorded continuously', async () => {
    deploy({ mode: 'timelapse' });
    await node.receive({ action: 'stop' });
    assert.equal((await event({ action: 'status' })).state, 'disarmed');
    await node.receive({ action: 'start' });
    assert.notEqual((await event({ action: 'status' })).state, 'disarmed');
  });

  it('attaches a clip to its message where that is set, and only there', async () => {
    for (const attach of [false, true]) {
      deploy({ attach });
      assert.equal((await clip()).attachments !== undefined, attach);
      await node.close();
    }
  });

  it('answers no alarm at a deploy whose clip the next start tells of, but does where there is no next start', async () => {
    for (const isLast of [false, true]) {
      deploy();
      const answer = node.receive({ payload: true });
      await turn();
      await node.close(isLast);
      const first = await Promise.race([answer.then(() => 'answered'), turn().then(() => 'open')]);
      assert.equal(first, isLast ? 'answered' : 'open');
    }
  });

  it('hands the recorder what may be kept of a message, and nothing secret', async () => {
    deploy();
    const alarm = sinon.spy(Recorder.prototype, 'alarm');
    void node.receive({ payload: 'motion', topic: 'cam/door', password: 'secret', zone: 3 });
    await turn();
    const { reason, held, message } = alarm.firstCall.args[0];
    assert.deepEqual(
      { reason, held, message },
      { reason: 'door', held: false, message: { payload: 'motion', topic: 'cam/door', zone: 3 } },
    );
  });

  it('shows at once that it records no more', () => {
    deploy();
    hub.tell({ type: 'playing' });
    void node.receive({ payload: true });
    picture();
    assert.equal(node.badge, 'blue dot recording');
    node.emit(
      'input',
      { action: 'stop' },
      () => undefined,
      () => undefined,
    );
    assert.equal(node.badge, 'green dot armed');
  });

  it('is done with being disarmed when the last clip is finished', async () => {
    deploy();
    let finish!: () => void;
    const disarm = sinon
      .stub(Recorder.prototype, 'disarm')
      .returns(new Promise<void>((resolve) => (finish = resolve)));
    const answer = node.receive({ action: 'disarm' });
    await turn();
    assert.equal(node.done, 0);
    finish();
    await answer;
    disarm.restore();
  });
});
