// Builds RTP packets for the tests of this floor and of the codecs, byte by byte from RFC 3550 5.1.

import { RtpPacketView } from '../../lib/rtp/packet.js';

export interface RtpFields {
  sequence?: number;
  timestamp?: number;
  ssrc?: number;
  marker?: boolean;
  payloadType?: number;
  payload?: Uint8Array;
  csrcs?: number;
  extension?: { profile: number; data: Uint8Array };
  padding?: number;
}

export function rtp(fields: RtpFields = {}): Buffer {
  const csrcs = fields.csrcs ?? 0;
  const head = Buffer.alloc(12 + 4 * csrcs);
  head[0] = 0x80 | (fields.padding === undefined ? 0 : 0x20) | (fields.extension ? 0x10 : 0) | csrcs;
  head[1] = (fields.marker ? 0x80 : 0) | (fields.payloadType ?? 96);
  head.writeUInt16BE((fields.sequence ?? 0) & 0xffff, 2);
  head.writeUInt32BE((fields.timestamp ?? 0) >>> 0, 4);
  head.writeUInt32BE((fields.ssrc ?? 0x1234) >>> 0, 8);
  const parts: Uint8Array[] = [head];
  if (fields.extension) parts.push(extensionBlock(fields.extension.profile, fields.extension.data));
  parts.push(fields.payload ?? Buffer.alloc(0));
  if (fields.padding !== undefined) {
    const padding = Buffer.alloc(Math.max(1, fields.padding));
    padding[padding.length - 1] = fields.padding;
    parts.push(padding);
  }
  return Buffer.concat(parts);
}

/** A header extension: profile word, length in words, and the data, which must be whole words. */
export function extensionBlock(profile: number, data: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(profile, 0);
  head.writeUInt16BE(data.length / 4, 2);
  return Buffer.concat([head, data]);
}

/** The 12 bytes of an ONVIF replay extension: NTP time, flags, CSeq, padding. */
export function onvifReplay(epochMs: number): Buffer {
  const data = Buffer.alloc(12);
  data.writeUInt32BE(Math.floor(epochMs / 1000) + 2_208_988_800, 0);
  data.writeUInt32BE(Math.round(((epochMs % 1000) / 1000) * 2 ** 32), 4);
  return data;
}

/**
 * A view on a packet; throws where the packet is none, since a test that builds a wrong one is wrong itself.
 */
export function view(packet: Buffer): RtpPacketView {
  const result = new RtpPacketView();
  if (!result.parse(packet, 0, packet.length))
    throw new Error('the test built something that is no RTP packet');
  return result;
}
