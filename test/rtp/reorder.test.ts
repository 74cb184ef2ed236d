import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LIMITS } from '../../lib/limits.js';
import { ReorderBuffer } from '../../lib/rtp/reorder.js';
import { rtp } from './build.js';

/** A reorder buffer whose output is written down: sequence numbers, and gaps as `gap N`. */
function recorder(options: { packets?: number; waitMs?: number; ordered?: boolean } = {}) {
  const out: (number | string)[] = [];
  const buffer = new ReorderBuffer((packet, start) => out.push(packet.readUInt16BE(start + 2)), {
    ...options,
    onGap: (missing) => out.push(`gap ${missing}`),
  });
  const push = (sequence: number, nowMs = 0, ssrc = 1): void => {
    const packet = rtp({ sequence, ssrc });
    buffer.push(packet, 0, packet.length, nowMs);
  };
  return { out, buffer, push };
}

describe('ReorderBuffer', () => {
  it('passes packets in order straight through, the very same buffer', () => {
    const seen: Buffer[] = [];
    const buffer = new ReorderBuffer((packet) => seen.push(packet));
    const packets = [65534, 65535, 0].map((sequence) => rtp({ sequence }));
    for (const packet of packets) buffer.push(packet, 0, packet.length, 0);
    assert.ok(packets.every((packet, i) => packet === seen[i]));
    assert.equal(buffer.nextDeadline(), undefined);
  });

  it('quirk odd-rtp: puts packets in order and drops duplicates, across the wrap at 65535', () => {
    const { out, push, buffer } = recorder();
    for (const sequence of [65533, 0, 65535, 0, 65533, 1, 65534, 2]) push(sequence);
    assert.deepEqual(out, [65533, 65534, 65535, 0, 1, 2]);
    assert.deepEqual({ duplicates: buffer.duplicates, late: buffer.late }, { duplicates: 2, late: 0 });
  });

  it('quirk odd-rtp: reorders up to 64 packets, then gives the missing one up', () => {
    const { out, push, buffer } = recorder();
    push(1000);
    for (let i = 0; i < LIMITS.reorderPackets - 1; i++) push(1002 + i);
    assert.deepEqual(out, [1000], 'all are held');
    push(1002 + LIMITS.reorderPackets - 1);
    assert.deepEqual(out.slice(0, 4), [1000, 'gap 1', 1002, 1003]);
    assert.equal(out.length, 2 + LIMITS.reorderPackets);
    push(1001);
    assert.equal(out.length, 2 + LIMITS.reorderPackets, 'now it is late');
    push(1000);
    assert.deepEqual({ duplicates: buffer.duplicates, late: buffer.late }, { duplicates: 1, late: 1 });
  });

  it('gives a missing packet up after 100 ms, at the deadline or with the next packet', () => {
    const { out, push, buffer } = recorder();
    push(1, 0);
    push(3, 10);
    push(4, 50);
    assert.equal(buffer.nextDeadline(), 10 + LIMITS.reorderMs);
    buffer.flush(10 + LIMITS.reorderMs - 1);
    assert.deepEqual(out, [1]);
    buffer.flush(10 + LIMITS.reorderMs);
    assert.deepEqual(out, [1, 'gap 1', 3, 4]);
    assert.equal(buffer.nextDeadline(), undefined);
    push(6, 300);
    push(8, 350);
    push(9, 400);
    assert.deepEqual(out.slice(4), ['gap 1', 6]);
    assert.equal(buffer.nextDeadline(), 450);
    buffer.flush(460);
    assert.deepEqual(out.slice(6), ['gap 1', 8, 9]);
    buffer.flush(1000);
  });

  it('waits for the packet that has waited longest, whatever its number', () => {
    const { out, push, buffer } = recorder();
    push(1, 0);
    push(6, 10);
    push(3, 90);
    buffer.flush(110);
    assert.deepEqual(out, [1, 'gap 1', 3, 'gap 2', 6]);
  });

  it('jumps ahead over a hole that is longer than it can hold', () => {
    const { out, push } = recorder();
    push(1);
    push(3);
    push(500);
    assert.deepEqual(out, [1, 'gap 1', 3, 'gap 496', 500]);
  });

  it('delivers a packet whose turn comes when room is made for it', () => {
    const { out, push } = recorder({ packets: 4 });
    push(0);
    push(2);
    push(4);
    push(5);
    push(6);
    assert.deepEqual(out, [0, 'gap 1', 2]);
    push(3);
    assert.deepEqual(out.slice(3), [3, 4, 5, 6]);
    push(8);
    push(9);
    push(10);
    push(11);
    push(15);
    assert.deepEqual(out.slice(7), ['gap 1', 8, 9, 10, 11]);
    push(16);
    assert.deepEqual(out.slice(12), ['gap 3', 15, 16]);
  });

  it('restarts at a big jump once a second packet proves it, and loses neither', () => {
    const { out, push } = recorder();
    push(100);
    push(102);
    push(30_000);
    assert.deepEqual(out, [100]);
    push(30_001);
    assert.deepEqual(out, [100, 'gap 1', 102, 'gap 1', 30_000, 30_001]);
  });

  it('drops a stray packet far from the sequence', () => {
    const { out, push, buffer } = recorder();
    push(100);
    push(30_000);
    push(101);
    assert.equal(buffer.nextDeadline(), undefined);
    push(20_000);
    push(50_000);
    push(102);
    assert.deepEqual(out, [100, 101, 102]);
  });

  it('restarts at a big jump when nothing else comes', () => {
    const { out, push, buffer } = recorder();
    push(100, 0);
    push(30_000, 10);
    assert.equal(buffer.nextDeadline(), 110);
    buffer.flush(109);
    buffer.flush(110);
    assert.deepEqual(out, [100, 'gap 1', 30_000]);
  });

  it('quirk odd-rtp: starts anew with another SSRC, after handing out what it held', () => {
    const { out, push } = recorder();
    push(100, 0, 1);
    push(102, 0, 1);
    push(40_000, 0, 2);
    push(7, 0, 3);
    push(8, 0, 3);
    assert.deepEqual(out, [100, 'gap 1', 102, 40_000, 7, 8]);
  });

  it('keeps what it holds back as it was, where the read buffer is used again, and passes on what is in order in place', () => {
    const read = Buffer.alloc(100);
    const out: { sequence: number; inPlace: boolean }[] = [];
    const buffer = new ReorderBuffer(
      (packet, start) => {
        out.push({ sequence: packet.readUInt16BE(start + 2), inPlace: packet === read });
      },
      { ordered: true },
    );
    for (const sequence of [1, 2, 4, 5, 3, 6, 30_000, 30_001]) {
      rtp({ sequence }).copy(read, 20);
      buffer.push(read, 20, 32, 0);
      read.fill(0xee);
    }
    assert.deepEqual(
      out.map(({ sequence }) => sequence),
      [1, 2, 3, 4, 5, 6, 30_000, 30_001],
    );
    assert.deepEqual(
      out.filter(({ inPlace }) => !inPlace).map(({ sequence }) => sequence),
      [4, 5, 30_000],
    );
  });

  it('waits hardly at all over a transport that keeps order, once waiting was in vain, and again as soon as one comes late', () => {
    const { out, push, buffer } = recorder({ ordered: true });
    let now = 0;
    let sequence = 0;
    push(sequence);
    /** One is missing; answers how long the next ones are held back, one a millisecond. */
    const drop = (): number => {
      sequence++;
      const before = out.length;
      const begun = now;
      while (out.length === before) push(++sequence, ++now);
      return now - begun;
    };
    for (let i = 0; i < 4; i++) assert.equal(drop(), LIMITS.reorderPackets);
    for (let i = 0; i < 4; i++) assert.equal(drop(), 4);
    push(sequence + 2, ++now);
    buffer.flush(now + 10);
    assert.equal(out.at(-1), sequence + 2, 'and 10 ms at most');
    push(sequence + 1, now);
    assert.equal(buffer.late, 1);
    sequence += 2;
    assert.equal(drop(), LIMITS.reorderPackets, 'a late one was seen: it pays to wait');
    for (let i = 0; i < 3; i++) drop();
    push(sequence + 2, now);
    push(sequence + 1, now);
    sequence += 2;
    assert.equal(drop(), LIMITS.reorderPackets, 'one that came in time was seen');
  });

  it('says of each packet when its turn came, and hands out all that it holds at the end', () => {
    const out: number[][] = [];
    const buffer = new ReorderBuffer((packet, start, _end, now) =>
      out.push([packet.readUInt16BE(start + 2), now]),
    );
    [1, 3, 2, 5, 7, 30_000].forEach((sequence, i) => {
      buffer.push(rtp({ sequence }), 0, 12, i);
    });
    assert.deepEqual(out, [
      [1, 0],
      [2, 2],
      [3, 2],
    ]);
    buffer.end();
    assert.deepEqual(out.slice(3), [
      [5, 5],
      [7, 5],
      [30_000, 5],
    ]);
    assert.equal(buffer.isHolding, false);
    buffer.end();
  });

  it('lets the next packet pass unpushed while nothing waits, and counts it', () => {
    const { out, push, buffer } = recorder();
    const ssrc = 0xffff_fffe;
    assert.equal(buffer.takeInOrder(1, ssrc), false);
    push(1, 0, ssrc);
    assert.equal(buffer.takeInOrder(1, ssrc), false);
    assert.equal(buffer.takeInOrder(2, 7), false);
    assert.equal(buffer.takeInOrder(2, ssrc), true);
    push(2, 0, ssrc);
    assert.equal(buffer.duplicates, 1);
    push(30_000, 0, ssrc);
    assert.equal(buffer.takeInOrder(3, ssrc), true);
    assert.equal(buffer.isHolding, false, 'the old sequence goes on: that one was a stray');
    push(5, 0, ssrc);
    assert.equal(buffer.takeInOrder(4, ssrc), false);
    push(4, 0, ssrc);
    assert.deepEqual(out, [1, 4, 5]);
    assert.equal(buffer.takeInOrder(6, ssrc), true);
  });

  it('ignores what is too short for RTP', () => {
    const { out, buffer } = recorder();
    buffer.push(Buffer.alloc(11), 0, 11, 0);
    assert.deepEqual(out, []);
    const silent = new ReorderBuffer(() => undefined);
    for (const sequence of [1, 3, 900]) silent.push(rtp({ sequence }), 0, 12, 0);
  });

  it('delivers every packet that came in time exactly once and in order, and counts the others as gaps', () => {
    const plan = fc.array(fc.tuple(fc.nat(20), fc.constantFrom('keep', 'keep', 'keep', 'lose', 'twice')), {
      minLength: 1,
      maxLength: 400,
    });
    fc.assert(
      fc.property(plan, fc.nat(65535), (steps, first) => {
        const { out, push, buffer } = recorder({ waitMs: 1e9 });
        const arriving: { at: number; index: number }[] = [{ at: -1, index: 0 }];
        steps.forEach(([delay, fate], i) => {
          if (fate !== 'lose') arriving.push({ at: i + delay, index: i + 1 });
          if (fate === 'twice') arriving.push({ at: i + delay + 3, index: i + 1 });
        });
        arriving.sort((a, b) => a.at - b.at);
        for (const one of arriving) push((first + one.index) & 0xffff);
        buffer.flush(2e9);
        let expected = first;
        for (const item of out) {
          if (typeof item === 'string') expected += Number(item.slice(4));
          else assert.equal(item, expected++ & 0xffff);
        }
        const came = new Set(arriving.map((one) => one.index));
        assert.equal(out.filter((item) => typeof item === 'number').length, came.size);
      }),
      { numRuns: 200 },
    );
  });
});
