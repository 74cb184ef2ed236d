// Which packets of a channel or port are the track's own: told by payload type and SSRC before they touch
// anything else (RFC 3550 8.2, A.1).

import { LIMITS } from '../limits.js';
import { uint32 } from './packet.js';

const FIXED_HEADER = 12;
/**
 * A source is replaced once it has been silent for this long, and for so many times its pace, while another
 * one sent.
 */
const SILENT_MS = 250;
const PACES = 2.5;
/** A pause counts for no more than this: the whole connection may have stood still. */
const STALL_MS = 50;
/** Time from frame to frame beyond which it is a pause, and what is supposed before two frames have come. */
const MAX_PACE_MS = 1_000;
/** Nothing came since, from anyone: what another one sent this long ago is believed then. */
const DEAD_MS = 2_000;
/** The server named a source that does not come: another one is believed after this. */
const NAMED_WAIT_MS = 500;
/** Packets in a row that prove a source may come in this much disorder. */
const MAX_STEP = 16;
/** A source that was heard beside ours so often is another stream. */
const MAX_REFUSALS = 3;
const MAX_STRANGERS = 64;

export interface AdmissionOptions {
  /** The payload type that the description announces. */
  payloadType: number;
  /** Others that it announces for this track: they bear sequence numbers of the track's own. */
  alsoAnnounced?: readonly number[] | undefined;
  /** A packet that was held back is ours after all; they come in order, the one at hand last. */
  onHeld(packet: Buffer, arrival: number): void;
}

/** What a server says of a track's packets. */
export interface ExpectedSource {
  /** Transport's or RTP-Info's `ssrc`. */
  ssrc?: number | undefined;
  /** RTP-Info's `seq`. */
  sequence?: number | undefined;
}

/** A source that may be ours: its packets wait until that is known. */
interface Candidate {
  readonly ssrc: number;
  readonly since: number;
  sequence: number;
  lastAt: number;
  /** Milliseconds for which it has sent, pauses cut. */
  flow: number;
  readonly held: { readonly packet: Buffer; readonly arrival: number }[];
  bytes: number;
}

/**
 * Ours is the source that the server names, else the first one that sends two packets in a row; another one
 * takes its place only where ours has fallen silent. Times are monotonic ms.
 */
export class Admission {
  /** The source believed to be ours; -1: none yet. */
  ssrc = -1;
  /** Packets that are no RTP, of another payload type, or of another source. */
  refused = 0;
  /**
   * A payload type that the description does not announce, and that came after the last of our packets; -1:
   * none.
   */
  foreignType = -1;

  private named = -1;
  private expectedSequence = -1;
  private sequence = 0;
  private timestamp = -1;
  /** When the present frame began, and the time from frame to frame. */
  private frameAt = 0;
  private pace = NaN;
  private candidate: Candidate | undefined;
  /** How often each other source was heard beside ours. */
  private readonly refusals = new Map<number, number>();

  constructor(private readonly options: AdmissionOptions) {}

  /** SETUP's or PLAY's reply tells; 0 is what servers say that do not know. */
  expect({ ssrc = 0, sequence }: ExpectedSource): void {
    if (ssrc !== 0 && ssrc !== this.ssrc) this.named = ssrc;
    if (sequence !== undefined) this.expectedSequence = sequence;
  }

  /** Whether RTCP of that source is about our media; undefined: not to be told yet. */
  isOurs(ssrc: number): boolean | undefined {
    if (this.ssrc !== -1) return ssrc === this.ssrc;
    return this.named === -1 ? undefined : ssrc === this.named;
  }

  /**
   * Whether the packet is the track's own. One that may turn out to be is copied, and comes by `onHeld` then.
   */
  admits(buffer: Buffer, start: number, end: number, arrival: number): boolean {
    if (end - start < FIXED_HEADER || buffer[start]! >> 6 !== 2) {
      this.refused++;
      return false;
    }
    const type = buffer[start + 1]! & 0x7f;
    const sequence = (buffer[start + 2]! << 8) | buffer[start + 3]!;
    const ssrc = uint32(buffer, start + 8);
    if (type !== this.options.payloadType) {
      if (ssrc === this.ssrc && this.options.alsoAnnounced?.includes(type) === true) {
        this.sequence = sequence;
        return true;
      }
      this.refused++;
      this.foreignType = type;
      return false;
    }
    if (ssrc !== this.ssrc && !this.believes(ssrc, sequence)) {
      this.hold(ssrc, sequence, buffer, start, end, arrival);
      return false;
    }
    const timestamp = uint32(buffer, start + 4);
    if (timestamp !== this.timestamp) this.keepPace(timestamp, arrival);
    if (this.candidate !== undefined) this.refuse();
    this.foreignType = -1;
    this.sequence = sequence;
    return true;
  }

  /** To be called about once a second: what waits may be all that comes. */
  release(now: number): void {
    const { candidate } = this;
    if (candidate === undefined) return;
    const waited = now - candidate.since;
    if (waited >= (this.ssrc === -1 ? NAMED_WAIT_MS : DEAD_MS)) this.take(candidate);
  }

  /** The stream has ended: what waits at its start was all there was. */
  flush(): void {
    if (this.ssrc === -1 && this.candidate !== undefined) this.take(this.candidate);
  }

  /**
   * What the server named, what begins where it said, and what goes on exactly where ours ended (an encoder
   * that changes its SSRC) needs no proof.
   */
  private believes(ssrc: number, sequence: number): boolean {
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
    // It was named for the start; from now on what is heard counts.
    if (ssrc === this.named) this.named = -1;
    this.expectedSequence = -1;
    this.ssrc = ssrc;
  }

  private keepPace(timestamp: number, arrival: number): void {
    const gap = Math.min(arrival - this.frameAt, MAX_PACE_MS);
    // False for the first gap: the pace is not known yet.
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
      // The first to come is the first to be judged, unless it has gone again.
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

  /** The candidate is ours. */
  private take(candidate: Candidate): void {
    this.candidate = undefined;
    this.refusals.delete(candidate.ssrc);
    this.become(candidate.ssrc);
    this.refused -= candidate.held.length;
    this.sequence = candidate.sequence;
    this.frameAt = candidate.lastAt;
    for (const { packet, arrival } of candidate.held) this.options.onHeld(packet, arrival);
  }

  /** Ours is alive: the candidate is a stranger. */
  private refuse(): void {
    const { ssrc } = this.candidate!;
    this.candidate = undefined;
    if (this.refusals.size >= MAX_STRANGERS) this.refusals.clear();
    this.refusals.set(ssrc, (this.refusals.get(ssrc) ?? 0) + 1);
  }
}
