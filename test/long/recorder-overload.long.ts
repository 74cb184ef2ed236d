import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { MemoryBudget } from '../../lib/nvr/memory-budget.js';
import { Recorder } from '../../lib/nvr/recorder/recorder.js';
import type { RecorderEvent, RecorderFs } from '../../lib/nvr/recorder/types.js';
import { source, videoUnits } from '../kit/recorded-units.js';
import { FakeHub } from '../kit/fake-hub.js';
import { needs } from '../kit/tools.js';
import { systemTimers } from '../kit/system-timers.js';

const CAMERAS = Number(process.env.OVERLOAD_CAMERAS ?? 256);
const PRE_ROLL = 10;
const POST_ROLL = 10;
const FRAME_MS = 40;
const MIB = 1024 ** 2;
/** Bytes a second that the slow disk takes of all files together: less than half of what comes. */
const SLOW_DISK = 60 * MIB;

/** The real disk, and one that takes no more than so many bytes a second. */
function diskOf(bytesPerSecond: number): RecorderFs {
  let free = 0;
  const open: RecorderFs['open'] = async (...args) => {
    const handle = await fs.open(...args);
    const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<{ bytesWritten: number }>;
    handle.write = (async (data: Uint8Array, at: number, length: number, position: number) => {
      free = Math.max(free, performance.now()) + (length / bytesPerSecond) * 1000;
      await wait(free - performance.now());
      return write(data, at, length, position);
    }) as FileHandle['write'];
    return handle;
  };
  return { ...fs, open };
}

describe('an alarm on all cameras at once', function () {
  this.timeout(300_000);

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  for (const [disk, bytesPerSecond, megabytes, least] of [
    ['this disk', Infinity, 4096, 0.8],
    ['a disk that takes less than half of it', SLOW_DISK, 4096, 0.8],
    ['a disk that takes less than half of it, with little memory', SLOW_DISK, 1024, 0.6],
  ] as const) {
    it(`of ${CAMERAS} cameras of 4 Mbit/s, in ${megabytes} MB, on ${disk}, ends in whole clips of at least ${least * 100} %, and a word for each other`, () =>
      run(diskOf(bytesPerSecond), megabytes, least));
  }

  async function run(disk: RecorderFs, megabytes: number, least: number): Promise<void> {
    const from = source({
      ...{ size: '1280x720', seconds: 4, gop: 50, bitrate: '4M' },
      filter: 'noise=alls=12:allf=t',
    });
    const units = videoUnits(from, { begin: 0, epoch: 0 });
    const rate = (units.reduce((sum, { data }) => sum + data.length, 0) * 8) / 4 / 1e6;
    const folder = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-overload-'));
    const budget = new MemoryBudget({ bytes: megabytes * MIB });
    const told: RecorderEvent[][] = [];
    const cameras = Array.from({ length: CAMERAS }, (_, index) => {
      const hub = new FakeHub();
      Object.assign(hub, { memory: budget.camera() });
      const events: RecorderEvent[] = [];
      told.push(events);
      const recorder = new Recorder(
        hub,
        {
          ...{ id: `camera-${index}`, nvr: 'Home', channel: String(index), mode: 'alarm', maxLength: 60 },
          ...{ preRoll: PRE_ROLL, postRoll: POST_ROLL, folder, fileName: '{channel}.mp4', segment: 300 },
          ...{ keepDays: 0, keepGiB: 0, timeZone: '' },
        },
        {
          fs: disk,
          now: () => Date.now(),
          monotonic: () => performance.now(),
          timers: systemTimers,
        },
        { onEvent: (event) => events.push(event) },
      );
      recorder.arm();
      return { hub, recorder };
    });
    try {
      const begun = performance.now();
      const epoch = Date.now() - begun;
      let peak = 0;
      let late = 0;
      /** Every camera's pictures, as they are due. */
      const play = async (until: number): Promise<void> => {
        for (; ; picture++) {
          const arrival = begun + picture * FRAME_MS;
          if (arrival >= until) return;
          const ahead = arrival - performance.now();
          if (ahead > 0) await wait(ahead);
          else await wait(0);
          late = Math.max(late, performance.now() - arrival);
          peak = Math.max(peak, process.memoryUsage().rss);
          const unit = units[picture % units.length]!;
          const now = performance.now();
          const rtpTime = (picture * FRAME_MS * 90) >>> 0;
          for (const { hub } of cameras)
            hub.emit({
              ...unit,
              arrival: now,
              mediaTime: arrival,
              time: Math.round(epoch + arrival),
              rtpTime,
            });
        }
      };
      let picture = 0;
      await play(begun + (PRE_ROLL + 4) * 1000);
      for (const { recorder } of cameras) recorder.alarm({ reason: 'all' });
      const alarmed = performance.now();
      const cpu = process.cpuUsage();
      const isOver = (): boolean =>
        told.every((events) => events.some(({ type }) => type === 'finished' || type === 'failed'));
      while (!isOver() && performance.now() - alarmed < 120_000) await play(performance.now() + 1000);
      const seconds = (performance.now() - alarmed) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      const finished = told.flatMap((events) =>
        events.flatMap((event) => (event.type === 'finished' ? [event.info] : [])),
      );
      const failures = told.flatMap((events) =>
        events.flatMap((event) => (event.type === 'failed' ? [event.error.code] : [])),
      );
      // Whole from the alarm on; a shorter pre-roll is told.
      const whole = finished.filter(({ gaps }) =>
        gaps.every(({ at, ms }) => at + ms <= PRE_ROLL * 1000 + 100),
      );
      const short = told.filter((events) => events.some(({ type }) => type === 'warning')).length;
      console.log(
        `      ${CAMERAS} cameras of ${rate.toFixed(1)} Mbit/s: ${whole.length} whole, ${finished.length} finished, ${failures.length} failed (${[...new Set(failures)].join()}), ` +
          `${short} told of a shorter pre-roll; over ${seconds.toFixed(0)} s after the alarm; peak ${(peak / MIB).toFixed(0)} MB; pictures fed up to ${late.toFixed(0)} ms late; ${((user + system) / 1e6).toFixed(0)} s of CPU`,
      );
      assert.ok(isOver(), 'each camera has had a word');
      assert.ok(whole.length >= least * CAMERAS, `${whole.length} whole`);
      assert.deepEqual(
        nodeFs.readdirSync(folder).filter((name) => name.endsWith('.part')),
        [],
      );
    } finally {
      await Promise.all(cameras.map(({ recorder }) => recorder.disarm()));
      nodeFs.rmSync(folder, { recursive: true, force: true });
    }
  }
});
