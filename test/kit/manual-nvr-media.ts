// Media of the NVR written from the manual: H.264 clips in step with the wall clock, and their RTP payloads
// (RFC 6184 5.6 and 5.8).

import fs from 'node:fs';
import path from 'node:path';

export interface Picture {
  readonly nals: readonly Buffer[];
  readonly isKeyframe: boolean;
}

const CLIPS = path.join(__dirname, '..', '..', 'lib', 'simulator', 'clips');
const PAYLOAD_BYTES = 1400;
const FU_A = 28;
const IDR = 5;
const DELIMITER = 9;

/** A clip in an endless loop: picture n is due n frame intervals after the epoch. */
export class Loop {
  private readonly pictures: readonly Picture[];
  readonly frameMs: number;

  constructor(
    file: string,
    readonly rate: number,
    readonly width: number,
    readonly height: number,
  ) {
    this.pictures = readPictures(fs.readFileSync(path.join(CLIPS, file)));
    this.frameMs = 1000 / rate;
  }

  /** Epoch ms of the next picture after a time. */
  after(time: number): number {
    return (Math.floor(time / this.frameMs + 1e-6) + 1) * this.frameMs;
  }

  pictureAt(time: number): Picture {
    return this.pictures[Math.round(time / this.frameMs) % this.pictures.length]!;
  }

  /** A time just before the keyframe at or before the given one, so that `after` returns that keyframe. */
  keyframeAt(time: number): number {
    let index = Math.floor(time / this.frameMs);
    while (!this.pictures[index % this.pictures.length]!.isKeyframe) index--;
    return (index - 1) * this.frameMs;
  }
}

let small: Loop | undefined;
let large: Loop | undefined;

export const MANUAL_CLIPS = {
  /** One keyframe per second. */
  small: (): Loop => (small ??= new Loop('recording.h264', 10, 320, 180)),
  large: (): Loop => (large ??= new Loop('ch1-main.h264', 12.5, 640, 360)),
};

/** Packs NAL units into single NAL unit packets and FU-A fragments. */
export function rtpPayloads(nals: readonly Buffer[]): Buffer[] {
  return nals.flatMap((nal) => {
    if (nal.length <= PAYLOAD_BYTES) return [nal];
    const parts: Buffer[] = [];
    for (let at = 1; at < nal.length; at += PAYLOAD_BYTES - 2) {
      const part = nal.subarray(at, at + PAYLOAD_BYTES - 2);
      const start = at === 1 ? 0x80 : 0;
      const end = at + part.length === nal.length ? 0x40 : 0;
      parts.push(
        Buffer.concat([Buffer.from([(nal[0]! & 0xe0) | FU_A, start | end | (nal[0]! & 0x1f)]), part]),
      );
    }
    return parts;
  });
}

/**
 * A picture begins with its first slice (first_mb_in_slice 0, so the first bit is 1) and the parameter sets
 * before it.
 */
function readPictures(stream: Buffer): Picture[] {
  const pictures: { nals: Buffer[]; isKeyframe: boolean }[] = [];
  let waiting: Buffer[] = [];
  for (const nal of nalUnits(stream)) {
    const type = nal[0]! & 0x1f;
    if (type === DELIMITER) continue;
    const isSlice = type === 1 || type === IDR;
    const begins = isSlice && (nal[1]! & 0x80) !== 0;
    if (!isSlice) {
      waiting.push(nal);
    } else if (begins) {
      pictures.push({ nals: [...waiting, nal], isKeyframe: type === IDR });
      waiting = [];
    } else {
      pictures.at(-1)!.nals.push(nal);
    }
  }
  return pictures;
}

function nalUnits(stream: Buffer): Buffer[] {
  const starts: number[] = [];
  for (let at = stream.indexOf('\0\0\x01'); at >= 0; at = stream.indexOf('\0\0\x01', at + 3))
    starts.push(at + 3);
  return starts.map((start, index) => {
    let end = index + 1 < starts.length ? starts[index + 1]! - 3 : stream.length;
    while (stream[end - 1] === 0) end--;
    return stream.subarray(start, end);
  });
}
