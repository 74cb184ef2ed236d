import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import fsPromises from 'node:fs/promises';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import type { RecorderFs, RecorderOptions, RecorderDeps } from '../../../lib/nvr/recorder/types.js';
import { BusyDisk } from '../../kit/busy-disk.js';
import { clipUnit, clipUnitsBetween } from '../../kit/clip-units.js';
import { audioUnits } from '../../kit/recorded-units.js';
import { EPOCH, RecorderRig, systemError } from '../../kit/recorder-rig.js';

const FRAME_MS = 80;
const HOLDER = { of: 'the flow' };

const pictures = (from: number, to: number): VideoUnit[] => clipUnitsBetween(from, to, EPOCH);

describe('a recorder for which it is not the first time', () => {
  const rigs: RecorderRig[] = [];
  let disk: BusyDisk;
  let rig: RecorderRig;

  beforeEach(() => {
    disk = new BusyDisk();
  });

  afterEach(async () => {
    for (const one of rigs.splice(0)) await one.close();
  });

  function rigOf(
    options: Partial<RecorderOptions> = {},
    changes: Partial<RecorderFs> = {},
    extra: Partial<RecorderDeps> = {},
  ): void {
    rig = new RecorderRig({ fileName: '{reason}.mp4', ...options }, { ...disk.fs, ...changes }, extra);
    rigs.push(rig);
  }

  /** A disk on which nothing can be opened for as long as the test says so. */
  function failing(): { isBroken: boolean; open: RecorderFs['open'] } {
    const state = { isBroken: true };
    const open = ((...given: Parameters<RecorderFs['open']>) =>
      state.isBroken ? Promise.reject(systemError('EROFS')) : disk.fs.open(...given)) as RecorderFs['open'];
    return Object.assign(state, { open });
  }

  /** The disk opens no file until the test lets it. */
  function slow(): { open: RecorderFs['open']; letGo: () => void } {
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const open = (async (...given: Parameters<RecorderFs['open']>) => {
      await gate;
      return fsPromises.open(...given);
    }) as RecorderFs['open'];
    return { open, letGo };
  }

  const armed = async (): Promise<void> => {
    rig.recorder.arm();
    await rig.ready();
    await disk.idle();
  };
  const warnings = (): string[] =>
    rig.events.flatMap((event) => (event.type === 'warning' ? [event.error.message] : []));

  it('is armed once, however often that is said, and has no timer and no picture once it is disarmed', async () => {
    rigOf();
    rig.recorder.arm();
    rig.recorder.arm();
    await rig.ready();
    rig.feed(pictures(10_000, 14_000));
    rig.recorder.alarm({ reason: 'door' });
    assert.deepEqual({ joined: rig.hub.joined, words: rig.words() }, { joined: 1, words: ['armed'] });
    await rig.recorder.disarm();
    const { clips, preRollBytes, preRollMs, waitingBytes } = rig.recorder.status;
    assert.deepEqual(
      { clips, preRollBytes, preRollMs, waitingBytes, timers: rig.clock.waiting },
      { clips: 0, preRollBytes: 0, preRollMs: 0, waitingBytes: 0, timers: 0 },
    );
  });

  it('takes what is damaged unless told otherwise, and then asks for slices that can be cut', () => {
    for (const onLoss of [undefined, 'skip'] as const) {
      rigOf(onLoss && { onLoss });
      rig.recorder.arm();
      const [subscriber] = rig.hub.subscribers;
      assert.equal(subscriber!.onLoss, onLoss ?? 'keep');
      assert.equal(subscriber!.cutSlices, onLoss === undefined);
    }
  });

  it('has in a clip no sound and no picture of before it was disarmed', async () => {
    rigOf();
    await armed();
    for (const unit of audioUnits('aac', 2)) rig.hub.emit(unit as never);
    rig.feed(pictures(10_000, 12_000));
    await rig.recorder.disarm();
    await armed();
    rig.feed(pictures(12_000, 14_000));
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(pictures(14_000, 17_000));
    const { file, audio, start } = await rig.clip();
    assert.deepEqual({ audio, start }, { audio: false, start: EPOCH + 12_000 });
    assert.equal(nodeFs.readFileSync(file, 'latin1').includes('soun'), false, 'it has no track of sound');
  });

  it('ends a held alarm’s clip its post-roll after it is over, though nothing comes any more', async () => {
    rigOf({ maxLength: 600 });
    await armed();
    rig.feed(pictures(10_000, 12_000));
    rig.recorder.alarm({ reason: 'door', held: true });
    await rig.event('recording');
    const { to } = await rig.line('alarm');
    assert.equal(to, EPOCH + 11_920 + 2000, 'as if it were over at once');
    rig.to(20_000);
    rig.recorder.endAlarm();
    assert.equal((await rig.line('more')).to, EPOCH + 22_000);
    rig.to(21_999);
    assert.equal(rig.recorder.status.state, 'recording');
    rig.to(22_000);
    const { gaps } = await rig.clip();
    assert.deepEqual(gaps.at(-1), { at: 2080, ms: 10_000 });
  });

  it('begins another clip at the very end of the one before, which lasts no longer, and both are finished', async () => {
    rigOf({ preRoll: 0 });
    await armed();
    rig.feed(pictures(10_000, 12_000));
    rig.to(12_000);
    rig.recorder.alarm({ reason: 'one' });
    rig.feed(pictures(12_000, 13_440));
    rig.to(14_000);
    assert.deepEqual(rig.recorder.alarm({ reason: 'two' }), { clip: 2, began: true });
    const first = await rig.clip();
    assert.equal(rig.recorder.alarm({ reason: 'three' }).began, false, 'the second one is the present one');
    rig.feed(pictures(14_000, 18_000));
    const second = await rig.clip(2);
    assert.deepEqual(
      { first: first.reason, lacking: first.gaps, second: second.reason, alarms: second.alarms.length },
      { first: 'one', lacking: [{ at: 1440, ms: 560 }], second: 'two', alarms: 2 },
    );
    assert.equal(second.end, EPOCH + 16_000, 'no picture at its end is part of it');
    assert.equal(rig.recorder.status.clips, 0);
  });

  it('asks nothing for a clip behind its own end, where the next alarm comes while it waits for late pictures', async () => {
    rigOf({ preRoll: 0 });
    await armed();
    rig.feed(pictures(10_000, 12_000));
    rig.to(12_000);
    rig.recorder.alarm({ reason: 'one' });
    rig.feed(pictures(12_000, 13_440));
    rig.to(15_000);
    rig.recorder.alarm({ reason: 'two' });
    const { gaps } = await rig.clip();
    assert.deepEqual(gaps, [{ at: 1440, ms: 560 }]);
  });

  it('takes pictures of before the end that come behind sound of after it', async () => {
    rigOf({ preRoll: 0 });
    await armed();
    const sound = audioUnits('aac', 6);
    rig.feed(
      [...pictures(10_000, 12_000), ...sound.filter(({ arrival }) => arrival < 12_000)].sort(
        (a, b) => a.arrival - b.arrival,
      ),
    );
    rig.to(12_000);
    rig.recorder.alarm({ reason: 'door' });
    rig.feed(pictures(12_000, 13_600));
    const late = sound.find(({ arrival }) => arrival >= 14_000)!;
    rig.hub.emit({ ...late, mediaTime: 14_064 } as never);
    rig.feed(pictures(13_600, 14_400));
    assert.equal((await rig.clip()).end, EPOCH + 14_000);
  });

  it('begins a new clip where the one before has failed within its post-roll', async () => {
    const broken = failing();
    rigOf({ postRoll: 30 });
    await armed();
    await rig.recorder.disarm();
    rigOf({ postRoll: 30 }, { open: broken.open });
    broken.isBroken = false;
    await armed();
    broken.isBroken = true;
    rig.feed(pictures(10_000, 12_000));
    rig.recorder.alarm({ reason: 'one', holder: HOLDER });
    const failed = await rig.event('failed');
    assert.deepEqual({ holder: failed.holder, first: failed.firstOfOutage }, { holder: HOLDER, first: true });
    while (rig.recorder.status.clips > 0) await new Promise(setImmediate);
    assert.equal(rig.recorder.alarm({ reason: 'again' }).began, true);
    assert.equal((await rig.event('failed', 2)).firstOfOutage, false);
    broken.isBroken = false;
    await disk.idle();
    assert.equal(rig.recorder.alarm({ reason: 'well', holder: HOLDER }).began, true);
    rig.recorder.stop();
    assert.equal((await rig.event('finished')).holder, HOLDER);
    broken.isBroken = true;
    rig.recorder.alarm({ reason: 'second outage' });
    const second = await rig.event('failed', 3);
    assert.deepEqual(
      { first: second.firstOfOutage, holder: second.holder },
      { first: true, holder: undefined },
    );
  });

  it('says nothing of the maximum length where a clip is ended before it, and notes that end', async () => {
    rigOf({ maxLength: 10 });
    await armed();
    rig.feed(pictures(10_000, 12_000));
    rig.recorder.alarm({ reason: 'door', held: true });
    rig.recorder.alarm({ reason: 'window', held: true });
    rig.feed(pictures(12_000, 14_000));
    rig.to(14_000);
    rig.recorder.stop();
    await rig.clip();
    assert.deepEqual(warnings(), []);
    assert.equal((await rig.line('more', 2)).to, EPOCH + 14_000);
    rig.recorder.alarm({ reason: 'long', held: true });
    rig.to(60_000);
    await rig.event('warning');
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0]!, /"maxLength"|maximum length/);
  });

  it('counts all clips that wait for a slow disk, and is disarmed only when each is finished', async () => {
    const { open, letGo } = slow();
    rigOf({}, { open });
    rig.recorder.arm();
    rig.feed(pictures(10_000, 14_000));
    rig.recorder.alarm({ reason: 'one' });
    const one = rig.recorder.status.waitingBytes;
    rig.recorder.stop();
    rig.recorder.alarm({ reason: 'two' });
    const { waitingBytes, clips } = rig.recorder.status;
    assert.ok(one > 10_000 && waitingBytes > 1.8 * one, `${one} and then ${waitingBytes} bytes`);
    assert.equal(clips, 2);
    const gone = rig.recorder.disarm();
    letGo();
    await gone;
    assert.equal(rig.words().filter((word) => word === 'finished').length, 2);
    assert.equal(rig.recorder.status.clips, 0);
  });

  it('is closed in the midst of a clip, of which the rest is missing, and no less than has passed', async () => {
    for (const [now, missing] of [
      [12_500, 1440],
      [15_000, 2520],
    ] as const) {
      rigOf({ postRoll: 2 });
      await armed();
      rig.feed(pictures(10_000, 12_000));
      rig.recorder.alarm({ reason: 'door', held: now > 14_000 });
      rig.feed(pictures(12_000, 12_500));
      await rig.event('recording');
      rig.to(now);
      await rig.recorder.close();
      const { gaps } = await rig.clip();
      assert.equal(gaps.at(-1)?.ms, missing, `closed at ${now} ms`);
    }
  });

  describe('in continuous mode', () => {
    it('keeps no pre-roll, and records one file at a time after it was armed again during an outage', async () => {
      const broken = failing();
      rigOf({ mode: 'continuous', fileName: '{HHmmss}.mp4' }, { open: broken.open });
      rig.recorder.arm();
      rig.feed(pictures(10_000, 12_000));
      await rig.event('failed');
      assert.equal(rig.recorder.status.preRollBytes, 0);
      await rig.recorder.disarm();
      assert.equal(rig.clock.waiting, 0, 'no retry is left');
      broken.isBroken = false;
      await armed();
      rig.feed(pictures(12_000, 22_000));
      assert.equal(rig.recorder.status.clips, 1);
      await rig.recorder.disarm();
      assert.equal(rig.words().filter((word) => word === 'finished').length, 1);
      assert.equal(
        rig.words().filter((word) => word === 'failed').length,
        1,
        'the folder’s failure is the file’s',
      );
    });

    it('tries no more where what failed had been disarmed', async () => {
      const broken = failing();
      rigOf({ mode: 'continuous' }, { open: broken.open });
      rig.recorder.arm();
      rig.feed(pictures(10_000, 12_000));
      await rig.recorder.disarm();
      await rig.event('failed');
      assert.equal(rig.clock.waiting, 0);
    });
  });

  it('reports at once a folder that cannot be made where it waits for alarms, and else with the first file', async () => {
    const mkdir = (() => Promise.reject(systemError('EROFS'))) as unknown as RecorderFs['mkdir'];
    for (const mode of ['alarm', 'continuous', 'timelapse'] as const) {
      rigOf({ mode }, { mkdir });
      rig.recorder.arm();
      await disk.idle();
      assert.deepEqual(rig.words(), mode === 'alarm' ? ['armed', 'failed'] : ['armed'], mode);
    }
  });

  it('finishes each film of a time-lapse when its time is over', async () => {
    rigOf({ mode: 'timelapse', segment: 4, fileName: '{HHmmss}.mp4' });
    await armed();
    rig.feed(pictures(10_000, 18_080));
    const [first, second] = [await rig.event('finished'), await rig.event('finished', 2)];
    assert.deepEqual({ first: first.info.frames, second: second.info.frames }, { first: 2, second: 2 });
    while (rig.recorder.status.clips > 1) await new Promise(setImmediate);
  });

  it('reports a second outage of the disk as a new one, where a film was finished meanwhile', async () => {
    const broken = failing();
    rigOf({ mode: 'timelapse', segment: 600, fileName: '{HHmmss}.mp4' }, { open: broken.open });
    rig.recorder.arm();
    rig.feed(pictures(10_000, 12_080));
    assert.equal((await rig.event('failed')).firstOfOutage, true);
    broken.isBroken = false;
    rig.to(20_000);
    rig.feed(pictures(20_000, 24_080));
    await rig.event('recording');
    await rig.recorder.disarm();
    await rig.event('finished');
    broken.isBroken = true;
    rig.recorder.arm();
    rig.feed(pictures(30_000, 32_080));
    assert.equal((await rig.event('failed', 2)).firstOfOutage, true);
  });

  it('warns once of a file beyond its limits that cannot be deleted, however often it tries', async () => {
    rigOf({ keepDays: 1 });
    await armed();
    rig.feed(pictures(10_000, 12_000));
    rig.recorder.alarm({ reason: 'door' });
    rig.recorder.stop();
    await rig.clip();
    await rig.recorder.disarm();
    const { folder } = rig;
    let tried = 0;
    const unlink = (() => {
      tried++;
      return Promise.reject(systemError('EACCES'));
    }) as RecorderFs['unlink'];
    rigOf({ keepDays: 1, folder }, { unlink });
    rig.clock.now = 3 * 24 * 3_600_000;
    rig.recorder.arm();
    await rig.event('warning');
    rig.to(rig.now + 3_600_000);
    await disk.idle();
    assert.equal(tried, 2);
    assert.equal(warnings().length, 1);
  });

  describe('that missed an alarm', () => {
    /** How often the NVR was asked. */
    let asked: number;
    async function missed(state: 'playing' | 'waiting'): Promise<void> {
      asked = 0;
      async function* nothing(): AsyncIterable<VideoUnit> {
        asked++;
        yield* await Promise.resolve([]);
      }
      rigOf({ backfill: true }, {}, { fetchSpan: nothing });
      rig.hub.state = state;
      await armed();
      rig.recorder.alarm({ reason: 'door' });
      rig.to(12_000);
      await rig.event('failed');
      await rig.line('missing');
    }

    it('is told all of its alarms in their order once it was fetched', async () => {
      async function* whole(_channel: number, from: number): AsyncIterable<VideoUnit> {
        const begin = (from - EPOCH) / FRAME_MS;
        for (let index = 0; index < 100; index++) {
          const unit = clipUnit(index, EPOCH);
          yield await Promise.resolve({ ...unit, time: EPOCH + (begin + index) * FRAME_MS });
        }
      }
      rigOf({ backfill: true }, {}, { fetchSpan: whole });
      await armed();
      rig.recorder.alarm({ reason: 'one' });
      for (const [at, reason] of [
        [9500, 'two'],
        [10_000, 'three'],
      ] as const) {
        rig.to(at);
        rig.recorder.alarm({ reason });
      }
      rig.to(12_000);
      await rig.event('failed');
      await rig.line('missing');
      rig.to(18_000);
      const { info } = await rig.event('finished');
      assert.deepEqual(
        info.alarms.map(({ time, reason }) => [time - EPOCH, reason]),
        [
          [9000, 'one'],
          [9500, 'two'],
          [10_000, 'three'],
        ],
      );
    });

    it('asks the NVR at once where the camera played when it was armed, and goes on through a warning', async () => {
      await missed('playing');
      rig.hub.tell({ type: 'warning' });
      rig.hub.tell({ type: 'gap' });
      rig.hub.tell({ type: 'format' });
      assert.equal(asked, 0);
      rig.to(30_000);
      assert.equal(asked, 1);
    });

    it('asks nothing of an NVR that was away when it was armed, until the camera plays', async () => {
      await missed('waiting');
      rig.to(60_000);
      assert.equal(asked, 0);
      rig.hub.tell({ type: 'playing' });
      rig.to(66_000);
      assert.equal(asked, 1);
    });
  });
});
