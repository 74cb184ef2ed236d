// Reads one connection no faster than its pace allows: what was read beyond that waits, and then reading
// does.

import { performance } from 'node:perf_hooks';
import type { NvrError } from '../errors.js';
import { asNvrError } from '../errors.js';
import { ReadPace } from './read-pace.js';
import type { Pipe } from './transport/socket.js';

/**
 * Frames handed on before the clock is looked at, where they are no work: fewer where they are, down to one.
 */
const SLICE_FRAMES = 32;
const SLICE_MS = 4;

const EMPTY = Buffer.alloc(0);

export interface ReaderOptions {
  /** How much of the loop reading may take: all unless said otherwise. */
  readonly pace?: ReadPace | undefined;
  /** Hands on `frames` frames at most from `at` on; answers how far it got. */
  feed(buffer: Buffer, at: number, length: number, frames: number): number;
  /** What is read from; undefined while there is nothing. */
  pipe(): Pipe | undefined;
  isOpen(): boolean;
  onReadStart?: ((buffer: Buffer, length: number, arrival: number) => void) | undefined;
  onRead?: (() => void) | undefined;
  /** More comes than is read. Once. */
  onSlow?: (() => void) | undefined;
  /** What was read cannot be handed on. */
  onError(error: NvrError): void;
}

export class PacedReader {
  /** Monotonic ms of the last read. */
  readAt = 0;
  /** The user stopped reading. */
  private isPaused = false;
  /** Reading goes on by itself: later, or in the next turn. */
  private pacing: NodeJS.Timeout | NodeJS.Immediate | undefined;
  /** What was read and is not handed on yet. */
  private rest: Buffer | undefined;
  private isSlow = false;
  private slice = SLICE_FRAMES;
  private readonly pace: ReadPace;

  constructor(private readonly options: ReaderOptions) {
    this.pace = options.pace ?? new ReadPace();
  }

  take(buffer: Buffer, length: number): void {
    // TLS may bring more after reading was stopped.
    if (this.rest !== undefined || this.isPaused)
      this.rest = Buffer.concat([this.rest ?? EMPTY, buffer.subarray(0, length)]);
    else this.handOn(buffer, length);
  }

  pause(): void {
    this.isPaused = true;
    this.options.pipe()?.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.goOn();
  }

  /** Goes on no more by itself. */
  stop(): void {
    clearTimeout(this.pacing as NodeJS.Timeout | undefined);
    clearImmediate(this.pacing as NodeJS.Immediate | undefined);
    this.pacing = undefined;
  }

  /** Hands on what was read, as far as the pace allows. The rest waits, and so does reading. */
  private handOn(buffer: Buffer, length: number, isOwn = false): void {
    const { options } = this;
    let at = 0;
    let begun = (this.readAt = performance.now());
    let cpu = cpuMs();
    options.onReadStart?.(buffer, length, begun);
    while (at < length && options.isOpen()) {
      at = options.feed(buffer, at, length, this.slice);
      const now = performance.now();
      this.slice =
        now - begun > SLICE_MS ? Math.max(this.slice >> 2, 1) : Math.min(this.slice * 2, SLICE_FRAMES);
      const used = cpuMs();
      const ms = this.pace.afterRead(begun, now, used - cpu);
      if (ms !== undefined) this.waitFor(ms);
      if (ms !== undefined || this.isPaused) {
        // The read buffer is used again; what waited before is this connection's own.
        const rest = at < length ? buffer.subarray(at, length) : undefined;
        this.rest = isOwn || rest === undefined ? rest : Buffer.from(rest);
        break;
      }
      begun = now;
      cpu = used;
    }
    options.onRead?.();
  }

  /** Reads nothing for so many ms, or until the loop's next turn. */
  private waitFor(ms: number): void {
    this.options.pipe()?.pause();
    const goOn = (): void => {
      this.pacing = undefined;
      this.goOn();
    };
    this.pacing ??= ms === 0 ? setImmediate(goOn) : setTimeout(goOn, ms);
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

  /** Neither the user nor the pace is against it; handing on may have changed that. */
  private mayRead(): boolean {
    return !this.isPaused && this.options.isOpen() && this.pacing === undefined;
  }
}

/** CPU time of this process so far. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
