import assert from 'node:assert/strict';
import sinon from 'sinon';
import { Track } from '../../lib/client/track.js';
import { PictureOrder } from '../../lib/codec/picture-order.js';
import type { MediaUnit } from '../../lib/codec/unit.js';
import { LIMITS } from '../../lib/limits.js';
import { buildBye, buildSenderReport, parseRtcp } from '../../lib/rtp/rtcp.js';
import { rtp } from '../kit/scripted-server.js';

const [OURS, THEIRS, THIRD] = [0xf000_1234, 0x9999, 0x7777];
const YEAR = (year: number): number => Date.UTC(year, 5, 1);
const COMFORT_NOISE = 13;
const EPOCH_OFFSET_MS = 1_600_000_000_000;

describe('a track', () => {
  let track: Track;
  /** What is asked of the depacketizer, which makes one unit of each packet, and what is told of losses. */
  let calls: string[];
  let units: MediaUnit[];
  let byes: number;
  let isHolding: boolean;
  /** What units are, where that matters. */
  let as: Partial<MediaUnit>;

  function make(unordered: boolean): void {
    [calls, units, byes, isHolding, as] = [[], [], 0, false, {}];
    track = new Track({
      payloadType: 99,
      alsoAnnounced: [COMFORT_NOISE],
      clockRate: 90_000,
      unordered,
      ssrc: 0x8000_0001,
      cname: 'us',
      epochOffsetMs: EPOCH_OFFSET_MS,
      createDepacketizer: (sink) => ({
        push: ({ sequence, timestamp }, arrival) => {
          calls.push(`push ${sequence} at ${arrival}`);
          sink({ kind: 'metadata', rtpTime: timestamp, arrival, ...as } as MediaUnit);
        },
        gap: () => calls.push('gap'),
        flush: () => calls.push('flush'),
        reset: () => calls.push('reset'),
        releaseHeld: () => calls.push('release'),
        get isHolding() {
          return isHolding;
        },
      }),
      onUnit: (unit) => units.push(unit),
      onLoss: (missing) => calls.push(`lost ${missing}`),
      onBye: () => byes++,
    });
  }

  beforeEach(() => {
    make(true);
  });

  function take(packet: Buffer, arrival: number): void {
    track.rtp(packet, 0, packet.length, arrival);
  }

  /** One packet every 40 ms of its source's time, which arrives at that time. */
  const packet = (sequence: number, ssrc = OURS, payloadType = 99): Buffer =>
    rtp(sequence, sequence * 3600, true, Buffer.alloc(4), { ssrc, payloadType });
  const come = (from: number, to: number, ssrc = OURS): void => {
    for (let sequence = from; sequence <= to; sequence++) take(packet(sequence, ssrc), sequence * 40);
  };

  function report(ssrc: number, ntpMs: number, arrival = 0): void {
    const bytes = buildSenderReport({ ssrc, ntpMs, rtpTime: 0, packets: 1, bytes: 1 });
    track.rtcp(bytes, 0, bytes.length, arrival);
  }

  /** The year that a unit says it was taken in. */
  const year = (unit: MediaUnit | undefined): number | undefined =>
    unit?.captureTime === undefined ? undefined : new Date(unit.captureTime).getUTCFullYear();

  it('hands on each packet with the time at which it came, those too that waited for their source to be known', () => {
    come(1, 3);
    assert.deepEqual(calls, ['push 1 at 40', 'push 2 at 80', 'push 3 at 120']);
    assert.equal(track.received, 3);
  });

  it('gives units the time of day at which they came, by a clock of its own where it shares none', () => {
    come(1, 3);
    for (const { time, arrival } of units)
      assert.ok(Math.abs(time - EPOCH_OFFSET_MS - arrival) < 200, `${time} of ${arrival}`);
  });

  it('says what is lost behind the units before it and ahead of the packet behind it', () => {
    come(1, 2);
    take(packet(5), 200);
    assert.equal(track.isReordering, true);
    track.release(200 + LIMITS.reorderMs);
    assert.deepEqual(calls.slice(2), ['gap', 'lost 2', 'push 5 at 300']);
    assert.equal(track.isReordering, false);
  });

  it('counts a packet that comes twice and one that comes too late, and hands on neither', () => {
    come(1, 3);
    take(packet(3), 130);
    take(packet(6), 140);
    track.release(140 + LIMITS.reorderMs);
    const before = calls.length;
    take(packet(5), 300);
    assert.deepEqual(
      { duplicates: track.duplicates, late: track.late, handedOn: calls.length - before },
      { duplicates: 1, late: 1, handedOn: 0 },
    );
  });

  it('puts packets in order over TCP too, where each read uses the same buffer', () => {
    make(false);
    const buffer = Buffer.alloc(64);
    const read = (sequence: number): void => {
      const bytes = packet(sequence);
      bytes.copy(buffer, 7);
      track.rtp(buffer, 7, 7 + bytes.length, sequence * 40);
      buffer.fill(0xee);
    };
    for (const sequence of [1, 2, 4, 3]) read(sequence);
    assert.deepEqual(
      calls.map((call) => call.split(' at ')[0]),
      ['push 1', 'push 2', 'push 3', 'push 4'],
    );
  });

  it('ignores what is not its own, and counts that: other types, other sources, and what is no RTP', () => {
    come(1, 2);
    take(packet(3, OURS, 50), 120);
    assert.equal(track.foreignType, 50);
    take(Buffer.alloc(20), 120);
    // Fifteen sources that contribute, and no room for them.
    const broken = packet(3);
    broken[0] = 0x8f;
    take(broken, 120);
    assert.deepEqual({ ignored: track.ignored, received: track.received }, { ignored: 3, received: 2 });
    take(packet(4), 160);
    assert.equal(track.foreignType, undefined);
  });

  it('announces its payload types, and no other', () => {
    assert.deepEqual(
      [98, 99, COMFORT_NOISE, 0].filter((type) => track.announces(type)),
      [99, COMFORT_NOISE],
    );
  });

  it('counts its other payload types for the sequence, and hands them on to nobody', () => {
    come(1, 2);
    take(packet(3, OURS, COMFORT_NOISE), 120);
    take(packet(4), 160);
    assert.deepEqual(
      { calls: calls.slice(2), received: track.received, lost: track.receiver.lost },
      { calls: ['push 4 at 160'], received: 4, lost: 0 },
    );
  });

  describe('whose source changes', () => {
    it('ends what the old one left, and numbers the new ones', () => {
      come(1, 2);
      for (const [index, ssrc] of [THEIRS, THIRD].entries()) {
        calls = [];
        const next = 3 + 2 * index;
        // A source that goes on where the other has stopped is taken at once.
        take(packet(next, ssrc), next * 40);
        take(packet(next + 1, ssrc), (next + 1) * 40);
        assert.deepEqual(calls, [
          'flush',
          'reset',
          `push ${next} at ${next * 40}`,
          `push ${next + 1} at ${(next + 1) * 40}`,
        ]);
      }
      assert.deepEqual(
        units.map(({ source }) => source),
        [undefined, undefined, 1, 1, 2, 2],
      );
    });

    it('ends what was left though the old one has the number 0', () => {
      come(1, 2, 0);
      calls = [];
      take(packet(3, THEIRS), 120);
      assert.deepEqual(calls, ['flush', 'reset', 'push 3 at 120']);
    });

    it('hands on no packet of the new one that comes twice, or too late', () => {
      come(1, 2);
      for (const sequence of [3, 4, 4, 7]) take(packet(sequence, THEIRS), sequence * 40);
      track.release(280 + LIMITS.reorderMs);
      const before = units.length;
      take(packet(6, THEIRS), 400);
      assert.deepEqual(
        { before, units: units.length, duplicates: track.duplicates, late: track.late },
        { before: 5, units: 5, duplicates: 1, late: 1 },
      );
    });

    it('reports of the new one alone, from its own clock, and has no loss between the two', () => {
      report(OURS, YEAR(2024));
      come(1, 2);
      assert.notEqual(lastSr(), 0);
      take(packet(3, THEIRS), 120);
      assert.equal(lastSr(), 0);
      assert.equal(year(units.at(-1)), undefined, 'the old clock says nothing of the new one');
      assert.deepEqual(
        { lost: track.receiver.lost, calls: calls.filter((call) => call === 'gap') },
        { lost: 0, calls: [] },
      );
    });
  });

  /** The sender report that the next receiver report echoes: its LSR. */
  function lastSr(): number {
    return track.receiverReport(1000).readUInt32BE(24);
  }

  describe('with reports', () => {
    it('learns the time of day from its source’s, which may come before the first packet, and from no other’s', () => {
      report(OURS, YEAR(2024));
      come(1, 2);
      assert.equal(year(units.at(-1)), 2024);
      report(THEIRS, YEAR(2011), 100);
      come(3, 4);
      assert.equal(year(units.at(-1)), 2024);
      report(OURS, YEAR(2025), 170);
      come(5, 6);
      assert.equal(year(units.at(-1)), 2025);
    });

    it('learns nothing from another’s that came before its first packet', () => {
      report(THEIRS, YEAR(2011));
      come(1, 2);
      assert.equal(year(units.at(-1)), undefined);
      assert.equal(lastSr(), 0);
    });

    it('forgets what another one said once its own source is known', () => {
      report(THEIRS, YEAR(2011));
      come(1, 2);
      take(packet(3, THEIRS), 120);
      assert.equal(year(units.at(-1)), undefined);
    });

    it('sends none of a source before there is one, and then how long ago that one’s came', () => {
      const empty = track.receiverReport(0);
      assert.deepEqual(
        { blocks: empty[0]! & 0x1f, from: empty.readUInt32BE(4) },
        { blocks: 0, from: 0x8000_0001 },
      );
      come(1, 2);
      report(OURS, YEAR(2024), 500);
      const full = track.receiverReport(1500);
      assert.deepEqual(
        {
          blocks: full[0]! & 0x1f,
          about: full.readUInt32BE(8),
          agoMs: Math.round(full.readUInt32BE(28) / 65.536),
          named: full.includes('us'),
          describes: full.readUInt32BE(32 + 4),
        },
        { blocks: 1, about: OURS, agoMs: 1000, named: true, describes: 0x8000_0001 },
      );
      assert.ok(parseRtcp(full, 0, full.length, {}));
    });

    it('takes the goodbye of its source, and any before there is one', () => {
      const bye = (ssrc: number): void => {
        const bytes = buildBye(ssrc);
        track.rtcp(bytes, 0, bytes.length, 0);
      };
      bye(THEIRS);
      assert.equal(byes, 1);
      come(1, 2);
      bye(THEIRS);
      assert.equal(byes, 1);
      bye(OURS);
      assert.equal(byes, 2);
    });
  });

  it('asks for the place in display order of pictures that may be reordered, and of no others', () => {
    const asked = sinon.stub(PictureOrder.prototype, 'of').returns(0);
    const formats = [
      { kind: 'video', codec: 'h264', format: { codec: 'h264', reorderDepth: 2 } },
      { kind: 'video', codec: 'h265', format: { codec: 'h265' } },
      { kind: 'video', codec: 'h264', format: { codec: 'h264', reorderDepth: 0 } },
      { kind: 'video', codec: 'mjpeg', format: { codec: 'mjpeg' } },
      { kind: 'audio', codec: 'pcmu', format: { codec: 'pcmu' } },
    ];
    formats.forEach((format, index) => {
      as = format as unknown as Partial<MediaUnit>;
      if (index === 0) come(1, 2);
      else come(index + 2, index + 2);
    });
    sinon.restore();
    assert.deepEqual(
      asked.args.map(([{ codec }]) => codec),
      ['h264', 'h264', 'h265'],
    );
    assert.equal(new Set(asked.thisValues).size, 1, 'the place is one among all the track’s pictures');
  });

  it('takes a packet that stays alone half a second later, or at the end', () => {
    come(1, 1);
    track.release(40 + 499);
    assert.deepEqual(calls, []);
    track.release(40 + 500);
    assert.deepEqual(calls, ['push 1 at 40']);
    make(true);
    come(1, 1);
    track.flush();
    assert.deepEqual(calls, ['push 1 at 40', 'flush']);
  });

  it('hands on what waits for a missing packet at the end, before what is incomplete', () => {
    come(1, 2);
    take(packet(4), 160);
    calls = [];
    track.flush();
    assert.deepEqual(
      calls.map((call) => call.split(' at ')[0]),
      ['gap', 'lost 1', 'push 4', 'flush'],
    );
  });

  it('says that a unit waits, and hands it out when it is told', () => {
    assert.equal(track.isHolding, false);
    isHolding = true;
    assert.deepEqual(
      { holding: track.isHolding, reordering: track.isReordering },
      { holding: true, reordering: false },
    );
    track.releaseHeld();
    assert.deepEqual(calls, ['release']);
  });

  it('knows its source once that was named or has sent two packets', () => {
    come(1, 1);
    assert.equal(track.isHeard, false);
    come(2, 2);
    assert.equal(track.isHeard, true);
    make(true);
    track.expect({ ssrc: OURS });
    come(1, 1);
    assert.deepEqual({ heard: track.isHeard, calls }, { heard: true, calls: ['push 1 at 40'] });
  });
});
