// The bytes of a fragmented MP4: boxes, and media that is copied once from the units to the file (ISO
// 14496-12 8.8, 14496-15 5.3).

import type { NalRange } from '../codec/unit.js';

/**
 * Receives the file. Bytes come in order and are valid until the promise settles; the next call waits for
 * that.
 */
export interface ClipSink {
  write(data: Uint8Array): Promise<void>;
}

/** The content of an mdat. */
export interface Sample {
  readonly data: Buffer;
  /** H.264, H.265: the NAL units of `data`. Their start codes are replaced by lengths. */
  readonly nals?: readonly NalRange[];
}

type Piece = Uint8Array | Sample;

/** An entry of the index at the end of the file. */
interface Entry {
  readonly time: bigint;
  readonly at: number;
}

/** Bytes per write, so that other files get their turn in between. */
const CHUNK = 256 * 1024;

export class FragmentFile {
  /** Bytes passed to the sink. */
  bytes = 0;

  private pieces: Piece[] = [];
  /** File position of the end of `pieces`. */
  private end = 0;
  private readonly index: Entry[] = [];
  private readonly chunk = Buffer.allocUnsafeSlow(CHUNK);
  private filled = 0;
  private readonly length = Buffer.alloc(4);

  constructor(private readonly sink: ClipSink) {}

  /** Adds a complete box. */
  box(data: Uint8Array): void {
    this.pieces.push(data);
    this.end += data.length;
  }

  /**
   * Adds a fragment: its moof, and its samples in the order of the tracks. `opens`: display time of its first
   * picture in ticks, if a player can begin there.
   */
  fragment(moof: Buffer, samples: readonly Sample[], opens?: number): void {
    if (opens !== undefined) this.index.push({ time: BigInt(opens), at: this.end });
    this.box(moof);
    const bytes = samples.reduce((sum, sample) => sum + sampleBytes(sample), 0);
    this.box(mdatHead(bytes));
    this.pieces.push(...samples);
    this.end += bytes;
  }

  /** Writes everything added since the last call. Rejects with the sink's error. */
  async flush(): Promise<void> {
    const { pieces } = this;
    this.pieces = [];
    for (const piece of pieces) {
      if (piece instanceof Uint8Array) await this.put(piece, 0, piece.length);
      else if (piece.nals === undefined) await this.put(piece.data, 0, piece.data.length);
      else await this.putNals(piece.data, piece.nals);
    }
    await this.write();
  }

  /**
   * Writes the index of the fragments, which players need for seeking (ISO 14496-12 8.8.9 to 8.8.11); it is
   * the last box of the file.
   */
  close(): Promise<void> {
    this.box(mfra(this.index));
    return this.flush();
  }

  private async putNals(data: Buffer, nals: readonly NalRange[]): Promise<void> {
    for (const { start, end } of nals) {
      if (end - start <= CHUNK - this.filled) {
        // The start code is replaced by a length of the same size, 4 bytes.
        data.copy(this.chunk, this.filled, start, end);
        this.chunk.writeUInt32BE(end - start - 4, this.filled);
        this.filled += end - start;
        continue;
      }
      this.length.writeUInt32BE(end - start - 4);
      await this.put(this.length, 0, 4);
      await this.put(data, start + 4, end);
    }
  }

  private async put(data: Uint8Array, start: number, end: number): Promise<void> {
    for (let at = start; at < end;) {
      const part = Math.min(end - at, CHUNK - this.filled);
      this.chunk.set(data.subarray(at, at + part), this.filled);
      this.filled += part;
      at += part;
      if (this.filled === CHUNK) await this.write();
    }
  }

  private async write(): Promise<void> {
    if (this.filled === 0) return;
    await this.sink.write(this.chunk.subarray(0, this.filled));
    this.bytes += this.filled;
    this.filled = 0;
  }
}

/** Size of a sample in the file. A length takes as many bytes as the start code that it replaces. */
export function sampleBytes({ data, nals }: Sample): number {
  return nals?.reduce((sum, { start, end }) => sum + end - start, 0) ?? data.length;
}

function mdatHead(bytes: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + bytes);
  header.write('mdat', 4, 'latin1');
  return header;
}

function mfra(index: readonly Entry[]): Buffer {
  const ENTRY = 28;
  const tfraBytes = 24 + index.length * ENTRY;
  const box = Buffer.alloc(8 + tfraBytes + 16);
  let at = 0;
  const word = (value: number): void => {
    at = box.writeUInt32BE(value, at);
  };
  const name = (text: string): void => {
    at += box.write(text, at, 'latin1');
  };
  word(box.length);
  name('mfra');
  word(tfraBytes);
  name('tfra');
  word(0x0100_0000); // version 1: 64 bits for times and places
  word(1); // the pictures' track
  word(0x3f); // numbers of 32 bits
  word(index.length);
  for (const { time, at: place } of index) {
    at = box.writeBigUInt64BE(time, at);
    at = box.writeBigUInt64BE(BigInt(place), at);
    for (let i = 0; i < 3; i++) word(1); // first traf, trun and sample
  }
  word(16);
  name('mfro');
  word(0);
  word(box.length);
  return box;
}
