// G.726 over RTP: code words of 2 to 5 bits, in either of the two bit orders in use (RFC 3551 4.5.4).

import { NvrError } from '../errors.js';
import type { RtpPacketView } from '../rtp/packet.js';
import type { MediaDescription } from '../rtsp/sdp.js';
import { printable } from '../text.js';
import { PacketAudioDepacketizer } from './packet-audio.js';
import type { MediaUnit } from './unit.js';

/**
 * `AAL2-G726-32`: bit order of ITU-T I.366.2, first code word in the high bits. `G726-32`: first code word in
 * the low bits. The number is kbit/s.
 */
const ENCODING = /^(AAL2-)?G726-(16|24|32|40)$/;
const SAMPLE_RATE = 8000;

/** Units always hold the code words in the order of RFC 3551. */
export class G726Depacketizer extends PacketAudioDepacketizer {
  private readonly codeBits: number;
  private readonly highFirst: boolean;

  /** @throws NvrError EUNSUPPORTED for a bit rate that G.726 does not have */
  constructor(
    payload: MediaDescription['payloads'][number],
    _media: MediaDescription,
    sink: (unit: MediaUnit) => void,
  ) {
    const match = ENCODING.exec(payload.encoding);
    if (match === null)
      throw new NvrError(
        'EUNSUPPORTED',
        `The audio track is encoded as ${printable(payload.encoding, 40)}, which cannot be read.`,
      );
    const codeBits = Number(match[2]) / 8;
    super({ codec: 'g726', sampleRate: SAMPLE_RATE, channels: payload.channels, codeBits }, sink);
    this.codeBits = codeBits;
    this.highFirst = match[1] !== undefined;
  }

  protected override dataOf(packet: RtpPacketView): Buffer {
    const data = super.dataOf(packet);
    if (this.highFirst) reverseCodeWords(data, this.codeBits);
    return data;
  }
}

/**
 * Reverses the code words within each group of whole bytes, in place. A group has 1, 3 or 5 bytes; an
 * incomplete last group is left unchanged.
 */
function reverseCodeWords(data: Buffer, codeBits: number): void {
  const group = codeBits % 2 === 0 ? 1 : codeBits;
  const mask = (1 << codeBits) - 1;
  for (let at = 0; at + group <= data.length; at += group) {
    // Up to 40 bits, more than bit operators hold, so this uses arithmetic.
    let from = data.readUIntBE(at, group);
    let to = 0;
    for (let i = 0; i < (group * 8) / codeBits; i++) {
      to = to * (mask + 1) + (from % (mask + 1));
      from = Math.floor(from / (mask + 1));
    }
    data.writeUIntLE(to, at, group);
  }
}
