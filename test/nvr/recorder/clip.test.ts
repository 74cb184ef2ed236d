import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import { unitCost } from '../../../lib/codec/unit-cost.js';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { turnsOf } from '../../../lib/nvr/recorder/disk-turns.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import {
  after,
  alarmAt,
  BEGIN,
  ClipRig,
  FRAME_MS,
  GOP,
  KEYFRAMES,
  type Told,
  UNITS,
} from '../../kit/clip-rig.js';

describe('one recording', () => {
  let rig: ClipRig;

  beforeEach(async () => {
    rig = new ClipRig();
    await rig.open();
  });

  afterEach(async () => {
    await rig.close();
  });

  describe('begins', () => {
    it('no file before a picture of the time that is asked for, which may be its very first', async () => {
      const clip = rig.clipOf(alarmAt(60), UNITS.slice(0, 60));
      await rig.settle();
      assert.deepEqual({ events: rig.events, stores: [...rig.stores] }, { events: [], stores: [clip] });
      clip.push(UNITS[60]!);
      while (rig.events.length === 0) await rig.turn();
      const [{ clip: number, preRollMs, reason }] = rig.told('recording') as [Told<'recording'>];
      assert.deepEqual(
        { number, preRollMs, reason },
        { number: 3, preRollMs: UNITS[60]!.arrival - BEGIN, reason: 'door' },
      );
      await clip.end(UNITS[60]!.arrival + FRAME_MS);
      assert.equal(rig.told('finished')[0]!.info.frames, 61);
      rig.assertReleased(clip);
    });

    for (const [gap, frames] of [
      [2000, GOP + 1],
      [2001, 1],
    ] as const)
      it(`with ${frames === 1 ? 'none' : 'all'} of the pictures before a break of ${gap} ms, if a keyframe ends that`, async () => {
        const late = after(UNITS[GOP]!, gap - FRAME_MS);
        const alarmed = { monotonic: late.arrival - 1, time: late.time - 1 };
        const clip = rig.clipOf({ from: late.arrival - 1, alarmed }, UNITS.slice(0, GOP));
        clip.push(late);
        await clip.end(late.arrival + 40);
        assert.equal(rig.told('finished')[0]!.info.frames, frames);
        assert.deepEqual(rig.pictures, [frames === 1 ? late : UNITS[0]], 'the scene as it was then');
      });

    it('with all of the pictures before a break that no keyframe ends, and after one that comes later', async () => {
      const late = after(UNITS[1]!, 5000);
      const clip = rig.clipOf({ from: late.arrival }, UNITS.slice(0, 1));
      rig.feed(clip, [late, after(UNITS[GOP]!, 10_000)]);
      await clip.end(Infinity);
      assert.equal(rig.told('finished')[0]!.info.frames, 3);
    });

    it('with the thumbnail of the last whole keyframe up to the alarm', async () => {
      const [first, second, third] = KEYFRAMES as [number, number, number];
      for (const [alarm, damaged, expected] of [
        [second, -1, second],
        [second - 1, -1, first],
        [third + 1, third, second],
      ] as const) {
        rig.pictures = [];
        const units = UNITS.map((unit, index) => (index === damaged ? { ...unit, damaged: true } : unit));
        const clip = rig.clipOf(alarmAt(alarm, alarm), units.slice(0, alarm));
        rig.feed(clip, units.slice(alarm, alarm + 30));
        await clip.end(Infinity);
        assert.equal(rig.pictures[0]!.arrival, UNITS[expected]!.arrival);
      }
    });
  });

  describe('ends', () => {
    it('once, at the first time that is said, and takes no more pictures', async () => {
      const clip = rig.clipOf(alarmAt(0), []);
      rig.feed(clip, UNITS.slice(0, 50));
      const ending = clip.end(BEGIN + 50 * FRAME_MS + 1000);
      assert.equal(clip.isOpen, false);
      rig.feed(clip, UNITS.slice(50, 100));
      assert.equal(clip.end(BEGIN + 90_000), ending);
      await ending;
      const [{ info, last, clip: number }, ...more] = rig.told('finished') as [Told<'finished'>];
      assert.deepEqual(
        { frames: info.frames, gaps: info.gaps, last, number, more },
        { frames: 50, gaps: [{ at: 50 * FRAME_MS, ms: 1000 }], last: true, number: 3, more: [] },
      );
      assert.equal(clip.missingMs, 1000);
      rig.assertReleased(clip);
      rig.feed(clip, UNITS.slice(50, 100));
      await clip.end(0);
      rig.assertReleased(clip);
    });

    it('without a word where it is no alarm’s and nothing came', async () => {
      const clip = rig.clipOf();
      await clip.end(0);
      assert.deepEqual(rig.events, []);
      rig.assertReleased(clip);
    });

    it('with the cause why an alarm has no picture', async () => {
      rig.trouble = new NvrError('EAUTH', 'The password is wrong.', { status: 401 });
      const why = async (units: readonly VideoUnit[] = [], frames = 0, before = 0): Promise<NvrError> => {
        rig.events = [];
        rig.statistics = { frames: before };
        const clip = rig.clipOf(alarmAt(60));
        rig.feed(clip, units);
        rig.statistics = { frames };
        await clip.end(BEGIN + 9000);
        const [{ error, clip: number, firstOfOutage, file }] = rig.told('failed') as [Told<'failed'>];
        assert.deepEqual(
          { number, firstOfOutage, file },
          { number: 3, firstOfOutage: true, file: undefined },
        );
        rig.assertReleased(clip);
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
      rig.trouble = undefined;
      assert.equal((await why()).message, 'No video came while the clip was to be recorded.');
      assert.equal((await why([], 5)).code, 'ENOKEYFRAME');
      assert.equal((await why([], 5, 5)).code, 'EUNREACHABLE', 'those were there before');
    });

    it('waits for the disk as long as that answers anyone, half a minute for each answer', async () => {
      let asked = 0;
      let goOn = (): void => undefined;
      const hangs = new Promise<void>((resolve) => (goOn = resolve));
      rig.changes.open = async (...args: Parameters<RecorderFs['open']>) => {
        const handle = await fsPromises.open(...args);
        const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
        if (String(args[0]).endsWith('.part'))
          handle.write = ((...of: unknown[]) => {
            asked++;
            return hangs.then(() => write(...of));
          }) as typeof handle.write;
        return handle;
      };
      const clip = rig.clipOf(alarmAt(0));
      rig.feed(clip, UNITS.slice(0, 100));
      while (asked === 0) await rig.turn();
      void clip.end(BEGIN + 100 * FRAME_MS);
      const fire = (ms: number): void => {
        const [due, ...more] = rig.timers;
        assert.deepEqual({ ms: due!.ms, more }, { ms, more: [] });
        rig.timers = [];
        due!.run();
      };
      for (let count = 0; count < 2; count++) {
        await turnsOf(rig.root).run(0, () => Promise.resolve());
        fire(30_000);
        assert.equal(rig.timers.length, 1);
      }
      fire(30_000);
      while (rig.timers.length === 0) await rig.turn();
      fire(2000);
      await clip.ended;
      assert.equal(rig.told('failed')[0]!.error.message.startsWith('The disk does not answer'), true);
      goOn();
      await rig.settle();
      assert.equal(rig.told('finished').length, 0);
    });

    it('with EDISK where the disk does not answer within half a minute', async () => {
      rig.silence();
      const clip = rig.clipOf(alarmAt(0));
      rig.feed(clip, UNITS.slice(0, 50));
      void clip.end(BEGIN + 2000);
      const drained = clip.drain();
      const [timer, ...more] = rig.timers;
      assert.deepEqual({ ms: timer!.ms, more }, { ms: 30_000, more: [] });
      timer!.run();
      await clip.ended;
      assert.deepEqual(
        rig.told('failed').map(({ error }) => error.code),
        ['EDISK'],
      );
      await drained;
      rig.answer();
      const lines = (): string => fs.readFileSync(path.join(rig.root, '.nvr-record-test.jsonl'), 'utf8');
      const isThrough = (): boolean => fs.readdirSync(rig.root).length > 0 && lines().includes('"op":"gone"');
      while (!isThrough()) await rig.turn();
      assert.deepEqual(
        rig.events.map(({ type }) => type),
        ['failed'],
        'what comes late says nothing more',
      );
      assert.deepEqual(
        {
          parts: fs.readdirSync(rig.root).filter((name) => name.endsWith('.part')),
          unfinished: rig.journal.unfinished,
        },
        { parts: [], unfinished: [] },
      );
    });
  });

  describe('waits for the disk', () => {
    it('with no more than is set, and all of its pre-roll', async () => {
      rig.silence();
      const preRoll = UNITS.slice(0, 10);
      const bytes = (units: readonly VideoUnit[]): number =>
        units.reduce((sum, unit) => sum + unitCost(unit), 0);
      const clip = rig.clipOf(alarmAt(10), preRoll, { queueBytes: bytes(UNITS.slice(10, 60)) });
      rig.feed(clip, UNITS.slice(10, 60));
      assert.deepEqual(
        { isOpen: clip.isOpen, waitingBytes: clip.waitingBytes },
        { isOpen: true, waitingBytes: bytes(UNITS.slice(0, 60)) },
      );
      const drained = clip.drain();
      clip.push(UNITS[60]!);
      assert.equal(clip.isOpen, false);
      await clip.ended;
      await drained;
      const [{ error }] = rig.told('failed') as [Told<'failed'>];
      const seconds = Math.round((60 * FRAME_MS) / 1000);
      assert.equal(error.message, `The disk is too slow: ${seconds} s of video wait to be written.`);
      assert.equal(clip.waitingBytes, unitCost(UNITS[0]!), 'the one that is being written');
      await clip.drain();
    });

    it('with 32 MiB at most where nothing is set', async () => {
      rig.silence();
      const clip = rig.clipOf({ from: 0 });
      const data = Buffer.alloc(1024 ** 2);
      const large = UNITS.slice(0, 40).map((unit) => ({ ...unit, data }));
      rig.feed(clip, large.slice(0, 31));
      assert.equal(clip.isOpen, true);
      rig.feed(clip, large.slice(31, 33));
      assert.equal(clip.isOpen, false);
      await clip.ended;
    });

    it('until nothing waits any more, if it is asked to', async () => {
      const clip = rig.clipOf(alarmAt(0));
      await clip.drain();
      rig.feed(clip, UNITS.slice(0, 50));
      assert.notEqual(clip.waitingBytes, 0);
      await clip.drain();
      assert.equal(clip.waitingBytes, 0);
      rig.feed(clip, UNITS.slice(50, 60));
      await clip.drain();
      assert.equal(clip.waitingBytes, 0);
      await clip.end(BEGIN + 60 * FRAME_MS);
      await clip.drain();
      assert.deepEqual(
        rig.told('finished').map(({ info: { frames } }) => frames),
        [60],
      );
    });
  });
});
