import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { folderMode, makeFolders, openBelow, removeEmpty } from '../../../lib/nvr/recorder/below.js';
import { finishPart } from '../../../lib/nvr/recorder/part-file.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { systemError } from '../../kit/recorder-rig.js';

describe('the way to a file of the folder for clips', () => {
  let root: string;
  let outside: string;

  beforeEach(() => {
    root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-below-')));
    outside = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-outside-')));
    fs.writeFileSync(path.join(outside, 'theirs'), 'theirs');
    fs.symlinkSync(outside, path.join(root, 'link'));
    fs.symlinkSync(path.join(outside, 'theirs'), path.join(root, 'file'));
  });

  afterEach(() => {
    for (const folder of [root, outside]) fs.rmSync(folder, { recursive: true, force: true });
  });

  const at = (file: string, changes: Partial<RecorderFs> = {}) =>
    openBelow({ ...fsPromises, ...changes }, root, file);
  const theirs = (): string => fs.readFileSync(path.join(outside, 'theirs'), 'utf8');

  it('leads nowhere out of it, by dots or by a folder that is a link', async () => {
    for (const file of ['..', '../x', 'a/../../x', '/etc/passwd', '', '.', 'link/theirs', 'link/new'])
      await assert.rejects(at(file), { code: 'EINPUT' }, file);
  });

  it('does not follow a file that is a link, in whatever it does', async () => {
    const place = await at('file');
    for (const how of ['read', 'change', 'append'] as const)
      await assert.rejects(place.open(how), { code: 'ELOOP' });
    await assert.rejects(place.open('create'), { code: 'EEXIST' });
    assert.equal(await place.file(), undefined);
    assert.equal(await place.exists(), true);
    await place.rename('renamed');
    assert.equal(await (await at('renamed')).remove(), true);
    assert.equal(theirs(), 'theirs');
  });

  it('makes no folder behind a link', async () => {
    await assert.rejects(makeFolders(fsPromises, root, ['link', 'a'], 0o750), { code: 'EINPUT' });
    assert.deepEqual(fs.readdirSync(outside), ['theirs']);
  });

  it('deletes no empty folder behind a link', async () => {
    fs.mkdirSync(path.join(outside, 'empty'));
    await removeEmpty(fsPromises, root, 'link/empty/x');
    assert.ok(fs.existsSync(path.join(outside, 'empty')));
  });

  it('finishes no part behind a link, and cuts nothing off a file that has another name', async () => {
    const whole = Buffer.concat([box('ftyp'), box('moof'), box('mdat'), Buffer.from('torn')]);
    fs.writeFileSync(path.join(outside, 'a.mp4.part'), whole);
    await assert.rejects(finishPart(fsPromises, root, 'link/a.mp4'), { code: 'EINPUT' });
    fs.symlinkSync(path.join(outside, 'a.mp4.part'), path.join(root, 'a.mp4.part'));
    assert.equal(await finishPart(fsPromises, root, 'a.mp4'), undefined);
    fs.unlinkSync(path.join(root, 'a.mp4.part'));
    fs.linkSync(path.join(outside, 'a.mp4.part'), path.join(root, 'a.mp4.part'));
    await finishPart(fsPromises, root, 'a.mp4');
    assert.deepEqual(fs.readFileSync(path.join(outside, 'a.mp4.part')), whole);
  });

  it('gives files and folders the permissions asked for, whatever the umask', async function () {
    if (process.platform === 'win32') this.skip();
    const umask = process.umask(0o077);
    try {
      await makeFolders(fsPromises, root, ['a', 'b'], folderMode(0o640));
      await (await (await at('a/b/x')).open('create', 0o640)).close();
    } finally {
      process.umask(umask);
    }
    const mode = (file: string): number => fs.statSync(path.join(root, file)).mode & 0o777;
    assert.deepEqual([mode('a'), mode('a/b'), mode('a/b/x')], [0o750, 0o750, 0o640]);
    assert.deepEqual([0o600, 0o644, 0o664, 0o666].map(folderMode), [0o700, 0o755, 0o775, 0o777]);
  });

  it('leaves the permissions of what was there before', async function () {
    if (process.platform === 'win32') this.skip();
    fs.mkdirSync(path.join(root, 'a'), { mode: 0o700 });
    fs.writeFileSync(path.join(root, 'a', 'x'), '', { mode: 0o600 });
    await makeFolders(fsPromises, root, ['a'], 0o755);
    const handle = await (await at('a/x')).open('append', 0o644);
    await handle.close();
    const mode = (file: string): number => fs.statSync(path.join(root, file)).mode & 0o777;
    assert.deepEqual({ folder: mode('a'), file: mode('a/x') }, { folder: 0o700, file: 0o600 });
  });

  it('is open on a file system that knows no permissions', async () => {
    const chmod = (): Promise<never> => Promise.reject(systemError('EPERM'));
    const open = (async (...given: Parameters<RecorderFs['open']>) =>
      Object.assign(await fsPromises.open(...given), { chmod })) as RecorderFs['open'];
    await makeFolders({ ...fsPromises, chmod }, root, ['a'], 0o750);
    const handle = await (await at('a/x', { open })).open('create', 0o640);
    await handle.close();
    assert.deepEqual(fs.readdirSync(path.join(root, 'a')), ['x']);
  });

  it('says so where a folder cannot be made, or a file not be deleted', async () => {
    const mkdir = (() => Promise.reject(systemError('ENOSPC'))) as unknown as RecorderFs['mkdir'];
    fs.mkdirSync(path.join(root, 'there'));
    await assert.rejects(makeFolders({ ...fsPromises, mkdir }, root, ['there'], 0o750), { code: 'ENOSPC' });
    const place = await at('x', { unlink: () => Promise.reject(systemError('EACCES')) });
    await assert.rejects(place.remove(), { code: 'EACCES' });
    assert.equal(await (await at('x')).remove(), false, 'there is no such file');
  });

  it('leads to no folder around its own by a link, but to one whose name begins with dots', async () => {
    fs.symlinkSync(path.dirname(root), path.join(root, 'up'));
    await assert.rejects(makeFolders(fsPromises, root, ['up'], 0o750), { code: 'EINPUT' });
    await makeFolders(fsPromises, root, ['..a'], 0o750);
    assert.equal((await at('..a/x')).full, path.join(root, '..a', 'x'));
  });

  it('finds nothing below what is a file', async () => {
    fs.writeFileSync(path.join(root, 'plain'), '');
    assert.equal(await (await at('plain/x')).file(), undefined);
    assert.equal(await (await at('plain/x')).exists(), false);
  });

  it('leaves its own folder when the last one in it goes, and every folder that is not empty', async () => {
    for (const link of ['link', 'file']) fs.unlinkSync(path.join(root, link));
    await makeFolders(fsPromises, root, ['a', 'b', 'c'], 0o750);
    fs.writeFileSync(path.join(root, 'a', 'holiday'), '');
    await removeEmpty(fsPromises, root, 'a/b/c/x');
    assert.deepEqual(fs.readdirSync(path.join(root, 'a')), ['holiday']);
    fs.unlinkSync(path.join(root, 'a', 'holiday'));
    await removeEmpty(fsPromises, root, 'a/x');
    assert.deepEqual(fs.readdirSync(root), []);
  });
});

function box(type: string): Buffer {
  const data = Buffer.alloc(16);
  data.writeUInt32BE(16);
  data.write(type, 4, 'latin1');
  return data;
}
