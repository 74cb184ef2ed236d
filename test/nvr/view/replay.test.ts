import assert from 'node:assert/strict';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { RECORD_HEAD, RECORD_KINDS } from '../../../lib/nvr/view/records.js';
import { replay } from '../../../lib/nvr/view/replay.js';
import { clipUnits } from '../../kit/picture-units.js';

interface Source extends AsyncIterable<VideoUnit> {
  read: number;
  isClosed: boolean;
}

/** A recording that notes how far it was read, and may break off. */
function recording(units: readonly VideoUnit[], error?: Error): Source {
  const source: Source = {
    read: 0,
    isClosed: false,
    async *[Symbol.asyncIterator]() {
      try {
        for (const unit of units) {
          await Promise.resolve();
          source.read++;
          yield unit;
        }
        if (error !== undefined) throw error;
      } finally {
        source.isClosed = true;
      }
    },
  };
  return source;
}

class ReplayPage {
  readonly records: { kind: string; flags: number; body: Buffer }[] = [];

  readonly take = (bytes: Buffer): Promise<void> => {
    const kind = Object.entries(RECORD_KINDS).find(([, value]) => value === bytes[4])![0];
    this.records.push({ kind, flags: bytes[5]!, body: bytes.subarray(RECORD_HEAD) });
    return Promise.resolve();
  };

  get kinds(): string[] {
    return this.records.map(({ kind }) => kind);
  }

  get pictures(): { wall: number; shownAt: number }[] {
    return this.records
      .filter(({ kind }) => kind === 'picture')
      .map(({ body }) => ({ wall: body.readDoubleBE(0), shownAt: body.readDoubleBE(8) }));
  }

  /** Decode times of the pictures, in ms. */
  get decoded(): number[] {
    return this.records
      .filter(({ kind }) => kind === 'picture')
      .map(({ body }) => Number(body.readBigUInt64BE(body.indexOf('tfdt') + 8)) / 90);
  }

  get last(): unknown {
    return JSON.parse(this.records.at(-1)!.body.toString()) as unknown;
  }
}

const PICTURES = (count: number): string[] => Array<string>(count).fill('picture');

