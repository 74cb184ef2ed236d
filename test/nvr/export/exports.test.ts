import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { NvrError } from '../../../lib/errors.js';
import type { ExportOptions } from '../../../lib/nvr/export/types.js';
import { recordersIn } from '../../../lib/nvr/recorder/folder-recorders.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { judgeClip, videoTimes } from '../../kit/clip-judge.js';
import { ExportsRig, type Recorded } from '../../kit/exports-rig.js';
import { source, videoUnits, type SourceOptions } from '../../kit/recorded-units.js';
import { needs } from '../../kit/tools.js';

const EPOCH = 1_760_000_000_000;
/** A keyframe a second and 25 pictures. */
const RECORDED = { seconds: 8 } as const;

/** From the middle of a GOP on. */
const SPAN = { from: EPOCH + 1_600, to: EPOCH + 4_600 };

/** Eight seconds from `epoch` on. */
const recordedFrom = (epoch: number, pictures: SourceOptions = RECORDED): Recorded => ({
  epoch,
  gopMs: 1000,
  units: () =>
    videoUnits(source(pictures), { begin: 0, epoch, placed: true }).map((unit) => ({
      ...unit,
      time: epoch + Math.round(unit.mediaTime!),
    })),
});

const rigOf = (
  folder: string,
  options: Partial<ExportOptions> = {},
  changes: Partial<RecorderFs> = {},
  recorded = recordedFrom(EPOCH),
): ExportsRig => new ExportsRig(folder, recorded, SPAN, options, changes);

