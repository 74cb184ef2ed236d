import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LIMITS } from '../../lib/limits.js';
import { Admission, type AdmissionOptions, type ExpectedSource } from '../../lib/rtp/admission.js';
import { RtpPacketView } from '../../lib/rtp/packet.js';

const OURS = 0x1111;
const THEIRS = 0x2222;

interface Sent {
  at: number;
  ssrc: number;
  sequence: number;
  type: number;
}

function packetOf({ at, ssrc, sequence, type }: Sent): Buffer {
  const packet = Buffer.alloc(20, 0x55);
  packet[0] = 0x80;
  packet[1] = type;
  packet.writeUInt16BE(sequence & 0xffff, 2);
  packet.writeUInt32BE(Math.round(at * 90), 4);
  packet.writeUInt32BE(ssrc, 8);
  return packet;
}

/** A stream of frames of three packets each, `fps` a second. */
function stream(
  ssrc: number,
  { from = 0, to = 10_000, fps = 25, sequence = 100, type = 96, perFrame = 3 } = {},
): Sent[] {
  const sent: Sent[] = [];
  for (let frame = 0; from + (frame * 1000) / fps < to; frame++)
    for (let i = 0; i < perFrame; i++)
      sent.push({ at: from + (frame * 1000) / fps, ssrc, sequence: sequence++, type });
  return sent;
}

/** As they come on one channel: by time, and what comes at the same time in the order given. */
function merge(...streams: readonly Sent[][]): Sent[] {
  return streams.flat().sort((a, b) => a.at - b.at);
}

/** What is let through, looked after once a second as a session does. */
function admitted(
  sent: readonly Sent[],
  {
    expected,
    isFast = false,
    ...options
  }: Partial<AdmissionOptions> & { expected?: ExpectedSource; isFast?: boolean } = {},
): { packets: { ssrc: number; sequence: number; arrival: number }[]; admission: Admission } {
  const packets: { ssrc: number; sequence: number; arrival: number }[] = [];
  const note = (packet: Buffer, arrival: number): void => {
    packets.push({ ssrc: packet.readUInt32BE(8), sequence: packet.readUInt16BE(2), arrival });
  };
  const admission = new Admission({ payloadType: 96, onHeld: note, ...options });
  if (expected !== undefined) admission.expect(expected);
  const view = new RtpPacketView();
  let tick = 1000;
  for (const one of sent) {
    for (; tick <= one.at; tick += 1000) admission.release(5000 + tick);
    const packet = packetOf(one);
    const arrival = 5000 + one.at;
    const isAtOnce = isFast && view.parse(packet, 0, packet.length) && admission.admitsAtOnce(view, arrival);
    if (isAtOnce || admission.admit(packet, 0, packet.length, arrival)) note(packet, arrival);
    // The read buffer is the next read's.
    packet.fill(0);
  }
  admission.flush();
  return { packets, admission };
}

const sources = (packets: readonly { ssrc: number }[]): number[] => [
  ...new Set(packets.map(({ ssrc }) => ssrc)),
];

