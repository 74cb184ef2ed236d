import assert from 'node:assert/strict';
import type { AudioFormat, AudioUnit, VideoUnit } from '../../lib/codec/unit.js';
import { boxes, find } from '../../lib/media/mp4/box-reader.js';
import {
  readFragment,
  readTracks,
  type ClipSample,
  type ClipTrack,
} from '../../lib/media/mp4/clip-reader.js';
import { isWritableSound, Mp4Writer, type ClipSink } from '../../lib/media/mp4-writer.js';
import { clipUnits } from '../kit/picture-units.js';

const BEGIN_MS = 10_000;
const FRAME_MS = 40;
const [PICTURE] = clipUnits('h264', 1);
const BYTES = PICTURE!.data.length;

const AAC: AudioFormat = {
  codec: 'aac',
  sampleRate: 16_000,
  channels: 1,
  config: Buffer.from('1408', 'hex'),
};

/** A picture at `ms` into the clip: a keyframe with its parameter sets, or one without that depends on it. */
function picture(ms: number, keyframe: boolean, changes: Partial<VideoUnit> = {}): VideoUnit {
  const arrival = BEGIN_MS + ms;
  return { ...PICTURE!, keyframe, arrival, mediaTime: arrival, ...changes };
}

function sound(ms: number, format = AAC): AudioUnit {
  const arrival = BEGIN_MS + ms;
  return {
    kind: 'audio',
    codec: format.codec,
    data: Buffer.alloc(100, 1),
    damaged: false,
    format,
    rtpTime: 0,
    rtpSequence: 0,
    arrival,
    mediaTime: arrival,
    time: 0,
    timeSource: 'arrival',
  };
}

class Disk implements ClipSink {
  readonly parts: Buffer[] = [];
  failure: Error | undefined;
  failsAt = 0;
  calls = 0;

  write(data: Uint8Array): Promise<void> {
    this.calls++;
    if (this.failure !== undefined && this.calls >= this.failsAt) return Promise.reject(this.failure);
    this.parts.push(Buffer.from(data));
    return Promise.resolve();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }

  get tracks(): ClipTrack[] {
    const { bytes } = this;
    const moov = find(bytes, { body: 0, end: bytes.length }, 'moov')!;
    return readTracks(bytes.subarray(moov.body - 8, moov.end));
  }

  /** The samples of each fragment, by the kind of track. */
  get fragments(): { vide: ClipSample[]; soun: ClipSample[] }[] {
    const { bytes, tracks } = this;
    return [...boxes(bytes)]
      .filter(({ type }) => type === 'moof')
      .map(({ body, end }) => {
        const found = readFragment(bytes.subarray(body - 8, end), body - 8, tracks);
        const of = (kind: string): ClipSample[] =>
          [...found].flatMap(([track, samples]) => (track.kind === kind ? samples : []));
        return { vide: of('vide'), soun: of('soun') };
      });
  }

  /** How many pictures each fragment holds. */
  get counts(): number[] {
    return this.fragments.map(({ vide }) => vide.length);
  }
}

class Rig {
  readonly disk = new Disk();
  readonly writer: Mp4Writer;

  constructor(
    readonly first = picture(0, true, { format: { ...PICTURE!.format, frameRate: 25 } }),
    ...more: [sound?: AudioFormat, shownFrom?: number, usualRate?: number]
  ) {
    this.writer = new Mp4Writer(this.disk, first, ...more);
  }

  /** Adds the first picture. */
  begin(): Promise<void> {
    return this.writer.add(this.first);
  }

  /** Adds pictures each 40 ms from one time on, up to but not including another; the first is a keyframe. */
  async gop(from: number, to: number, keyframe = true): Promise<void> {
    for (let ms = from; ms < to; ms += FRAME_MS) await this.writer.add(picture(ms, keyframe && ms === from));
  }
}

