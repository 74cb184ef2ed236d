import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { LEAST_MISSING_MS } from '../../../lib/nvr/recorder/backfill.js';
import { Cases } from '../../../lib/nvr/recorder/cases.js';
import type { ClipContext } from '../../../lib/nvr/recorder/clip-context.js';
import { SEGMENT, type CaseEntry, type Journal } from '../../../lib/nvr/recorder/journal.js';
import type { ClipInfo, RecorderEvent } from '../../../lib/nvr/recorder/types.js';
import { systemTimers } from '../../kit/system-timers.js';

const NOW = 1_760_000_000_000;
const MESSAGE = { topic: 'door' };
const FAILED: RecorderEvent = {
  ...{ type: 'failed', clip: 1, firstOfOutage: true },
  error: new NvrError('EDISK', 'The disk is full.'),
};

describe('an alarm, until its clip was told and its missing parts fetched', () => {
  let clock: sinon.SinonFakeTimers;
  /** The lines of the journal. */
  let lines: unknown[][];
  let events: RecorderEvent[];
  /** The spans that were asked of the NVR. */
  let asked: [number, number, number][];
  let isRunning: boolean | undefined;
  /** What the NVR waits for. */
  let pause: Promise<void> | undefined;

  beforeEach(() => {
    clock = sinon.useFakeTimers(NOW);
    lines = [];
    events = [];
    asked = [];
    isRunning = true;
    pause = undefined;
  });

  afterEach(() => {
    clock.restore();
  });

  function casesOf({ backfill = true, camera, hasPlayback = true }: Setting = {}): Cases {
    const journal = new Proxy({} as unknown as Journal, {
      get: (_journal, op) =>
        op === 'then' ? undefined : (...args: unknown[]) => Promise.resolve(void lines.push([op, ...args])),
    });
    async function* nothing(...[channel, from, to]: [number, number, number]): AsyncIterable<VideoUnit> {
      asked.push([channel, from, to]);
      await pause;
      yield* [];
      await Promise.reject(new NvrError('ENORECORDING', 'Nothing there.'));
    }
    const context = {
      options: { folder: '/clips', backfill },
      deps: {
        ...{ timers: systemTimers, now: () => clock.now, monotonic: () => clock.now - NOW },
        ...(hasPlayback && { fetchSpan: nothing }),
        ...(camera !== undefined && { owner: { camera } }),
      },
      memory: { add: () => undefined, remove: () => undefined },
      statistics: () => ({}),
    } as unknown as ClipContext;
    const cases = new Cases(
      context,
      7,
      { onEvent: () => undefined, ...(isRunning !== undefined && { isRunning: () => isRunning === true }) },
      (event) => events.push(event),
      (write) => write(journal),
    );
    cases.open(true);
    return cases;
  }
  interface Setting {
    backfill?: boolean;
    camera?: string;
    hasPlayback?: boolean;
  }

  const ALARM = { time: NOW, reason: 'door' };
  const begin = (cases: Cases): string =>
    cases.begin({ reason: 'door', from: NOW - 2000, to: NOW + 8000, alarms: [ALARM] }, MESSAGE).id;
  const finished = (last: boolean, file = '/clips/a/1.mp4'): RecorderEvent => ({
    ...{ type: 'finished', clip: 1, last },
    info: { file } as ClipInfo,
  });
  const ops = (): unknown[] => lines.map(([op]) => op);
  const of = (op: string): unknown[][] => lines.filter((line) => line[0] === op).map(([, ...args]) => args);

  describe('begun', () => {
    it('is in the journal with its message and its camera, each under a name of its own', async () => {
      const cases = casesOf({ camera: 'gate' });
      const { id, noted } = cases.begin({ reason: 'door', from: 1, to: 2, alarms: [ALARM] }, MESSAGE);
      await noted;
      const entry = { id, reason: 'door', from: 1, to: 2, alarms: [ALARM] };
      assert.deepEqual(of('alarmed'), [[{ ...entry, camera: 'gate', message: MESSAGE }]]);
      assert.notEqual(begin(cases), id);
      lines = [];
      casesOf().begin({ reason: 'door', from: 1, to: 2, alarms: [] });
      assert.deepEqual(Object.keys(of('alarmed')[0]![0] as object), ['id', 'reason', 'from', 'to', 'alarms']);
    });

    it('notes every further alarm and every change of its end, and nothing where neither changes', () => {
      const cases = casesOf();
      const id = begin(cases);
      lines = [];
      cases.extend(id, NOW + 8000);
      cases.extend('unknown', NOW + 9000);
      assert.deepEqual(lines, []);
      cases.extend(id, NOW + 8000, ALARM);
      cases.extend(id, NOW + 8001);
      cases.extend(id, NOW + 8001);
      cases.extend(id, NOW + 7000);
      assert.deepEqual(of('extended'), [
        [id, NOW + 8000, ALARM],
        [id, NOW + 8001, undefined],
        [id, NOW + 7000, undefined],
      ]);
    });

    it('lists a thousand alarms, and behind those notes one only where it moves the end by a second', () => {
      const cases = casesOf();
      const id = begin(cases);
      for (let count = 0; count < 1000; count++) cases.extend(id, NOW + 8000, ALARM);
      assert.equal(of('extended').length, 999);
      lines = [];
      cases.extend(id, NOW + 8999, ALARM);
      cases.extend(id, NOW + 9000, ALARM);
      cases.extend(id, NOW + 9999, ALARM);
      cases.extend(id, NOW + 9999);
      assert.deepEqual(of('extended'), [
        [id, NOW + 9000, undefined],
        [id, NOW + 9999, undefined],
      ]);
    });
  });

  describe('whose clip is finished', () => {
    it('is over with the last of its files, each of which was told', () => {
      const cases = casesOf();
      const id = begin(cases);
      cases.onClipEvent(id, { type: 'extended', clip: 1, reason: '', alarms: 2 }, 0);
      cases.onClipEvent(id, finished(false), 0);
      assert.deepEqual(
        { delivered: of('delivered'), over: of('caseDone') },
        { delivered: [['a/1.mp4']], over: [] },
      );
      cases.onClipEvent(id, finished(true, '/clips/a/2.mp4'), LEAST_MISSING_MS);
      assert.deepEqual(
        { delivered: of('delivered'), over: of('caseDone') },
        { delivered: [['a/1.mp4'], ['a/2.mp4']], over: [[id]] },
      );
      cases.onClipEvent(id, finished(true), 0);
      cases.extend(id, NOW);
      assert.deepEqual(ops(), ['alarmed', 'delivered', 'delivered', 'caseDone'], 'it is known no more');
    });

    it('is left to the next start where no flow runs', () => {
      const cases = casesOf();
      isRunning = false;
      cases.onClipEvent(begin(cases), finished(true), 5000);
      cases.onClipEvent(begin(cases), FAILED, 5000);
      isRunning = true;
      assert.deepEqual({ ops: ops(), toFetch: cases.toFetch }, { ops: ['alarmed', 'alarmed'], toFetch: 0 });
    });

    it('is told where nobody says whether a flow runs', () => {
      isRunning = undefined;
      const cases = casesOf();
      cases.onClipEvent(begin(cases), finished(true), 0);
      assert.deepEqual(ops(), ['alarmed', 'delivered', 'caseDone']);
    });

    it('is fetched where more than two seconds are missing: of a failed one all that was asked for, as it was extended', async () => {
      const cases = casesOf();
      const first = begin(cases);
      cases.onClipEvent(first, finished(true), LEAST_MISSING_MS + 1);
      const second = begin(cases);
      cases.extend(second, NOW + 18_000);
      cases.onClipEvent(second, FAILED, 0);
      assert.deepEqual(of('missing'), [
        [first, LEAST_MISSING_MS + 1, NOW],
        [second, 20_000, NOW],
      ]);
      assert.deepEqual({ over: of('caseDone'), toFetch: cases.toFetch }, { over: [], toFetch: 2 });
      await clock.tickAsync(60_000);
      assert.deepEqual(asked.slice(0, 2), [
        [7, NOW - 2000, NOW + 8000],
        [7, NOW - 2000, NOW + 18_000],
      ]);
    });

    it('is over at once where nothing can be fetched, or nothing is to be', () => {
      for (const setting of [{ backfill: false }, { hasPlayback: false }]) {
        const cases = casesOf(setting);
        const id = begin(cases);
        cases.onClipEvent(id, FAILED, 0);
        assert.deepEqual({ last: of('caseDone').at(-1), toFetch: cases.toFetch }, { last: [id], toFetch: 0 });
      }
      assert.deepEqual({ missing: of('missing'), events }, { missing: [], events: [] });
    });
  });

  describe('of an earlier run', () => {
    const entry: CaseEntry = {
      ...{ id: 'old', reason: 'door', from: NOW - 90_000_000, to: NOW - 80_000_000, alarms: [] },
      missing: { ms: 5000, since: NOW - 1000 },
    };

    it('keeps the time since when it is missing, and is noted no second time', async () => {
      const cases = casesOf();
      cases.onCaseEnded({ ...entry, missing: { ms: 5000, since: NOW - 86_399_000 } }, 5000);
      assert.deepEqual(lines, []);
      await clock.tickAsync(60_000);
      assert.equal(asked.length, 1, 'the day is over with the first attempt');
      const [warning] = events as [Extract<RecorderEvent, { type: 'warning' }>];
      assert.equal(warning.error.code, 'ENORECORDING');
      assert.deepEqual(of('caseDone'), [['old']]);
    });

    it('is over, with a warning, where it is another camera’s, and fetched where its camera is not named', () => {
      const cases = casesOf({ camera: 'gate' });
      cases.onCaseEnded({ ...entry, camera: 'yard' }, LEAST_MISSING_MS);
      assert.deepEqual({ events, over: of('caseDone') }, { events: [], over: [['old']] });
      cases.onCaseEnded({ ...entry, camera: 'yard' }, 5000);
      assert.deepEqual(
        { events: events.map(({ type }) => type), over: of('caseDone').length },
        { events: ['warning'], over: 2 },
      );
      cases.onCaseEnded({ ...entry, id: 'own', camera: 'gate' }, 5000);
      cases.onCaseEnded(entry, 5000);
      assert.equal(cases.toFetch, 2);
    });

    it('is never fetched where it belongs to a segment', () => {
      const cases = casesOf();
      cases.onCaseEnded({ ...entry, id: SEGMENT }, 5000);
      assert.deepEqual({ over: of('caseDone'), toFetch: cases.toFetch }, { over: [[SEGMENT]], toFetch: 0 });
    });

    it('is told with its message only where a flow runs', () => {
      const cases = casesOf();
      const info = { file: '/clips/1.mp4' } as ClipInfo;
      const error = new NvrError('EUNREACHABLE', 'Away.');
      isRunning = false;
      assert.deepEqual(
        { finished: cases.finished(info, true, MESSAGE), failed: cases.failed(error, MESSAGE) },
        { finished: false, failed: false },
      );
      assert.deepEqual(events, []);
      isRunning = true;
      assert.deepEqual(
        { finished: cases.finished(info, false, MESSAGE), failed: cases.failed(error, undefined) },
        { finished: true, failed: true },
      );
      assert.deepEqual(events, [
        { type: 'finished', clip: 0, info, last: false, message: MESSAGE },
        { type: 'failed', clip: 0, error, firstOfOutage: true },
      ]);
    });
  });

  describe('while a segment is recorded', () => {
    const segment = finished(false);

    it('is one entry of the journal for each segment that had one', () => {
      const cases = casesOf();
      cases.onSegmentEvent(segment);
      assert.deepEqual(ops(), ['delivered']);
      lines = [];
      for (let count = 0; count < 2; count++) {
        cases.segmentAlarm(ALARM);
        cases.segmentAlarm({ ...ALARM, time: NOW + 1 });
        cases.onSegmentEvent(FAILED);
        assert.deepEqual(lines, [
          ['alarmed', { id: SEGMENT, reason: 'door', from: NOW, to: NOW, alarms: [ALARM] }],
          ['extended', SEGMENT, NOW + 1, { ...ALARM, time: NOW + 1 }],
        ]);
        cases.onSegmentEvent(segment);
        assert.deepEqual(lines.slice(2), [
          ['delivered', 'a/1.mp4'],
          ['caseDone', SEGMENT],
        ]);
        lines = [];
        cases.onSegmentEvent(segment);
        assert.deepEqual(ops(), ['delivered']);
        lines = [];
      }
    });

    it('is over with its segment, which the next start tells where no flow runs', () => {
      const cases = casesOf();
      cases.segmentAlarm(ALARM);
      isRunning = false;
      cases.onSegmentEvent(segment);
      assert.deepEqual(ops(), ['alarmed', 'caseDone']);
    });
  });

  describe('while it is to be fetched', () => {
    it('waits for the camera to play', async () => {
      const cases = casesOf();
      cases.onPlaying(false);
      cases.onClipEvent(begin(cases), FAILED, 0);
      await clock.tickAsync(60_000);
      assert.equal(asked.length, 0);
      cases.onPlaying(true);
      await clock.tickAsync(60_000);
      assert.notEqual(asked.length, 0);
    });

    it('waits 5 s after an opening, since the NVR may have been away', async () => {
      const cases = casesOf();
      cases.onClipEvent(begin(cases), finished(true), 5000);
      await cases.close();
      clock.setSystemTime(NOW + 3_600_000);
      await clock.tickAsync(60_000);
      cases.open(true);
      await clock.tickAsync(4999);
      assert.equal(asked.length, 0);
      await clock.tickAsync(1);
      assert.equal(asked.length, 1);
    });

    it('is given up by a closing, which waits for that', async () => {
      const cases = casesOf();
      cases.onClipEvent(begin(cases), finished(true), 5000);
      let goOn = (): void => undefined;
      pause = new Promise((resolve) => (goOn = resolve));
      await clock.tickAsync(60_000);
      assert.equal(asked.length, 1);
      let isClosed = false;
      const closed = cases.close().then(() => (isClosed = true));
      await clock.tickAsync(60_000);
      assert.equal(isClosed, false);
      goOn();
      await closed;
      assert.equal(cases.toFetch, 1);
    });

    it('waits for the next opening, and for a camera that plays then', async () => {
      const cases = casesOf();
      cases.onClipEvent(begin(cases), FAILED, 0);
      await cases.close();
      await clock.tickAsync(60_000);
      cases.open(false);
      await clock.tickAsync(60_000);
      assert.equal(asked.length, 0);
      await cases.close();
      cases.open(true);
      await clock.tickAsync(60_000);
      assert.notEqual(asked.length, 0);
    });
  });
});
