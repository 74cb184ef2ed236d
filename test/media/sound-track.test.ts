import assert from 'node:assert/strict';
import type { AudioCodec, AudioFormat, AudioUnit } from '../../lib/codec/unit.js';
import { SoundTrack } from '../../lib/media/sound-track.js';

/** Frames of 1024 samples, 64 ms. */
const AAC: AudioFormat = {
  codec: 'aac',
  sampleRate: 16_000,
  channels: 1,
  config: Buffer.from('1408', 'hex'),
};
const FRAME = 1024;
const FRAME_MS = 64;

function sound(format: AudioFormat, bytes: number | Buffer = 10, damaged = false): AudioUnit {
  return {
    kind: 'audio',
    codec: format.codec,
    data: typeof bytes === 'number' ? Buffer.alloc(bytes) : bytes,
    damaged,
    format,
    rtpTime: 0,
    rtpSequence: 0,
    arrival: 0,
    time: 0,
    timeSource: 'arrival',
  };
}

function trackOf(times: readonly number[], format = AAC): SoundTrack {
  const track = new SoundTrack(format);
  for (const ms of times) track.add(sound(format), ms);
  return track;
}

interface Taken {
  readonly time: number;
  readonly durations: readonly number[];
}

function take(track: SoundTrack, untilMs?: number, delay = 0): Taken | undefined {
  const run = track.take(2, delay, untilMs);
  return run && { time: run.run.time, durations: run.run.samples.map(({ duration }) => duration) };
}

const steps = (count: number, ms = FRAME_MS): number[] => Array.from({ length: count }, (_, i) => i * ms);

/** Samples that a packet counts for. */
function lengthOf(codec: AudioCodec, data: Buffer, more: Partial<AudioFormat> = {}): number | undefined {
  const format = { codec, sampleRate: 8000, channels: 1, ...more };
  const track = new SoundTrack(format);
  track.add(sound(format, data), 0);
  return take(track)?.durations[0];
}

