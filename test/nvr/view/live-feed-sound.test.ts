import assert from 'node:assert/strict';
import type { AudioUnit, VideoUnit } from '../../../lib/codec/unit.js';
import { LiveFeed } from '../../../lib/nvr/view/live-feed.js';
import { FLAGS } from '../../../lib/nvr/view/records.js';
import { clipUnits } from '../../kit/picture-units.js';
import { FakeHub } from '../../kit/fake-hub.js';
import { decodedAt, FastPage, feedOf, type Rec, sequenceOf, shownAt } from './fast-page.js';

describe('the feed of a camera with sound', () => {
  const AAC: AudioUnit['format'] = {
    ...{ codec: 'aac', sampleRate: 16_000, channels: 1 },
    config: Buffer.from('1408', 'hex'),
  };
  const [first, second, third] = clipUnits('h264', 3) as [VideoUnit, VideoUnit, VideoUnit];
  /** `ms` behind the first picture. */
  const sound = (ms: number, format: AudioUnit['format'] = AAC): AudioUnit => ({
    ...{ kind: 'audio', codec: format.codec, data: Buffer.from([1, 2, 3]), damaged: false, format },
    ...{ rtpTime: 0, rtpSequence: 0, arrival: 7, mediaTime: first.mediaTime! + ms },
    ...{ time: 1_234, timeSource: 'arrival' },
  });
  let hub: FakeHub;
  let page: FastPage;
  let feed: LiveFeed;
  const emit = (...units: (VideoUnit | AudioUnit)[]): void => {
    for (const unit of units) hub.emit(unit as VideoUnit);
  };

  beforeEach(() => {
    hub = new FakeHub();
    page = new FastPage();
    feed = feedOf(hub, page);
  });

  it('sends what browsers play, on the pictures’ clock, and leaves out what they do not', () => {
    emit(sound(80));
    assert.deepEqual(page.kinds, [], 'no clock yet');
    emit(first, sound(80), sound(80, { ...AAC, codec: 'pcmu' }), second, sound(144));
    assert.deepEqual(page.kinds, ['init', 'picture', 'init', 'sound', 'picture', 'sound']);
    const [, picture, init, one, , other] = page.records as [Rec, Rec, Rec, Rec, Rec, Rec];
    assert.equal(shownAt(one) - shownAt(picture), 80);
    assert.equal(decodedAt(one), shownAt(one));
    assert.deepEqual([one, other].map(sequenceOf), [1, 2]);
    assert.equal(one.body.readDoubleBE(0), 1_234);
    assert.deepEqual(
      [init, one].map(({ flags }) => flags),
      [FLAGS.sound, FLAGS.keyframe],
    );
    assert.match(init.body.toString('latin1'), /audio\/mp4; codecs="mp4a\.40\.2"/);
    const lasts = Buffer.alloc(4);
    lasts.writeUInt32BE((1024 * 90_000) / 16_000);
    assert.ok(one.body.includes(lasts), 'a frame of 1024 samples');
  });

  it('sends Opus too', () => {
    emit(first, sound(0, { codec: 'opus', sampleRate: 48_000, channels: 2 }));
    assert.deepEqual(page.kinds, ['init', 'picture', 'init', 'sound']);
    assert.match(page.records[2]!.body.toString('latin1'), /audio\/mp4; codecs="opus"/);
  });

  it('goes by the time of its arrival where it has no other, and leaves out what is before the player’s time', () => {
    const { mediaTime: _, ...bare } = sound(0);
    emit(first);
    const arrived = { ...bare, arrival: first.mediaTime! + 40 };
    for (const subscriber of hub.subscribers) subscriber.onUnit?.(arrived);
    emit(sound(-1_001));
    assert.deepEqual(page.kinds, ['init', 'picture', 'init', 'sound']);
    assert.equal(shownAt(page.records[3]!) - shownAt(page.records[1]!), 40);
  });

  it('sets players up for it anew with another format of sound or picture, and newcomers too', () => {
    emit(first, sound(0), sound(64), sound(128, { ...AAC, sampleRate: 8_000 }));
    assert.deepEqual(page.kinds.slice(2), ['init', 'sound', 'sound', 'init', 'sound']);
    assert.equal(sequenceOf(page.records.at(-1)!), 1);
    const late = new FastPage();
    feed.add(late.viewer);
    assert.deepEqual(late.kinds, ['init', 'init', 'picture']);
    page.records.length = 0;
    const other = clipUnits('h265', 1)[0]!;
    emit(other);
    const between = new FastPage();
    feed.add(between.viewer);
    assert.deepEqual(between.kinds, ['init', 'picture']);
    emit(sound(200, { ...AAC, sampleRate: 8_000 }));
    assert.deepEqual(page.kinds, ['init', 'picture', 'init', 'sound']);
  });

  it('waits for the first picture after an outage, and sets players up for it anew', () => {
    emit(first, second, sound(0));
    hub.tell({ type: 'connecting' });
    const late = new FastPage();
    feed.add(late.viewer);
    page.records.length = 0;
    emit(sound(64), third, sound(64));
    assert.deepEqual(page.kinds, []);
    emit({ ...first, mediaTime: first.mediaTime! + 400 }, sound(400));
    assert.deepEqual(page.kinds, ['init', 'picture', 'init', 'sound']);
    assert.deepEqual(late.kinds, ['state', 'init', 'picture', 'init', 'sound']);
  });
});
