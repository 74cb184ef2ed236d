import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Catalog, MAX_LISTED } from '../../../lib/nvr/recorder/catalog.js';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { systemError } from '../../kit/recorder-rig.js';

const NOW = 1_760_000_000_000;

describe('the list of a recorder’s files', () => {
  let base: string;
  /** As users see it: a link to the real one. */
  let folder: string;
  let journal: Journal;
  let changes: Partial<RecorderFs>;
  let catalog: Catalog;

  beforeEach(async () => {
    base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-catalog-')));
    fs.mkdirSync(path.join(base, 'real'));
    folder = path.join(base, 'clips');
    fs.symlinkSync(path.join(base, 'real'), folder);
    changes = {};
    const deps = { fs: fsOf(), now: () => NOW };
    journal = await Journal.load(deps.fs, folder, 'test');
    catalog = new Catalog({ folder }, deps, () => Promise.resolve(journal));
  });

  afterEach(() => {
    fs.rmSync(base, { recursive: true, force: true });
  });

  /** The functions as the test has them at the time. */
  function fsOf(): RecorderFs {
    const functions = { ...fsPromises } as unknown as Record<string, (...args: unknown[]) => unknown>;
    const calls = Object.keys(functions).map((name) => [
      name,
      (...args: unknown[]) => ((changes as unknown as typeof functions)[name] ?? functions[name]!)(...args),
    ]);
    return Object.fromEntries(calls) as RecorderFs;
  }

  const at = (name: string): string => path.join(folder, name);
  async function clip(name: string, start: number, end: number, more: object = {}): Promise<void> {
    fs.mkdirSync(path.dirname(at(name)), { recursive: true });
    fs.writeFileSync(at(name), 'x');
    const undelivered = { start, end, alarms: [], gaps: [], damagedSpans: [] } as never;
    await journal.closed(name, { file: name, end, bytes: 7, undelivered, ...more });
  }
  const begun = (file: string, start: number): Promise<void> =>
    journal.opened({ file, start, reason: 'door', codec: 'h264', width: 1, height: 1 });
  const names = (files: readonly string[]): string[] => files.map((file) => path.relative(folder, file));
  const kept = (): string[] =>
    [...journal.finished, ...journal.unfinished].filter((entry) => entry.kept).map(({ file }) => file);

  it('is by their beginning, whichever ended or was finished first, and has each in full', async () => {
    await clip('c.mp4', NOW - 10, NOW - 9, { thumbnail: 'c.jpg' });
    await clip('a.mp4', NOW - 90, NOW - 1);
    await clip('b.mp4', NOW - 50, NOW - 40);
    const { clips, more } = await catalog.list({ from: NOW - 100, to: NOW });
    assert.deepEqual(names(clips.map(({ file }) => file)), ['a.mp4', 'b.mp4', 'c.mp4']);
    const [, , { thumbnail, bytes, end }] = clips as [unknown, unknown, (typeof clips)[0]];
    assert.deepEqual(
      { thumbnail, bytes, end, more },
      { thumbnail: at('c.jpg'), bytes: 7, end: NOW - 9, more: false },
    );
  });

  it('says that there are more only where there are', async () => {
    const lines = Array.from({ length: MAX_LISTED }, (_, index) => {
      const entry = { op: 'done', file: `${index}.mp4`, end: NOW - 5000 + index, bytes: 1 };
      return `${JSON.stringify(entry)}\n`;
    });
    fs.writeFileSync(at('.nvr-record-test.jsonl'), lines.join(''));
    journal = await Journal.load(fsPromises, folder, 'test');
    assert.equal((await catalog.list({})).more, false);
    await journal.closed('last.mp4', { file: 'last.mp4', end: NOW - 1, bytes: 1 });
    const { clips, more } = await catalog.list({});
    assert.deepEqual({ listed: clips.length, more }, { listed: MAX_LISTED, more: true });
  });

  it('knows of a file of an early version when it ended', async () => {
    await journal.closed('old.mp4', { file: 'old.mp4', end: NOW - 50, bytes: 3 });
    const [old, ...others] = (await catalog.list({ from: NOW - 60, to: NOW - 49 })).clips;
    assert.deepEqual(
      { start: old?.start, end: old?.end, bytes: old?.bytes, others },
      { start: NOW - 50, end: NOW - 50, bytes: 3, others: [] },
    );
    assert.deepEqual((await catalog.list({ to: NOW - 50 })).clips, []);
  });

  it('reaches to now, and no span of it begins later', async () => {
    await catalog.list({ from: NOW });
    for (const work of [catalog.list({ from: NOW + 1 }), catalog.keep({ from: NOW + 1 }, true)])
      await assert.rejects(work, { code: 'EINPUT' });
    await assert.rejects(catalog.keep({ from: 5, to: 5 }, true), { code: 'EINPUT' });
  });

  it('names what is being written as it is on the disk now', async () => {
    await begun('a/1.mp4', NOW - 5);
    assert.deepEqual(await catalog.writing(), [{ file: at('a/1.mp4.part'), start: NOW - 5, reason: 'door' }]);
  });

  it('finds the real path of a file, and says so where there is none, or only a link', async () => {
    await clip('a/1.mp4', NOW - 9, NOW - 8);
    assert.equal(await catalog.locate(at('a/1.mp4')), path.join(base, 'real', 'a', '1.mp4'));
    fs.symlinkSync(at('a/1.mp4'), at('link.mp4'));
    for (const name of ['none.mp4', 'none/1.mp4', 'link.mp4', '../real/a/1.mp4x'])
      await assert.rejects(catalog.locate(at(name)), { code: 'ENORECORDING' }, name);
  });

  it('keeps all files of a span, and of those that are being written what began before its end', async () => {
    await clip('a.mp4', NOW - 90, NOW - 80);
    await clip('b.mp4', NOW - 80, NOW - 70);
    await clip('c.mp4', NOW - 70, NOW - 60);
    await begun('d.mp4', NOW - 71);
    await begun('e.mp4', NOW - 70);
    const files = await catalog.keep({ from: NOW - 90, to: NOW - 70 }, true);
    assert.deepEqual(names(files), ['a.mp4', 'b.mp4', 'd.mp4']);
    assert.deepEqual(kept().sort(), ['a.mp4', 'b.mp4', 'd.mp4']);
    await catalog.keep({ from: NOW - 85 }, false);
    assert.deepEqual(kept(), []);
  });

  it('keeps a file by its path or by its name in the folder, also one that is being written', async () => {
    await clip('a/1.mp4', NOW - 9, NOW - 8);
    await begun('a/2.mp4', NOW - 5);
    assert.deepEqual(await catalog.keep({ file: 'a/1.mp4' }, true), [at('a/1.mp4')]);
    assert.deepEqual(await catalog.keep({ file: at('a/2.mp4') }, true), [at('a/2.mp4')]);
    assert.deepEqual(kept(), ['a/1.mp4', 'a/2.mp4']);
  });

  it('forgets a file that is found to be deleted, or to be a way out of the folder', async () => {
    await clip('1.mp4', NOW - 9, NOW - 8);
    fs.unlinkSync(at('1.mp4'));
    await assert.rejects(catalog.keep({ file: '1.mp4' }, true), { code: 'ENORECORDING', message: /gone/ });
    await assert.rejects(catalog.keep({ file: '1.mp4' }, true), { message: /no clip of this node/ });
    await clip('a/2.mp4', NOW - 9, NOW - 8);
    fs.renameSync(path.join(base, 'real', 'a'), path.join(base, 'a'));
    fs.symlinkSync(path.join(base, 'a'), at('a'));
    await assert.rejects(catalog.keep({ from: NOW - 9 }, true), { code: 'ENORECORDING', message: /gone/ });
  });

  it('is told as the disk’s fault where that cannot be asked, or not be written to', async () => {
    await clip('1.mp4', NOW - 9, NOW - 8);
    changes.lstat = (() => Promise.reject(systemError('EACCES'))) as RecorderFs['lstat'];
    await assert.rejects(catalog.keep({ from: NOW - 9 }, true), { code: 'EDISK' });
    changes = { open: () => Promise.reject(systemError('ENOSPC')) };
    await assert.rejects(catalog.keep({ from: NOW - 9 }, true), { code: 'EDISK' });
  });
});
