import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import sinon from 'sinon';
import type { MediaUnit } from '../../lib/codec/unit.js';
import { RateMeter } from '../../lib/client/statistics.js';
import type { Track } from '../../lib/client/track.js';
import { videoUnit } from '../kit/fake-hub.js';
import { deltaSlice, idrSlice, interleaved, rtp } from '../kit/scripted-server.js';
import { PARAMETER_SETS, Wire } from '../kit/wire.js';

/** Pictures come every 40 ms; `stamp` answers the RTP time of the nth. */
async function play(pictures: number, stamp: (n: number) => number): Promise<Wire> {
  let now = performance.now();
  sinon.stub(performance, 'now').callsFake(() => now);
  const wire = new Wire();
  await wire.session.open();
  wire.read(PARAMETER_SETS);
  for (let n = 0; n < pictures; n++) {
    now += 40;
    const slice = n % 50 === 0 ? idrSlice() : deltaSlice();
    await wire.flow(interleaved(0, rtp(2 + n, stamp(n), true, slice)));
  }
  return wire;
}

describe('a session’s frame rate', () => {
  /** What is told each second, of pictures that come `fps` times a second from `from` ms on. */
  function told(fps: number, from: number, seconds: number): number[] {
    const meter = new RateMeter();
    let pictures = 0;
    return Array.from({ length: seconds }, (_, index) => {
      const now = (index + 1) * 1000;
      for (; from + (pictures * 1000) / fps < now; pictures++) meter.count(videoUnit());
      meter.sample(now, []);
      return meter.fps;
    });
  }

  it('is that of the pictures from the first one on, however late it comes', () => {
    for (const from of [0, 500, 960, 1920, 4500]) {
      const rates = told(25, from, 12).filter((fps) => fps > 0);
      assert.ok(rates.length >= 6);
      for (const fps of rates)
        assert.ok(Math.abs(fps - 25) <= 1, `${fps} where the first came at ${from} ms`);
    }
  });

  it('falls to nothing where no more come', () => {
    const meter = new RateMeter();
    for (let n = 0; n < 50; n++) meter.count(videoUnit());
    for (let now = 1000; now <= 8000; now += 1000) meter.sample(now, []);
    assert.equal(meter.fps, 0);
  });

  it('and its bit rate stay what they were where it is asked twice at one moment', () => {
    const meter = new RateMeter();
    const track = { receiver: { bytes: 0 } };
    const take = (now: number): object => {
      meter.sample(now, [track] as unknown as Track[]);
      return { fps: meter.fps, bitrateKbps: meter.statistics([], undefined).bitrateKbps };
    };
    meter.count(videoUnit());
    assert.deepEqual([take(1000), take(1000)], Array(2).fill({ fps: 0, bitrateKbps: 0 }));
    for (let n = 0; n < 25; n++) meter.count(videoUnit());
    track.receiver.bytes = 1000;
    const told = { fps: 25, bitrateKbps: 8 };
    assert.deepEqual([take(2000), take(2000)], [told, told]);
  });
});

describe('a session’s statistics of the camera’s clock', () => {
  let wire: Wire | undefined;

  afterEach(async () => {
    sinon.restore();
    await wire?.session.close();
  });

  it('give the declared clock rate, and no correction, for a camera that keeps to it', async () => {
    wire = await play(300, (n) => n * 3600);
    const { clockRate, clockSteps } = wire.session.statistics;
    assert.ok(Math.abs(clockRate! - 90_000) < 450, `${clockRate} a second`);
    assert.equal(clockSteps, 0);
  });

  it('give the measured clock rate if it differs from the declared one', async () => {
    wire = await play(300, (n) => n * 40);
    const { clockRate } = wire.session.statistics;
    assert.ok(Math.abs(clockRate! - 1000) < 10, `${clockRate} a second`);
  });

  it('count a clock that is set as one correction each time', async () => {
    wire = await play(900, (n) => n * 3600 + Math.floor(n / 300) * 5 * 90_000);
    assert.equal(wire.session.statistics.clockSteps, 2);
  });
});

describe('a session’s totals', () => {
  interface Counts {
    bytes?: number;
    packets?: number;
    lost?: number;
    jitterMs?: number;
    late?: number;
    duplicates?: number;
    clockSteps?: number;
    clockRate?: number;
  }

  function track({ late = 0, duplicates = 0, clockSteps = 0, clockRate = 90_000, ...rest }: Counts): Track {
    // What the receiver counts is a part of what the track counts.
    const receiver = { bytes: 0, packets: 0, lost: 0, jitterMs: 0, late: 0, duplicates: 0, ...rest };
    return { receiver, late, duplicates, clockSteps, clockRate } as unknown as Track;
  }

  const TRACKS = [
    track({ bytes: 100, packets: 10, lost: 1, jitterMs: 3, late: 2, duplicates: 4, clockSteps: 5 }),
    track({
      bytes: 7,
      packets: 6,
      lost: 5,
      jitterMs: 9,
      late: 4,
      duplicates: 3,
      clockSteps: 2,
      clockRate: 8000,
    }),
  ];

  it('are those of all tracks together; jitter and clock are the video’s', () => {
    const { frames, keyframes, damaged, fps, bitrateKbps, ...rest } = new RateMeter().statistics(TRACKS, 12);
    assert.deepEqual(
      { frames, keyframes, damaged, fps, bitrateKbps },
      { frames: 0, keyframes: 0, damaged: 0, fps: 0, bitrateKbps: 0 },
    );
    assert.deepEqual(rest, {
      ...{ bytes: 107, packets: 16, lost: 6, late: 6, duplicates: 7, clockSteps: 7 },
      ...{ jitterMs: 3, rttMs: 12, clockRate: 90_000 },
    });
    const before = new RateMeter().statistics([], undefined);
    assert.deepEqual(
      { rtt: 'rttMs' in before, clockRate: 'clockRate' in before, jitterMs: before.jitterMs },
      { rtt: false, clockRate: false, jitterMs: 0 },
    );
  });

  it('tell keyframes, damaged pictures and all of them apart, and leave out what holds no picture', () => {
    const meter = new RateMeter();
    meter.count(videoUnit({ keyframe: true }));
    for (let n = 0; n < 3; n++) meter.count(videoUnit({ keyframe: false }));
    meter.count(videoUnit({ keyframe: false, damaged: true }));
    meter.count(videoUnit({ keyframe: true, data: Buffer.alloc(0) }));
    meter.count({ ...videoUnit({ keyframe: true }), kind: 'audio' } as unknown as MediaUnit);
    const { frames, keyframes, damaged } = meter.statistics([], undefined);
    assert.deepEqual({ frames, keyframes, damaged }, { frames: 5, keyframes: 1, damaged: 1 });
  });

  it('have a bit rate of all tracks over the last 5 s, in kbit/s', () => {
    const meter = new RateMeter();
    const rate = (): number => meter.statistics([], undefined).bitrateKbps;
    let bytes = 1_000_000;
    const pass = (seconds: number, perSecond: number): void => {
      for (let n = 0; n < seconds; n++) {
        bytes += perSecond;
        now += 1000;
        meter.sample(now, [track({ bytes }), track({ bytes: bytes / 4 })]);
      }
    };
    let now = 0;
    pass(1, 0);
    assert.equal(rate(), 0);
    pass(1, 100_000);
    assert.equal(rate(), 1000);
    pass(9, 100_000);
    assert.equal(rate(), 1000);
    pass(5, 0);
    assert.equal(rate(), 0);
  });
});
