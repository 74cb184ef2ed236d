import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { BEAT_MS, beatIn, isGone, readBeat, removeBeat } from '../../../lib/nvr/recorder/heartbeat.js';
import type { RecorderFs, RecorderOwner } from '../../../lib/nvr/recorder/types.js';
import { BusyDisk } from '../../kit/busy-disk.js';
import { systemError } from '../../kit/recorder-rig.js';

describe('the beat of a Node-RED that records', () => {
  let folder: string;
  let due: (() => void)[];
  const timers = {
    set: (run: () => void, ms: number): unknown => {
      assert.equal(ms, BEAT_MS);
      due.push(run);
      return run;
    },
    clear: (timer: unknown): void => {
      due = due.filter((run) => run !== timer);
    },
  };
  const owner: RecorderOwner = { ...{ id: 'one', camera: 'gate', host: 'pi', pid: 7 }, isAlive: () => true };
  const stops: (() => void)[] = [];

  beforeEach(() => {
    folder = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-beat-'));
    due = [];
  });

  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
    nodeFs.rmSync(folder, { recursive: true, force: true });
  });

  async function begin(
    one = owner,
    changes: Partial<RecorderFs> = {},
    where = folder,
  ): Promise<{ id: string; stop: () => void }> {
    const beat = await beatIn({ fs: { ...fs, ...changes }, timers }, where, one);
    stops.push(beat.stop);
    return beat;
  }

  /** The time of the next beat has come. Resolves when it is on the disk and the one after it is due. */
  async function next(): Promise<void> {
    for (const run of due.splice(0)) run();
    while (due.length === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  it('differs from the one before it, for as long as anyone of that Node-RED records there', async () => {
    const first = await begin();
    const second = await begin();
    const texts = [await readBeat(fs, folder, 'one')];
    await next();
    texts.push(await readBeat(fs, folder, 'one'));
    first.stop();
    first.stop();
    await next();
    texts.push(await readBeat(fs, folder, 'one'));
    assert.equal(new Set(texts).size, 3);
    second.stop();
    assert.equal(due.length, 0);
  });

  it('begins again after its last user has stopped', async () => {
    (await begin()).stop();
    await begin();
    assert.equal(due.length, 1);
  });

  it('is one of its own beside another process of the machine with the same settings, and not beside a dead one', async () => {
    const beat = JSON.stringify({ host: 'pi', pid: 8, beat: 1 });
    nodeFs.writeFileSync(path.join(folder, '.nvr-owner-one.json'), beat);
    const beside = await begin();
    assert.equal(beside.id, 'one-7');
    beside.stop();
    assert.equal((await begin({ ...owner, isAlive: () => false })).id, 'one');
  });

  it('is the same one after a start, whose process has the number of the one before it', async () => {
    const beat = JSON.stringify({ host: 'pi', pid: 7, beat: 1 });
    nodeFs.writeFileSync(path.join(folder, '.nvr-owner-one.json'), beat);
    assert.equal((await begin()).id, 'one');
  });

  const file = (id = 'one'): string => path.join(folder, `.nvr-owner-${id}.json`);
  const texts = (text = ''): unknown => JSON.parse(text) as unknown;

  it('is on the disk as soon as it has begun, for its owner alone to read, and names the process', async () => {
    await begin();
    const { host, pid } = texts(nodeFs.readFileSync(file(), 'utf8')) as typeof owner;
    assert.deepEqual({ host, pid }, { host: 'pi', pid: 7 });
    if (process.platform !== 'win32') assert.equal(nodeFs.statSync(file()).mode & 0o777, 0o600);
  });

  it('is whole where the one of before was longer', async () => {
    nodeFs.writeFileSync(file(), JSON.stringify({ host: 'a machine of a long name', pid: 123_456_789 }));
    await begin();
    assert.deepEqual(texts(await readBeat(fs, folder, 'one')), { host: 'pi', pid: 7, beat: 1 });
  });

  it('is one for each owner and each folder', async () => {
    const other = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-beat-'));
    const first = await begin();
    await begin(owner, {}, other);
    await begin({ ...owner, id: 'two' });
    assert.equal(due.length, 3);
    assert.deepEqual(nodeFs.readdirSync(other), ['.nvr-owner-one.json']);
    assert.ok(nodeFs.existsSync(file('two')));
    first.stop();
    assert.equal(due.length, 2);
    nodeFs.rmSync(other, { recursive: true });
  });

  it('is left out by a full disk, at first or later, and goes on once there is room', async () => {
    let isFull = true;
    const open = (async (...given: Parameters<RecorderFs['open']>) => {
      if (isFull) throw systemError('ENOSPC');
      return fs.open(...given);
    }) as RecorderFs['open'];
    await begin(owner, { open });
    await next();
    assert.equal(await readBeat(fs, folder, 'one'), undefined);
    isFull = false;
    await next();
    assert.notEqual(await readBeat(fs, folder, 'one'), undefined);
  });

  it('ends for good where it is stopped while it is written', async () => {
    const disk = new BusyDisk();
    let isSlow = false;
    let answer = (): void => undefined;
    const realpath = (async (name: string) => {
      if (isSlow) await new Promise<void>((resolve) => (answer = resolve));
      return disk.fs.realpath(name);
    }) as RecorderFs['realpath'];
    const beat = await begin(owner, { ...disk.fs, realpath });
    isSlow = true;
    for (const run of due.splice(0)) run();
    beat.stop();
    answer();
    await disk.idle();
    assert.equal(due.length, 0);
  });

  it('closes its file each time', async () => {
    let isOpen = 0;
    const open = (async (...given: Parameters<RecorderFs['open']>) => {
      const handle = await fs.open(...given);
      const close = handle.close.bind(handle);
      isOpen++;
      handle.close = () => close().finally(() => isOpen--);
      return handle;
    }) as RecorderFs['open'];
    await begin(owner, { open });
    assert.equal(isOpen, 0);
    await next();
    assert.equal(isOpen, 0);
    await readBeat({ ...fs, open }, folder, 'one');
    assert.equal(isOpen, 0);
  });

  it('is none where its file is much too large, or was deleted', async () => {
    nodeFs.writeFileSync(file(), 'x'.repeat(4097));
    assert.equal(await readBeat(fs, folder, 'one'), undefined);
    nodeFs.writeFileSync(file(), 'x'.repeat(4096));
    assert.notEqual(await readBeat(fs, folder, 'one'), undefined);
    await removeBeat(fs, folder, 'one');
    assert.equal(await readBeat(fs, folder, 'one'), undefined);
    await removeBeat({ ...fs, unlink: () => Promise.reject(systemError('EACCES')) }, folder, 'one');
  });

  it('tells a process that has ended only on its own machine, and only by its number', () => {
    const me: RecorderOwner = { ...owner, isAlive: (pid) => pid === 8 };
    const gone = (beat: object): boolean => isGone(JSON.stringify(beat), me);
    assert.equal(gone({ host: 'pi', pid: 9 }), true);
    assert.equal(gone({ host: 'pi', pid: 8 }), false, 'it is alive');
    assert.equal(gone({ host: 'another', pid: 9 }), false, 'that number is another machine’s');
    assert.equal(gone({ host: 'pi' }), false, 'there is no number');
    assert.equal(isGone('torn {', me), false);
    assert.equal(isGone(undefined, me), false);
  });

  it('is the same one beside a process of another machine', async () => {
    nodeFs.writeFileSync(file(), JSON.stringify({ host: 'another', pid: 8, beat: 1 }));
    assert.equal((await begin()).id, 'one');
  });
});
