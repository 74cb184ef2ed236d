import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { LEAST_MISSING_MS, type FetchOutcome } from '../../../lib/nvr/recorder/backfill.js';
import { turnsOf } from '../../../lib/nvr/recorder/disk-turns.js';
import { fetchClip } from '../../../lib/nvr/recorder/fetch-clip.js';
import { Journal, type CaseEntry } from '../../../lib/nvr/recorder/journal.js';
import { Sound } from '../../../lib/nvr/recorder/sound.js';
import type { ClipInfo, RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { audioUnits } from '../../kit/recorded-units.js';
import { clipContext } from '../../kit/clip-context.js';
import { clipUnits } from '../../kit/picture-units.js';
import { systemError } from '../../kit/recorder-rig.js';

/** 40 s of pictures: what is asked for lies within. */
const ALL = clipUnits('h264', 500);
const FRAME_MS = ALL[1]!.time - ALL[0]!.time;
const FROM = ALL[0]!.time;

describe('an attempt to fetch what is missing of an alarm', () => {
  let folder: string;
  let journal: Journal;
  let changes: Partial<RecorderFs>;
  let thumbnail: Buffer | undefined;
  let reports: (readonly ClipInfo[])[];
  let aborted: AbortController;
  let asked: unknown[];

  beforeEach(async () => {
    folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-fetch-')));
    changes = {};
    thumbnail = undefined;
    reports = [];
    aborted = new AbortController();
    journal = await Journal.load(fsPromises, folder, 'test');
  });

  afterEach(() => {
    sinon.restore();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  function entryOf(seconds: number, missing?: number, more: Partial<CaseEntry> = {}): CaseEntry {
    const alarms = [{ time: FROM + 1500, reason: 'door' }];
    return {
      ...{ id: 'a', reason: 'door', from: FROM, to: FROM + seconds * 1000, alarms },
      ...(missing !== undefined && { missing: { ms: missing, since: 0 } }),
      ...more,
    };
  }

  interface Sent {
    error?: NvrError;
    units?: readonly VideoUnit[];
    /** Of the live stream. */
    sound?: Sound;
  }
  /** The NVR has so many ms of it, and then breaks off with the error, if there is one. */
  async function attempt(
    entry: CaseEntry,
    ms: number,
    { error, units = ALL, sound = new Sound() }: Sent = {},
  ): Promise<FetchOutcome> {
    async function* fetchSpan(...args: unknown[]): AsyncIterable<VideoUnit> {
      asked = args;
      for (const unit of units) {
        if (unit.time >= FROM + ms) break;
        yield unit;
      }
      if (error !== undefined) await Promise.reject(error);
    }
    const context = clipContext(journal, {
      sound,
      deps: { fs: { ...fsPromises, ...changes }, thumbnail: () => Promise.resolve(thumbnail) },
      emit: () => assert.fail('nothing of it is told'),
      trouble: () => assert.fail('the live stream says nothing about a recording'),
    });
    return fetchClip(context, entry, 7, fetchSpan, aborted.signal, (files) => reports.push(files));
  }

  const missingOf = ([info]: readonly ClipInfo[]): number => info!.gaps.reduce((sum, { ms }) => sum + ms, 0);
  const files = (): string[] =>
    fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => !name.startsWith('.nvr-'));
  /** Nothing of it is left, on the disk or in the journal. */
  function assertNothingLeft(): void {
    assert.deepEqual(
      { reports, files: files(), journalFiles: journal.files, unfinished: journal.unfinished },
      { reports: [], files: [], journalFiles: 0, unfinished: [] },
    );
  }

  it('asks for the span of the alarm, and gives a clip of it with its alarms and its place', async () => {
    const entry = entryOf(8, 8000);
    assert.deepEqual(await attempt(entry, 20_000), { done: true });
    assert.deepEqual(asked.slice(0, 3), [7, FROM, FROM + 8000]);
    assert.equal(asked[3], aborted.signal);
    const [[info, ...more]] = reports as [ClipInfo[]];
    assert.equal(more.length, 0);
    const { reason, source, alarms, start, preRollMs, coverage, durationMs } = info!;
    assert.equal(durationMs, 8000, 'what comes behind it is not part of it');
    assert.deepEqual(
      { reason, source, alarms, start, preRollMs, coverage },
      {
        ...{ reason: 'door', source: 'playback', alarms: entry.alarms, start: FROM },
        ...{ preRollMs: 1500, coverage: 1 },
      },
    );
    assert.deepEqual([...journal.finished][0]!.id, 'a');
  });

  it('begins with the first of its alarms, and has no sound of the live stream', async () => {
    const sound = new Sound();
    for (const unit of audioUnits('aac', 8, { begin: 0, epoch: FROM }))
      sound.take({ ...unit, arrival: unit.time });
    const alarms = [1500, 3000].map((after) => ({ time: FROM + after, reason: 'door' }));
    await attempt(entryOf(8, 8000, { alarms }), 20_000, { sound });
    const [{ preRollMs, audio, file }] = reports[0] as [ClipInfo];
    assert.deepEqual({ preRollMs, audio }, { preRollMs: 1500, audio: false });
    assert.equal(fs.readFileSync(file, 'latin1').includes('soun'), false, 'it has no track of sound');
  });

  it('is written behind all live recordings', async () => {
    const run = sinon.spy(turnsOf(journal.root), 'run');
    await attempt(entryOf(8), 20_000);
    assert.ok(run.callCount > 0);
    assert.ok(run.args.every(([order]) => order === Infinity));
  });

  it('reads no more once it is not wanted, though the NVR sends on', async () => {
    let read = 0;
    const units = ALL.map((unit, index) =>
      Object.defineProperty({ ...unit }, 'kind', {
        get: () => {
          read = Math.max(read, index);
          if (index === 50) aborted.abort();
          return 'video';
        },
        enumerable: true,
      }),
    );
    assert.deepEqual(await attempt(entryOf(20), 20_000, { units }), { done: false });
    assert.ok(read < 55, `${read} pictures were read`);
  });

  it('says why the NVR sent nothing', async () => {
    const error = new NvrError('ETIMEDOUT', 'The NVR is silent.');
    assert.deepEqual(await attempt(entryOf(8), 0, { error }), { done: false, error });
  });

  it('counts from its beginning where no alarm is listed', async () => {
    await attempt(entryOf(8, 8000, { alarms: [] }), 20_000);
    assert.equal(reports[0]![0]!.preRollMs, 0);
  });

  it('is worth a clip where it has more than a second more than before', async () => {
    await attempt(entryOf(20, 100_000), 10_000);
    const missing = missingOf(reports[0]!);
    assert.ok(missing >= 9900 && missing <= 10_000 + FRAME_MS, String(missing));
    assert.deepEqual(await attempt(entryOf(20, missing + 1001), 10_000), { done: true });
    reports = [];
    fs.rmSync(folder, { recursive: true });
    fs.mkdirSync(folder);
    journal = await Journal.load(fsPromises, folder, 'test');
    assert.deepEqual(await attempt(entryOf(20, missing + 1000), 10_000), { done: false });
    assertNothingLeft();
  });

  it('is worth a clip where no more than what is not fetched at all is missing', async () => {
    for (let ms = 17_500; ms < 18_500; ms += FRAME_MS) {
      reports = [];
      const { done } = await attempt(entryOf(20, 0), ms);
      const missing = done ? missingOf(reports[0]!) : Infinity;
      const fetched = Math.ceil(ms / FRAME_MS) * FRAME_MS;
      assert.equal(done, fetched >= 20_000 - LEAST_MISSING_MS, String(ms));
      if (done) assert.ok(missing <= LEAST_MISSING_MS, String(missing));
    }
  });

  it('says that the NVR has recorded nothing where nothing comes, however short it is', async () => {
    for (const seconds of [1, 8]) {
      const outcome = await attempt(entryOf(seconds), 0);
      assert.equal(outcome.done, false);
      assert.equal(outcome.error?.code, 'ENORECORDING');
      assert.match(outcome.error.message, /^No video came .*: the NVR has no recording/);
      assertNothingLeft();
    }
  });

  it('is worth a clip, if it broke off, only where a twentieth is missing at most', async () => {
    const error = new NvrError('ETIMEDOUT', 'The NVR is silent.');
    assert.deepEqual(await attempt(entryOf(20, 10_000), 18_900, { error }), { done: false, error });
    assertNothingLeft();
    assert.deepEqual(await attempt(entryOf(20, 10_000), 19_000, { error }), { done: true });
    assert.equal(reports.length, 1);
  });

  it('is given up where it is not wanted any more, though all of it came', async () => {
    const last = ALL.map((unit) => ({ ...unit }));
    const entry = entryOf(8);
    const end = last.findIndex(({ time }) => time >= entry.to - FRAME_MS);
    Object.defineProperty(last[end]!, 'data', {
      get: () => {
        aborted.abort();
        return ALL[end]!.data;
      },
      enumerable: true,
    });
    assert.deepEqual(await attempt(entry, 20_000, { units: last }), { done: false });
    assertNothingLeft();
  });

  /** Another format after 8 s: a second file. */
  const twoFormats = (): VideoUnit[] => [
    ...ALL.slice(0, 8000 / FRAME_MS),
    ...clipUnits('h265', 250).map((unit) => ({ ...unit, time: unit.time + 8000 })),
  ];

  it('gives all of its files, each with its part of the time, from where the alarm’s begins', async () => {
    const units = twoFormats().slice(25);
    assert.deepEqual(await attempt(entryOf(20, 20_000), 20_000, { units }), { done: true });
    const [first, second, ...more] = reports[0]!;
    assert.deepEqual(
      { reports: reports.length, firstCodec: first!.codec, secondCodec: second!.codec, more },
      { reports: 1, firstCodec: 'h264', secondCodec: 'h265', more: [] },
    );
    const begin = first!.start - FROM;
    assert.ok(begin >= 2000);
    assert.deepEqual(first!.gaps, [{ at: 0, ms: begin }]);
    assert.equal(second!.coverage, 1);
  });

  it('leaves none of several files where they are not worth it', async () => {
    const error = new NvrError('ETIMEDOUT', 'The NVR is silent.');
    const units = twoFormats();
    assert.deepEqual(await attempt(entryOf(20, 20_000), 15_000, { error, units }), { done: false, error });
    assertNothingLeft();
  });

  it('leaves nothing of a file in whose midst the disk fills up', async () => {
    let room = 60_000;
    changes.open = async (...args: Parameters<RecorderFs['open']>) => {
      const handle = await fsPromises.open(...args);
      const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
      if (String(args[0]).endsWith('.part'))
        handle.write = (async (data: Uint8Array, at: number, length: number, position: number) => {
          if ((room -= length) < 0) throw systemError('ENOSPC');
          return write(data, at, length, position);
        }) as typeof handle.write;
      return handle;
    };
    const { error } = (await attempt(entryOf(20, 20_000), 20_000)) as { error?: NvrError };
    assert.equal(error?.code, 'EDISK');
    assertNothingLeft();
  });

  it('leaves nothing where the disk fills up, of its files and pictures, and says so', async () => {
    thumbnail = Buffer.from('jpeg');
    changes.open = async (...args: Parameters<RecorderFs['open']>) => {
      if (reports.length === 0 && journal.files === 1 && String(args[0]).endsWith('.part'))
        throw systemError('ENOSPC');
      return fsPromises.open(...args);
    };
    const outcome = await attempt(entryOf(20, 20_000), 20_000, { units: twoFormats() });
    assert.equal(outcome.done, false);
    assert.equal(outcome.error?.code, 'EDISK');
    assertNothingLeft();
  });

  it('never rejects, also where its files cannot be deleted', async () => {
    changes.unlink = () => Promise.reject(systemError('EACCES'));
    assert.deepEqual(await attempt(entryOf(20, 0), 4000), { done: false });
    assert.deepEqual(reports, []);
  });
});
