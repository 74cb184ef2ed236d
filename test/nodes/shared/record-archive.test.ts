import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { NvrError } from '../../../lib/errors.js';
import { RecordArchive } from '../../../nodes/shared/record-archive.js';
import { FakeRed, turn } from '../../kit/fake-red.js';
import { systemTimers } from '../../kit/system-timers.js';

describe('the exports of a record node', () => {
  it('are four at once, and again when they have ended', async () => {
    const red = new FakeRed();
    const failures: ((error: NvrError) => void)[] = [];
    const journal = (): Promise<never> => new Promise((_resolve, reject) => failures.push(reject));
    const running = new Set<Promise<unknown>>();
    const archive = new RecordArchive(
      {
        RED: red.RED,
        server: red.server({}),
        settings: { stream: 'main' },
        signal: new AbortController().signal,
      } as never,
      { catalog: { journal } } as never,
      {} as never,
      { folder: path.join(os.tmpdir(), 'nvr-no-such-folder') } as never,
      { fs, now: () => Date.now(), monotonic: () => performance.now(), timers: systemTimers },
      running,
    );
    const take = (): Promise<unknown> =>
      archive
        .take('export', { from: '-2h', to: '-1h' } as never, () => undefined)
        .then(
          () => 'done',
          (error: unknown) => (error as NvrError).code,
        );
    for (let round = 0; round < 2; round++) {
      const four = [take(), take(), take(), take()];
      assert.equal(await take(), 'EBUSY');
      let isClosed = false;
      const closed = archive.close().then(() => (isClosed = true));
      while (failures.length < 4) await turn();
      assert.equal(isClosed, false, 'closing waits for them');
      for (const fail of failures.splice(0)) fail(new NvrError('EDISK', 'No journal.'));
      assert.deepEqual(await Promise.all(four), ['EDISK', 'EDISK', 'EDISK', 'EDISK']);
      await closed;
      assert.equal(running.size, 0);
    }
  });
});
