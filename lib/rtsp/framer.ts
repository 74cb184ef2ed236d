// Splits the bytes read from a socket into interleaved packets, responses and requests (RFC 2326 4, 10.12).
// Works in place; copies only what spans two reads.

import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { trimBytes } from '../text.js';
import { endOfHead, HEAD_END_BYTES, linesOf, readHeaderLines } from './head.js';
import type { Headers, RtspRequest, RtspResponse } from './message.js';

interface FramerHandler {
  /** One interleaved packet, in `buffer` from `start` up to `end`; valid during the call only. */
  onPacket(channel: number, buffer: Buffer, start: number, end: number): void;
  onResponse(response: RtspResponse): void;
  onRequest(request: RtspRequest): void;
}

export interface FramerOptions {
  /**
   * Whether a channel was set up; helps to tell frames from junk. By default every channel counts as set up.
   */
  isChannelInUse?: (channel: number) => boolean;
}

const DOLLAR = 0x24;
const CR = 0x0d;
const LF = 0x0a;
const FRAME_HEADER = 4;
const CARRY_BYTES = LIMITS.packetBytes + FRAME_HEADER;
/** Bytes of a start line needed to recognise it: the longest method name, or `RTSP/1.`. */
const METHOD_BYTES = 24;
const RTSP_VERSION = Buffer.from('RTSP/1.', 'latin1');
const METHOD = /^[A-Z][A-Z_]{2,23} /;
/** A longer frame on a channel that was not set up is taken for junk containing a `$`. */
const PLAUSIBLE_STRANGER_BYTES = 16 * 1024;
/** Bytes kept of what a peer sends before any RTSP. If they hold none, the peer speaks another protocol. */
const GREETING_BYTES = 256;

type Message = { kind: 'response'; message: RtspResponse } | { kind: 'request'; message: RtspRequest };

export class Framer {
  /** Junk bytes skipped between frames. */
  skippedBytes = 0;

  /** The beginning of an incomplete frame or message. */
  private carry = Buffer.alloc(0);
  private carried = 0;
  /** How far `carry` was searched for the end of the header, so that no byte is searched twice. */
  private searched = 0;
  /** A message whose header is complete and whose body is not. */
  private pending: { message: Message; body: Buffer; filled: number } | undefined;
  /** Frames, messages and runs of junk that the current call may still consume. */
  private allowed = 0;
  private junkRun = 0;
  /** Last byte of the current run of junk: shows whether a new line starts behind it, even across reads. */
  private junkTail = 0;
  private greeting = '';
  /**
   * Some RTSP was seen, so anything unreadable from now on is junk between frames rather than another
   * protocol.
   */
  isRtsp = false;
  private readonly isChannelInUse: (channel: number) => boolean;

  constructor(
    private readonly handler: FramerHandler,
    options: FramerOptions = {},
  ) {
    this.isChannelInUse = options.isChannelInUse ?? (() => true);
  }

  /**
   * Consumes `chunk` from `start` up to `end`, or until `atMost` frames and messages have been delivered (a
   * run of junk counts as one). Returns the index it reached; the caller passes the rest again. Keeps no
   * reference to the chunk. Throws EPROTOCOL past a limit, ENOTRTSP if the peer speaks another protocol.
   */
  feed(chunk: Buffer, start = 0, end = chunk.length, atMost = Infinity): number {
    this.allowed = atMost;
    let at = start;
    while (at < end && this.allowed > 0) {
      if (this.pending !== undefined) at = this.fillBody(this.pending, chunk, at, end);
      else if (this.carried > 0) at = this.continueCarried(chunk, at, end);
      else {
        if (this.junkRun === 0) at = this.passFrames(chunk, at, end);
        if (at === end || this.allowed <= 0) return at;
        const next = this.step(chunk, at, end);
        if (next === at) {
          this.keep(chunk, at, end);
          return end;
        }
        at = next;
      }
    }
    return at;
  }

  /** Ends the current `feed` behind the frame or message that is being delivered. */
  stop(): void {
    this.allowed = 0;
  }

  /**
   * Hot path: delivers the complete frames that follow one another from `from` on, and returns where they
   * end.
   */
  private passFrames(buffer: Buffer, from: number, end: number): number {
    const { handler } = this;
    let at = from;
    let { allowed } = this;
    while (allowed > 0 && at + FRAME_HEADER <= end && buffer[at] === DOLLAR) {
      const channel = buffer[at + 1]!;
      const length = (buffer[at + 2]! << 8) | buffer[at + 3]!;
      const next = at + FRAME_HEADER + length;
      if (next > end || !this.isPlausible(channel, length)) break;
      this.isRtsp = true;
      handler.onPacket(channel, buffer, at + FRAME_HEADER, next);
      at = next;
      allowed--;
    }
    this.allowed = allowed;
    return at;
  }

