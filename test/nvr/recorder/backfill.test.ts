import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import type {
  FetchSpan,
  RecorderDeps,
  RecorderFs,
  RecorderOptions,
} from '../../../lib/nvr/recorder/types.js';
import { judgeClip } from '../../kit/clip-judge.js';
import { source, videoUnits } from '../../kit/recorded-units.js';
import { needs } from '../../kit/tools.js';
import { EPOCH, RecorderRig, systemError } from '../../kit/recorder-rig.js';

const MESSAGE = { topic: 'site/door' };
const HOUR = 3_600_000;

/** An NVR that has recorded all the time, a keyframe a second, or what `units` makes of it. */
class Recording {
  readonly asked: { channel: number; from: number; to: number; signal: AbortSignal }[] = [];
  fault: Error | undefined;
  /** What it waits for behind each picture, from the `pauseAfter`th on. */
  pause: Promise<void> = Promise.resolve();
  pauseAfter = 0;
  units: (from: number) => VideoUnit[] = (from) => {
    const begin = Math.floor(from / 1000) * 1000;
    return videoUnits(source({ seconds: 8 }), { begin: 0, epoch: begin });
  };

  readonly fetch: FetchSpan = (channel, from, to, signal) => {
    this.asked.push({ channel, from, to, signal });
    return this.play(from, to, signal);
  };

  private async *play(from: number, to: number, signal: AbortSignal): AsyncGenerator<VideoUnit, void> {
    let given = 0;
    for (const unit of this.units(from)) {
      if (unit.time >= to || signal.aborted) return;
      yield unit;
      if (++given >= this.pauseAfter) await this.pause;
    }
    if (this.fault !== undefined) throw this.fault;
  }
}

