import assert from 'node:assert/strict';
import type { TimeSource } from '../../lib/codec/unit.js';
import { RecordedClock } from '../../lib/nvr/playback/recorded-clock.js';

const START = Date.UTC(2026, 10, 23, 12, 0, 0);
const NOW = START + 3_600_000;

interface Claims {
  onvifTime?: number;
  captureTime?: number;
  timeSource?: TimeSource;
}

const unit = (
  rtpTime: number,
  claims: Claims = {},
): { rtpTime: number; timeSource: TimeSource } & Claims => ({
  timeSource: 'arrival',
  ...claims,
  rtpTime: rtpTime >>> 0,
});

describe('RecordedClock', () => {
  it('counts media time from the start where the server claims nothing, through a wrap of RTP time', () => {
    const clock = new RecordedClock(START, undefined, 1);
    const times = [0xffff_f000, 0xffff_f000 + 9000, 0xffff_f000 + 90_000].map((rtp) =>
      clock.timeOf(unit(rtp), NOW),
    );
    assert.deepEqual(
      times.map(({ time, source }) => [time - START, source]),
      [
        [0, 'start'],
        [100, 'start'],
        [1000, 'start'],
      ],
    );
  });

  it('takes RTP-Info’s word for where the first unit lies, and not where it lies ten minutes off', () => {
    const near = new RecordedClock(START, 1000, 1).timeOf(unit(1000 + 45_000), NOW);
    assert.deepEqual({ at: near.time - START, source: near.source }, { at: 500, source: 'rtpinfo' });
    const far = new RecordedClock(START, 1000, 1).timeOf(unit(1000 + 90_000 * 660), NOW);
    assert.deepEqual({ at: far.time - START, source: far.source }, { at: 0, source: 'start' });
  });

  it('takes the ONVIF extension first, then the sender report, each only within ten minutes of where the run should be', () => {
    const clock = new RecordedClock(START, 0, 1);
    const both = clock.timeOf(
      unit(0, { onvifTime: START + 40, captureTime: START + 80, timeSource: 'sr' }),
      NOW,
    );
    assert.deepEqual({ at: both.time - START, source: both.source }, { at: 40, source: 'onvif' });
    const report = clock.timeOf(
      unit(9000, { onvifTime: START - 700_000, captureTime: START + 180, timeSource: 'sr' }),
      NOW,
    );
    assert.deepEqual({ at: report.time - START, source: report.source }, { at: 180, source: 'sr' });
  });

  it('continues where it was when the stream starts again from another source, whatever its RTP times are', () => {
    const clock = new RecordedClock(START, 1000, 1);
    const times = [
      unit(1000),
      unit(1000 + 9000),
      { ...unit(3_000_000_000), source: 1 },
      { ...unit(3_000_009_000), source: 1 },
      { ...unit(5), source: 2 },
    ].map((each) => clock.timeOf(each, NOW).time - START);
    assert.deepEqual(times, [0, 100, 200, 300, 400]);
  });

  it('quirk wrong-sender-reports: believes no sender report that says now, even close to now and pulled faster than real time', () => {
    const now = START + 30_000;
    const clock = new RecordedClock(START, 0, 1);
    for (let second = 0; second < 30; second++) {
      const claims: Claims = { captureTime: now + second * 1000, timeSource: 'sr' };
      const { time, source } = clock.timeOf(unit(second * 90_000, claims), now + second * 5);
      assert.deepEqual({ at: time - START, source }, { at: second * 1000, source: 'rtpinfo' });
    }
  });

  it('quirk wrong-sender-reports: nor where the NVR’s clock is wrong, or this machine reads the report late', () => {
    const sourceOf = (offMs: number, now = START + 60_000): TimeSource =>
      new RecordedClock(START, 0, 1).timeOf(unit(0, { captureTime: now + offMs, timeSource: 'sr' }), now)
        .source;
    for (const off of [-29_999, -3_400, -2_000, 2_000, 5_000, 29_999])
      assert.equal(sourceOf(off), 'rtpinfo', `${off} ms off the present`);
    assert.equal(sourceOf(30_000), 'sr', 'a recording that begins anywhere within ten minutes');
    const far = START + 300_000;
    assert.equal(sourceOf(-30_000, far), 'sr');
  });

  it('believes a report of a time closer to the one expected than to the present, though both are close', () => {
    const now = START + 10_000;
    const sourceOf = (at: number): TimeSource =>
      new RecordedClock(START, 0, 1).timeOf(unit(0, { captureTime: START + at, timeSource: 'sr' }), now)
        .source;
    assert.deepEqual(
      [-2_000, 3_000, 5_000, 5_001].map((at) => sourceOf(at)),
      ['sr', 'sr', 'sr', 'rtpinfo'],
    );
  });

  it('counts twice as fast at scale 2, as RTP time goes on at real speed', () => {
    const clock = new RecordedClock(START, 0, 2);
    assert.equal(clock.timeOf(unit(0), NOW).time - START, 0);
    assert.equal(clock.timeOf(unit(90_000), NOW).time - START, 2000);
  });

  const ofReplay = (): RecordedClock => new RecordedClock(START, undefined, 1, true);

  it('leaps forward over what is not recorded in a replay alone, and counts on from there', () => {
    const later = START + 3 * 600_000;
    const clock = ofReplay();
    assert.deepEqual(clock.timeOf(unit(0, { onvifTime: later }), NOW), {
      time: later,
      exact: later,
      source: 'onvif',
    });
    assert.equal(clock.timeOf(unit(9000), NOW).time, later + 100);
    assert.equal(
      clock.timeOf(unit(18_000, { onvifTime: later - 700_000 }), NOW).source,
      'start',
      'never back',
    );
    assert.equal(
      ofReplay().timeOf(unit(0, { onvifTime: NOW + 1 }), NOW).source,
      'start',
      'nor into the future',
    );
    const plain = new RecordedClock(START, undefined, 1);
    assert.equal(plain.timeOf(unit(0, { onvifTime: later }), NOW).source, 'start');
  });

  it('believes what is ten minutes off, and nothing further', () => {
    for (const [off, source] of [
      [600_000, 'onvif'],
      [-600_000, 'onvif'],
      [600_001, 'start'],
    ] as const)
      assert.equal(
        new RecordedClock(START, undefined, 1).timeOf(unit(0, { onvifTime: START + off }), NOW).source,
        source,
      );
  });

  it('believes a capture time that comes of a sender report, near where the run should be, and no other', () => {
    const sourceOf = (claims: Claims): TimeSource =>
      new RecordedClock(START, undefined, 1).timeOf(unit(0, claims), NOW).source;
    assert.equal(sourceOf({ captureTime: START + 50, timeSource: 'sr' }), 'sr');
    assert.equal(sourceOf({ captureTime: START + 50, timeSource: 'arrival' }), 'start');
    assert.equal(sourceOf({ captureTime: START + 600_001, timeSource: 'sr' }), 'start');
  });

  it('believes the sender reports of a run that is at the present itself', () => {
    const clock = new RecordedClock(START, undefined, 1);
    const claims: Claims = { captureTime: START + 500, timeSource: 'sr' };
    assert.equal(clock.timeOf(unit(0, claims), START + 1000).source, 'sr');
  });

  it('takes no word of RTP-Info for a first unit more than a second before the start', () => {
    const first = (rtp: number): number =>
      new RecordedClock(START, 1_000_000, 1).timeOf(unit(rtp), NOW).time - START;
    assert.equal(first(1_000_000 - 90_000), -1000);
    assert.equal(first(1_000_000 - 90_090), 0);
  });

  it('rounds to the nearest millisecond, and goes on behind the newest unit where the stream begins anew', () => {
    const clock = new RecordedClock(START, undefined, 1);
    const rtp = [0, 3600 * 2, 3600, 3600 + 53];
    const times = rtp.map((each) => clock.timeOf(unit(each), NOW).time - START);
    assert.deepEqual(times, [0, 80, 40, 41]);
    const anew = [0, 3600].map((each) => clock.timeOf({ ...unit(each), source: 9 }, NOW).time - START);
    assert.deepEqual(anew, [160, 200]);
  });

  it('goes on by the newest step where the stream begins anew, and not by the first one', () => {
    const clock = new RecordedClock(START, undefined, 1);
    for (const ms of [0, 40, 80, 280]) clock.timeOf(unit(ms * 90), NOW);
    assert.equal(clock.timeOf({ ...unit(0), source: 9 }, NOW).time - START, 480);
  });

  it('counts on from a leap of the recorded time, where the next picture claims nothing', () => {
    const clock = new RecordedClock(START, undefined, 1, true);
    const leap = START + 1_800_000;
    clock.timeOf(unit(0, { onvifTime: START }), NOW);
    clock.timeOf(unit(90_000, { onvifTime: START + 1000 }), NOW);
    assert.equal(clock.timeOf(unit(180_000, { onvifTime: leap }), NOW).time, leap);
    const next = clock.timeOf(unit(180_000 + 3600), NOW);
    assert.deepEqual({ at: next.time - leap, source: next.source }, { at: 40, source: 'start' });
  });
});
