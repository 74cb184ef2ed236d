import assert from 'node:assert/strict';
import { parseH264Sps } from '../../../lib/codec/h264/sps.js';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { LiveFeed } from '../../../lib/nvr/view/live-feed.js';
import { FLAGS, jsonRecord } from '../../../lib/nvr/view/records.js';
import { unrestricted } from '../../codec/h264/unrestricted.js';
import { clipUnits } from '../../kit/picture-units.js';
import { FakeHub, videoUnit } from '../../kit/fake-hub.js';
import { decodedAt, FastPage, feedOf, shownAt } from './fast-page.js';

describe('the feed of a camera', () => {
  it('asks nothing of the camera until somebody looks, and nothing after the last has gone', () => {
    const hub = new FakeHub();
    const [first, second] = [new FastPage(), new FastPage()];
    const feed = new LiveFeed(hub, 0);
    assert.equal(hub.subscribers.size, 0);
    feed.add(first.viewer);
    feed.add(second.viewer);
    assert.equal(hub.joined, 1);
    feed.remove(first.viewer);
    assert.equal(hub.subscribers.size, 1);
    feed.remove(second.viewer);
    feed.remove(second.viewer);
    assert.equal(hub.subscribers.size, 0);
  });

  it('asks the camera again for who looks after the last has gone, and shows nothing of before', () => {
    const hub = new FakeHub();
    const first = new FastPage();
    const feed = feedOf(hub, first);
    const units = clipUnits('h264', 4);
    for (const unit of units.slice(0, 2)) hub.emit(unit);
    hub.tell({ type: 'reconnecting' });
    feed.remove(first.viewer);
    const [second, third] = [new FastPage(), new FastPage()];
    feed.add(second.viewer);
    assert.deepEqual(
      { joined: hub.joined, subscribers: hub.subscribers.size },
      { joined: 2, subscribers: 1 },
    );
    feed.add(third.viewer);
    assert.deepEqual(
      { secondKinds: second.kinds, thirdKinds: third.kinds },
      { secondKinds: [], thirdKinds: [] },
    );
    hub.emit(units[2]!);
    hub.emit(units[0]!);
    assert.deepEqual(second.kinds, ['init', 'picture']);
  });

  it('ends nothing of a page that it does not show, and sends nothing to one that has left', () => {
    const hub = new FakeHub();
    const [shown, left] = [new FastPage(), new FastPage()];
    const feed = feedOf(hub, shown, left);
    feed.remove(left.viewer);
    left.viewer.take(0, jsonRecord('state', 0, {}));
    assert.deepEqual(left.kinds, []);
    left.viewer.begin(0);
    feed.remove(left.viewer);
    assert.equal(left.viewer.awaitsKeyframe(0), true, 'another feed has begun meanwhile');
    assert.equal(hub.subscribers.size, 1);
  });

  it('shows a newcomer during an outage no picture of before it, and sets all players up anew after it', () => {
    const hub = new FakeHub();
    const page = new FastPage();
    const feed = feedOf(hub, page);
    const units = clipUnits('h264', 3);
    for (const unit of units) hub.emit(unit);
    hub.tell({ type: 'reconnecting', code: 'EUNREACHABLE', reason: 'gone' });
    hub.tell({ type: 'connecting' });
    const late = new FastPage();
    feed.add(late.viewer);
    assert.deepEqual(late.kinds, ['state']);
    hub.emit(units[0]!);
    assert.deepEqual(page.kinds.slice(-2), ['init', 'picture']);
    assert.deepEqual(late.kinds, ['state', 'init', 'picture']);
  });

  it('shows the last pictures while an outage lasts, and begins with a keyframe once it connects again', () => {
    const hub = new FakeHub();
    const page = new FastPage();
    const feed = feedOf(hub, page);
    const units = clipUnits('h264', 100);
    const second = units.findIndex(({ keyframe }, index) => index > 0 && keyframe);
    for (const unit of units.slice(0, 3)) hub.emit(unit);
    hub.tell({ type: 'reconnecting' });
    const late = new FastPage();
    feed.add(late.viewer);
    assert.deepEqual(late.kinds, ['state', 'init', 'picture', 'picture', 'picture']);
    hub.tell({ type: 'connecting' });
    page.records.length = 0;
    for (const unit of units.slice(second - 2, second + 2)) hub.emit(unit);
    assert.deepEqual(page.kinds, ['init', 'picture', 'picture']);
    assert.equal(shownAt(page.records[1]!), 1_000, 'the player’s time begins anew with it');
  });

  it('makes each picture once, however many look: all get the same bytes', () => {
    const hub = new FakeHub();
    const pages = [new FastPage(), new FastPage(), new FastPage()];
    feedOf(hub, ...pages);
    for (const unit of clipUnits('h264', 5)) hub.emit(unit);
    for (const page of pages) assert.deepEqual(page.kinds, ['init', ...Array<string>(5).fill('picture')]);
    for (const index of [0, 3, 5])
      assert.equal(new Set(pages.map(({ records }) => records[index]!.bytes)).size, 1);
  });

  it('costs one write of shared bytes for each picture and page, however many look', () => {
    const hub = new FakeHub();
    const pages = Array.from({ length: 32 }, () => new FastPage());
    feedOf(hub, ...pages);
    const [first, ...others] = clipUnits('h264', 5);
    hub.emit(first!);
    for (const unit of others) {
      const before = pages.map(({ records }) => records.length);
      hub.emit(unit);
      const written = pages.map(({ records }, index) => records.slice(before[index]));
      assert.ok(written.every((records) => records.length === 1));
      assert.equal(new Set(written.map(([record]) => record!.bytes)).size, 1);
    }
  });

  it('shows a newcomer the present GOP at once, marked as kept, and then what comes', () => {
    const hub = new FakeHub();
    const feed = feedOf(hub, new FastPage());
    const units = clipUnits('h264', 6);
    for (const unit of units.slice(0, 4)) hub.emit(unit);
    const late = new FastPage();
    feed.add(late.viewer);
    hub.emit(units[4]!);
    assert.deepEqual(late.kinds, ['init', ...Array<string>(5).fill('picture')]);
    const kept = late.records.slice(1).map(({ flags }) => (flags & FLAGS.kept) !== 0);
    assert.deepEqual(kept, [true, true, true, true, false]);
    const later = new FastPage();
    feed.add(later.viewer);
    assert.deepEqual(later.kinds, ['init', ...Array<string>(5).fill('picture')]);
  });

  it('shows a newcomer nothing of the GOP before, and marks nothing as kept for those that had it live', () => {
    const hub = new FakeHub();
    const first = new FastPage();
    const feed = feedOf(hub, first);
    const units = clipUnits('h264', 100);
    const second = units.findIndex(({ keyframe }, index) => index > 0 && keyframe);
    for (const unit of units.slice(0, second + 3)) hub.emit(unit);
    const late = new FastPage();
    feed.add(late.viewer);
    assert.deepEqual(late.kinds, ['init', 'picture', 'picture', 'picture']);
    assert.ok(first.records.every(({ bytes }) => (bytes[5]! & FLAGS.kept) === 0));
  });

  describe('of a GOP of many or large pictures', () => {
    const [key, other] = clipUnits('h264', 2) as [VideoUnit, VideoUnit];
    const at = (unit: VideoUnit, index: number): VideoUnit => ({ ...unit, mediaTime: 1_000 + index * 40 });
    const large = (unit: VideoUnit, bytes: number): VideoUnit => {
      const data = Buffer.concat([unit.data, Buffer.alloc(bytes)]);
      return { ...unit, data, nals: unit.nals };
    };
    const newcomer = (feed: LiveFeed): FastPage => {
      const page = new FastPage();
      feed.add(page.viewer);
      return page;
    };

    it('keeps a thousand for newcomers; with more they wait for the next keyframe, and are told of intra refresh alone', () => {
      const hub = new FakeHub();
      const first = new FastPage();
      const feed = feedOf(hub, first);
      for (let index = 0; index < 1_000; index++) hub.emit(at(index === 0 ? key : other, index));
      assert.equal(newcomer(feed).kinds.length, 1_001);
      hub.emit(at(other, 1_000));
      assert.deepEqual(newcomer(feed).kinds, ['init']);
      for (let index = 1_001; index < 1_003; index++) hub.emit(at(other, index));
      const late = newcomer(feed);
      assert.deepEqual(late.kinds, ['init']);
      hub.emit({ ...at(other, 1_003), recoveryFrames: 38 });
      assert.deepEqual(late.kinds, ['init', 'state']);
      assert.ok(!first.kinds.includes('state'));
      hub.emit(at(key, 1_004));
      hub.emit(at(other, 1_005));
      assert.deepEqual(late.kinds, ['init', 'state', 'picture', 'picture']);
      assert.deepEqual(newcomer(feed).kinds, ['init', 'picture', 'picture']);
    });

    it('keeps 8 MiB of one GOP, however many there were before it', () => {
      const hub = new FakeHub();
      const feed = feedOf(hub, new FastPage());
      const size = 3 * 1024 * 1024;
      for (let index = 0; index < 3; index++) hub.emit(at(large(key, size), index));
      hub.emit(at(large(other, size), 3));
      assert.deepEqual(newcomer(feed).kinds, ['init', 'picture', 'picture']);
      hub.emit(at(large(other, size), 4));
      assert.deepEqual(newcomer(feed).kinds, ['init']);
      hub.emit(at(other, 5));
      assert.deepEqual(newcomer(feed).kinds, ['init']);
    });
  });

  it('tells with each picture when it was taken, and whether parts of it, or of what it is made from, are lost', () => {
    const hub = new FakeHub();
    const page = new FastPage();
    feedOf(hub, page);
    const [first, second, third] = clipUnits('h264', 3) as [VideoUnit, VideoUnit, VideoUnit];
    hub.emit(first);
    hub.emit({ ...second, damaged: true });
    hub.emit({ ...third, reference: 'lost' });
    const pictures = page.records.slice(1);
    assert.deepEqual(
      pictures.map(({ flags }) => (flags & FLAGS.damaged) !== 0),
      [false, true, true],
    );
    assert.deepEqual(
      pictures.map(({ body }) => body.readDoubleBE(0)),
      [first, second, third].map(({ time }) => time),
    );
    assert.equal(page.records[0]!.flags & FLAGS.sound, 0);
  });

  it('marks what the hub has kept as such for the first page, too', () => {
    const hub = new FakeHub();
    const units = clipUnits('h264', 4);
    hub.kept = units.slice(0, 3);
    const page = new FastPage();
    feedOf(hub, page);
    hub.emit(units[3]!);
    assert.deepEqual(page.kinds, ['init', 'picture', 'picture', 'picture', 'picture']);
    const kept = page.records.slice(1).map(({ flags }) => (flags & FLAGS.kept) !== 0);
    assert.deepEqual(kept, [true, true, true, false]);
  });

  describe('of a camera that does not tell whether it sends B-frames', () => {
    /** Units of 40 ms, their SPS without a bitstream restriction; `order`: when each is shown. */
    function silentUnits(count: number, order = (index: number): number => index): VideoUnit[] {
      const [key, other] = clipUnits('h264', 2) as [VideoUnit, VideoUnit];
      const sps = key.nals.find(({ type }) => type === 7)!;
      const made = unrestricted(key.data.subarray(sps.start + 4, sps.end));
      const data = Buffer.concat([key.data.subarray(0, sps.start + 4), made, key.data.subarray(sps.end)]);
      const shift = made.length - (sps.end - sps.start - 4);
      const nals = key.nals.map((nal) => ({
        ...nal,
        start: nal.start > sps.start ? nal.start + shift : nal.start,
        end: nal.end > sps.start ? nal.end + shift : nal.end,
      }));
      const format = { ...key.format, reorderDepth: 4 };
      return Array.from({ length: count }, (_, index) => ({
        ...(index % 10 === 0 ? { ...key, data, nals } : other),
        format,
        mediaTime: 1_000 + order(index) * 40,
      }));
    }
    const isTold = (record: { body: Buffer } | undefined): boolean => {
      const body = record!.body;
      const at = body.indexOf('avcC') + 4 + 6;
      return parseH264Sps(body.subarray(at + 2, at + 2 + body.readUInt16BE(at)))!.isRestricted;
    };

    it('tells the players that it sends none once that was seen, newcomers at once', () => {
      const hub = new FakeHub();
      const first = new FastPage();
      const feed = feedOf(hub, first);
      for (const unit of silentUnits(61)) hub.emit(unit);
      assert.deepEqual(first.kinds, ['init', ...Array<string>(61).fill('picture')]);
      assert.equal(isTold(first.records[0]), false);
      const late = new FastPage();
      feed.add(late.viewer);
      assert.equal(isTold(late.records[0]), true);
    });

    it('promises the same in the pictures themselves as in what sets a player up, and decodes none ahead', () => {
      const hub = new FakeHub();
      const units = silentUnits(81);
      hub.gop = units.slice(0, 60);
      const page = new FastPage();
      feedOf(hub, page);
      for (const unit of units.slice(60)) hub.emit(unit);
      const [init, ...pictures] = page.records;
      assert.equal(isTold(init), true);
      const { data, nals } = units[0]!;
      const sps = nals.find(({ type }) => type === 7)!;
      const silent = data.subarray(sps.start + 4, sps.end);
      assert.ok(pictures.every(({ body }) => !body.includes(silent)));
      for (const picture of pictures) assert.ok(Math.abs(decodedAt(picture) - shownAt(picture)) < 0.1);
    });

    it('goes on where keyframes come without their parameter sets', () => {
      const hub = new FakeHub();
      const page = new FastPage();
      const feed = feedOf(hub, page);
      const units = silentUnits(81);
      const bare = units.map((unit, index) => {
        const { nals } = unit;
        return index > 0 && unit.keyframe
          ? { ...unit, nals: nals.filter(({ type }) => type !== 7 && type !== 8) }
          : unit;
      });
      for (const unit of bare) hub.emit(unit);
      assert.deepEqual(page.kinds, ['init', ...Array<string>(81).fill('picture')]);
      const late = new FastPage();
      feed.add(late.viewer);
      assert.deepEqual(late.kinds, ['init', 'picture']);
    });

    it('tells the first page already where the hub has kept enough', () => {
      const hub = new FakeHub();
      const units = silentUnits(61);
      hub.gop = units;
      hub.kept = units.slice(50);
      const page = new FastPage();
      feedOf(hub, page);
      assert.equal(isTold(page.records[0]), true);
    });

    it('does not take what is kept for pictures out of order: the next keyframe goes on', () => {
      const hub = new FakeHub();
      const units = silentUnits(81);
      hub.gop = units.slice(0, 60);
      hub.kept = units.slice(50, 60);
      const page = new FastPage();
      feedOf(hub, page);
      for (const unit of units.slice(60)) hub.emit(unit);
      assert.deepEqual(page.kinds, ['init', ...Array<string>(31).fill('picture')]);
    });

    it('promises nothing of one that sends them, and takes it back where they begin later', () => {
      const hub = new FakeHub();
      const page = new FastPage();
      feedOf(hub, page);
      const swapped = (index: number): number =>
        index % 3 === 0 ? index : index % 3 === 1 ? index + 1 : index - 1;
      for (const unit of silentUnits(120, (index) => (index < 61 ? index : swapped(index)))) hub.emit(unit);
      const inits = page.records.filter(({ kind }) => kind === 'init');
      assert.deepEqual(inits.map(isTold), [false, false]);
      // One is displayed before the keyframe that the players are set up anew with.
      assert.equal(page.records.length - inits.length, 119);
    });
  });

  it('begins anew with a new format, for newcomers too', () => {
    const hub = new FakeHub();
    const page = new FastPage();
    const feed = feedOf(hub, page);
    for (const unit of clipUnits('h264', 2)) hub.emit(unit);
    for (const unit of clipUnits('h265', 2)) hub.emit(unit);
    assert.deepEqual(page.kinds, ['init', 'picture', 'picture', 'init', 'picture', 'picture']);
    assert.match(page.records[3]!.body.toString('latin1'), /^..video\/mp4; codecs="hvc1/s);
    const late = new FastPage();
    feed.add(late.viewer);
    assert.deepEqual(late.kinds, ['init', 'picture', 'picture']);
  });

  it('begins anew with another size of the same codec, and takes the length of a picture from its format', () => {
    const hub = new FakeHub();
    const page = new FastPage();
    feedOf(hub, page);
    const [key, other] = clipUnits('h264', 2) as [VideoUnit, VideoUnit];
    hub.emit(key);
    const format = { ...key.format, width: 1280, frameRate: 5 };
    for (const unit of [other, key, other]) hub.emit({ ...unit, format });
    assert.deepEqual(page.kinds, ['init', 'picture', 'init', 'picture', 'picture']);
    const lasts = Buffer.alloc(4);
    lasts.writeUInt32BE(90_000 / 5);
    assert.ok(page.records[3]!.body.includes(lasts));
  });

  it('shows a newcomer the last picture of an MJPEG camera at once', () => {
    const hub = new FakeHub();
    const feed = feedOf(hub, new FastPage());
    const jpegs = [1, 2].map((byte) => Buffer.from([0xff, 0xd8, byte]));
    for (const [index, data] of jpegs.entries())
      hub.emit({ ...videoUnit({ codec: 'mjpeg', data }), arrival: index * 1000 });
    const late = new FastPage();
    feed.add(late.viewer);
    assert.deepEqual(
      late.records.map(({ kind, body }) => [kind, body[10]]),
      [['jpeg', 2]],
    );
  });

  it('says in the page how the stream is, to a newcomer the state alone', () => {
    const hub = new FakeHub();
    const page = new FastPage();
    const feed = feedOf(hub, page);
    hub.tell({ type: 'connecting' });
    hub.tell({ type: 'reconnecting', code: 'EUNREACHABLE', reason: 'Gone.', retryInMs: 1000 });
    hub.tell({ type: 'warning', code: 'ENOKEYFRAME', reason: 'None came.' });
    hub.tell({ type: 'format' });
    hub.tell({ type: 'gap' });
    assert.equal(page.records.length, 3);
    assert.deepEqual(page.state(1), {
      state: 'reconnecting',
      code: 'EUNREACHABLE',
      reason: 'Gone.',
      retryInMs: 1000,
    });
    const late = new FastPage();
    feed.add(late.viewer);
    assert.equal(late.records.length, 1);
    assert.equal(late.state(0).state, 'reconnecting');
  });

  it('says why a stream without parameter sets cannot be shown', () => {
    const hub = new FakeHub();
    const page = new FastPage();
    feedOf(hub, page);
    const [key] = clipUnits('h264', 1) as [VideoUnit];
    for (let time = 0; time < 2; time++) hub.emit({ ...key, nals: [] });
    assert.deepEqual(page.kinds, ['state', 'state']);
    assert.equal(page.state(1).code, 'EUNSUPPORTED');
    hub.emit(key);
    assert.deepEqual(page.kinds, ['state', 'state', 'init', 'picture']);
  });

  it('says that a stream of intra refresh without a keyframe cannot be shown, to newcomers too, and shows it from its first keyframe on', () => {
    const hub = new FakeHub();
    const [first, late] = [new FastPage(), new FastPage()];
    const feed = feedOf(hub, first);
    const [key, other] = clipUnits('h264', 2) as [VideoUnit, VideoUnit];
    const sets = key.nals.filter(({ type }) => type === 7 || type === 8);
    const point = { ...other, data: key.data, nals: sets, recoveryFrames: 38 };
    for (const unit of [point, other, other]) hub.emit(unit);
    assert.deepEqual(first.kinds, ['state']);
    const { state, code, reason } = first.state(0);
    assert.deepEqual({ state, code }, { state: 'warning', code: 'ENOKEYFRAME' });
    assert.match(String(reason), /intra refresh/);
    feed.add(late.viewer);
    hub.emit(point);
    assert.deepEqual(late.kinds, ['state']);
    first.records.length = late.records.length = 0;
    for (const unit of [key, other, point, other]) hub.emit(unit);
    for (const page of [first, late])
      assert.deepEqual(page.kinds, ['init', 'picture', 'picture', 'picture', 'picture']);
  });

  it('sends the pictures of an MJPEG camera as they are, twelve a second at most', () => {
    const hub = new FakeHub();
    const page = new FastPage();
    feedOf(hub, page);
    const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xd9]);
    for (let index = 0; index < 1000; index++)
      hub.emit({ ...videoUnit({ codec: 'mjpeg', data: jpeg }), arrival: index });
    assert.equal(page.kinds.filter((kind) => kind === 'jpeg').length, 12);
    assert.deepEqual(page.records[0]!.body.subarray(8), jpeg);
  });
});
