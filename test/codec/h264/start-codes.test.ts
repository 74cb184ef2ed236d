import assert from 'node:assert/strict';
import { Feed, types, videoMedia } from '../../kit/depacketizer-feed.js';
import { H264Depacketizer } from '../../../lib/codec/h264/depacketizer.js';
import { delta, idr, PPS, SPS } from './nals.js';

const MARK = Buffer.of(0, 0, 0, 1);

describe('quirk broken-h264-fragments: start codes inside one H.264 NAL unit', () => {
  const large = delta({ size: 3000 });
  function start(): Feed {
    return new Feed(
      (media, sink) => new H264Depacketizer(media.payloads[0]!, media, sink),
      videoMedia('H264'),
    );
  }

  /** One NAL unit as a picture of its own. */
  function send(feed: Feed, payload: Buffer): number[] {
    feed.next().payload(payload, true);
    return types(feed.units.at(-1));
  }

  it('make it several, in a whole access unit sent as one and between slices', () => {
    const feed = start();
    assert.deepEqual(send(feed, Buffer.concat([SPS, MARK, PPS, MARK, idr({ size: 3000 })])), [7, 8, 5]);
    assert.deepEqual(send(feed, Buffer.concat([large, MARK, delta({ firstMb: 50 })])), [1, 1]);
  });

  it('are found near the start of a NAL unit however long a stream was clean, and anywhere while it was not', () => {
    const feed = start();
    const sets = Buffer.concat([SPS, MARK, PPS, MARK]);
    send(feed, Buffer.concat([sets, idr()]));
    const torn = Buffer.concat([large, MARK, delta({ firstMb: 50 })]);
    for (let i = 0; i < 1000; i++) send(feed, large);
    assert.deepEqual(send(feed, torn), [1, 1]);
    for (let i = 0; i < 1000; i++) send(feed, large);
    assert.deepEqual(send(feed, torn), [1, 1]);
    for (let i = 0; i < 1100; i++) send(feed, large);
    // Far inside a large one nobody looks any more; it is handed on as it came.
    assert.deepEqual(send(feed, torn), [1]);
    assert.ok(feed.units.at(-1)!.data.includes(torn));
    assert.deepEqual(send(feed, Buffer.concat([sets, idr({ size: 3000 })])), [7, 8, 5]);
    // That one was not clean: every byte counts again.
    assert.deepEqual(send(feed, torn), [1, 1]);
  });
});
