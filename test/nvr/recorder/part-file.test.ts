import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import fsPromises, { type FileHandle } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { finishPart, isBeingWritten, PartFile } from '../../../lib/nvr/recorder/part-file.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { systemError } from '../../kit/recorder-rig.js';

describe('a file that is being written', () => {
  let root: string;
  let changes: Partial<RecorderFs>;
  /** What was said of its name. */
  let said: string[];

  beforeEach(() => {
    root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-part-')));
    changes = {};
    said = [];
  });

  afterEach(() => {
    fs.rmSync(root, { recursive: true, force: true });
  });

  const open = (
    levels = ['day', 'clip'],
    announce = (): Promise<void> => Promise.resolve(),
  ): Promise<PartFile> =>
    PartFile.open(
      { ...fsPromises, ...changes },
      root,
      levels,
      '.mp4',
      0o640,
      (file) => {
        said.push(`+${file}`);
        return announce();
      },
      (file) => Promise.resolve(void said.push(`-${file}`)),
    );
  const at = (file: string): string => path.join(root, file);
  const read = (file: string): string => fs.readFileSync(at(file), 'latin1');
  const put = (file: string, text = 'theirs'): void => {
    fs.mkdirSync(path.dirname(at(file)), { recursive: true });
    fs.writeFileSync(at(file), text, 'latin1');
  };
  const names = (): string[] => fs.readdirSync(at('day')).sort();
  const text = (value: string): Buffer => Buffer.from(value, 'latin1');
  const sha256 = (value: string): string => createHash('sha256').update(value, 'latin1').digest('hex');
  const box = (type: string, content = ''): string => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(8 + content.length);
    return length.toString('latin1') + type + content;
  };

  describe('is opened', () => {
    it('under the next number where its name is taken, by a clip or by one that is being written', async () => {
      put('day/clip.mp4');
      put('day/clip-2.mp4.part');
      const part = await open();
      assert.equal(part.file, 'day/clip-3.mp4');
      assert.deepEqual(said, ['+day/clip-3.mp4']);
      assert.equal(fs.statSync(at('day/clip-3.mp4.part')).mode & 0o777, 0o640);
      await part.rescue();
    });

    it('under the next number where another process takes its name at the same moment, which is taken back', async () => {
      changes.open = ((file: string, ...rest: [number, number]) => {
        if (file.endsWith('clip.mp4.part')) return Promise.reject(systemError('EEXIST'));
        return fsPromises.open(file, ...rest);
      }) as RecorderFs['open'];
      const part = await open();
      assert.equal(fs.statSync(at('day')).mode & 0o777, 0o750);
      assert.deepEqual(said, ['+day/clip.mp4', '-day/clip.mp4', '+day/clip-2.mp4']);
      assert.deepEqual(
        ['day/clip.mp4', 'day/clip-2.mp4'].map((file) => isBeingWritten(root, file)),
        [false, true],
      );
      await part.rescue();
    });

    it('not at all where the disk refuses it, and its name is taken back', async () => {
      changes.open = () => Promise.reject(systemError('ENOSPC'));
      await assert.rejects(open(), { code: 'ENOSPC' });
      assert.deepEqual(said, ['+day/clip.mp4', '-day/clip.mp4']);
      assert.equal(isBeingWritten(root, 'day/clip.mp4'), false);
    });

    it('once its name is in the journal, from when on it counts as being written', async () => {
      let answer = (): void => undefined;
      const noted = new Promise<void>((resolve) => (answer = resolve));
      const opening = open(['clip'], () => noted);
      while (said.length === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(
        { files: fs.readdirSync(root), isBeingWritten: isBeingWritten(root, 'clip.mp4') },
        { files: [], isBeingWritten: true },
      );
      answer();
      await (await opening).rescue();
      assert.equal(isBeingWritten(root, 'clip.mp4'), false);
    });
  });

  describe('takes', () => {
    it('each piece behind the one before it, in as many turns as the disk needs', async () => {
      changes.open = async (...args: Parameters<RecorderFs['open']>) => {
        const handle = await fsPromises.open(...args);
        const write = handle.write.bind(handle) as (...of: unknown[]) => Promise<unknown>;
        handle.write = ((data: Uint8Array, from: number, length: number, position: number) =>
          write(data, from, Math.min(length, 2), position)) as typeof handle.write;
        return handle;
      };
      const part = await open();
      await part.write(text('abcde'));
      await part.write(text('fgh'));
      assert.equal(read('day/clip.mp4.part'), 'abcdefgh');
      const made = await part.finish(false);
      assert.deepEqual(made, { file: 'day/clip.mp4', bytes: 8, sha256: sha256('abcdefgh') });
    });

    it('nothing once it is gone from its folder', async () => {
      const part = await open();
      await part.write(text('abc'));
      fs.renameSync(at('day/clip.mp4.part'), at('day/other'));
      await assert.rejects(part.write(text('def')), { code: 'EDISK' });
      assert.equal(read('day/other'), 'abc');
      assert.equal(await part.rescue(), undefined);
    });
  });

  describe('is finished', () => {
    it('under the next number where its name was taken meanwhile', async () => {
      const part = await open();
      await part.write(text('abc'));
      put('day/clip.mp4');
      put('day/clip-2.mp4');
      assert.equal((await part.finish(false)).file, 'day/clip-3.mp4');
      assert.equal(read('day/clip.mp4'), 'theirs');
      assert.deepEqual(names(), ['clip-2.mp4', 'clip-3.mp4', 'clip.mp4']);
      assert.equal(isBeingWritten(root, 'day/clip.mp4'), false);
    });

    it('without its hash where it cannot be read back, and counts the pieces that are', async () => {
      const whole = await open();
      await whole.write(text('abc'));
      await whole.finish(false);
      assert.equal(whole.copied, 1);
      const part = await open(['second']);
      await part.write(text('abc'));
      changes.open = () => Promise.reject(systemError('EIO'));
      const hashless = await open(['third']).catch(() => undefined);
      assert.equal(hashless, undefined);
      Object.assign((part as unknown as { fs: RecorderFs }).fs, changes);
      assert.deepEqual(await part.finish(false), { file: 'second.mp4', bytes: 3 });
    });

    it('as it is where it can be no plain file, and leaves no other one', async () => {
      const part = await open();
      await part.write(text('no clip'));
      const { notPlain, ...made } = await part.finish(true);
      assert.match(String(notPlain), /holds no clip/);
      assert.deepEqual(made, { file: 'day/clip.mp4', bytes: 7, sha256: sha256('no clip') });
      assert.deepEqual(names(), ['clip.mp4']);
    });

    it('with every handle closed, also where closing fails', async () => {
      let opened = 0;
      let closed = 0;
      let isSick = false;
      changes.open = async (...args: Parameters<RecorderFs['open']>) => {
        const handle = await fsPromises.open(...args);
        opened++;
        const close = handle.close.bind(handle);
        handle.close = async () => {
          closed++;
          await close();
          if (isSick) throw systemError('EIO');
        };
        return handle;
      };
      const whole = await open(['1']);
      await whole.write(text(box('moof') + box('mdat')));
      await whole.finish(true);
      const cut = await open(['2']);
      await cut.write(text(box('moof') + box('mdat')));
      isSick = true;
      const closing = cut.rescue();
      isSick = false;
      assert.equal((await closing)?.file, '2.mp4');
      assert.equal(isBeingWritten(root, '2.mp4'), false);
      assert.notEqual(opened, 2);
      assert.equal(closed, opened);
    });

    it('by the next start where the disk does not let it be renamed', async () => {
      changes.rename = () => Promise.reject(systemError('EIO'));
      const part = await open();
      await part.write(text(box('moof') + box('mdat')));
      await assert.rejects(part.finish(false), { code: 'EIO' });
      assert.equal(isBeingWritten(root, 'day/clip.mp4'), false);
      assert.equal((await finishPart(fsPromises, root, 'day/clip.mp4'))!.file, 'day/clip.mp4');
    });
  });

  describe('that was cut short', () => {
    const finish = async (content: string) => {
      put('clip.mp4.part', content);
      return finishPart(fsPromises, root, 'clip.mp4');
    };
    const fragment = box('moof', 'm') + box('mdat', 'data');
    const large = (content: string): string =>
      `\0\0\0\u0001mdat${'\0'.repeat(7)}${String.fromCharCode(16 + content.length)}${content}`;

    it('keeps its complete fragments and what is behind them, and its time', async () => {
      const head = box('ftyp', 'x') + box('moov', 'y');
      const cuts: [string, string][] = [
        [fragment, ''],
        [fragment + fragment, fragment.slice(0, -1)],
        [fragment, box('moof', 'm')],
        [fragment + box('mfra', 'z'), ''],
        [fragment, '\0\0\0'],
        [fragment, '\0\0\0\u0007mdat'],
        [box('moof', 'm') + large('data'), large('data').slice(0, 18)],
        // What is left of the box before must not be taken for the size that is cut off.
        [box('moof', 'm') + box('mdat', 'data\0\0\0\u000c'), large('data').slice(0, 12)],
        [box('moof', 'm') + box('mdat', 'data\0\0\0\u000f'), large('data').slice(0, 15)],
      ];
      for (const [whole, torn] of cuts) {
        const made = (await finish(head + whole + torn))!;
        const kept = head + whole;
        assert.equal(read(made.file), kept);
        assert.deepEqual(
          { bytes: made.bytes, sha256: made.sha256 },
          { bytes: kept.length, sha256: sha256(kept) },
        );
        fs.unlinkSync(at(made.file));
      }
      put('clip.mp4.part', head + fragment);
      fs.utimesSync(at('clip.mp4.part'), 1000, 1000.4);
      assert.equal((await finishPart(fsPromises, root, 'clip.mp4'))!.modified, 1_000_400);
    });

    it('is as long as it was where it has a name elsewhere too, whose bytes these are', async function () {
      if (process.platform === 'win32') this.skip();
      const torn = box('ftyp') + fragment + fragment.slice(0, -1);
      put('clip.mp4.part', torn);
      fs.linkSync(at('clip.mp4.part'), at('theirs.mp4'));
      const made = await finishPart(fsPromises, root, 'clip.mp4');
      assert.equal(made!.file, 'clip.mp4');
      assert.equal(read('theirs.mp4'), torn);
    });

    it('is deleted where it has none', async () => {
      for (const none of ['', box('ftyp') + box('moov'), box('ftyp') + fragment.slice(0, -1)]) {
        assert.equal(await finish(none), undefined);
        assert.deepEqual(fs.readdirSync(root), []);
      }
    });

    it('is as it is where it has its name already, without the copy that was begun', async () => {
      put('clip.mp4', 'whole');
      put('clip.mp4.plain.part');
      assert.deepEqual(await finishPart(fsPromises, root, 'clip.mp4'), {
        ...{ file: 'clip.mp4', bytes: 5, sha256: sha256('whole') },
      });
      assert.deepEqual(fs.readdirSync(root), ['clip.mp4']);
      fs.unlinkSync(at('clip.mp4'));
      assert.equal(await finishPart(fsPromises, root, 'clip.mp4'), undefined);
    });

    it('closes the file, also where the disk fails', async () => {
      put('clip.mp4.part', fragment);
      let closed = 0;
      const failing = (async (...args: Parameters<RecorderFs['open']>): Promise<FileHandle> => {
        const handle = await fsPromises.open(...args);
        const close = handle.close.bind(handle);
        handle.close = () => {
          closed++;
          return close();
        };
        handle.stat = (() => Promise.reject(systemError('EIO'))) as typeof handle.stat;
        return handle;
      }) as RecorderFs['open'];
      await assert.rejects(finishPart({ ...fsPromises, open: failing }, root, 'clip.mp4'), { code: 'EIO' });
      assert.equal(closed, 1);
    });
  });
});
