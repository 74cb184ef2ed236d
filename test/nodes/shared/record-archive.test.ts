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
    const userDir = await fs.mkdtemp(path.join(os.tmpdir(), 'nvr-user-'));
    const red = new FakeRed();
    red.settings.userDir = userDir;
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
      await turn();
      assert.equal(isClosed, false, 'closing waits for them');
      for (const fail of failures.splice(0)) fail(new NvrError('EDISK', 'No journal.'));
      assert.deepEqual(await Promise.all(four), ['EDISK', 'EDISK', 'EDISK', 'EDISK']);
      await closed;
      assert.equal(running.size, 0);
    }
    await fs.rm(userDir, { recursive: true });
  });
});

describe('what a record node is asked about its recordings', () => {
  interface Bench {
    readonly take: (
      action: 'list' | 'keep' | 'release' | 'export',
      message?: object,
    ) => Promise<Record<string, unknown>>;
    readonly archive: RecordArchive;
    /** What the catalog was asked for. */
    readonly asked: unknown[][];
  }

  function bench({ userDir = os.tmpdir(), journal = (): unknown => undefined } = {}): Bench {
    const red = new FakeRed();
    red.settings.userDir = userDir;
    const asked: unknown[][] = [];
    const catalog = {
      list: (span: unknown) => {
        asked.push(['list', span]);
        return Promise.resolve({ clips: ['a', 'b'], more: true });
      },
      keep: (choice: unknown, isKept: boolean) => {
        asked.push([isKept ? 'keep' : 'release', choice]);
        return Promise.resolve(['first.mp4', 'last.mp4']);
      },
      journal: () => Promise.resolve(journal()),
    };
    const output = {
      answer: (_message: object, what: string, more: object) => ({ what, ...more }),
      withEvent: (_message: object, word: string, event: object) => ({ word, ...event }),
    };
    const archive = new RecordArchive(
      {
        RED: red.RED,
        server: red.server({}, { timeZone: 'Asia/Tokyo' }),
        settings: { stream: 'main' },
        signal: new AbortController().signal,
      } as never,
      { catalog } as never,
      output as never,
      { folder: path.join(os.tmpdir(), 'nvr-no-such-folder') } as never,
      { fs, now: () => Date.now(), monotonic: () => performance.now(), timers: systemTimers },
      new Set(),
    );
    return {
      ...{ archive, asked },
      take: async (action, message = {}) => {
        let sent: readonly unknown[] = [];
        try {
          await archive.take(action, message as never, (outputs) => (sent = outputs as unknown[]));
        } catch (error) {
          return { code: (error as NvrError).code };
        }
        const output = sent.findIndex((one) => one !== null);
        return { output, ...(sent[output] as object) };
      },
    };
  }

  const AT = Date.UTC(2026, 2, 29, 12);

  it('is answered on its output, with what it was about', async () => {
    const { take } = bench();
    assert.deepEqual(await take('list'), { output: 0, what: 'clips', payload: ['a', 'b'], more: true });
    const files = { output: 1, files: 2, file: 'first.mp4' };
    assert.deepEqual(await take('keep', { from: AT }), { ...files, word: 'kept' });
    assert.deepEqual(await take('release', { from: AT }), { ...files, word: 'released' });
  });

  for (const [what, message, span] of [
    ['nothing', {}, {}],
    ['empty values', { from: '', to: null, duration: '' }, {}],
    ['a beginning', { from: AT, to: '' }, { from: AT }],
    ['an end', { to: AT }, { to: AT }],
    ['both', { from: AT, to: AT + 5 }, { from: AT, to: AT + 5 }],
    ['a beginning and a duration', { from: AT, duration: '5s' }, { from: AT, to: AT + 5000 }],
    ['a duration before an end', { from: AT, to: AT + 9000, duration: '5s' }, { from: AT, to: AT + 5000 }],
    ['a time of the NVR’s zone', { from: '2026-03-29T21:00:00' }, { from: AT }],
  ] as const)
    it(`is about the span that it names: ${what}`, async () => {
      const { take, asked } = bench();
      await take('list', message);
      await take('keep', message);
      await take('release', { clip: {}, ...message });
      assert.deepEqual(asked, [
        ['list', span],
        ['keep', span],
        ['release', span],
      ]);
    });

  it('is about a clip where that is named, and refused where that is no path, or where a span has no beginning', async () => {
    const { take, asked } = bench();
    await take('keep', { clip: { file: 'a.mp4' }, from: AT });
    assert.deepEqual(asked.splice(0), [['keep', { file: 'a.mp4' }]]);
    assert.deepEqual(await take('keep', { clip: { file: 3 }, from: AT }), { code: 'EINPUT' });
    assert.deepEqual(await take('list', { duration: '5s' }), { code: 'EINPUT' });
    assert.deepEqual(asked, []);
  });

  for (const [what, name, code] of [
    ['one of 200 characters', 'x'.repeat(200), 'EDISK'],
    ['one of 201 characters', 'x'.repeat(201), 'EINPUT'],
    ['a blank one', ' ', 'EINPUT'],
    ['one that is no text', 3, 'EINPUT'],
    ['none', undefined, 'EDISK'],
  ] as const)
    it(`takes names of exports of 200 characters at most: ${what}`, async () => {
      // Whatever passes meets a journal that cannot be read.
      const userDir = await fs.mkdtemp(path.join(os.tmpdir(), 'nvr-user-'));
      const { take } = bench({
        userDir,
        journal: () => {
          throw new NvrError('EDISK', 'No journal.');
        },
      });
      assert.deepEqual(await take('export', { from: '-1h', name }), { code });
      assert.deepEqual(await take('export', { name }), { code: 'EINPUT' });
      await fs.rm(userDir, { recursive: true });
    });

  it('tells no public key where there is none, or none that can be read', async () => {
    const userDir = await fs.mkdtemp(path.join(os.tmpdir(), 'nvr-user-'));
    assert.equal(await bench({ userDir }).archive.publicKey(), undefined);
    await fs.writeFile(path.join(userDir, 'nvr-signing-key.pem'), 'no key');
    assert.equal(await bench({ userDir }).archive.publicKey(), undefined);
    await fs.rm(userDir, { recursive: true });
  });
});
