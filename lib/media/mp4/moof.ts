// The moof box before a fragment's media: its samples with decode and display times (ISO 14496-12 8.8).
// Written field by field for speed: a live stream has one per picture.

export interface FragmentSample {
  readonly bytes: number;
  /** Ticks of the track. */
  readonly duration: number;
  /** Ticks from decode time to display time; may be negative. */
  readonly offset: number;
  readonly key: boolean;
}

/** A fragment's samples of one track. */
export interface TrackRun {
  /** Track number, from 1. */
  readonly track: number;
  /** Decode time of the first sample, in ticks. */
  readonly time: number;
  readonly samples: readonly FragmentSample[];
}

const HEADER_BYTES = 8;
const MFHD_BYTES = 16;
const TFHD_BYTES = 16;
const TFDT_BYTES = 20;
const TRUN_HEAD_BYTES = 20;
const SAMPLE_BYTES = 16;

/** tfhd flag: data offsets are relative to the moof. */
const BASE_IS_MOOF = 0x20000;
/** trun flags: data offset; duration, size, flags and composition offset of each sample. */
const TRUN_FIELDS = 0x1 | 0x100 | 0x200 | 0x400 | 0x800;
const SIGNED_OFFSETS = 0x0100_0000;
/** Sample flags (8.8.3.1): independent; dependent and not a sync sample. */
const SYNC = 0x0200_0000;
const NON_SYNC = 0x0101_0000;

/** The samples' data follows in its own mdat, track by track. `sequence`: from 1. */
export function moof(sequence: number, runs: readonly TrackRun[]): Buffer {
  const sizes = runs.map(({ samples }) => TFHD_BYTES + TFDT_BYTES + trunBytes(samples.length) + HEADER_BYTES);
  const box = Buffer.alloc(HEADER_BYTES + MFHD_BYTES + sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  const word = (value: number): void => {
    at = box.writeUInt32BE(value, at);
  };
  const head = (bytes: number, name: string): void => {
    word(bytes);
    at += box.write(name, at, 'latin1');
  };
  head(box.length, 'moof');
  head(MFHD_BYTES, 'mfhd');
  word(0);
  word(sequence);
  let data = box.length + HEADER_BYTES;
  runs.forEach(({ track, time, samples }, index) => {
    head(sizes[index]!, 'traf');
    head(TFHD_BYTES, 'tfhd');
    word(BASE_IS_MOOF);
    word(track);
    head(TFDT_BYTES, 'tfdt');
    word(0x0100_0000);
    at = box.writeBigUInt64BE(BigInt(time), at);
    head(trunBytes(samples.length), 'trun');
    word(SIGNED_OFFSETS | TRUN_FIELDS);
    word(samples.length);
    word(data);
    for (const { bytes, duration, offset, key } of samples) {
      word(duration);
      word(bytes);
      word(key ? SYNC : NON_SYNC);
      at = box.writeInt32BE(offset, at);
      data += bytes;
    }
  });
  return box;
}

function trunBytes(samples: number): number {
  return TRUN_HEAD_BYTES + samples * SAMPLE_BYTES;
}
