// One media track on its way up: RTP in, sequence and clock bookkeeping, depacketizer, timed units out. No
// sockets, no timers.

import type { Depacketizer } from '../codec/payload-format.js';
import { PictureOrder } from '../codec/picture-order.js';
import type { MediaUnit } from '../codec/unit.js';
import { Admission, type ExpectedSource } from '../rtp/admission.js';
import { RtpPacketView } from '../rtp/packet.js';
import { ReorderBuffer } from '../rtp/reorder.js';
import { RtpReceiver } from '../rtp/receiver.js';
import { buildReceiverReport, buildSdes, parseRtcp } from '../rtp/rtcp.js';
import { SessionClock, type SessionTrack } from '../rtp/session-clock.js';

export interface TrackOptions {
  /** The SDP's payload type; packets of another one are counted and ignored (quirk: odd-rtp). */
  payloadType: number;
  /** Others that the SDP announces for the track. */
  alsoAnnounced?: readonly number[];
  /** RTP clock rate, Hz. */
  clockRate: number;
  /** The transport itself may change the packets' order (UDP); each then has a buffer of its own. */
  unordered: boolean;
  /** This receiver's own SSRC and CNAME, for its reports. */
  ssrc: number;
  cname: string;
  /** The session's; without one, the track has a clock of its own. */
  clock?: SessionClock;
  /** Epoch minus monotonic milliseconds, for a clock of its own. */
  epochOffsetMs?: number;
  createDepacketizer(sink: (unit: MediaUnit) => void): Depacketizer;
  onUnit(unit: MediaUnit): void;
  /** That many packets are missing before the next unit's end. */
  onLoss(missing: number): void;
  /** RTCP BYE (RFC 3550 6.6). */
  onBye(): void;
}

interface SenderReport {
  readonly ssrc: number;
  readonly ntpMs: number;
  readonly rtpTime: number;
  readonly ntpMiddle: number;
  readonly arrival: number;
}

export class Track {
  /** The track's own RTP packets: what the silence watchdog watches. */
  received = 0;
  readonly receiver: RtpReceiver;

  private readonly admission: Admission;
  private readonly view = new RtpPacketView();
  private readonly clock: SessionTrack;
  private readonly depacketizer: Depacketizer;
  private order: PictureOrder | undefined;
  private readonly reorder: ReorderBuffer;
  private ssrc = -1;
  /** Packets that were admitted and cannot be read. */
  private unreadable = 0;
  /** The last sender report of a source that is not ours, or not yet. */
  private foreignReport: SenderReport | undefined;

  /** How often the stream has started anew from another source. */
  private switches = 0;

  constructor(private readonly options: TrackOptions) {
    this.admission = new Admission({
      payloadType: options.payloadType,
      alsoAnnounced: options.alsoAnnounced,
      onHeld: (packet, arrival) => {
        this.take(packet, 0, packet.length, arrival);
      },
    });
    this.receiver = new RtpReceiver(options.clockRate);
    this.clock = (options.clock ?? new SessionClock(options.epochOffsetMs)).track(options.clockRate);
    this.depacketizer = options.createDepacketizer((unit) => {
      this.clock.stamp(unit, this.rankOf(unit));
      if (this.switches > 0) unit.source = this.switches;
      options.onUnit(unit);
    });
    // What a server relays may be in disorder over TCP too.
    this.reorder = new ReorderBuffer(
      (buffer, start, end, arrival) => {
        if (this.view.parse(buffer, start, end)) this.accept(arrival);
        else this.unreadable++;
      },
      { ordered: !options.unordered },
    );
  }

  /** Packets that came too late for their place, and duplicates, wherever they were told apart. */
  get late(): number {
    return this.receiver.late + this.reorder.late;
  }

  /** RTP units per second, as they come; and how often the clock jumped. */
  get clockRate(): number {
    return this.clock.clock.clockRate;
  }

  get clockSteps(): number {
    return this.clock.clock.steps;
  }

  get duplicates(): number {
    return this.receiver.duplicates + this.reorder.duplicates;
  }

  /** Packets that are not the track's own: of another payload type or source, or no RTP. */
  get ignored(): number {
    return this.admission.refused + this.unreadable;
  }

  /** A payload type that is not announced, if packets of it have come since the last of the track's own. */
  get foreignType(): number | undefined {
    const { foreignType } = this.admission;
    return foreignType === -1 ? undefined : foreignType;
  }

