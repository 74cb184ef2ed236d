// Fetches the missing parts of alarm clips from the NVR's own recording: one after the other, with retries
// for at most a day.

import { NvrError } from '../../errors.js';
import type { CaseEntry } from './journal.js';
import type { RecorderDeps } from './types.js';

/** A shorter missing part, in ms, is not worth a clip of its own. */
export const LEAST_MISSING_MS = 2000;
/** The time an NVR takes to store what it has just received, in ms. */
const SETTLE_MS = 5000;
const RETRY_MS = 30_000;
const MAX_RETRY_MS = 4 * 3_600_000;
const GIVE_UP_MS = 24 * 3_600_000;

/** `done: false`: to be tried again; `error` says why, if there is a reason. */
export type FetchOutcome = { readonly done: true } | { readonly done: false; readonly error?: NvrError };

/** Times are monotonic ms: the clock may be set while a fetch is waiting. */
interface Pending {
  readonly entry: CaseEntry;
  readonly giveUpAt: number;
  due: number;
  retryMs: number;
}

export class Backfill {
  private readonly pending: Pending[] = [];
  private timer: unknown;
  private running: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  private playing = false;
  private closed = false;

  constructor(
    private readonly deps: Pick<RecorderDeps, 'now' | 'monotonic' | 'timers'>,
    /** Makes one attempt; never rejects. */
    private readonly fetch: (entry: CaseEntry, signal: AbortSignal) => Promise<FetchOutcome>,
    /** Called after a day of failed attempts; `error` is that of the last one. */
    private readonly giveUp: (entry: CaseEntry, error: NvrError) => void,
  ) {}

  /** Alarms with parts that are still to be fetched. */
  get waiting(): number {
    return this.pending.length;
  }

  /** `since` is the end of the alarm's recording, in epoch ms. */
  add(entry: CaseEntry, since: number): void {
    if (this.pending.some(({ entry: { id } }) => id === entry.id)) return;
    const { now, monotonic } = this.deps;
    const passed = within(now() - since, GIVE_UP_MS);
    // A clip that has failed early may end later than now, but never by more than its length.
    const ahead = within(entry.to - now(), entry.to - entry.from);
    const due = monotonic() + ahead + SETTLE_MS;
    this.pending.push({ entry, giveUpAt: monotonic() + GIVE_UP_MS - passed, due, retryMs: RETRY_MS });
    this.schedule();
  }

  /**
   * Nothing is fetched while the camera's live stream does not play, since the NVR is probably unreachable
   * then.
   */
  onPlaying(playing: boolean): void {
    if (this.playing === playing) return;
    this.playing = playing;
    const soon = this.deps.monotonic() + SETTLE_MS;
    if (playing) for (const one of this.pending) one.due = Math.max(one.due, soon);
    this.schedule();
  }

  open(): void {
    this.closed = false;
    this.schedule();
  }

  /**
   * Aborts a running fetch; what is missing is fetched after `open`, or, from the journal, after the next
   * start. Never rejects.
   */
  async close(): Promise<void> {
    this.closed = true;
    this.schedule();
    this.running?.abort.abort();
    await this.running?.done;
  }

  private schedule(): void {
    const { timers, monotonic } = this.deps;
    timers.clear(this.timer);
    const next = this.pending.reduce<Pending | undefined>(
      (first, one) => (first === undefined || one.due < first.due ? one : first),
      undefined,
    );
    if (next === undefined || this.closed || !this.playing || this.running !== undefined) return;
    this.timer = timers.set(
      () => {
        const abort = new AbortController();
        const done = this.attempt(next, abort.signal).finally(() => {
          this.running = undefined;
          this.schedule();
        });
        this.running = { abort, done };
      },
      Math.max(0, next.due - monotonic()),
    );
  }

  private async attempt(one: Pending, signal: AbortSignal): Promise<void> {
    const outcome = await this.fetch(one.entry, signal);
    if (!outcome.done && this.closed) return;
    const now = this.deps.monotonic();
    if (!outcome.done && now < one.giveUpAt) {
      one.due = now + one.retryMs;
      one.retryMs = Math.min(one.retryMs * 2, MAX_RETRY_MS);
      return;
    }
    this.pending.splice(this.pending.indexOf(one), 1);
    if (outcome.done) return;
    const { code, message } =
      outcome.error ?? new NvrError('ENORECORDING', 'The NVR has recorded no more than this machine.');
    this.giveUp(
      one.entry,
      new NvrError(
        code,
        `What is missing of the alarm could not be fetched from the NVR within 24 h: ${message}`,
      ),
    );
  }
}

/** The number, but at least 0 and at most `most`. */
function within(value: number, most: number): number {
  return Math.min(Math.max(0, value), most);
}
