import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import { withCopy } from '../../../lib/nvr/evidence/copy-clip.js';
import {
  cleanUpExports,
  exportEvidence,
  type EvidenceContext,
  type EvidenceRequest,
} from '../../../lib/nvr/evidence/evidence.js';
import { publicKeyOf, signingKey } from '../../../lib/nvr/evidence/signing-key.js';
import type { Place } from '../../../lib/nvr/recorder/below.js';
import { turnsOf } from '../../../lib/nvr/recorder/disk-turns.js';
import { Journal, LAPSE } from '../../../lib/nvr/recorder/journal.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { EPOCH, EvidenceRig, manifestOf } from '../../kit/evidence-rig.js';
import { systemError } from '../../kit/recorder-rig.js';

type Handle = Awaited<ReturnType<RecorderFs['open']>>;
type Progress = Parameters<NonNullable<EvidenceRequest['onProgress']>>[0];

/** Notes what is done with the files below `exports`, and which of all files stay open. */
class Watched {
  readonly done: string[] = [];
  readonly handles: Handle[] = [];

  readonly open = (async (...args: Parameters<RecorderFs['open']>) => {
    const handle = await fsPromises.open(...args);
    this.handles.push(handle);
    const name = path.basename(String(args[0]));
    if (String(args[0]).includes('exports')) {
      const sync = handle.sync.bind(handle);
      this.done.push(`create ${name}`);
      handle.sync = () => {
        this.done.push(`sync ${name}`);
        return sync();
      };
    }
    return handle;
  }) as RecorderFs['open'];

  readonly rename = ((...args: Parameters<RecorderFs['rename']>) => {
    this.done.push('rename');
    return fsPromises.rename(...args);
  }) as RecorderFs['rename'];

  get stillOpen(): number {
    return this.handles.filter(({ fd }) => fd !== -1).length;
  }
}

