import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import { unitCost } from '../../../lib/codec/unit-cost.js';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { Mp4Writer } from '../../../lib/media/mp4-writer.js';
import { UNCOUNTED, type UnitMemory, type Yielding } from '../../../lib/media/unit-memory.js';
import { Clip } from '../../../lib/nvr/recorder/clip.js';
import type { ClipPlan } from '../../../lib/nvr/recorder/clip-context.js';
import { turnsOf } from '../../../lib/nvr/recorder/disk-turns.js';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import { endLaterRecording } from '../../../lib/nvr/recorder/running-recordings.js';
import type { RecorderEvent, RecorderFs, RecorderOptions } from '../../../lib/nvr/recorder/types.js';
import { clipContext } from '../../kit/clip-context.js';
import { clipUnits } from '../../kit/picture-units.js';
import { systemError } from '../../kit/recorder-rig.js';

const UNITS = clipUnits('h264', 300);
const BEGIN = UNITS[0]!.arrival;
const FRAME_MS = UNITS[1]!.arrival - BEGIN;
const KEYFRAMES = UNITS.flatMap(({ keyframe }, index) => (keyframe ? [index] : []));
const GOP = KEYFRAMES[1]! - KEYFRAMES[0]!;

type Told<T extends RecorderEvent['type']> = Extract<RecorderEvent, { type: T }>;

