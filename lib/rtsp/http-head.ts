// Collects the header section of an HTTP response (RFC 1945 6), however the reads split it. Does no I/O.

import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { printable, trimBytes } from '../text.js';
import { endOfHead, HEAD_END_BYTES, linesOf, readHeaderLines } from './head.js';
import type { Headers } from './message.js';

export interface HttpAnswer {
  status: number;
  reason: string;
  headers: Headers;
}

/** A peer that has sent this many bytes that do not begin like HTTP speaks another protocol. */
const STRANGER_BYTES = 128;
const SAID_CHARS = 80;

export class HttpHead {
  /** Set once the header section is complete. */
  answer: HttpAnswer | undefined;
  /** The peer does not speak HTTP; `said` holds its first line. */
  isOther = false;

  private readonly bytes = Buffer.allocUnsafe(LIMITS.headerBytes);
  private length = 0;

  /**
   * Consumes the first `length` bytes of `buffer` and keeps no reference to it. Returns how many of them
   * belonged to the header section: all of them while `answer` is undefined. Throws EPROTOCOL past a limit.
   */
  take(buffer: Buffer, length: number): number {
    const before = this.length;
    const taken = buffer.copy(this.bytes, before, 0, Math.min(length, LIMITS.headerBytes - before));
    this.length += taken;
    if (this.beginsOtherwise) {
      this.isOther = this.length >= STRANGER_BYTES || this.text().includes('\n');
      return length;
    }
    const end = endOfHead(this.bytes, Math.max(0, before - HEAD_END_BYTES), this.length);
    if (end !== -1) {
      this.answer = parse(this.text(end));
      this.isOther = this.answer === undefined;
      return this.isOther ? length : end - before;
    }
    if (this.length >= LIMITS.headerBytes)
      throw new NvrError('EPROTOCOL', 'The server’s HTTP answer has a head without end.');
    return length;
  }

  /** The first line so far, printable characters only, at most 80. */
  get said(): string {
    const [line = ''] = this.text(Math.min(this.length, 4 * SAID_CHARS)).split(/[\r\n]/, 1);
    return printable(line, SAID_CHARS);
  }

  /** Whether the bytes so far rule out HTTP. */
  get beginsOtherwise(): boolean {
    const start = this.text(Math.min(this.length, 5));
    return start !== 'HTTP/'.slice(0, start.length);
  }

  private text(end = this.length): string {
    return this.bytes.toString('latin1', 0, end);
  }
}

/** Undefined if the status line cannot be read. */
function parse(text: string): HttpAnswer | undefined {
  const [first = '', ...lines] = linesOf(text);
  const status = /^HTTP\/\d+(?:\.\d+)? +(\d{3})(?= |$)/.exec(first);
  if (status === null) return undefined;
  const reason = trimBytes(first.slice(status[0].length));
  return { status: Number(status[1]), reason, headers: readHeaderLines(lines) };
}
