// Hashes of a file and of each of its parts, computed piece by piece: here, or by the thread for long files.

import { createHash, type Hash } from 'node:crypto';
import type { DigestThread, ThreadFile } from '../recorder/digest-thread.js';

export type Piece = Uint8Array<ArrayBuffer>;

export interface Taken {
  /** The piece's memory, for the next one. */
  readonly memory: ArrayBuffer;
  /** The hash of the part that the piece has ended, in hex. */
  readonly part?: string;
}

/** Both return undefined if the hashes are lost: the file is to be read again. */
export interface PartHashes {
  take(piece: Piece, endsPart: boolean): Promise<Taken | undefined>;
  /** The hash of the whole file, in hex. Once. */
  end(): Promise<string | undefined>;
}

export class OwnHashes implements PartHashes {
  private readonly whole = createHash('sha256');
  private part: Hash | undefined;

  take(piece: Piece, endsPart: boolean): Promise<Taken> {
    this.whole.update(piece);
    const part = (this.part ?? createHash('sha256')).update(piece);
    this.part = endsPart ? undefined : part;
    const memory = piece.buffer;
    return Promise.resolve(endsPart ? { memory, part: part.digest('hex') } : { memory });
  }

  end(): Promise<string> {
    return Promise.resolve(this.whole.digest('hex'));
  }
}

export class ThreadHashes implements PartHashes {
  constructor(
    private readonly thread: DigestThread,
    private readonly file: ThreadFile,
  ) {}

  async take(sent: Piece, endsPart: boolean): Promise<Taken | undefined> {
    const { piece, sha256 } = (await this.thread.ask(this.file, sent, endsPart ? 'ends' : 'goes on')) ?? {};
    if (piece === undefined || (endsPart && sha256 === undefined)) return undefined;
    const memory = piece.buffer;
    return sha256 === undefined ? { memory } : { memory, part: sha256 };
  }

  async end(): Promise<string | undefined> {
    return (await this.thread.ask(this.file))?.sha256;
  }
}
