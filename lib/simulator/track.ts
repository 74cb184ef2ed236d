// One track of a session: its transport, RTP packets and sender reports.

import { randomBytes } from 'node:crypto';
import type dgram from 'node:dgram';
import type net from 'node:net';
import { buildBye, buildSdes, buildSenderReport } from '../rtp/rtcp.js';
import type { Faults } from './faults.js';
import type { TrackFormat } from './formats.js';
import type { Settings } from './options.js';
import { Packetizer } from './packetizer.js';
import type { Source, SourceUnit } from './source.js';

export type TrackTransport =
  | { readonly kind: 'tcp'; readonly channels: readonly [number, number] }
  | {
      readonly kind: 'udp';
      /** Destination of the packets: the client or the multicast group. */
      readonly address: string;
      readonly ports: readonly [number, number];
      readonly rtp: dgram.Socket;
      readonly rtcp: dgram.Socket;
    };

const REPORT_MS = 2_000;
/** Unsent bytes above which a live server drops RTP packets, even on TCP. */
export const BACKLOG_BYTES = 512 * 1024;

export class SimulatedTrack {
  source: Source | undefined;
  /** A unit that is not due yet. */
  pending: SourceUnit | undefined;
  /** RTP time of the first unit, 32 bits. */
  readonly rtpBase = randomBytes(4).readUInt32BE(0);
  private readonly packetizer: Packetizer;
  private lastReport = { dueMs: Number.NEGATIVE_INFINITY, ntpMs: Date.now(), rtpTime: 0 };
  private sent = 0;

  constructor(
    readonly format: TrackFormat,
    readonly transport: TrackTransport,
    private readonly socket: net.Socket,
    private readonly settings: Settings,
    private readonly faults: Faults,
  ) {
    this.packetizer = new Packetizer(
      format.payloadType,
      randomBytes(4).readUInt32BE(0),
      randomBytes(2).readUInt16BE(0),
    );
  }

  /** Sequence number of the next packet. */
  get sequence(): number {
    return this.packetizer.sequence;
  }

  /** The unit to be sent next; undefined at the end. */
  peek(): SourceUnit | undefined {
    this.pending ??= this.source?.next();
    return this.pending;
  }

  /**
   * Sends the unit returned by `peek`. `ntpMs`: time of the server's clock at which the unit is due. If
   * `isMuted`, only counts it.
   */
  send(how: { ntpMs: number; scale: number; isMuted: boolean; dropsWhenFull: boolean }): void {
    const unit = this.pending;
    if (unit === undefined) return;
    this.pending = undefined;
    const { format, settings } = this;
    // With Scale, RTP time continues at real speed (RFC 2326 12.34).
    const rtpTime =
      (this.rtpBase + Math.round((unit.mediaMs * format.clockRate) / 1000 / how.scale)) % 2 ** 32;
    const { recordedMs } = unit;
    const replay =
      settings.onvifTime && recordedMs !== undefined
        ? { recordedMs, isKeyframe: unit.keyframe, isAfterGap: unit.isAfterGap }
        : undefined;
    const payloads = format.payloads(unit.parts, settings.aggregate);
    const packets = this.packetizer.packetize(payloads, rtpTime, format.marks, replay);
    if (how.isMuted || (this.transport.kind === 'udp' && settings.silentUdp)) return;
    if (how.dropsWhenFull && this.transport.kind === 'tcp' && this.socket.writableLength > BACKLOG_BYTES)
      return;

    const ntpMs = settings.reportedTime === 'recorded' && recordedMs !== undefined ? recordedMs : how.ntpMs;
    const isReportDue = unit.dueMs - this.lastReport.dueMs >= REPORT_MS;
    this.lastReport = { dueMs: isReportDue ? unit.dueMs : this.lastReport.dueMs, ntpMs, rtpTime };
    if (isReportDue) this.sendRtcp(this.report());
    this.sendRtp(packets);
  }

  /** Sends an RTCP BYE. */
  sayGoodbye(): void {
    this.sendRtcp(Buffer.concat([this.report(), buildBye(this.packetizer.ssrc)]));
    this.source = this.pending = undefined;
  }

  close(): void {
    this.source = this.pending = undefined;
    if (this.transport.kind === 'udp') {
      this.transport.rtp.close();
      this.transport.rtcp.close();
    }
  }

  private report(): Buffer {
    const { ssrc, packets, bytes } = this.packetizer;
    const { ntpMs, rtpTime } = this.lastReport;
    return Buffer.concat([
      buildSenderReport({ ssrc, ntpMs, rtpTime, packets, bytes }),
      buildSdes(ssrc, 'simulator'),
    ]);
  }

  private sendRtp(packets: readonly Buffer[]): void {
    const { loseEvery } = this.faults;
    const kept = packets.filter(() => loseEvery === 0 || ++this.sent % loseEvery !== 0);
    const { transport } = this;
    if (transport.kind === 'tcp') {
      this.write(kept.flatMap((packet) => [frameHeader(transport.channels[0], packet.length), packet]));
    } else
      for (const packet of kept) sendDatagram(transport.rtp, packet, transport.ports[0], transport.address);
  }

  private sendRtcp(packet: Buffer): void {
    const { transport } = this;
    if (transport.kind === 'tcp') this.write([frameHeader(transport.channels[1], packet.length), packet]);
    else sendDatagram(transport.rtcp, packet, transport.ports[1], transport.address);
  }

  private write(pieces: readonly Buffer[]): void {
    if (!this.socket.destroyed && this.socket.writable) this.socket.write(Buffer.concat(pieces));
  }
}

function sendDatagram(socket: dgram.Socket, packet: Buffer, port: number, address: string): void {
  socket.send(packet, port, address, () => undefined);
}

/** Header of an interleaved frame (RFC 2326 10.12). */
function frameHeader(channel: number, length: number): Buffer {
  return Buffer.of(0x24, channel, length >> 8, length & 0xff);
}
