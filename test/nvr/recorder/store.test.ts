import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { recordersIn } from '../../../lib/nvr/recorder/folder-recorders.js';
import { BEAT_MS } from '../../../lib/nvr/recorder/heartbeat.js';
import { SEGMENT } from '../../../lib/nvr/recorder/journal.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { systemError } from '../../kit/recorder-rig.js';
import { alarm, done, HOUR_MS, NOW, OWNER, StoreRig } from '../../kit/store-rig.js';

const DAY_MS = 24 * HOUR_MS;

describe('the folder of a recorder', () => {
  let rig: StoreRig;

  beforeEach(() => {
    rig = new StoreRig();
  });

  afterEach(async () => {
    await rig.close();
  });

  describe('when it is opened', () => {
    it('is made, and is ready once what an earlier run left has been told', async () => {
      await rig.left((journal) => journal.closed('1.mp4', { ...done('1.mp4'), undelivered: {} as never }));
      const slow = rig.hold('readdir');
      const store = rig.storeOf();
      const beforeReading = store.status;
      const asked = rig.hold('lstat', (file) => file.endsWith('.jsonl'));
      const opening = store.open();
      await asked.asked();
      assert.deepEqual(
        { beforeReadingReady: beforeReading.ready, statusReady: store.status.ready, told: rig.told },
        { beforeReadingReady: false, statusReady: false, told: [] },
      );
      asked.letGo();
      slow.letGo();
      await opening;
      assert.deepEqual({ ready: store.status.ready, told: rig.told }, { ready: true, told: ['1.mp4'] });
      assert.equal(store.status.files, 1);
      assert.equal(store.status.fileBytes, 100);
    });

    it('has its permissions only where it was made anew', async () => {
      nodeFs.mkdirSync(rig.folder, { mode: 0o711 });
      nodeFs.chmodSync(rig.folder, 0o711);
      await rig.storeOf().open();
      assert.equal(nodeFs.statSync(rig.folder).mode & 0o777, 0o711);
      const inner = path.join(rig.base, 'other');
      await rig.storeOf({ folder: inner, fileMode: 0o644 }).open();
      assert.equal(nodeFs.statSync(inner).mode & 0o777, 0o755);
    });

    it('is ready also where what was left cannot be finished, and says so', async () => {
      await rig.left((journal) =>
        journal.opened({ file: '1.mp4', start: 0, reason: '', codec: '', width: 0, height: 0 }),
      );
      rig.changes.lstat = ((file: string) =>
        file.endsWith('.part') ? Promise.reject(systemError('EIO')) : fs.lstat(file)) as RecorderFs['lstat'];
      const store = rig.storeOf();
      await store.open();
      assert.equal(store.status.ready, true);
      assert.deepEqual(
        rig.warnings.map(({ code }) => code),
        ['EDISK'],
      );
    });

    it('fails with the disk’s error, and is read by the next attempt', async () => {
      const store = rig.storeOf();
      rig.refuse('realpath', 'EIO');
      await assert.rejects(store.open(), { code: 'EDISK' });
      rig.changes = {};
      nodeFs.mkdirSync(rig.folder, { recursive: true });
      rig.refuse('lstat', 'EIO');
      await assert.rejects(store.journal(), { code: 'EIO' });
      rig.changes = {};
      assert.equal((await store.journal()).root, rig.folder);
    });

    it('tells the disk’s free space once the limits were applied, and when all but the reserve of it is used', async () => {
      rig.changes.statfs = (() =>
        Promise.resolve({ bavail: 2 ** 20, bsize: 1100, blocks: 2 ** 21 })) as never;
      const times = { start: NOW - DAY_MS, end: NOW };
      const mib = 2 ** 20;
      const bytes = 100 * mib;
      await rig.left((journal) =>
        journal.closed('1.mp4', { ...done('1.mp4'), ...times, bytes, delivered: times as never }),
      );
      for (const [reserveBytes, room] of [
        [undefined, 76 * mib],
        [1000 * mib, 100 * mib],
      ] as const) {
        const store = rig.storeOf(reserveBytes === undefined ? {} : { reserveBytes });
        assert.equal(store.status.freeBytes, undefined);
        await store.open();
        await rig.until(() => store.status.freeBytes !== undefined);
        const { freeBytes, bytesPerDay, fullAt } = store.status;
        assert.deepEqual(
          { freeBytes, bytesPerDay, fullAt },
          { freeBytes: 1100 * mib, bytesPerDay: bytes, fullAt: NOW + (room / bytes) * DAY_MS },
        );
        await store.close();
      }
    });

    it('knows of a file that was being thinned what has become of it', async () => {
      await rig.left(async (journal) => {
        await journal.closed('1.mp4', done('1.mp4'));
        await journal.thin('1.mp4', { bytes: 7, sha256: '', frames: 1 });
      });
      const store = rig.storeOf();
      await store.open();
      assert.deepEqual([...(await store.journal()).finished], [done('1.mp4')]);
    });
  });

  describe('when it is closed', () => {
    it('waits for the recovery', async () => {
      await rig.left((journal) =>
        journal.opened({ file: '1.mp4', start: 0, reason: '', codec: '', width: 0, height: 0 }),
      );
      const slow = rig.hold('lstat', (file) => file.endsWith('.part'));
      const store = rig.storeOf();
      const opening = store.open();
      await slow.asked();
      assert.deepEqual(rig.timers, [], 'the limits apply after it');
      await rig.comesAfter(slow.letGo, store.close());
      await opening;
      assert.equal(store.status.ready, true);
    });

    it('waits for what is deleted beyond the limits', async () => {
      const store = rig.storeOf({ keepDays: 1 });
      await store.open();
      rig.put('old.mp4');
      await store.note((journal) => journal.closed('old.mp4', done('old.mp4', { end: NOW - 3 * DAY_MS })));
      const slow = rig.hold('unlink');
      store.retain();
      await slow.asked();
      await rig.comesAfter(slow.letGo, store.close());
      assert.deepEqual(
        rig.events.map(({ type }) => type),
        ['deleted'],
      );
    });

    it('waits for what it takes over', async () => {
      const slow = rig.hold('readdir');
      const store = rig.storeOf({}, { owner: OWNER });
      await store.open();
      await slow.asked();
      await rig.comesAfter(slow.letGo, store.close());
    });

    it('waits for the journal’s lines', async () => {
      const store = rig.storeOf();
      await store.open();
      let letGo = (): void => undefined;
      const written = new Promise<void>((resolve) => (letGo = resolve));
      void store.note(() => written);
      await rig.comesAfter(letGo, store.close());
    });

    it('is no recorder of the folder any more, beats no more, and has no timer', async () => {
      const store = rig.storeOf({}, { owner: OWNER });
      await store.open();
      await rig.until(() => recordersIn(rig.folder).length > 0 && rig.dueIn(BEAT_MS).length > 0);
      await store.close();
      assert.deepEqual(
        { recorders: recordersIn(rig.folder), timers: rig.timers },
        { recorders: [], timers: [] },
      );
      store.retain();
      assert.deepEqual(rig.timers, []);
    });

    for (const call of ['mkdir', 'realpath', 'readdir'] as const)
      it(`beats no more, and has no timer, where it was closed while it was opened, at ${call}`, async () => {
        const slow = rig.hold(call);
        const store = rig.storeOf({}, { owner: OWNER });
        const opened = store.open();
        await slow.asked();
        const closed = store.close();
        slow.letGo();
        await Promise.all([opened, closed]);
        assert.deepEqual(
          { recorders: recordersIn(rig.folder), timers: rig.timers },
          { recorders: [], timers: [] },
        );
      });

    it('beats again once it is opened again', async () => {
      const store = rig.storeOf({}, { owner: OWNER });
      await store.open();
      await store.close();
      await store.open();
      assert.equal(rig.dueIn(BEAT_MS).length, 1);
    });

    it('stays open if it is opened again before it has finished closing', async () => {
      const store = rig.storeOf({}, { owner: OWNER });
      await store.open();
      await rig.until(() => recordersIn(rig.folder).length > 0);
      let letGo = (): void => undefined;
      const written = new Promise<void>((resolve) => (letGo = resolve));
      void store.note(() => written);
      const closed = store.close();
      await store.open();
      letGo();
      await closed;
      assert.equal(recordersIn(rig.folder).length, 1);
      assert.equal(rig.dueIn(BEAT_MS).length, 1, 'it beats');
      assert.equal(rig.dueIn(HOUR_MS).length, 1);
    });

    it('deletes nothing any more, and thins nothing', async () => {
      const store = rig.storeOf({ keepDays: 1, thinDays: 1 });
      await store.open();
      rig.put('old.mp4', 'older.mp4');
      const old = { end: NOW - 3 * DAY_MS, id: SEGMENT, delivered: {} as never };
      const slow = rig.hold('statfs');
      await slow.asked();
      for (const name of ['old.mp4', 'older.mp4'])
        await store.note((journal) => journal.closed(name, done(name, old)));
      store.retain();
      let opened = 0;
      rig.changes.open = (...args: Parameters<RecorderFs['open']>) => {
        if (String(args[0]).endsWith('.mp4')) opened++;
        return fs.open(...args);
      };
      const closed = store.close();
      slow.letGo();
      await closed;
      assert.deepEqual(
        { opened, exists: nodeFs.existsSync(path.join(rig.folder, 'old.mp4')) },
        { opened: 0, exists: true },
      );
    });

    it('takes over nothing any more', async () => {
      await rig.left((journal) => journal.alarmed(alarm('a')), 'other');
      nodeFs.writeFileSync(
        path.join(rig.folder, '.nvr-owner-other.json'),
        JSON.stringify({ host: 'pi', pid: 1, beat: 1 }),
      );
      const store = rig.storeOf({}, { owner: { ...OWNER, isAlive: (pid) => pid !== 1 } });
      await store.open();
      await store.close();
      assert.deepEqual({ told: rig.told, timers: rig.timers }, { told: [], timers: [] });
    });
  });

  describe('its journal', () => {
    it('is read once, by all who ask at the same time or later', async () => {
      nodeFs.mkdirSync(rig.folder);
      let reads = 0;
      rig.changes.lstat = ((file: string) => {
        if (file.endsWith('.jsonl')) reads++;
        return fs.lstat(file);
      }) as RecorderFs['lstat'];
      const store = rig.storeOf();
      const [one, two] = await Promise.all([store.journal(), store.journal()]);
      assert.equal(await store.journal(), one);
      assert.equal(two, one);
      assert.equal(reads, 1);
    });

    it('is that of the disk which is mounted there now, whose limits apply and whose beat it is', async () => {
      const disks = ['a', 'b'].map((name) => path.join(rig.base, name));
      for (const disk of disks) nodeFs.mkdirSync(disk);
      nodeFs.symlinkSync(disks[0]!, rig.folder);
      const store = rig.storeOf({}, { owner: OWNER });
      await store.open();
      await rig.until(() => recordersIn(disks[0]!).length > 0);
      nodeFs.unlinkSync(rig.folder);
      nodeFs.symlinkSync(disks[1]!, rig.folder);
      store.retain();
      await rig.until(() => recordersIn(disks[1]!).length > 0);
      assert.equal((await store.journal()).root, disks[1]);
      assert.deepEqual(recordersIn(disks[0]!), []);
      const beat = (disk: string): string =>
        nodeFs.readFileSync(path.join(disk, '.nvr-owner-one.json'), 'utf8');
      const before = beat(disks[0]!);
      await rig.until(() => rig.dueIn(BEAT_MS).length === 1);
      rig.fire(BEAT_MS);
      await rig.until(() => rig.dueIn(BEAT_MS).length === 1);
      assert.match(beat(disks[1]!), /"beat":2/);
      assert.equal(beat(disks[0]!), before, 'the other disk is another one’s');
      await store.close();
      assert.deepEqual(
        { recorders: recordersIn(disks[1]!), timers: rig.timers },
        { recorders: [], timers: [] },
      );
    });

    it('has the alarms that are not done', async () => {
      const store = rig.storeOf();
      assert.equal(store.caseOf('a'), undefined);
      await store.open();
      await store.note((journal) => journal.alarmed(alarm('a')));
      await store.note((journal) => journal.alarmed(alarm('b')));
      assert.equal(store.caseOf('b')?.id, 'b');
      assert.equal(store.caseOf('c'), undefined);
    });

    it('takes its lines in order, also behind one that failed', async () => {
      const store = rig.storeOf();
      await store.open();
      const order: number[] = [];
      await Promise.all([
        store.note(() => Promise.reject(systemError('ENOSPC'))),
        store.note(() => Promise.resolve(void order.push(2))),
        store.note(() => Promise.resolve(void order.push(3))),
      ]);
      rig.refuse('realpath', 'EIO');
      await store.note(() => Promise.resolve(void order.push(4)));
      const slow = rig.hold('realpath');
      const late = store.note(() => Promise.resolve(void order.push(5)));
      await slow.asked();
      rig.changes = {};
      const last = store.note(() => Promise.resolve(void order.push(6)));
      for (let count = 0; count < 30; count++) await rig.turn();
      slow.letGo();
      await Promise.all([late, last]);
      assert.deepEqual(order, [2, 3, 5, 6]);
    });
  });
});
