// One simulated session: its track's transport, the pace of its media, sender reports, time-out and goodbye.

import dgram from 'node:dgram';
import { randomBytes } from 'node:crypto';
import type net from 'node:net';
import { buildBye, buildSdes, buildSenderReport } from '../rtp/rtcp.js';
import { H264Packetizer } from './packetizer.js';
import type { Settings } from './options.js';
import { LiveSource, type Source, type SourceUnit } from './source.js';

export interface SessionTarget {
  readonly channel: number;
  readonly stream: 'main' | 'dual';
  /** Epoch ms at which the recording begins; absent: live. */
  readonly recordedFrom?: number;
}

export type SessionTransport =
  | { readonly kind: 'tcp'; readonly channels: readonly [number, number] }
  | {
      readonly kind: 'udp';
      readonly clientPorts: readonly [number, number];
      readonly rtp: dgram.Socket;
      readonly rtcp: dgram.Socket;
    };

const PAYLOAD_TYPE = 99;
const REPORT_MS = 2_000;
/** Unsent bytes above which a live server drops RTP, on TCP too. */
const BACKLOG_BYTES = 512 * 1024;

export class SimulatedSession {
  readonly id = randomBytes(4).toString('hex').toUpperCase();
  transport: SessionTransport | undefined;
  isPlaying = false;
  /** Media has stopped while the connection stays: by time-out, or by a fault. */
  isSilent = false;
  isExpired = false;
  private readonly packetizer = new H264Packetizer(
    PAYLOAD_TYPE,
    randomBytes(4).readUInt32BE(0),
    randomBytes(2).readUInt16BE(0),
  );
  private readonly rtpBase = randomBytes(4).readUInt32BE(0);
  private source: Source | undefined;
  /** A unit whose time has not come. */
  private pending: SourceUnit | undefined;
  private lastTicks = 0;
  private scale = 1;
  private asFast = false;
  private begunAt = 0;
  private timer: NodeJS.Timeout | undefined;
  private expiry: NodeJS.Timeout | undefined;
  private lastReportAt = Number.NEGATIVE_INFINITY;
  private ended = false;

  constructor(
    readonly target: SessionTarget,
    readonly socket: net.Socket,
    private readonly settings: Settings,
  ) {
    this.touch();
  }

  /** The client was heard of. */
  touch(): void {
    clearTimeout(this.expiry);
    if (this.ended) return;
    this.expiry = setTimeout(() => {
      this.isExpired = true;
      this.stopMedia();
    }, this.settings.sessionTimeout * 1000);
  }

  /** Begins to play. The first unit goes out at once, before PLAY's reply. */
  play(source: Source, options: { scale: number; asFast: boolean }): { seq: number; rtptime: number } {
    this.source = source;
    this.scale = options.scale;
    this.asFast = options.asFast;
    this.isPlaying = true;
    this.begunAt = performance.now();
    const reply = { seq: this.packetizer.sequence, rtptime: this.rtpBase >>> 0 };
    this.pump();
    return reply;
  }

  /** Another picture size from now on. */
  changeResolution(stream: 'main' | 'dual'): void {
    if (this.source instanceof LiveSource) this.source.change(this.target.channel, stream);
  }

  /** RTCP BYE, and no more media. */
  sayGoodbye(): void {
    this.sendRtcp(
      Buffer.concat([
        this.report(),
        buildSdes(this.packetizer.ssrc, 'simulator'),
        buildBye(this.packetizer.ssrc),
      ]),
    );
    this.stopMedia();
  }

  end(): void {
    this.ended = true;
    clearTimeout(this.expiry);
    this.stopMedia();
    if (this.transport?.kind === 'udp') {
      this.transport.rtp.close();
      this.transport.rtcp.close();
      this.transport = undefined;
    }
  }

  private stopMedia(): void {
    clearTimeout(this.timer);
    this.source = undefined;
  }

  /** Sends every unit that is due, and comes back when the next one is. */
  private pump(): void {
    for (let burst = 0; burst < 1000; burst++) {
      if (this.source === undefined || this.ended) return;
      if (this.asFast && this.socket.writableLength > BACKLOG_BYTES) break;
      const unit = this.pending ?? this.source.next();
      if (unit === undefined) {
        this.sayGoodbye();
        return;
      }
      const wait = this.asFast ? 0 : this.begunAt + unit.mediaMs / this.scale - performance.now();
      if (wait > 1) {
        this.pending = unit;
        this.schedule(wait);
        return;
      }
      this.pending = undefined;
      this.send(unit);
    }
    this.schedule(5);
  }

  private schedule(ms: number): void {
    this.timer = setTimeout(() => {
      this.pump();
    }, ms);
  }

  private send(unit: SourceUnit): void {
    this.lastTicks = unit.rtpTicks;
    // With Scale, RTP time goes on at real speed (RFC 2326 12.34).
    const packets = this.packetizer.packetize(
      unit.nals,
      this.rtpBase + Math.round(unit.rtpTicks / this.scale),
    );
    if (this.isSilent || (this.transport?.kind === 'udp' && this.settings.silentUdp)) return;
    if (!this.asFast && this.transport?.kind === 'tcp' && this.socket.writableLength > BACKLOG_BYTES) return;
    const now = performance.now();
    if (now - this.lastReportAt > REPORT_MS) {
      this.lastReportAt = now;
      this.sendRtcp(Buffer.concat([this.report(), buildSdes(this.packetizer.ssrc, 'simulator')]));
    }
    if (this.transport?.kind === 'tcp') {
      const channel = this.transport.channels[0];
      this.write(Buffer.concat(packets.flatMap((packet) => [frameHeader(channel, packet.length), packet])));
    } else if (this.transport !== undefined) {
      for (const packet of packets)
        this.sendDatagram(this.transport.rtp, packet, this.transport.clientPorts[0]);
    }
  }

  private report(): Buffer {
    const { ssrc, packets, bytes } = this.packetizer;
    // Servers of the LIVE555 kind say *now*, in playback too.
    const ntpMs = Date.now() + this.settings.clockSkewMs;
    return buildSenderReport({ ssrc, ntpMs, rtpTime: (this.rtpBase + this.lastTicks) >>> 0, packets, bytes });
  }

  private sendRtcp(packet: Buffer): void {
    if (this.transport?.kind === 'tcp')
      this.write(Buffer.concat([frameHeader(this.transport.channels[1], packet.length), packet]));
    else if (this.transport !== undefined)
      this.sendDatagram(this.transport.rtcp, packet, this.transport.clientPorts[1]);
  }

  private write(bytes: Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  private sendDatagram(socket: dgram.Socket, packet: Buffer, port: number): void {
    socket.send(packet, port, '127.0.0.1', () => undefined);
  }
}

function frameHeader(channel: number, length: number): Buffer {
  const header = Buffer.from([0x24, channel, 0, 0]);
  header.writeUInt16BE(length, 2);
  return header;
}

/** An even/odd pair on the loopback interface. */
export async function bindUdpPair(): Promise<[rtp: dgram.Socket, rtcp: dgram.Socket]> {
  for (;;) {
    const first = await bind(0);
    const port = first.address().port;
    const partner = port % 2 === 0 ? port + 1 : port - 1;
    const second = partner < 65_536 ? await bind(partner).catch(() => undefined) : undefined;
    if (second !== undefined) return port % 2 === 0 ? [first, second] : [second, first];
    first.close();
  }
}

function bind(port: number): Promise<dgram.Socket> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.removeAllListeners('error');
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}
