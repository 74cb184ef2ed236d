import assert from 'node:assert/strict';
import sinon from 'sinon';
import { RECORD_HEAD, RECORD_KINDS } from '../../../lib/nvr/view/records.js';
import { View, type Wish } from '../../../lib/nvr/view/view.js';
import { FakeHub } from '../../kit/fake-hub.js';

const MINUTE_MS = 60_000;
const CAMERAS = [
  { channel: 1, name: 'Gate' },
  { channel: 2, name: 'Yard' },
];
const video = (camera: number): Wish => ({ camera, stream: 'main', as: 'video' });
const still = (camera: number): Wish => ({ camera, stream: 'main', as: 'still' });

describe('the cameras of a view and its pages', () => {
  let clock: sinon.SinonFakeTimers;
  let hubs: FakeHub[];
  /** Signals of the stills that were asked for. */
  let stills: AbortSignal[];
  let counts: string[];
  let askedFor: string[];
  let view: View;

  beforeEach(() => {
    clock = sinon.useFakeTimers({
      now: 1_700_000_000_000,
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
    });
    hubs = [];
    stills = [];
    counts = [];
    askedFor = [];
    view = new View({
      cameras: CAMERAS,
      maxViewers: 2,
      hub: (channel, stream) => {
        askedFor.push(`${channel} ${stream}`);
        hubs.push(new FakeHub());
        return hubs.at(-1)!;
      },
      still: () => (signal) => {
        stills.push(signal);
        return Promise.resolve({ data: Buffer.from([0xff, 0xd8]), time: 1 });
      },
      onViewers: (count, event) => counts.push(`${event} ${count}`),
    });
  });

  afterEach(() => {
    view.close();
    assert.equal(clock.countTimers(), 0, 'no timer is left');
    clock.restore();
  });

  /** A page that takes everything at once, or nothing. */
  function open(takes = true): { id: string; sent: Buffer[]; isCut: () => boolean } {
    const sent: Buffer[] = [];
    let isCut = false;
    const sink = {
      write: (bytes: Buffer, done: () => void): void => {
        sent.push(bytes);
        if (takes) done();
      },
      destroy: (): void => void (isCut = true),
    };
    return { id: view.open(sink, {}), sent, isCut: () => isCut };
  }

  it('takes a page in again once another one has left, and no more than are allowed', () => {
    const first = open();
    open();
    assert.throws(() => open(), { code: 'EBUSY' });
    view.leave(first.id);
    view.leave(first.id);
    open();
    assert.deepEqual(counts, ['joined 1', 'joined 2', 'left 1', 'joined 2']);
    assert.equal(view.want(first.id, [video(0)]), false);
  });

  it('cuts off a page that takes nothing, also where all pages had left before', () => {
    for (let round = 0; round < 2; round++) {
      const page = open(false);
      view.want(page.id, [video(0)]);
      clock.tick(MINUTE_MS);
      assert.equal(page.isCut(), true);
      assert.equal(view.viewers, 0);
      assert.equal(hubs.at(-1)!.subscribers.size, 0);
    }
  });

  it('tells a page that takes everything that it is alive, and keeps it', () => {
    const page = open();
    const before = page.sent.length;
    clock.tick(MINUTE_MS);
    assert.ok(page.sent.length > before);
    assert.equal(view.viewers, 1);
  });

  it('leaves a camera with its last page, and asks for it again for the next one', () => {
    const [one, other] = [open(), open()];
    for (const { id } of [one, other]) view.want(id, [video(0)]);
    assert.equal(hubs.length, 1);
    view.want(one.id, []);
    assert.equal(hubs[0]!.subscribers.size, 1);
    view.leave(other.id);
    assert.equal(hubs[0]!.subscribers.size, 0);
    view.want(one.id, [video(0)]);
    assert.equal(hubs.length, 2, 'a hub may have been forgotten meanwhile');
    assert.equal(hubs[1]!.subscribers.size, 1);
  });

  it('greets a page with its id and the cameras', () => {
    const { id, sent } = open();
    const hello = JSON.parse(sent[0]!.subarray(RECORD_HEAD).toString()) as object;
    assert.deepEqual(hello, { viewer: id, cameras: CAMERAS });
  });

  it('asks for a camera by its channel, and sends what it shows by its place on the page', async () => {
    const page = open();
    view.want(page.id, [{ ...video(1), stream: 'dual' }, still(0)]);
    assert.deepEqual(askedFor, ['2 dual']);
    hubs[0]!.tell({ type: 'connecting' });
    await clock.tickAsync(0);
    const placeOf = (kind: number): number | undefined =>
      page.sent.find((bytes) => bytes[4] === kind)?.readUInt16BE(6);
    assert.deepEqual(
      { state: placeOf(RECORD_KINDS.state), jpeg: placeOf(RECORD_KINDS.jpeg) },
      { state: 1, jpeg: 0 },
    );
  });

  it('tells all pages which camera to show, and how', () => {
    const { sent } = open();
    view.show(1, 'all');
    assert.deepEqual(JSON.parse(sent.at(-1)!.subarray(RECORD_HEAD).toString()), { camera: 1, layout: 'all' });
  });

  it('takes no page in once it is closed', () => {
    const page = open();
    view.close();
    assert.equal(page.isCut(), true);
    assert.throws(() => open(), { code: 'EBUSY', message: /closed/ });
  });

  it('keeps the streams of a camera apart, and its stills, also on one page', () => {
    const [one, other] = [open(), open()];
    view.want(one.id, [video(0)]);
    view.want(other.id, [{ ...video(0), stream: 'dual' }]);
    assert.equal(hubs.length, 2);
    view.want(one.id, [still(0)]);
    assert.equal(stills.length, 1);
    assert.deepEqual(
      hubs.map(({ subscribers }) => subscribers.size),
      [0, 1],
    );
    view.want(other.id, [video(0)]);
    assert.deepEqual(
      hubs.map(({ subscribers }) => subscribers.size),
      [0, 0, 1],
    );
  });

  it('shares what is shown with a page that comes, also once another has left it, or another camera', () => {
    const [one, other] = [open(), open()];
    for (const { id } of [one, other]) view.want(id, [video(0), video(1)]);
    view.want(one.id, []);
    view.want(one.id, [video(0), video(1)]);
    assert.equal(hubs.length, 2);
    view.want(one.id, [video(1)]);
    view.want(other.id, [video(1)]);
    view.want(one.id, []);
    view.want(one.id, [video(1)]);
    assert.equal(hubs.length, 2);
  });

  it('begins nothing anew for a page that asks for the same again', () => {
    const page = open();
    view.want(page.id, [video(0)]);
    hubs[0]!.tell({ type: 'connecting' });
    const before = page.sent.length;
    view.want(page.id, [video(0), video(1)]);
    assert.equal(page.sent.length, before);
  });

  it('changes what a page shows without touching what it goes on with', () => {
    const page = open();
    view.want(page.id, [video(0), video(1)]);
    view.want(page.id, [video(1)]);
    assert.deepEqual(
      hubs.map(({ subscribers, joined }) => [subscribers.size, joined]),
      [
        [0, 1],
        [1, 1],
      ],
    );
  });

  it('goes by the newest request, whichever comes last, and by the next one', () => {
    const page = open();
    view.want(page.id, [video(0)], 1);
    view.want(page.id, [video(1)], 3);
    assert.equal(view.want(page.id, [video(0)], 2), true, 'the page is there');
    assert.deepEqual(
      hubs.map(({ subscribers }) => subscribers.size),
      [0, 1],
    );
    view.want(page.id, [], 4);
    assert.equal(hubs[1]!.subscribers.size, 0);
    view.want(page.id, [video(1)], 4);
    assert.equal(hubs.at(-1)!.subscribers.size, 1, 'a repeated request is no older one');
    const other = open();
    view.want(other.id, [video(1)], -1);
    view.want(other.id, [], -2);
    assert.equal(hubs.at(-1)!.subscribers.size, 1, 'whatever number a page begins with');
    view.want(page.id, [], 5);
    assert.equal(hubs.at(-1)!.subscribers.size, 1);
  });

  it('makes stills for as long as a page wants them, one a second', async () => {
    const page = open();
    view.want(page.id, [still(0)]);
    await clock.tickAsync(2_500);
    assert.equal(stills.length, 3);
    view.want(page.id, []);
    assert.equal(stills.at(-1)!.aborted, true);
    await clock.tickAsync(MINUTE_MS);
    assert.equal(stills.length, 3);
    view.want(page.id, [still(0)]);
    await clock.tickAsync(0);
    assert.equal(stills.length, 4);
  });
});
