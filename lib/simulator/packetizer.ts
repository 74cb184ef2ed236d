// Access units into RTP packets: single NAL units and FU-A fragments (RFC 6184 5.6, 5.8).

const MTU = 1400;
const RTP_HEADER = 12;
const FU_A = 28;

/** The RTP side of one track: sequence numbers, SSRC, counters for its sender reports. */
export class H264Packetizer {
  packets = 0;
  /** Payload bytes. */
  bytes = 0;

  constructor(
    private readonly payloadType: number,
    readonly ssrc: number,
    /** Of the next packet. */
    public sequence: number,
  ) {}

  packetize(nals: readonly Buffer[], timestamp: number): Buffer[] {
    const packets: Buffer[] = [];
    for (const [index, nal] of nals.entries()) {
      const isLast = index === nals.length - 1;
      if (nal.length <= MTU) packets.push(this.packet(timestamp, isLast, nal));
      else this.fragment(nal, timestamp, isLast, packets);
    }
    return packets;
  }

  private fragment(nal: Buffer, timestamp: number, isLast: boolean, packets: Buffer[]): void {
    const header = nal[0]!;
    for (let at = 1; at < nal.length; at += MTU - 2) {
      const end = Math.min(nal.length, at + MTU - 2);
      const fuHeader = (at === 1 ? 0x80 : 0) | (end === nal.length ? 0x40 : 0) | (header & 0x1f);
      const prefix = Buffer.from([(header & 0xe0) | FU_A, fuHeader]);
      packets.push(this.packet(timestamp, isLast && end === nal.length, prefix, nal.subarray(at, end)));
    }
  }

  private packet(timestamp: number, marker: boolean, ...payload: Buffer[]): Buffer {
    const header = Buffer.alloc(RTP_HEADER);
    header[0] = 0x80;
    header[1] = (marker ? 0x80 : 0) | this.payloadType;
    header.writeUInt16BE(this.sequence, 2);
    header.writeUInt32BE(timestamp >>> 0, 4);
    header.writeUInt32BE(this.ssrc, 8);
    this.sequence = (this.sequence + 1) & 0xffff;
    const packet = Buffer.concat([header, ...payload]);
    this.packets++;
    this.bytes += packet.length - RTP_HEADER;
    return packet;
  }
}
