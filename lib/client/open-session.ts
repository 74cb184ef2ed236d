// Opens a session over the transport that works: the preferred one, else the other, and remembers which did (row 21).

import { NvrError } from '../errors.js';
import type { Lower, ServerMemory } from './quirks.js';
import { RtspSession, type SessionOptions } from './session.js';

/** `auto`: TCP, and UDP on 461. `udp-first`: UDP, and TCP on 461 or silence. The others: that one alone. */
export type TransportPreference = 'auto' | 'udp-first' | Lower;

export interface OpenedSession {
  session: RtspSession;
  transport: Lower;
}

export interface OpenOptions extends Omit<SessionOptions, 'transport'> {
  preference: TransportPreference;
  /** Told of each attempt's session before it opens, so that it can be closed meanwhile. */
  onAttempt?(session: RtspSession): void;
}

export function transportOrder(preference: TransportPreference, memory: ServerMemory): Lower[] {
  if (preference !== 'auto' && preference !== 'udp-first') return [preference];
  const first = memory.transport ?? (preference === 'udp-first' ? 'udp' : 'tcp');
  return first === 'tcp' ? ['tcp', 'udp'] : ['udp', 'tcp'];
}

/** A change of transport is a new session with a new DESCRIBE. Rejects with the error of the last transport tried. */
export async function openSession(options: OpenOptions): Promise<OpenedSession> {
  const order = transportOrder(options.preference, options.memory);
  for (const [index, transport] of order.entries()) {
    const session = new RtspSession({ ...options, transport });
    options.onAttempt?.(session);
    try {
      await session.open();
    } catch (error) {
      if (index + 1 < order.length && isUnsupportedTransport(error)) continue;
      throw error;
    }
    if (index > 0) options.memory.transport = transport;
    return { session, transport };
  }
  throw new NvrError('EUNSUPPORTED', 'No transport is left to try.');
}

function isUnsupportedTransport(error: unknown): boolean {
  return error instanceof NvrError && error.status === 461;
}
