import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import { Journal } from '../../../lib/nvr/recorder/journal.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { useFolder } from '../../kit/folder.js';
import { systemError } from '../../kit/recorder-rig.js';

const MAX_STALE = 1000;

describe('a journal that was written anew', () => {
  let folder: string;
  useFolder((name) => (folder = name));

  it('names its camera with the next line where the disk refused the first one', async () => {
    const owner = { owner: 'here', camera: 'gate' };
    let isFull = true;
    const open = ((...given: Parameters<RecorderFs['open']>) =>
      isFull ? Promise.reject(systemError('ENOSPC')) : fsPromises.open(...given)) as RecorderFs['open'];
    const journal = await Journal.load({ ...fsPromises, open }, folder, 'one', owner);
    await assert.rejects(
      journal.caseDone('none').then(() => journal.removed('1.mp4')),
      { code: 'ENOSPC' },
    );
    isFull = false;
    await journal.removed('2.mp4');
    const [first] = fs.readFileSync(path.join(folder, '.nvr-record-one@here.jsonl'), 'utf8').split('\n');
    assert.deepEqual(JSON.parse(first!), { op: 'of', camera: 'gate' });
  });

  it('is written anew again a thousand lines more than twice its entries later, and no sooner', async () => {
    const file = path.join(folder, '.nvr-record-one.jsonl');
    const lines = (): number => fs.readFileSync(file, 'utf8').split('\n').length - 1;
    const stale = `${JSON.stringify({ op: 'gone', file: '1.mp4' })}\n`.repeat(MAX_STALE);
    fs.writeFileSync(file, stale);
    const journal = await Journal.load(fsPromises, folder, 'one');
    await journal.alarmed({ id: 'a', reason: '', from: 1, to: 2, alarms: [] });
    for (let to = 3; lines() >= MAX_STALE && to < 50; to++) await journal.extended('a', to);
    const begin = lines();
    assert.equal(begin, 1, 'it was written anew');
    const kept = begin;
    const room = MAX_STALE + 2 * kept - begin;
    const work = Array.from({ length: room }, (_, index) => journal.extended('a', 50 + index));
    await Promise.all(work);
    assert.equal(lines(), begin + room, 'not yet');
    await journal.extended('a', 5000);
    assert.equal(lines(), kept);
  });
});