describe('the files of an export of evidence', () => {
  let rig: EvidenceRig;

  beforeEach(() => {
    rig = new EvidenceRig();
  });

  afterEach(async () => {
    await rig.close();
  });

  const exportWith = (
    change: (context: EvidenceContext) => EvidenceContext,
    request: Partial<EvidenceRequest> = {},
    changes?: Partial<RecorderFs>,
  ): ReturnType<typeof exportEvidence> =>
    exportEvidence(change(rig.context(changes)), { from: EPOCH + 10_000, to: EPOCH + 22_000, ...request });
  const inExports = (...names: string[]): string => path.join(rig.rig.folder, 'exports', ...names);

  it('are on the disk before the folder has its name, and none stays open', async () => {
    await rig.record();
    const watched = new Watched();
    const { folder } = await rig.export({}, { open: watched.open, rename: watched.rename });
    for (const name of fs.readdirSync(folder)) {
      const [created, synced, renamed] = [`create ${name}`, `sync ${name}`, 'rename'].map((what) =>
        watched.done.indexOf(what),
      ) as [number, number, number];
      assert.ok(created >= 0 && created < synced && synced < renamed, `${name}: ${watched.done.join()}`);
    }
    assert.equal(watched.stillOpen, 0);
  });

  it('are closed where one of them cannot be written', async () => {
    await rig.record();
    const watched = new Watched();
    let pieces = 0;
    const open = (async (...args: Parameters<RecorderFs['open']>) => {
      const handle = await watched.open(...args);
      if (String(args[0]).includes('exports') && ++pieces === 2)
        handle.write = () => Promise.reject(systemError('ENOSPC'));
      return handle;
    }) as RecorderFs['open'];
    await assert.rejects(rig.export({}, { open }), { code: 'EDISK' });
    assert.equal(watched.stillOpen, 0);
  });

  it('have the mode of the recordings, and the owner of the export in their folder’s name until it is whole', async () => {
    await rig.record();
    const names: string[] = [];
    const rename = ((from: string, to: string) => {
      names.push(path.basename(from));
      return fsPromises.rename(from, to);
    }) as RecorderFs['rename'];
    const { folder } = await exportWith(
      (context) => ({ ...context, deps: { ...context.deps, owner: { id: 'one', tag: 'one' } as never } }),
      { name: 'door' },
      { rename },
    );
    assert.deepEqual(names, ['door@one.part']);
    for (const name of fs.readdirSync(folder))
      assert.equal(fs.statSync(path.join(folder, name)).mode & 0o777, 0o640, name);
  });

  it('are counted, and so is what is missing, without the clips that are gone', async () => {
    const [first, second, ...others] = await rig.record();
    fs.rmSync(second!.file);
    const result = await exportWith((context) => ({
      ...context,
      options: { ...context.options, timeZone: '' },
    }));
    const sizes = [first!, ...others].map(({ file }) => fs.statSync(file).size);
    assert.equal(
      result.bytes,
      sizes.reduce((sum, size) => sum + size, 0),
    );
    assert.deepEqual({ files: result.files, gone: result.gone }, { files: sizes.length, gone: 1 });
    const { missing, timeZone } = manifestOf(result);
    assert.equal(timeZone, 'UTC');
    const [hole] = missing;
    assert.equal(result.missingMs, hole!.to - hole!.from);
    assert.ok(result.missingMs >= 3_900);
  });

  it('are named by the span, with the date of its end where that is another', async () => {
    await rig.record();
    const stamp = (time: number): string => new Date(time).toISOString().replace(/:|\.\d+/g, '');
    const [from, to] = [EPOCH + 10_000, EPOCH + 22_000];
    assert.equal(path.basename((await rig.export()).folder), `${stamp(from)}-${stamp(to).slice(11)}`);
    const before = from - 24 * 3_600_000;
    const { folder } = await rig.export({ from: before });
    assert.equal(path.basename(folder), `${stamp(before)}-${stamp(to)}`);
  });

  it('hold a thousand clips and a day at the most', async () => {
    const journal = path.join(rig.rig.folder, '.nvr-record-test.jsonl');
    const day = 24 * 3_600_000;
    const line = (file: string, start: number, end: number, durationMs = end - start): string =>
      `${JSON.stringify({ op: 'done', file, end, bytes: 1, untold: { start, end, durationMs } })}\n`;
    const lines = Array.from({ length: 1000 }, (_, index) =>
      line(`${index}.mp4`, index * 1000, index * 1000 + 1000),
    );
    // No file of these is there.
    fs.writeFileSync(journal, lines.join(''));
    await assert.rejects(rig.export({ from: 0, to: day }), { code: 'ENORECORDING', message: /deleted/ });
    fs.writeFileSync(journal, line('long.mp4', 0, day));
    await assert.rejects(rig.export({ from: 0, to: day }), { code: 'ENORECORDING', message: /deleted/ });
  });

  it('are none where the disk has no room for them all, or the key is none', async () => {
    await rig.record();
    const watched = new Watched();
    const context = rig.context({ open: watched.open }, Number.MAX_SAFE_INTEGER);
    await assert.rejects(exportEvidence(context, { from: EPOCH, to: EPOCH + 60_000 }), { code: 'EDISK' });
    assert.ok(!watched.done.some((what) => what.startsWith('create')), watched.done.join());
  });

  it('are marked by what the journal knows of them, and as changed only where it knows their hash', async () => {
    const clips = await rig.record();
    const journal = path.join(rig.rig.folder, '.nvr-record-test.jsonl');
    const names = clips.map(({ file }) => path.basename(file));
    const lines = fs
      .readFileSync(journal, 'utf8')
      .split('\n')
      .map((text) => {
        if (!text.includes('"done"')) return text;
        const entry = JSON.parse(text) as { file: string; id?: string; untold: Record<string, unknown> };
        if (entry.file === names[0]) delete entry.untold.sha256;
        if (entry.file === names[1]) entry.untold.thinned = true;
        if (entry.file === names[2]) entry.id = LAPSE;
        return JSON.stringify(entry);
      });
    fs.writeFileSync(journal, lines.join('\n'));
    const marks = manifestOf(await rig.export()).files.map((file) => file.marks);
    assert.deepEqual(marks.slice(0, 3), [[], ['thinned'], ['timelapse']]);
  });

  it('leave out a clip that is deleted at the last moment, and fail for one that cannot be read', async () => {
    const [first] = await rig.record();
    const real = fs.realpathSync(first!.file);
    const openAs =
      (code: string): RecorderFs['open'] =>
      (...args: Parameters<RecorderFs['open']>) =>
        args[0] === real ? Promise.reject(systemError(code)) : fsPromises.open(...args);
    const { gone } = manifestOf(await rig.export({}, { open: openAs('ENOENT') }));
    assert.deepEqual(gone, [{ start: first!.start, end: first!.end }]);
    await assert.rejects(rig.export({}, { open: openAs('EIO') }), { code: 'EDISK' });
  });

  it('leave out clips whose folder is gone, or leads out of that of the recordings', async () => {
    await rig.close();
    rig = new EvidenceRig({ fileName: '{HH}/{HHmmss}' });
    const [clip] = await rig.record();
    const folder = path.dirname(clip!.file);
    const elsewhere = fs.mkdtempSync(path.join(rig.userDir, 'elsewhere-'));
    fs.renameSync(folder, path.join(elsewhere, 'clips'));
    await assert.rejects(rig.export(), { code: 'ENORECORDING', message: /deleted/ });
    fs.symlinkSync(path.join(elsewhere, 'clips'), folder);
    await assert.rejects(rig.export(), { code: 'ENORECORDING', message: /deleted/ });
  });

  it('hold a clip whole that is finished between the look at the journal and its copy', async () => {
    rig.rig.recorder.arm();
    await rig.rig.ready();
    await rig.record(3, true);
    const { file } = await rig.rig.event('recording');
    while (fs.statSync(`${file}.part`).size < 1000) await new Promise((resolve) => setImmediate(resolve));
    const before = await Journal.load(fsPromises, rig.rig.folder, 'test');
    const { unfinished, finished } = before;
    assert.deepEqual(
      { unfinished: unfinished.length, finished: [...finished].length },
      { unfinished: 1, finished: 0 },
    );
    await rig.rig.recorder.disarm();
    const after = await Journal.load(fsPromises, rig.rig.folder, 'test');
    const seen = new Proxy(after, {
      get: (own, name) => {
        if (name === 'unfinished' || name === 'finished') return before[name];
        const value = Reflect.get(own, name, own) as unknown;
        return typeof value === 'function' ? (value.bind(own) as unknown) : value;
      },
    });
    const result = await exportWith((context) => ({ ...context, journal: () => Promise.resolve(seen) }));
    const [only] = manifestOf(result).files;
    assert.deepEqual(only!.marks, []);
    assert.equal(only!.bytes, fs.statSync(file).size);
  });

  it('are told of as they are written, with the part of all their bytes, once a second at the most', async () => {
    const clips = await rig.record();
    const total = clips.reduce((sum, { file }) => sum + fs.statSync(file).size, 0);
    const told: Progress[] = [];
    let now = 0;
    const steps = (step: number) => (context: EvidenceContext) => ({
      ...context,
      deps: { ...context.deps, monotonic: () => (now += step) },
    });
    await exportWith(steps(0), { onProgress: (progress) => told.push(progress) });
    assert.deepEqual({ told: told.length, files: told[0]!.files }, { told: 1, files: 0 });
    told.length = 0;
    const result = await exportWith(steps(1000), { onProgress: (progress) => told.push(progress) });
    const { files } = manifestOf(result);
    let bytes = 0;
    assert.deepEqual(
      told,
      files.flatMap(({ spans }, index) =>
        spans.map((span) => {
          bytes += span.bytes;
          return { percent: Math.floor((bytes * 100) / total), bytes, files: index };
        }),
      ),
    );
    assert.equal(told.at(-1)!.percent, 100);
  });

  it('wait for every recording that has something to write', async () => {
    const [first] = await rig.record();
    const turns = turnsOf(fs.realpathSync(rig.rig.folder));
    const releases: (() => void)[] = [];
    for (let lane = 0; lane < 3; lane++)
      void turns.run(1, () => new Promise<void>((resolve) => releases.push(resolve)));
    let isDone = false;
    const exported = rig.export({ name: 'door' }).then(() => (isDone = true));
    const copy = inExports('door.part', `0001-${path.basename(first!.file)}`);
    while (!fs.existsSync(copy)) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    const recorded = turns.run(2, () => Promise.resolve(fs.statSync(copy).size));
    releases[0]!();
    assert.deepEqual({ recorded: await recorded, isDone }, { recorded: 0, isDone: false });
    for (const release of releases) release();
    await exported;
  });

  it('are alone in their folder, whatever a crash has left there, and go with it where it is no link', async () => {
    await rig.record();
    for (const left of ['door.part', 'other.part']) {
      fs.mkdirSync(inExports(left), { recursive: true });
      fs.writeFileSync(inExports(left, '0009-left.mp4'), 'half');
    }
    const outside = path.join(rig.userDir, 'outside.part');
    fs.mkdirSync(outside);
    fs.writeFileSync(path.join(outside, 'mine.txt'), 'mine');
    fs.symlinkSync(outside, inExports('link.part'));
    const rename = (async (from: string, to: string) => {
      await cleanUpExports(fsPromises, rig.rig.folder);
      return fsPromises.rename(from, to);
    }) as RecorderFs['rename'];
    const { folder, files } = await rig.export({ name: 'door' }, { rename });
    assert.equal(fs.readdirSync(folder).length, files + 2);
    assert.deepEqual(rig.exports(), ['door', 'link.part']);
    assert.deepEqual(fs.readdirSync(outside), ['mine.txt']);
  });

  it('are written whole by a disk that takes a part at a time', async () => {
    const written = Buffer.alloc(10);
    const calls: string[] = [];
    const handle = {
      write: (piece: Uint8Array, from: number, length: number, at: number) => {
        const bytesWritten = Math.min(3, length);
        written.set(piece.subarray(from, from + bytesWritten), at);
        return Promise.resolve({ bytesWritten });
      },
      sync: () => Promise.resolve(void calls.push('sync')),
      close: () => Promise.resolve(void calls.push('close')),
    };
    const place = { open: () => Promise.resolve(handle) } as unknown as Place;
    await withCopy(place, 0o600, async (write) => {
      await write(Buffer.from('abcdefgh'), 1);
    });
    assert.equal(written.toString('latin1'), '\0abcdefgh\0');
    assert.deepEqual(calls, ['sync', 'close']);
    await assert.rejects(withCopy(place, 0o600, () => Promise.reject(new Error('no'))));
    assert.deepEqual(calls, ['sync', 'close', 'close']);
  });
});

