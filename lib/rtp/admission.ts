// Decides which packets received on a track's channel or port belong to the track. Payload type and SSRC are
// checked before any other code sees the packet (RFC 3550 8.2, A.1).

import { LIMITS } from '../limits.js';
import { int32, type RtpPacketView } from './packet.js';

const FIXED_HEADER = 12;
/**
 * The current source is replaced when it has sent nothing for `SILENT_MS` and for `PACES` frame intervals
 * while another source was sending.
 */
const SILENT_MS = 250;
const PACES = 2.5;
/**
 * Cap on a pause when a candidate's sending time is added up: during a longer one the whole connection may
 * have stalled, the current source included.
 */
const STALL_MS = 50;
/** Longest frame interval; anything above is a pause. Also assumed until two frames have arrived. */
const MAX_PACE_MS = 1_000;
/** If no source has sent anything since, a candidate this old is accepted. */
const DEAD_MS = 2_000;
/** If the SSRC that the server named does not arrive within this time, another one is accepted. */
const NAMED_WAIT_MS = 500;
/** Largest step between the sequence numbers of two packets that still counts as the same sequence. */
const MAX_STEP = 16;
/**
 * A source that has sent alongside the current one this many times is another stream, and is refused for
 * good.
 */
const MAX_REFUSALS = 3;
const MAX_STRANGERS = 64;

export interface AdmissionOptions {
  /** The payload type that the SDP announces. */
  payloadType: number;
  /** Further payload types in the SDP of this track. They share its sequence numbers. */
  alsoAnnounced?: readonly number[] | undefined;
  /**
   * Delivers a packet that was held back until its source was accepted. Packets come in order; the one passed
   * to `admit` last is the last.
   */
  onHeld(packet: Buffer, arrival: number): void;
}

/** What the server announced about a track's packets. */
export interface ExpectedSource {
  /** From the Transport or RTP-Info header. */
  ssrc?: number | undefined;
  /** `seq` of the RTP-Info header. */
  sequence?: number | undefined;
}

/** A source that may turn out to be the track's own. Its packets are held until that is decided. */
interface Candidate {
  readonly ssrc: number;
  readonly since: number;
  sequence: number;
  lastAt: number;
  /** For how many milliseconds it has been sending; each pause counts up to a cap. */
  flow: number;
  readonly held: { readonly packet: Buffer; readonly arrival: number }[];
  bytes: number;
}

/**
 * The track's source is the SSRC that the server named, else the first one that sends two packets in
 * sequence. Another source replaces it only once it has fallen silent. Times are monotonic ms.
 */
export class Admission {
  /** The accepted source; -1 before there is one. */
  ssrc = -1;
  /** Packets that are not RTP, or have another payload type or another source. */
  refused = 0;
  /**
   * A payload type missing from the SDP that has arrived since the last packet of the track; -1 if none has.
   */
  foreignType = -1;

  private named = -1;
  private expectedSequence = -1;
  private sequence = 0;
  private timestamp = -1;
  /** Arrival of the current frame's first packet, and the interval between frames. */
  private frameAt = 0;
  private pace = NaN;
  private candidate: Candidate | undefined;
  /** How often each other source has sent alongside the current one. */
  private readonly refusals = new Map<number, number>();

  constructor(private readonly options: AdmissionOptions) {}

  /**
   * Takes what the SETUP or PLAY reply announces. SSRC 0 is ignored: servers send it when they do not know.
   */
  expect({ ssrc = 0, sequence }: ExpectedSource): void {
    if (ssrc !== 0 && ssrc !== this.ssrc) this.named = ssrc;
    if (sequence !== undefined) this.expectedSequence = sequence;
  }

  /** Whether RTCP from `ssrc` describes this track; undefined while that cannot be decided. */
  isOurs(ssrc: number): boolean | undefined {
    if (this.ssrc !== -1) return ssrc === this.ssrc;
    return this.named === -1 ? undefined : ssrc === this.named;
  }

  /**
   * Fast path: true for a packet of the track's payload type and source while no other source is in question.
   * Any other packet must be passed to `admit`.
   */
  admitsAtOnce(packet: RtpPacketView, arrival: number): boolean {
    if (
      packet.ssrc !== this.ssrc ||
      packet.payloadType !== this.options.payloadType ||
      this.candidate !== undefined
    )
      return false;
    if (packet.timestamp !== this.timestamp) this.keepPace(packet.timestamp, arrival);
    this.foreignType = -1;
    this.sequence = packet.sequence;
    return true;
  }

