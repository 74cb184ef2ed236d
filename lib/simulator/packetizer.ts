// Puts payloads into RTP packets (RFC 3550 5.1), with ONVIF's replay extension if asked for (Streaming
// Specification 6.3).

const NTP_TO_UNIX_SECONDS = 2_208_988_800;
const ONVIF_REPLAY = 0xabac;

/** Content of a unit's replay extension. */
interface ReplayMark {
  /** Epoch ms. */
  readonly recordedMs: number;
  readonly isKeyframe: boolean;
  readonly isAfterGap: boolean;
}

/** RTP state of one track: sequence numbers, SSRC, and the counters of its sender reports. */
export class Packetizer {
  packets = 0;
  /** Payload bytes sent. */
  bytes = 0;

  constructor(
    private readonly payloadType: number,
    readonly ssrc: number,
    /** Sequence number of the next packet. */
    public sequence: number,
  ) {}

  /** The packets of one unit; the first carries `replay`. */
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
