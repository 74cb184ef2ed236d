import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { RecorderOptions } from '../../../lib/nvr/recorder/types.js';
import { judgeClip } from '../../kit/clip-judge.js';
import { source, videoUnits } from '../../kit/recorded-units.js';
import { needs } from '../../kit/tools.js';
import { EPOCH, RecorderRig } from '../../kit/recorder-rig.js';

const MESSAGE = { topic: 'site/door', payload: { zone: 3 } };

describe('an alarm in the journal', function () {
  this.timeout(30_000);
  const rigs: RecorderRig[] = [];

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  afterEach(async () => {
    for (const rig of rigs.splice(0)) await rig.close();
  });

  function rigOf(options: Partial<RecorderOptions> = {}): RecorderRig {
    const rig = new RecorderRig(options);
    rigs.push(rig);
    return rig;
  }

  /** What a process that is killed now leaves, taken up by the next one. */
  function killed(rig: RecorderRig): RecorderRig {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-recorder-'));
    fs.cpSync(rig.folder, folder, { recursive: true });
    return rigOf({ folder });
  }

  async function alarmed(options: Partial<RecorderOptions> = {}): Promise<RecorderRig> {
    const rig = rigOf(options);
    rig.recorder.arm();
    await rig.ready();
    rig.feed(videoUnits(source({ seconds: 8 })), 13_500);
    rig.recorder.alarm({ reason: 'door', message: MESSAGE });
    return rig;
  }

  it('is in the journal before its clip, with its message, for the owner alone to read', async () => {
    const rig = await alarmed();
    const { reason, from, to, alarms, message } = await rig.line('alarm');
    assert.deepEqual(
      { reason, from, to, alarms, message },
      {
        ...{ reason: 'door', from: EPOCH + 11_500, to: EPOCH + 15_500 },
        ...{ alarms: [{ time: EPOCH + 13_500, reason: 'door' }], message: MESSAGE },
      },
    );
    await rig.event('recording');
    const text = fs.readdirSync(rig.folder).find((name) => name.endsWith('.jsonl'))!;
    const lines = fs.readFileSync(path.join(rig.folder, text), 'utf8').split('\n');
    assert.deepEqual(
      lines.filter(Boolean).map((line) => (JSON.parse(line) as { op: string }).op),
      ['alarm', 'open'],
    );
    assert.equal(fs.statSync(path.join(rig.folder, text)).mode & 0o777, 0o600);
  });

  it('is written in its order, whichever answer of the disk comes first', async () => {
    let isSlow = false;
    let answer = (): void => undefined;
    const rig = new RecorderRig(
      {},
      {
        realpath: (async (name: string) => {
          if (isSlow) {
            isSlow = false;
            await new Promise<void>((resolve) => (answer = resolve));
          }
          return fs.promises.realpath(name);
        }) as typeof fs.promises.realpath,
      },
    );
    rigs.push(rig);
    rig.recorder.arm();
    await rig.ready();
    isSlow = true;
    rig.recorder.alarm({ reason: 'door' });
    rig.to(20_000);
    await rig.event('failed');
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    answer();
    await rig.line('alarm');
    await rig.line('over');
  });

  it('is done once its clip was delivered, and is not delivered again', async () => {
    const rig = await alarmed();
    rig.to(30_000);
    await rig.event('finished');
    await rig.line('told');
    await rig.line('over');
    const next = killed(rig);
    next.recorder.arm();
    await next.ready();
    assert.deepEqual(next.words(), ['armed']);
  });

  it('continues after a kill: the clip is finished and delivered with its message, pre-roll, alarms and gaps', async () => {
    const rig = await alarmed({ postRoll: 4 });
    const rest = videoUnits(source({ seconds: 8 })).filter(({ arrival }) => arrival > 13_500);
    rig.feed(rest, 14_000);
    rig.recorder.alarm({ reason: 'window' });
    await rig.event('recording');
    rig.feed(
      rest.filter(({ arrival }) => arrival > 14_000),
      16_000,
    );
    while (rig.recorder.status.waitingBytes > 0) await new Promise((resolve) => setImmediate(resolve));
    await rig.line('more');
    const next = killed(rig);
    next.recorder.arm();
    const { info, message, last } = await next.event('finished');
    assert.deepEqual(
      { message, last, recovered: info.recovered, reason: info.reason },
      { message: MESSAGE, last: true, recovered: true, reason: 'door' },
    );
    assert.deepEqual(info.alarms, [
      { time: EPOCH + 13_500, reason: 'door' },
      { time: EPOCH + 14_000, reason: 'window' },
    ]);
    assert.equal(info.preRollMs, 2500);
    const pictures = judgeClip(info.file).length;
    assert.equal(info.frames, pictures);
    // Asked for from 11.5 s to 18 s; the clip begins at 11 s.
    const end = 11_000 + pictures * 40;
    assert.deepEqual(info.gaps, [{ at: end - 11_500, ms: 18_000 - end }]);
    assert.ok(Math.abs(info.coverage - (end - 11_500) / 6500) < 0.002, String(info.coverage));
    await next.line('over');
  });

  it('is reported as a failure, with its message, after a kill that left no picture', async () => {
    const rig = rigOf();
    rig.recorder.arm();
    await rig.ready();
    rig.recorder.alarm({ reason: 'door', message: MESSAGE });
    await rig.line('alarm');
    const next = killed(rig);
    next.recorder.arm();
    const { error, message } = await next.event('failed');
    assert.equal(error.code, 'EUNREACHABLE');
    assert.match(error.message, /Node-RED was stopped/);
    assert.deepEqual(message, MESSAGE);
    await next.line('over');
    const third = killed(next);
    third.recorder.arm();
    await third.ready();
    assert.deepEqual(third.words(), ['armed']);
  });

  it('is delivered by the next start if no flow ran when its clip was finished', async () => {
    const rig = await alarmed({ postRoll: 10 });
    await rig.event('recording');
    rig.running = false;
    await rig.recorder.close();
    assert.deepEqual(rig.lines('told'), []);
    const next = killed(rig);
    next.recorder.arm();
    const { info, message } = await next.event('finished');
    assert.deepEqual(
      { message, recovered: info.recovered, preRollMs: info.preRollMs },
      { message: MESSAGE, recovered: true, preRollMs: 2500 },
    );
    assert.equal(judgeClip(info.file).length, info.frames);
    // Nobody wanted it to end: the rest of its post-roll is missing.
    assert.deepEqual(info.gaps, [{ at: 2020, ms: 9980 }]);
    await next.line('told');
    await next.line('over');
  });

  it('of a flood of alarms lists a thousand, and is no flood of lines', async () => {
    const rig = await alarmed();
    for (let index = 0; index < 5000; index++) {
      if (index % 10 === 0) rig.to(rig.now + 1);
      rig.recorder.alarm({ reason: 'again' });
    }
    rig.to(17_500);
    assert.equal((await rig.clip()).alarms.length, 1000);
    // The journal may have been written anew meanwhile, without what is over.
    await rig.recorder.disarm();
    const next = killed(rig);
    next.recorder.arm();
    await next.ready();
    assert.deepEqual(next.words(), ['armed']);
    assert.ok(rig.lines('more').length < 1010, String(rig.lines('more').length));
  });

  it('is whole where the user has ended it', async () => {
    const rig = await alarmed({ postRoll: 10 });
    rig.recorder.stop();
    assert.equal((await rig.clip()).coverage, 1);
  });

  it('keeps the alarms of a continuous segment that is cut short', async () => {
    const rig = rigOf({ mode: 'continuous', segment: 60 });
    rig.recorder.arm();
    const rest = rig.feed(videoUnits(source({ seconds: 8 })), 12_500);
    rig.recorder.alarm({ reason: 'door' });
    rig.recorder.alarm({ reason: 'window' });
    await rig.line('more');
    rig.feed(rest, 16_000);
    while (rig.recorder.status.waitingBytes > 0) await new Promise((resolve) => setImmediate(resolve));
    const next = killed(rig);
    next.recorder.arm();
    const { info } = await next.event('finished');
    assert.deepEqual(
      info.alarms.map(({ reason }) => reason),
      ['door', 'window'],
    );
    assert.deepEqual({ coverage: info.coverage, preRollMs: info.preRollMs }, { coverage: 1, preRollMs: 0 });
    await next.line('over');
    assert.equal(next.words().includes('failed'), false);
  });
});