  /**
   * Whether the packet belongs to the track. A packet whose source is still undecided is copied, and
   * delivered through `onHeld` if the source is accepted.
   */
  admit(buffer: Buffer, start: number, end: number, arrival: number): boolean {
    if (end - start < FIXED_HEADER || buffer[start]! >> 6 !== 2) {
      this.refused++;
      return false;
    }
    const type = buffer[start + 1]! & 0x7f;
    const sequence = (buffer[start + 2]! << 8) | buffer[start + 3]!;
    const ssrc = int32(buffer, start + 8) >>> 0;
    if (type !== this.options.payloadType) {
      if (ssrc === this.ssrc && this.options.alsoAnnounced?.includes(type) === true) {
        this.sequence = sequence;
        return true;
      }
      this.refused++;
      this.foreignType = type;
      return false;
    }
    if (ssrc !== this.ssrc && !this.adopt(ssrc, sequence)) {
      this.hold(ssrc, sequence, buffer, start, end, arrival);
      return false;
    }
    const timestamp = int32(buffer, start + 4) >>> 0;
    if (timestamp !== this.timestamp) this.keepPace(timestamp, arrival);
    if (this.candidate !== undefined) this.refuse();
    this.foreignType = -1;
    this.sequence = sequence;
    return true;
  }

  /**
   * Call about once a second: accepts a candidate after a time-out, since its packets may be all that ever
   * arrives.
   */
  release(now: number): void {
    const { candidate } = this;
    if (candidate === undefined) return;
    const waited = now - candidate.since;
    if (waited >= (this.ssrc === -1 ? NAMED_WAIT_MS : DEAD_MS)) this.take(candidate);
  }

  /**
   * The stream has ended: accepts a candidate if there is no other source, because nothing else will arrive.
   */
  flush(): void {
    if (this.ssrc === -1 && this.candidate !== undefined) this.take(this.candidate);
  }

  /**
   * Accepts a source without waiting if the server named its SSRC, if it begins at the announced sequence
   * number, or if it continues exactly where the current source stopped (an encoder that changes its SSRC).
   */
  private adopt(ssrc: number, sequence: number): boolean {
    const isNamed = ssrc === this.named;
    const isNew = !this.refusals.has(ssrc) && this.candidate?.ssrc !== ssrc;
    const goesOn =
      this.ssrc === -1
        ? this.named === -1 && sequence === this.expectedSequence
        : isNew && sequence === ((this.sequence + 1) & 0xffff);
    if (!isNamed && !goesOn) return false;
    this.become(ssrc);
    return true;
  }

  private become(ssrc: number): void {
    // The announcement holds for the start of the stream only; from now on the packets decide.
    if (ssrc === this.named) this.named = -1;
    this.expectedSequence = -1;
    this.ssrc = ssrc;
  }

  private keepPace(timestamp: number, arrival: number): void {
    const gap = Math.min(arrival - this.frameAt, MAX_PACE_MS);
    // False for the first gap, while `pace` is NaN.
    const isFaster = gap < this.pace;
    if (this.timestamp !== -1) this.pace = isFaster ? this.pace + (gap - this.pace) / 4 : gap;
    this.timestamp = timestamp;
    this.frameAt = arrival;
  }

  private hold(
    ssrc: number,
    sequence: number,
    buffer: Buffer,
    start: number,
    end: number,
    arrival: number,
  ): void {
    this.refused++;
    if ((this.refusals.get(ssrc) ?? 0) >= MAX_REFUSALS) return;
    let { candidate } = this;
    if (candidate !== undefined && candidate.ssrc !== ssrc) {
      // Only one source is a candidate at a time: the first, until it stops sending.
      if (arrival - candidate.lastAt < DEAD_MS) return;
      candidate = undefined;
    }
    const step =
      candidate === undefined ? 0 : Math.abs(((sequence - candidate.sequence + 0x8000) & 0xffff) - 0x8000);
    candidate ??= { ssrc, since: arrival, sequence, lastAt: arrival, flow: 0, held: [], bytes: 0 };
    this.candidate = candidate;
    candidate.flow += Math.min(arrival - candidate.lastAt, Math.max(STALL_MS, this.knownPace));
    candidate.lastAt = arrival;
    candidate.sequence = sequence;
    candidate.held.push({ packet: Buffer.from(buffer.subarray(start, end)), arrival });
    candidate.bytes += end - start;
    if (this.isProven(candidate, step)) this.take(candidate);
  }

  private get knownPace(): number {
    return Number.isNaN(this.pace) ? MAX_PACE_MS : this.pace;
  }

  private isProven({ held, bytes, since, lastAt, flow }: Candidate, step: number): boolean {
    if (held.length >= LIMITS.heldPackets || bytes >= LIMITS.heldBytes) return true;
    if (this.ssrc !== -1) return flow >= Math.max(SILENT_MS, PACES * this.knownPace);
    return this.named === -1 ? step > 0 && step <= MAX_STEP : lastAt - since >= NAMED_WAIT_MS;
  }

  /** Accepts the candidate as the track's source. */
  private take(candidate: Candidate): void {
    this.candidate = undefined;
    this.refusals.delete(candidate.ssrc);
    this.become(candidate.ssrc);
    this.refused -= candidate.held.length;
    this.sequence = candidate.sequence;
    this.frameAt = candidate.lastAt;
    for (const { packet, arrival } of candidate.held) this.options.onHeld(packet, arrival);
  }

  /** The current source is still sending, so the candidate is another stream. */
  private refuse(): void {
    const { ssrc } = this.candidate!;
    this.candidate = undefined;
    if (this.refusals.size >= MAX_STRANGERS) this.refusals.clear();
    this.refusals.set(ssrc, (this.refusals.get(ssrc) ?? 0) + 1);
  }
}
