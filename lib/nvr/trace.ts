// A trace of what is said to one NVR: the last exchanges in memory while it is switched on, secrets struck
// out.

import type { Logger } from '../log.js';
import { redact } from '../redact.js';

/** An exchange is a request and its reply. */
const MAX_LINES = 2 * 200;
/** Characters kept of one message: an SDP fits. */
const MAX_CHARS = 4096;

export interface TraceOptions {
  /** Struck out wherever they stand. */
  secrets: readonly string[];
  /** Gets each line as well while the trace is on. */
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

  /** Messages kept. */
  get length(): number {
    return this.lines.length;
  }

  /** Epoch ms at which it goes off by itself. */
  get endsAt(): number {
    return this.until;
  }

  /** Begins anew, for `ms` milliseconds. */
  start(ms: number): void {
    this.lines = [];
    this.until = this.now() + ms;
  }

  /** What was kept stays. */
  stop(): void {
    this.until = 0;
  }

  debug(line: string): void {
    this.keep(line);
  }

  warn(line: string): void {
    this.keep(line);
  }

  /** For a bug report. */
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
