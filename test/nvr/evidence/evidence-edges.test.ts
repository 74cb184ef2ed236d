import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import {
  cleanUpExports,
  exportEvidence,
  type EvidenceContext,
  type EvidenceRequest,
} from '../../../lib/nvr/evidence/evidence.js';
import { signingKey } from '../../../lib/nvr/evidence/signing-key.js';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { EPOCH, EvidenceRig, manifestOf } from '../../kit/evidence-rig.js';
import { done } from '../../kit/journal-entries.js';
import { systemError } from '../../kit/recorder-rig.js';

type Progress = Parameters<NonNullable<EvidenceRequest['onProgress']>>[0];

describe('an export of evidence at its edges', () => {
  let rig: EvidenceRig;

  beforeEach(() => {
    rig = new EvidenceRig();
  });

  afterEach(() => rig.close());

  /** What is told of it, on a clock that goes on by so many ms each time it is read. */
  async function progressOf(step: number): Promise<{ told: Progress[]; pieces: number }> {
    const told: Progress[] = [];
    let now = 0;
    const context: EvidenceContext = rig.context();
    const result = await exportEvidence(
      { ...context, deps: { ...context.deps, monotonic: () => (now += step) } },
      { from: EPOCH + 10_000, to: EPOCH + 22_000, onProgress: (progress) => told.push(progress) },
    );
    const pieces = manifestOf(result).files.reduce((sum, { spans }) => sum + spans.length, 0);
    return { told, pieces };
  }

  it('is told of again when a second has passed, and no sooner', async () => {
    await rig.record();
    // The clock is read twice for each piece.
    const { told, pieces } = await progressOf(500);
    assert.equal(told.length, pieces);
    assert.equal((await progressOf(499)).told.length, Math.ceil(pieces / 2));
  });

  it('counts every hole of its span as missing', async () => {
    const clips = await rig.record();
    const [from, to] = [clips[0]!.start - 5000, clips.at(-1)!.end + 7000];
    const result = await rig.export({ from, to });
    assert.deepEqual(manifestOf(result).missing, [
      { from, to: from + 5000 },
      { from: to - 7000, to },
    ]);
    assert.equal(result.missingMs, 12_000);
  });

  it('gets the next free number, however many of its name there are', async () => {
    await rig.record(4);
    const made: string[] = [];
    for (let count = 0; count < 4; count++)
      made.push(path.basename((await rig.export({ name: 'door' })).folder));
    assert.deepEqual(made, ['door', 'door-2', 'door-3', 'door-4']);
  });

  it('is never done by more than 100 %, though a file at hand has bytes that nobody could count', async () => {
    rig.rig.recorder.arm();
    await rig.rig.ready();
    await rig.record(7, true);
    const { file } = await rig.rig.event('recording', 2);
    while (fs.statSync(`${file}.part`).size < 1000) await new Promise((resolve) => setImmediate(resolve));
    const { told } = await progressOf(500);
    assert.equal(Math.max(...told.map(({ percent }) => percent)), 100);
    assert.ok(told.at(-1)!.files === 1, 'the one at hand comes behind the finished one');
  });

  it('holds what is being fetched of its span, and nothing that began before it and has an end', async () => {
    const [first] = await rig.record();
    const journal = await Journal.load(fsPromises, rig.rig.folder, 'test');
    const picture = { reason: 'door', codec: 'h264', width: 640, height: 360 };
    for (const [file, start] of [
      ['before.mp4', EPOCH + 9_999],
      ['within.mp4', EPOCH + 10_000],
    ] as const) {
      fs.copyFileSync(first!.file, path.join(rig.rig.folder, `${file}.part`));
      await journal.opened({ file, start, ...picture, timeSource: 'sr' });
    }
    const { files } = manifestOf(await rig.export());
    const parts = files.filter(({ marks }) => marks.includes('part'));
    assert.deepEqual(
      parts.map(({ name, source }) => ({ name: name.slice(5), source })),
      [{ name: 'within.mp4', source: 'playback' }],
    );
  });

  it('ends where the disk has filled since it began, with nothing left', async () => {
    await rig.record();
    const total = rig.clips.reduce((sum, { bytes }) => sum + bytes, 0);
    let free = total + 1000;
    const statfs = (() => {
      const now = { bavail: free, bsize: 1, blocks: 1 };
      free = 1000;
      return Promise.resolve(now);
    }) as unknown as RecorderFs['statfs'];
    const context = rig.context({ statfs }, 1000);
    let now = 0;
    await assert.rejects(
      exportEvidence(
        { ...context, deps: { ...context.deps, monotonic: () => (now += 1000) } },
        { from: EPOCH + 10_000, to: EPOCH + 22_000 },
      ),
      { code: 'EDISK' },
    );
    assert.deepEqual(rig.exports(), []);
  });

  it('holds a clip once that is finished while its part is being copied, and counts none as gone', async () => {
    rig.rig.recorder.arm();
    await rig.rig.ready();
    await rig.record(3, true);
    const { file } = await rig.rig.event('recording');
    while (fs.statSync(`${file}.part`).size < 1000) await new Promise((resolve) => setImmediate(resolve));
    const journal = await Journal.load(fsPromises, rig.rig.folder, 'test');
    const name = journal.unfinished[0]!.file;
    let closing: Promise<void> | undefined;
    const open = (async (...args: Parameters<RecorderFs['open']>) => {
      if (String(args[0]).includes(`exports${path.sep}`))
        await (closing ??= journal.closed(name, done(name)));
      return fsPromises.open(...args);
    }) as RecorderFs['open'];
    const context: EvidenceContext = { ...rig.context({ open }), journal: () => Promise.resolve(journal) };
    const result = await exportEvidence(context, { from: EPOCH + 10_000, to: EPOCH + 22_000 });
    assert.equal([...journal.finished].length, 1);
    assert.deepEqual({ files: result.files, gone: result.gone }, { files: 1, gone: 0 });
    assert.deepEqual(
      manifestOf(result).files.map(({ marks }) => marks),
      [['part']],
    );
  });

  it('counts no clip as gone of which nothing can be played yet', async () => {
    await rig.record();
    const journal = await Journal.load(fsPromises, rig.rig.folder, 'test');
    fs.writeFileSync(path.join(rig.rig.folder, 'new.mp4.part'), 'half');
    const picture = { reason: 'door', codec: 'h264', width: 640, height: 360 };
    await journal.opened({ file: 'new.mp4', start: EPOCH + 20_000, ...picture });
    const { files, gone } = await rig.export();
    assert.deepEqual({ files, gone }, { files: rig.clips.length, gone: 0 });
  });

  it('is not looked for behind a link, though that leads to other files of the recordings', async function () {
    if (process.platform === 'win32') this.skip();
    await rig.record();
    const own = path.join(rig.rig.folder, 'own');
    fs.mkdirSync(own);
    fs.writeFileSync(path.join(own, 'clip.mp4'), 'mine');
    fs.mkdirSync(path.join(rig.rig.folder, 'exports'));
    fs.symlinkSync(own, path.join(rig.rig.folder, 'exports', 'door.part'));
    await cleanUpExports(fsPromises, rig.rig.folder);
    assert.deepEqual(fs.readdirSync(own), ['clip.mp4']);
  });

  it('counts a clip as gone whose place a link or a folder has taken, and holds the others', async function () {
    if (process.platform === 'win32') this.skip();
    await rig.record();
    const [first, second] = rig.clips.map(({ file }) => file);
    const elsewhere = path.join(rig.userDir, 'elsewhere.mp4');
    fs.renameSync(first!, elsewhere);
    fs.symlinkSync(elsewhere, first!);
    fs.rmSync(second!);
    fs.mkdirSync(second!);
    const { files, gone } = await rig.export();
    assert.deepEqual({ files, gone }, { files: rig.clips.length - 2, gone: 2 });
  });

  it('is signed by a key on a disk that cannot be told to write it at once', async () => {
    const open = async (...given: Parameters<typeof fsPromises.open>) => {
      const handle = await fsPromises.open(...given);
      handle.sync = () => Promise.reject(systemError('EINVAL'));
      return handle;
    };
    assert.ok((await signingKey({ ...fsPromises, open }, rig.keyFile)).publicKey);
  });

  it('is signed by no key of more than 4 KiB, whatever else is in its file', async () => {
    await signingKey(fsPromises, rig.keyFile);
    const large = path.join(rig.userDir, 'large.pem');
    const pem = fs.readFileSync(rig.keyFile, 'utf8');
    fs.writeFileSync(large, pem.padEnd(4096, '\n'));
    assert.ok((await signingKey(fsPromises, large)).publicKey);
    const larger = path.join(rig.userDir, 'larger.pem');
    fs.writeFileSync(larger, pem.padEnd(4097, '\n'));
    await assert.rejects(signingKey(fsPromises, larger), { code: 'EINPUT' });
  });
});
