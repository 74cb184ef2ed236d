import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import sinon from 'sinon';
import { unitCost } from '../../../lib/codec/unit-cost.js';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { Mp4Writer } from '../../../lib/media/mp4-writer.js';
import { endLaterRecording } from '../../../lib/nvr/recorder/running-recordings.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { after, alarmAt, BEGIN, ClipRig, FRAME_MS, GOP, type Told, UNITS } from '../../kit/clip-rig.js';
import { clipUnits } from '../../kit/picture-units.js';
import { systemError } from '../../kit/recorder-rig.js';

describe('one recording, where it cannot go on as it was', () => {
  let rig: ClipRig;

  beforeEach(async () => {
    rig = new ClipRig();
    await rig.open();
  });

  afterEach(async () => {
    await rig.close();
  });

  describe('shares the memory', () => {
    it('and ends with EOVERLOAD, and what it has, where its own bound is reached', async () => {
      let room = 60;
      rig.memory = { isOwnBound: true, hold: () => --room >= 0 };
      const later = rig.clipOf({ ...alarmAt(0), order: 9 });
      const clip = rig.clipOf({ ...alarmAt(0), order: 1 });
      rig.silence();
      rig.feed(later, UNITS.slice(0, 10));
      rig.feed(clip, UNITS.slice(0, 50));
      assert.deepEqual(
        { clipIsOpen: clip.isOpen, laterIsOpen: later.isOpen },
        { clipIsOpen: true, laterIsOpen: true },
      );
      clip.push(UNITS[50]!);
      assert.deepEqual(
        { clipIsOpen: clip.isOpen, laterIsOpen: later.isOpen },
        { clipIsOpen: false, laterIsOpen: true },
      );
      rig.answer();
      await clip.ended;
      assert.equal(rig.told('failed')[0]!.error.code, 'EOVERLOAD');
      room = Infinity;
      await later.end(BEGIN + 400);
    });

    it('and takes it from the recording that began last, where that of all is full', async () => {
      let room = 60;
      rig.memory = { isOwnBound: false, hold: () => --room >= 0, release: () => (room += 1) };
      rig.silence();
      const later = rig.clipOf({ ...alarmAt(0), order: 9 });
      const clip = rig.clipOf({ ...alarmAt(0), order: 1 });
      rig.feed(later, UNITS.slice(0, 10));
      rig.feed(clip, UNITS.slice(0, 51));
      assert.deepEqual(
        { clipIsOpen: clip.isOpen, laterIsOpen: later.isOpen },
        { clipIsOpen: true, laterIsOpen: false },
      );
      room = Infinity;
      rig.answer();
      await later.ended;
      await clip.end(BEGIN + 2040);
      assert.equal(rig.told('finished')[0]!.info.frames, 51);
    });

    it('and gives up its oldest GOPs before the alarm, and says so once', async () => {
      const alarm = 3 * GOP;
      rig.silence();
      const clip = rig.clipOf(alarmAt(alarm + 1, alarm + 1), UNITS.slice(0, alarm));
      rig.feed(clip, UNITS.slice(alarm, alarm + GOP + 1));
      const yields = [1, 2, 3, 4].map(() => clip.yield());
      assert.deepEqual(yields, [true, true, true, false], 'the fourth one is behind the alarm');
      // The first one is being written.
      const left = [UNITS[0]!, ...UNITS.slice(alarm, alarm + GOP + 1)];
      assert.equal(
        clip.bytes,
        left.reduce((sum, unit) => sum + unitCost(unit), 0),
      );
      const [{ error }, ...more] = rig.told('warning') as [Told<'warning'>];
      assert.deepEqual({ code: error.code, more }, { code: 'EOVERLOAD', more: [] });
      const seconds = Math.ceil(((2 * GOP + 1) * FRAME_MS) / 1000);
      assert.match(error.message, new RegExp(`less than ${seconds} s before the alarm`));
      rig.answer();
      await clip.end(UNITS[alarm]!.arrival);
    });

    it('and gives up nothing of a recording without an alarm', () => {
      rig.silence();
      const clip = rig.clipOf({}, UNITS.slice(0, 100));
      assert.equal(clip.yield(), false);
    });
  });

  describe('goes on in another file', () => {
    it('which has none of what the file before it lacks, nor of its pre-roll', async () => {
      const clip = rig.clipOf(alarmAt(5, 5));
      rig.feed(clip, UNITS.slice(GOP, 2 * GOP));
      await clip.end(UNITS[2 * GOP]!.arrival);
      const [{ info }] = rig.told('finished') as [Told<'finished'>];
      assert.deepEqual(
        { preRollMs: info.preRollMs, gaps: info.gaps },
        { preRollMs: 0, gaps: [{ at: 0, ms: GOP * FRAME_MS }] },
      );
    });

    it('but not with a keyframe that lacks parameter sets, which can only continue one', async () => {
      const clip = rig.clipOf({ segmentMs: GOP * FRAME_MS });
      const bare = UNITS.map((unit, index) =>
        index === GOP ? { ...unit, nals: unit.nals.filter(({ type }) => type === 5) } : unit,
      );
      rig.feed(clip, bare.slice(0, 2 * GOP + 5));
      await clip.end(UNITS[2 * GOP + 5]!.arrival);
      assert.deepEqual(
        rig.events.flatMap((event) => (event.type === 'finished' ? [event.info.frames] : [])),
        [2 * GOP, 5],
      );
      assert.deepEqual(rig.told('failed'), []);
    });

    it('behind a picture that no file can hold, which is said once and is no failure', async () => {
      const add = sinon.stub(Mp4Writer.prototype, 'add').callThrough();
      add.onCall(5).rejects(new Error('times went back'));
      add.onCall(10).rejects(new Error('times went back'));
      try {
        const clip = rig.clipOf(alarmAt(0));
        rig.feed(clip, UNITS.slice(0, GOP + 20));
        await clip.end(UNITS[GOP + 20]!.arrival);
      } finally {
        add.restore();
      }
      assert.deepEqual(
        rig.events.map((event) => (event.type === 'finished' ? [event.info.frames, event.last] : event.type)),
        ['recording', 'warning', [5, false], 'recording', [4, false]],
      );
      assert.deepEqual(
        rig.told('finished').map(({ info }) => info.gaps),
        [[], [{ at: 0, ms: (GOP - 5) * FRAME_MS }]],
      );
    });

    it('or in none, where no keyframe comes behind such a picture, which is no failure either', async () => {
      const add = sinon.stub(Mp4Writer.prototype, 'add').callThrough();
      add.onCall(5).rejects(new Error('times went back'));
      try {
        const clip = rig.clipOf(alarmAt(0));
        rig.feed(clip, UNITS.slice(0, 10));
        await clip.end(UNITS[10]!.arrival);
      } finally {
        add.restore();
      }
      assert.deepEqual(
        rig.events.map(({ type }) => type),
        ['recording', 'warning', 'finished'],
      );
    });

    it('thirty times for formats in one recording, and as often as it needs without end', async () => {
      const other = clipUnits('h265', 1)[0]!;
      for (const [plan, files] of [
        [alarmAt(0), 31],
        [{ segmentMs: Infinity }, 33],
      ] as const) {
        rig.events = [];
        const clip = rig.clipOf(plan);
        for (let index = 0; index < 33; index++)
          clip.push({
            ...after(
              index % 2 === 0 ? UNITS[0]! : { ...other, arrival: BEGIN, time: UNITS[0]!.time },
              index * 7000,
            ),
          });
        await clip.end(BEGIN + 33 * 7000);
        assert.equal(rig.told('recording').length, files);
        assert.equal(rig.told('failed').length, files === 31 ? 1 : 0);
      }
    });

    it('with the first keyframe after the length of a segment, and each file has its own part of the time', async () => {
      const segmentMs = GOP * FRAME_MS;
      const clip = rig.clipOf({ segmentMs });
      rig.feed(clip, UNITS.slice(0, 2 * GOP + 10));
      await clip.end(BEGIN + 2 * segmentMs + 2000);
      assert.deepEqual(
        rig.told('finished').map(({ info: { frames, coverage }, last }) => [frames, coverage, last]),
        [
          [GOP, 1, false],
          [GOP, 1, false],
          [10, (10 * FRAME_MS) / 2000, true],
        ],
      );
      assert.equal(clip.missingMs, 2000 - 10 * FRAME_MS);
      assert.deepEqual(
        rig.told('recording').map(({ preRollMs }) => preRollMs),
        [0, 0, 0],
      );
    });

    it('with another format, but none within a second, whose pictures are dropped', async () => {
      const other = clipUnits('h265', 300);
      const clip = rig.clipOf(alarmAt(50, 50), UNITS.slice(0, 50));
      const moved = (units: readonly VideoUnit[], index: number): VideoUnit[] =>
        units.map((unit, offset) => ({
          ...unit,
          ...{ arrival: UNITS[index + offset]!.arrival, mediaTime: UNITS[index + offset]!.arrival },
          time: UNITS[index + offset]!.time,
        }));
      rig.feed(clip, moved(other.slice(0, 10), 50));
      rig.feed(clip, moved(UNITS.slice(0, 20), 60));
      rig.feed(clip, moved(other.slice(0, 30), 80));
      rig.feed(clip, moved(UNITS.slice(0, 30), 110));
      await clip.end(UNITS[140]!.arrival);
      assert.deepEqual(
        rig
          .told('finished')
          .map(({ info: { codec, frames, preRollMs }, last }) => [codec, frames, preRollMs, last]),
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
      rig.silence();
      const clip = rig.clipOf(alarmAt(0));
      rig.feed(clip, UNITS.slice(0, 10));
      clip.endEarly();
      clip.endEarly();
      await clip.ended;
      assert.deepEqual(
        rig.events.map(({ type }) => type),
        ['failed'],
      );
    });

    it('and is asked by no other for memory any more, though a picture of it is still on its way', async () => {
      rig.silence();
      const clip = rig.clipOf(alarmAt(0));
      rig.feed(clip, UNITS.slice(0, 10));
      clip.endEarly();
      assert.ok(clip.waitingBytes > 0);
      assert.equal(endLaterRecording({ order: -1, waitingBytes: 0, endEarly: () => undefined }), false);
      rig.answer();
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
        const clip = rig.clipOf(alarmAt(0));
        rig.feed(clip, UNITS.slice(0, 10));
        while (add.callCount < 6) await rig.turn();
        clip.endEarly();
        refuse();
        await clip.ended;
        await rig.settle();
      } finally {
        add.restore();
      }
      assert.deepEqual(
        rig.events.map(({ type }) => type),
        ['recording', 'failed'],
      );
    });

    it('for good where the disk hangs while the file is finished', async () => {
      let asked = 0;
      let goOn = (): void => undefined;
      const hangs = new Promise<void>((resolve) => (goOn = resolve));
      rig.changes.open = async (file, flags, ...rest) => {
        if (String(file).endsWith('.part') && flags === (fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)) {
          asked++;
          await hangs;
        }
        return fsPromises.open(file, flags, ...rest);
      };
      const clip = rig.clipOf(alarmAt(0));
      rig.feed(clip, UNITS.slice(0, 10));
      void clip.end(BEGIN + 10 * FRAME_MS);
      while (asked === 0) await rig.turn();
      for (let count = 0; rig.timers.length > 0 && rig.told('failed').length === 0; count++) {
        assert.ok(count < 10);
        for (const { run } of rig.timers.splice(0)) run();
        await rig.settle();
      }
      goOn();
      await clip.ended;
      while (!fs.existsSync(path.join(rig.root, 'door.mp4'))) await rig.turn();
      await rig.settle();
      assert.deepEqual(
        rig.events.map(({ type }) => type),
        ['recording', 'failed'],
      );
    });

    it('once, with what it has, and gives everything back', async () => {
      rig.changes.open = async (...args: Parameters<RecorderFs['open']>) => {
        const handle = await fsPromises.open(...args);
        const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
        let writes = 0;
        if (String(args[0]).endsWith('.part'))
          handle.write = ((...of: unknown[]) =>
            ++writes > 4 ? Promise.reject(systemError('ENOSPC')) : write(...of)) as typeof handle.write;
        return handle;
      };
      const clip = rig.clipOf(alarmAt(0));
      rig.feed(clip, UNITS);
      await clip.ended;
      assert.deepEqual(
        rig.events.map(({ type }) => type),
        ['recording', 'failed'],
      );
      const [{ error, file, clip: number }] = rig.told('failed') as [Told<'failed'>];
      assert.deepEqual(
        { code: error.code, file, number },
        { code: 'EDISK', file: path.join(rig.root, 'door.mp4'), number: 3 },
      );
      assert.deepEqual(
        [...rig.journal.finished].map(({ delivered }) => delivered!.gaps),
        [[]],
      );
      rig.assertReleased(clip);
      await clip.end(BEGIN);
      assert.equal(rig.events.length, 2);
    });
  });
});
