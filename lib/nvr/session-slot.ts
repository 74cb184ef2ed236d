// Holds at most one session at a time: waits for a place and for the last TEARDOWN, opens the session, and
// closes one that opens after it was given up.

import { unlessGivenUp } from '../client/given-up.js';
import type { Slots } from './slots.js';

/** A session, or another resource that has to be closed. */
interface Closable {
  /** Idempotent; never rejects. */
  close(): Promise<void>;
}

type Held<Session> =
  | { readonly name: 'nothing' }
  /** `over` resolves when nothing of the attempt is left open; it never rejects. */
  | { readonly name: 'attempt'; readonly attempt: AbortController; readonly over: Promise<unknown> }
  | { readonly name: 'session'; readonly attempt: AbortController; readonly session: Session };

export class SessionSlot<Session extends Closable> {
  private held: Held<Session> = { name: 'nothing' };
  /**
   * Resolves when all earlier sessions are closed: a session left open would take one of the few that an NVR
   * allows.
   */
  private earlierClosed: Promise<unknown> = Promise.resolve();

  constructor(private readonly places: Slots) {}

  /** The open session, until it is left. */
  get session(): Session | undefined {
    return this.held.name === 'session' ? this.held.session : undefined;
  }

  /** Resolves when all earlier sessions are closed. */
  get closed(): Promise<void> {
    return this.earlierClosed.then(() => undefined);
  }

  /**
   * Leaves the present session or attempt, and opens another. If the slot is left meanwhile, closes the
   * session and resolves to undefined. Rejects with the error that prevents opening. `signal` aborts when the
   * slot is left, before or after the session has opened.
   */
  open(open: (signal: AbortSignal) => Promise<Session>): Promise<Session | undefined> {
    this.leave();
    const attempt = new AbortController();
    const opening = this.run(open, attempt);
    this.held = { name: 'attempt', attempt, over: opening.catch(() => undefined) };
    return opening;
  }

  /** Aborts the attempt or closes the session; TEARDOWN is sent in the background. */
  leave(): void {
    const { held } = this;
    if (held.name === 'nothing') return;
    this.held = { name: 'nothing' };
    held.attempt.abort();
    this.earlierClosed = Promise.all([
      this.earlierClosed,
      held.name === 'attempt' ? held.over : held.session.close(),
    ]);
  }

  private async run(
    open: (signal: AbortSignal) => Promise<Session>,
    attempt: AbortController,
  ): Promise<Session | undefined> {
    const { signal } = attempt;
    try {
      const session = await this.openInTurn(open, this.earlierClosed, signal);
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
    earlierClosed: Promise<unknown>,
    signal: AbortSignal,
  ): Promise<Session> {
    const release = await this.places.acquire(signal);
    try {
      await unlessGivenUp(earlierClosed, signal);
      return await open(signal);
    } finally {
      release();
    }
  }
}
