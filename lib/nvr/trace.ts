// A trace of the messages exchanged with one NVR: keeps the last ones in memory while it is on, without
// secrets.

import type { Logger } from '../log.js';
import { redact } from '../redact.js';

/** An exchange is a request and its reply. */
const MAX_LINES = 2 * 200;
/** Characters kept of one message: an SDP fits. */
const MAX_CHARS = 4096;

export interface TraceOptions {
  /** Further secrets to strike out. */
  secrets: readonly string[];
  /** Receives each line, too, while the trace is on. */
  next?: Logger;
  /** Epoch ms. */
  now?: () => number;
}

export class Trace implements Logger {
  private until = 0;
  private lines: string[] = [];

  constructor(private readonly options: TraceOptions) {}

  get isOn(): boolean {
    return this.now() < this.until;
  }

  /** The number of messages kept. */
  get length(): number {
    return this.lines.length;
  }

  /** Epoch ms at which the trace ends by itself. */
  get endsAt(): number {
    return this.until;
  }

  /** Clears the trace and starts it for `ms` milliseconds. */
  start(ms: number): void {
    this.lines = [];
    this.until = this.now() + ms;
  }

  /** Stops the trace and keeps its messages. */
  stop(): void {
    this.until = 0;
  }

  debug(line: string): void {
    this.keep(line);
  }

  warn(line: string): void {
    this.keep(line);
  }

  /** All messages as text, for a bug report. */
  text(): string {
    return this.lines.join('\n\n') + (this.lines.length > 0 ? '\n' : '');
  }

  private keep(line: string): void {
    if (!this.isOn) return;
    const said = redact(line, this.options.secrets);
    const kept = said.length > MAX_CHARS ? `${said.slice(0, MAX_CHARS)} ...` : said;
    this.lines.push(`${new Date(this.now()).toISOString()}\n${kept.replaceAll('\r\n', '\n')}`);
    if (this.lines.length > MAX_LINES) this.lines.shift();
    this.options.next?.debug(kept);
  }

  private now(): number {
    return this.options.now?.() ?? Date.now();
  }
}
