// How a decoder is set up for a picture format: the muxer's own avcC or hvcC, taken from a file that is made for it alone (ISO 14496-15 5.3.3, 8.3.3).

import type { VideoUnit } from '../codec/unit.js';
import { mediabunny } from './mediabunny.js';
import { boxes, type Box } from './moof.js';

/** Field by field what the muxer takes. */
export interface DecoderConfig {
  codec: string;
  codedWidth: number;
  codedHeight: number;
  /** With it the muxer leaves the pictures as they are. */
  description: Uint8Array;
}

/** Bytes of a visual sample entry in front of its boxes (ISO 14496-12 12.1.3), and of stsd's own fields. */
const ENTRY_FIELDS = 78;
const STSD_FIELDS = 8;

/** Of the keyframe that opens a file. Rejects where its parameter sets cannot be read. */
export async function decoderConfig(
  codec: 'avc' | 'hevc',
  { data, format }: VideoUnit,
): Promise<DecoderConfig> {
  const { Output, NullTarget, Mp4OutputFormat, EncodedVideoPacketSource, EncodedPacket } = mediabunny();
  let moov = new Uint8Array();
  const output = new Output({
    format: new Mp4OutputFormat({
      fastStart: 'fragmented',
      onMoov: (box) => {
        moov = Uint8Array.from(box);
      },
    }),
    target: new NullTarget(),
  });
  const source = new EncodedVideoPacketSource(codec);
  output.addVideoTrack(source);
  const config = {
    codec: format.codecString ?? (codec === 'hevc' ? 'hvc1.1.6.L93.B0' : 'avc1.64001f'),
    codedWidth: format.width,
    codedHeight: format.height,
  };
  await output.start();
  await source.add(new EncodedPacket(data, 'key', 0, 1), { decoderConfig: config });
  await output.finalize();
  return { ...config, description: descriptionIn(moov, codec) };
}

function descriptionIn(moov: Uint8Array, codec: 'avc' | 'hevc'): Uint8Array {
  const view = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  const [entry, config] = codec === 'avc' ? ['avc1', 'avcC'] : ['hvc1', 'hvcC'];
  let box: Box = { start: 0, end: moov.length };
  for (const name of ['moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd', entry, config]) {
    const skipped = name === entry ? STSD_FIELDS : name === config ? ENTRY_FIELDS : 0;
    const [inner] = boxes(view, box.start + skipped, box.end, name);
    if (inner === undefined) throw new Error(`the muxer wrote no ${name}`);
    box = inner;
  }
  return moov.slice(box.start, box.end);
}
