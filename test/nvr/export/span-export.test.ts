import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import type { SpanExport } from '../../../lib/nvr/export/span-export.js';
import type { ExportDeps, ExportEnd, ExportProgress, ExportRequest } from '../../../lib/nvr/export/types.js';
import type { KeptMessage, RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { clipUnit } from '../../kit/clip-units.js';
import { ExportsRig } from '../../kit/exports-rig.js';
import { clipUnits } from '../../kit/picture-units.js';
import { systemError } from '../../kit/recorder-rig.js';

const EPOCH = Date.UTC(2025, 5, 1, 0, 10);
const FRAME_MS = 80;
const GOP_MS = 2000;
const RECORDED_MS = 20_000;
/** From the midst of a GOP on. */
const SPAN = { from: EPOCH + 1_600, to: EPOCH + 7_600 };
const REQUEST = { run: 'mine', channel: 3, channelName: 'Gate', stream: 'main', ...SPAN };
const IGNORED = { onFile: () => undefined, onProgress: () => undefined };
const DAY_MS = 86_400_000;

describe('the exports of a node', () => {
  let folder: string;
  /** Takes a look at each picture, or changes it. */
  let each: (unit: VideoUnit) => VideoUnit;

  beforeEach(() => {
    folder = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-exports-'));
    each = (unit) => unit;
  });

  afterEach(() => {
    nodeFs.rmSync(folder, { recursive: true, force: true });
  });

  function rigOf(
    ...[options, changes]: [ConstructorParameters<typeof ExportsRig>[3]?, Partial<RecorderFs>?]
  ) {
    const units = function* (keyframe: number): Generator<VideoUnit> {
      for (let index = (keyframe - EPOCH) / FRAME_MS; index * FRAME_MS < RECORDED_MS; index++)
        yield each(clipUnit(index, EPOCH));
    };
    const recorded = { units, epoch: EPOCH, gopMs: GOP_MS };
    return new ExportsRig(folder, recorded, SPAN, { plain: false, reserveBytes: 0, ...options }, changes);
  }

  const start = (
    rig: ExportsRig,
    onEnd: (end: ExportEnd) => void,
    request: Partial<ExportRequest> = {},
  ): SpanExport => rig.exports.start({ ...REQUEST, ...request }, { ...IGNORED, onEnd });

  it('refuse a folder that is relative, and a template that leads out of it', () => {
    assert.throws(() => rigOf({ folder: 'clips' }), { code: 'EINPUT', message: /absolute/ });
    assert.throws(() => rigOf({ fileName: '../{HHmmss}' }), { code: 'EINPUT' });
  });

  it('make the folder of the recordings where there is none, and none before there is something for it', async () => {
    const made = path.join(folder, 'on', 'demand');
    const rig = rigOf({ folder: made });
    await rig.exports.recover();
    assert.equal(nodeFs.existsSync(made), false);
    const { reason, files } = await rig.export();
    assert.deepEqual({ reason, files }, { reason: 'reached', files: 1 });
    assert.ok(nodeFs.existsSync(path.join(made, path.basename(rig.files[0]!.file))));
  });

  it('take a day, and not a millisecond more', async () => {
    const rig = rigOf();
    const from = EPOCH - 2 * DAY_MS;
    assert.throws(() => start(rig, () => undefined, { from, to: from + DAY_MS + 1 }), { code: 'EINPUT' });
    rig.breakAt = 0;
    rig.fault = new NvrError('ENORECORDING', 'Nothing is recorded there.');
    const at = SPAN.from;
    assert.equal((await rig.export({ from: at, to: at + DAY_MS })).error?.code, 'ENORECORDING');
  });

  it('may be started again as soon as they have ended', async () => {
    const rig = rigOf();
    const second = await new Promise<ExportEnd>((resolve) => {
      start(rig, () => start(rig, resolve));
    });
    assert.equal(second.reason, 'reached');
    assert.equal(rig.asked.length, 2);
  });

  it('are others for each group of a run, and for each without a name', async () => {
    const rig = rigOf();
    const { run: _, ...unnamed } = REQUEST;
    const one = (): Promise<ExportEnd> =>
      new Promise((resolve) => rig.exports.start(unnamed, { ...IGNORED, onEnd: resolve }));
    const ends = await Promise.all([rig.export({ group: 1 }), rig.export({ group: 2 }), one(), one()]);
    assert.deepEqual(
      ends.map(({ reason }) => reason),
      ['reached', 'reached', 'reached', 'reached'],
    );
  });

  it('are others for the same span of another NVR, while both are running', async () => {
    const rig = rigOf();
    const { fetchSpan } = rig;
    const of = (nvr: string): Promise<ExportEnd> =>
      rig.export({ source: { nvr, timeZone: 'Asia/Tokyo', fetchSpan } });
    const ends = await Promise.all([rig.export(), of('North'), of('South')]);
    assert.deepEqual(
      ends.map(({ reason }) => reason),
      ['reached', 'reached', 'reached'],
    );
    const again = of('North');
    await assert.rejects(of('North'), { code: 'EBUSY' });
    await again;
  });

  it('have all they asked for where the journal alone cannot be written at one moment', async () => {
    let fails = 0;
    const rig = rigOf(
      {},
      {
        realpath: ((file: string) => {
          if (rig.files.length === 0 || fails > 0) return nodeFs.promises.realpath(file);
          fails++;
          return Promise.reject(systemError('EIO'));
        }) as RecorderFs['realpath'],
      },
    );
    const end = await rig.export();
    assert.equal(fails, 1);
    assert.deepEqual(
      { reason: end.reason, files: end.files, error: end.error },
      { reason: 'reached', files: 1, error: undefined },
    );
  });

  it('have what their first file holds where the second, of another format, cannot be begun', async () => {
    const change = EPOCH + 4_000;
    const rig = rigOf(
      {},
      {
        open: ((file: string, flags: number, ...rest: [number]) =>
          rig.files.length > 0 && file.endsWith('.part')
            ? Promise.reject(systemError('EIO'))
            : nodeFs.promises.open(file, flags, ...rest)) as RecorderFs['open'],
      },
    );
    const others = clipUnits('h265', RECORDED_MS / FRAME_MS);
    each = (unit) =>
      unit.time < change ? unit : { ...others[(unit.time - EPOCH) / FRAME_MS]!, time: unit.time };
    const { reason, reached, files, missingMs, error } = await rig.export();
    assert.deepEqual(
      { reason, reached, files, missingMs, code: error?.code },
      { reason: 'error', reached: change, files: 1, missingMs: SPAN.to - change, code: 'EDISK' },
    );
    assert.equal(rig.files[0]!.end, change);
  });

  it('say what they are at, and over what the NVR plays', async () => {
    const rig = rigOf();
    const told: string[] = [];
    await new Promise((resolve) => {
      const fetchSpan: ExportDeps['fetchSpan'] = (span, signal, handlers) => {
        told.push(one.state);
        handlers.onPlaying?.('tcp');
        return rig.fetchSpan(span, signal, handlers);
      };
      const onPlaying = (transport: string): void => void told.push(transport, one.state);
      const source = { nvr: 'Home', timeZone: '', fetchSpan };
      const one = rig.exports.start({ ...REQUEST, source }, { ...IGNORED, onPlaying, onEnd: resolve });
      each = (unit) => {
        if (told.at(-1) !== one.state) told.push(one.state);
        return unit;
      };
      void one.stop().then(() => told.push(one.state));
    });
    await new Promise(setImmediate);
    assert.deepEqual(told, ['waiting', 'tcp', 'exporting', 'ended']);
  });

  it('count the bytes and the part of the span that they have', async () => {
    const rig = rigOf();
    let bytes = 0;
    each = (unit) => {
      bytes += unit.data.length;
      return unit;
    };
    await rig.export();
    const [first, second] = rig.progress as [ExportProgress, ExportProgress];
    assert.deepEqual({ percent: first.percent, reached: first.reached }, { percent: 0, reached: SPAN.from });
    assert.ok(first.bytes > 0 && second.bytes > first.bytes);
    const last = rig.progress.at(-1)!;
    assert.ok(last.percent > 90 && last.percent <= 100, String(last.percent));
    assert.ok(last.bytes > bytes / 2 && last.bytes <= bytes, String(last.bytes));
  });

  it('are stopped with what they have, and go on from there', async () => {
    const rig = rigOf();
    const stopped = await new Promise<ExportEnd>((resolve) => {
      const one = rig.exports.start(REQUEST, {
        ...IGNORED,
        onFile: (clip) => rig.files.push(clip),
        onEnd: resolve,
      });
      each = (unit) => {
        if (unit.time === EPOCH + 4_000) void one.stop();
        return unit;
      };
    });
    const { reason, error, files, reached, missingMs } = stopped;
    assert.deepEqual({ reason, error, files }, { reason: 'stopped', error: undefined, files: 1 });
    assert.ok(reached > SPAN.from && reached <= EPOCH + 4_080, String(reached));
    const { recordedTo } = rig.files[0]!;
    assert.equal(missingMs, SPAN.to - recordedTo);
    assert.equal((await rig.export()).reason, 'reached');
    assert.deepEqual(
      rig.asked.map(({ from }) => from),
      [SPAN.from, recordedTo],
    );
  });

  it('are told of at the next start where the node was closed while they ran', async () => {
    const rig = rigOf();
    let closed = Promise.resolve();
    each = (unit) => {
      if (unit.time === EPOCH + 4_000) closed = rig.exports.close();
      return unit;
    };
    assert.equal((await rig.export()).reason, 'stopped');
    await closed;
    const later = rigOf();
    await later.exports.recover();
    assert.deepEqual({ told: rig.files.length, later: later.recovered.length }, { told: 0, later: 1 });
  });

  it('are stopped before they have anything, which is no error', async () => {
    const rig = rigOf();
    const { reason, error, files } = await new Promise<ExportEnd>((resolve) => {
      const one = start(rig, resolve);
      void one.stop();
    });
    assert.deepEqual({ reason, error, files }, { reason: 'stopped', error: undefined, files: 0 });
  });

  it('say how far they were before, where an attempt to go on gets nothing', async () => {
    const rig = rigOf();
    rig.breakAt = EPOCH + 4_000;
    const first = await rig.export();
    rig.breakAt = EPOCH;
    const { reason, reached, missingMs } = await rig.export();
    assert.deepEqual(
      { reason, reached, missingMs },
      { reason: 'error', reached: rig.files[0]!.recordedTo, missingMs: first.missingMs },
    );
    rig.breakAt = Infinity;
    rig.progress.length = 0;
    await rig.export();
    const done = Math.floor(((reached - SPAN.from) * 100) / (SPAN.to - SPAN.from));
    assert.equal(rig.progress[0]!.percent, done, 'of all that was asked for');
  });

  it('go on, as a job, where an attempt in between has got nothing', async () => {
    const rig = rigOf();
    const job = { run: 'job', isJob: true };
    rig.breakAt = EPOCH + 4_000;
    assert.equal((await rig.export(job)).files, 1);
    const reached = rig.files[0]!.recordedTo;
    rig.breakAt = EPOCH;
    const { reason, missingMs } = await rig.export(job);
    assert.deepEqual({ reason, missingMs }, { reason: 'error', missingMs: SPAN.to - reached });
    rig.breakAt = Infinity;
    const end = await rig.export(job);
    assert.deepEqual(
      { reason: end.reason, missingMs: end.missingMs, files: end.files },
      { reason: 'reached', missingMs: 0, files: 2 },
    );
    assert.deepEqual(
      rig.asked.map(({ from }) => from),
      [SPAN.from, reached, reached],
    );
  });

  it('go on, as a job, by the part of the span that was asked for first, however it is said later', async () => {
    const rig = rigOf();
    const job = { run: 'job', isJob: true };
    rig.breakAt = EPOCH + 4_000;
    await rig.export(job);
    const done = Math.floor(((rig.files[0]!.recordedTo - SPAN.from) * 100) / (SPAN.to - SPAN.from));
    rig.breakAt = Infinity;
    rig.progress.length = 0;
    await rig.export({ ...job, from: SPAN.from + DAY_MS, to: SPAN.to + DAY_MS });
    const percents = rig.progress.map(({ percent }) => percent);
    assert.equal(percents[0], done);
    assert.ok(percents.at(-1)! > 90, percents.join(' '));
  });

  it('name what is there of a span without a keyframe', async () => {
    const rig = rigOf();
    each = (unit) => ({ ...unit, keyframe: false });
    const { error, files, missingMs } = await rig.export();
    assert.deepEqual(
      { code: error?.code, files, missingMs },
      { code: 'ENOKEYFRAME', files: 0, missingMs: SPAN.to - SPAN.from },
    );
  });

  it('begin anew where nothing of them was on the disk, or where their end is another', async () => {
    const rig = rigOf();
    rig.breakAt = 0;
    assert.equal((await rig.export()).error, rig.fault);
    rig.breakAt = EPOCH + 6_000;
    assert.equal((await rig.export()).files, 1);
    await rig.export({ to: SPAN.to + 1_000 });
    assert.deepEqual(
      rig.asked.map(({ from }) => from),
      [SPAN.from, SPAN.from, SPAN.from],
    );
  });

  it('report a file that was finished while no flow ran at the next start, with its message, once', async () => {
    const rig = rigOf();
    const message = { topic: 'gate' } as unknown as KeptMessage;
    rig.running = false;
    await rig.export({ message });
    assert.deepEqual(rig.files, []);
    await rig.exports.close();
    const silent = rigOf();
    silent.running = false;
    await silent.exports.recover();
    assert.deepEqual(silent.recovered, [], 'no flow runs that could hear of it');
    const later = rigOf();
    await later.exports.recover();
    assert.deepEqual(
      later.recovered.map(({ clip, message: kept }) => [clip.recordedFrom, clip.source, kept?.topic]),
      [[SPAN.from, 'playback', 'gate']],
    );
    const third = rigOf();
    await third.exports.recover();
    assert.deepEqual(third.recovered, []);
    assert.equal((await third.export()).files, 1, 'asked for again, it begins anew');
    assert.deepEqual(
      third.asked.map(({ from }) => from),
      [SPAN.from],
    );
  });

  it('report nothing of an earlier run once they are closed, and leave it to the next', async () => {
    const rig = rigOf();
    rig.running = false;
    await rig.export();
    await rig.exports.close();
    const closed = rigOf();
    const recovering = closed.exports.recover();
    await closed.exports.close();
    await recovering;
    assert.deepEqual(closed.recovered, []);
    const next = rigOf();
    await next.exports.recover();
    assert.equal(next.recovered.length, 1);
  });

  it('report nothing, and do not fail, where the folder cannot be read', async () => {
    const broken = (): Promise<never> => Promise.reject(systemError('EIO'));
    const rig = rigOf({}, { readdir: broken, open: broken, realpath: broken });
    await rig.exports.recover();
    assert.deepEqual(rig.recovered, []);
  });
});
