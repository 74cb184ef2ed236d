import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import { takePastSnapshot } from '../../lib/nvr/past-snapshot.js';
import type { SnapshotOptions } from '../../lib/nvr/snapshot/snapshot.js';
import { clipUnit } from '../kit/clip-units.js';

const EPOCH = 1_760_000_000_000;
const FRAME_MS = 80;
/** A keyframe every two seconds: 25 pictures. */
const GOP = 25;
const OPTIONS: SnapshotOptions = {
  format: 'keyframe',
  quality: 80,
  maxAge: 0,
  timeout: 5,
  decoder: 'auto',
  ffmpegPath: '',
};

/** What an NVR sends that plays from the keyframe before `at`; it goes on for some pictures behind it. */
function recording(
  at: number,
  change: (unit: VideoUnit) => VideoUnit | undefined = (unit) => unit,
): VideoUnit[] {
  const first = Math.floor((at - EPOCH) / FRAME_MS / GOP) * GOP;
  const last = Math.floor((at - EPOCH) / FRAME_MS) + 5;
  return Array.from({ length: last - first + 1 }, (_, index) => clipUnit(first + index, EPOCH)).flatMap(
    (unit) => change(unit) ?? [],
  );
}

async function* sent(units: readonly VideoUnit[], fault?: NvrError): AsyncGenerator<VideoUnit, void> {
  for (const unit of units) yield await Promise.resolve(unit);
  if (fault !== undefined) throw fault;
}

const take = (
  at: number,
  fetch: () => AsyncIterable<VideoUnit>,
  more: Partial<SnapshotOptions> = {},
): ReturnType<typeof takePastSnapshot> => takePastSnapshot({}, fetch, at, { ...OPTIONS, ...more });

describe('a picture of a past moment', () => {
  it('is the keyframe at or before it, wherever in its GOP the moment lies, and asks for no more than that', async () => {
    for (const [after, keyframe] of [
      [2_000, 2_000],
      [2_001, 2_000],
      [3_999, 2_000],
      [4_000, 4_000],
    ] as const) {
      const at = EPOCH + after;
      let asked: number[] = [];
      const fetch = (...span: [number, number, AbortSignal]): AsyncIterable<VideoUnit> => {
        asked = span.slice(0, 2) as number[];
        return sent(recording(at));
      };
      const { unit } = await takePastSnapshot({}, fetch, at, OPTIONS);
      assert.deepEqual({ at: unit.time - EPOCH, keyframe: unit.keyframe }, { at: keyframe, keyframe: true });
      assert.deepEqual(asked, [at, at + 1]);
    }
  });

  it('reads no further than the moment', async () => {
    const at = EPOCH + 3_000;
    let read = 0;
    const units = recording(at).map((unit) => ({
      ...unit,
      get time() {
        read = Math.max(read, unit.time);
        return unit.time;
      },
    }));
    await take(at, () => sent(units));
    assert.ok(read <= at + FRAME_MS, String(read - at));
  });

  it('is a damaged keyframe only where there is no whole one', async () => {
    const at = EPOCH + 4_500;
    const two = [...recording(EPOCH + 2_000).slice(0, GOP), ...recording(at)];
    const damage = (unit: VideoUnit): VideoUnit => ({ ...unit, damaged: unit.time === EPOCH + 4_000 });
    const { unit } = await take(at, () => sent(two.map(damage)));
    assert.equal(unit.time, EPOCH + 2_000);
  });

  it('is taken although the run breaks off after its keyframe; a break before it is the error', async () => {
    const at = EPOCH + 3_000;
    const gone = new NvrError('EUNREACHABLE', 'gone');
    assert.equal((await take(at, () => sent(recording(at).slice(0, 3), gone))).unit.time, EPOCH + 2_000);
    await assert.rejects(
      take(at, () => sent([], gone)),
      { code: 'EUNREACHABLE' },
    );
  });

  it('says why there is none: nothing recorded, all of it later, no keyframe, called off', async () => {
    const at = EPOCH + 3_000;
    const deltas = recording(at, (unit) => (unit.keyframe ? undefined : unit));
    for (const [units, code] of [
      [[], 'ENORECORDING'],
      [recording(at + 60_000), 'ENORECORDING'],
      [deltas, 'ENOKEYFRAME'],
    ] as const)
      await assert.rejects(
        take(at, () => sent(units)),
        { code },
      );
    const signal = AbortSignal.abort();
    await assert.rejects(
      take(at, () => sent([]), { signal }),
      { code: 'EUNREACHABLE', message: /cancelled/ },
    );
  });

  describe('whose NVR is slow', () => {
    let late: AbortController;
    let timeouts: number[];

    beforeEach(() => {
      late = new AbortController();
      timeouts = [];
      sinon.stub(AbortSignal, 'timeout').callsFake((ms) => {
        timeouts.push(ms);
        return late.signal;
      });
    });

    afterEach(() => {
      sinon.restore();
    });

    /** Sends these, and then nothing until it is given up. */
    async function* slow(units: readonly VideoUnit[], signal: AbortSignal): AsyncGenerator<VideoUnit, void> {
      yield* sent(units);
      if (!signal.aborted)
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
    }

    const begin = (units: readonly VideoUnit[], signal?: AbortSignal): Promise<unknown> =>
      takePastSnapshot({}, (_from, _to, given) => slow(units, given), EPOCH + 3_000, {
        ...{ ...OPTIONS, timeout: 3 },
        ...(signal !== undefined && { signal }),
      });

    it('is waited for as many seconds as are set, also where it could be called off', async () => {
      const { signal } = new AbortController();
      for (const pending of [begin([]), begin([], signal)]) {
        late.abort();
        await assert.rejects(pending, { code: 'ETIMEDOUT' });
      }
      assert.deepEqual(timeouts, [3000, 3000]);
    });

    it('is given up at once when it is called off', async () => {
      const ending = new AbortController();
      const pending = begin([], ending.signal);
      ending.abort();
      await assert.rejects(pending, { code: 'EUNREACHABLE' });
    });

    it('has no keyframe, and is not silent, where it sent other pictures in that time', async () => {
      const pending = begin(recording(EPOCH + 3_000).slice(1, 3));
      late.abort();
      await assert.rejects(pending, { code: 'ENOKEYFRAME' });
    });
  });

  it('is as old as its keyframe, not as the moment that was asked for', async () => {
    const at = EPOCH + 3_999;
    const { ageMs } = await take(at, () => sent(recording(at)));
    assert.ok(Math.abs(Date.now() - (EPOCH + 2_000) - ageMs) < 1000, String(ageMs));
  });
});
