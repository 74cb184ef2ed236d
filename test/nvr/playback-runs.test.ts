// The runs of one NVR together: how many there are, and what their names and their ends do. The sessions are
// played by the test.

import assert from 'node:assert/strict';
import type { SessionOptions } from '../../lib/client/session-options.js';
import { Account } from '../../lib/nvr/account.js';
import { MemoryBudget } from '../../lib/nvr/memory-budget.js';
import type { PlaybackRun } from '../../lib/nvr/playback/run.js';
import { PlaybackRuns } from '../../lib/nvr/playback/runs.js';
import { FakeSession } from '../kit/fake-session.js';
import { settingsFor } from '../kit/settings.js';

describe('the playback runs of one NVR', () => {
  let runs: PlaybackRuns;
  let sessions: FakeSession[];
  let ends: string[];

  beforeEach(() => {
    [sessions, ends] = [[], []];
    runs = new PlaybackRuns({
      settings: settingsFor(1, { uriStyle: 'custom', liveTemplate: '/live', playbackTemplate: '/rec' }),
      account: new Account(() => performance.now()),
      session: {},
      memory: new MemoryBudget({ bytes: 1e6 }),
      uriOf: (path) => path,
      hasChannel: () => Promise.resolve(true),
      open: (_uri, options) => {
        const session = Object.assign(new FakeSession(options as SessionOptions), {
          playReply: { rtpInfo: [] },
        });
        sessions.push(session);
        return Promise.resolve(session.asSession);
      },
    });
  });

  const play = (run: string, onEnd?: () => void): PlaybackRun =>
    runs.play(
      { run, channel: 1, stream: 'main', group: 0, from: 1000, speed: 1 },
      {
        onUnit: () => undefined,
        onEnd: (reason) => {
          ends.push(`${run} ${reason}, ${runs.get(run) === undefined ? 'free' : 'taken'}`);
          onEnd?.();
        },
      },
    );

  it('are four at most, and one more as soon as one of them has ended', async () => {
    for (const name of ['a', 'b', 'c']) play(name);
    assert.equal(runs.isFull, false);
    const last = play('d');
    assert.equal(runs.isFull, true);
    assert.throws(() => play('e'), { code: 'EBUSY' });
    assert.equal(runs.get('e'), undefined);
    await last.stop();
    assert.equal(runs.isFull, false);
    assert.equal(runs.get('e'), undefined);
    play('e');
    assert.throws(() => play('d'), { code: 'EBUSY' });
    await runs.close();
  });

  it('are replaced by their name, and the end of the replaced one leaves the name to the new one', async () => {
    const before = play('a');
    for (const name of ['b', 'c', 'd']) play(name);
    const after = play('a');
    assert.deepEqual(
      { before: before.state, kept: runs.get('a') === after },
      { before: 'ended', kept: true },
    );
    // The name is the new one's already while the end of the old one is told.
    assert.deepEqual(ends, ['a replaced, taken']);
    await before.stop();
    assert.equal(runs.get('a'), after, 'when it has ended for the second time');
    await after.stop();
    assert.deepEqual(ends, ['a replaced, taken', 'a stopped, free']);
    await runs.close();
  });

  it('of a name are one, also where the end of the replaced one is answered with another', async () => {
    let answers = 0;
    play('a', () => {
      if (answers++ === 0) play('a');
    });
    await new Promise((resolve) => setImmediate(resolve));
    const after = play('a');
    const last = runs.get('a')!;
    assert.notEqual(last, after);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual({ after: after.state, opened: sessions.length }, { after: 'ended', opened: 2 });
    await runs.close();
    assert.deepEqual(
      { last: last.state, closed: sessions.map(({ closed }) => closed), name: runs.get('a') },
      { last: 'ended', closed: [1, 1], name: undefined },
    );
  });

  it('wake all that wait for a place at each end, and each of them once', async () => {
    const woken: string[] = [];
    for (const name of ['a', 'b']) play(name);
    runs.onceOneEnds(() => woken.push('one'));
    runs.onceOneEnds(() => {
      woken.push('two');
      runs.onceOneEnds(() => woken.push('two again'));
    });
    await runs.get('a')!.stop();
    assert.deepEqual(woken, ['one', 'two']);
    await runs.get('b')!.stop();
    assert.deepEqual(woken, ['one', 'two', 'two again']);
  });

  it('end together, and close what they have opened', async () => {
    for (const name of ['a', 'b']) play(name);
    await new Promise((resolve) => setImmediate(resolve));
    await runs.close();
    assert.deepEqual(
      sessions.map(({ closed }) => closed),
      [1, 1],
    );
    assert.deepEqual(ends, ['a stopped, free', 'b stopped, free']);
  });

  it('have ended when each of them has been torn down, whichever takes the longest', async () => {
    for (const late of [0, 1]) {
      sessions = [];
      for (const name of ['a', 'b']) play(name);
      await new Promise((resolve) => setImmediate(resolve));
      const release = sessions[late]!.holdTeardown();
      let isClosed = false;
      const closing = runs.close().then(() => (isClosed = true));
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(isClosed, false, `while the ${late === 0 ? 'first' : 'second'} is torn down`);
      release();
      await closing;
    }
  });
});
