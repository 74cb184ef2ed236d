// One media track: takes RTP, keeps the sequence and the clock, depacketizes, and delivers units with a time.
// No sockets, no timers.

import type { Depacketizer } from '../codec/payload-format.js';
import { PictureOrder } from '../codec/picture-order.js';
import type { MediaUnit } from '../codec/unit.js';
import { Admission, type ExpectedSource } from '../rtp/admission.js';
import { RtpPacketView } from '../rtp/packet.js';
import { ReorderBuffer } from '../rtp/reorder.js';
import { RtpReceiver } from '../rtp/receiver.js';
import { buildReceiverReport, buildSdes, parseRtcp } from '../rtp/rtcp.js';
import { SessionClock, type SessionTrack } from '../rtp/session-clock.js';

interface TrackOptions {
  /** The payload type of the SDP; packets of any other type are counted and ignored (quirk: odd-rtp). */
  payloadType: number;
  /** Other payload types that the SDP announces for the track. */
  alsoAnnounced?: readonly number[];
  /** RTP clock rate, Hz. */
  clockRate: number;
  /** The transport may change the order of packets (UDP). Each packet then has a buffer of its own. */
  unordered: boolean;
  /** This receiver's own SSRC and CNAME, for its reports. */
  ssrc: number;
  cname: string;
  /** The session's clock; without one, the track makes its own. */
  clock?: SessionClock;
  /** Epoch time minus monotonic time, in ms, for the track's own clock. */
  epochOffsetMs?: number;
  createDepacketizer(sink: (unit: MediaUnit) => void): Depacketizer;
  onUnit(unit: MediaUnit): void;
  /** This many packets are missing before the end of the next unit. */
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
  /** The track's own RTP packets, which the silence watchdog counts. */
  received = 0;
  readonly receiver: RtpReceiver;

  private readonly admission: Admission;
  private readonly view = new RtpPacketView();
  private readonly clock: SessionTrack;
  private readonly depacketizer: Depacketizer;
  private order: PictureOrder | undefined;
  private readonly reorder: ReorderBuffer;
  private ssrc = -1;
  /** Admitted packets that are not valid RTP. */
  private unreadable = 0;
  /** The last sender report of a source that is not the track's, or not yet known to be. */
  private foreignReport: SenderReport | undefined;

  /** How often another source (SSRC) has taken over the stream. */
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
    // Packets may be out of order over TCP too, if the server relays them from a camera over UDP.
    this.reorder = new ReorderBuffer(
      (buffer, start, end, arrival) => {
        if (this.view.parse(buffer, start, end)) this.accept(arrival);
        else this.unreadable++;
      },
      { ordered: !options.unordered },
    );
  }

  /** Packets that came after their turn. The reorder buffer and the receiver each count a part. */
  get late(): number {
    return this.receiver.late + this.reorder.late;
  }

  /** The measured RTP clock rate, in Hz. */
  get clockRate(): number {
    return this.clock.clock.clockRate;
  }

  get clockSteps(): number {
    return this.clock.clock.steps;
  }

  get duplicates(): number {
    return this.receiver.duplicates + this.reorder.duplicates;
  }

  /** Packets that are not the track's own: of another payload type or source, or not RTP. */
  get ignored(): number {
    return this.admission.refused + this.unreadable;
  }

  /**
   * A payload type that the SDP does not announce, if packets of it have arrived since the last packet of the
   * track's own.
   */
  get foreignType(): number | undefined {
    const { foreignType } = this.admission;
    return foreignType === -1 ? undefined : foreignType;
  }

  /** The reply to SETUP or PLAY names the source of the track's packets. */
  expect(source: ExpectedSource): void {
    this.admission.expect(source);
  }

  /** True once the track's source (SSRC) is known. */
  get isHeard(): boolean {
    return this.admission.ssrc !== -1;
  }

  /**
   * Whether the SDP announces this payload type for the track. It tells tracks apart that share one channel.
   */
  announces(type: number): boolean {
    return type === this.options.payloadType || this.options.alsoAnnounced?.includes(type) === true;
  }

  /** One RTP packet; the buffer is read during the call only, unless the track is `unordered`. */
  rtp(buffer: Buffer, start: number, end: number, arrival: number): void {
    const { view, admission } = this;
    const isReadable = view.parse(buffer, start, end);
    if (isReadable && admission.admitsAtOnce(view, arrival)) this.takeParsed(arrival);
    else if (admission.admit(buffer, start, end, arrival)) this.take(buffer, start, end, arrival);
  }

  private take(buffer: Buffer, start: number, end: number, arrival: number): void {
    if (this.view.parse(buffer, start, end)) this.takeParsed(arrival);
    else this.reorder.push(buffer, start, end, arrival);
  }

  /** Takes the packet in `view`. */
  private takeParsed(arrival: number): void {
    const { view, reorder } = this;
    if (reorder.takeInOrder(view.sequence, view.ssrc | 0)) this.accept(arrival);
    else reorder.push(view.buffer, view.start, view.end, arrival);
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

  /** True while the first unit waits for its follower, which shows whether the marker bit can be trusted. */
  get isHolding(): boolean {
    return this.depacketizer.isHolding === true;
  }

  /** True while packets wait for a missing one. */
  get isReordering(): boolean {
    return this.reorder.isHolding;
  }

  /** Nothing has followed for a while, so the waiting unit is complete and is delivered. */
  releaseHeld(): void {
    this.depacketizer.releaseHeld?.();
  }

  /** Delivers the packets that have waited too long for a missing one. */
  release(now: number): void {
    this.admission.release(now);
    this.reorder.flush(now);
  }

  /** The stream has ended: delivers all that is complete. */
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

  /**
   * The unit's rank in display order, or NaN if the stream shows its pictures in the order of arrival:
   * computing the rank costs time.
   */
  private rankOf(unit: MediaUnit): number {
    if (unit.kind !== 'video' || unit.codec === 'mjpeg' || unit.format.reorderDepth === 0) return NaN;
    this.order ??= new PictureOrder();
    return this.order.of(unit);
  }

  private accept(arrival: number): void {
    const { view } = this;
    this.received++;
    if (view.ssrc !== this.ssrc) this.changeSource(view.ssrc);
    const missing = this.receiver.update(view, arrival);
    if (missing < 0) return;
    if (missing > 0) this.reportLoss(missing);
    // Packets of the track's other payload types (comfort noise, tones) count for the sequence only.
    if (view.payloadType === this.options.payloadType) this.depacketizer.push(view, arrival);
  }

  private changeSource(ssrc: number): void {
    // The clock and the sequence numbers of a new source (SSRC) are unrelated to those of the old one.
    if (this.ssrc !== -1) {
      this.depacketizer.flush();
      this.depacketizer.reset();
      this.switches++;
      this.clock.reset();
      this.receiver.reset();
    }
    this.ssrc = ssrc;
    if (this.foreignReport?.ssrc === ssrc) this.learn(this.foreignReport);
    this.foreignReport = undefined;
  }

  private reportLoss(missing: number): void {
    // Units that were complete before the loss are delivered before the loss is reported.
    this.depacketizer.gap();
    this.options.onLoss(missing);
  }

  private learn({ ntpMs, rtpTime, ntpMiddle, arrival }: SenderReport): void {
    this.receiver.senderReport(ntpMiddle, arrival);
    this.clock.senderReport(ntpMs, rtpTime);
  }
}
