import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { recordersIn } from '../../../lib/nvr/recorder/folder-recorders.js';
import { BEAT_MS } from '../../../lib/nvr/recorder/heartbeat.js';
import { SEGMENT } from '../../../lib/nvr/recorder/journal.js';
import type { RecorderEvent, RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { alarm, done, HOUR_MS, NOW, OWNER, StoreRig } from '../../kit/store-rig.js';

const DAY_MS = 24 * HOUR_MS;

describe('what is kept in the folder of a recorder', () => {
  let rig: StoreRig;

  beforeEach(() => {
    rig = new StoreRig();
  });

  afterEach(async () => {
    await rig.close();
  });

  describe('its limits', () => {
    const old = done('old.mp4', { end: NOW - 3 * DAY_MS });

    it('apply when it is opened, and every hour from the last time on', async () => {
      await rig.left((journal) => journal.closed('old.mp4', old));
      rig.put('old.mp4');
      const store = rig.storeOf({ keepDays: 1 });
      await store.open();
      await rig.until(() => rig.events.length > 0);
      const [deleted] = rig.events as [Extract<RecorderEvent, { type: 'deleted' }>];
      assert.deepEqual(deleted, {
        ...{ type: 'deleted', file: path.join(rig.folder, 'old.mp4'), bytes: 100, reason: 'age' },
      });
      for (const name of ['2.mp4', '3.mp4']) {
        rig.put(name);
        await store.note((journal) => journal.closed(name, { ...old, file: name }));
        store.retain();
        assert.equal(rig.dueIn(HOUR_MS).length, 1);
        await rig.until(() => rig.events.length === Number(name[0]));
      }
      rig.put('4.mp4');
      await store.note((journal) => journal.closed('4.mp4', done('4.mp4')));
      rig.now += DAY_MS;
      rig.fire(HOUR_MS);
      assert.equal(rig.dueIn(HOUR_MS).length, 1);
      await rig.until(() => rig.events.length === 4);
      assert.equal(recordersIn(rig.folder).length, 1);
    });

    it('apply again after an attempt that failed, which is told', async () => {
      const store = rig.storeOf({ keepDays: 1 });
      await store.open();
      rig.put('old.mp4');
      await store.note((journal) => journal.closed('old.mp4', old));
      rig.refuse('unlink', 'EACCES');
      store.retain();
      await rig.until(() => rig.warnings.length > 0);
      assert.equal(rig.warnings[0]!.code, 'EDISK');
      assert.match(rig.warnings[0]!.message, /may not write there/);
      rig.changes = {};
      rig.fire(HOUR_MS);
      await rig.until(() => rig.events.length > 0);
    });

    it('thin what is old enough', async () => {
      const store = rig.storeOf({ thinDays: 1 });
      const thinning = rig.hold('open', (file) => file.endsWith('old.mp4'));
      await store.open();
      rig.put('old.mp4');
      await store.note((journal) =>
        journal.closed('old.mp4', { ...old, id: SEGMENT, delivered: {} as never }),
      );
      store.retain();
      await thinning.asked();
      thinning.letGo();
    });

    it('are kept one attempt after the other', async () => {
      const store = rig.storeOf();
      await store.open();
      await rig.until(() => store.status.freeBytes !== undefined);
      let running = 0;
      let most = 0;
      let asked = 0;
      rig.changes.statfs = (async (...args: Parameters<RecorderFs['statfs']>) => {
        most = Math.max(most, ++running);
        const answer = await fs.statfs(...args);
        running--;
        asked++;
        return answer;
      }) as RecorderFs['statfs'];
      for (let count = 0; count < 3; count++) store.retain();
      await rig.until(() => asked === 3);
      assert.equal(most, 1);
    });

    it('do not apply to what a user has exported', async () => {
      await rig.left((journal) => journal.closed('old.mp4', old));
      rig.put('old.mp4');
      const store = rig.storeOf({ keepDays: 1 }, { hasLimits: false });
      await store.open();
      assert.deepEqual(rig.timers, []);
      await store.close();
      assert.deepEqual(
        { events: rig.events, exists: nodeFs.existsSync(path.join(rig.folder, 'old.mp4')) },
        { events: [], exists: true },
      );
    });
  });

  describe('what another Node-RED left there', () => {
    const other = { host: 'pi', pid: 1, beat: 1 };
    const lefts = async (): Promise<void> => {
      await rig.left(
        (journal) => journal.closed('1.mp4', { ...done('1.mp4'), undelivered: {} as never }),
        'other',
      );
      rig.put('1.mp4');
    };
    const beats = (beat: number): void => {
      nodeFs.writeFileSync(
        path.join(rig.folder, '.nvr-owner-other.json'),
        JSON.stringify({ ...other, beat }),
      );
    };

    it('is looked at again every beat while that one lives, and taken over once it has stopped', async () => {
      await lefts();
      beats(1);
      let isOtherAlive = true;
      const owner = { ...OWNER, isAlive: (pid: number) => pid !== 1 || isOtherAlive };
      const store = rig.storeOf({}, { owner });
      await store.open();
      await store.open();
      await store.note((journal) => journal.alarmed(alarm('its own')));
      // Its own beat, and the next look.
      for (let look = 0; look < 3; look++) {
        await rig.until(() => rig.dueIn(BEAT_MS).length === 2);
        assert.deepEqual(rig.told, []);
        rig.fire(BEAT_MS);
      }
      await rig.until(() => rig.dueIn(BEAT_MS).length === 2);
      isOtherAlive = false;
      rig.fire(BEAT_MS);
      await rig.until(() => rig.told.length > 0);
      await rig.until(() => rig.dueIn(BEAT_MS).length === 1);
      assert.deepEqual(rig.told, ['1.mp4']);
      await store.close();
      assert.deepEqual(rig.timers, []);
      assert.deepEqual(
        nodeFs.readdirSync(rig.folder).filter((name) => name.includes('other')),
        [],
      );
    });

    it('is not looked at by one that is closed', async () => {
      await lefts();
      beats(1);
      const store = rig.storeOf({}, { owner: OWNER });
      await store.open();
      await rig.until(() => rig.dueIn(BEAT_MS).length === 2);
      await store.close();
      assert.deepEqual(rig.timers, []);
    });

    it('is looked at by one attempt at a time', async () => {
      await lefts();
      beats(1);
      const store = rig.storeOf({}, { owner: OWNER });
      let running = 0;
      let most = 0;
      let looks = 0;
      rig.changes.readdir = (async (folder: string) => {
        most = Math.max(most, ++running);
        const names = await fs.readdir(folder);
        running--;
        looks++;
        return names;
      }) as unknown as RecorderFs['readdir'];
      await Promise.all([store.open(), store.open(), store.open()]);
      await rig.until(() => looks === 3);
      await store.close();
      assert.deepEqual({ most, timers: rig.timers }, { most: 1, timers: [] });
    });

    it('is another process’s with the same settings, beside which it has a name of its own', async () => {
      nodeFs.mkdirSync(rig.folder);
      nodeFs.writeFileSync(
        path.join(rig.folder, '.nvr-owner-one.json'),
        JSON.stringify({ ...other, pid: process.pid + 1 }),
      );
      const store = rig.storeOf({}, { owner: OWNER });
      await store.open();
      await store.note((journal) => journal.alarmed(alarm('a')));
      const names = nodeFs.readdirSync(rig.folder).filter((name) => name.endsWith('.jsonl'));
      assert.deepEqual(names, [`.nvr-record-test@one-${process.pid}.jsonl`]);
    });

    it('is not looked at once this one is closed while it looks', async () => {
      await lefts();
      beats(1);
      const store = rig.storeOf({}, { owner: OWNER });
      await store.open();
      await rig.until(() => rig.dueIn(BEAT_MS).length === 2);
      const slow = rig.hold('readdir');
      rig.fire(BEAT_MS);
      await slow.asked();
      const closed = store.close();
      slow.letGo();
      await closed;
      assert.deepEqual(rig.timers, []);
    });

    it('is told as a warning where it cannot be read, and looked at by the next opening', async () => {
      const store = rig.storeOf({}, { owner: { ...OWNER, isAlive: (pid) => pid !== 1 } });
      rig.refuse('readdir', 'EACCES');
      await store.open();
      await rig.until(() => rig.warnings.length > 0);
      assert.equal(rig.warnings[0]!.code, 'EDISK');
      rig.changes = {};
      await store.close();
      await lefts();
      beats(1);
      await store.open();
      await rig.until(() => rig.told.length > 0);
    });

    it('is one owner’s beat for as long as the folder stays the same', async () => {
      const store = rig.storeOf({}, { owner: OWNER });
      await store.open();
      rig.fire(BEAT_MS);
      await rig.until(() => rig.dueIn(BEAT_MS).length > 0);
      await store.open();
      assert.equal(rig.dueIn(BEAT_MS).length, 1);
      const text = nodeFs.readFileSync(path.join(rig.folder, '.nvr-owner-one.json'), 'utf8');
      assert.match(text, /"beat":2}/, 'the same one');
      await store.close();
      assert.deepEqual(rig.timers, []);
    });
  });
});
