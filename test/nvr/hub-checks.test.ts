import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import type { Hub } from '../../lib/nvr/camera/hub.js';
import { HubChecks } from '../../lib/nvr/health/hub-checks.js';
import { readDescription } from '../../lib/nvr/health/reach.js';
import { StageError, type Depth, type Findings } from '../../lib/nvr/health/types.js';
import type { StreamStatistics } from '../../lib/nvr/types.js';
import { parseSdp } from '../../lib/rtsp/sdp.js';
import { FakeHub, videoUnit } from '../kit/fake-hub.js';
import { settingsFor } from '../kit/settings.js';

describe('what a check finds in a running session', () => {
  const checks = (): ((hub: FakeHub, findings?: Findings) => Findings) => {
    const all = new HubChecks(settingsFor(554));
    return (hub, findings = {}) => {
      all.describe(hub as unknown as Hub, findings);
      return findings;
    };
  };

  it('is the loss since the check before it, not since the beginning', () => {
    const hub = new FakeHub();
    const check = checks();
    [hub.packets, hub.lost] = [990, 10];
    assert.equal(check(hub).lossPercent, 1);
    [hub.packets, hub.lost] = [1990, 10];
    assert.equal(check(hub).lossPercent, 0);
    [hub.packets, hub.lost] = [2930, 70];
    assert.equal(check(hub).lossPercent, 6);
    assert.equal(check(hub).lossPercent, undefined, 'no packets, no loss');
  });

  it('counts from the check before also where one check looks twice', () => {
    const hub = new FakeHub();
    const check = checks();
    [hub.packets, hub.lost] = [900, 100];
    const findings = check(hub);
    [hub.packets, hub.lost] = [1000, 100];
    assert.equal(check(hub, findings).lossPercent, 10);
    [hub.packets, hub.lost] = [1800, 100];
    assert.equal(check(hub).lossPercent, 0);
  });

  it('is each camera’s own loss', () => {
    const check = checks();
    const [one, other] = [new FakeHub(), Object.assign(new FakeHub(), { channel: 2 })];
    [one.packets, one.lost] = [900, 100];
    [other.packets, other.lost] = [1000, 0];
    assert.equal(check(one).lossPercent, 10);
    assert.equal(check(other).lossPercent, 0);
    [one.packets, other.lost] = [1000, 100];
    assert.equal(check(one).lossPercent, 0);
    assert.equal(check(other).lossPercent, 100);
  });

  it('is each stream’s own loss', () => {
    const check = checks();
    const [main, dual] = [new FakeHub(), Object.assign(new FakeHub(), { stream: 'dual' })];
    [main.packets, dual.packets] = [1000, 1000];
    check(main);
    dual.lost = 1000;
    assert.equal(check(dual).lossPercent, 50);
  });

  it('is the measured rate of frames before the declared one, and no size or rate that is not known', () => {
    const check = checks();
    const hub = new CheckedHub();
    hub.format = { codec: 'h264', width: 0, height: 0, frameRate: 12.5 };
    assert.deepEqual(check(hub), { codec: 'h264', fps: 12.5 });
    hub.fps = 24.96;
    hub.kbps = 1_999.6;
    hub.format = { codec: 'h264', width: 640, height: 360, frameRate: 12.5 };
    assert.deepEqual(check(hub), { codec: 'h264', width: 640, height: 360, fps: 25, bitrateKbps: 2_000 });
  });

  it('is what the description declares while no picture has come, and what the pictures say from then on', () => {
    const check = checks();
    const description = parseSdp(
      'v=0\r\nm=video 0 RTP/AVP 99\r\na=rtpmap:99 H265/90000\r\na=framerate:50\r\n',
    );
    const hub = Object.assign(new CheckedHub(), { description });
    assert.deepEqual(check(hub), { codec: 'h265', fps: 50 });
    hub.format = { codec: 'h264', width: 0, height: 0 };
    assert.deepEqual(check(hub), { codec: 'h264' });
    hub.format = { codec: 'h264', width: 0, height: 0, frameRate: 12.5 };
    assert.deepEqual(check(hub, { fps: 10 }), { codec: 'h264', fps: 12.5 });
    hub.format = { codec: 'h264', width: 0, height: 0 };
    assert.deepEqual(check(hub, { fps: 10 }), { codec: 'h264', fps: 10 });
    assert.deepEqual(check(new CheckedHub()), {}, 'nothing is known yet');
  });

  it('is how far the clock is ahead, by the last sender report alone', () => {
    const check = checks();
    const hub = new FakeHub();
    const unit = (aheadMs: number, timeSource: VideoUnit['timeSource']): VideoUnit => {
      const made = videoUnit();
      return { ...made, timeSource, captureTime: made.time + aheadMs };
    };
    hub.gop = [unit(1_000, 'sr'), unit(5_000, 'sr'), unit(9_000, 'arrival')];
    assert.equal(check(hub).clockOffsetMs, 5_000);
    hub.gop = [unit(-3_000, 'sr')];
    assert.equal(check(hub).clockOffsetMs, -3_000);
    hub.gop = [unit(9_000, 'arrival')];
    assert.equal(check(hub).clockOffsetMs, undefined);
  });

  it('is MJPEG by the name that the rest of the package has for it', () => {
    const findings: Findings = {};
    readDescription(parseSdp('v=0\r\nm=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\n'), findings);
    assert.equal(findings.codec, 'mjpeg');
  });
});