describe('what was missed of an alarm', function () {
  this.timeout(30_000);
  const rigs: RecorderRig[] = [];
  let nvr: Recording;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  beforeEach(() => {
    nvr = new Recording();
  });

  afterEach(async () => {
    for (const rig of rigs.splice(0)) await rig.close();
  });

  function rigOf(options: Partial<RecorderOptions> = {}, deps: Partial<RecorderDeps> = {}): RecorderRig {
    const rig = new RecorderRig({ backfill: true, ...options }, {}, { fetchSpan: nvr.fetch, ...deps });
    rigs.push(rig);
    return rig;
  }

  const away = (rig: RecorderRig): void => {
    rig.hub.tell({ type: 'reconnecting', code: 'ECONNREFUSED' });
  };

  /** An alarm at 9 s, asked for from 7 s to 11 s, of which nothing comes. */
  async function missed(
    options: Partial<RecorderOptions> = {},
    deps: Partial<RecorderDeps> = {},
  ): Promise<RecorderRig> {
    const rig = rigOf(options, deps);
    rig.recorder.arm();
    await rig.ready();
    away(rig);
    rig.recorder.alarm({ reason: 'door', message: MESSAGE });
    rig.to(20_000);
    await rig.event('failed');
    await rig.line('missing');
    return rig;
  }

  it('is fetched when the NVR is back, and delivered with the alarm’s message', async () => {
    const rig = await missed();
    rig.to(60_000);
    assert.equal(nvr.asked.length, 0, 'nothing is asked of an NVR that is away');
    rig.hub.tell({ type: 'playing' });
    rig.to(66_000);
    const { info, message, last } = await rig.event('finished');
    assert.deepEqual(
      { message, last, source: info.source, reason: info.reason },
      { message: MESSAGE, last: true, source: 'playback', reason: 'door' },
    );
    assert.deepEqual({ coverage: info.coverage, gaps: info.gaps }, { coverage: 1, gaps: [] });
    assert.deepEqual(info.alarms, [{ time: EPOCH + 9000, reason: 'door' }]);
    assert.equal(info.start, EPOCH + 7000);
    assert.equal(info.preRollMs, 2000);
    assert.equal(judgeClip(info.file).length, 100);
    const { channel, from, to } = nvr.asked[0]!;
    assert.deepEqual({ channel, from, to }, { channel: 1, from: EPOCH + 7000, to: EPOCH + 11_000 });
    await rig.line('over');
    assert.equal(rig.recorder.status.toFetch, 0);
    assert.deepEqual(rig.words(), ['armed', 'failed', 'finished']);
  });

  for (const [way, step] of [
    ['forward', HOUR],
    ['back', -HOUR],
  ] as const) {
    it(`is the span of the alarm and no other, and in time, where this machine’s clock is set ${way} by an hour meanwhile`, async () => {
      let set = 0;
      let wall = (): number => 0;
      const rig = rigOf({}, { now: () => wall() });
      wall = () => EPOCH + rig.now + set;
      rig.recorder.arm();
      await rig.ready();
      away(rig);
      rig.recorder.alarm({ reason: 'door', message: MESSAGE });
      rig.to(10_000);
      set = step;
      rig.recorder.alarm({ reason: 'window' });
      rig.to(20_000);
      await rig.event('failed');
      assert.equal((await rig.line('missing')).ms, 5000);
      rig.hub.tell({ type: 'playing' });
      rig.to(21_000);
      set = -step;
      rig.hub.tell({ type: 'reconnecting' });
      rig.hub.tell({ type: 'playing' });
      rig.to(30_000);
      const { from, to } = nvr.asked[0]!;
      assert.deepEqual({ from, to }, { from: EPOCH + 7000, to: EPOCH + 12_000 });
      assert.equal((await rig.event('finished')).info.coverage, 1);
    });
  }

  it('is fetched as a whole beside a clip that lacks more than two seconds, and not for less', async () => {
    for (const [lacking, fetched] of [
      [3000, 1],
      [1000, 0],
    ] as const) {
      const rig = rigOf({ fileName: '{reason}.mp4', postRoll: 4 });
      rig.recorder.arm();
      const units = videoUnits(source({ seconds: 8 }));
      const rest = rig.feed(units, 12_000);
      rig.recorder.alarm({ reason: 'door' });
      rig.feed(rest.filter(({ arrival }) => arrival < 16_000 - lacking));
      rig.to(30_000);
      const live = await rig.clip();
      assert.equal(live.source, 'live');
      await rig.line(fetched === 1 ? 'missing' : 'over');
      rig.to(40_000);
      if (fetched === 0) {
        assert.equal(nvr.asked.length, 1, 'the one of before');
        continue;
      }
      const info = await rig.clip(2);
      assert.deepEqual({ source: info.source, coverage: info.coverage }, { source: 'playback', coverage: 1 });
      assert.deepEqual(rig.files(), ['door-2.mp4', 'door.mp4']);
    }
  });

  it('is tried again, later each time, and nothing is left of a try that failed; given up after a day with the cause', async () => {
    const rig = await missed();
    nvr.fault = new NvrError('ENORECORDING', 'The NVR has no recording of this channel at that time.');
    nvr.units = () => [];
    rig.hub.tell({ type: 'playing' });
    let asked = 0;
    for (let now = 21_000; now < 26 * HOUR && rig.recorder.status.toFetch > 0; now += 60_000) {
      rig.to(now);
      if (nvr.asked.length > asked) await new Promise((resolve) => setTimeout(resolve, 20));
      asked = nvr.asked.length;
    }
    assert.ok(asked > 8 && asked < 25, String(asked));
    const { error } = await rig.event('warning');
    assert.equal(error.code, 'ENORECORDING');
    assert.match(error.message, /could not be fetched from the NVR within 24 h/);
    await rig.line('over');
    assert.deepEqual(rig.files(), []);
  });

  it('is not taken from a recording that broke off, until one is whole', async () => {
    const rig = await missed();
    const whole = nvr.units;
    nvr.units = (from) => whole(from).slice(0, 50);
    nvr.fault = new NvrError('EUNREACHABLE', 'The recording broke off.');
    rig.hub.tell({ type: 'playing' });
    rig.to(30_000);
    while (nvr.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await rig.line('gone');
    assert.deepEqual(rig.files(), []);
    nvr.units = whole;
    nvr.fault = undefined;
    await new Promise((resolve) => setTimeout(resolve, 20));
    rig.to(70_000);
    assert.equal((await rig.event('finished')).info.coverage, 1);
  });

  it('is still fetched after the recorder was disarmed and armed again, also in the midst of a try', async () => {
    const rig = await missed();
    await rig.recorder.disarm();
    rig.recorder.arm();
    let goOn = (): void => undefined;
    nvr.pause = new Promise((resolve) => (goOn = resolve));
    rig.to(30_000);
    while (nvr.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const disarmed = rig.recorder.disarm();
    rig.recorder.arm();
    goOn();
    await disarmed;
    rig.to(70_000);
    assert.equal((await rig.event('finished')).info.coverage, 1);
    await rig.line('over');
    assert.equal(rig.recorder.status.toFetch, 0);
  });

  /** A file system that is full once `isFull` says so of a file, after `length` more bytes. */
  function filling(isFull: (file: string, length: number) => boolean): RecorderFs {
    const open: RecorderFs['open'] = async (...args) => {
      const handle = await fsPromises.open(...args);
      const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
      handle.write = (async (data: Uint8Array, at: number, length: number, position: number) => {
        if (isFull(String(args[0]), length)) throw systemError('ENOSPC');
        return write(data, at, length, position);
      }) as typeof handle.write;
      return handle;
    };
    return { ...fsPromises, open };
  }

  it('leaves nothing behind where the disk fills up in the midst of a try', async () => {
    let left = Infinity;
    const rig = await missed({}, { fs: filling((_, length) => (left -= length) < 0) });
    left = 100_000;
    rig.hub.tell({ type: 'playing' });
    rig.to(30_000);
    await rig.line('done');
    await rig.line('gone');
    assert.deepEqual(rig.files(), []);
    assert.equal(rig.recorder.status.toFetch, 1);
  });

  /** Two seconds of one size, and two of another: two files. */
  const twoSizes = (from: number): VideoUnit[] =>
    [{}, { size: '640x360' }].flatMap((more, index) =>
      videoUnits(source({ seconds: 2, ...more }), { begin: index * 2000, epoch: from + index * 2000 }),
    );

  it('is not done where the disk fills up behind the first of its files', async () => {
    const rig = await missed({}, { fs: filling((file) => file.endsWith('-2.mp4.part')) });
    nvr.units = twoSizes;
    rig.hub.tell({ type: 'playing' });
    rig.to(30_000);
    await rig.line('gone', 2);
    assert.deepEqual({ words: rig.words(), files: rig.files() }, { words: ['armed', 'failed'], files: [] });
    assert.equal(rig.recorder.status.toFetch, 1);
  });

  it('is fetched anew as a whole after a kill in the midst of a try, whose files are told to nobody', async () => {
    const rig = await missed();
    const whole = nvr.units;
    let goOn = (): void => undefined;
    nvr.pause = new Promise((resolve) => (goOn = resolve));
    nvr.pauseAfter = 80;
    nvr.units = twoSizes;
    rig.hub.tell({ type: 'playing' });
    rig.to(30_000);
    await rig.line('open', 2);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-recorder-'));
    fs.cpSync(rig.folder, folder, { recursive: true });
    goOn();
    nvr.units = whole;
    const next = rigOf({ folder });
    next.recorder.arm();
    await next.ready();
    assert.deepEqual({ words: next.words(), files: next.files() }, { words: ['armed'], files: [] });
    next.to(60_000);
    const { info, last } = await next.event('finished');
    assert.deepEqual(
      { last, source: info.source, coverage: info.coverage, recovered: info.recovered },
      { last: true, source: 'playback', coverage: 1, recovered: undefined },
    );
  });

  it('is not fetched from another camera, to which the recorder was set meanwhile, and that is told', async () => {
    const owner = { id: 'one', camera: 'gate', host: 'here', pid: process.pid, isAlive: () => true };
    const rig = await missed({}, { owner });
    rig.running = false;
    await rig.recorder.close();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-recorder-'));
    fs.cpSync(rig.folder, folder, { recursive: true });
    const next = rigOf({ folder }, { owner: { ...owner, camera: 'yard' } });
    next.recorder.arm();
    await next.line('over');
    next.to(60_000);
    assert.equal(nvr.asked.length, 0);
    const { error } = await next.event('warning');
    assert.equal(error.code, 'EINPUT');
    assert.match(error.message, /^What is missing .* 2025-10-09T08:53:17.000Z .* set to another camera/);
    assert.deepEqual(next.words(), ['armed', 'warning'], 'its failure has been told');
  });

  it('is not fetched where that is not wanted', async () => {
    const rig = rigOf({ backfill: false });
    rig.recorder.arm();
    rig.recorder.alarm({ reason: 'door' });
    rig.to(20_000);
    await rig.event('failed');
    await rig.line('over');
    rig.hub.tell({ type: 'playing' });
    rig.to(60_000);
    assert.equal(nvr.asked.length, 0);
  });

  it('is remembered over a restart, which ends the try that is under way', async () => {
    const rig = await missed();
    let goOn = (): void => undefined;
    nvr.pause = new Promise((resolve) => (goOn = resolve));
    rig.hub.tell({ type: 'playing' });
    rig.to(30_000);
    while (nvr.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    rig.running = false;
    const closed = rig.recorder.close();
    assert.equal(nvr.asked[0]!.signal.aborted, true);
    goOn();
    await closed;
    assert.deepEqual(rig.files(), []);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-recorder-'));
    fs.cpSync(rig.folder, folder, { recursive: true });
    const next = rigOf({ folder });
    next.recorder.arm();
    await next.ready();
    assert.equal(next.recorder.status.toFetch, 1);
    assert.deepEqual(next.words(), ['armed'], 'its failure has been told');
    next.to(60_000);
    const { info, message } = await next.event('finished');
    assert.deepEqual(
      { message, source: info.source, coverage: info.coverage },
      { message: MESSAGE, source: 'playback', coverage: 1 },
    );
    await next.line('over');
  });
});
