import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseH264Sps } from '../../../lib/codec/h264/sps.js';
import { nalsOf, types } from '../../kit/depacketizer-feed.js';
import { h264 } from './feed.js';
import { AUD, FIELDS_SPS, PPS, USER_SEI, delta, I_SLICE, idr, RECOVERY_SEI } from './nals.js';

const top = (frameNum: number, size = 40): Buffer => delta({ frameNum, field: 'top', size });
const bottom = (frameNum: number, size = 40): Buffer => delta({ frameNum, field: 'bottom', size });
const start = (): ReturnType<typeof h264> => h264().payload(FIELDS_SPS).payload(PPS);

describe('H264Depacketizer: pictures that may be fields', () => {
  it('reads what tells them apart', () => {
    assert.equal(parseH264Sps(FIELDS_SPS)?.frameNumBits, 4);
    assert.equal(parseH264Sps(FIELDS_SPS)?.framesOnly, false);
  });

  it('makes one unit of two fields of one timestamp, with a delimiter between them or not', () => {
    const feed = start();
    feed.payload(idr({ frameNum: 0, field: 'top' })).payload(bottom(0), true);
    feed.next().payload(AUD).payload(top(1)).payload(AUD).payload(USER_SEI).payload(bottom(1), true);
    assert.deepEqual(feed.units.map(types), [
      [7, 8, 5, 1],
      [9, 1, 1],
    ]);
    assert.ok(feed.units.every(({ damaged }) => !damaged));
  });

  it('makes two of two frames of one timestamp', () => {
    const feed = start();
    feed.payload(idr({ frameNum: 0 })).payload(delta({ frameNum: 1 }));
    feed
      .payload(delta({ frameNum: 1 }))
      .next()
      .payload(delta({ frameNum: 2 }), true);
    assert.deepEqual(feed.units.map(types), [[7, 8, 5], [1], [1], [1]]);
  });

  it('makes one unit of two fields, each with a marker of its own', () => {
    const feed = start();
    feed.payload(idr({ frameNum: 0, field: 'top' }), true);
    assert.equal(feed.units.length, 0);
    feed.payload(bottom(0), true).next().payload(bottom(1), true).payload(top(1), true);
    assert.deepEqual(feed.units.map(types), [
      [7, 8, 5, 1],
      [1, 1],
    ]);
    assert.ok(feed.units.every(({ damaged }) => !damaged));
  });

  it('makes one unit of two fields, each with a timestamp of its own: the first one’s', () => {
    for (const marked of [true, false]) {
      const feed = start();
      feed.payload(idr({ frameNum: 0, field: 'top' }), marked);
      feed.next().payload(bottom(0), marked);
      feed.next().payload(top(1), marked);
      feed.next().payload(USER_SEI).payload(bottom(1), marked);
      feed
        .next()
        .payload(delta({ frameNum: 2 }), marked)
        .flush();
      assert.deepEqual(feed.units.map(types), [[7, 8, 5, 1], [1, 1], [1]]);
      const [first, second, third] = feed.units.map(({ rtpTime }) => rtpTime);
      assert.deepEqual([second! - first!, third! - second!], [2 * 3600, 2 * 3600]);
      assert.deepEqual(nalsOf(feed.units[1]!), [top(1), bottom(1)]);
    }
  });

  it('takes fields that have no other half as they are', () => {
    const feed = start();
    feed.payload(idr({ frameNum: 0, field: 'top' }), true);
    for (let frameNum = 1; frameNum < 4; frameNum++) feed.next().payload(top(frameNum), true);
    assert.equal(feed.units.length, 3);
    assert.ok(feed.depacketizer.isHolding);
    feed.depacketizer.releaseHeld();
    assert.deepEqual(feed.units.map(types), [[7, 8, 5], [1], [1], [1]]);
    assert.ok(feed.units.every(({ damaged }) => !damaged));
    const times = feed.units.map(({ rtpTime }) => rtpTime);
    assert.deepEqual(new Set(times.slice(1).map((time, index) => time - times[index]!)).size, 1);
  });

  it('takes an I-field and a P-field behind a recovery point for a keyframe', () => {
    const feed = start();
    feed
      .payload(RECOVERY_SEI)
      .payload(delta({ frameNum: 0, field: 'top', sliceType: I_SLICE }))
      .payload(bottom(0), true);
    assert.equal(feed.units[0]?.keyframe, true);
  });

  it('flags a frame of which a field was lost', () => {
    const feed = start();
    feed.payload(idr({ frameNum: 0, field: 'top' })).payload(bottom(0), true);
    feed.next().payload(top(1), true).gap().next().payload(top(2), true).payload(bottom(2), true);
    assert.deepEqual(feed.units.map(types), [[7, 8, 5, 1], [1], [1, 1]]);
    assert.deepEqual(
      feed.units.map(({ damaged }) => damaged),
      [false, true, false],
    );
  });

  it('finds the frames again in any mixture of frames and fields, however they are marked and stamped', () => {
    const kinds = fc.array(
      fc.record({
        fields: fc.boolean(),
        marked: fc.boolean(),
        stamped: fc.boolean(),
        delimited: fc.boolean(),
        bottomFirst: fc.boolean(),
        slices: fc.integer({ min: 1, max: 3 }),
        isReference: fc.boolean(),
      }),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(kinds, (frames) => {
        const feed = start();
        feed.payload(idr({ frameNum: 0 }), true);
        let frameNum = 1;
        for (const { fields, marked, stamped, delimited, bottomFirst, slices, isReference } of frames) {
          const parities: ('top' | 'bottom')[] = bottomFirst ? ['bottom', 'top'] : ['top', 'bottom'];
          const parts = fields ? parities : [undefined];
          parts.forEach((field, index) => {
            if (index === 0 || stamped) feed.next();
            if (delimited) feed.payload(AUD);
            for (let slice = 0; slice < slices; slice++) {
              const isLast = slice === slices - 1 && (marked || index === parts.length - 1);
              feed.payload(delta({ frameNum, firstMb: slice * 9, ...(field && { field }) }), isLast);
            }
          });
          if (isReference) frameNum = (frameNum + 1) % 16;
        }
        feed.flush();
        const counts = feed.units.slice(1).map((unit) => types(unit).filter((type) => type === 1).length);
        assert.deepEqual(
          counts,
          frames.map(({ fields, slices }) => (fields ? 2 : 1) * slices),
        );
        assert.ok(feed.units.every(({ damaged }) => !damaged));
      }),
    );
  });
});
