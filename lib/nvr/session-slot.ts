// The one session that somebody holds with an NVR at a time: it takes a place in the queue, waits for the
// last TEARDOWN, opens, and what comes too late is closed.

import { unlessGivenUp } from '../client/given-up.js';
import type { Slots } from './slots.js';

/** A session, or whatever else must be closed. */
interface Closable {
  /** Idempotent; never rejects. */
  close(): Promise<void>;
}

type Held<Session> =
  | { readonly name: 'nothing' }
  /** `over` settles, and never rejects, when nothing of the attempt is left open. */
  | { readonly name: 'attempt'; readonly attempt: AbortController; readonly over: Promise<unknown> }
  | { readonly name: 'session'; readonly attempt: AbortController; readonly session: Session };

export class SessionSlot<Session extends Closable> {
  private held: Held<Session> = { name: 'nothing' };
  /**
   * Settles when all that was left is closed: a session left open would take one of the few that an NVR
   * gives.
   */
  private left: Promise<unknown> = Promise.resolve();

  constructor(private readonly places: Slots) {}

  /** The session that has opened, until it is left. */
  get session(): Session | undefined {
    return this.held.name === 'session' ? this.held.session : undefined;
  }

  /** Resolves when all that was left is closed. */
  get closed(): Promise<void> {
    return this.left.then(() => undefined);
  }

  /**
   * Leaves what there is, and opens another. Resolves to undefined, and closes what may have opened, where it
   * is left meanwhile; rejects with what keeps it from opening. The signal is aborted when the slot is left,
   * be it before or after the session has opened.
   */
  open(open: (signal: AbortSignal) => Promise<Session>): Promise<Session | undefined> {
    this.leave();
    const attempt = new AbortController();
    const opening = this.run(open, attempt);
    this.held = { name: 'attempt', attempt, over: opening.catch(() => undefined) };
    return opening;
  }

  /** Gives up what opens, and closes what is open; TEARDOWN goes out in the background. */
  leave(): void {
    const { held } = this;
    if (held.name === 'nothing') return;
    this.held = { name: 'nothing' };
    held.attempt.abort();
    this.left = Promise.all([this.left, held.name === 'attempt' ? held.over : held.session.close()]);
  }

  private async run(
    open: (signal: AbortSignal) => Promise<Session>,
    attempt: AbortController,
  ): Promise<Session | undefined> {
    const { signal } = attempt;
    try {
      const session = await this.openInTurn(open, this.left, signal);
      if (signal.aborted) {
        await session.close();
        return undefined;
      }
      this.held = { name: 'session', attempt, session };
      return session;
    } catch (error) {
      if (signal.aborted) return undefined;
      this.held = { name: 'nothing' };
      throw error;
    }
  }

  private async openInTurn(
    open: (signal: AbortSignal) => Promise<Session>,
    left: Promise<unknown>,
    signal: AbortSignal,
  ): Promise<Session> {
    const release = await this.places.acquire(signal);
    try {
      await unlessGivenUp(left, signal);
      return await open(signal);
    } finally {
      release();
    }
  }
}