describe('Admission', () => {
  it('decides the same whether or not each packet takes the fast path first', () => {
    const part = fc.record({
      ssrc: fc.constantFrom(OURS, THEIRS),
      from: fc.nat(4000),
      lasts: fc.nat(4000),
      fps: fc.constantFrom(1, 5, 25),
      sequence: fc.nat(300),
      type: fc.constantFrom(96, 96, 96, 97, 13),
    });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const sent = merge(
          ...parts.map(({ lasts, ...one }) => stream(one.ssrc, { ...one, to: one.from + lasts })),
        );
        const [plain, fast] = [false, true].map((isFast) =>
          admitted(sent, { isFast, alsoAnnounced: [96, 97] }),
        );
        assert.deepEqual(fast!.packets, plain!.packets);
        const { ssrc, refused, foreignType } = plain!.admission;
        assert.deepEqual(
          { ssrc, refused, foreignType },
          {
            ssrc: fast!.admission.ssrc,
            refused: fast!.admission.refused,
            foreignType: fast!.admission.foreignType,
          },
        );
      }),
      { numRuns: 300 },
    );
  });

  it('takes the fast path for the track’s own source and payload type, and while no other source is in question', () => {
    const admission = new Admission({ payloadType: 96, onHeld: () => undefined });
    const view = new RtpPacketView();
    const isAtOnce = (ssrc: number, sequence: number, type = 96): boolean => {
      const packet = packetOf({ at: sequence, ssrc, sequence, type });
      const isFast = view.parse(packet, 0, packet.length) && admission.admitsAtOnce(view, 5000 + sequence);
      if (!isFast) admission.admit(packet, 0, packet.length, 5000 + sequence);
      return isFast;
    };
    assert.deepEqual(
      [isAtOnce(OURS, 1), isAtOnce(OURS, 2), isAtOnce(OURS, 3), isAtOnce(OURS, 4, 97)],
      [false, false, true, false],
    );
    assert.deepEqual([isAtOnce(THEIRS, 50), isAtOnce(OURS, 5), isAtOnce(OURS, 6)], [false, false, true]);
  });

  it('lets a stream through whole, in order, with its own arrivals', () => {
    const sent = stream(OURS);
    const { packets, admission } = admitted(sent);
    assert.deepEqual(
      packets,
      sent.map(({ ssrc, sequence, at }) => ({ ssrc, sequence, arrival: 5000 + at })),
    );
    assert.equal(admission.refused, 0);
  });

  it('lets the one packet of a stream through that has no second, once a moment has passed or the stream has ended', () => {
    const [one] = stream(OURS);
    assert.equal(admitted([one!]).packets.length, 1);
    const late = { ...one!, at: 3000, sequence: 101 };
    assert.deepEqual(
      admitted([one!, late]).packets.map(({ arrival }) => arrival),
      [5000, 8000],
    );
  });

  for (const [name, sequence, ssrc] of [
    ['of its own numbers under our SSRC', 40_000, OURS],
    ['of our numbers under our SSRC', 100, OURS],
    ['of another SSRC', 7, THEIRS],
  ] as const)
    it(`keeps packets of a payload type that was not announced out: ${name}`, () => {
      const sent = stream(OURS);
      const { packets, admission } = admitted(merge(sent, stream(ssrc, { sequence, type: 50, from: 1000 })));
      assert.equal(packets.length, sent.length);
      assert.equal(admission.foreignType, 50, 'the last packet was none of ours');
      assert.equal(admission.refused, stream(ssrc, { type: 50, from: 1000 }).length);
    });

  it('lets those through that the description announces for the track: they have their place in the sequence', () => {
    const sent = stream(OURS, { perFrame: 1 }).map((one, index) => ({
      ...one,
      type: index % 5 === 3 ? 13 : 96,
    }));
    assert.equal(admitted(sent, { alsoAnnounced: [96, 13] }).packets.length, sent.length);
    assert.equal(admitted(sent).packets.length, sent.length * 0.8);
  });

  it('hands on one of two streams on one channel, whatever their numbers, rates and phases', () => {
    const rate = fc.constantFrom(1, 2, 5, 10, 12.5, 15, 25, 30, 60);
    fc.assert(
      fc.property(
        rate,
        rate,
        fc.integer({ min: 0, max: 3000 }),
        fc.constantFrom(100, 101, 40_000),
        fc.integer({ min: 1, max: 4 }),
        (fps, otherFps, from, sequence, perFrame) => {
          const ours = stream(OURS, { fps });
          const theirs = stream(THEIRS, { fps: otherFps, from: from + 1, sequence, perFrame });
          const { packets } = admitted(merge(ours, theirs), { expected: { ssrc: OURS } });
          assert.deepEqual(sources(packets), [OURS]);
          assert.equal(packets.length, ours.length);
        },
      ),
    );
  });

  it('takes the first that sends two in a row where none is named, and no other then', () => {
    const ours = stream(OURS);
    const { packets } = admitted(merge(ours, stream(THEIRS, { from: 1, sequence: 100 })));
    assert.deepEqual(sources(packets), [OURS]);
    assert.equal(packets.length, ours.length);
  });

  for (const expected of [{ ssrc: OURS }, { sequence: 100 }])
    it(`takes what the server named, though another one comes first: ${JSON.stringify(expected)}`, () => {
      const stale = stream(THEIRS, { to: 40, perFrame: 1, sequence: 9 });
      const ours = stream(OURS, { from: 41 });
      const { packets } = admitted(merge(stale, ours), { expected });
      assert.deepEqual(sources(packets), [OURS]);
      assert.equal(packets.length, ours.length);
    });

  it('plays what comes where the server named another SSRC: nothing is lost, the first picture waits', () => {
    for (const fps of [0.5, 1, 5, 25]) {
      const ours = stream(OURS, { fps });
      const { packets } = admitted(ours, { expected: { ssrc: 0xdead } });
      assert.equal(packets.length, ours.length);
    }
  });

  it('goes back to the named one when that comes late, after an older stream', () => {
    const { packets } = admitted(merge(stream(THEIRS), stream(OURS, { from: 2000 })), {
      expected: { ssrc: OURS },
    });
    const first = packets.findIndex(({ ssrc }) => ssrc === OURS);
    assert.deepEqual(sources(packets.slice(first)), [OURS]);
    assert.equal(packets.length - first, stream(OURS, { from: 2000 }).length);
  });

  it('follows a camera that changes its SSRC with each GOP, and loses nothing, wherever its numbers go on', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(5, 10, 25, 60),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 28 }), fc.nat(0xffff)), {
          minLength: 2,
          maxLength: 6,
        }),
        fc.boolean(),
        (fps, gops, isOneSequence) => {
          let sequence = 100;
          const sent = gops.flatMap(([ssrc, start], index) => {
            const gop = stream(ssrc * 8 + index, {
              fps,
              from: index * 2000,
              to: (index + 1) * 2000,
              sequence: isOneSequence ? sequence : start,
            });
            sequence += gop.length;
            return gop;
          });
          const { packets } = admitted(sent);
          assert.deepEqual(
            packets.map(({ ssrc, sequence: number }) => [ssrc, number]),
            sent.map(({ ssrc, sequence: number }) => [ssrc, number & 0xffff]),
          );
        },
      ),
    );
  });

  it('is not fooled by a connection that stands still and then brings both in a burst', () => {
    for (const first of [OURS, THEIRS]) {
      const both = merge(stream(OURS, { to: 20_000 }), stream(THEIRS, { from: 5, to: 20_000 }));
      const burst = both.map((one) => (one.at > 4000 && one.at < 7000 ? { ...one, at: 7000 } : one));
      const swapped = burst.sort(
        (a, b) => a.at - b.at || Number(b.ssrc === first) - Number(a.ssrc === first),
      );
      const { packets } = admitted(swapped, { expected: { ssrc: OURS } });
      assert.deepEqual(sources(packets), [OURS]);
      assert.equal(packets.length, stream(OURS, { to: 20_000 }).length);
    }
  });

  it('never takes a stream that was heard beside ours for ours, when ours ends', () => {
    const { packets } = admitted(merge(stream(OURS, { to: 5000 }), stream(THEIRS, { from: 7, to: 20_000 })), {
      expected: { ssrc: OURS },
    });
    assert.deepEqual(sources(packets), [OURS]);
  });

  it('holds back no more than its bounds', () => {
    const flood = stream(THEIRS, { fps: 1, from: 1001, to: 1002, perFrame: LIMITS.heldPackets + 10 });
    const { packets } = admitted(merge(stream(OURS, { to: 1000 }), flood), { expected: { ssrc: OURS } });
    // So much, and nothing of ours in between: it is believed.
    assert.equal(packets.length, stream(OURS, { to: 1000 }).length + flood.length);
  });

  it('takes any bytes, and counts what is no RTP', () => {
    const admission = new Admission({ payloadType: 96, onHeld: () => undefined });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(100_000), (bytes, at) => {
        const before = admission.refused;
        const took = admission.admit(Buffer.from(bytes), 0, bytes.length, at);
        assert.ok(took || admission.refused >= before);
        assert.ok(!took || (bytes.length >= 12 && bytes[0]! >> 6 === 2));
      }),
    );
  });
});