  /**
   * Handles one frame, message or run of junk at `at`. Returns where the next begins, or `at` if more bytes
   * are needed.
   */
  private step(buffer: Buffer, at: number, end: number): number {
    if (buffer[at] === DOLLAR) {
      if (end - at < FRAME_HEADER) return at;
      const channel = buffer[at + 1]!;
      const next = at + FRAME_HEADER + ((buffer[at + 2]! << 8) | buffer[at + 3]!);
      if (this.junkRun > 0 && !this.isPlausible(channel, next - at - FRAME_HEADER))
        return this.skip(buffer, at, end);
      if (next > end) return at;
      this.isRtsp = true;
      this.junkRun = 0;
      this.allowed--;
      this.handler.onPacket(channel, buffer, at + FRAME_HEADER, next);
      return next;
    }
    // CRLFs between messages are allowed (RFC 2326 4.1), and do not prove that this is RTSP.
    if (buffer[at] === CR || buffer[at] === LF) return this.countJunk(buffer, at, at + 1);
    const verdict =
      this.junkRun > 0 && !mayBegin(buffer[at]!, this.junkTail) ? 'no' : startsMessage(buffer, at, end);
    if (verdict === 'unknown') return at;
    if (verdict === 'no') return this.skip(buffer, at, end);
    const headEnd = endOfHead(buffer, Math.max(at, at + this.searched - HEAD_END_BYTES), end);
    if (headEnd === -1) {
      this.searched = end - at;
      if (end - at > LIMITS.headerBytes)
        throw new NvrError('EPROTOCOL', `The server sent a header of more than ${LIMITS.headerBytes} bytes.`);
      return at;
    }
    this.searched = 0;
    if (headEnd - at > LIMITS.headerBytes)
      throw new NvrError('EPROTOCOL', `The server sent a header of more than ${LIMITS.headerBytes} bytes.`);
    this.begin(parseHead(buffer.toString('latin1', at, headEnd)));
    return headEnd;
  }

  private begin(message: Message | undefined): void {
    this.isRtsp = true;
    this.junkRun = 0;
    if (message === undefined) return;
    const length = bodyLength(message.message.headers);
    if (length > LIMITS.bodyBytes)
      throw new NvrError('EPROTOCOL', `The server announced a body of more than ${LIMITS.bodyBytes} bytes.`);
    if (length === 0) this.deliver(message);
    else this.pending = { message, body: Buffer.allocUnsafeSlow(length), filled: 0 };
  }

  private fillBody(pending: NonNullable<Framer['pending']>, chunk: Buffer, at: number, end: number): number {
    const taken = Math.min(end - at, pending.body.length - pending.filled);
    chunk.copy(pending.body, pending.filled, at, at + taken);
    pending.filled += taken;
    if (pending.filled === pending.body.length) {
      this.pending = undefined;
      pending.message.message.body = pending.body;
      this.deliver(pending.message);
    }
    return at + taken;
  }

  private deliver({ kind, message }: Message): void {
    this.allowed--;
    if (kind === 'response') this.handler.onResponse(message);
    else this.handler.onRequest(message);
  }

  /**
   * Completes the carried beginning with as many bytes as it needs, and handles it. Returns how far the chunk
   * was consumed.
   */
  private continueCarried(chunk: Buffer, at: number, end: number): number {
    const wanted = this.wanted();
    const taken = Math.min(end - at, wanted);
    this.keep(chunk, at, at + taken);
    const length = this.carried;
    this.carried = 0;
    let done = 0;
    while (done < length) {
      const next: number =
        this.pending === undefined
          ? this.step(this.carry, done, length)
          : this.fillBody(this.pending, this.carry, done, length);
      if (next === done) break;
      done = next;
      // No more may be delivered: what is left of this chunk goes back.
      if (this.allowed <= 0 && length - done <= taken) return at + taken - (length - done);
    }
    if (done < length) {
      this.carry.copyWithin(0, done, length);
      this.carried = length - done;
    }
    return at + taken;
  }

  /** How many more bytes the carried beginning needs: the rest of a frame, or some more of a header. */
  private wanted(): number {
    if (this.carry[0] !== DOLLAR) return Math.min(1024, CARRY_BYTES - this.carried);
    if (this.carried < FRAME_HEADER) return FRAME_HEADER - this.carried;
    return FRAME_HEADER + this.carry.readUInt16BE(2) - this.carried;
  }

  private keep(chunk: Buffer, at: number, end: number): void {
    const needed = this.carried + end - at;
    if (this.carry.length < needed) {
      const grown = Buffer.allocUnsafeSlow(
        Math.min(CARRY_BYTES, Math.max(needed, 2048, this.carry.length * 2)),
      );
      this.carry.copy(grown, 0, 0, this.carried);
      this.carry = grown;
    }
    chunk.copy(this.carry, this.carried, at, end);
    this.carried = needed;
  }