  /** A reply tells where the track's packets come from. */
  expect(source: ExpectedSource): void {
    this.admission.expect(source);
  }

  /** Its source is known. */
  get isHeard(): boolean {
    return this.admission.ssrc !== -1;
  }

  /**
   * Whether the description announces that payload type for this track: how tracks on one channel are told
   * apart.
   */
  announces(type: number): boolean {
    return type === this.options.payloadType || this.options.alsoAnnounced?.includes(type) === true;
  }

  /** One RTP packet; the buffer is read during the call only, unless the track is `unordered`. */
  rtp(buffer: Buffer, start: number, end: number, arrival: number): void {
    if (this.admission.admit(buffer, start, end, arrival)) this.take(buffer, start, end, arrival);
  }

  private take(buffer: Buffer, start: number, end: number, arrival: number): void {
    const { view, reorder } = this;
    if (view.parse(buffer, start, end) && reorder.takeInOrder(view.sequence, view.ssrc)) this.accept(arrival);
    else reorder.push(buffer, start, end, arrival);
  }

  /** A compound RTCP packet (RFC 3550 6.1). */
  rtcp(buffer: Buffer, start: number, end: number, arrival: number): void {
    parseRtcp(buffer, start, end, {
      onSenderReport: (ssrc, ntpMs, rtpTime, ntpMiddle) => {
        const report = { ssrc, ntpMs, rtpTime, ntpMiddle, arrival };
        if (ssrc === this.ssrc) this.learn(report);
        else this.foreignReport = report;
      },
      onBye: (ssrc) => {
        if (this.admission.isOurs(ssrc) !== false) this.options.onBye();
      },
    });
  }

  /** The first unit waits for what follows it, to tell whether its marker can be believed. */
  get isHolding(): boolean {
    return this.depacketizer.isHolding === true;
  }

  /** Packets wait for a missing one. */
  get isReordering(): boolean {
    return this.reorder.isHolding;
  }

  /** Nothing followed for a while: the waiting unit is whole. */
  settle(): void {
    this.depacketizer.settle?.();
  }

  /** Lets go what waited too long for a missing packet. */
  release(now: number): void {
    this.admission.release(now);
    this.reorder.flush(now);
  }

  /** The stream has ended: what is complete goes out. */
  flush(): void {
    this.admission.flush();
    this.reorder.end();
    this.depacketizer.flush();
  }

  receiverReport(now: number): Buffer {
    const blocks = this.ssrc === -1 ? [] : [this.receiver.report(now)];
    return Buffer.concat([
      buildReceiverReport(this.options.ssrc, blocks),
      buildSdes(this.options.ssrc, this.options.cname),
    ]);
  }

  /** The packet in the view has its turn. */
  /** Only where pictures may be shown in another order than they come does it cost anything. */
  private rankOf(unit: MediaUnit): number {
    if (unit.kind !== 'video' || unit.codec === 'mjpeg' || unit.format.reorderDepth === 0) return NaN;
    this.order ??= new PictureOrder();
    return this.order.of(unit);
  }

  private accept(arrival: number): void {
    const { view } = this;
    this.received++;
    if (view.ssrc !== this.ssrc) {
      // A new source: its clock and its numbers have nothing to do with the old one's.
      if (this.ssrc !== -1) {
        this.depacketizer.flush();
        this.depacketizer.reset();
        this.switches++;
        this.clock.reset();
        this.receiver.reset();
      }
      this.ssrc = view.ssrc;
      if (this.foreignReport?.ssrc === view.ssrc) this.learn(this.foreignReport);
      this.foreignReport = undefined;
    }
    const missing = this.receiver.update(view, arrival);
    if (missing < 0) return;
    if (missing > 0) {
      // What was whole before the loss goes out before it is told.
      this.depacketizer.gap();
      this.options.onLoss(missing);
    }
    // One that only fills its place in the sequence: comfort noise, a tone.
    if (view.payloadType === this.options.payloadType) this.depacketizer.push(view, arrival);
  }

  private learn({ ntpMs, rtpTime, ntpMiddle, arrival }: SenderReport): void {
    this.receiver.senderReport(ntpMiddle, arrival);
    this.clock.senderReport(ntpMs, rtpTime);
  }
}
