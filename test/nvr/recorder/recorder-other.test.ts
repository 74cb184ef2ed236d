import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import path from 'node:path';
import type { AudioUnit, MediaUnit, VideoUnit } from '../../../lib/codec/unit.js';
import type { RecorderDeps, RecorderFs, RecorderOptions } from '../../../lib/nvr/recorder/types.js';
import { BusyDisk } from '../../kit/busy-disk.js';
import { clipUnit, clipUnitsBetween } from '../../kit/clip-units.js';
import { audioUnits, interleave } from '../../kit/recorded-units.js';
import { EPOCH, RecorderRig, systemError } from '../../kit/recorder-rig.js';

const FRAME_MS = 80;

const pictures = (from: number, to: number): VideoUnit[] => clipUnitsBetween(from, to, EPOCH);

describe('a recorder to which something other than pictures comes', () => {
  const rigs: RecorderRig[] = [];
  let disk: BusyDisk;
  let rig: RecorderRig;

  beforeEach(() => {
    disk = new BusyDisk();
  });

  afterEach(async () => {
    for (const one of rigs.splice(0)) await one.close();
  });

  async function armed(
    options: Partial<RecorderOptions> = {},
    changes: Partial<RecorderFs> = {},
    extra: Partial<RecorderDeps> = {},
  ): Promise<void> {
    rig = new RecorderRig({ fileName: '{HHmmss}.mp4', ...options }, { ...disk.fs, ...changes }, extra);
    rigs.push(rig);
    await arm();
  }
  async function arm(): Promise<void> {
    rig.recorder.arm();
    await rig.ready();
    await disk.idle();
  }
  const sound = (kind: 'aac' | 'pcmu', from: number, to: number): AudioUnit[] =>
    audioUnits(kind, 12)
      .map((unit) => ({ ...unit, arrival: unit.arrival, mediaTime: unit.arrival }))
      .filter(({ arrival }) => arrival >= from && arrival < to);
  const words = (type: string): number => rig.words().filter((word) => word === type).length;

  it('ends a clip on time where sound goes on and pictures do not', async () => {
    await armed({ preRoll: 1, postRoll: 4 });
    rig.feed(interleave(pictures(10_000, 12_000), sound('aac', 10_000, 12_000)));
    rig.to(12_000);
    rig.recorder.alarm({ reason: 'door' });
    await rig.event('recording');
    rig.feed(sound('aac', 12_000, 15_900));
    rig.to(15_999);
    assert.equal(rig.recorder.status.state, 'recording');
    rig.to(16_000);
    assert.equal(rig.recorder.status.state, 'armed');
  });

  it('leaves metadata out of its memory and its clips', async () => {
    await armed();
    rig.feed(pictures(10_000, 12_000));
    const { preRollBytes } = rig.recorder.status;
    const metadata = { kind: 'metadata', arrival: 11_990, data: Buffer.from('<tt:MetadataStream/>') };
    rig.hub.emit(metadata as unknown as MediaUnit as VideoUnit);
    assert.equal(rig.recorder.status.preRollBytes, preRollBytes);
    rig.recorder.alarm({ reason: 'door' });
    rig.hub.emit(metadata as unknown as MediaUnit as VideoUnit);
    rig.feed(pictures(12_000, 15_000));
    assert.equal((await rig.clip()).frames, 49);
    assert.deepEqual({ warnings: words('warning'), files: words('finished') }, { warnings: 0, files: 1 });
  });

  it('is an MP4 again without the sound that came before it was disarmed, and warns anew of what it cannot hold', async () => {
    await armed();
    rig.feed(interleave(pictures(10_000, 12_000), sound('pcmu', 10_000, 12_000)));
    await rig.recorder.disarm();
    await arm();
    rig.feed(pictures(12_000, 14_000));
    rig.recorder.alarm({ reason: 'door' });
    rig.recorder.stop();
    assert.equal(path.extname((await rig.clip()).file), '.mp4');
    const [heard] = sound('pcmu', 10_000, 12_000) as [AudioUnit];
    const foreign = { ...heard, format: { ...heard.format, codec: 'g726' } } as unknown as VideoUnit;
    for (let count = 1; count <= 2; count++) {
      rig.hub.emit(foreign);
      rig.hub.emit(foreign);
      assert.equal(words('warning'), count);
      await rig.recorder.disarm();
      await arm();
    }
  });

  it('asks no NVR for what is missing any more once it is disarmed, and ends the question that it has put', async () => {
    const asked: AbortSignal[] = [];
    async function* never(
      _channel: number,
      _from: number,
      _to: number,
      signal: AbortSignal,
    ): AsyncIterable<VideoUnit> {
      asked.push(signal);
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve();
        });
      });
      yield* [];
    }
    for (const until of [12_000, 30_000]) {
      await armed({ backfill: true }, {}, { fetchSpan: never });
      rig.recorder.alarm({ reason: 'door' });
      rig.to(12_000);
      await rig.event('failed');
      await rig.line('missing');
      rig.to(until);
      await disk.idle();
      await rig.recorder.disarm();
      assert.equal(rig.clock.waiting, 0, `disarmed at ${until} ms`);
    }
    assert.deepEqual(
      asked.map(({ aborted }) => aborted),
      [true],
    );
  });

  it('tells its listener what the hub tells', async () => {
    await armed();
    rig.hub.tell({ type: 'gap' });
    rig.hub.tell({ type: 'playing' });
    assert.deepEqual(
      rig.hubEvents.map(({ type }) => type),
      ['gap', 'playing'],
    );
  });

  it('tells of a fetched clip at the next start where no flow runs that hears of it', async () => {
    async function* whole(_channel: number, from: number): AsyncIterable<VideoUnit> {
      for (let index = 0; index < 60; index++)
        yield await Promise.resolve({ ...clipUnit(index, EPOCH), time: from + index * FRAME_MS });
    }
    await armed({ backfill: true }, {}, { fetchSpan: whole });
    rig.recorder.alarm({ reason: 'door' });
    rig.to(12_000);
    await rig.event('failed');
    await rig.line('missing');
    rig.running = false;
    rig.to(18_000);
    while (rig.recorder.status.toFetch > 0) await new Promise(setImmediate);
    await disk.idle();
    await rig.recorder.disarm();
    assert.deepEqual({ over: rig.lines('over').length, told: words('finished') }, { over: 0, told: 0 });
    await armed({ backfill: true, folder: rig.folder });
    assert.deepEqual((await rig.clip()).alarms, [{ time: EPOCH + 9000, reason: 'door' }]);
    await rig.line('over');
  });

  it('is in the same outage of the disk until a file of continuous recording is long enough', async () => {
    let isBroken = true;
    const open = ((...given: Parameters<RecorderFs['open']>) =>
      isBroken ? Promise.reject(systemError('EROFS')) : disk.fs.open(...given)) as RecorderFs['open'];
    await armed({ mode: 'continuous', segment: 10 }, { open });
    rig.feed(pictures(10_000, 12_000));
    assert.equal((await rig.event('failed')).firstOfOutage, true);
    let at = 20_000;
    for (const [nth, length, isFirst] of [
      [2, 4000, false],
      [3, 6000, true],
    ] as const) {
      isBroken = false;
      await rig.recorder.disarm();
      await arm();
      rig.feed(pictures(at, at + length));
      await rig.recorder.disarm();
      await rig.event('finished', nth - 1);
      isBroken = true;
      rig.recorder.arm();
      rig.feed(pictures(at + 10_000, at + 12_000));
      assert.equal((await rig.event('failed', nth)).firstOfOutage, isFirst, `after ${length} ms`);
      at += 20_000;
    }
  });

  describe('and which makes a film', () => {
    const film = { mode: 'timelapse', segment: 4 } as const;

    it('lacks nothing of the film that it ends when it is disarmed', async () => {
      await armed({ ...film, segment: 600 });
      rig.feed(pictures(10_000, 14_080));
      await rig.event('recording');
      await rig.recorder.disarm();
      const { frames, durationMs, coverage, gaps } = await rig.clip();
      assert.deepEqual(
        { frames, durationMs, coverage, gaps },
        { frames: 3, durationMs: 120, coverage: 1, gaps: [] },
      );
    });

    it('reports each film once, and after a restart only one that no flow has heard of', async () => {
      await armed(film);
      rig.feed(pictures(10_000, 14_080));
      await rig.event('finished');
      await rig.line('told');
      rig.running = false;
      await rig.recorder.disarm();
      await rig.event('finished', 2);
      const { folder } = rig;
      await armed({ ...film, folder });
      const told = rig.events.flatMap((event) =>
        event.type === 'finished' ? [event.info.start - EPOCH] : [],
      );
      assert.deepEqual(told, [14_000]);
      assert.equal(nodeFs.readdirSync(folder).filter((name) => name.endsWith('.mp4')).length, 2);
    });

    it('tries a film that the disk refuses again at its time, and not with the next one’s first picture', async () => {
      const open = ((...given: Parameters<RecorderFs['open']>) =>
        String(given[0]).endsWith('.part')
          ? Promise.reject(systemError('EROFS'))
          : disk.fs.open(...given)) as RecorderFs['open'];
      await armed(film, { open });
      rig.feed(pictures(10_000, 10_080));
      await rig.event('failed');
      while (rig.recorder.status.clips > 0) await new Promise(setImmediate);
      rig.feed(pictures(10_080, 14_160));
      await disk.idle();
      assert.equal(words('failed'), 1);
      rig.to(15_000);
      rig.feed(pictures(15_040, 16_080));
      await rig.event('failed', 2);
    });
  });
});