describe('an export', function () {
  this.timeout(30_000);
  let folder: string;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  beforeEach(() => {
    folder = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-export-'));
  });

  afterEach(() => {
    nodeFs.rmSync(folder, { recursive: true, force: true });
  });

  const names = (): string[] =>
    nodeFs
      .readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .sort();
  const expected = (from: number, to: number): readonly string[] =>
    source(RECORDED).hashes.slice(((from - EPOCH) * 25) / 1000, ((to - EPOCH) * 25) / 1000);

  for (const plain of [true, false]) {
    it(`shows the picture of "from" first, though the file begins with the keyframe before it${plain ? '' : ', in fragments'}`, async () => {
      const rig = rigOf(folder, { plain });
      const end = await rig.export();
      assert.deepEqual(
        { reason: end.reason, missingMs: end.missingMs, files: end.files, error: end.error },
        { reason: 'reached', missingMs: 0, files: 1, error: undefined },
      );
      const [clip] = rig.files;
      assert.deepEqual(
        { start: clip!.start, recordedFrom: clip!.recordedFrom, recordedTo: clip!.recordedTo },
        { start: EPOCH + 1000, recordedFrom: SPAN.from, recordedTo: SPAN.to },
      );
      assert.deepEqual(
        { coverage: clip!.coverage, gaps: clip!.gaps, source: clip!.source },
        { coverage: 1, gaps: [], source: 'playback' },
      );
      // The name is the time that was asked for, 08:53:21.6 UTC.
      assert.deepEqual(names(), ['Gate-085321.mp4']);
      if (plain) assert.deepEqual(judgeClip(clip!.file), expected(SPAN.from, SPAN.to));
      else assert.ok(Math.abs(videoTimes(clip!.file)[0]! + 0.6) < 0.001);
    });
  }

  describe('that is a job', () => {
    const job = { run: 'job 7', isJob: true };

    it('is answered again, and not done twice, in this run and in the next, however its span is said', async () => {
      const rig = rigOf(folder);
      await rig.export(job);
      const again = await rig.export(job);
      const later = rigOf(folder);
      const shifted = { from: SPAN.from + 200, to: SPAN.to + 200 };
      const end = await later.export({ ...job, ...shifted });
      assert.deepEqual(
        { reason: again.reason, missingMs: again.missingMs, files: again.files },
        { reason: 'reached', missingMs: 0, files: 1 },
      );
      assert.deepEqual(
        { reason: end.reason, missingMs: end.missingMs, files: end.files },
        { reason: 'reached', missingMs: 0, files: 1 },
      );
      assert.deepEqual(
        { first: rig.repeated, later: later.repeated },
        { first: [false, true], later: [true] },
      );
      const [first, second] = rig.files;
      assert.deepEqual(second, first);
      assert.equal(later.files[0]!.sha256, first!.sha256);
      assert.deepEqual(
        { first: rig.asked.length, later: later.asked.length, files: names().length },
        { first: 1, later: 0, files: 1 },
      );
    });

    it('is done anew where its file has been deleted', async () => {
      const rig = rigOf(folder);
      await rig.export(job);
      nodeFs.rmSync(rig.files[0]!.file);
      await rig.export(job);
      assert.deepEqual(
        { repeated: rig.repeated, asked: rig.asked.length, names: names().length },
        { repeated: [false, false], asked: 2, names: 1 },
      );
    });

    it('continues where it broke off, and reports the files that it has already', async () => {
      const rig = rigOf(folder);
      rig.breakAt = EPOCH + 3_000;
      const first = await rig.export(job);
      assert.equal(first.error?.code, 'EUNREACHABLE');
      rig.breakAt = Infinity;
      const end = await rig.export({ ...job, from: SPAN.from + 100, to: SPAN.to + 100 });
      assert.deepEqual(
        { reason: end.reason, missingMs: end.missingMs, files: end.files },
        { reason: 'reached', missingMs: 0, files: 2 },
      );
      assert.deepEqual(rig.repeated, [false, true, false]);
      assert.deepEqual(rig.files.at(-1)!.recordedTo, SPAN.to);
      // And then it is done.
      await rig.export(job);
      assert.deepEqual(rig.repeated.slice(3), [true, true]);
      assert.equal(rig.asked.length, 2);
    });

    it('is another for another camera, another NVR, and a run of the same name', async () => {
      const rig = rigOf(folder);
      const { fetchSpan } = rig;
      await rig.export(job);
      await rig.export({ ...job, channel: 4 });
      await rig.export({ ...job, source: { nvr: 'North', timeZone: 'Asia/Tokyo', fetchSpan } });
      await rig.export({ run: job.run });
      assert.deepEqual(rig.repeated, [false, false, false, false]);
      assert.equal(rig.asked.length, 4);
    });
  });

  it('of another NVR has its name and zone in the file’s name, and asks that one', async () => {
    const rig = rigOf(folder, { fileName: '{nvr}-{channel}-{HHmmss}' });
    const other = rigOf(folder);
    await rig.export({ source: { nvr: 'North', timeZone: 'Asia/Tokyo', fetchSpan: other.fetchSpan } });
    assert.deepEqual(
      { rigAsked: rig.asked.length, otherAsked: other.asked.length },
      { rigAsked: 0, otherAsked: 1 },
    );
    assert.deepEqual(names(), ['North-Gate-175321.mp4']);
  });

  it('holds the last pictures of its span where they are decoded behind later ones', async () => {
    for (const to of [4_520, 4_560, 4_600, 4_640]) {
      const pictures = { seconds: 8, bFrames: 3 };
      const rig = rigOf(folder, { fileName: `b-${to}` }, {}, recordedFrom(EPOCH, pictures));
      await rig.export({ to: EPOCH + to });
      const shown = judgeClip(rig.files[0]!.file);
      const wanted = source(pictures).hashes.slice(40, to / 40);
      assert.deepEqual(shown.slice(0, wanted.length), wanted);
      assert.ok(shown.length - wanted.length <= 3, `${shown.length - wanted.length} more`);
      assert.deepEqual(rig.files[0]!.gaps, []);
    }
  });

  it('says where nothing is recorded in the midst of its span', async () => {
    const rig = rigOf(folder);
    rig.holes = [[EPOCH + 3_000, EPOCH + 4_000]];
    const end = await rig.export();
    assert.equal(end.reason, 'reached');
    const [clip] = rig.files;
    assert.equal(clip!.gaps.length, 1);
    const [{ at, ms }] = clip!.gaps as [{ at: number; ms: number }];
    assert.ok(Math.abs(at - 1_400) <= 40 && Math.abs(ms - 1_000) <= 40, `${at} ${ms}`);
    assert.ok(clip!.coverage > 0.6 && clip!.coverage < 0.7);
  });

  it('has no file of the same name twice where clocks are put back', async () => {
    // 02:30 of 26 October 2025 in Berlin, which comes twice.
    const twice = [Date.UTC(2025, 9, 26, 0, 30), Date.UTC(2025, 9, 26, 1, 30)];
    for (const [index, from] of twice.entries()) {
      const options = { timeZone: 'Europe/Berlin', fileName: '{HHmm}' };
      const rig = rigOf(folder, options, {}, recordedFrom(from));
      await rig.export({ run: `run ${index}`, from, to: from + 3000 });
      assert.deepEqual(
        { recordedFrom: rig.files[0]!.recordedFrom, gaps: rig.files[0]!.gaps },
        { recordedFrom: from, gaps: [] },
      );
    }
    assert.deepEqual(names(), ['0230-2.mp4', '0230.mp4']);
  });

  it('is deleted by no limit of the recorders that share its folder', async () => {
    const rig = rigOf(folder);
    await rig.export();
    assert.deepEqual(recordersIn(nodeFs.realpathSync(folder)), []);
    assert.equal(rig.clock.waiting, 0);
  });

  it('reports its progress at most once a second', async () => {
    const rig = rigOf(folder);
    await rig.export();
    // 90 pictures, 0.3 s each.
    assert.ok(rig.progress.length >= 20 && rig.progress.length <= 27, String(rig.progress.length));
    const percents = rig.progress.map(({ percent }) => percent);
    assert.deepEqual(
      percents,
      [...percents].sort((a, b) => a - b),
    );
    assert.ok(percents.at(-1)! > 80 && rig.progress.at(-1)!.bytes > 0);
  });

  it('keeps what it has when the NVR goes away, reports what is missing, and continues from there under the same name', async () => {
    const rig = rigOf(folder);
    rig.breakAt = EPOCH + 3_000;
    const broken = await rig.export();
    assert.deepEqual(
      { reason: broken.reason, code: broken.error?.code },
      { reason: 'error', code: 'EUNREACHABLE' },
    );
    const [first] = rig.files;
    assert.equal(first!.recordedTo, EPOCH + 3_000);
    assert.deepEqual(first!.gaps, [{ at: 1_400, ms: 1_600 }]);
    // The second time round it breaks off again.
    rig.breakAt = EPOCH + 4_000;
    assert.equal((await rig.export()).reason, 'error');
    // In another process.
    const later = rigOf(folder);
    await later.exports.recover();
    assert.equal((await later.export()).reason, 'reached');
    assert.deepEqual(
      { asked: later.asked, recovered: later.recovered },
      { asked: [{ from: EPOCH + 4_000, to: SPAN.to }], recovered: [] },
    );
    const shown = [...rig.files, ...later.files].flatMap(({ file }) => judgeClip(file));
    assert.deepEqual(shown, expected(SPAN.from, SPAN.to));
    // It is whole now: asked for again, it begins anew.
    assert.equal((await later.export()).files, 1);
    assert.equal(later.asked.at(-1)!.from, SPAN.from);
  });

  it('begins anew for another span, and under no name', async () => {
    const rig = rigOf(folder);
    rig.breakAt = EPOCH + 3_000;
    await rig.export();
    await rig.export({ from: EPOCH + 1_000 });
    rig.breakAt = Infinity;
    await rig.export();
    const request = { channel: 3, channelName: 'Gate', stream: 'main', ...SPAN };
    await new Promise((resolve) => {
      rig.exports.start(request, { onFile: () => undefined, onProgress: () => undefined, onEnd: resolve });
    });
    assert.deepEqual(
      rig.asked.map(({ from }) => from - EPOCH),
      [1_600, 1_000, 1_600, 1_600],
    );
    assert.equal(names().length, 4);
  });

  it('of a span without a recording: the cause, no file and no folder of a day', async () => {
    const rig = rigOf(folder, { fileName: '{yyyy}/{HHmmss}' });
    rig.breakAt = 0;
    rig.fault = new NvrError('ENORECORDING', 'Nothing is recorded at that time.');
    const end = await rig.export();
    assert.deepEqual(
      { reason: end.reason, code: end.error?.code, files: end.files },
      { reason: 'error', code: 'ENORECORDING', files: 0 },
    );
    assert.deepEqual(names(), []);
    rig.breakAt = Infinity;
    const empty = await rig.export({ from: EPOCH + 20_000, to: EPOCH + 30_000 });
    assert.deepEqual({ code: empty.error?.code, files: empty.files }, { code: 'ENORECORDING', files: 0 });
  });

  it('keeps the file that a full disk cut short, under its name, and continues after it', async () => {
    let left = 60_000;
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const changes: Partial<RecorderFs> = {
      open: async (...args: Parameters<RecorderFs['open']>) => {
        const handle = await fs.open(...args);
        if (!String(args[0]).endsWith('.part')) return handle;
        const write = handle.write.bind(handle) as (...data: unknown[]) => Promise<unknown>;
        handle.write = ((data: Buffer, from: number, bytes: number, at: number) => {
          left -= bytes;
          return left < 0 ? Promise.reject(full) : write(data, from, bytes, at);
        }) as never;
        return handle;
      },
    };
    const rig = rigOf(folder, { reserveBytes: 0 }, changes);
    const end = await rig.export();
    assert.deepEqual({ reason: end.reason, code: end.error?.code }, { reason: 'error', code: 'EDISK' });
    assert.match(end.error!.message, /disk is full/);
    assert.deepEqual(
      names().map((name) => path.extname(name)),
      end.files === 0 ? [] : ['.mp4'],
    );
    assert.equal(end.files, 1);
    const kept = judgeClip(path.join(folder, names()[0]!));
    left = Infinity;
    assert.equal((await rig.export()).reason, 'reached');
    assert.deepEqual(rig.asked[1]!.from > SPAN.from, true);
    const rest = judgeClip(rig.files[0]!.file);
    assert.deepEqual(rest, expected(rig.asked[1]!.from, SPAN.to));
    assert.ok(kept.length > 0);
  });

  it('waits for a plain file as long as its copy goes on, be it minutes', async () => {
    let copied = 0;
    const changes: Partial<RecorderFs> = {
      open: async (...args: Parameters<RecorderFs['open']>) => {
        const handle = await fs.open(...args);
        if (!String(args[0]).endsWith('.plain.part')) return handle;
        const write = handle.write.bind(handle) as (...data: unknown[]) => Promise<unknown>;
        handle.write = ((...data: unknown[]) => {
          // Half a minute lies behind each piece.
          if (copied++ > 0) rig.clock.pass(30_000);
          return write(...data);
        }) as never;
        return handle;
      },
    };
    const rig = rigOf(folder, {}, changes);
    const end = await rig.export();
    assert.ok(copied > 1);
    assert.deepEqual(
      { reason: end.reason, error: end.error, files: rig.files.length },
      { reason: 'reached', error: undefined, files: 1 },
    );
  });

  it('reports at the next start what a kill cut short, with the message that requested it, and continues it', async () => {
    const message = { topic: 'site/door' };
    const rig = rigOf(folder, { plain: false });
    // What a kill leaves: the part as it is, and no line behind it.
    const stuck = rig.export({ message });
    void stuck;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        const part = nodeFs.readdirSync(folder).find((name) => name.endsWith('.part'));
        if (part !== undefined && nodeFs.statSync(path.join(folder, part)).size > 20_000) resolve();
        else setImmediate(look);
      };
      look();
    });
    const left = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-export-left-'));
    nodeFs.cpSync(folder, left, { recursive: true });
    await stuck;
    const later = rigOf(left);
    await later.exports.recover();
    const [told] = later.recovered;
    assert.equal(told!.message?.topic, 'site/door');
    assert.deepEqual(
      { recovered: told!.clip.recovered, source: told!.clip.source },
      { recovered: true, source: 'playback' },
    );
    assert.equal(told!.clip.recordedFrom, SPAN.from);
    assert.equal(told!.clip.gaps.at(-1)!.ms, SPAN.to - told!.clip.recordedTo);
    assert.equal((await later.export()).reason, 'reached');
    assert.equal(later.asked[0]!.from, told!.clip.recordedTo);
    nodeFs.rmSync(left, { recursive: true, force: true });
  });

  it('is stopped with what it has; the same that is under way is refused, and a file of more than a day', async () => {
    const rig = rigOf(folder);
    const ended = rig.export();
    assert.throws(
      () =>
        void rig.exports.start(
          { run: 'mine', channel: 3, channelName: '', stream: 'main', ...SPAN },
          {} as never,
        ),
      { code: 'EBUSY' },
    );
    const tooLong = { channel: 3, channelName: '', stream: 'main', from: 0, to: 30 * 86_400_000 };
    assert.throws(() => void rig.exports.start(tooLong, {} as never), { code: 'EINPUT' });
    await rig.exports.close();
    assert.equal((await ended).reason, 'stopped');
    assert.equal(names().filter((name) => name.endsWith('.part')).length, 0);
  });
});
