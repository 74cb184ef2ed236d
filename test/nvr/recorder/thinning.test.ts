import assert from 'node:assert/strict';
import path from 'node:path';
import type { DoneEntry, Journal } from '../../../lib/nvr/recorder/journal.js';
import { SEGMENT } from '../../../lib/nvr/recorder/journal.js';
import { Thinning } from '../../../lib/nvr/recorder/thinning.js';
import { systemError } from '../../kit/recorder-rig.js';

const DAY_MS = 24 * 3_600_000;
const NOW = 100 * DAY_MS;

describe('which segments are thinned', () => {
  /** A disk without files, and which of them were asked for. */
  function disk(): { fs: object; looked: string[] } {
    const looked: string[] = [];
    const fs = {
      realpath: (file: string) => Promise.resolve(file),
      unlink: () => Promise.resolve(),
      open: (file: string) => {
        looked.push(path.basename(file));
        return Promise.reject(systemError('ENOENT'));
      },
    };
    return { fs, looked };
  }

  /** Files of this age in days, in the order in which they were finished; which of them were tried. */
  async function tried(ages: Readonly<Record<string, number>>, isWanted = () => true): Promise<string[]> {
    const { fs, looked } = disk();
    const finished = Object.entries(ages).map(
      ([file, age]) =>
        ({ file, id: SEGMENT, kept: false, end: NOW - age * DAY_MS, delivered: {} }) as unknown as DoneEntry,
    );
    const journal = { root: '/clips', finished, find: () => undefined } as unknown as Journal;
    const options = { thinDays: 5, fileMode: 0o640, folder: '/clips' };
    const thinning = new Thinning(options, { fs: fs as never, now: () => NOW }, () => undefined);
    await thinning.run(journal, isWanted);
    return Object.keys(ages).filter((file) => looked.includes(file));
  }

  it('are all that are old enough, also those finished after a younger one', async () => {
    assert.deepEqual(await tried({ old: 6, young: 4, older: 9, edge: 5 }), ['old', 'older']);
  });

  it('are none that are protected, that were thinned before, or that no flow has heard of', async () => {
    const { fs, looked } = disk();
    const common = { id: SEGMENT, end: NOW - 9 * DAY_MS, delivered: {} };
    const finished = [
      { ...common, file: 'kept', kept: true },
      { ...common, file: 'thinned', delivered: { thinned: true } },
      { ...common, file: 'untold', delivered: undefined },
      { ...common, file: 'alarm', id: 'a' },
      { ...common, file: 'one' },
    ];
    const journal = { root: '/clips', finished, find: () => undefined } as unknown as Journal;
    const options = { thinDays: 5, fileMode: 0o640, folder: '/clips' };
    const thinning = new Thinning(options, { fs: fs as never, now: () => NOW }, () => undefined);
    await thinning.run(journal, () => true);
    assert.deepEqual(looked, ['one']);
  });

  it('are looked at once, where nothing of them can be left out', async () => {
    const { fs, looked } = disk();
    const segment = { file: 'old', id: SEGMENT, end: NOW - 9 * DAY_MS, delivered: {} };
    const journal = { root: '/clips', finished: [segment], find: () => segment } as unknown as Journal;
    const options = { thinDays: 5, fileMode: 0o640, folder: '/clips' };
    const thinning = new Thinning(options, { fs: fs as never, now: () => NOW }, () => undefined);
    await thinning.run(journal, () => true);
    await thinning.run(journal, () => true);
    assert.deepEqual(looked, ['old']);
  });

  it('are no more once they are not wanted', async () => {
    let asked = 0;
    assert.deepEqual(await tried({ one: 9, two: 8, three: 7 }, () => ++asked <= 2), ['one', 'two']);
  });
});