describe('the sound of a file', () => {
  it('begins with the first frame that plays with the pictures, also one that plays at their very start', () => {
    const track = trackOf([-64]);
    assert.equal(track.begun, false);
    track.add(sound(AAC), 0);
    assert.equal(track.begun, true);
    assert.deepEqual(take(track), { time: 0, durations: [FRAME] });
    const later = trackOf([-100, 30.03]);
    assert.deepEqual(take(later), { time: 480, durations: [FRAME] });
  });

  it('joins frames that come on time, without a gap', () => {
    assert.deepEqual(take(trackOf(steps(5))), { time: 0, durations: Array(5).fill(FRAME) });
  });

  it('joins frames that come unevenly, and moves none of them by more than the ear forgives', () => {
    const uneven = [0, 20, -20, 40, -40, 49, 10, 0].map((off, index) => Math.max(0, index * FRAME_MS + off));
    const { durations } = take(trackOf(uneven))!;
    assert.equal(durations.length, uneven.length);
    for (const duration of durations.slice(0, -1))
      assert.ok(Math.abs(duration - FRAME) <= 0.02 * FRAME + 1, `${duration} samples`);
    const [, first] = durations;
    assert.notEqual(first, FRAME);
  });

  it('moves a frame by a twentieth of what it is off', () => {
    // 16 samples to the millisecond.
    const { durations } = take(trackOf([0, 64 + 10, 128 - 20]))!;
    assert.deepEqual(durations.slice(0, 2), [FRAME + 8, FRAME - 16]);
  });

  it('follows a clock that runs faster or slower, until it is in step with the pictures', () => {
    for (const off of [-1, 1]) {
      const times = steps(400, FRAME_MS + off);
      const { durations } = take(trackOf(times))!;
      const lasted = durations.slice(0, -1).reduce((sum, duration) => sum + duration, 0) / 16;
      assert.ok(Math.abs(lasted - times.at(-1)!) < 25, `${lasted} ms of ${times.at(-1)!}`);
      for (const duration of durations) assert.ok(Math.abs(duration - FRAME) <= 0.02 * FRAME + 1);
    }
  });

  it('keeps a step that lasts, once, and comes back to the pictures little by little', () => {
    const times = steps(200).map((ms, index) => (index < 5 ? ms : ms + 45));
    const { durations } = take(trackOf(times))!;
    const place = (index: number): number =>
      durations.slice(0, index).reduce((sum, one) => sum + one, 0) / 16;
    assert.ok(place(6) < times[6]! - 35, 'not at once');
    assert.ok(Math.abs(place(199) - times[199]!) < 1, 'at last');
  });

  it('leaves a hole where sound is missing: from 50 ms on, or from half a frame on behind a loss', () => {
    const track = trackOf([0, 64, 64 + 64 + 51]);
    assert.deepEqual(take(track)!.durations, [FRAME, FRAME + 51 * 16, FRAME]);
    const within = trackOf([0, 64, 64 + 64 + 50]);
    assert.ok(take(within)!.durations[1]! <= FRAME + 21);
    for (const [off, isHole] of [
      [33, true],
      [31, false],
    ] as const) {
      const damaged = trackOf([0]);
      damaged.add(sound(AAC, 10, true), 64 + off);
      assert.equal(take(damaged)?.durations[0] === FRAME + off * 16, isHole, `${off} ms`);
    }
  });

  it('goes on from behind the hole: what follows is due there', () => {
    assert.deepEqual(take(trackOf([0, 64, 1000, 1064, 1128]))!.durations, [
      FRAME,
      (1000 - 64) * 16,
      FRAME,
      FRAME,
      FRAME,
    ]);
  });

  it('drops sound that comes again, and what is empty', () => {
    const track = trackOf([0, 64, 128, 128 + 64 - 51]);
    assert.equal(take(track)!.durations.length, 3);
    const within = trackOf([0, 64, 128, 128 + 64 - 50]);
    assert.equal(take(within)!.durations.length, 4);
    const empty = trackOf([0]);
    empty.add(sound(AAC, 0), 64);
    empty.add(sound(AAC), 64);
    assert.deepEqual(
      empty.take(2, 0)!.run.samples.map(({ bytes, duration }) => [bytes, duration]),
      [
        [10, FRAME],
        [10, FRAME],
      ],
    );
  });

  it('keeps the frames of the next fragment, and the last one until its length is known', () => {
    const track = trackOf(steps(4));
    assert.deepEqual(take(track, 128), { time: 0, durations: [FRAME, FRAME] });
    assert.equal(take(track, 128), undefined);
    assert.deepEqual(take(track, 5000), { time: 2 * FRAME, durations: [FRAME] });
    assert.equal(take(track, 5000), undefined);
    track.add(sound(AAC), 400);
    assert.deepEqual(take(track), { time: 3 * FRAME, durations: [(400 - 192) * 16, FRAME] });
    assert.equal(take(track), undefined);
  });

  it('is delayed as the pictures are', () => {
    const track = trackOf(steps(3));
    const run = track.take(2, 77, 64)!;
    assert.deepEqual(
      { track: run.run.track, time: run.run.time, samples: run.samples.length },
      { track: 2, time: 77, samples: 1 },
    );
    assert.equal(track.take(2, 77)!.run.time, FRAME + 77);
  });

  it('never plays two frames at once, however close they come', () => {
    const tiny: AudioFormat = { codec: 'pcmu', sampleRate: 8000, channels: 1 };
    const track = new SoundTrack(tiny);
    for (let i = 0; i < 200; i++) track.add(sound(tiny, 1), 0);
    for (const duration of take(track)!.durations) assert.ok(duration >= 1);
  });

  it('lasts as many samples as its data hold', () => {
    assert.equal(lengthOf('pcmu', Buffer.alloc(160)), 160);
    assert.equal(lengthOf('pcma', Buffer.alloc(160), { channels: 2 }), 80);
    assert.equal(lengthOf('l16', Buffer.alloc(160)), 80);
    assert.equal(lengthOf('l16', Buffer.alloc(161), { channels: 2 }), 40);
    // Opus: two frames of 10 ms of SILK; none at all.
    const opus = { sampleRate: 48_000 };
    assert.equal(lengthOf('opus', Buffer.of(0x01, 0), opus), 960);
    assert.equal(lengthOf('opus', Buffer.of(0x03, 0), opus), undefined);
  });

  it('lasts what the AAC configuration says: frames of 960 samples, and twice as many with SBR', () => {
    const aac = (hex: string, sampleRate: number): number | undefined =>
      lengthOf('aac', Buffer.alloc(9), { sampleRate, config: Buffer.from(hex, 'hex') });
    assert.equal(aac('1408', 16_000), 1024);
    assert.equal(aac('140c', 16_000), 960);
    // HE-AAC: 24 kHz in the core, 48 kHz with SBR.
    assert.equal(aac('2b098800', 48_000), 2048);
    assert.equal(lengthOf('aac', Buffer.alloc(9)), 1024);
  });
});
