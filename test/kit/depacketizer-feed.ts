// Feeds depacketizers as the client does: packets in place in one read buffer, loss told by gap(). Shared by
// the codec tests.

import { RtpPacketView } from '../../lib/rtp/packet.js';
import type { Depacketizer } from '../../lib/codec/payload-format.js';
import type { MediaDescription } from '../../lib/rtsp/sdp.js';
import type { MediaUnit, VideoUnit } from '../../lib/codec/unit.js';

export interface RtpFields {
  sequence: number;
  timestamp: number;
  payload: Uint8Array;
  marker?: boolean;
}

/** An RTP packet without extension or padding. */
export function rtpPacket({ sequence, timestamp, payload, marker = false }: RtpFields): Buffer {
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header[1] = (marker ? 0x80 : 0) | 96;
  header.writeUInt16BE(sequence & 0xffff, 2);
  header.writeUInt32BE(timestamp >>> 0, 4);
  header.writeUInt32BE(0x1234, 8);
  return Buffer.concat([header, payload]);
}

export function videoMedia(
  encoding: string,
  fmtp: Record<string, string> = {},
  frameRate?: number,
): MediaDescription {
  return {
    index: 0,
    type: 'video',
    protocol: 'RTP/AVP',
    payloads: [{ type: 96, encoding, clockRate: 90_000, channels: 1, fmtp: new Map(Object.entries(fmtp)) }],
    ...(frameRate !== undefined && { frameRate }),
  };
}

/** Collects the units of a depacketizer that `make` builds around the sink. */
export class Feed {
  readonly units: VideoUnit[] = [];
  readonly depacketizer: Depacketizer;
  arrival = 1000;
  private readonly view = new RtpPacketView();
  private readonly readBuffer = Buffer.alloc(70_000);
  private sequence = 0;
  private timestamp = 9000;

  constructor(
    make: (media: MediaDescription, sink: (unit: MediaUnit) => void) => Depacketizer,
    media: MediaDescription,
  ) {
    this.depacketizer = make(media, (unit) => this.units.push(unit as VideoUnit));
  }

  /**
   * Pushes a whole RTP packet; the read buffer is overwritten behind it, so that a view kept of it shows as
   * wrong bytes.
   */
  packet(packet: Uint8Array): void {
    this.readBuffer.set(packet, 100);
    if (!this.view.parse(this.readBuffer, 100, 100 + packet.length))
      throw new Error('the test made no RTP packet');
    this.depacketizer.push(this.view, this.arrival);
    this.readBuffer.fill(0xee);
    this.arrival += 1;
  }

  /** Pushes a payload in the picture at hand. */
  payload(payload: Uint8Array, marker = false): this {
    this.packet(rtpPacket({ sequence: this.sequence, timestamp: this.timestamp, payload, marker }));
    this.sequence += 1;
    return this;
  }

  /** Begins the next picture: another timestamp. */
  next(step = 3600): this {
    this.timestamp += step;
    return this;
  }

  gap(): this {
    this.sequence += 1;
    this.depacketizer.gap();
    return this;
  }

  flush(): this {
    this.depacketizer.flush();
    return this;
  }

  /**
   * Packets of a packetizer, some of which may be missing: a hole in the sequence numbers is told as a gap.
   */
  stream(packets: readonly Buffer[]): this {
    let expected = packets[0]?.readUInt16BE(2) ?? 0;
    for (const packet of packets) {
      const sequence = packet.readUInt16BE(2);
      if (sequence !== expected) this.depacketizer.gap();
      expected = (sequence + 1) & 0xffff;
      this.packet(packet);
    }
    return this;
  }
}

/** The NAL units of a unit by its ranges, without start codes; throws if a range does not begin with one. */
export function nalsOf(unit: VideoUnit): Buffer[] {
  return unit.nals.map(({ start, end }) => {
    if (unit.data.readUInt32BE(start) !== 1) throw new Error(`no start code at ${start}`);
    return unit.data.subarray(start + 4, end);
  });
}

export function hexOf(unit: VideoUnit | undefined): string[] {
  return unit === undefined ? [] : nalsOf(unit).map((nal) => nal.toString('hex'));
}

export function types(unit: VideoUnit | undefined): number[] {
  return unit?.nals.map((nal) => nal.type) ?? [];
}
