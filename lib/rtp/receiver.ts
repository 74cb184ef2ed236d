// Reception statistics of one RTP source: loss, duplicates, late packets and jitter, and the report block
// made from them (RFC 3550 A.1, A.3, A.8).

import type { RtpPacketView } from './packet.js';
import type { ReportBlock } from './rtcp.js';

/**
 * RFC 3550 A.1: a larger step forward, or further back, means that the sequence restarted, not loss or
 * disorder.
 */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
/** Sequence numbers remembered to tell a duplicate from a late packet: a power of two above MAX_MISORDER. */
const SEEN = 128;
/** A larger change of the transit time is a jump of the timestamps, not jitter. */
const MAX_JITTER_MS = 10_000;

/** Returned by `update` for a packet that must not be passed on in sequence. */
export const LATE = -1;
export const DUPLICATE = -2;

/** Statistics of one track. Reads no clock and allocates nothing per packet. */
export class RtpReceiver {
  /** Packets received, including late ones and duplicates, and their bytes including headers. */
  packets = 0;
  bytes = 0;
  /** Packets that have not arrived; one that arrives late is subtracted again. */
  lost = 0;
  late = 0;
  duplicates = 0;
  /** RFC 3550 A.8, in RTP ticks. */
  jitter = 0;

  private readonly clockRate: number;
  private readonly seen = new Int32Array(SEEN).fill(-1);
  private started = false;
  private ssrc = 0;
  private highest = 0;
  private cycles = 0;
  private lastTimestamp = 0;
  private lastArrivalMs = NaN;
  private lastSr = 0;
  private lastSrMs = NaN;
  private lostBefore = 0;
  private lostReported = 0;
  private expectedReported = 0;

  /** `clockRate`: RTP ticks per second, from the SDP. */
  constructor(clockRate: number) {
    this.clockRate = clockRate;
  }

  /** `jitter` in milliseconds. */
  get jitterMs(): number {
    return (this.jitter * 1000) / this.clockRate;
  }

  /** Cycles and the highest sequence number so far, 32 bits (RFC 3550 6.4.1). */
  get extendedSequence(): number {
    return (this.cycles * 0x1_0000 + this.highest) % 2 ** 32;
  }

  /**
   * Counts a packet that arrived at `arrivalMs` (any monotonic ms). Returns how many packets are missing
   * before it: 0 if it follows the last one, more after a gap, `LATE` or `DUPLICATE` if its sequence number
   * was already passed.
   *
   * Unlike RFC 3550 A.1, a large jump is accepted at once (returns 1, nothing counted as lost): a seek or a
   * restart must not cost the first packet of a keyframe. On UDP, where others can send packets too, the
   * reorder buffer asks for two packets in a row.
   */
  update(packet: RtpPacketView, arrivalMs: number): number {
    const sequence = packet.sequence;
    this.packets++;
    this.bytes += packet.end - packet.start;
    if (!this.started) {
      this.start(packet);
      this.measureJitter(packet, arrivalMs);
      return 0;
    }
    const step = (sequence - this.highest) & 0xffff;
    if (step === 0 || step > 0x1_0000 - MAX_MISORDER) return this.countOld(sequence);
    this.measureJitter(packet, arrivalMs);
    if (step >= MAX_DROPOUT) {
      this.start(packet);
      return 1;
    }
    if (sequence < this.highest) this.cycles++;
    this.highest = sequence;
    this.seen[sequence & (SEEN - 1)] = sequence;
    this.lost += step - 1;
    return step - 1;
  }

  /**
   * Notes a sender report that arrived at `arrivalMs` (same clock as `update`); the next report block echoes
   * it.
   */
  senderReport(ntpMiddle: number, arrivalMs: number): void {
    this.lastSr = ntpMiddle;
    this.lastSrMs = arrivalMs;
  }

  /**
   * The report block for `nowMs` (same clock as `update`). `fractionLost` covers the time since the last
   * call.
   */
  report(nowMs: number): ReportBlock {
    const expected = this.packets - this.duplicates + this.lost;
    const expectedNow = expected - this.expectedReported;
    const lostNow = this.lost - this.lostReported;
    this.expectedReported = expected;
    this.lostReported = this.lost;
    return {
      ssrc: this.ssrc,
      fractionLost: lostNow > 0 ? Math.min(255, Math.floor((lostNow * 256) / expectedNow)) : 0,
      cumulativeLost: this.lost - this.lostBefore,
      highestSequence: this.extendedSequence,
      jitter: Math.floor(this.jitter),
      lastSr: this.lastSr,
      delaySinceLastSr: Number.isNaN(this.lastSrMs)
        ? 0
        : Math.max(0, Math.round((nowMs - this.lastSrMs) * 65.536)),
    };
  }

  /** A new source (another SSRC): forgets sequence, jitter and the sender report. The counters continue. */
  reset(): void {
    this.started = false;
    this.cycles = 0;
    this.jitter = 0;
    this.lastArrivalMs = NaN;
    this.lastSr = 0;
    this.lastSrMs = NaN;
    this.lostBefore = this.lost;
  }

  private start(packet: RtpPacketView): void {
    this.started = true;
    this.ssrc = packet.ssrc;
    this.highest = packet.sequence;
    this.seen.fill(-1);
    this.seen[packet.sequence & (SEEN - 1)] = packet.sequence;
  }

  private countOld(sequence: number): number {
    const slot = sequence & (SEEN - 1);
    if (this.seen[slot] === sequence) {
      this.duplicates++;
      return DUPLICATE;
    }
    this.seen[slot] = sequence;
    this.late++;
    // A packet from before the first one was never counted as lost.
    if (this.lost > this.lostBefore) this.lost--;
    return LATE;
  }

  private measureJitter({ timestamp }: RtpPacketView, arrivalMs: number): void {
    const elapsed = ((arrivalMs - this.lastArrivalMs) * this.clockRate) / 1000;
    const deviation = Math.abs(elapsed - ((timestamp - this.lastTimestamp) | 0));
    this.lastTimestamp = timestamp;
    this.lastArrivalMs = arrivalMs;
    // NaN for the first packet, which has no predecessor; the comparison is then false.
    if (deviation < (MAX_JITTER_MS * this.clockRate) / 1000) this.jitter += (deviation - this.jitter) / 16;
  }
}