describe('the key of exports', () => {
  let rig: EvidenceRig;

  beforeEach(() => {
    rig = new EvidenceRig();
  });

  afterEach(() => rig.close());

  it('is read once, and not made by the question for its public half', async () => {
    assert.equal(await publicKeyOf(fsPromises, rig.keyFile), undefined);
    assert.ok(!fs.existsSync(rig.keyFile));
    const [one, other] = [signingKey(fsPromises, rig.keyFile), signingKey(fsPromises, rig.keyFile)];
    assert.equal(await one, await other);
    const { publicKey } = await one;
    fs.rmSync(rig.keyFile);
    assert.equal(await publicKeyOf(fsPromises, rig.keyFile), publicKey);
  });

  it('is none of another kind', async () => {
    const { generateKeyPairSync } = await import('node:crypto');
    const { privateKey } = generateKeyPairSync('ed448', {
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    fs.writeFileSync(rig.keyFile, privateKey);
    await assert.rejects(signingKey(fsPromises, rig.keyFile), { code: 'EINPUT' });
  });

  it('is made anew over what a crash has left of one', async () => {
    fs.writeFileSync(`${rig.keyFile}.new`, 'half');
    assert.ok((await signingKey(fsPromises, rig.keyFile)).publicKey);
    assert.ok(!fs.existsSync(`${rig.keyFile}.new`));
  });
});
