import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DUPLICATE, LATE, RtpReceiver } from '../../lib/rtp/receiver.js';
import { rtp, view } from './build.js';

function feed(receiver: RtpReceiver, sequences: number[]): number[] {
  return sequences.map((sequence, i) => receiver.update(view(rtp({ sequence, timestamp: i * 900 })), i * 10));
}

describe('RtpReceiver', () => {
  it('answers 0 for packets in a row, across the wrap at 65535', () => {
    const receiver = new RtpReceiver(90_000);
    assert.deepEqual(feed(receiver, [65534, 65535, 0, 1]), [0, 0, 0, 0]);
    assert.equal(receiver.extendedSequence, 65536 + 1);
    assert.equal(receiver.lost, 0);
    assert.equal(receiver.packets, 4);
    assert.equal(receiver.bytes, 48);
  });

  it('answers how many are missing, across the wrap too', () => {
    const receiver = new RtpReceiver(90_000);
    assert.deepEqual(feed(receiver, [10, 12, 15]), [0, 1, 2]);
    assert.deepEqual(feed(new RtpReceiver(90_000), [65534, 2]), [0, 3]);
    assert.equal(receiver.lost, 3);
  });

  it('quirk odd-rtp: tells duplicates from late packets', () => {
    const receiver = new RtpReceiver(90_000);
    assert.deepEqual(feed(receiver, [65533, 65535, 65535, 65534, 65534, 0]), [
      0,
      1,
      DUPLICATE,
      LATE,
      DUPLICATE,
      0,
    ]);
    assert.deepEqual(
      { lost: receiver.lost, late: receiver.late, duplicates: receiver.duplicates },
      { lost: 0, late: 1, duplicates: 2 },
    );
  });

  it('does not make the loss negative for packets from before the first one', () => {
    const receiver = new RtpReceiver(90_000);
    assert.deepEqual(feed(receiver, [10, 9, 11]), [0, LATE, 0]);
    assert.equal(receiver.lost, 0);
  });

  it('takes a big jump, either way, for a restart: one gap, nothing lost', () => {
    const receiver = new RtpReceiver(90_000);
    assert.deepEqual(feed(receiver, [100, 101, 40_000, 40_001, 39_000, 39_001]), [0, 0, 1, 0, 1, 0]);
    assert.equal(receiver.lost, 0);
    assert.deepEqual(feed(receiver, [39_001 + 2999]), [2998]);
  });

  it('starts anew after reset, with the counters going on', () => {
    const receiver = new RtpReceiver(90_000);
    feed(receiver, [1, 3]);
    receiver.senderReport(5, 0);
    receiver.reset();
    assert.deepEqual(feed(receiver, [500]), [0]);
    assert.equal(receiver.packets, 3);
    assert.equal(receiver.lost, 1);
    const block = receiver.report(1000);
    assert.equal(block.cumulativeLost, 0);
    assert.equal(block.lastSr, 0);
    assert.equal(block.delaySinceLastSr, 0);
    assert.equal(block.highestSequence, 500);
  });

  it('counts lost, late and duplicate packets right for any order of arrival within reach', () => {
    const order = fc.array(fc.tuple(fc.nat(5), fc.constantFrom('keep', 'keep', 'keep', 'lose', 'twice')), {
      minLength: 2,
      maxLength: 300,
    });
    fc.assert(
      fc.property(order, fc.nat(65535), (plan, first) => {
        const receiver = new RtpReceiver(90_000);
        const arriving: { at: number; sequence: number }[] = [{ at: -1, sequence: first }];
        plan.forEach(([delay, fate], i) => {
          const sequence = (first + 1 + i) & 0xffff;
          if (fate !== 'lose') arriving.push({ at: i + delay, sequence });
          if (fate === 'twice') arriving.push({ at: i + delay + 2, sequence });
        });
        arriving.sort((a, b) => a.at - b.at);
        feed(
          receiver,
          arriving.map((one) => one.sequence),
        );
        const distinct = new Set(arriving.map((one) => one.sequence)).size;
        const highest = Math.max(...arriving.map((one) => (one.sequence - first) & 0xffff));
        assert.equal(receiver.duplicates, arriving.length - distinct);
        assert.equal(receiver.lost, highest + 1 - distinct);
      }),
      { numRuns: 200 },
    );
  });

  it('measures the jitter of RFC 3550 A.8', () => {
    const receiver = new RtpReceiver(8000);
    const delays = [0, 10, 0, 25, 5];
    let expected = 0;
    delays.forEach((delay, i) => {
      receiver.update(view(rtp({ sequence: i, timestamp: 0xffffff00 + i * 160 })), i * 20 + delay);
      if (i > 0) expected += (Math.abs(delay - delays[i - 1]!) * 8 - expected) / 16;
    });
    assert.ok(Math.abs(receiver.jitter - expected) < 1e-6);
    assert.ok(Math.abs(receiver.jitterMs - expected / 8) < 1e-6);
  });

  it('does not take a jump of the timestamps for jitter', () => {
    const receiver = new RtpReceiver(90_000);
    receiver.update(view(rtp({ sequence: 1, timestamp: 0 })), 0);
    receiver.update(view(rtp({ sequence: 2, timestamp: 0x7000_0000 })), 40);
    assert.equal(receiver.jitter, 0);
  });

  it('makes report blocks: the fraction since the last one, the sum, the echo of the sender report', () => {
    const receiver = new RtpReceiver(90_000);
    feed(receiver, [0, 1, 2, 4]);
    receiver.senderReport(0xaabbccdd, 1000);
    const first = receiver.report(1500);
    assert.deepEqual(first, {
      ssrc: 0x1234,
      fractionLost: Math.floor(256 / 5),
      cumulativeLost: 1,
      highestSequence: 4,
      jitter: 0,
      lastSr: 0xaabbccdd,
      delaySinceLastSr: 32768,
    });
    feed(receiver, [5, 6]);
    const second = receiver.report(1500);
    assert.equal(second.fractionLost, 0);
    assert.equal(second.cumulativeLost, 1);
    assert.equal(receiver.report(1500).fractionLost, 0, 'nothing arrived in between');
  });
});
