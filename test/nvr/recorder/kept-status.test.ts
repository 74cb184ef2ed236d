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
      const undelivered = { start, end: start + HOUR, alarms: [], gaps: [], damagedSpans: [] } as never;
      await journal.closed(`${hour}.mp4`, {
        file: `${hour}.mp4`,
        end: start + HOUR,
        bytes: GIB,
        undelivered,
      });
    }
  }

  function status(limits: Partial<RetentionLimits> = {}, free = 100 * GIB): ReturnType<typeof keptStatus> {
    const mate = { journal, limits: { keepDays: 0, keepGiB: 0, ...limits } };
    return keptStatus(journal, [mate], { free, reserve: GIB }, NOW);
  }

  it('gives hours, the oldest time, bytes per day, and when the disk will be full', async () => {
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

  it('gives no time of a full disk if the limits prevent that', async () => {
    await record(48);
    assert.equal(status({ keepGiB: 147 }).fullAt, undefined);
    assert.ok(status({ keepGiB: 148 }).fullAt! > NOW);
    assert.equal(status({ keepDays: 6 }).fullAt, undefined);
    assert.ok(status({ keepDays: 7 }).fullAt! > NOW);
    assert.equal(status({ keepFolderGiB: 147 }).fullAt, undefined);
    assert.equal(status({ keepFreeGiB: 2 }).fullAt, undefined);
  });

  /** One file, from so many hours ago until so many hours ago. */
  async function file(from: number, to: number, gib: number, more: object = {}): Promise<void> {
    const [start, end] = [NOW - from * HOUR, NOW - to * HOUR];
    const undelivered = { start, end, alarms: [], gaps: [], damagedSpans: [], ...more } as never;
    const name = `${from}.mp4`;
    await journal.closed(name, { file: name, end, bytes: gib * GIB, undelivered });
  }

  it('counts hours of video without the pauses between clips, and finds the oldest in whatever order they were finished', async () => {
    await file(2, 1.5, 1);
    await file(100, 99, 1);
    await file(1, 0.75, 1);
    const { hoursKept, oldest, keptFiles } = status();
    assert.deepEqual(
      { hoursKept, oldest, keptFiles },
      { hoursKept: 1.8, oldest: NOW - 100 * HOUR, keptFiles: 0 },
    );
  });

  it('measures bytes per day over the last day, pauses included and thinned files left out', async () => {
    await file(48, 47, 500);
    await file(30, 29, 500);
    await file(12, 11, 3, { thinned: true });
    assert.equal(status().bytesPerDay, undefined);
    await file(10, 9, 2);
    await file(1, 0, 3);
    assert.equal(status().bytesPerDay, Math.round(((5 * GIB) / 10) * 24));
  });

  it('measures the same bytes per day for long and short files, and while one is being written', async () => {
    await file(48, 24.5, 47);
    await file(24.5, 6.5, 36);
    const entry = { reason: 'continuous', codec: 'h264', width: 640, height: 360 };
    await journal.opened({ file: 'open.mp4', start: NOW - 6.5 * HOUR, ...entry });
    // One that is fetched from the NVR is of long ago.
    const fetched = { ...entry, timeSource: 'onvif' } as const;
    await journal.opened({ file: 'fetched.mp4', start: NOW - 300 * HOUR, ...fetched });
    assert.equal(status().bytesPerDay, 48 * GIB);
    await journal.removed('open.mp4');
    await file(6.5, 0, 13);
    assert.equal(status().bytesPerDay, 48 * GIB);
  });

  it('adds up the bytes per day of all recorders that share the disk; none of them fills it if protected files alone exceed a limit', async () => {
    await record(24);
    const second = await Journal.load(fsPromises, folder, 'two');
    const undelivered = { start: NOW - DAY, end: NOW, alarms: [], gaps: [], damagedSpans: [] } as never;
    await second.closed('second.mp4', { file: 'second.mp4', end: NOW, bytes: 24 * GIB, undelivered });
    const limits = { keepDays: 0, keepGiB: 0 };
    const recorders = [journal, second].map((one) => ({ journal: one, limits }));
    const both = keptStatus(journal, recorders, { free: 49 * GIB, reserve: GIB }, NOW);
    assert.deepEqual(
      { bytesPerDay: both.bytesPerDay, fullAt: both.fullAt },
      { bytesPerDay: 24 * GIB, fullAt: NOW + DAY },
    );
    // Less room than the reserve: it is full now.
    const full = keptStatus(journal, recorders, { free: GIB / 2, reserve: GIB }, NOW);
    assert.deepEqual({ freeBytes: full.freeBytes, fullAt: full.fullAt }, { freeBytes: GIB / 2, fullAt: NOW });
    for (let hour = 24; hour > 0; hour--) await journal.keep(`${hour}.mp4`, true);
    assert.deepEqual(
      { keptFiles: status().keptFiles, fullAt: status({ keepGiB: 99 }).fullAt },
      { keptFiles: 24, fullAt: undefined },
    );
    assert.ok(status({ keepGiB: 100 }).fullAt! > NOW, 'kept files are beside the limit');
  });

  it('gives no bytes per day from a few minutes, and nothing for an empty folder or a disk of unknown size', async () => {
    assert.deepEqual(status({}, Infinity), { keptFiles: 0, hoursKept: 0 });
    const undelivered = { start: NOW - 60_000, end: NOW, alarms: [], gaps: [], damagedSpans: [] } as never;
    await journal.closed('1.mp4', { file: '1.mp4', end: NOW, bytes: GIB, undelivered });
    assert.equal(status().bytesPerDay, undefined);
    await record(3);
    await journal.keep('1.mp4', true);
    assert.equal(status().keptFiles, 1);
  });

  it('gives bytes per day from ten minutes of recordings on', async () => {
    await file(1 / 6 - 1 / 3600, 0, 1);
    assert.equal(status().bytesPerDay, undefined);
    await file(1 / 6, 1 / 6 - 1 / 3600, 0);
    assert.equal(status().bytesPerDay, 144 * GIB);
  });

  it('counts protected files not in the limit on the folder', async () => {
    await record(48);
    for (let hour = 48; hour > 24; hour--) await journal.keep(`${hour}.mp4`, true);
    assert.equal(status({ keepFolderGiB: 123 }).fullAt, undefined);
    assert.ok(status({ keepFolderGiB: 124 }).fullAt! > NOW);
  });

  describe('where another recorder shares the disk', () => {
    let second: Journal;
    const fullAt = (
      first: Partial<RetentionLimits>,
      other: Partial<RetentionLimits>,
      free = 100,
    ): number | undefined => {
      const none = { keepDays: 0, keepGiB: 0 };
      const recorders = [
        { journal, limits: { ...none, ...first } },
        { journal: second, limits: { ...none, ...other } },
      ];
      return keptStatus(journal, recorders, { free: free * GIB, reserve: GIB }, NOW).fullAt;
    };

    beforeEach(async () => {
      second = await Journal.load(fsPromises, folder, 'two');
      await record(24);
    });

    it('leaves out the limits of one that records nothing', () => {
      assert.equal(fullAt({ keepGiB: 100 }, {}), undefined);
      assert.ok(fullAt({ keepGiB: 200 }, {})! > NOW);
    });

    it('gives the room of one that is beyond its limit to no other', async () => {
      const undelivered = { start: NOW - DAY, end: NOW, alarms: [], gaps: [], damagedSpans: [] } as never;
      await second.closed('second.mp4', { file: 'second.mp4', end: NOW, bytes: 48 * GIB, undelivered });
      assert.ok(fullAt({ keepGiB: 124 }, { keepGiB: 1 })! > NOW);
      assert.equal(fullAt({ keepGiB: 123 }, { keepGiB: 1 }), undefined);
    });

    it('is never full where one of them keeps some of it free', () => {
      assert.equal(fullAt({ keepFreeGiB: 2 }, {}), undefined);
      assert.equal(fullAt({}, { keepFreeGiB: 2 }), undefined);
      assert.ok(fullAt({}, {})! > NOW);
    });
  });
});
