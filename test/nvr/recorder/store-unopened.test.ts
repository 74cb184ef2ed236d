import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { ClipStore } from '../../../lib/nvr/recorder/store.js';
import type { RecorderOptions } from '../../../lib/nvr/recorder/types.js';
import { useFolder } from '../../kit/folder.js';
import { TestClock } from '../../kit/test-clock.js';

describe('a folder that is looked through without being opened', () => {
  let folder: string;
  useFolder((name) => (folder = name));

  it('has a journal of its own beside that of a living process with the same settings, and beats until it is closed', async () => {
    const host = 'pi';
    const theirs = { host, pid: process.pid + 1 };
    nodeFs.writeFileSync(path.join(folder, '.nvr-owner-one.json'), JSON.stringify(theirs));
    const options: RecorderOptions = {
      ...{ id: 'test', nvr: 'Home', channel: 'Gate', preRoll: 2, postRoll: 2, maxLength: 60 },
      ...{ folder, fileName: 'x.mp4', segment: 300, keepDays: 0, keepGiB: 0, timeZone: '', mode: 'alarm' },
    };
    const clock = new TestClock();
    const owner = { id: 'one', camera: 'gate', host, pid: process.pid, isAlive: () => true };
    const listener = { finished: () => true, failed: () => true, onCaseEnded: () => undefined };
    const store = new ClipStore(
      options,
      { fs, now: clock.read, monotonic: clock.read, timers: clock, owner },
      () => undefined,
      listener,
      () => undefined,
    );
    await store.note((journal) => journal.alarmed({ id: 'a', reason: '', from: 1, to: 2, alarms: [] }));
    const names = nodeFs.readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
    assert.deepEqual(names, [`.nvr-record-test@one-${process.pid}.jsonl`]);
    assert.equal(clock.waiting, 1, 'its beat');
    await store.close();
    assert.equal(clock.waiting, 0);
  });
});
