import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import type { ClipInfo, RecorderFs, RecorderOptions } from '../../../lib/nvr/recorder/types.js';
import { clipUnit } from '../../kit/clip-units.js';
import { EPOCH, RecorderRig } from '../../kit/recorder-rig.js';

const hashOf = (file: string): string => createHash('sha256').update(fs.readFileSync(file)).digest('hex');

const units = (seconds: number): ReturnType<typeof clipUnit>[] =>
  Array.from({ length: (seconds * 1000) / 80 }, (_, index) => clipUnit(index + 125, EPOCH));

describe('what a recorder has recorded', () => {
  let rig: RecorderRig;

  afterEach(async () => {
    await rig.close();
  });

  /** Continuous segments of four seconds, from second 10 on. */
  async function record(
    options: Partial<RecorderOptions> = {},
    changes: Partial<RecorderFs> = {},
  ): Promise<ClipInfo[]> {
    rig = new RecorderRig({ mode: 'continuous', segment: 4, fileName: '{HHmmss}', ...options }, changes);
    rig.recorder.arm();
    rig.feed(units(12));
    await rig.recorder.disarm();
    return rig.events.flatMap((event) => (event.type === 'finished' ? [event.info] : []));
  }

  /** The same folder after a restart. */
  async function restart(): Promise<void> {
    const { now } = rig;
    rig = new RecorderRig({ folder: rig.folder, mode: 'alarm' });
    rig.clock.now = now;
    rig.recorder.arm();
    await rig.ready();
  }

  for (const plain of [false, true])
    it(`has the SHA-256 of each finished file${plain ? ', a plain one' : ''}`, async () => {
      const clips = await record({ plain });
      assert.ok(clips.length >= 3);
      for (const { file, sha256 } of clips) assert.equal(sha256, hashOf(file));
    });

  it('has a clip without its hash where the disk does not let it be read back', async () => {
    const refuse = ((file: string, flags: number, mode?: number) =>
      file.endsWith('.mp4.part') && (flags & 3) === fs.constants.O_RDONLY
        ? Promise.reject(Object.assign(new Error('bad sector'), { code: 'EIO' }))
        : fsPromises.open(file, flags, mode)) as RecorderFs['open'];
    const clips = await record({}, { open: refuse });
    assert.ok(clips.length >= 3);
    for (const clip of clips) assert.ok(!('sha256' in clip) && fs.existsSync(clip.file));
  });

  it('hashes what a kill has cut short when it is finished', async () => {
    rig = new RecorderRig({ mode: 'continuous', fileName: '{HHmmss}' });
    rig.recorder.arm();
    rig.feed(units(8));
    const { file } = await rig.event('recording');
    while (!fs.existsSync(`${file}.part`) || fs.statSync(`${file}.part`).size < 1000)
      await new Promise((resolve) => setImmediate(resolve));
    const copy = fs.mkdtempSync(`${rig.folder}-`);
    fs.cpSync(rig.folder, copy, { recursive: true });
    await rig.close();
    rig = new RecorderRig({ folder: copy });
    rig.recorder.arm();
    const info = await rig.clip();
    assert.equal(info.sha256, hashOf(info.file));
    assert.ok(info.recovered);
  });

  it('is listed by time, from the journal and not from the disk, before and after a restart', async () => {
    const clips = await record();
    const [first, second, third] = clips;
    for (let round = 0; round < 2; round++) {
      const all = await rig.recorder.catalog.list({});
      assert.deepEqual(all, { clips, more: false });
      const some = await rig.recorder.catalog.list({ from: second!.start + 1, to: second!.end - 1 });
      assert.deepEqual(some.clips, [second]);
      assert.deepEqual((await rig.recorder.catalog.list({ to: second!.start })).clips, [first]);
      assert.deepEqual((await rig.recorder.catalog.list({ from: third!.start })).clips, clips.slice(2));
      for (const { file } of clips) fs.rmSync(file, { force: true });
      await rig.recorder.disarm();
      await restart();
    }
  });

  it('is listed a thousand at a time', async () => {
    rig = new RecorderRig();
    const lines = Array.from({ length: 1500 }, (_, index) => {
      const untold = { start: index, end: index + 1, alarms: [], gaps: [], damagedSpans: [] };
      return `${JSON.stringify({ op: 'done', file: `${index}.mp4`, end: index + 1, bytes: 1, untold })}\n${JSON.stringify({ op: 'told', file: `${index}.mp4` })}\n`;
    });
    fs.writeFileSync(path.join(rig.folder, '.nvr-record-test.jsonl'), lines.join(''));
    const { clips, more } = await rig.recorder.catalog.list({});
    assert.deepEqual(
      { clips: clips.length, more, end: clips.at(-1)!.end },
      { clips: 1000, more: true, end: 1000 },
    );
    const rest = await rig.recorder.catalog.list({ from: 1000 });
    assert.deepEqual(
      { clips: rest.clips.length, more: rest.more, start: rest.clips[0]!.start },
      { clips: 500, more: false, start: 1000 },
    );
  });

  it('is kept from retention by file or by span, the file at hand included, until it is released; also after restarts', async () => {
    const [first, second, third] = await record();
    assert.deepEqual(await rig.recorder.catalog.keep({ file: first!.file }, true), [first!.file]);
    assert.deepEqual(await rig.recorder.catalog.keep({ from: second!.start, to: second!.end }, true), [
      second!.file,
    ]);
    await restart();
    const kept = (await rig.recorder.catalog.list({})).clips;
    assert.deepEqual(
      kept.map((clip) => clip.kept),
      [true, true, undefined, undefined].slice(0, kept.length),
    );
    await rig.recorder.disarm();
    rig = new RecorderRig({ folder: rig.folder, keepDays: 1 });
    rig.clock.now = 3 * 24 * 3_600_000;
    rig.recorder.arm();
    await rig.event('deleted', kept.length - 2);
    await rig.recorder.disarm();
    assert.deepEqual(rig.files(), [first!, second!].map(({ file }) => path.basename(file)).sort());
    assert.ok(!fs.existsSync(third!.file));
    await rig.recorder.catalog.keep({ file: first!.file }, false);
    rig.recorder.arm();
    await rig.event('deleted', kept.length - 1);
    assert.deepEqual(rig.files(), [path.basename(second!.file)]);
  });

  it('keeps the file that is being recorded when it is finished', async () => {
    rig = new RecorderRig({ mode: 'continuous', fileName: '{HHmmss}' });
    rig.recorder.arm();
    rig.feed(units(2));
    const { file } = await rig.event('recording');
    assert.deepEqual(await rig.recorder.catalog.keep({ from: rig.now + EPOCH - 1000 }, true), [file]);
    await rig.recorder.disarm();
    assert.deepEqual(
      (await rig.recorder.catalog.list({})).clips.map((clip) => clip.kept),
      [true],
    );
  });

  it('protects the files of a span that still exist, and rejects with ENORECORDING for deleted ones, also if their folder was deleted', async () => {
    const clips = await record({ fileName: '{mm}/{ss}' });
    const [first, second] = clips;
    const { catalog } = rig.recorder;
    fs.rmSync(first!.file);
    assert.deepEqual(
      await catalog.keep({ from: 1 }, true),
      clips.slice(1).map(({ file }) => file),
    );
    assert.deepEqual(await catalog.keep({ from: second!.start, to: second!.end }, false), [second!.file]);
    const gone = { code: 'ENORECORDING', message: /gone: someone has deleted/ };
    await assert.rejects(catalog.keep({ from: 1, to: first!.end }, true), gone);
    for (const name of fs.readdirSync(rig.folder))
      if (!name.startsWith('.')) fs.rmSync(path.join(rig.folder, name), { recursive: true });
    await assert.rejects(catalog.keep({ from: 1 }, true), gone);
    await assert.rejects(catalog.keep({ file: second!.file }, true), gone);
  });

  it('says what is wrong with a span or a file that it is asked for', async () => {
    const [first] = await record();
    const { catalog } = rig.recorder;
    const now = EPOCH + rig.now;
    await assert.rejects(catalog.list({ from: now + 1 }), { code: 'EINPUT', message: /future/ });
    await assert.rejects(catalog.list({ from: 5, to: 5 }), { code: 'EINPUT' });
    await assert.rejects(catalog.keep({}, true), { code: 'EINPUT' });
    await assert.rejects(catalog.keep({ from: 1, to: 2 }, true), { code: 'ENORECORDING' });
    await assert.rejects(catalog.keep({ file: '/etc/passwd' }, true), { code: 'ENORECORDING' });
    await assert.rejects(catalog.keep({ file: '../x.mp4' }, true), { code: 'ENORECORDING' });
    fs.rmSync(first!.file);
    await assert.rejects(catalog.keep({ file: first!.file }, true), {
      code: 'ENORECORDING',
      message: /deleted/,
    });
    await assert.rejects(catalog.keep({ file: first!.file }, true), { code: 'ENORECORDING' });
    fs.renameSync(rig.folder, `${rig.folder}.away`);
    await assert.rejects(catalog.list({}), { code: 'EDISK' });
    fs.renameSync(`${rig.folder}.away`, rig.folder);
  });
});