class CheckedHub extends FakeHub {
  kbps = 0;
  readonly ping = sinon.stub<[], Promise<number>>().resolves(3);

  override get statistics(): StreamStatistics {
    return { ...super.statistics, bitrateKbps: this.kbps };
  }
}

describe('a check through a running session', () => {
  let clock: sinon.SinonFakeTimers;
  let hub: CheckedHub;
  let told: Depth[];
  let findings: Findings;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    hub = new CheckedHub();
    told = [];
    findings = {};
  });

  afterEach(() => {
    assert.deepEqual(
      { timers: clock.countTimers(), subscribers: hub.subscribers.size },
      { timers: 0, subscribers: 0 },
      'nothing is left behind',
    );
    clock.restore();
  });

  const check = (depth: Depth): Promise<boolean> =>
    // The request timeout is 2 s.
    new HubChecks(settingsFor(554)).fromHub(hub as unknown as Hub, depth, findings, (stage) => {
      told.push(stage);
    });

  it('tells the stages as deep as it goes', async () => {
    hub.gop = [videoUnit()];
    for (const [depth, stages] of [
      ['reach', ['reach']],
      ['auth', ['reach', 'rtsp', 'auth']],
      ['session', ['reach', 'rtsp', 'auth', 'media', 'session']],
    ] as const) {
      told = [];
      assert.equal(await check(depth), true);
      assert.deepEqual(told, stages);
    }
    assert.equal(findings.rttMs, 3);
  });

  it('is none where no session plays', async () => {
    for (const state of ['idle', 'waiting', 'failed'] as const) {
      hub.state = state;
      assert.equal(await check('auth'), false, state);
    }
    assert.equal(hub.ping.callCount, 0);
  });

  it('waits for one that connects, for one and a half times the request timeout', async () => {
    hub.state = 'connecting';
    const checked = check('auth');
    hub.tell({ type: 'warning' });
    await clock.tickAsync(0);
    hub.state = 'playing';
    hub.tell({ type: 'playing' });
    assert.equal(await checked, true);

    hub.state = 'connecting';
    let isOver = false;
    const late = check('auth').then((found) => {
      isOver = true;
      return found;
    });
    await clock.tickAsync(2_999);
    assert.equal(isOver, false);
    await clock.tickAsync(1);
    assert.equal(await late, false);
  });

  for (const type of ['error', 'reconnecting', 'stopped'] as const)
    it(`gives up one that does not get there at once: ${type}`, async () => {
      hub.state = 'connecting';
      const checked = check('auth');
      hub.tell({ type });
      assert.equal(await checked, false);
    });

  it('names a request that the session does not answer, and is none where the session has ended meanwhile', async () => {
    hub.ping.rejects(new NvrError('ETIMEDOUT', 'no answer'));
    await assert.rejects(
      check('auth'),
      (error) => error instanceof StageError && error.stage === 'session' && error.error.code === 'ETIMEDOUT',
    );
    hub.ping.rejects(new NvrError('EUNREACHABLE', 'the session has ended'));
    assert.equal(await check('auth'), false);
  });

  it('waits for no keyframe while pictures come, however old the last keyframe is, and for one after a silence', async () => {
    hub.gop = [videoUnit({ age: 60_000 }), videoUnit({ keyframe: false, age: 4_000 })];
    await check('media');
    assert.equal(findings.keyframeMs, 0.1);
    hub.gop = [videoUnit({ age: 60_000 }), videoUnit({ keyframe: false, age: 5_000 })];
    findings = {};
    const checked = check('media');
    await clock.tickAsync(1_200);
    hub.emit(videoUnit());
    await checked;
    assert.equal(findings.keyframeMs, 1_200);
  });

  it('waits for no second attempt of a stream that breaks off meanwhile, and names the cause', async () => {
    const checked = check('session').catch((error: unknown) => error);
    await clock.tickAsync(0);
    hub.tell({ type: 'playing' });
    hub.tell({ type: 'reconnecting', code: 'ECONNREFUSED' });
    const error = await checked;
    assert.ok(error instanceof StageError, String(error));
    assert.deepEqual(
      { stage: error.stage, code: error.error.code },
      { stage: 'media', code: 'ECONNREFUSED' },
    );
    assert.deepEqual(told, ['reach', 'rtsp', 'auth']);
  });
});
