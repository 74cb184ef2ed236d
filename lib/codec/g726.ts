// G.726 over RTP: code words of 2 to 5 bits, in either of the two orders that are in use (RFC 3551 4.5.4).

import { NvrError } from '../errors.js';
import type { RtpPacketView } from '../rtp/packet.js';
import type { MediaDescription } from '../rtsp/sdp.js';
import { printable } from '../text.js';
import { PacketAudioDepacketizer } from './packet-audio.js';
import type { MediaUnit } from './unit.js';

/**
 * `AAL2-G726-32`: the order of ITU-T I.366.2, first code word in the high bits. `G726-32`: first code word in
 * the low bits. The number is kbit/s.
 */
const ENCODING = /^(AAL2-)?G726-(16|24|32|40)$/;
const SAMPLE_RATE = 8000;

/** Units hold the code words in the order of RFC 3551, whichever was sent. */
export class G726Depacketizer extends PacketAudioDepacketizer {
  readonly #codeBits: number;
  readonly #highFirst: boolean;

  /** @throws NvrError EUNSUPPORTED for a bit rate G.726 does not have */
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
    this.#codeBits = codeBits;
    this.#highFirst = match[1] !== undefined;
  }

  protected override dataOf(packet: RtpPacketView): Buffer {
    const data = super.dataOf(packet);
    if (this.#highFirst) reverseCodeWords(data, this.#codeBits);
    return data;
  }
}

/**
 * Turns the order of the code words around within each group of whole bytes, in place. A group is 1, 3 or 5
 * bytes; what does not fill one stays as it is.
 */
function reverseCodeWords(data: Buffer, codeBits: number): void {
  const group = codeBits % 2 === 0 ? 1 : codeBits;
  const mask = (1 << codeBits) - 1;
  for (let at = 0; at + group <= data.length; at += group) {
    // 40 bits at most: beyond what bit operators hold, so by arithmetic.
    let from = data.readUIntBE(at, group);
    let to = 0;
    for (let i = 0; i < (group * 8) / codeBits; i++) {
      to = to * (mask + 1) + (from % (mask + 1));
      from = Math.floor(from / (mask + 1));
    }
    data.writeUIntLE(to, at, group);
  }
}