describe('the fragments that the MP4 writer makes', () => {
  it('hold a second at least, where keyframes come more often', async () => {
    const rig = new Rig();
    await rig.begin();
    await rig.gop(40, 400, false);
    for (const at of [400, 800, 1200, 1600, 2000, 2400]) await rig.gop(at, at + 400);
    await rig.writer.finish();
    // 0 to 1200, 1200 to 2400, and the rest.
    assert.deepEqual(rig.disk.counts, [30, 30, 10]);
  });

  it('end exactly at a second', async () => {
    const rig = new Rig();
    await rig.begin();
    for (const at of [960, 1000, 1960, 2000]) await rig.writer.add(picture(at, true));
    await rig.writer.finish();
    assert.deepEqual(rig.disk.counts, [2, 2, 1]);
  });

  it('begin at a recovery point as at a keyframe', async () => {
    const rig = new Rig();
    await rig.begin();
    await rig.gop(40, 1200, false);
    await rig.writer.add(picture(1200, false, { recoveryFrames: 10 }));
    await rig.writer.finish();
    assert.deepEqual(rig.disk.counts, [30, 1]);
  });

  it('leave those that may be out of order to the next one, unless a keyframe follows', async () => {
    const reordered = (): Rig =>
      new Rig(picture(0, true, { format: { ...PICTURE!.format, reorderDepth: 2 } }));
    for (const [changes, counts] of [
      [{ recoveryFrames: 10 }, [28, 3]],
      [{ keyframe: true }, [30, 1]],
    ] as const) {
      const rig = reordered();
      await rig.begin();
      await rig.gop(40, 1200, false);
      await rig.writer.add(picture(1200, false, changes));
      await rig.writer.finish();
      assert.deepEqual(rig.disk.counts, counts);
    }
    const rig = reordered();
    await rig.begin();
    await rig.gop(40, 6000, false);
    assert.deepEqual(rig.disk.counts, [124]);
  });

  it('are numbered from 1, and listed by when they are shown if a player can begin there', async () => {
    const rig = new Rig();
    await rig.begin();
    await rig.gop(40, 6200, false);
    await rig.gop(6200, 7400);
    await rig.writer.add(picture(7400, true));
    await rig.writer.finish();
    const { bytes } = rig.disk;
    const moofs = [...boxes(bytes)].filter(({ type }) => type === 'moof');
    assert.deepEqual(
      moofs.map((moof) => bytes.readUInt32BE(find(bytes, moof, 'mfhd')!.body + 4)),
      [1, 2, 3, 4],
    );
    const { body } = find(bytes, { body: 0, end: bytes.length }, 'mfra', 'tfra')!;
    assert.equal(bytes.readUInt32BE(body + 4), 1);
    const entries = Array.from(
      { length: bytes.readUInt32BE(body + 12) },
      (_, index) => body + 16 + 28 * index,
    );
    assert.deepEqual(
      entries.map((at) => Number(bytes.readBigUInt64BE(at)) / 90),
      [0, 6200, 7400],
    );
    assert.deepEqual(
      entries.map((at) => Number(bytes.readBigUInt64BE(at + 8)) + 8),
      [moofs[0], moofs[2], moofs[3]].map((moof) => moof!.body),
    );
  });

  it('end within a GOP that lasts more than five seconds, and again five seconds later', async () => {
    const rig = new Rig();
    await rig.begin();
    await rig.gop(40, 12_000, false);
    // Those that may be out of order wait.
    assert.deepEqual(rig.disk.counts, [126, 126]);
    await rig.writer.finish();
    assert.deepEqual(rig.disk.counts, [126, 126, 48]);
  });

  it('end within a GOP of more than 8 MB, as often as there are so many', async () => {
    const rig = new Rig();
    await rig.begin();
    const nal = 3 * 1024 * 1024;
    const data = Buffer.concat([Buffer.of(0, 0, 0, 1), Buffer.alloc(nal)]);
    const nals = [{ type: 1, start: 0, end: data.length }];
    for (let i = 1; i <= 9; i++) await rig.writer.add(picture(i * FRAME_MS, false, { data, nals }));
    assert.deepEqual(rig.disk.counts, [4, 3]);
    await rig.writer.finish();
    assert.deepEqual(rig.disk.counts, [4, 3, 3]);
  });

  it('wait two seconds for expected sound, in the first one alone', async () => {
    const rig = new Rig(undefined, AAC);
    await rig.begin();
    for (const at of [1000, 2000, 2040, 3040, 4040]) await rig.writer.add(picture(at, true));
    assert.deepEqual(rig.disk.counts, [3, 1, 1]);
    assert.equal(rig.writer.sound, undefined);
    await rig.writer.add(sound(4040));
    await rig.writer.finish();
    assert.deepEqual(
      rig.disk.tracks.map(({ kind }) => kind),
      ['vide'],
    );
    assert.equal(rig.writer.sound, undefined);
    assert.equal(rig.disk.bytes.toString('latin1').split('traf').length - 1, 4);
  });

  it('do not wait once there is sound, which then belongs to the file', async () => {
    const rig = new Rig(undefined, AAC);
    await rig.begin();
    for (let ms = 0; ms < 1000; ms += 64) await rig.writer.add(sound(ms));
    assert.equal(rig.writer.sound, undefined);
    await rig.writer.add(picture(1000, true));
    assert.deepEqual(rig.disk.counts, [1]);
    assert.equal(rig.writer.sound, 'aac');
    assert.deepEqual(
      rig.disk.tracks.map(({ timescale }) => timescale),
      [90_000, 16_000],
    );
    for (let ms = 1024; ms < 1400; ms += 64) await rig.writer.add(sound(ms));
    await rig.writer.finish();
    const [one, two] = rig.disk.fragments;
    // The last frame before the cut waits for its successor, which tells how long it lasts.
    assert.deepEqual({ oneSoun: one!.soun.length, twoSoun: two!.soun.length }, { oneSoun: 15, twoSoun: 7 });
    assert.equal(two!.soun[0]!.time, one!.soun.at(-1)!.time + one!.soun.at(-1)!.duration);
  });

  it('hold sound at the times of the pictures, which reordering moves', async () => {
    const { reorderDepth: _unknown, ...format } = PICTURE!.format;
    const rig = new Rig(picture(0, true, { format }), AAC);
    await rig.begin();
    for (let ms = 0; ms < 300; ms += 64) await rig.writer.add(sound(ms));
    for (const ms of [120, 40, 80]) await rig.writer.add(picture(ms, false));
    await rig.writer.finish();
    const [{ vide, soun }] = rig.disk.fragments as [{ vide: ClipSample[]; soun: ClipSample[] }];
    const first = (vide[0]!.time + vide[0]!.offset) / 90_000;
    assert.ok(first > 0.03, `${first} s`);
    assert.ok(Math.abs(soun[0]!.time / 16_000 - first) < 0.001);
  });

  it('hold no sound of another format, nor what came before the first picture', async () => {
    const rig = new Rig(undefined, AAC);
    await rig.writer.add(sound(0));
    await rig.begin();
    for (const other of [{ sampleRate: 8000 }, { channels: 2 }, { codec: 'pcmu' as const }])
      await rig.writer.add(sound(10, { ...AAC, ...other }));
    await rig.writer.finish();
    assert.equal(rig.writer.sound, undefined);
    assert.equal(rig.disk.tracks.length, 1);
  });

  it('hold no sound that a file has no name for, and AAC with its configuration only', async () => {
    const { config: _config, ...bare } = AAC;
    assert.equal(isWritableSound(bare), false);
    assert.equal(isWritableSound({ ...bare, codec: 'g726' }), false);
    assert.equal(isWritableSound({ ...bare, codec: 'pcmu' }), true);
    const pcmu = { codec: 'pcmu', sampleRate: 8000, channels: 1 } as const;
    assert.equal(new Rig(undefined, pcmu).writer.extension, '.mov');
    assert.equal(new Rig(undefined, bare).writer.extension, '.mp4');
    const rig = new Rig(undefined, bare);
    await rig.begin();
    await rig.writer.add(sound(0, bare));
    await rig.writer.finish();
    assert.equal(rig.disk.tracks.length, 1);
    assert.equal(new Rig().writer.extension, '.mp4');
  });

  it('begin with the picture that opens the file, and hold none that is empty or belongs before it', async () => {
    const rig = new Rig();
    await rig.writer.add(picture(-40, true));
    assert.equal(rig.writer.facts.frames, 0);
    await rig.begin();
    await rig.writer.add(picture(-40, false));
    await rig.writer.add(picture(20, false, { data: Buffer.alloc(0), nals: [] }));
    await rig.writer.add(picture(40, false));
    const facts = await rig.writer.finish();
    assert.equal(facts.frames, 2);
    assert.deepEqual(rig.disk.counts, [2]);
  });

  it('are at their time by the session’s clock, or by arrival if there is none', async () => {
    const rig = new Rig(picture(0, true, { mediaTime: BEGIN_MS + 500 }));
    await rig.begin();
    await rig.writer.add(picture(0, false, { mediaTime: BEGIN_MS + 540 }));
    await rig.writer.finish();
    assert.equal(rig.writer.facts.durationMs, 80);
    const { mediaTime: _mediaTime, ...arrived } = picture(0, true);
    const other = new Rig(arrived);
    await other.begin();
    const { mediaTime: _other, ...next } = picture(100, false);
    await other.writer.add(next);
    assert.equal((await other.writer.finish()).durationMs, 200);
  });

  it('tell the size and length of the file so far, and of what is left out', async () => {
    const rig = new Rig();
    await rig.begin();
    await rig.gop(40, 1000, false);
    assert.deepEqual(
      { bytes: rig.writer.facts.bytes, durationMs: rig.writer.facts.durationMs },
      { bytes: 0, durationMs: 1000 },
    );
    await rig.writer.add(picture(1000, true));
    assert.equal(rig.writer.facts.bytes, rig.disk.bytes.length);
    rig.writer.leaveOut(picture(1040, false, { damaged: true }));
    const facts = await rig.writer.finish();
    assert.deepEqual(facts, {
      frames: 26,
      bytes: rig.disk.bytes.length,
      durationMs: 1040,
      damaged: 1,
      damagedSpans: [{ start: 1040, end: 1040 }],
      gaps: [],
      unlistedMs: 0,
    });
  });

  it('are none, and no file at all, where no picture came', async () => {
    const rig = new Rig();
    assert.equal((await rig.writer.finish()).frames, 0);
    assert.equal(rig.disk.calls, 0);
  });

  it('take the usual rate for one picture of a stream that declares none', async () => {
    const rig = new Rig(picture(0, true), undefined, undefined, 30);
    await rig.begin();
    assert.equal((await rig.writer.finish()).durationMs, 33);
  });

  it('hold pictures that came at the same time as the first one', async () => {
    const rig = new Rig();
    await rig.begin();
    await rig.writer.add(picture(0, false));
    assert.equal((await rig.writer.finish()).frames, 2);
  });

  it('are followed by nothing once the disk has refused: neither by a picture, nor by the end', async () => {
    for (const failure of [new Error('full'), 'full']) {
      const rig = new Rig();
      await rig.begin();
      await rig.gop(40, 1000, false);
      rig.disk.failure = failure as Error;
      const refused = (error: unknown): boolean =>
        failure instanceof Error ? error === failure : error instanceof Error && error.cause === failure;
      await assert.rejects(rig.writer.add(picture(1000, true)), refused);
      rig.disk.failure = undefined;
      await assert.rejects(rig.writer.add(picture(1040, false)), refused);
      await assert.rejects(rig.writer.add(sound(1040)), refused);
      await assert.rejects(rig.writer.finish(), refused);
      assert.equal(rig.disk.calls, 1);
    }
  });

  it('are refused too when the disk refuses the last of them, or their index', async () => {
    for (const failsAt of [1, 2]) {
      const rig = new Rig();
      await rig.begin();
      rig.disk.failure = new Error('full');
      rig.disk.failsAt = failsAt;
      await assert.rejects(rig.writer.finish(), /full/);
      await assert.rejects(rig.writer.finish(), /full/);
      assert.equal(rig.disk.calls, failsAt);
    }
  });

  it('are continued by a keyframe of the same parameter sets, or of none, in the same codec', () => {
    const { writer } = new Rig();
    const slices = PICTURE!.nals.filter(({ type }) => type === 5);
    assert.equal(writer.fits(picture(1000, true)), true);
    assert.equal(writer.fits(picture(1000, true, { nals: slices })), true);
    assert.equal(writer.fits(picture(1000, true, { nals: slices, codec: 'h265' })), false);
    const data = Buffer.from(PICTURE!.data);
    const sps = PICTURE!.nals.find(({ type }) => type === 7)!;
    data[sps.end - 1]! ^= 1;
    assert.equal(writer.fits(picture(1000, true, { data })), false);
  });

  describe('for a clip that begins before what is asked for', () => {
    async function skipOf(shownFrom: number, reorderDepth = 0): Promise<number> {
      const format = { ...PICTURE!.format, reorderDepth };
      const rig = new Rig(picture(0, true, { format }), undefined, BEGIN_MS + shownFrom);
      await rig.begin();
      await rig.gop(40, 400, false);
      await rig.writer.finish();
      return rig.disk.tracks[0]!.skip;
    }

    it('begin to play with the picture on screen at the asked time', async () => {
      assert.equal(await skipOf(100), 80 * 90);
      assert.equal(await skipOf(80), 80 * 90);
      assert.equal(await skipOf(79), 40 * 90);
    });

    it('play all where the asked time is not behind the first picture', async () => {
      for (const shownFrom of [0, -100, -Infinity, NaN]) assert.equal(await skipOf(shownFrom), 0);
    });

    it('play nothing before the asked time where that comes later than the first fragment', async () => {
      assert.equal(await skipOf(5000), 5000 * 90);
    });

    it('skip by the times of the file, which reordering moves', async () => {
      assert.equal(await skipOf(100, 2), 80 * 90 + 2);
      assert.equal(await skipOf(80, 2), 80 * 90 + 2);
      assert.equal(await skipOf(0, 2), 0);
    });
  });

  it('hold every byte of the pictures', async () => {
    const rig = new Rig();
    await rig.begin();
    await rig.gop(40, 120, false);
    await rig.writer.finish();
    assert.deepEqual(
      rig.disk.fragments.flatMap(({ vide }) => vide.map(({ bytes }) => bytes)),
      [BYTES, BYTES, BYTES],
    );
  });
});
