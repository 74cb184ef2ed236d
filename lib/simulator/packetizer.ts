// RTP packets around payloads (RFC 3550 5.1), and ONVIF's replay extension (Streaming Specification 6.3).

const NTP_TO_UNIX_SECONDS = 2_208_988_800;
const ONVIF_REPLAY = 0xabac;

/** What the replay extension of a unit tells. */
export interface ReplayMark {
  /** Epoch ms. */
  readonly recordedMs: number;
  readonly isKeyframe: boolean;
  readonly isAfterGap: boolean;
}

/** The RTP side of one track: sequence numbers, SSRC, counters for its sender reports. */
export class Packetizer {
  packets = 0;
  /** Payload bytes. */
  bytes = 0;

  constructor(
    private readonly payloadType: number,
    readonly ssrc: number,
    /** Of the next packet. */
    public sequence: number,
  ) {}

  /** The packets of one unit; `replay` goes into the first. */
  packetize(payloads: readonly Buffer[], timestamp: number, marks: boolean, replay?: ReplayMark): Buffer[] {
    return payloads.map((payload, index) => {
      const extension = index === 0 && replay !== undefined ? replayExtension(replay) : Buffer.alloc(0);
      const header = Buffer.alloc(12);
      header[0] = extension.length > 0 ? 0x90 : 0x80;
      header[1] = (marks && index === payloads.length - 1 ? 0x80 : 0) | this.payloadType;
      header.writeUInt16BE(this.sequence, 2);
      header.writeUInt32BE(timestamp >>> 0, 4);
      header.writeUInt32BE(this.ssrc, 8);
      this.sequence = (this.sequence + 1) & 0xffff;
      this.packets++;
      this.bytes += payload.length;
      return Buffer.concat([header, extension, payload]);
    });
  }
}

function replayExtension({ recordedMs, isKeyframe, isAfterGap }: ReplayMark): Buffer {
  const extension = Buffer.alloc(16);
  extension.writeUInt16BE(ONVIF_REPLAY, 0);
  extension.writeUInt16BE(3, 2);
  extension.writeUInt32BE((Math.floor(recordedMs / 1000) + NTP_TO_UNIX_SECONDS) >>> 0, 4);
  extension.writeUInt32BE(Math.floor(((recordedMs % 1000) / 1000) * 2 ** 32), 8);
  extension[12] = (isKeyframe ? 0x80 : 0) | (isAfterGap ? 0x20 : 0);
  return extension;
}
