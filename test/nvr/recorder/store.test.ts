import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { NvrError } from '../../../lib/errors.js';
import { recordersIn } from '../../../lib/nvr/recorder/folder-recorders.js';
import { BEAT_MS } from '../../../lib/nvr/recorder/heartbeat.js';
import { Journal, SEGMENT, type CaseEntry, type DoneEntry } from '../../../lib/nvr/recorder/journal.js';
import type { RecoveryListener } from '../../../lib/nvr/recorder/recovery.js';
import { ClipStore } from '../../../lib/nvr/recorder/store.js';
import type {
  RecorderEvent,
  RecorderFs,
  RecorderOptions,
  RecorderOwner,
} from '../../../lib/nvr/recorder/types.js';
import { systemError } from '../../kit/recorder-rig.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = 1_760_000_000_000;
const OWNER: RecorderOwner = {
  ...{ id: 'one', camera: 'gate', host: 'pi', pid: process.pid },
  isAlive: () => true,
};

describe('the folder of a recorder', () => {
  let base: string;
  let folder: string;
  let now: number;
  let timers: { run: () => void; ms: number }[];
  let events: RecorderEvent[];
  let warnings: NvrError[];
  let told: string[];
  /** What the test has the file system do instead. */
  let changes: Partial<RecorderFs>;
  const stores: ClipStore[] = [];
  let isRunning: boolean;

  beforeEach(() => {
    isRunning = true;
    base = nodeFs.realpathSync(nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-store-')));
    folder = path.join(base, 'clips');
    now = NOW;
    timers = [];
    events = [];
    warnings = [];
    told = [];
    changes = {};
  });

  afterEach(async () => {
    isRunning = false;
    changes = {};
    for (const store of stores.splice(0)) await store.close();
    nodeFs.rmSync(base, { recursive: true, force: true });
  });

  const listener: RecoveryListener = {
    finished: ({ file }) => {
      told.push(path.basename(file));
      return true;
    },
    failed: () => true,
    onCaseEnded: (entry) => told.push(`case ${entry.id}`),
  };

  function storeOf(
    options: Partial<RecorderOptions> = {},
    { owner, hasLimits }: { owner?: RecorderOwner; hasLimits?: boolean } = {},
  ): ClipStore {
    const functions = { ...fs } as unknown as Record<string, (...args: unknown[]) => unknown>;
    const calling = Object.keys(functions).map((name) => [
      name,
      (...args: unknown[]) => ((changes as unknown as typeof functions)[name] ?? functions[name]!)(...args),
    ]);
    const all: RecorderOptions = {
      ...{ id: 'test', nvr: 'Home', channel: 'Gate', preRoll: 2, postRoll: 2, maxLength: 60 },
      ...{ folder, fileName: 'x.mp4', segment: 300, keepDays: 0, keepGiB: 0, timeZone: '', mode: 'alarm' },
      ...options,
    };
    const deps = {
      fs: Object.fromEntries(calling) as RecorderFs,
      now: () => now,
      monotonic: () => now,
      timers: {
        set: (run: () => void, ms: number): unknown => {
          const timer = { run, ms };
          timers.push(timer);
          return timer;
        },
        clear: (timer: unknown): void => {
          timers = timers.filter((one) => one !== timer);
        },
      },
      ...(owner !== undefined && { owner }),
    };
    const warn = (error: NvrError): void => void warnings.push(error);
    const store = new ClipStore(all, deps, (event) => events.push(event), listener, warn, hasLimits);
    stores.push(store);
    return store;
  }

  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  async function until(is: () => boolean): Promise<void> {
    while (!is() && isRunning) await turn();
  }
  const dueIn = (ms: number): (() => void)[] => timers.filter((one) => one.ms === ms).map(({ run }) => run);
  function fire(ms: number): void {
    const due = timers.filter((one) => one.ms === ms);
    timers = timers.filter((one) => one.ms !== ms);
    for (const { run } of due) run();
  }

  /** The file system's next answer to this call comes when the test says so. */
  function hold(name: keyof RecorderFs, fits: (file: string) => boolean = () => true) {
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    let isAsked = false;
    const own = fs[name] as (...args: unknown[]) => Promise<unknown>;
    const waiting = async (...args: unknown[]): Promise<unknown> => {
      if (fits(String(args[0]))) {
        isAsked = true;
        await held;
      }
      return own(...args);
    };
    Object.assign(changes, { [name]: waiting });
    return { asked: () => until(() => isAsked), letGo };
  }

  /** The file system's answer to this call is an error. */
  function refuse(name: keyof RecorderFs, code: string): void {
    Object.assign(changes, { [name]: () => Promise.reject(systemError(code)) });
  }

  /** Checks that one is not through before the other one is let go. */
  async function comesAfter(letGo: () => void, closing: Promise<void>): Promise<void> {
    let isClosed = false;
    void closing.then(() => (isClosed = true));
    for (let count = 0; count < 30; count++) await turn();
    assert.equal(isClosed, false, 'it waits');
    letGo();
    await closing;
  }

  const done = (file: string, more: Partial<DoneEntry> = {}): DoneEntry => ({
    ...{ file, end: NOW - HOUR_MS, bytes: 100 },
    ...more,
  });
  function put(...names: string[]): void {
    for (const name of names) nodeFs.writeFileSync(path.join(folder, name), 'x'.repeat(100));
  }
  /** The journal of an earlier run, or of another owner. */
  async function left(write: (journal: Journal) => Promise<void>, owner?: string): Promise<void> {
    nodeFs.mkdirSync(folder, { recursive: true });
    const of = owner === undefined ? undefined : { owner, camera: 'gate' };
    await write(await Journal.load(fs, folder, 'test', of));
  }
  const alarm = (id: string): CaseEntry => ({ id, reason: '', from: NOW - 9000, to: NOW, alarms: [] });

  describe('when it is opened', () => {
    it('is made, and is ready once what an earlier run left has been told', async () => {
      await left((journal) => journal.closed('1.mp4', { ...done('1.mp4'), undelivered: {} as never }));
      const slow = hold('readdir');
      const store = storeOf();
      const beforeReading = store.status;
      const asked = hold('lstat', (file) => file.endsWith('.jsonl'));
      const opening = store.open();
      await asked.asked();
      assert.deepEqual(
        { beforeReadingReady: beforeReading.ready, statusReady: store.status.ready, told },
        { beforeReadingReady: false, statusReady: false, told: [] },
      );
      asked.letGo();
      slow.letGo();
      await opening;
      assert.deepEqual({ ready: store.status.ready, told }, { ready: true, told: ['1.mp4'] });
      assert.equal(store.status.files, 1);
      assert.equal(store.status.fileBytes, 100);
    });

    it('has its permissions only where it was made anew', async () => {
      nodeFs.mkdirSync(folder, { mode: 0o711 });
      nodeFs.chmodSync(folder, 0o711);
      await storeOf().open();
      assert.equal(nodeFs.statSync(folder).mode & 0o777, 0o711);
      const inner = path.join(base, 'other');
      await storeOf({ folder: inner, fileMode: 0o644 }).open();
      assert.equal(nodeFs.statSync(inner).mode & 0o777, 0o755);
    });

    it('is ready also where what was left cannot be finished, and says so', async () => {
      await left((journal) =>
        journal.opened({ file: '1.mp4', start: 0, reason: '', codec: '', width: 0, height: 0 }),
      );
      changes.lstat = ((file: string) =>
        file.endsWith('.part') ? Promise.reject(systemError('EIO')) : fs.lstat(file)) as RecorderFs['lstat'];
      const store = storeOf();
      await store.open();
      assert.equal(store.status.ready, true);
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['EDISK'],
      );
    });

    it('fails with the disk’s error, and is read by the next attempt', async () => {
      const store = storeOf();
      refuse('realpath', 'EIO');
      await assert.rejects(store.open(), { code: 'EDISK' });
      changes = {};
      nodeFs.mkdirSync(folder, { recursive: true });
      refuse('lstat', 'EIO');
      await assert.rejects(store.journal(), { code: 'EIO' });
      changes = {};
      assert.equal((await store.journal()).root, folder);
    });

    it('tells the disk’s free space once the limits were applied, and when all but the reserve of it is used', async () => {
      changes.statfs = (() => Promise.resolve({ bavail: 2 ** 20, bsize: 1100, blocks: 2 ** 21 })) as never;
      const times = { start: NOW - DAY_MS, end: NOW };
      const mib = 2 ** 20;
      const bytes = 100 * mib;
      await left((journal) =>
        journal.closed('1.mp4', { ...done('1.mp4'), ...times, bytes, delivered: times as never }),
      );
      for (const [reserveBytes, room] of [
        [undefined, 76 * mib],
        [1000 * mib, 100 * mib],
      ] as const) {
        const store = storeOf(reserveBytes === undefined ? {} : { reserveBytes });
        assert.equal(store.status.freeBytes, undefined);
        await store.open();
        await until(() => store.status.freeBytes !== undefined);
        const { freeBytes, bytesPerDay, fullAt } = store.status;
        assert.deepEqual(
          { freeBytes, bytesPerDay, fullAt },
          { freeBytes: 1100 * mib, bytesPerDay: bytes, fullAt: NOW + (room / bytes) * DAY_MS },
        );
        await store.close();
      }
    });

    it('knows of a file that was being thinned what has become of it', async () => {
      await left(async (journal) => {
        await journal.closed('1.mp4', done('1.mp4'));
        await journal.thin('1.mp4', { bytes: 7, sha256: '', frames: 1 });
      });
      const store = storeOf();
      await store.open();
      assert.deepEqual([...(await store.journal()).finished], [done('1.mp4')]);
    });
  });

  describe('when it is closed', () => {
    it('waits for the recovery', async () => {
      await left((journal) =>
        journal.opened({ file: '1.mp4', start: 0, reason: '', codec: '', width: 0, height: 0 }),
      );
      const slow = hold('lstat', (file) => file.endsWith('.part'));
      const store = storeOf();
      const opening = store.open();
      await slow.asked();
      assert.deepEqual(timers, [], 'the limits apply after it');
      await comesAfter(slow.letGo, store.close());
      await opening;
      assert.equal(store.status.ready, true);
    });

    it('waits for what is deleted beyond the limits', async () => {
      const store = storeOf({ keepDays: 1 });
      await store.open();
      put('old.mp4');
      await store.note((journal) => journal.closed('old.mp4', done('old.mp4', { end: NOW - 3 * DAY_MS })));
      const slow = hold('unlink');
      store.retain();
      await slow.asked();
      await comesAfter(slow.letGo, store.close());
      assert.deepEqual(
        events.map(({ type }) => type),
        ['deleted'],
      );
    });

    it('waits for what it takes over', async () => {
      const slow = hold('readdir');
      const store = storeOf({}, { owner: OWNER });
      await store.open();
      await slow.asked();
      await comesAfter(slow.letGo, store.close());
    });

    it('waits for the journal’s lines', async () => {
      const store = storeOf();
      await store.open();
      let letGo = (): void => undefined;
      const written = new Promise<void>((resolve) => (letGo = resolve));
      void store.note(() => written);
      await comesAfter(letGo, store.close());
    });

    it('is no recorder of the folder any more, beats no more, and has no timer', async () => {
      const store = storeOf({}, { owner: OWNER });
      await store.open();
      await until(() => recordersIn(folder).length > 0 && dueIn(BEAT_MS).length > 0);
      await store.close();
      assert.deepEqual({ recorders: recordersIn(folder), timers }, { recorders: [], timers: [] });
      store.retain();
      assert.deepEqual(timers, []);
    });

    for (const call of ['mkdir', 'realpath', 'readdir'] as const)
      it(`beats no more, and has no timer, where it was closed while it was opened, at ${call}`, async () => {
        const slow = hold(call);
        const store = storeOf({}, { owner: OWNER });
        const opened = store.open();
        await slow.asked();
        const closed = store.close();
        slow.letGo();
        await Promise.all([opened, closed]);
        assert.deepEqual({ recorders: recordersIn(folder), timers }, { recorders: [], timers: [] });
      });

    it('beats again once it is opened again', async () => {
      const store = storeOf({}, { owner: OWNER });
      await store.open();
      await store.close();
      await store.open();
      assert.equal(dueIn(BEAT_MS).length, 1);
    });

    it('goes on as it was where it was opened again before it was through', async () => {
      const store = storeOf({}, { owner: OWNER });
      await store.open();
      await until(() => recordersIn(folder).length > 0);
      let letGo = (): void => undefined;
      const written = new Promise<void>((resolve) => (letGo = resolve));
      void store.note(() => written);
      const closed = store.close();
      await store.open();
      letGo();
      await closed;
      assert.equal(recordersIn(folder).length, 1);
      assert.equal(dueIn(BEAT_MS).length, 1, 'it beats');
      assert.equal(dueIn(HOUR_MS).length, 1);
    });

    it('deletes nothing any more, and thins nothing', async () => {
      const store = storeOf({ keepDays: 1, thinDays: 1 });
      await store.open();
      put('old.mp4', 'older.mp4');
      const old = { end: NOW - 3 * DAY_MS, id: SEGMENT, delivered: {} as never };
      const slow = hold('statfs');
      await slow.asked();
      for (const name of ['old.mp4', 'older.mp4'])
        await store.note((journal) => journal.closed(name, done(name, old)));
      store.retain();
      let opened = 0;
      changes.open = (...args: Parameters<RecorderFs['open']>) => {
        if (String(args[0]).endsWith('.mp4')) opened++;
        return fs.open(...args);
      };
      const closed = store.close();
      slow.letGo();
      await closed;
      assert.deepEqual(
        { opened, exists: nodeFs.existsSync(path.join(folder, 'old.mp4')) },
        { opened: 0, exists: true },
      );
    });

    it('takes over nothing any more', async () => {
      await left((journal) => journal.alarmed(alarm('a')), 'other');
      nodeFs.writeFileSync(
        path.join(folder, '.nvr-owner-other.json'),
        JSON.stringify({ host: 'pi', pid: 1, beat: 1 }),
      );
      const store = storeOf({}, { owner: { ...OWNER, isAlive: (pid) => pid !== 1 } });
      await store.open();
      await store.close();
      assert.deepEqual({ told, timers }, { told: [], timers: [] });
    });
  });

  describe('its journal', () => {
    it('is read once, by all who ask at the same time or later', async () => {
      nodeFs.mkdirSync(folder);
      let reads = 0;
      changes.lstat = ((file: string) => {
        if (file.endsWith('.jsonl')) reads++;
        return fs.lstat(file);
      }) as RecorderFs['lstat'];
      const store = storeOf();
      const [one, two] = await Promise.all([store.journal(), store.journal()]);
      assert.equal(await store.journal(), one);
      assert.equal(two, one);
      assert.equal(reads, 1);
    });

    it('is that of the disk which is mounted there now, whose limits apply and whose beat it is', async () => {
      const disks = ['a', 'b'].map((name) => path.join(base, name));
      for (const disk of disks) nodeFs.mkdirSync(disk);
      nodeFs.symlinkSync(disks[0]!, folder);
      const store = storeOf({}, { owner: OWNER });
      await store.open();
      await until(() => recordersIn(disks[0]!).length > 0);
      nodeFs.unlinkSync(folder);
      nodeFs.symlinkSync(disks[1]!, folder);
      store.retain();
      await until(() => recordersIn(disks[1]!).length > 0);
      assert.equal((await store.journal()).root, disks[1]);
      assert.deepEqual(recordersIn(disks[0]!), []);
      const beat = (disk: string): string =>
        nodeFs.readFileSync(path.join(disk, '.nvr-owner-one.json'), 'utf8');
      const before = beat(disks[0]!);
      await until(() => dueIn(BEAT_MS).length === 1);
      fire(BEAT_MS);
      await until(() => dueIn(BEAT_MS).length === 1);
      assert.match(beat(disks[1]!), /"beat":2/);
      assert.equal(beat(disks[0]!), before, 'the other disk is another one’s');
      await store.close();
      assert.deepEqual({ recorders: recordersIn(disks[1]!), timers }, { recorders: [], timers: [] });
    });

    it('has the alarms that are not done', async () => {
      const store = storeOf();
      assert.equal(store.caseOf('a'), undefined);
      await store.open();
      await store.note((journal) => journal.alarmed(alarm('a')));
      await store.note((journal) => journal.alarmed(alarm('b')));
      assert.equal(store.caseOf('b')?.id, 'b');
      assert.equal(store.caseOf('c'), undefined);
    });

    it('takes its lines in order, also behind one that failed', async () => {
      const store = storeOf();
      await store.open();
      const order: number[] = [];
      await Promise.all([
        store.note(() => Promise.reject(systemError('ENOSPC'))),
        store.note(() => Promise.resolve(void order.push(2))),
        store.note(() => Promise.resolve(void order.push(3))),
      ]);
      refuse('realpath', 'EIO');
      await store.note(() => Promise.resolve(void order.push(4)));
      const slow = hold('realpath');
      const late = store.note(() => Promise.resolve(void order.push(5)));
      await slow.asked();
      changes = {};
      const last = store.note(() => Promise.resolve(void order.push(6)));
      for (let count = 0; count < 30; count++) await turn();
      slow.letGo();
      await Promise.all([late, last]);
      assert.deepEqual(order, [2, 3, 5, 6]);
    });
  });

  describe('its limits', () => {
    const old = done('old.mp4', { end: NOW - 3 * DAY_MS });

    it('apply when it is opened, and every hour from the last time on', async () => {
      await left((journal) => journal.closed('old.mp4', old));
      put('old.mp4');
      const store = storeOf({ keepDays: 1 });
      await store.open();
      await until(() => events.length > 0);
      const [deleted] = events as [Extract<RecorderEvent, { type: 'deleted' }>];
      assert.deepEqual(deleted, {
        ...{ type: 'deleted', file: path.join(folder, 'old.mp4'), bytes: 100, reason: 'age' },
      });
      for (const name of ['2.mp4', '3.mp4']) {
        put(name);
        await store.note((journal) => journal.closed(name, { ...old, file: name }));
        store.retain();
        assert.equal(dueIn(HOUR_MS).length, 1);
        await until(() => events.length === Number(name[0]));
      }
      put('4.mp4');
      await store.note((journal) => journal.closed('4.mp4', done('4.mp4')));
      now += DAY_MS;
      fire(HOUR_MS);
      assert.equal(dueIn(HOUR_MS).length, 1);
      await until(() => events.length === 4);
      assert.equal(recordersIn(folder).length, 1);
    });

    it('apply again after an attempt that failed, which is told', async () => {
      const store = storeOf({ keepDays: 1 });
      await store.open();
      put('old.mp4');
      await store.note((journal) => journal.closed('old.mp4', old));
      refuse('unlink', 'EACCES');
      store.retain();
      await until(() => warnings.length > 0);
      assert.equal(warnings[0]!.code, 'EDISK');
      assert.match(warnings[0]!.message, /may not write there/);
      changes = {};
      fire(HOUR_MS);
      await until(() => events.length > 0);
    });

    it('thin what is old enough', async () => {
      const store = storeOf({ thinDays: 1 });
      const thinning = hold('open', (file) => file.endsWith('old.mp4'));
      await store.open();
      put('old.mp4');
      await store.note((journal) =>
        journal.closed('old.mp4', { ...old, id: SEGMENT, delivered: {} as never }),
      );
      store.retain();
      await thinning.asked();
      thinning.letGo();
    });

    it('are kept one attempt after the other', async () => {
      const store = storeOf();
      await store.open();
      await until(() => store.status.freeBytes !== undefined);
      let running = 0;
      let most = 0;
      let asked = 0;
      changes.statfs = (async (...args: Parameters<RecorderFs['statfs']>) => {
        most = Math.max(most, ++running);
        const answer = await fs.statfs(...args);
        running--;
        asked++;
        return answer;
      }) as RecorderFs['statfs'];
      for (let count = 0; count < 3; count++) store.retain();
      await until(() => asked === 3);
      assert.equal(most, 1);
    });

    it('do not apply to what a user has exported', async () => {
      await left((journal) => journal.closed('old.mp4', old));
      put('old.mp4');
      const store = storeOf({ keepDays: 1 }, { hasLimits: false });
      await store.open();
      assert.deepEqual(timers, []);
      await store.close();
      assert.deepEqual(
        { events, exists: nodeFs.existsSync(path.join(folder, 'old.mp4')) },
        { events: [], exists: true },
      );
    });
  });

  describe('what another Node-RED left there', () => {
    const other = { host: 'pi', pid: 1, beat: 1 };
    const lefts = async (): Promise<void> => {
      await left(
        (journal) => journal.closed('1.mp4', { ...done('1.mp4'), undelivered: {} as never }),
        'other',
      );
      put('1.mp4');
    };
    const beats = (beat: number): void => {
      nodeFs.writeFileSync(path.join(folder, '.nvr-owner-other.json'), JSON.stringify({ ...other, beat }));
    };

    it('is looked at again every beat while that one lives, and taken over once it has stopped', async () => {
      await lefts();
      beats(1);
      let isOtherAlive = true;
      const owner = { ...OWNER, isAlive: (pid: number) => pid !== 1 || isOtherAlive };
      const store = storeOf({}, { owner });
      await store.open();
      await store.open();
      await store.note((journal) => journal.alarmed(alarm('its own')));
      // Its own beat, and the next look.
      for (let look = 0; look < 3; look++) {
        await until(() => dueIn(BEAT_MS).length === 2);
        assert.deepEqual(told, []);
        fire(BEAT_MS);
      }
      await until(() => dueIn(BEAT_MS).length === 2);
      isOtherAlive = false;
      fire(BEAT_MS);
      await until(() => told.length > 0);
      await until(() => dueIn(BEAT_MS).length === 1);
      assert.deepEqual(told, ['1.mp4']);
      await store.close();
      assert.deepEqual(timers, []);
      assert.deepEqual(
        nodeFs.readdirSync(folder).filter((name) => name.includes('other')),
        [],
      );
    });

    it('is not looked at by one that is closed', async () => {
      await lefts();
      beats(1);
      const store = storeOf({}, { owner: OWNER });
      await store.open();
      await until(() => dueIn(BEAT_MS).length === 2);
      await store.close();
      assert.deepEqual(timers, []);
    });

    it('is looked at by one attempt at a time', async () => {
      await lefts();
      beats(1);
      const store = storeOf({}, { owner: OWNER });
      let running = 0;
      let most = 0;
      let looks = 0;
      changes.readdir = (async (folder: string) => {
        most = Math.max(most, ++running);
        const names = await fs.readdir(folder);
        running--;
        looks++;
        return names;
      }) as unknown as RecorderFs['readdir'];
      await Promise.all([store.open(), store.open(), store.open()]);
      await until(() => looks === 3);
      await store.close();
      assert.deepEqual({ most, timers }, { most: 1, timers: [] });
    });

    it('is another process’s with the same settings, beside which it has a name of its own', async () => {
      nodeFs.mkdirSync(folder);
      nodeFs.writeFileSync(
        path.join(folder, '.nvr-owner-one.json'),
        JSON.stringify({ ...other, pid: process.pid + 1 }),
      );
      const store = storeOf({}, { owner: OWNER });
      await store.open();
      await store.note((journal) => journal.alarmed(alarm('a')));
      const names = nodeFs.readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
      assert.deepEqual(names, [`.nvr-record-test@one-${process.pid}.jsonl`]);
    });

    it('is not looked at once this one is closed while it looks', async () => {
      await lefts();
      beats(1);
      const store = storeOf({}, { owner: OWNER });
      await store.open();
      await until(() => dueIn(BEAT_MS).length === 2);
      const slow = hold('readdir');
      fire(BEAT_MS);
      await slow.asked();
      const closed = store.close();
      slow.letGo();
      await closed;
      assert.deepEqual(timers, []);
    });

    it('is told as a warning where it cannot be read, and looked at by the next opening', async () => {
      const store = storeOf({}, { owner: { ...OWNER, isAlive: (pid) => pid !== 1 } });
      refuse('readdir', 'EACCES');
      await store.open();
      await until(() => warnings.length > 0);
      assert.equal(warnings[0]!.code, 'EDISK');
      changes = {};
      await store.close();
      await lefts();
      beats(1);
      await store.open();
      await until(() => told.length > 0);
    });

    it('is one owner’s beat for as long as the folder stays the same', async () => {
      const store = storeOf({}, { owner: OWNER });
      await store.open();
      fire(BEAT_MS);
      await until(() => dueIn(BEAT_MS).length > 0);
      await store.open();
      assert.equal(dueIn(BEAT_MS).length, 1);
      const text = nodeFs.readFileSync(path.join(folder, '.nvr-owner-one.json'), 'utf8');
      assert.match(text, /"beat":2}/, 'the same one');
      await store.close();
      assert.deepEqual(timers, []);
    });
  });
});
