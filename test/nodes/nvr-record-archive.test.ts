import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { EvidenceResult } from '../../lib/nvr/evidence/evidence.js';
import type { ClipInfo } from '../../lib/nvr/recorder/types.js';
import { helper, type Message } from '../kit/red.js';
import {
  clipOf,
  codeOf,
  eventOf,
  judge,
  send,
  useRecordNodeRig,
  type Sinks,
} from '../kit/record-node-rig.js';

describe('nvr-record, what it has recorded', function () {
  this.timeout(30_000);
  const rig = useRecordNodeRig();
  const { deploy } = rig;
  let userDir: string;

  beforeEach(() => {
    userDir = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-user-'));
    helper.settings({ userDir });
  });

  afterEach(() => {
    helper.settings({});
    fs.rmSync(userDir, { recursive: true, force: true });
  });

  /** Segments of a second, and some of them finished. */
  async function record(count = 2): Promise<{ sink: Sinks; clips: ClipInfo[] }> {
    const sink = await deploy({ mode: 'continuous', segment: '1' });
    await sink('out').first(() => sink('out').messages.length >= count);
    return { sink, clips: sink('out').messages.map(clipOf) };
  }

  const answer = (sink: Sinks, id: string, output = 'out'): Promise<Message> =>
    sink(output).first(({ mine }) => mine === id);

  it('is listed as an array, exported with its proof, and kept and released, each answered once', async () => {
    const { sink, clips } = await record();
    const [first] = clips;
    send({ action: 'list', from: '-1h', mine: 'list' });
    const listed = await answer(sink, 'list');
    assert.deepEqual((listed.payload as ClipInfo[]).slice(0, 2), clips.slice(0, 2));
    assert.deepEqual(
      { more: listed.more, topic: listed.topic },
      { more: false, topic: 'nvr/Home/Gate/clips' },
    );

    send({ action: 'keep', clip: { file: first!.file }, mine: 'keep' });
    const kept = await answer(sink, 'keep', 'event');
    assert.equal(kept.payload, 'kept');
    assert.deepEqual(
      { files: eventOf(kept).files, file: eventOf(kept).file },
      { files: 1, file: first!.file },
    );
    send({ action: 'release', from: first!.start, duration: '1s', mine: 'release' });
    assert.equal((await answer(sink, 'release', 'event')).payload, 'released');

    send({ action: 'status', mine: 'before' });
    assert.equal(eventOf(await answer(sink, 'before', 'event')).publicKey, undefined);
    assert.deepEqual(fs.readdirSync(userDir), [], 'no key before it is needed');
    send({ action: 'export', from: first!.start, to: first!.end, name: 'door', mine: 'export' });
    const exported = await answer(sink, 'export');
    const result = exported.export as EvidenceResult;
    assert.equal(exported.payload, path.join(rig.folder, 'exports', 'door'));
    assert.equal(exported.topic, 'nvr/Home/Gate/export');
    assert.ok(fs.existsSync(result.manifest) && fs.existsSync(path.join(result.folder, 'verify.html')));
    assert.equal(fs.statSync(path.join(userDir, 'nvr-signing-key.pem')).mode & 0o777, 0o600);
    send({ action: 'status', mine: 'after' });
    assert.equal(eventOf(await answer(sink, 'after', 'event')).publicKey, result.publicKey);
    const progress = eventOf(await sink('event').word('progress'));
    assert.ok(typeof progress.percent === 'number' && typeof progress.bytes === 'number');
    await sink('complete').first(() => sink('complete').messages.length >= 6);
    assert.equal(sink('catch').messages.length, 0);
  });

  it('says what is wrong with what it is asked for, each to Catch', async () => {
    const { sink } = await record(1);
    const cases: [object, string][] = [
      [{ action: 'list', from: '+1h' }, 'EINPUT'],
      [{ action: 'list', duration: '1h' }, 'EINPUT'],
      [{ action: 'list', channel: 3 }, 'EINPUT'],
      [{ action: 'keep' }, 'EINPUT'],
      [{ action: 'keep', clip: { file: 3 } }, 'EINPUT'],
      [{ action: 'keep', clip: { file: '/etc/passwd' } }, 'ENORECORDING'],
      [{ action: 'export' }, 'EINPUT'],
      [{ action: 'export', from: '-1h', name: '' }, 'EINPUT'],
      [{ action: 'export', from: '2001-01-01', to: '2001-01-02' }, 'ENORECORDING'],
      [{ action: 'remove' }, 'EINPUT'],
    ];
    for (const [index, [message, code]] of cases.entries()) {
      send({ ...message, mine: index });
      assert.equal(
        codeOf(await sink('catch').first(({ mine }) => mine === index)),
        code,
        JSON.stringify(message),
      );
    }
    assert.deepEqual(fs.readdirSync(rig.folder).includes('exports'), false);
  });

  it('is a time-lapse that ends when it is stopped', async () => {
    const sink = await deploy({ mode: 'timelapse', every: '1' }, 2);
    send({ payload: 'motion', mine: 'alarm' });
    await sink('complete').first(({ mine }) => mine === 'alarm');
    send({ action: 'stop' });
    const clip = clipOf(await sink('out').first(() => true));
    const { frames, durationMs } = judge(clip.file);
    assert.ok(frames >= 1 && frames === clip.frames);
    assert.ok(Math.abs(durationMs - frames * 40) <= 40, `${durationMs} ms`);
    assert.ok(clip.end - clip.start >= 1900 * (frames - 1), 'it tells of the camera’s time');
    assert.equal(clip.reason, 'timelapse');
  });
});
