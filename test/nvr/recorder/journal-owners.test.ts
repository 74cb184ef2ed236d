import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import { Journal, SEGMENT } from '../../../lib/nvr/recorder/journal.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { useFolder } from '../../kit/folder.js';
import { alarm, done, names, opened, REPORT } from '../../kit/journal-entries.js';
import { systemError } from '../../kit/recorder-rig.js';

describe('the journal of one of several owners', () => {
  let folder: string;
  useFolder((name) => (folder = name));

  const load = (): Promise<Journal> => Journal.load(fsPromises, folder, 'one');
  const own = '.nvr-record-one@here.jsonl';
  const linesOf = (name: string): { op: string; camera?: string }[] =>
    fs
      .readFileSync(path.join(folder, name), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { op: string });
  const loadOwn = (camera = 'gate'): Promise<Journal> =>
    Journal.load(fsPromises, folder, 'one', { owner: 'here', camera });

  it('names its camera in front of its first line, once, and again when it is another', async () => {
    const journal = await loadOwn();
    await journal.alarmed(alarm('a'));
    await journal.alarmed(alarm('b'));
    await (await loadOwn()).alarmed(alarm('c'));
    const other = await loadOwn('yard');
    assert.equal(other.camera, 'gate', 'what is there is the former one’s');
    await other.alarmed(alarm('d'));
    assert.deepEqual(
      linesOf(own).map(({ op, camera }) => camera ?? op),
      ['gate', 'alarm', 'alarm', 'alarm', 'yard', 'alarm'],
    );
    assert.deepEqual([other.camera, (await loadOwn('yard')).camera], ['yard', 'yard']);
    await other.absorb(await load(), 'none');
    assert.deepEqual(
      linesOf(own).map(({ op, camera }) => camera ?? op),
      ['yard', 'alarm', 'alarm', 'alarm', 'alarm'],
    );
  });

  it('takes up one without an owner, unless it has its own', async () => {
    await (await load()).alarmed(alarm('a'));
    assert.deepEqual((await loadOwn()).cases, [alarm('a')]);
    assert.deepEqual(fs.readdirSync(folder), [own]);
    await (await load()).alarmed(alarm('b'));
    assert.deepEqual((await loadOwn()).cases, [alarm('a')]);
    assert.equal(fs.readdirSync(folder).length, 2);
  });

  it('takes in another’s entries that it does not have, by age, and deletes that one once it has them', async () => {
    const journal = await load();
    const other = await Journal.load(fsPromises, folder, 'two');
    const told = { undelivered: REPORT };
    for (const one of [journal, other]) {
      await one.closed('both.mp4', done('both.mp4', { end: 50, ...told }));
      await one.opened(opened('open.mp4'));
      await one.alarmed(alarm('both'));
    }
    await journal.closed('30.mp4', done('30.mp4', { end: 30 }));
    await other.closed('40.mp4', done('40.mp4', { end: 40, ...told }));
    await other.closed('20.mp4', done('20.mp4', { end: 20, kept: true }));
    await other.opened(opened('new.mp4'));
    await other.alarmed(alarm('new'));
    await other.alarmed(alarm(SEGMENT));
    const added = await journal.absorb(other, '.nvr-record-two.jsonl');
    assert.deepEqual(
      {
        cases: added.cases.map(({ id }) => id),
        open: names(added.open),
        undelivered: names(added.undelivered),
      },
      { cases: ['new', SEGMENT], open: ['new.mp4'], undelivered: ['40.mp4'] },
    );
    assert.deepEqual(fs.readdirSync(folder), ['.nvr-record-one.jsonl']);
    for (const one of [journal, await load()]) {
      assert.deepEqual(names(one.finished), ['20.mp4', '30.mp4', '40.mp4', 'both.mp4']);
      assert.deepEqual({ bytes: one.bytes, unkeptBytes: one.unkeptBytes }, { bytes: 28, unkeptBytes: 21 });
      assert.deepEqual(names(one.unfinished), ['open.mp4', 'new.mp4']);
      assert.deepEqual(
        one.cases.map(({ id }) => id),
        ['both', 'new', SEGMENT],
      );
    }
  });

  it('begins with its camera, once, where the first it writes is what it takes in', async () => {
    const journal = await loadOwn();
    await (await load()).alarmed(alarm('a'));
    await journal.absorb(await load(), '.nvr-record-one.jsonl');
    await journal.alarmed(alarm('b'));
    assert.deepEqual(
      linesOf(own).map(({ op, camera }) => camera ?? op),
      ['gate', 'alarm', 'alarm'],
    );
  });

  it('keeps what it says itself of a file that the other one has, too', async () => {
    const journal = await load();
    const other = await Journal.load(fsPromises, folder, 'two');
    for (const one of [journal, other]) await one.closed('1.mp4', done('1.mp4'));
    await journal.keep('1.mp4', true);
    await journal.absorb(other, '.nvr-record-two.jsonl');
    assert.deepEqual([...journal.finished], [done('1.mp4', { kept: true })]);
  });

  it('keeps the other one where its own cannot be written', async () => {
    const rename: RecorderFs['rename'] = () => Promise.reject(systemError('EIO'));
    const journal = await Journal.load({ ...fsPromises, rename }, folder, 'one');
    const other = await Journal.load(fsPromises, folder, 'two');
    await other.alarmed(alarm('a'));
    await journal.alarmed(alarm('b'));
    await assert.rejects(journal.absorb(other, '.nvr-record-two.jsonl'), { code: 'EIO' });
    assert.ok(fs.existsSync(path.join(folder, '.nvr-record-two.jsonl')));
    const ops = linesOf('.nvr-record-one.jsonl').map(({ op }) => op);
    assert.deepEqual(ops, ['alarm'], 'its own is as it was');
  });
});
