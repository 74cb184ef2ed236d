import assert from 'node:assert/strict';
import { parseH264Sps } from '../../../lib/codec/h264/sps.js';
import type { AudioUnit, VideoUnit } from '../../../lib/codec/unit.js';
import { LiveFeed } from '../../../lib/nvr/view/live-feed.js';
import { FLAGS, RECORD_HEAD, RECORD_KINDS } from '../../../lib/nvr/view/records.js';
import { Viewer } from '../../../lib/nvr/view/viewer.js';
import { unrestricted } from '../../codec/h264/unrestricted.js';
import { clipUnits } from '../../kit/picture-units.js';
import { FakeHub, videoUnit } from '../../kit/fake-hub.js';

/** A page that takes everything at once. */
class FastPage {
  readonly records: { kind: string; flags: number; body: Buffer; bytes: Buffer }[] = [];
  readonly viewer = new Viewer(
    'id',
    {
      write: (bytes, sent) => {
        const kind = Object.entries(RECORD_KINDS).find(([, value]) => value === bytes[4])?.[0] ?? '?';
        this.records.push({ kind, flags: bytes[5]!, body: bytes.subarray(RECORD_HEAD), bytes });
        sent();
      },
      destroy: () => undefined,
    },
    () => 0,
  );

  get kinds(): string[] {
    return this.records.map(({ kind }) => kind);
  }

  state(index: number): Record<string, unknown> {
    const states = this.records.filter(({ kind }) => kind === 'state');
    return JSON.parse(states.at(index)!.body.toString()) as Record<string, unknown>;
  }
}

function feedOf(hub: FakeHub, ...pages: FastPage[]): LiveFeed {
  const feed = new LiveFeed(hub, 0);
  for (const page of pages) feed.add(page.viewer);
  return feed;
}

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
    feed.remove(first.viewer);
    const second = new FastPage();
    feed.add(second.viewer);
    assert.deepEqual(
      { joined: hub.joined, subscribers: hub.subscribers.size },
      { joined: 2, subscribers: 1 },
    );
    assert.deepEqual(second.kinds, []);
    hub.emit(units[2]!);
    hub.emit(units[0]!);
    assert.deepEqual(second.kinds, ['init', 'picture']);
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

  it('says in the page how the stream is, to a newcomer the state alone', () => {
    const hub = new FakeHub();
    const page = new FastPage();
    const feed = feedOf(hub, page);
    hub.tell({ type: 'connecting' });
    hub.tell({ type: 'reconnecting', code: 'EUNREACHABLE', reason: 'Gone.', retryInMs: 1000 });
    hub.tell({ type: 'warning', code: 'ENOKEYFRAME', reason: 'None came.' });
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
    hub.emit(videoUnit({ keyframe: true }));
    assert.equal(page.state(0).code, 'EUNSUPPORTED');
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
    for (let index = 0; index < 50; index++)
      hub.emit({ ...videoUnit({ codec: 'mjpeg', data: jpeg }), arrival: index * 20 });
    assert.equal(page.kinds.filter((kind) => kind === 'jpeg').length, 10);
    assert.deepEqual(page.records[0]!.body.subarray(8), jpeg);
  });

  it('sends sound that browsers play, on the pictures’ clock, and leaves out what they do not', () => {
    const hub = new FakeHub();
    const page = new FastPage();
    feedOf(hub, page);
    const sound = (codec: 'aac' | 'pcmu', mediaTime: number): AudioUnit => ({
      kind: 'audio',
      codec,
      data: Buffer.from([1, 2, 3]),
      damaged: false,
      format: { codec, sampleRate: 16_000, channels: 1, config: Buffer.from('1408', 'hex') },
      rtpTime: 0,
      rtpSequence: 0,
      arrival: mediaTime,
      mediaTime,
      time: 0,
      timeSource: 'arrival',
    });
    const [first] = clipUnits('h264', 1);
    const aac = sound('aac', first!.mediaTime! + 80);
    hub.emit(aac as never);
    assert.deepEqual(page.kinds, [], 'no clock yet');
    hub.emit(first!);
    hub.emit(aac as never);
    hub.emit({ ...aac, codec: 'pcmu' } as never);
    assert.deepEqual(page.kinds, ['init', 'picture', 'init', 'sound']);
    const shownAt = (index: number): number => page.records[index]!.body.readDoubleBE(8);
    assert.equal(shownAt(3) - shownAt(1), 80);
  });
});
