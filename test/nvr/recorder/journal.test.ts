import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Journal, reportOf, type ClipReport } from '../../../lib/nvr/recorder/journal.js';

const REPORT = { start: 1000, end: 2000, alarms: [], gaps: [], damagedSpans: [] } as unknown as ClipReport;

describe('a recorder’s journal on the disk', () => {
  let folder: string;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-journal-'));
  });

  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

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
});
