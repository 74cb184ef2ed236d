import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { NvrError } from '../../../lib/errors.js';
import { Clip } from '../../../lib/nvr/recorder/clip.js';
import {
  Journal,
  LAPSE,
  SEGMENT,
  type CaseEntry,
  type ClipReport,
  type DoneEntry,
  type OpenEntry,
} from '../../../lib/nvr/recorder/journal.js';
import { PartFile } from '../../../lib/nvr/recorder/part-file.js';
import { recover, type RecoveryListener } from '../../../lib/nvr/recorder/recovery.js';
import type { ClipInfo, KeptMessage, RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { clipContext } from '../../kit/clip-context.js';
import { clipUnits } from '../../kit/picture-units.js';
import { systemError } from '../../kit/recorder-rig.js';

const UNITS = clipUnits('h264', 50);
const START = UNITS[0]!.time;
const LENGTH_MS = 50 * (UNITS[1]!.time - START);
const MESSAGE = { topic: 'door' };
const ALARM = { time: START + 1000, reason: 'door' };

interface Finished {
  info: ClipInfo;
  last: boolean;
  message: KeptMessage | undefined;
  id: string | undefined;
}

describe('what an earlier run left', () => {
  /** A whole clip. */
  let clip: Buffer;
  let root: string;
  let journal: Journal;
  let finished: Finished[];
  let failed: { error: NvrError; message: KeptMessage | undefined }[];
  let ended: [string, number][];
  /** Whether a flow receives what is told of a file. */
  let isReached: (file: string) => boolean;

  const newFolder = (): string => fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-recovery-')));

  before(async () => {
    const folder = newFolder();
    const context = clipContext(await Journal.load(fsPromises, folder, 'test'));
    const made = new Clip(
      context,
      { number: 0, reason: 'door', source: 'live', order: 1, takeAlarms: () => [] },
      [],
    );
    for (const unit of UNITS) made.push(unit);
    await made.end(Infinity);
    clip = fs.readFileSync(path.join(folder, 'door.mp4'));
    fs.rmSync(folder, { recursive: true });
  });

  beforeEach(async () => {
    root = newFolder();
    journal = await Journal.load(fsPromises, root, 'test');
    finished = [];
    failed = [];
    ended = [];
    isReached = () => true;
  });

  afterEach(() => {
    fs.rmSync(root, { recursive: true, force: true });
  });

  const listener: RecoveryListener = {
    finished: (info, last, message, id) => {
      finished.push({ info, last, message, id });
      return isReached(path.basename(info.file));
    },
    failed: (error, message) => {
      failed.push({ error, message });
      return isReached('');
    },
    onCaseEnded: ({ id }, missingMs) => ended.push([id, missingMs]),
  };
  const recovered = (changes: Partial<RecorderFs> = {}): Promise<void> =>
    recover({ ...fsPromises, ...changes }, journal, '/clips', listener, journal.leftovers);
  const alarm = (id: string, more: Partial<CaseEntry> = {}): Promise<void> =>
    journal.alarmed({
      ...{ id, reason: 'door', from: START - 500, to: START + LENGTH_MS + 700, alarms: [ALARM] },
      ...{ message: MESSAGE, ...more },
    });
  async function begun(file: string, more: Partial<OpenEntry> = {}, bytes = clip): Promise<void> {
    fs.writeFileSync(path.join(root, `${file}.part`), bytes);
    const entry = { file, start: START, reason: 'door', codec: 'h264', width: 640, height: 360, ...more };
    await journal.opened(entry);
  }
  const gaps = (...lengths: number[]): ClipReport['gaps'] => lengths.map((ms, at) => ({ at, ms }));
  async function whole(file: string, more: Partial<DoneEntry>, report?: Partial<ClipReport>): Promise<void> {
    fs.writeFileSync(path.join(root, file), clip);
    const undelivered = { alarms: [], gaps: [], damagedSpans: [], source: 'live', ...report } as never;
    await journal.closed(file, {
      ...{ file, end: START, bytes: clip.length },
      ...(report !== undefined && { undelivered }),
      ...more,
    });
  }
  const files = (): string[] => fs.readdirSync(root).filter((name) => !name.startsWith('.nvr-'));
  const told = (): [string, boolean][] => finished.map(({ info, last }) => [path.basename(info.file), last]);

  describe('as a file that is not finished', () => {
    it('is finished and told as the alarm’s, with what is missing of the time that was asked for', async () => {
      await alarm('a');
      await begun('1.mp4', { id: 'a' });
      await recovered();
      const [{ info, last, message, id }, ...more] = finished as [Finished];
      assert.deepEqual(
        { last, message, id, more, files: files() },
        { last: true, message: MESSAGE, id: 'a', more: [], files: ['1.mp4'] },
      );
      const { sha256, gaps: holes, coverage, ...rest } = info;
      assert.deepEqual(rest, {
        ...{ file: '/clips/1.mp4', start: START, end: START + LENGTH_MS, durationMs: LENGTH_MS, frames: 50 },
        ...{ bytes: clip.length, codec: 'h264', width: 640, height: 360, audio: false, reason: 'door' },
        ...{ preRollMs: 1000, alarms: [ALARM], damaged: 0, damagedSpans: [], source: 'live' },
        ...{ timeSource: 'arrival', recovered: true },
      });
      assert.equal(sha256?.length, 64);
      assert.deepEqual(holes, [
        { at: 0, ms: 500 },
        { at: 500 + LENGTH_MS, ms: 700 },
      ]);
      assert.equal(coverage, Math.floor((LENGTH_MS / (LENGTH_MS + 1200)) * 1000) / 1000);
      assert.deepEqual(ended, [['a', 1200]]);
      assert.deepEqual(
        { unfinished: journal.unfinished, undelivered: journal.leftovers.undelivered, files: journal.files },
        { unfinished: [], undelivered: [], files: 1 },
      );
    });

    it('has its own part of the time alone where another one came before it', async () => {
      await alarm('a');
      await whole('1.mp4', { id: 'a', delivered: { start: 0 } as never });
      await begun('2.mp4', { id: 'a' });
      await recovered();
      const [{ info }] = finished as [Finished];
      assert.deepEqual(
        { preRollMs: info.preRollMs, gaps: info.gaps },
        { preRollMs: 0, gaps: [{ at: LENGTH_MS, ms: 700 }] },
      );
    });

    it('lasts as long as it is, where that is longer than was asked for', async () => {
      await alarm('a', { from: START + 5000, to: START + 1000, alarms: [] });
      await begun('1.mp4', { id: 'a', timeSource: 'sr' });
      await recovered();
      const [{ info }] = finished as [Finished];
      assert.deepEqual(
        { preRollMs: info.preRollMs, source: info.source, timeSource: info.timeSource },
        { preRollMs: 0, source: 'playback', timeSource: 'sr' },
      );
      assert.equal(info.end, START + LENGTH_MS);
    });

    it('lacks its beginning as a part of all of its time, where it is longer than was asked for', async () => {
      await alarm('a', { from: START - 1000, to: START + 1000 });
      await begun('1.mp4', { id: 'a' });
      await recovered();
      const [{ info }] = finished as [Finished];
      assert.equal(info.coverage, LENGTH_MS / (LENGTH_MS + 1000));
    });

    it('has the alarms of its segment, and all of the time it lasts', async () => {
      await alarm(SEGMENT, { to: START + 90_000 });
      await begun('1.mp4', { id: SEGMENT });
      await recovered();
      const [{ info }] = finished as [Finished];
      assert.deepEqual(
        { preRollMs: info.preRollMs, gaps: info.gaps, coverage: info.coverage, alarms: info.alarms },
        { preRollMs: 0, gaps: [], coverage: 1, alarms: [ALARM] },
      );
      assert.deepEqual(failed, []);
    });

    it('begins with the alarm at the latest, and has another name where its own is taken', async () => {
      await alarm('a');
      fs.writeFileSync(path.join(root, '1.mp4'), 'theirs');
      await begun('1.mp4', { id: 'a', start: START + 5000 });
      await recovered();
      const [{ info }] = finished as [Finished];
      assert.deepEqual(
        { file: info.file, preRollMs: info.preRollMs },
        { file: '/clips/1-2.mp4', preRollMs: 0 },
      );
      assert.deepEqual(journal.unfinished, []);
      assert.deepEqual(
        [...journal.finished].map(({ file, delivered }) => [file, delivered?.recovered]),
        [['1-2.mp4', true]],
      );
    });

    it('continues an export, whose other files are told', async () => {
      await alarm('a');
      await whole('1.mp4', { id: 'a' }, { source: 'playback' });
      await begun('2.mp4', { id: 'a', timeSource: 'sr' });
      await recovered();
      assert.deepEqual(told(), [
        ['1.mp4', false],
        ['2.mp4', true],
      ]);
    });

    it('of a time-lapse ends when it was last written to, and never before it began', async () => {
      // A torn end: it is cut.
      const torn = Buffer.concat([clip, Buffer.from('torn')]);
      for (const name of ['1.mp4', '2.mp4']) await begun(name, { id: LAPSE }, torn);
      const written = new Map([
        ['1.mp4', START + 60_000],
        ['2.mp4', START - 60_000],
      ]);
      const open = (async (...args: Parameters<RecorderFs['open']>) => {
        const handle = await fsPromises.open(...args);
        const stat = handle.stat.bind(handle) as unknown as () => Promise<fs.Stats>;
        const mtimeMs = written.get(path.basename(String(args[0]), '.part'));
        handle.stat = (async () => Object.assign(await stat(), { mtimeMs })) as unknown as typeof handle.stat;
        return handle;
      }) as RecorderFs['open'];
      await recovered({ open });
      assert.deepEqual(
        finished.map(({ info }) => [info.end, info.coverage, info.gaps]),
        [
          [START + 60_000, 1, []],
          [START, 1, []],
        ],
      );
    });

    it('is nothing where nothing of it can be played, and the alarm has failed then', async () => {
      await alarm('a');
      await begun('1.mp4', { id: 'a' }, Buffer.from('nothing'));
      await recovered();
      assert.deepEqual(
        { finished, files: files(), unfinished: journal.unfinished },
        { finished: [], files: [], unfinished: [] },
      );
      assert.deepEqual(
        failed.map(({ error, message }) => [error.code, message]),
        [['EUNREACHABLE', MESSAGE]],
      );
    });

    it('is forgotten where its folder is gone or leads out, and does not keep others from being told', async () => {
      await journal.opened({ file: 'gone/1.mp4', start: 1, reason: '', codec: '', width: 0, height: 0 });
      fs.symlinkSync(os.tmpdir(), path.join(root, 'out'));
      await journal.opened({ file: 'out/1.mp4', start: 1, reason: '', codec: '', width: 0, height: 0 });
      await begun('2.mp4');
      await recovered();
      assert.deepEqual(
        { told: told(), unfinished: journal.unfinished },
        { told: [['2.mp4', true]], unfinished: [] },
      );
    });

    it('is left to the next start where the disk fails', async () => {
      await begun('1.mp4');
      const rename: RecorderFs['rename'] = () => Promise.reject(systemError('EIO'));
      await assert.rejects(recovered({ rename }), { code: 'EIO' });
      assert.equal(journal.unfinished.length, 1);
    });

    it('is no one’s business while this process writes it, and neither is its alarm', async () => {
      await alarm('a');
      const announce = (file: string): Promise<void> =>
        journal.opened({ file, id: 'a', start: 1, reason: '', codec: '', width: 0, height: 0 });
      const part = await PartFile.open(fsPromises, root, ['1'], '.mp4', 0o640, announce, announce);
      await part.write(clip);
      await alarm('b');
      await recovered();
      assert.deepEqual(
        { finished, failed: failed.length, ended: ended.map(([id]) => id) },
        { finished: [], failed: 1, ended: ['b'] },
      );
      await part.rescue();
    });
  });

  describe('as clips that reached no flow', () => {
    it('is told in its order, with the last file of each alarm, and noted where it was received', async () => {
      await alarm('a');
      await alarm('b');
      await whole('1.mp4', { id: 'a', thumbnail: '1.jpg' }, { gaps: gaps(100, 200) });
      await whole('2.mp4', { id: 'b' }, { gaps: gaps(7) });
      await whole('3.mp4', { id: 'a' }, { gaps: gaps(1000) });
      await whole('4.mp4', {}, {});
      await whole('5.mp4', {}, {});
      isReached = (file) => file !== '1.mp4' && file !== '4.mp4';
      await recovered();
      assert.deepEqual(told(), [
        ['1.mp4', false],
        ['2.mp4', true],
        ['3.mp4', true],
        ['4.mp4', true],
        ['5.mp4', true],
      ]);
      assert.equal(finished[0]!.info.thumbnail, '/clips/1.jpg');
      assert.equal(finished[0]!.info.recovered, true);
      assert.deepEqual(
        journal.leftovers.undelivered.map(({ file }) => file),
        ['1.mp4', '4.mp4'],
      );
      assert.deepEqual(ended, [['b', 7]], 'the other one is told again');
      ended = [];
      isReached = () => true;
      await recovered();
      assert.deepEqual(ended.slice(0, 1), [['a', 300]]);
    });

    it('adds up the gaps of all of its files', async () => {
      await alarm('a');
      await whole('1.mp4', { id: 'a' }, { gaps: gaps(100, 200) });
      await whole('2.mp4', { id: 'a' }, { gaps: gaps(1000) });
      await recovered();
      assert.deepEqual(ended, [['a', 1300]]);
    });

    it('is fetched no more where it was fetched', async () => {
      await alarm('a', { missing: { ms: 5000, since: 0 } });
      await whole('1.mp4', { id: 'a' }, { gaps: gaps(4000), source: 'playback' });
      await recovered();
      assert.deepEqual({ told: told(), ended }, { told: [['1.mp4', true]], ended: [['a', 0]] });
    });

    it('is told though the journal cannot note it', async () => {
      await whole('1.mp4', {}, {});
      await whole('2.mp4', {}, {});
      Object.assign(journal, { delivered: () => Promise.reject(systemError('ENOSPC')) });
      await recovered();
      assert.equal(finished.length, 2);
    });
  });

  describe('as alarms', () => {
    it('has failed, once that was received, where there is no file; all that was asked for is missing', async () => {
      await alarm('a');
      isReached = () => false;
      await recovered();
      assert.deepEqual({ failed: failed.length, ended }, { failed: 1, ended: [] });
      isReached = () => true;
      await recovered();
      assert.deepEqual({ failed: failed.length, ended }, { failed: 2, ended: [['a', LENGTH_MS + 1200]] });
    });

    it('of a segment is over without a word where nothing of that is left', async () => {
      await alarm(SEGMENT);
      await recovered();
      assert.deepEqual({ failed, ended: ended.map(([id]) => id) }, { failed: [], ended: [SEGMENT] });
    });

    it('is over where its files were told before', async () => {
      await alarm('a');
      await whole('1.mp4', { id: 'a', delivered: { gaps: gaps(9) } as never });
      await recovered();
      assert.deepEqual({ failed, finished, ended }, { failed: [], finished: [], ended: [['a', 0]] });
    });

    it('is fetched as before where its recording had ended, without the parts of a fetch that a kill ended', async () => {
      await alarm('a', { missing: { ms: 5000, since: 0 } });
      await whole('live.mp4', { id: 'a' }, { gaps: gaps(5000) });
      await whole('1.mp4', { id: 'a', thumbnail: '1.jpg' }, { source: 'playback' });
      fs.writeFileSync(path.join(root, '1.jpg'), '');
      await whole('other.mp4', { id: 'b' }, { source: 'playback' });
      await begun('2.mp4', { id: 'a' });
      await recovered();
      assert.deepEqual(told(), [
        ['live.mp4', true],
        ['other.mp4', true],
      ]);
      assert.deepEqual(files().sort(), ['live.mp4', 'other.mp4']);
      assert.deepEqual({ failed, ended }, { failed: [], ended: [['a', 5000]] });
      assert.deepEqual(
        { files: journal.files, unfinished: journal.unfinished },
        { files: 2, unfinished: [] },
      );
    });

    it('is fetched as before where nothing of it was fetched yet', async () => {
      await alarm('a', { missing: { ms: 5000, since: 0 } });
      await recovered();
      assert.deepEqual({ failed, ended }, { failed: [], ended: [['a', 5000]] });
    });
  });
});
