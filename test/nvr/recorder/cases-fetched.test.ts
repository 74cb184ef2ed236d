import assert from 'node:assert/strict';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { Cases } from '../../../lib/nvr/recorder/cases.js';
import { Journal, type CaseEntry } from '../../../lib/nvr/recorder/journal.js';
import type { RecorderEvent } from '../../../lib/nvr/recorder/types.js';
import { clipContext } from '../../kit/clip-context.js';
import { useFolder } from '../../kit/folder.js';
import { clipUnits } from '../../kit/picture-units.js';
import { TestClock } from '../../kit/test-clock.js';

const FIRST = clipUnits('h264', 50);
const FROM = FIRST[0]!.time;
/** Where the second file begins: it has another codec. */
const BREAK_MS = FIRST.length * (FIRST[1]!.time - FROM);
const UNITS = [...FIRST, ...clipUnits('h265', 50).map((unit) => ({ ...unit, time: unit.time + BREAK_MS }))];
const MESSAGE = { topic: 'door' };
const ENTRY: CaseEntry = {
  ...{ id: 'one', reason: 'door', from: FROM, to: FROM + 2 * BREAK_MS, alarms: [], message: MESSAGE },
  missing: { ms: 2 * BREAK_MS, since: FROM },
};

describe('a clip that was fetched of an alarm', () => {
  let folder: string;
  let clock: TestClock;
  let journal: Journal;
  let events: RecorderEvent[];
  let isRunning: boolean;
  /** What happens as soon as so many files were told. */
  let told: (count: number) => void;

  useFolder((made) => (folder = made));

  beforeEach(async () => {
    clock = new TestClock();
    journal = await Journal.load(fsPromises, folder, 'test');
    events = [];
    isRunning = true;
    told = () => undefined;
  });

  /** It is fetched as soon as it may be, and the journal written. */
  async function fetched(): Promise<Cases> {
    async function* fetchSpan(): AsyncIterable<VideoUnit> {
      await Promise.resolve();
      yield* UNITS;
    }
    const deps = { timers: clock, monotonic: clock.read, now: () => ENTRY.to + clock.now, fetchSpan };
    const noted: Promise<void>[] = [];
    const cases = new Cases(
      clipContext(journal, { options: { backfill: true, fileName: '{reason}-{HHmmss}.mp4' }, deps }),
      1,
      { onEvent: () => undefined, isRunning: () => isRunning },
      (event) => {
        events.push(event);
        told(events.length);
      },
      (write) => {
        const written = write(journal);
        noted.push(written);
        return written;
      },
    );
    await journal.alarmed(ENTRY);
    cases.open(true);
    cases.onCaseEnded(ENTRY, 2 * BREAK_MS);
    clock.to(5000);
    while (cases.toFetch > 0) await new Promise(setImmediate);
    await Promise.all(noted);
    return cases;
  }

  /** What the next start would have to tell. */
  async function left(): Promise<{ files: number; untold: string[]; cases: string[] }> {
    const { finished, leftovers } = await Journal.load(fsPromises, folder, 'test');
    return {
      files: [...finished].length,
      untold: leftovers.undelivered.map(({ file }) => file),
      cases: leftovers.cases.map(({ id }) => id),
    };
  }

  const names = (): unknown[] =>
    events.map((event) => event.type === 'finished' && path.relative(folder, event.info.file));

  it('is told file by file, with the alarm’s message, and no second time by the next start', async () => {
    await fetched();
    assert.deepEqual(
      events.map((event) => event.type === 'finished' && { last: event.last, message: event.message }),
      [
        { last: false, message: MESSAGE },
        { last: true, message: MESSAGE },
      ],
    );
    assert.equal(new Set(names()).size, 2);
    assert.deepEqual(await left(), { files: 2, untold: [], cases: [] });
  });

  it('is left to the next start, with its alarm, where no flow runs', async () => {
    isRunning = false;
    await fetched();
    const { files, untold, cases } = await left();
    assert.deepEqual({ events, files, cases }, { events: [], files: 2, cases: ['one'] });
    assert.equal(untold.length, 2);
  });

  it('is left to the next start as to the files that no flow was told of any more', async () => {
    told = () => (isRunning = false);
    await fetched();
    const [first, ...more] = names();
    const { files, untold, cases } = await left();
    assert.deepEqual({ more, files, cases }, { more: [], files: 2, cases: ['one'] });
    assert.deepEqual(
      { untold: untold.length, again: untold.includes(String(first)) },
      { untold: 1, again: false },
    );
  });
});
