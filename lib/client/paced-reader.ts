// Reads a connection no faster than its pace allows: bytes beyond that are kept, and reading pauses.

import { performance } from 'node:perf_hooks';
import type { NvrError } from '../errors.js';
import { asNvrError } from '../errors.js';
import { ReadPace } from './read-pace.js';
import type { Pipe } from './transport/socket.js';

/** Frames handed on between two looks at the clock. Fewer, down to one, if handling them takes long. */
const SLICE_FRAMES = 32;
const SLICE_MS = 4;
/**
 * Asking for the CPU time costs more than handing on a packet. So it is asked for only after a slice that
 * took this many ms, and from then on for `MEASURE_MS`: during a long slice another process may have run,
 * whose time is not charged.
 */
const LONG_SLICE_MS = 1;
const MEASURE_MS = 1000;

const EMPTY = Buffer.alloc(0);

interface ReaderOptions {
  /** Limits the part of the event loop's time that reading may take; unlimited by default. */
  readonly pace?: ReadPace | undefined;
  /** Hands on at most `frames` frames, starting at `at`. Returns where the next frame starts. */
  feed(buffer: Buffer, at: number, length: number, frames: number): number;
  /** The pipe to pause and resume; undefined until it is open. */
  pipe(): Pipe | undefined;
  isOpen(): boolean;
  onReadStart?: ((buffer: Buffer, length: number, arrival: number) => void) | undefined;
  onRead?: (() => void) | undefined;
  /** The server sends faster than `pace` lets us read. Called once. */
  onSlow?: (() => void) | undefined;
  /** Handling the bytes that were kept has thrown. */
  onError(error: NvrError): void;
}

export class PacedReader {
  /** Monotonic ms of the last read. */
  readAt = 0;
  /** The user has called `pause`. */
  private isPaused = false;
  /** Cancels the timer that resumes reading after a pause by the pace; undefined while there is none. */
  private cancelPacing: (() => void) | undefined;
  /** Bytes that were read and are not handed on yet. */
  private rest: Buffer | undefined;
  private isSlow = false;
  private isYielding = false;
  private slice = SLICE_FRAMES;
  /** Monotonic ms until which CPU time is measured. */
  private measuresUntil = -Infinity;
  private readonly pace: ReadPace;

  constructor(private readonly options: ReaderOptions) {
    this.pace = options.pace ?? new ReadPace();
  }

  take(buffer: Buffer, length: number): void {
    // TLS may deliver more data after the socket was paused.
    if (this.rest !== undefined || this.isPaused)
      this.rest = Buffer.concat([this.rest ?? EMPTY, buffer.subarray(0, length)]);
    else this.handOn(buffer, length);
  }

  pause(): void {
    this.isPaused = true;
    this.options.pipe()?.pause();
  }

  /** Passes on the rest of the current read in the loop's next turn. */
  yieldTurn(): void {
    this.isYielding = true;
  }

  resume(): void {
    this.isPaused = false;
    this.goOn();
  }

  /**
   * Drops the bytes that were read but not handed on yet, and cancels the timer that would hand them on: the
   * next bytes come from another connection.
   */
  stop(): void {
    this.rest = undefined;
    this.cancelPacing?.();
    this.cancelPacing = undefined;
  }

  /**
   * Hands on the bytes as far as the pace allows. If it does not allow all, keeps the rest and pauses the
   * socket.
   */
  private handOn(buffer: Buffer, length: number, isOwn = false): void {
    const { options } = this;
    let at = 0;
    let begun = (this.readAt = performance.now());
    /** CPU time as the slice began; undefined if it is not measured. */
    let cpu = begun < this.measuresUntil ? cpuMs() : undefined;
    options.onReadStart?.(buffer, length, begun);
    while (at < length && options.isOpen()) {
      at = options.feed(buffer, at, length, this.slice);
      const now = performance.now();
      this.slice =
        now - begun > SLICE_MS ? Math.max(this.slice >> 2, 1) : Math.min(this.slice * 2, SLICE_FRAMES);
      if (this.pace.isLimited && now - begun >= LONG_SLICE_MS) this.measuresUntil = now + MEASURE_MS;
      const used = now < this.measuresUntil ? cpuMs() : undefined;
      const worked = used === undefined || cpu === undefined ? undefined : used - cpu;
      const isYielding = this.isYielding && at < length;
      this.isYielding = false;
      const ms = this.pace.afterRead(begun, now, worked) ?? (isYielding ? 0 : undefined);
      if (ms !== undefined) this.waitFor(ms);
      if (ms !== undefined || this.isPaused) {
        // The socket reuses its read buffer, so the rest is copied; kept bytes (`isOwn`) are a copy already.
        const rest = at < length ? buffer.subarray(at, length) : undefined;
        this.rest = isOwn || rest === undefined ? rest : Buffer.from(rest);
        break;
      }
      begun = now;
      cpu = used;
    }
    options.onRead?.();
  }

  /** Pauses reading for `ms`, or, if that is 0, until the next turn of the event loop. */
  private waitFor(ms: number): void {
    this.options.pipe()?.pause();
    const goOn = (): void => {
      this.cancelPacing = undefined;
      this.goOn();
    };
    this.cancelPacing ??= ms === 0 ? inNextTurn(goOn) : later(goOn, ms);
    if (ms === 0 || this.isSlow) return;
    this.isSlow = true;
    this.options.onSlow?.();
  }

  private goOn(): void {
    if (!this.mayRead()) return;
    const { rest } = this;
    this.rest = undefined;
    try {
      if (rest !== undefined) this.handOn(rest, rest.length, true);
    } catch (error) {
      this.options.onError(asNvrError(error, 'EPROTOCOL', 'What the server sent could not be read.'));
      return;
    }
    if (this.mayRead()) this.options.pipe()?.resume();
  }

  /**
   * True if neither the user nor the pace has paused reading. Ask again after handing bytes on: that may
   * change it.
   */
  private mayRead(): boolean {
    return !this.isPaused && this.options.isOpen() && this.cancelPacing === undefined;
  }
}

/** Returns what cancels it. */
function inNextTurn(run: () => void): () => void {
  const immediate = setImmediate(run);
  return () => {
    clearImmediate(immediate);
  };
}

/** Returns what cancels it. */
function later(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  return () => {
    clearTimeout(timer);
  };
}

/** CPU time that this process has used so far, in ms. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