describe('one recording', () => {
  let root: string;
  let journal: Journal;
  let events: RecorderEvent[];
  let timers: { run: () => void; ms: number }[];
  let stores: Set<Yielding>;
  const clips: Clip[] = [];
  let held: Set<unknown>;
  let memory: Partial<UnitMemory>;
  let changes: Partial<RecorderFs>;
  /** The disk answers from here on. */
  let answer: () => void;
  let answers: Promise<void>;
  let pictures: VideoUnit[];
  let trouble: NvrError | undefined;
  let statistics: { frames: number };

  beforeEach(async () => {
    root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-clip-')));
    journal = await Journal.load(fsPromises, root, 'test');
    events = [];
    timers = [];
    stores = new Set();
    held = new Set();
    memory = {};
    changes = {};
    pictures = [];
    trouble = undefined;
    statistics = { frames: 0 };
    answer = () => undefined;
    answers = Promise.resolve();
  });

  afterEach(async () => {
    answer();
    for (const clip of clips.splice(0)) await clip.end(Infinity);
    fs.rmSync(root, { recursive: true, force: true });
  });

  function silence(): void {
    answers = new Promise((resolve) => (answer = resolve));
  }

  function clipOf(
    plan: Partial<ClipPlan> = {},
    preRoll: readonly VideoUnit[] = [],
    options: Partial<RecorderOptions> = {},
  ): Clip {
    const context = clipContext(journal, {
      options,
      deps: {
        fs: { ...fsPromises, ...changes },
        timers: {
          set: (run, ms) => {
            const timer = { run, ms };
            timers.push(timer);
            return timer;
          },
          clear: (timer) => void (timers = timers.filter((one) => one !== timer)),
        },
        thumbnail: (picture) => {
          pictures.push(picture);
          return Promise.resolve(undefined);
        },
      },
      memory: {
        ...UNCOUNTED,
        hold: (unit) => {
          held.add(unit);
          return true;
        },
        release: (unit) => void held.delete(unit),
        add: (store) => void stores.add(store),
        remove: (store) => void stores.delete(store),
        ...memory,
      },
      journal: () => answers.then(() => journal),
      statistics: () => ({ ...statistics }) as never,
      trouble: () => trouble,
      emit: (event) => events.push(event),
    });
    const whole = {
      number: 3,
      reason: 'door',
      source: 'live',
      order: 1,
      takeAlarms: () => [],
      ...plan,
    } as const;
    const clip = new Clip(context, whole, preRoll);
    clips.push(clip);
    return clip;
  }
  /** An alarm at a picture, with so many of them before it asked for. */
  const alarmAt = (index: number, before = 0): Partial<ClipPlan> => ({
    from: UNITS[index - before]!.arrival,
    alarmed: { monotonic: UNITS[index]!.arrival, time: UNITS[index]!.time },
  });

  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  async function settle(): Promise<void> {
    for (let count = 0; count < 30; count++) await turn();
  }
  const told = <T extends RecorderEvent['type']>(type: T): Told<T>[] =>
    events.filter((event): event is Told<T> => event.type === type);
  const feed = (clip: Clip, units: readonly VideoUnit[]): void => {
    for (const unit of units) clip.push(unit);
  };
  const after = (unit: VideoUnit, ms: number): VideoUnit => ({
    ...{ ...unit, arrival: unit.arrival + ms, mediaTime: unit.arrival + ms, time: unit.time + ms },
  });
  /** All that it held is given back, and nothing is due. */
  function assertReleased(clip: Clip): void {
    assert.deepEqual(
      { waitingBytes: clip.waitingBytes, bytes: clip.bytes, held: held.size, stores: stores.size },
      { waitingBytes: 0, bytes: 0, held: 0, stores: 0 },
    );
    assert.deepEqual({ timers, isOpen: clip.isOpen }, { timers: [], isOpen: false });
  }

  describe('begins', () => {
    it('no file before a picture of the time that is asked for, which may be its very first', async () => {
      const clip = clipOf(alarmAt(60), UNITS.slice(0, 60));
      await settle();
      assert.deepEqual({ events, stores: [...stores] }, { events: [], stores: [clip] });
      clip.push(UNITS[60]!);
      while (events.length === 0) await turn();
      const [{ clip: number, preRollMs, reason }] = told('recording') as [Told<'recording'>];
      assert.deepEqual(
        { number, preRollMs, reason },
        { number: 3, preRollMs: UNITS[60]!.arrival - BEGIN, reason: 'door' },
      );
      await clip.end(UNITS[60]!.arrival + FRAME_MS);
      assert.equal(told('finished')[0]!.info.frames, 61);
      assertReleased(clip);
    });

    for (const [gap, frames] of [
      [2000, GOP + 1],
      [2001, 1],
    ] as const)
      it(`with ${frames === 1 ? 'none' : 'all'} of the pictures before a break of ${gap} ms, if a keyframe ends that`, async () => {
        const late = after(UNITS[GOP]!, gap - FRAME_MS);
        const alarmed = { monotonic: late.arrival - 1, time: late.time - 1 };
        const clip = clipOf({ from: late.arrival - 1, alarmed }, UNITS.slice(0, GOP));
        clip.push(late);
        await clip.end(late.arrival + 40);
        assert.equal(told('finished')[0]!.info.frames, frames);
        assert.deepEqual(pictures, [frames === 1 ? late : UNITS[0]], 'the scene as it was then');
      });

    it('with all of the pictures before a break that no keyframe ends, and after one that comes later', async () => {
      const late = after(UNITS[1]!, 5000);
      const clip = clipOf({ from: late.arrival }, UNITS.slice(0, 1));
      feed(clip, [late, after(UNITS[GOP]!, 10_000)]);
      await clip.end(Infinity);
      assert.equal(told('finished')[0]!.info.frames, 3);
    });

    it('with the thumbnail of the last whole keyframe up to the alarm', async () => {
      const [first, second, third] = KEYFRAMES as [number, number, number];
      for (const [alarm, damaged, expected] of [
        [second, -1, second],
        [second - 1, -1, first],
        [third + 1, third, second],
      ] as const) {
        pictures = [];
        const units = UNITS.map((unit, index) => (index === damaged ? { ...unit, damaged: true } : unit));
        const clip = clipOf(alarmAt(alarm, alarm), units.slice(0, alarm));
        feed(clip, units.slice(alarm, alarm + 30));
        await clip.end(Infinity);
        assert.equal(pictures[0]!.arrival, UNITS[expected]!.arrival);
      }
    });
  });

  describe('ends', () => {
    it('once, at the first time that is said, and takes no more pictures', async () => {
      const clip = clipOf(alarmAt(0), []);
      feed(clip, UNITS.slice(0, 50));
      const ending = clip.end(BEGIN + 50 * FRAME_MS + 1000);
      assert.equal(clip.isOpen, false);
      feed(clip, UNITS.slice(50, 100));
      assert.equal(clip.end(BEGIN + 90_000), ending);
      await ending;
      const [{ info, last, clip: number }, ...more] = told('finished') as [Told<'finished'>];
      assert.deepEqual(
        { frames: info.frames, gaps: info.gaps, last, number, more },
        { frames: 50, gaps: [{ at: 50 * FRAME_MS, ms: 1000 }], last: true, number: 3, more: [] },
      );
      assert.equal(clip.missingMs, 1000);
      assertReleased(clip);
      feed(clip, UNITS.slice(50, 100));
      await clip.end(0);
      assertReleased(clip);
    });

    it('without a word where it is no alarm’s and nothing came', async () => {
      const clip = clipOf();
      await clip.end(0);
      assert.deepEqual(events, []);
      assertReleased(clip);
    });

    it('with the cause why an alarm has no picture', async () => {
      trouble = new NvrError('EAUTH', 'The password is wrong.', { status: 401 });
      const why = async (units: readonly VideoUnit[] = [], frames = 0, before = 0): Promise<NvrError> => {
        events = [];
        statistics = { frames: before };
        const clip = clipOf(alarmAt(60));
        feed(clip, units);
        statistics = { frames };
        await clip.end(BEGIN + 9000);
        const [{ error, clip: number, firstOfOutage, file }] = told('failed') as [Told<'failed'>];
        assert.deepEqual(
          { number, firstOfOutage, file },
          { number: 3, firstOfOutage: true, file: undefined },
        );
        assertReleased(clip);
        return error;
      };
      const tied = await why();
      assert.deepEqual({ code: tied.code, status: tied.status }, { code: 'EAUTH', status: 401 });
      assert.equal(tied.message, 'No video came while the clip was to be recorded: The password is wrong.');
      assert.equal((await why([], 5)).code, 'EAUTH', 'pictures came, but the stream broke off');
      assert.equal((await why(UNITS.slice(0, 20))).code, 'EAUTH', 'they are from before it');
      assert.equal((await why(UNITS.slice(61, 70))).code, 'ENOKEYFRAME', 'there are pictures of that time');
      const bare = { ...UNITS[KEYFRAMES.find((index) => index >= 60)!]! };
      assert.equal((await why([{ ...bare, nals: bare.nals.slice(-1) }])).code, 'EUNSUPPORTED');
      trouble = undefined;
      assert.equal((await why()).message, 'No video came while the clip was to be recorded.');
      assert.equal((await why([], 5)).code, 'ENOKEYFRAME');
      assert.equal((await why([], 5, 5)).code, 'EUNREACHABLE', 'those were there before');
    });

    it('waits for the disk as long as that answers anyone, half a minute for each answer', async () => {
      let asked = 0;
      let goOn = (): void => undefined;
      const hangs = new Promise<void>((resolve) => (goOn = resolve));
      changes.open = async (...args: Parameters<RecorderFs['open']>) => {
        const handle = await fsPromises.open(...args);
        const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
        if (String(args[0]).endsWith('.part'))
          handle.write = ((...of: unknown[]) => {
            asked++;
            return hangs.then(() => write(...of));
          }) as typeof handle.write;
        return handle;
      };
      const clip = clipOf(alarmAt(0));
      feed(clip, UNITS.slice(0, 100));
      while (asked === 0) await turn();
      void clip.end(BEGIN + 100 * FRAME_MS);
      const fire = (ms: number): void => {
        const [due, ...more] = timers;
        assert.deepEqual({ ms: due!.ms, more }, { ms, more: [] });
        timers = [];
        due!.run();
      };
      for (let count = 0; count < 2; count++) {
        await turnsOf(root).run(0, () => Promise.resolve());
        fire(30_000);
        assert.equal(timers.length, 1);
      }
      fire(30_000);
      while (timers.length === 0) await turn();
      fire(2000);
      await clip.ended;
      assert.equal(told('failed')[0]!.error.message.startsWith('The disk does not answer'), true);
      goOn();
      await settle();
      assert.equal(told('finished').length, 0);
    });

    it('with EDISK where the disk does not answer within half a minute', async () => {
      silence();
      const clip = clipOf(alarmAt(0));
      feed(clip, UNITS.slice(0, 50));
      void clip.end(BEGIN + 2000);
      const drained = clip.drain();
      const [timer, ...more] = timers;
      assert.deepEqual({ ms: timer!.ms, more }, { ms: 30_000, more: [] });
      timer!.run();
      await clip.ended;
      assert.deepEqual(
        told('failed').map(({ error }) => error.code),
        ['EDISK'],
      );
      await drained;
      answer();
      const lines = (): string => fs.readFileSync(path.join(root, '.nvr-record-test.jsonl'), 'utf8');
      const isThrough = (): boolean => fs.readdirSync(root).length > 0 && lines().includes('"op":"gone"');
      while (!isThrough()) await turn();
      assert.deepEqual(
        events.map(({ type }) => type),
        ['failed'],
        'what comes late says nothing more',
      );
      assert.deepEqual(
        {
          parts: fs.readdirSync(root).filter((name) => name.endsWith('.part')),
          unfinished: journal.unfinished,
        },
        { parts: [], unfinished: [] },
      );
    });
  });

  describe('waits for the disk', () => {
    it('with no more than is set, and all of its pre-roll', async () => {
      silence();
      const preRoll = UNITS.slice(0, 10);
      const bytes = (units: readonly VideoUnit[]): number =>
        units.reduce((sum, unit) => sum + unitCost(unit), 0);
      const clip = clipOf(alarmAt(10), preRoll, { queueBytes: bytes(UNITS.slice(10, 60)) });
      feed(clip, UNITS.slice(10, 60));
      assert.deepEqual(
        { isOpen: clip.isOpen, waitingBytes: clip.waitingBytes },
        { isOpen: true, waitingBytes: bytes(UNITS.slice(0, 60)) },
      );
      const drained = clip.drain();
      clip.push(UNITS[60]!);
      assert.equal(clip.isOpen, false);
      await clip.ended;
      await drained;
      const [{ error }] = told('failed') as [Told<'failed'>];
      const seconds = Math.round((60 * FRAME_MS) / 1000);
      assert.equal(error.message, `The disk is too slow: ${seconds} s of video wait to be written.`);
      assert.equal(clip.waitingBytes, unitCost(UNITS[0]!), 'the one that is being written');
      await clip.drain();
    });

    it('with 32 MiB at most where nothing is set', async () => {
      silence();
      const clip = clipOf({ from: 0 });
      const data = Buffer.alloc(1024 ** 2);
      const large = UNITS.slice(0, 40).map((unit) => ({ ...unit, data }));
      feed(clip, large.slice(0, 31));
      assert.equal(clip.isOpen, true);
      feed(clip, large.slice(31, 33));
      assert.equal(clip.isOpen, false);
      await clip.ended;
    });

    it('until nothing waits any more, if it is asked to', async () => {
      const clip = clipOf(alarmAt(0));
      await clip.drain();
      feed(clip, UNITS.slice(0, 50));
      assert.notEqual(clip.waitingBytes, 0);
      await clip.drain();
      assert.equal(clip.waitingBytes, 0);
      feed(clip, UNITS.slice(50, 60));
      await clip.drain();
      assert.equal(clip.waitingBytes, 0);
      await clip.end(BEGIN + 60 * FRAME_MS);
      await clip.drain();
      assert.deepEqual(
        told('finished').map(({ info: { frames } }) => frames),
        [60],
      );
    });
  });

  describe('shares the memory', () => {
    it('and ends with EOVERLOAD, and what it has, where its own bound is reached', async () => {
      let room = 60;
      memory = { isOwnBound: true, hold: () => --room >= 0 };
      const later = clipOf({ ...alarmAt(0), order: 9 });
      const clip = clipOf({ ...alarmAt(0), order: 1 });
      silence();
      feed(later, UNITS.slice(0, 10));
      feed(clip, UNITS.slice(0, 50));
      assert.deepEqual(
        { clipIsOpen: clip.isOpen, laterIsOpen: later.isOpen },
        { clipIsOpen: true, laterIsOpen: true },
      );
      clip.push(UNITS[50]!);
      assert.deepEqual(
        { clipIsOpen: clip.isOpen, laterIsOpen: later.isOpen },
        { clipIsOpen: false, laterIsOpen: true },
      );
      answer();
      await clip.ended;
      assert.equal(told('failed')[0]!.error.code, 'EOVERLOAD');
      room = Infinity;
      await later.end(BEGIN + 400);
    });

    it('and takes it from the recording that began last, where that of all is full', async () => {
      let room = 60;
      memory = { isOwnBound: false, hold: () => --room >= 0, release: () => (room += 1) };
      silence();
      const later = clipOf({ ...alarmAt(0), order: 9 });
      const clip = clipOf({ ...alarmAt(0), order: 1 });
      feed(later, UNITS.slice(0, 10));
      feed(clip, UNITS.slice(0, 51));
      assert.deepEqual(
        { clipIsOpen: clip.isOpen, laterIsOpen: later.isOpen },
        { clipIsOpen: true, laterIsOpen: false },
      );
      room = Infinity;
      answer();
      await later.ended;
      await clip.end(BEGIN + 2040);
      assert.equal(told('finished')[0]!.info.frames, 51);
    });

    it('and gives up its oldest GOPs before the alarm, and says so once', async () => {
      const alarm = 3 * GOP;
      silence();
      const clip = clipOf(alarmAt(alarm + 1, alarm + 1), UNITS.slice(0, alarm));
      feed(clip, UNITS.slice(alarm, alarm + GOP + 1));
      const yields = [1, 2, 3, 4].map(() => clip.yield());
      assert.deepEqual(yields, [true, true, true, false], 'the fourth one is behind the alarm');
      // The first one is being written.
      const left = [UNITS[0]!, ...UNITS.slice(alarm, alarm + GOP + 1)];
      assert.equal(
        clip.bytes,
        left.reduce((sum, unit) => sum + unitCost(unit), 0),
      );
      const [{ error }, ...more] = told('warning') as [Told<'warning'>];
      assert.deepEqual({ code: error.code, more }, { code: 'EOVERLOAD', more: [] });
      const seconds = Math.ceil(((2 * GOP + 1) * FRAME_MS) / 1000);
      assert.match(error.message, new RegExp(`less than ${seconds} s before the alarm`));
      answer();
      await clip.end(UNITS[alarm]!.arrival);
    });

    it('and gives up nothing of a recording without an alarm', () => {
      silence();
      const clip = clipOf({}, UNITS.slice(0, 100));
      assert.equal(clip.yield(), false);
    });
  });

  describe('goes on in another file', () => {
    it('which has none of what the file before it lacks, nor of its pre-roll', async () => {
      const clip = clipOf(alarmAt(5, 5));
      feed(clip, UNITS.slice(GOP, 2 * GOP));
      await clip.end(UNITS[2 * GOP]!.arrival);
      const [{ info }] = told('finished') as [Told<'finished'>];
      assert.deepEqual(
        { preRollMs: info.preRollMs, gaps: info.gaps },
        { preRollMs: 0, gaps: [{ at: 0, ms: GOP * FRAME_MS }] },
      );
    });

    it('but not with a keyframe that lacks parameter sets, which can only continue one', async () => {
      const clip = clipOf({ segmentMs: GOP * FRAME_MS });
      const bare = UNITS.map((unit, index) =>
        index === GOP ? { ...unit, nals: unit.nals.filter(({ type }) => type === 5) } : unit,
      );
      feed(clip, bare.slice(0, 2 * GOP + 5));
      await clip.end(UNITS[2 * GOP + 5]!.arrival);
      assert.deepEqual(
        events.flatMap((event) => (event.type === 'finished' ? [event.info.frames] : [])),
        [2 * GOP, 5],
      );
      assert.deepEqual(told('failed'), []);
    });

    it('behind a picture that no file can hold, which is said once and is no failure', async () => {
      const add = sinon.stub(Mp4Writer.prototype, 'add').callThrough();
      add.onCall(5).rejects(new Error('times went back'));
      add.onCall(10).rejects(new Error('times went back'));
      try {
        const clip = clipOf(alarmAt(0));
        feed(clip, UNITS.slice(0, GOP + 20));
        await clip.end(UNITS[GOP + 20]!.arrival);
      } finally {
        add.restore();
      }
      assert.deepEqual(
        events.map((event) => (event.type === 'finished' ? [event.info.frames, event.last] : event.type)),
        ['recording', 'warning', [5, false], 'recording', [4, false]],
      );
      assert.deepEqual(
        told('finished').map(({ info }) => info.gaps),
        [[], [{ at: 0, ms: (GOP - 5) * FRAME_MS }]],
      );
    });

    it('or in none, where no keyframe comes behind such a picture, which is no failure either', async () => {
      const add = sinon.stub(Mp4Writer.prototype, 'add').callThrough();
      add.onCall(5).rejects(new Error('times went back'));
      try {
        const clip = clipOf(alarmAt(0));
        feed(clip, UNITS.slice(0, 10));
        await clip.end(UNITS[10]!.arrival);
      } finally {
        add.restore();
      }
      assert.deepEqual(
        events.map(({ type }) => type),
        ['recording', 'warning', 'finished'],
      );
    });

    it('thirty times for formats in one recording, and as often as it needs without end', async () => {
      const other = clipUnits('h265', 1)[0]!;
      for (const [plan, files] of [
        [alarmAt(0), 31],
        [{ segmentMs: Infinity }, 33],
      ] as const) {
        events = [];
        const clip = clipOf(plan);
        for (let index = 0; index < 33; index++)
          clip.push({
            ...after(
              index % 2 === 0 ? UNITS[0]! : { ...other, arrival: BEGIN, time: UNITS[0]!.time },
              index * 7000,
            ),
          });
        await clip.end(BEGIN + 33 * 7000);
        assert.equal(told('recording').length, files);
        assert.equal(told('failed').length, files === 31 ? 1 : 0);
      }
    });

    it('with the first keyframe after the length of a segment, and each file has its own part of the time', async () => {
      const segmentMs = GOP * FRAME_MS;
      const clip = clipOf({ segmentMs });
      feed(clip, UNITS.slice(0, 2 * GOP + 10));
      await clip.end(BEGIN + 2 * segmentMs + 2000);
      assert.deepEqual(
        told('finished').map(({ info: { frames, coverage }, last }) => [frames, coverage, last]),
        [
          [GOP, 1, false],
          [GOP, 1, false],
          [10, (10 * FRAME_MS) / 2000, true],
        ],
      );
      assert.equal(clip.missingMs, 2000 - 10 * FRAME_MS);
      assert.deepEqual(
        told('recording').map(({ preRollMs }) => preRollMs),
        [0, 0, 0],
      );
    });

    it('with another format, but none within a second, whose pictures are dropped', async () => {
      const other = clipUnits('h265', 300);
      const clip = clipOf(alarmAt(50, 50), UNITS.slice(0, 50));
      const moved = (units: readonly VideoUnit[], index: number): VideoUnit[] =>
        units.map((unit, offset) => ({
          ...unit,
          ...{ arrival: UNITS[index + offset]!.arrival, mediaTime: UNITS[index + offset]!.arrival },
          time: UNITS[index + offset]!.time,
        }));
      feed(clip, moved(other.slice(0, 10), 50));
      feed(clip, moved(UNITS.slice(0, 20), 60));
      feed(clip, moved(other.slice(0, 30), 80));
      feed(clip, moved(UNITS.slice(0, 30), 110));
      await clip.end(UNITS[140]!.arrival);
      assert.deepEqual(
        told('finished').map(({ info: { codec, frames, preRollMs }, last }) => [
          codec,
          frames,
          preRollMs,
          last,
        ]),
        [
          ['h264', 50, 50 * FRAME_MS, false],
          ['h265', 40, 0, false],
          ['h264', 30, 0, true],
        ],
      );
      assert.equal(clip.missingMs, 21 * FRAME_MS);
    });
  });

  describe('fails', () => {
    it('once, whatever comes to it meanwhile', async () => {
      silence();
      const clip = clipOf(alarmAt(0));
      feed(clip, UNITS.slice(0, 10));
      clip.giveWay();
      clip.giveWay();
      await clip.ended;
      assert.deepEqual(
        events.map(({ type }) => type),
        ['failed'],
      );
    });

    it('and is asked by no other for memory any more, though a picture of it is still on its way', async () => {
      silence();
      const clip = clipOf(alarmAt(0));
      feed(clip, UNITS.slice(0, 10));
      clip.giveWay();
      assert.ok(clip.waitingBytes > 0);
      assert.equal(endLaterRecording({ order: -1, waitingBytes: 0, giveWay: () => undefined }), false);
      answer();
      await clip.ended;
    });

    it('once, though a picture on its way turns out to be one that no file can hold', async () => {
      let refuse = (): void => undefined;
      const add = sinon.stub(Mp4Writer.prototype, 'add').callThrough();
      add.onCall(5).returns(
        new Promise((_, reject) => {
          refuse = () => {
            reject(new Error('times went back'));
          };
        }),
      );
      try {
        const clip = clipOf(alarmAt(0));
        feed(clip, UNITS.slice(0, 10));
        while (add.callCount < 6) await turn();
        clip.giveWay();
        refuse();
        await clip.ended;
        await settle();
      } finally {
        add.restore();
      }
      assert.deepEqual(
        events.map(({ type }) => type),
        ['recording', 'failed'],
      );
    });

    it('for good where the disk hangs while the file is finished', async () => {
      let asked = 0;
      let goOn = (): void => undefined;
      const hangs = new Promise<void>((resolve) => (goOn = resolve));
      changes.open = async (file, flags, ...rest) => {
        if (String(file).endsWith('.part') && flags === (fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)) {
          asked++;
          await hangs;
        }
        return fsPromises.open(file, flags, ...rest);
      };
      const clip = clipOf(alarmAt(0));
      feed(clip, UNITS.slice(0, 10));
      void clip.end(BEGIN + 10 * FRAME_MS);
      while (asked === 0) await turn();
      for (let count = 0; timers.length > 0 && told('failed').length === 0; count++) {
        assert.ok(count < 10);
        for (const { run } of timers.splice(0)) run();
        await settle();
      }
      goOn();
      await clip.ended;
      while (!fs.existsSync(path.join(root, 'door.mp4'))) await turn();
      await settle();
      assert.deepEqual(
        events.map(({ type }) => type),
        ['recording', 'failed'],
      );
    });

    it('once, with what it has, and gives everything back', async () => {
      changes.open = async (...args: Parameters<RecorderFs['open']>) => {
        const handle = await fsPromises.open(...args);
        const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
        let writes = 0;
        if (String(args[0]).endsWith('.part'))
          handle.write = ((...of: unknown[]) =>
            ++writes > 4 ? Promise.reject(systemError('ENOSPC')) : write(...of)) as typeof handle.write;
        return handle;
      };
      const clip = clipOf(alarmAt(0));
      feed(clip, UNITS);
      await clip.ended;
      assert.deepEqual(
        events.map(({ type }) => type),
        ['recording', 'failed'],
      );
      const [{ error, file, clip: number }] = told('failed') as [Told<'failed'>];
      assert.deepEqual(
        { code: error.code, file, number },
        { code: 'EDISK', file: path.join(root, 'door.mp4'), number: 3 },
      );
      assert.deepEqual(
        [...journal.finished].map(({ delivered }) => delivered!.gaps),
        [[]],
      );
      assertReleased(clip);
      await clip.end(BEGIN);
      assert.equal(events.length, 2);
    });
  });
});
