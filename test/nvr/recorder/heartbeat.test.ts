import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { BEAT_MS, beatIn, readBeat } from '../../../lib/nvr/recorder/heartbeat.js';
import type { RecorderOwner } from '../../../lib/nvr/recorder/types.js';

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

  async function begin(one = owner): Promise<{ id: string; stop: () => void }> {
    const beat = await beatIn({ fs, timers }, folder, one);
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
});
