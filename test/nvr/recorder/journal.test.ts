import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import { Journal, reportOf, type ClipReport } from '../../../lib/nvr/recorder/journal.js';
import { JournalEntries } from '../../../lib/nvr/recorder/journal-entries.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { useFolder } from '../../kit/folder.js';
import { alarm, done, names, opened, REPORT } from '../../kit/journal-entries.js';
import { systemError } from '../../kit/recorder-rig.js';

describe('a recorder’s journal on the disk', () => {
  let folder: string;
  useFolder((name) => (folder = name));

  /** The file's lines. */
  function lines(): Record<string, unknown>[] {
    const text = fs.readFileSync(path.join(folder, '.nvr-record-one.jsonl'), 'utf8');
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  const load = (): Promise<Journal> => Journal.load(fsPromises, folder, 'one');

  it('names a report `untold` until it is delivered, as versions before read and write it', async () => {
    const journal = await load();
    await journal.closed('1.mp4', { file: '1.mp4', end: 2000, bytes: 7, undelivered: REPORT });
    await journal.delivered('1.mp4');
    assert.deepEqual(lines(), [
      { op: 'done', file: '1.mp4', end: 2000, bytes: 7, untold: REPORT },
      { op: 'told', file: '1.mp4' },
    ]);
  });

  it('names a delivered report `story` once the file is rewritten', async () => {
    const journal = await load();
    await journal.closed('1.mp4', { file: '1.mp4', end: 2000, bytes: 7, undelivered: REPORT });
    await journal.delivered('1.mp4');
    const other = await Journal.load(fsPromises, folder, 'two');
    await other.closed('2.mp4', { file: '2.mp4', end: 3000, bytes: 7, undelivered: REPORT });
    await journal.absorb(other, '.nvr-record-two.jsonl');
    assert.deepEqual(lines(), [
      { op: 'done', file: '1.mp4', end: 2000, bytes: 7, story: REPORT },
      { op: 'done', file: '2.mp4', end: 3000, bytes: 7, untold: REPORT },
    ]);
  });

  it('is read back with what was delivered and what was not', async () => {
    const written = await load();
    for (const file of ['1.mp4', '2.mp4'])
      await written.closed(file, { file, end: 2000, bytes: 7, undelivered: REPORT });
    await written.delivered('1.mp4');
    const { leftovers, finished } = await load();
    assert.deepEqual(
      leftovers.undelivered.map(({ file }) => file),
      ['2.mp4'],
    );
    assert.deepEqual([...finished].map(reportOf), [REPORT, REPORT]);
  });

  const ops = (): unknown[] => lines().map(({ op }) => op);

  describe('counts', () => {
    it('the bytes of each finished file once, and those of kept ones apart', async () => {
      const journal = await load();
      await journal.closed('1.mp4', done('1.mp4', { bytes: 10 }));
      await journal.closed('1.mp4', done('1.mp4', { bytes: 20 }));
      await journal.closed('2.mp4', done('2.mp4', { bytes: 100 }));
      assert.deepEqual(
        { files: journal.files, bytes: journal.bytes, unkeptBytes: journal.unkeptBytes },
        { files: 2, bytes: 120, unkeptBytes: 120 },
      );
      await journal.keep('2.mp4', true);
      await journal.keep('2.mp4', true);
      assert.deepEqual(
        { bytes: journal.bytes, unkeptBytes: journal.unkeptBytes },
        { bytes: 120, unkeptBytes: 20 },
      );
      await journal.keep('2.mp4', false);
      assert.deepEqual(
        { bytes: journal.bytes, unkeptBytes: journal.unkeptBytes },
        { bytes: 120, unkeptBytes: 120 },
      );
      await journal.keep('2.mp4', true);
      await journal.thin('2.mp4', { bytes: 40, sha256: 'x', frames: 1 });
      await journal.thinned('2.mp4');
      assert.deepEqual(
        { bytes: journal.bytes, unkeptBytes: journal.unkeptBytes },
        { bytes: 60, unkeptBytes: 20 },
      );
      await journal.removed('2.mp4');
      await journal.removed('2.mp4');
      assert.deepEqual(
        { files: journal.files, bytes: journal.bytes, unkeptBytes: journal.unkeptBytes },
        { files: 1, bytes: 20, unkeptBytes: 20 },
      );
      const again = await load();
      assert.deepEqual(
        { files: again.files, bytes: again.bytes, unkeptBytes: again.unkeptBytes },
        { files: 1, bytes: 20, unkeptBytes: 20 },
      );
    });

    it('a thousand alarms that are not done, and lists a thousand in one: the first is forgotten, the last not listed', async () => {
      fs.writeFileSync(
        path.join(folder, '.nvr-record-one.jsonl'),
        [...Array(1001).keys()].map((id) => JSON.stringify({ op: 'alarm', ...alarm(`${id}`) })).join('\n') +
          '\n' +
          [...Array(1001).keys()]
            .map((time) =>
              JSON.stringify({ op: 'more', id: '7', to: 3000 + time, alarm: { time, reason: '' } }),
            )
            .join('\n'),
      );
      const { cases } = await load();
      assert.deepEqual(
        { cases: cases.length, firstId: cases[0]!.id, lastId: cases.at(-1)!.id },
        { cases: 1000, firstId: '1', lastId: '1000' },
      );
      const { to, alarms } = cases.find(({ id }) => id === '7')!;
      assert.deepEqual(
        { to, alarms: alarms.length, time: alarms.at(-1)!.time },
        { to: 4000, alarms: 1000, time: 998 },
      );
    });

    it('two hundred thousand files at most, and forgets the first', () => {
      class Entries extends JournalEntries {
        finish(file: string): void {
          this.applyFile({ op: 'done', ...done(file, { bytes: 1 }) });
        }
      }
      const entries = new Entries();
      for (let index = 0; index < 200_001; index++) entries.finish(`${index}`);
      assert.deepEqual(
        [entries.files, entries.bytes, entries.find('0'), entries.find('1')?.file],
        [200_000, 200_000, undefined, '1'],
      );
    });
  });

  describe('writes', () => {
    it('nothing that says nothing new', async () => {
      const journal = await load();
      await journal.caseDone('unknown');
      await journal.delivered('unknown.mp4');
      await journal.keep('unknown.mp4', true);
      assert.deepEqual(fs.readdirSync(folder), []);
      await journal.closed('1.mp4', done('1.mp4', { delivered: REPORT }));
      await journal.delivered('1.mp4');
      await journal.keep('1.mp4', false);
      await journal.opened(opened('2.mp4'));
      await journal.keep('2.mp4', false);
      assert.deepEqual(ops(), ['done', 'open']);
    });

    it('on where the disk refused a line', async () => {
      let isFull = false;
      const open: RecorderFs['open'] = (...args) =>
        isFull ? Promise.reject(systemError('ENOSPC')) : fsPromises.open(...args);
      const journal = await Journal.load({ ...fsPromises, open }, folder, 'one');
      await journal.alarmed(alarm('a'));
      isFull = true;
      await assert.rejects(journal.alarmed(alarm('b')), { code: 'ENOSPC' });
      isFull = false;
      await journal.caseDone('a');
      assert.deepEqual(ops(), ['alarm', 'over']);
      assert.deepEqual(journal.cases, [alarm('b')], 'this run knows it all the same');
    });

    it('its lines in the order in which they were said, however long the disk takes', async () => {
      let isFirst = true;
      const open: RecorderFs['open'] = async (...args) => {
        const handle = await fsPromises.open(...args);
        if (isFirst) for (let turn = 0; turn < 30; turn++) await new Promise((go) => setImmediate(go));
        isFirst = false;
        return handle;
      };
      const journal = await Journal.load({ ...fsPromises, open }, folder, 'one');
      await Promise.all([journal.alarmed(alarm('a')), journal.missing('a', 1, 2), journal.caseDone('a')]);
      assert.deepEqual(ops(), ['alarm', 'missing', 'over']);
    });

    it('anew also what an earlier run has filled', async () => {
      const text = `${JSON.stringify({ op: 'gone', file: '1.mp4' })}\n`.repeat(1001);
      fs.writeFileSync(path.join(folder, '.nvr-record-one.jsonl'), text);
      await (await load()).alarmed(alarm('a'));
      assert.deepEqual(ops(), ['alarm']);
    });

    it('behind a line that a kill has cut, which is lost alone', async () => {
      const file = path.join(folder, '.nvr-record-one.jsonl');
      const line = JSON.stringify({ op: 'alarm', ...alarm('a') });
      fs.writeFileSync(file, `${line}\n{"op":"alarm","id"`);
      const journal = await load();
      await journal.alarmed(alarm('b'));
      await journal.alarmed(alarm('c'));
      assert.deepEqual(
        (await load()).cases,
        ['a', 'b', 'c'].map((id) => alarm(id)),
      );
      assert.equal(fs.readFileSync(file, 'utf8').split('\n').length, 5);
    });

    it('anew, with nothing lost, once a thousand lines more than twice its entries are there', async () => {
      const journal = await load();
      await journal.alarmed(alarm('a', { message: { topic: 'x' }, camera: 'gate' }));
      await journal.missing('a', 400, 1700);
      await journal.opened(opened('1.mp4', { id: 'a', timeSource: 'sr' }));
      await journal.keep('1.mp4', true);
      await journal.closed('2.mp4', done('2.mp4', { thumbnail: '2.jpg', id: 'a', undelivered: REPORT }));
      await journal.thin('2.mp4', { bytes: 3, sha256: 'x', frames: 1 });
      fs.writeFileSync(path.join(folder, '.nvr-record-one.jsonl.new'), 'of a kill');
      for (let line = 6; line < 1006; line++) await journal.alarmed(alarm('b', { to: line }));
      assert.equal(lines().length, 1006, 'not yet');
      const before = journal.leftovers;
      await journal.alarmed(alarm('b', { to: 1005 }));
      await journal.alarmed(alarm('b', { to: 1005 }));
      assert.equal(lines().length, 1008);
      await journal.alarmed(alarm('b', { to: 1005 }));
      assert.equal(lines().length, 4);
      const after = await load();
      assert.deepEqual(after.leftovers, before);
      assert.deepEqual(journal.leftovers, before);
      assert.deepEqual([...after.finished], [...journal.finished]);
      assert.deepEqual(fs.readdirSync(folder), ['.nvr-record-one.jsonl']);
      assert.equal(fs.statSync(path.join(folder, '.nvr-record-one.jsonl')).mode & 0o777, 0o600);
      await journal.caseDone('b');
      assert.equal(lines().length, 5, 'it counts from there');
    });
  });

  describe('says', () => {
    it('of a file under another name that it is kept as was said while it was written', async () => {
      const journal = await load();
      await journal.opened(opened('1.mp4'));
      await journal.keep('1.mp4', true);
      await journal.opened(opened('3.mp4'));
      await journal.keep('3.mp4', true);
      await journal.keep('3.mp4', false);
      await journal.closed('1.mp4', done('1-2.mp4'));
      await journal.closed('3.mp4', done('3.mp4'));
      for (const one of [journal, await load()]) {
        assert.deepEqual([...one.finished], [done('1-2.mp4', { kept: true }), done('3.mp4')]);
        assert.deepEqual(one.unfinished, []);
      }
      assert.deepEqual(ops().slice(-3), ['done', 'gone', 'done'], 'a kill in between loses no file');
      await journal.opened(opened('3.mp4'));
      assert.deepEqual(
        { finished: names(journal.finished), unfinished: names(journal.unfinished) },
        { finished: ['1-2.mp4'], unfinished: ['3.mp4'] },
      );
    });

    it('what an alarm’s clip is, and no more once it is over', async () => {
      const journal = await load();
      await journal.alarmed(alarm('a'));
      await journal.extended('a', 5000, { time: 4000, reason: 'window' });
      await journal.extended('a', 6000);
      await journal.extended('b', 6000);
      await journal.missing('a', 300, 7000);
      await journal.missing('b', 300, 7000);
      const expected = alarm('a', {
        to: 6000,
        alarms: [
          { time: 1500, reason: 'door' },
          { time: 4000, reason: 'window' },
        ],
        missing: { ms: 300, since: 7000 },
      });
      for (const one of [journal, await load()]) assert.deepEqual(one.cases, [expected]);
      await journal.caseDone('a');
      for (const one of [journal, await load()]) assert.deepEqual(one.cases, []);
    });

    it('that a thinned file has no sound, and that one is whole whose thinning was given up', async () => {
      const journal = await load();
      const thinned = { bytes: 3, sha256: 'x', frames: 1 };
      await journal.closed('1.mp4', done('1.mp4', { undelivered: REPORT }));
      await journal.closed('2.mp4', done('2.mp4', { delivered: REPORT }));
      await journal.closed('3.mp4', done('3.mp4'));
      for (const file of ['1.mp4', '2.mp4', '3.mp4']) await journal.thin(file, thinned);
      for (const one of [journal, await load()])
        assert.deepEqual(
          [...one.finished].map(({ thinning, bytes }) => [thinning, bytes]),
          Array(3).fill([thinned, 7]),
        );
      await journal.thinned('1.mp4');
      await journal.thinned('2.mp4');
      await journal.notThinned('3.mp4');
      await journal.thinned('3.mp4');
      const report = { ...REPORT, ...thinned, audio: false, thinned: true };
      for (const one of [journal, await load()])
        assert.deepEqual(
          [...one.finished],
          [
            done('1.mp4', { bytes: 3, undelivered: report as ClipReport }),
            done('2.mp4', { bytes: 3, delivered: report as ClipReport }),
            done('3.mp4'),
          ],
        );
    });

    it('of a delivered file the first twenty alarms, and a hundred gaps and damaged spans', async () => {
      const journal = await load();
      const list = (length: number): never[] => Array.from({ length }, (_, at) => ({ at }) as never);
      const long = { ...REPORT, alarms: list(21), gaps: list(101), damagedSpans: list(101) };
      await journal.closed('1.mp4', done('1.mp4', { undelivered: long }));
      await journal.delivered('1.mp4');
      const [{ delivered, undelivered } = done('')] = journal.finished;
      assert.equal(undelivered, undefined);
      const short = { ...REPORT, alarms: list(20), gaps: list(100), damagedSpans: list(100) };
      assert.deepEqual(delivered, short);
    });

    it('which files come first: those that were finished first, whatever was said of them since', async () => {
      const journal = await load();
      for (const file of ['1.mp4', '2.mp4']) await journal.closed(file, done(file, { undelivered: REPORT }));
      await journal.keep('1.mp4', true);
      await journal.delivered('1.mp4');
      assert.deepEqual(names(journal.finished), ['1.mp4', '2.mp4']);
      assert.equal(journal.unkeptBytes, 7, 'it is still kept');
      assert.deepEqual(names(journal.leftovers.undelivered), ['2.mp4']);
    });
  });

  describe('is read', () => {
    const read = (...texts: string[]): Promise<Journal> => {
      fs.writeFileSync(path.join(folder, '.nvr-record-one.jsonl'), `${texts.join('\n')}\n`);
      return load();
    };

    it('without lines that are none, or lead out of the folder', async () => {
      const bad = [
        ...['null', '7', '[]', '{"op":"done"', '{"op":"done","file":7,"end":1,"bytes":1}'],
        ...['{"op":"done","file":"../1.mp4","end":1,"bytes":1}', '{"op":"other","file":"1.mp4"}'],
        ...['{"op":"done","file":"1.mp4","end":"1","bytes":1}', '{"op":"done","file":"1.mp4","end":1}'],
        '{"op":"done","file":"1.mp4","end":1,"bytes":1,"thumbnail":"../1.jpg"}',
        ...['{"op":"open","file":"1.mp4"}', '{"op":"open","file":"1.mp4","start":"1"}'],
        ...['{"op":"alarm","id":7,"from":1,"to":2}', '{"op":"alarm","id":"a","from":1}'],
        ...['{"op":"alarm","id":["a"],"from":1,"to":2}', '{"op":"alarm","from":1,"to":2}'],
        ...['{"op":"alarm","id":"a","to":1}', '{"op":"more","id":"a"}'],
      ];
      const journal = await read(...bad);
      assert.deepEqual(
        {
          files: journal.files,
          unfinished: journal.unfinished,
          cases: journal.cases,
          camera: journal.camera,
        },
        { files: 0, unfinished: [], cases: [], camera: undefined },
      );
    });

    it('without what is damaged in a line', async () => {
      const journal = await read(
        `{"op":"alarm","id":"${'x'.repeat(101)}","from":1,"to":2,"alarms":[7,{"time":"x"},{"time":3}],"message":7,"camera":7,"missing":{"ms":1}}`,
        `{"op":"missing","id":"${'x'.repeat(100)}","ms":1}`,
        `{"op":"missing","id":"${'x'.repeat(100)}","since":1}`,
        '{"op":"done","file":"1.mp4","end":1,"bytes":1,"untold":[],"story":7,"kept":1,"thinning":{"bytes":1}}',
        '{"op":"open","file":"2.mp4","start":1,"width":"x","codec":7,"timeSource":7}',
        '{"op":"thin","file":"1.mp4","bytes":1,"sha256":"x"}',
      );
      assert.deepEqual(journal.cases, [
        { id: 'x'.repeat(100), reason: '', from: 1, to: 2, alarms: [{ time: 3, reason: '' }] },
      ]);
      assert.deepEqual([...journal.finished], [{ file: '1.mp4', end: 1, bytes: 1 }]);
      assert.deepEqual(journal.unfinished, [
        { file: '2.mp4', start: 1, reason: '', codec: '', width: 0, height: 0 },
      ]);
    });

    it('only where it is a file of no more than 256 MiB, for its owner alone from then on', async () => {
      const file = path.join(folder, '.nvr-record-one.jsonl');
      fs.writeFileSync(file, `${JSON.stringify({ op: 'alarm', ...alarm('a') })}\n`, { mode: 0o644 });
      let size = 256 * 1024 ** 2 + 1;
      const lstat = (() => Promise.resolve({ isFile: () => true, size })) as unknown as RecorderFs['lstat'];
      const loaded = (): Promise<Journal> => Journal.load({ ...fsPromises, lstat }, folder, 'one');
      assert.deepEqual((await loaded()).cases, []);
      assert.equal(fs.statSync(file).mode & 0o777, 0o644);
      size--;
      assert.deepEqual((await loaded()).cases, [alarm('a')]);
      assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    });
  });
});
