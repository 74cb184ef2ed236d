import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { VideoFormat, VideoUnit } from '../../lib/codec/unit.js';
import { PictureWatch } from '../../lib/nvr/camera/picture-watch.js';
import type { HubEvent } from '../../lib/nvr/types.js';
import { videoUnit } from '../kit/fake-hub.js';

const WAIT_MS = 15_000;

describe('what a hub tells of its pictures', () => {
  let clock: sinon.SinonFakeTimers;
  let news: HubEvent[];
  let count: { packets: number; lost: number };
  let pictures: PictureWatch;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ now: 1_700_000_000_000 });
    news = [];
    count = { packets: 0, lost: 0 };
    pictures = new PictureWatch({
      emit: (one) => news.push(one as HubEvent),
      count: () => ({ ...count }),
      mismatch: () => undefined,
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
});