  private isPlausible(channel: number, length: number): boolean {
    return (
      length > 0 &&
      ((length <= PLAUSIBLE_STRANGER_BYTES && channel < 32 && this.junkRun === 0) ||
        this.isChannelInUse(channel))
    );
  }

  /** Skips junk up to the next byte that may begin a frame or message (quirk: junk-between-frames). */
  private skip(buffer: Buffer, at: number, end: number): number {
    let next = at + 1;
    while (next < end && !mayBegin(buffer[next]!, buffer[next - 1]!)) next++;
    return this.countJunk(buffer, at, next);
  }

  private countJunk(buffer: Buffer, at: number, next: number): number {
    if (!this.isRtsp) this.judgeStranger(buffer, at, next);
    this.junkTail = buffer[next - 1]!;
    this.allowed--;
    this.skippedBytes += next - at;
    this.junkRun += next - at;
    if (this.junkRun > LIMITS.junkBytes) {
      throw this.isRtsp
        ? new NvrError(
            'EPROTOCOL',
            `The server sent more than ${LIMITS.junkBytes} bytes that are neither RTSP nor media.`,
          )
        : notRtsp();
    }
    return next;
  }

  /** Recognises most other protocols by the first bytes that the peer sends. */
  private judgeStranger(buffer: Buffer, at: number, end: number): void {
    const more = buffer.toString('latin1', at, Math.min(end, at + GREETING_BYTES));
    const text = (this.greeting + more).replace(/^[\r\n]+/, '');
    this.greeting = text;
    if (/^(HTTP\/\d|SSH-|220[ -]|\* OK|\+OK|<[!?a-z]|\{|\[)/i.test(text))
      throw notRtsp(text.startsWith('HTTP/') ? 'an HTTP server' : undefined);
    // A line of text that is not RTSP is the greeting of another protocol.
    if (/^[\x20-\x7e\t]{3,}\r?\n/m.test(text) || text.length >= GREETING_BYTES) throw notRtsp();
  }
}

function notRtsp(what = 'something'): NvrError {
  return new NvrError(
    'ENOTRTSP',
    `There is ${what} at this address, but it does not speak RTSP; check the port (554 is usual).`,
  );
}

function mayBegin(byte: number, before: number): boolean {
  return (
    byte === DOLLAR || byte === 0x52 || ((before === LF || before === CR) && byte >= 0x41 && byte <= 0x5a)
  );
}

/** Whether a response or a request begins at `at`. */
function startsMessage(buffer: Buffer, at: number, end: number): 'yes' | 'no' | 'unknown' {
  const length = end - at;
  const prefix = Math.min(length, RTSP_VERSION.length);
  if (buffer.compare(RTSP_VERSION, 0, prefix, at, at + prefix) === 0)
    return prefix === RTSP_VERSION.length ? 'yes' : 'unknown';
  const first = buffer[at]!;
  if (first < 0x41 || first > 0x5a) return 'no';
  const line = buffer.toString('latin1', at, Math.min(end, at + METHOD_BYTES + 1));
  if (/^[A-Z_]+$/.test(line)) return line.length > METHOD_BYTES ? 'no' : 'unknown';
  if (!METHOD.test(line)) return 'no';
  // `METHOD uri RTSP/1.0`: needs the whole line to decide.
  const lineEnd = buffer.indexOf(LF, at);
  if (lineEnd === -1 || lineEnd >= end) return length > LIMITS.headerBytes ? 'no' : 'unknown';
  return /\sRTSP\/1\.\d\s*$/.test(buffer.toString('latin1', at, lineEnd)) ? 'yes' : 'no';
}

function bodyLength(headers: Headers): number {
  const length = Number.parseInt(headers.get('Content-Length') ?? '0', 10);
  return length > 0 ? length : 0;
}

/**
 * Parses a message without its body; undefined if the start line cannot be read, and the message is then
 * ignored. Strings hold one byte per character, so that a realm, session or path is echoed exactly as it
 * arrived.
 */
function parseHead(bytes: string): Message | undefined {
  const [startLine = '', ...lines] = linesOf(bytes);
  const headers = readHeaderLines(lines);
  const status = /^RTSP\/\d\.\d\s+(\d{3})(?!\d)(.*)$/s.exec(startLine);
  if (status !== null) {
    return {
      kind: 'response',
      message: { status: Number(status[1]), reason: trimBytes(status[2]!), headers, body: Buffer.alloc(0) },
    };
  }
  const request = /^([A-Z_]+)[ \t]+([^ \t]+)[ \t]+RTSP\/\d\.\d[ \t]*$/.exec(startLine);
  if (request === null) return undefined;
  return {
    kind: 'request',
    message: { method: request[1]!, uri: request[2]!, headers, body: Buffer.alloc(0) },
  };
}
