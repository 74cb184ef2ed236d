// What many cameras send: an SPS that does not tell how many pictures are reordered.

import { parseH264Sps } from '../../../lib/codec/h264/sps.js';
import { escape } from '../bit-writer.js';

const bitsOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
const ue = (value: number): string =>
  '0'.repeat((value + 1).toString(2).length - 1) + (value + 1).toString(2);

/** An SPS of x264 with its bitstream restriction taken away. */
export function unrestricted(sps: Buffer): Buffer {
  const rbsp = Buffer.from(sps.toString('latin1').replaceAll('\0\0\x03', '\0\0'), 'latin1');
  const bits = bitsOf(rbsp).replace(/0*$/, '');
  for (let vectors = 0; vectors <= 16; vectors++)
    for (let frames = 0; frames <= 16; frames++) {
      const end = `1111${ue(vectors)}${ue(vectors)}${ue(0)}${ue(frames)}1`;
      if (!bits.endsWith(end)) continue;
      const text = `${bits.slice(0, -end.length)}01`;
      const bytes = text.match(/.{1,8}/g)!.map((byte) => parseInt(byte.padEnd(8, '0'), 2));
      const made = escape(Uint8Array.from(bytes));
      if (parseH264Sps(made)?.isRestricted === false) return made;
    }
  throw new Error('x264 writes another SPS');
}
