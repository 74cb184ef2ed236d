import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { SILENT_MS } from '../../../lib/nvr/recorder/heartbeat.js';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import { TakeOver } from '../../../lib/nvr/recorder/take-over.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { systemError } from '../../kit/recorder-rig.js';

describe('a look for what stopped Node-REDs have left', () => {
  let root: string;
  /** Numbers of processes of this machine that have ended. */
  let ended: number[];
  let changes: Partial<RecorderFs>;
  let others: TakeOver;

  beforeEach(() => {
    root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-others-')));
    ended = [];
    changes = {};
    const owner = { ...{ id: 'me', camera: 'gate', host: 'pi', pid: 1 }, isAlive: isAlive };
    others = new TakeOver({ ...fsPromises, rename: (...names) => rename(...names) }, owner, 'test');
  });

  afterEach(() => {
    fs.rmSync(root, { recursive: true, force: true });
  });

  const isAlive = (pid: number): boolean => !ended.includes(pid);
  const rename: RecorderFs['rename'] = (...names) => (changes.rename ?? fsPromises.rename)(...names);

  /** A journal with the name of a file in it, of a recorder of that owner. */
  async function left(owner: string, id = 'test', from?: string): Promise<void> {
    const journal = await Journal.load(fsPromises, root, id, { owner, camera: 'gate' });
    await journal.closed('1.mp4', { file: '1.mp4', end: 1, bytes: 1 });
    if (from !== undefined)
      fs.renameSync(
        path.join(root, `.nvr-record-${id}@${owner}.jsonl`),
        path.join(root, `.nvr-record-${id}@${owner}@${from}.jsonl`),
      );
  }
  const beatFile = (id: string): string => path.join(root, `.nvr-owner-${id}.json`);
  const beat = (id: string, count = 1, pid = 7, host = 'pi'): void => {
    fs.writeFileSync(beatFile(id), JSON.stringify({ host, pid, beat: count }));
  };
  async function look(now: number): Promise<{ names: string[]; isWaiting: boolean }> {
    const { taken, isWaiting } = await others.takeStopped(root, 'me', now);
    for (const { name } of taken) assert.ok(fs.existsSync(path.join(root, name)), name);
    return { names: taken.map(({ name }) => name.replace('.nvr-record-test', '')).sort(), isWaiting };
  }
  const NONE = { names: [], isWaiting: false };
  const WAITING = { names: [], isWaiting: true };

  it('takes at once the journals of a process that has ended, and leaves those of one that runs', async () => {
    for (const [id, pid] of [
      ['a-lives', 7],
      ['b-ended', 8],
      ['c-lives', 7],
      ['d-ended', 8],
    ] as const) {
      await left(id);
      beat(id, 1, pid);
    }
    ended = [8];
    const names = ['@me@b-ended.jsonl', '@me@d-ended.jsonl'];
    assert.deepEqual(await look(0), { names, isWaiting: true });
    assert.deepEqual(
      ['a-lives', 'b-ended', 'c-lives', 'd-ended'].map((id) => fs.existsSync(beatFile(id))),
      [true, false, true, false],
      'the beat goes with the last journal',
    );
  });

  for (const [what, hasBeat] of [
    ['with a beat', true],
    ['without one', false],
  ] as const)
    it(`takes what is of an owner ${what} once that was the same for 30 s, from the first look on`, async () => {
      await left('one');
      if (hasBeat) beat('one', 1, 7, 'another');
      assert.deepEqual(await look(500_000), WAITING);
      assert.deepEqual(await look(500_000 + SILENT_MS - 1), WAITING);
      assert.deepEqual(await look(500_000 + SILENT_MS), { names: ['@me@one.jsonl'], isWaiting: false });
    });

  it('counts anew from each beat that differs', async () => {
    await left('one');
    for (let count = 1; count < 4; count++) {
      beat('one', count, 7, 'another');
      assert.deepEqual(await look(count * (SILENT_MS - 1)), WAITING);
    }
    assert.deepEqual(await look(4 * SILENT_MS - 4), WAITING);
    assert.equal((await look(4 * SILENT_MS)).names.length, 1);
  });

  it('counts anew where an owner is back whose journal was taken, though its beat is as it was', async () => {
    for (const begin of [0, 100_000]) {
      await left('one');
      beat('one', 1, 7, 'another');
      assert.deepEqual(await look(begin), WAITING);
      const { names } = await look(begin + SILENT_MS);
      assert.deepEqual(names.slice(-1), ['@me@one.jsonl']);
      for (const name of names) fs.unlinkSync(path.join(root, `.nvr-record-test${name}`));
    }
  });

  it('finds again what it took and was not through with, and says of whom that was at first', async () => {
    await left('me', 'test', 'first');
    await left('me');
    await left('two', 'test', 'third');
    beat('two', 1, 8);
    ended = [8];
    assert.deepEqual(await look(0), { names: ['@me@first.jsonl', '@me@third.jsonl'], isWaiting: false });
  });

  it('leaves alone what is of another recorder or camera, and the beat of its owner', async () => {
    await left('one', 'other');
    const yard = await Journal.load(fsPromises, root, 'test', { owner: 'two', camera: 'yard' });
    await yard.closed('2.mp4', { file: '2.mp4', end: 1, bytes: 1 });
    ended = [7];
    for (const id of ['one', 'two']) beat(id);
    assert.deepEqual(await look(0), NONE);
    assert.ok(fs.existsSync(beatFile('one')) && fs.existsSync(beatFile('two')));
    await left('one');
    assert.deepEqual(await look(0), { names: ['@me@one.jsonl'], isWaiting: false });
    assert.ok(fs.existsSync(beatFile('one')), 'another recorder of that owner has a journal there');
  });

  it('takes all that an owner has left at once, also what that one had taken from a third', async () => {
    await left('one', 'test', 'third');
    await left('one');
    beat('one', 1, 8);
    ended = [8];
    assert.deepEqual(await look(0), { names: ['@me@one.jsonl', '@me@third.jsonl'], isWaiting: false });
    assert.equal(fs.existsSync(beatFile('one')), false);
  });

  it('leaves what another one renames first, and rejects where the disk refuses', async () => {
    await left('one');
    beat('one', 1, 8);
    ended = [8];
    changes.rename = () => Promise.reject(systemError('ENOENT'));
    assert.deepEqual(await look(0), NONE);
    assert.ok(fs.existsSync(beatFile('one')));
    changes.rename = () => Promise.reject(systemError('EACCES'));
    await assert.rejects(look(0), { code: 'EACCES' });
  });
});
