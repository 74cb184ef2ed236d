import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { Journal } from '../../../lib/nvr/recorder/journal.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { retain, type Deleted, type RetentionLimits } from '../../../lib/nvr/recorder/retention.js';

const DAY = 24 * 3_600_000;
const NOW = 1_760_000_000_000;
const MIB = 1024 ** 2;

describe('the journal and retention', () => {
  let folder: string;
  let journal: Journal;

  beforeEach(async () => {
    folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-journal-')));
    journal = await Journal.load(fsPromises, folder, 'one');
  });

  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const journalFile = (): string => path.join(folder, '.nvr-record-one.jsonl');
  const reload = (): Promise<Journal> => Journal.load(fsPromises, folder, 'one');

  async function clip(file: string, end: number, bytes = 10, thumbnail?: string): Promise<void> {
    for (const name of [file, ...(thumbnail === undefined ? [] : [thumbnail])]) {
      fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      fs.writeFileSync(path.join(folder, name), 'x');
    }
    await journal.opened({ file, start: end - 1, reason: '', codec: 'h264', width: 1, height: 1 });
    await journal.closed(file, { file, end, bytes, ...(thumbnail !== undefined && { thumbnail }) });
  }

  async function limit(
    limits: Partial<RetentionLimits>,
    all: readonly Journal[] = [journal],
  ): Promise<Deleted[]> {
    const told: Deleted[] = [];
    await retain(fsPromises, journal, all, { keepDays: 0, keepGiB: 0, ...limits }, NOW, (deleted) =>
      told.push(deleted),
    );
    return told;
  }

  it('deletes what is older than the days, with its thumbnail and the folder that is left empty', async () => {
    await clip('a/1.mp4', NOW - 3 * DAY, 10, 'a/1.jpg');
    await clip('b/2.mp4', NOW - DAY);
    assert.deepEqual(await limit({ keepDays: 2 }), [{ file: 'a/1.mp4', bytes: 10, reason: 'age' }]);
    assert.deepEqual(fs.readdirSync(folder).sort(), ['.nvr-record-one.jsonl', 'b']);
    assert.equal((await reload()).files, 1);
  });

  it('goes by the time of the recording, by age and by size, where an older one was finished later', async () => {
    for (const [name, days] of [
      ['new', 1],
      ['expired', 9],
      ['old', 3],
    ] as const)
      await clip(`${name}.mp4`, NOW - days * DAY, 300 * MIB);
    const deleted = await limit({ keepDays: 7, keepGiB: 300 / 1024 });
    assert.deepEqual(
      deleted.map(({ file, reason }) => `${file} ${reason}`),
      ['expired.mp4 age', 'old.mp4 size'],
    );
  });

  it('deletes the oldest until the rest is small enough', async () => {
    for (let i = 0; i < 5; i++) await clip(`${i}.mp4`, NOW - DAY + i, 300 * MIB);
    const told = await limit({ keepGiB: 1 });
    assert.deepEqual(
      told.map(({ file, reason }) => [file, reason]),
      [
        ['0.mp4', 'size'],
        ['1.mp4', 'size'],
      ],
    );
    assert.equal(journal.bytes, 900 * MIB);
  });

  it('leaves alone what is kept, and does not count it', async () => {
    for (let i = 0; i < 4; i++) await clip(`${i}.mp4`, NOW - DAY + i, 600 * MIB);
    await journal.keep('0.mp4', true);
    await journal.keep('1.mp4', true);
    assert.equal(journal.unkeptBytes, 1200 * MIB);
    assert.deepEqual(
      (await limit({ keepGiB: 1 })).map(({ file }) => file),
      ['2.mp4'],
    );
    assert.deepEqual(await limit({ keepDays: 0.5 }), [{ file: '3.mp4', bytes: 600 * MIB, reason: 'age' }]);
    assert.equal((await reload()).unkeptBytes, 0);
    await journal.keep('1.mp4', false);
    assert.equal((await limit({ keepDays: 0.5 })).length, 1);
  });

  it('deletes the oldest of all recorders of the folder beyond its size', async () => {
    const first = journal;
    await clip('a.mp4', NOW - 4, 600 * MIB);
    journal = await Journal.load(fsPromises, folder, 'two');
    await clip('b.mp4', NOW - 5, 600 * MIB);
    await clip('c.mp4', NOW - 3, 600 * MIB);
    const told = await limit({ keepFolderGiB: 1 }, [first, journal]);
    assert.deepEqual(
      told.map(({ file, reason }) => [file, reason]),
      [
        ['b.mp4', 'folder'],
        ['a.mp4', 'folder'],
      ],
    );
    assert.deepEqual(
      { firstFiles: first.files, journalFiles: journal.files },
      { firstFiles: 0, journalFiles: 1 },
    );
  });

  it('deletes as many of the oldest as the disk must have free, and no more', async () => {
    for (let i = 0; i < 5; i++) await clip(`${i}.mp4`, NOW - DAY + i, 100 * MIB);
    const free = 850 * MIB;
    const told: Deleted[] = [];
    const statfs = () => Promise.resolve({ bavail: free / 4096, bsize: 4096, blocks: 1 });
    const fsOf = { ...fsPromises, statfs } as unknown as RecorderFs;
    const limits = { keepDays: 0, keepGiB: 0, keepFreeGiB: 1 };
    await retain(fsOf, journal, [journal], limits, NOW, (deleted) => told.push(deleted));
    assert.deepEqual(
      told.map(({ file, reason }) => [file, reason]),
      [
        ['0.mp4', 'free'],
        ['1.mp4', 'free'],
      ],
    );
  });

  it('leaves what is as old as the days to the millisecond, and is not as small as it could be', async () => {
    await clip('older.mp4', NOW - 2 * DAY - 1);
    await clip('days.mp4', NOW - 2 * DAY, 600 * MIB);
    assert.deepEqual(await limit({ keepDays: 2 }), [{ file: 'older.mp4', bytes: 10, reason: 'age' }]);
    await clip('a.mp4', NOW - 3, 424 * MIB);
    await clip('b.mp4', NOW - 2, 600 * MIB);
    assert.deepEqual(
      (await limit({ keepFolderGiB: 1 })).map(({ file }) => file),
      ['days.mp4'],
      'a gigabyte is left to the byte',
    );
  });

  it('counts no kept file in the limit on the folder', async () => {
    for (const name of ['a.mp4', 'b.mp4', 'c.mp4']) await clip(name, NOW - DAY, 500 * MIB);
    await journal.keep('a.mp4', true);
    assert.deepEqual(await limit({ keepFolderGiB: 1 }), []);
    await journal.keep('a.mp4', false);
    assert.equal((await limit({ keepFolderGiB: 1 })).length, 1);
  });

  it('deletes the oldest of all recorders of the folder for the free space', async () => {
    const first = journal;
    await clip('a.mp4', NOW - 5, 100 * MIB);
    journal = await Journal.load(fsPromises, folder, 'two');
    await clip('b.mp4', NOW - 4, 100 * MIB);
    const statfs = () => Promise.resolve({ bavail: 950 * MIB, bsize: 1, blocks: 1 });
    const told: string[] = [];
    const limits = { keepDays: 0, keepGiB: 0, keepFreeGiB: 1 };
    const fsOf = { ...fsPromises, statfs } as unknown as RecorderFs;
    await retain(fsOf, journal, [first, journal], limits, NOW, ({ file }) => told.push(file));
    assert.deepEqual(told, ['a.mp4']);
  });

  it('forgets a file whose folder someone else has deleted, and rejects where one cannot be deleted', async () => {
    await clip('a/1.mp4', 0, 10, 'a/1.jpg');
    fs.rmSync(path.join(folder, 'a'), { recursive: true });
    assert.deepEqual(await limit({ keepDays: 1 }), []);
    assert.equal(journal.files, 0);
    await clip('2.mp4', 0);
    const refusal = Object.assign(new Error('no'), { code: 'EACCES' });
    const fsOf: RecorderFs = { ...fsPromises, unlink: () => Promise.reject(refusal) };
    const limits = { keepDays: 1, keepGiB: 0 };
    await assert.rejects(
      retain(fsOf, journal, [journal], limits, NOW, () => assert.fail('it is there')),
      refusal,
    );
    assert.equal(journal.files, 1);
  });

  it('deletes nothing where no limit is set, and then asks no disk how full it is', async () => {
    await clip('1.mp4', 0, 2 ** 50);
    const deleted: Deleted[] = [];
    const disk = { ...fsPromises, statfs: () => Promise.reject(new Error('asked')) };
    const limits = { keepDays: 0, keepGiB: 0 };
    await retain(disk, journal, [journal], limits, NOW, (one) => deleted.push(one));
    assert.deepEqual(deleted, []);
  });

  it('deletes no file that is not in the journal, and no other recorder’s', async () => {
    await clip('a/1.mp4', 0);
    fs.writeFileSync(path.join(folder, 'a', 'holiday.mp4'), 'mine');
    const other = await Journal.load(fsPromises, folder, 'two');
    await other.closed('theirs.mp4', { file: 'theirs.mp4', end: 0, bytes: 1 });
    fs.writeFileSync(path.join(folder, 'theirs.mp4'), 'theirs');
    await limit({ keepDays: 1 });
    assert.deepEqual(fs.readdirSync(path.join(folder, 'a')), ['holiday.mp4']);
    assert.ok(fs.existsSync(path.join(folder, 'theirs.mp4')));
  });

  it('follows no link out of the folder, and no path in a forged journal', async () => {
    const outside = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-outside-')));
    fs.writeFileSync(path.join(outside, '1.mp4'), 'mine');
    await clip('a/1.mp4', 0);
    fs.rmSync(path.join(folder, 'a'), { recursive: true });
    fs.symlinkSync(outside, path.join(folder, 'a'));
    const forged = path.join('..', path.basename(outside), '1.mp4');
    fs.appendFileSync(
      journalFile(),
      [forged, path.join(outside, '1.mp4'), '']
        .map((file) => `${JSON.stringify({ op: 'done', file, end: 0, bytes: 1 })}\n`)
        .join(''),
    );
    journal = await reload();
    assert.equal(journal.files, 1);
    assert.deepEqual(await limit({ keepDays: 1 }), []);
    assert.deepEqual(fs.readdirSync(outside), ['1.mp4']);
    fs.rmSync(outside, { recursive: true });
  });

  it('forgets a file that someone else has deleted, and says nothing', async () => {
    await clip('1.mp4', 0);
    fs.unlinkSync(path.join(folder, '1.mp4'));
    assert.deepEqual(await limit({ keepDays: 1 }), []);
    assert.equal((await reload()).files, 0);
  });

  it('is read again as it was written, whatever moment it was cut at', async () => {
    await clip('1.mp4', NOW, 5);
    await clip('2.mp4', NOW, 6);
    await journal.opened({ file: '3.mp4', start: 1, reason: 'door', codec: 'h265', width: 2, height: 3 });
    const text = fs.readFileSync(journalFile(), 'utf8');
    for (let length = 0; length <= text.length; length += 7) {
      fs.writeFileSync(journalFile(), text.slice(0, length));
      const read = await reload();
      assert.ok(read.files <= 2 && read.unfinished.length <= 1);
      await read.closed('4.mp4', { file: '4.mp4', end: 1, bytes: 1 });
      assert.equal((await reload()).files, read.files, 'a line after a torn one is whole');
    }
    fs.writeFileSync(journalFile(), text);
    const [open] = (await reload()).unfinished;
    assert.deepEqual(open, { file: '3.mp4', start: 1, reason: 'door', codec: 'h265', width: 2, height: 3 });
  });

  it('is written anew when most of its lines say nothing any more', async () => {
    await clip('kept.mp4', NOW);
    for (let i = 0; i < 1200; i++) await journal.removed(`${i}.mp4`);
    assert.ok(fs.readFileSync(journalFile(), 'utf8').split('\n').length < 300);
    assert.equal((await reload()).files, 1);
  });

  it('takes nothing from lines that are no entries', async () => {
    fs.writeFileSync(
      journalFile(),
      'junk\n{}\n[]\nnull\n{"op":"done","file":3}\n{"op":"done","file":"a"}\n{"op":"x","file":"a"}\n',
    );
    const read = await reload();
    assert.equal(read.files + read.unfinished.length, 0);
  });
});
