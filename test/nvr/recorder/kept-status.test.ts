import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import { keptStatus } from '../../../lib/nvr/recorder/kept-status.js';
import type { RetentionLimits } from '../../../lib/nvr/recorder/retention.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1_760_000_000_000;
const GIB = 1024 ** 3;

describe('how long recordings last', () => {
  let folder: string;
  let journal: Journal;

  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-kept-'));
    journal = await Journal.load(fsPromises, folder, 'one');
  });

  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** Files of an hour and 1 GiB each, up to now. */
  async function record(hours: number): Promise<void> {
    for (let hour = hours; hour > 0; hour--) {
      const start = NOW - hour * HOUR;
      const untold = { start, end: start + HOUR, alarms: [], gaps: [], damagedSpans: [] } as never;
      await journal.closed(`${hour}.mp4`, { file: `${hour}.mp4`, end: start + HOUR, bytes: GIB, untold });
    }
  }

  function status(limits: Partial<RetentionLimits> = {}, free = 100 * GIB): ReturnType<typeof keptStatus> {
    const mate = { journal, limits: { keepDays: 0, keepGiB: 0, ...limits } };
    return keptStatus(journal, [mate], { free, reserve: GIB }, NOW);
  }

  it('tells hours, the oldest, bytes a day, and when the disk will be full', async () => {
    await record(48);
    assert.deepEqual(status(), {
      keptFiles: 0,
      hoursKept: 48,
      oldest: NOW - 2 * DAY,
      bytesPerDay: 24 * GIB,
      freeBytes: 100 * GIB,
      fullAt: Math.round(NOW + (99 / 24) * DAY),
    });
  });

  it('tells of no full disk where limits keep from it', async () => {
    await record(48);
    assert.equal(status({ keepGiB: 147 }).fullAt, undefined);
    assert.ok(status({ keepGiB: 148 }).fullAt! > NOW);
    assert.equal(status({ keepDays: 6 }).fullAt, undefined);
    assert.ok(status({ keepDays: 7 }).fullAt! > NOW);
    assert.equal(status({ keepFolderGiB: 147 }).fullAt, undefined);
    assert.equal(status({ keepFreeGiB: 2 }).fullAt, undefined);
  });

  it('tells no pace of a few minutes, and nothing of an empty folder or a disk that does not say', async () => {
    assert.deepEqual(status({}, Infinity), { keptFiles: 0, hoursKept: 0 });
    const untold = { start: NOW - 60_000, end: NOW, alarms: [], gaps: [], damagedSpans: [] } as never;
    await journal.closed('1.mp4', { file: '1.mp4', end: NOW, bytes: GIB, untold });
    assert.equal(status().bytesPerDay, undefined);
    await record(3);
    await journal.keep('1.mp4', true);
    assert.equal(status().keptFiles, 1);
  });
});
