import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { VideoFormat, VideoUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import { PictureWatch } from '../../lib/nvr/camera/picture-watch.js';
import type { HubEvent } from '../../lib/nvr/types.js';
import { videoUnit } from '../kit/fake-hub.js';

const WAIT_MS = 15_000;

describe('what a hub tells of its pictures', () => {
  let clock: sinon.SinonFakeTimers;
  let news: HubEvent[];
  let count: { packets: number; lost: number };
  let mismatch: NvrError | undefined;
  let pictures: PictureWatch;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ now: 1_700_000_000_000 });
    news = [];
    count = { packets: 0, lost: 0 };
    mismatch = undefined;
    pictures = new PictureWatch({
      emit: (one) => news.push(one as HubEvent),
      count: () => ({ ...count }),
      mismatch: () => mismatch,
    });
  });

  afterEach(() => {
    clock.restore();
  });

  const words = (): string[] => news.map(({ type, code }) => (code === undefined ? type : `${type} ${code}`));
  /** One format for all units, unless changes are given. */
  const format = videoUnit().format;
  const picture = (keyframe = true, changes: Partial<VideoUnit> = {}): VideoUnit => ({
    ...videoUnit({ keyframe }),
    arrival: performance.now(),
    format,
    ...changes,
  });
  const withFormat = (changes: Partial<VideoFormat>): VideoUnit =>
    picture(true, { format: { ...format, ...changes } });

  it('is the format once PLAY is granted, and again where anything of it that users are told has changed', () => {
    pictures.take(picture());
    assert.deepEqual(words(), []);
    pictures.begin();
    assert.deepEqual(words(), ['format']);
    const changes = [
      {},
      { width: 640 },
      { width: 640, frameRate: 25 },
      { width: 640, frameRate: 25, profile: 'High' },
    ];
    for (const change of changes) pictures.take(withFormat(change));
    assert.deepEqual(
      news.map(({ width, frameRate, profile }) => [width, frameRate, profile]),
      [
        [320, undefined, undefined],
        [640, undefined, undefined],
        [640, 25, undefined],
        [640, 25, 'High'],
      ],
    );
  });

  it('is the same format again after a failure, and not after each session', () => {
    pictures.begin();
    pictures.take(picture());
    pictures.end();
    pictures.begin();
    assert.deepEqual(words(), ['format', 'format']);
    pictures.take(picture());
    assert.deepEqual(words(), ['format', 'format']);
    pictures.end();
    pictures.forgetFormat();
    pictures.begin();
    assert.deepEqual(words(), ['format', 'format']);
    pictures.take(picture());
    assert.deepEqual(words(), ['format', 'format', 'format']);
  });

  it('is that no whole keyframe came for 15 s, however many damaged ones did', () => {
    pictures.begin();
    for (let waited = 0; waited < WAIT_MS; waited += 1000) {
      pictures.take(picture(true, { damaged: true }));
      assert.ok(!words().includes('warning ENOKEYFRAME'), `${waited} ms`);
      clock.tick(1000);
    }
    assert.equal(words().filter((word) => word === 'warning ENOKEYFRAME').length, 1);
  });

  it('is nothing of the kind after a whole keyframe, nor once the session has ended', () => {
    pictures.begin();
    pictures.take(picture());
    clock.tick(10 * WAIT_MS);
    pictures.end();
    pictures.begin();
    clock.tick(1000);
    pictures.end();
    clock.tick(10 * WAIT_MS);
    assert.ok(!words().includes('warning ENOKEYFRAME'), words().join());
  });

  it('is it again for a later loss that no keyframe mends, with the loss of that time alone', () => {
    count = { packets: 100, lost: 100 };
    pictures.begin();
    pictures.take(picture());
    pictures.lose(1);
    pictures.take(picture(false, { damaged: true }));
    count = { packets: 200, lost: 100 };
    clock.tick(WAIT_MS);
    const { reason } = news.find(({ code }) => code === 'ENOKEYFRAME')!;
    assert.match(reason!, /shorter keyframe interval/);
  });

  it('is a loss of the present session: one that ended in the midst of a loss leaves nothing behind', () => {
    pictures.begin();
    pictures.take(picture());
    pictures.lose(3);
    pictures.end();
    pictures.begin();
    pictures.take(picture());
    clock.tick(60_000);
    pictures.take(picture(false));
    assert.ok(!words().includes('gap'), words().join());
    assert.equal(pictures.skips, false);
  });

  const missed = (): string[] =>
    news.filter(({ code }) => code === 'ENOKEYFRAME').map(({ reason }) => reason!);

  it('is that no keyframe came since PLAY, and why, once', () => {
    pictures.begin();
    count = { packets: 900, lost: 100 };
    clock.tick(WAIT_MS - 1);
    assert.deepEqual(missed(), []);
    clock.tick(1);
    clock.tick(10 * WAIT_MS);
    assert.equal(missed().length, 1);
    assert.match(missed()[0]!, /within 15 s: 10 % of the packets/);
  });

  it('is that the payload type is wrong, where that is why', () => {
    pictures.begin();
    mismatch = new NvrError('EUNSUPPORTED', 'The payload type is 97.');
    clock.tick(WAIT_MS);
    assert.match(missed()[0]!, /within 15 s: The payload type is 97\.$/);
  });

  it('is the intra refresh of a stream that has no keyframe, once, though it loses packets', () => {
    pictures.begin();
    const point = picture(false, { recoveryFrames: 3 });
    for (let second = 0; second < 60; second++) {
      pictures.take(point);
      pictures.lose(1);
      pictures.take(picture(false, { damaged: true }));
      clock.tick(1000);
    }
    assert.equal(missed().length, 1);
    assert.match(missed()[0]!, /intra refresh/);
  });

  it('is a keyframe that stays away after a loss, also in a stream that has recovery points beside it', () => {
    pictures.begin();
    pictures.take(picture(false, { recoveryFrames: 3 }));
    pictures.take(picture());
    pictures.lose(1);
    pictures.take(picture(false, { damaged: true }));
    clock.tick(WAIT_MS);
    assert.match(missed()[0]!, /shorter keyframe interval/);
  });

  it('is no intra refresh of a session before', () => {
    pictures.begin();
    pictures.take(picture(false, { recoveryFrames: 3 }));
    pictures.end();
    pictures.begin();
    clock.tick(WAIT_MS);
    assert.match(missed()[0]!, /shorter keyframe interval/);
  });

  it('is missed by nobody after a whole keyframe; a damaged one that stands in for it does not count', () => {
    pictures.begin();
    pictures.take(picture(true, { damaged: true, standIn: true }));
    clock.tick(WAIT_MS - 1);
    pictures.take(picture());
    clock.tick(WAIT_MS);
    assert.deepEqual(missed(), []);
    pictures.lose(1);
    pictures.take(picture(true, { damaged: true, standIn: true }));
    clock.tick(WAIT_MS);
    assert.equal(missed().length, 1);
  });

  it('is how many packets were lost, or that a unit is damaged though none is missing', () => {
    pictures.begin();
    pictures.take(picture());
    pictures.lose(3);
    pictures.lose(4);
    pictures.take(picture(false, { damaged: true }));
    clock.tick(1000);
    pictures.take(picture());
    pictures.take(picture(false, { damaged: true }));
    assert.deepEqual(
      news.filter(({ type }) => type === 'gap').map(({ lost }) => lost),
      [7, 0],
    );
  });

  it('is a format only while it plays, of known size or of JPEG, and another one by codec or height, too', () => {
    const unknown = picture(true, { format: { ...format, width: 0, height: 0 } });
    pictures.begin();
    pictures.take(unknown);
    pictures.take(withFormat({ codec: 'mjpeg', width: 0, height: 0 }));
    pictures.take(withFormat({}));
    pictures.take(withFormat({ codec: 'h265' }));
    pictures.take(withFormat({ codec: 'h265', height: 181 }));
    pictures.end();
    pictures.take(withFormat({ codec: 'h265', height: 182 }));
    assert.deepEqual(
      news.filter(({ type }) => type === 'format').map(({ codec, height }) => [codec, height]),
      [
        ['mjpeg', 0],
        ['h264', 180],
        ['h265', 180],
        ['h265', 181],
      ],
    );
  });

  it('is that the parameter sets are missing, once in each session', () => {
    const blind = picture(true, { format: { ...format, width: 0, height: 0 } });
    for (const round of [1, 2]) {
      pictures.begin();
      for (let keyframes = 0; keyframes < 5; keyframes++) pictures.take(blind);
      pictures.end();
      assert.equal(words().filter((word) => word === 'warning EUNSUPPORTED').length, round);
    }
  });
});