describe('a recording as records', () => {
  it('is a setup, its pictures each with the time it was recorded at, and an end', async () => {
    const page = new ReplayPage();
    const units = clipUnits('h264', 5);
    await replay(recording(units), page.take);
    assert.deepEqual(page.kinds, ['init', ...PICTURES(5), 'state']);
    assert.deepEqual(
      page.pictures.map(({ wall }) => wall),
      units.map(({ time }) => time),
    );
    assert.deepEqual(page.last, { state: 'ended' });
  });

  it('is read no faster than the page takes it', async () => {
    const source = recording(clipUnits('h264', 50));
    let free: (() => void) | undefined;
    let taken = 0;
    const end = replay(source, async () => {
      if (++taken > 3) await new Promise<void>((resolve) => (free = resolve));
    });
    while (free === undefined) await new Promise(setImmediate);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.equal(source.read, 3, 'the setup and two pictures were taken, the third waits');
    const step = setInterval(() => {
      free?.();
    }, 0);
    await end;
    clearInterval(step);
    assert.equal(source.read, 50);
  });

  it('ends with the code where it broke off, behind the pictures that came', async () => {
    const page = new ReplayPage();
    await replay(
      recording(clipUnits('h264', 3), new NvrError('EUNREACHABLE', 'The NVR is gone.')),
      page.take,
    );
    assert.deepEqual(page.kinds, ['init', ...PICTURES(3), 'state']);
    assert.deepEqual(page.last, { state: 'error', code: 'EUNREACHABLE', reason: 'The NVR is gone.' });
  });

  it('says that MJPEG is not played', async () => {
    const page = new ReplayPage();
    const units = clipUnits('h264', 1).map((unit) => ({ ...unit, codec: 'mjpeg' as const }));
    const source = recording(units);
    await replay(source, page.take);
    const { code, reason } = page.last as { code: string; reason: string };
    assert.equal(code, 'EUNSUPPORTED');
    assert.match(reason, /H\.264 or H\.265/);
    assert.ok(source.isClosed);
  });

  it('is closed when the page is gone', async () => {
    const source = recording(clipUnits('h264', 50));
    await assert.rejects(
      replay(source, () => Promise.reject(new Error('gone'))),
      /gone/,
    );
    assert.ok(source.isClosed);
    assert.equal(source.read, 1);
  });

  it('goes on in another format with another setup, and never back in the player’s time', async () => {
    const page = new ReplayPage();
    const units = clipUnits('h264', 100);
    const second = units.findIndex(({ keyframe }, index) => index > 0 && keyframe);
    const changed = units.slice(0, second + 5).map((unit, index) => ({
      ...unit,
      format: index < second ? unit.format : { ...unit.format, width: 1280 },
    }));
    for (const unit of changed.slice(second)) unit.format = changed[second]!.format;
    await replay(recording(changed), page.take);
    assert.deepEqual(page.kinds, ['init', ...PICTURES(second), 'init', ...PICTURES(5), 'state']);
    const shown = page.pictures.map(({ shownAt }) => shownAt);
    assert.deepEqual(
      shown,
      [...shown].sort((a, b) => a - b),
    );
  });

  it('leaves out what an open GOP shows before the keyframe it begins with', async () => {
    const page = new ReplayPage();
    const [key, ...rest] = clipUnits('h264', 4) as [VideoUnit, ...VideoUnit[]];
    const early = { ...rest[0]!, time: key.time - 40, mediaTime: key.mediaTime! - 40 };
    await replay(recording([key, early, ...rest]), page.take);
    assert.deepEqual(
      page.pictures.map(({ wall }) => wall),
      [key, ...rest].map(({ time }) => time),
    );
  });

  it('marks its keyframes, and them alone', async () => {
    const page = new ReplayPage();
    // A recording has the time of its pictures alone.
    const units = clipUnits('h264', 100).map((unit) => ({ ...unit, mediaTime: 7 }));
    await replay(recording(units), page.take);
    assert.deepEqual(page.kinds, ['init', ...PICTURES(100), 'state'], 'one setup for all of a format');
    const [first, second] = page.pictures;
    assert.ok(second!.shownAt > first!.shownAt);
    const marked = page.records
      .filter(({ kind }) => kind === 'picture')
      .map(({ flags }) => (flags & 1) === 1);
    assert.deepEqual(
      marked,
      units.map(({ keyframe }) => keyframe),
    );
  });

  it('has the length of a frame that its format tells, and room to decode what is shown out of order', async () => {
    const page = new ReplayPage();
    const units = clipUnits('h264', 2);
    const format = { ...units[0]!.format, frameRate: 5, reorderDepth: 2 };
    await replay(recording(units.map((unit) => ({ ...unit, format }))), page.take);
    const lasts = Buffer.alloc(4);
    lasts.writeUInt32BE(90_000 / 5);
    assert.ok(page.records[1]!.body.includes(lasts));
    assert.ok(page.decoded[1]! < page.pictures[1]!.shownAt);
  });

  it('begins with the first keyframe', async () => {
    const page = new ReplayPage();
    const units = clipUnits('h264', 100);
    const second = units.findIndex(({ keyframe }, index) => index > 0 && keyframe);
    await replay(recording(units.slice(second - 3, second + 2)), page.take);
    assert.deepEqual(page.kinds, ['init', ...PICTURES(2), 'state']);
  });

  it('leaves out what is shown before the keyframe of each new format, and not of the first alone', async () => {
    const page = new ReplayPage();
    const units = clipUnits('h264', 100);
    const second = units.findIndex(({ keyframe }, index) => index > 0 && keyframe);
    const format = { ...units[0]!.format, width: 1280 };
    const key = { ...units[second]!, format };
    const early = { ...units[second + 1]!, format, time: key.time - 40 };
    const late = { ...units[second + 1]!, format };
    await replay(recording([...units.slice(0, second), key, early, late]), page.take);
    assert.deepEqual(
      page.pictures.slice(second).map(({ wall }) => wall),
      [key.time, late.time],
    );
  });
});
