import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { guardedTimers } from '../../lib/guard.js';
import { MemoryBudget } from '../../lib/nvr/memory-budget.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import { Recorder } from '../../lib/nvr/recorder/recorder.js';
import type { RecorderEvent } from '../../lib/nvr/recorder/types.js';
import { settingsFor } from '../kit/settings.js';
import { needs } from '../kit/tools.js';

const CAMERAS = Number(process.env.OVERLOAD_CAMERAS ?? 256);
const PRE_ROLL = 10;
const POST_ROLL = 10;
const FRAME_MS = 40;
const MIB = 1024 ** 2;

interface Wall {
  readonly port: number;
  readonly megabits: number;
  readonly child: ChildProcess;
}

async function startWall(bitrate: string, size: string): Promise<Wall> {
  const child = fork(path.join(__dirname, '../kit/camera-wall.ts'), [bitrate, size], {
    execArgv: ['--require', 'tsx/cjs'],
  });
  const told = await new Promise<Omit<Wall, 'child'>>((resolve, reject) => {
    child.once('message', (message) => {
      resolve(message as Omit<Wall, 'child'>);
    });
    child.once('exit', (code) => {
      reject(new Error(`the cameras ended with ${code}`));
    });
  });
  return { ...told, child };
}

/** The sessions are real ones over TCP; cameras and recorder share the machine, in two processes. */
describe('an alarm on all cameras at once, each with an RTSP session', function () {
  this.timeout(300_000);

  before(function () {
    needs(this, 'ffmpeg');
  });

  // Two cores that send it all, too, do not send more than this in time.
  for (const [cameras, bitrate, size] of [
    [CAMERAS, '1M', '640x360'],
    [CAMERAS / 4, '4M', '1280x720'],
  ] as const)
    it(`of ${cameras} cameras of ${bitrate}bit/s ends in whole clips of at least 80 %, and a word for each other`, () =>
      run(cameras, bitrate, size));

  async function run(cameras: number, bitrate: string, size: string): Promise<void> {
    const wall = await startWall(bitrate, size);
    const folder = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-sessions-'));
    const settings = settingsFor(wall.port, {
      ...{ uriStyle: 'custom', liveTemplate: '/live/{ch}', transport: 'tcp', maxSessions: cameras },
      ...{ requestTimeout: 10 },
    });
    const nvr = new Nvr(settings, { memory: new MemoryBudget({ bytes: 4096 * MIB }) });
    const told: RecorderEvent[][] = [];
    const hubs = Array.from({ length: cameras }, (_, index) => nvr.camera(index + 1, 'main'));
    const recorders = hubs.map((hub, index) => {
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
          fs,
          now: () => Date.now(),
          monotonic: () => performance.now(),
          timers: guardedTimers((error) => {
            throw error;
          }),
        },
        { onEvent: (event) => events.push(event) },
      );
      recorder.arm();
      return recorder;
    });
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 250);
    try {
      const connecting = performance.now();
      while (hubs.some(({ statistics }) => statistics.state !== 'playing')) {
        assert.ok(performance.now() - connecting < 120_000, 'all play within two minutes');
        await wait(100);
      }
      const connected = (performance.now() - connecting) / 1000;
      await wait((PRE_ROLL + 4) * 1000);
      for (const recorder of recorders) recorder.alarm({ reason: 'all' });
      const alarmed = performance.now();
      const cpu = process.cpuUsage();
      const isOver = (): boolean =>
        told.every((events) => events.some(({ type }) => type === 'finished' || type === 'failed'));
      while (!isOver() && performance.now() - alarmed < 120_000) await wait(250);
      const seconds = (performance.now() - alarmed) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      const finished = told.flatMap((events) =>
        events.flatMap((event) => (event.type === 'finished' ? [event.info] : [])),
      );
      const failures = told.flatMap((events) =>
        events.flatMap((event) => (event.type === 'failed' ? [event.error.code] : [])),
      );
      const whole = finished.filter(({ coverage, gaps }) => coverage >= 0.98 && gaps.length === 0);
      // Those that tell of holes with the full count of pictures, or of none without it.
      const untrue = finished.filter(({ frames, preRollMs, gaps }) => {
        const isFull = frames * FRAME_MS >= (preRollMs + POST_ROLL * 1000) * 0.98;
        return isFull !== (gaps.length === 0);
      });
      const lost = hubs.reduce((sum, { statistics }) => sum + statistics.reconnects, 0);
      console.log(
        `      ${cameras} sessions of ${wall.megabits.toFixed(1)} Mbit/s, playing after ${connected.toFixed(1)} s: ${whole.length} whole, ${finished.length} finished, ${untrue.length} that tell otherwise than their pictures, ${failures.length} failed (${[...new Set(failures)].join()}), ` +
          `${lost} reconnects; over ${seconds.toFixed(0)} s after the alarm; peak ${(peak / MIB).toFixed(0)} MB; ${((user + system) / 1e6).toFixed(0)} s of CPU`,
      );
      assert.ok(isOver(), 'each camera has had a word');
      assert.ok(whole.length >= 0.8 * cameras, `${whole.length} whole`);
      assert.ok(untrue.length <= 0.02 * cameras, `${untrue.length} tell otherwise than their pictures`);
    } finally {
      clearInterval(watch);
      await Promise.all(recorders.map((recorder) => recorder.disarm()));
      await nvr.close();
      wall.child.kill('SIGKILL');
      nodeFs.rmSync(folder, { recursive: true, force: true });
    }
  }
});
