import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { RecorderOptions, RecorderOwner } from '../../../lib/nvr/recorder/types.js';
import { BusyDisk } from '../../kit/busy-disk.js';
import { judgeClip } from '../../kit/clip-judge.js';
import { source, videoUnits } from '../../kit/recorded-units.js';
import { needs } from '../../kit/tools.js';
import { RecorderRig, systemError } from '../../kit/recorder-rig.js';

const MESSAGE = { topic: 'site/door', payload: { zone: 3 } };

/** Node-REDs of different machines, unless they are said to be of one. */
function owner(id: string, changes: Partial<RecorderOwner> = {}): RecorderOwner {
  return { id, camera: 'gate', host: `host of ${id}`, pid: process.pid, isAlive: () => true, ...changes };
}

function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

describe('Two Node-REDs that record to one folder', function () {
  this.timeout(30_000);
  const rigs: RecorderRig[] = [];
  let folder: string;
  /** Of all of them. */
  let disk: BusyDisk;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-shared-'));
    disk = new BusyDisk();
  });

  afterEach(async () => {
    for (const rig of rigs.splice(0)) await rig.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  function rigOf(one: RecorderOwner, options: Partial<RecorderOptions> = {}): RecorderRig {
    const rig = new RecorderRig({ folder, ...options }, disk.fs, { owner: one });
    rigs.push(rig);
    return rig;
  }

  /** In the midst of an alarm's clip; answers the pictures to come. */
  async function recording(rig: RecorderRig): Promise<ReturnType<typeof videoUnits>> {
    rig.recorder.arm();
    await rig.ready();
    const rest = rig.feed(videoUnits(source({ seconds: 12 })), 13_500);
    rig.recorder.alarm({ reason: 'door', message: MESSAGE });
    await rig.event('recording');
    const more = rig.feed(rest, 16_000);
    while (rig.recorder.status.waitingBytes > 0) await turn();
    return more;
  }

  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  /** Time goes on by steps in which what is due can be done. */
  async function pass(ms: number, ...those: RecorderRig[]): Promise<void> {
    for (let step = 0; step < ms; step += 5000) {
      for (const rig of those) rig.to(rig.now + 5000);
      await disk.idle();
    }
  }
  const names = (like: RegExp): string[] => fs.readdirSync(folder).filter((name) => like.test(name));
  const parts = (): string[] =>
    fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.part'));
  /** What a process has left in the folder that is gone, or beats as the test has it. */
  async function leftBy(one: RecorderOwner): Promise<void> {
    const own = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-shared-'));
    const rig = rigOf(one, { folder: own });
    await recording(rig);
    fs.cpSync(own, folder, { recursive: true });
  }
  let beats = 0;
  function beat({ id, host, pid }: RecorderOwner): void {
    const text = JSON.stringify({ host, pid, beat: 1000 + ++beats });
    fs.writeFileSync(path.join(folder, `.nvr-owner-${id}.json`), text);
  }

  it('leave alone what the other one records, under one name of a node, for as long as it beats', async () => {
    const one = rigOf(owner('one'), { postRoll: 600, maxLength: 3000 });
    const rest = await recording(one);
    const other = rigOf(owner('other'));
    other.recorder.arm();
    await other.ready();
    await pass(60_000, one, other);
    assert.equal(parts().length, 1);
    assert.equal(names(/@one\.jsonl$/).length, 1);
    assert.deepEqual(other.words(), ['armed']);
    one.feed(rest);
    one.recorder.stop();
    const info = await one.clip();
    assert.equal(judgeClip(info.file).length, info.frames);
  });

  it('write no more to what the other one has finished meanwhile, and say why the clip has ended', async () => {
    const one = rigOf(owner('one'));
    const rest = await recording(one);
    const [part] = parts();
    const finished = path.join(folder, part!.replace(/\.part$/, ''));
    fs.renameSync(path.join(folder, part!), finished);
    const before = fs.readFileSync(finished);
    one.feed(rest);
    one.recorder.stop();
    const { error } = await one.event('failed');
    assert.equal(error.code, 'EDISK');
    assert.match(error.message, /another Node-RED finished it, because this one stood still/);
    assert.deepEqual(fs.readFileSync(finished), before);
  });

  it('finish what the other one began within 40 s of its last beat, and tell it with its message', async () => {
    const one = owner('one');
    await leftBy(one);
    const other = rigOf(owner('other'));
    other.recorder.arm();
    await other.ready();
    await disk.idle();
    for (let ms = 0; ms < 60_000; ms += 5000) {
      beat(one);
      await pass(5000, other);
    }
    await pass(25_000, other);
    assert.deepEqual(other.words(), ['armed'], 'it may still live');
    await pass(20_000, other);
    const { info, message } = await other.event('finished');
    assert.deepEqual(
      { message, recovered: info.recovered, reason: info.reason },
      { message: MESSAGE, recovered: true, reason: 'door' },
    );
    assert.equal(judgeClip(info.file).length, info.frames);
    assert.deepEqual(parts(), []);
    await other.line('over');
    assert.deepEqual(names(/one/), []);
  });

  it('do so at once where that one is of the same machine and its process is gone', async () => {
    await leftBy(owner('one', { pid: deadPid(), host: 'here' }));
    const other = rigOf(owner('other', { host: 'here', isAlive: () => false }));
    other.recorder.arm();
    const { info } = await other.event('finished');
    assert.equal(info.recovered, true);
  });

  it('are one and the same after a start: what was begun is finished at once, whatever the clock says', async () => {
    await leftBy(owner('one', { pid: deadPid() }));
    const again = rigOf(owner('one', { isAlive: (pid) => pid === process.pid }));
    again.clock.now = -3_600_000;
    again.recorder.arm();
    const { info, message } = await again.event('finished');
    assert.deepEqual({ message, recovered: info.recovered }, { message: MESSAGE, recovered: true });
  });

  it('leave to each other what is of another camera', async () => {
    await leftBy(owner('one', { camera: 'gate' }));
    const other = rigOf(owner('other', { camera: 'yard' }));
    other.recorder.arm();
    await other.ready();
    await pass(90_000, other);
    assert.deepEqual(other.words(), ['armed']);
    assert.equal(parts().length, 1);
  });

  it('that wait for a third one finish what it began once', async () => {
    await leftBy(owner('one'));
    const spares = ['spare-1', 'spare-2'].map((id) => rigOf(owner(id)));
    for (const spare of spares) spare.recorder.arm();
    await Promise.all(spares.map((spare) => spare.ready()));
    await disk.idle();
    await pass(60_000, ...spares);
    const told = spares.flatMap(({ events }) => events.filter(({ type }) => type !== 'armed'));
    assert.deepEqual(
      told.map(({ type }) => type),
      ['finished'],
    );
  });

  it('go on with what one took over and was not through with', async () => {
    await leftBy(owner('one'));
    const [journal = ''] = names(/@one\.jsonl$/);
    fs.renameSync(path.join(folder, journal), path.join(folder, journal.replace('@one', '@other@one')));
    const other = rigOf(owner('other'));
    other.recorder.arm();
    const { message } = await other.event('finished');
    assert.deepEqual(message, MESSAGE);
    await other.line('over');
    assert.deepEqual(names(/@one/), []);
  });

  it('take up the journal of a version that knew no owners', async () => {
    await leftBy(owner('one'));
    const [journal = ''] = names(/@one\.jsonl$/);
    fs.renameSync(path.join(folder, journal), path.join(folder, journal.replace('@one', '')));
    const other = rigOf(owner('other'));
    other.recorder.arm();
    const { message } = await other.event('finished');
    assert.deepEqual(message, MESSAGE);
    assert.deepEqual(names(/jsonl$/), [journal.replace('@one', '@other')]);
  });

  it('with one folder for users on one machine are two all the same', async () => {
    const one = owner('one', { host: 'here', pid: process.pid });
    await leftBy(one);
    const twin = rigOf(owner('one', { host: 'here', pid: process.pid + 1 }));
    twin.recorder.arm();
    await twin.ready();
    await disk.idle();
    for (let ms = 0; ms < 60_000; ms += 5000) {
      beat(one);
      await pass(5000, twin);
    }
    assert.deepEqual(twin.words(), ['armed']);
    await pass(45_000, twin);
    assert.equal((await twin.event('finished')).info.reason, 'door');
  });

  it('do without a beat where the disk takes none, and know their own', async () => {
    await leftBy(owner('one', { pid: deadPid() }));
    const rig = new RecorderRig(
      { folder },
      {
        open: (file, ...rest) =>
          String(file).includes('.nvr-owner-')
            ? Promise.reject(systemError('ENOSPC'))
            : fs.promises.open(file, ...rest),
      },
      { owner: owner('one', { isAlive: () => false }) },
    );
    rigs.push(rig);
    rig.recorder.arm();
    assert.deepEqual((await rig.event('finished')).message, MESSAGE);
  });
});
