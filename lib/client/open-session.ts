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

/** Over TLS there is no choice: plain UDP would show the pictures to anybody on the way. */
export function transportOrder(
  preference: TransportPreference,
  memory: ServerMemory,
  isTls = false,
): Lower[] {
  if (isTls && (preference === 'auto' || preference === 'udp-first')) return ['tcp'];
  if (preference !== 'auto' && preference !== 'udp-first') return [preference];
  const first = memory.transport ?? (preference === 'udp-first' ? 'udp' : 'tcp');
  return first === 'tcp' ? ['tcp', 'udp'] : ['udp', 'tcp'];
}

/** A change of transport is a new session with a new DESCRIBE. Rejects with the error of the last transport tried. */
export async function openSession(options: OpenOptions): Promise<OpenedSession> {
  const order = transportOrder(options.preference, options.memory, /^rtsps:/i.test(options.uri));
  for (const [index, transport] of order.entries()) {
    const session = new RtspSession({ ...options, transport });
    options.onAttempt?.(session);
    try {
      await session.open();
    } catch (error) {
      const isLast = index + 1 === order.length;
      if (isUnsupportedTransport(error)) options.memory.learn('refused', transport);
      if (isUnsupportedTransport(error) && isLast && session.isTls) throw withoutUdp(error);
      // A redirect into TLS leaves TCP alone.
      if (!isLast && (isUnsupportedTransport(error) || (session.isTls && transport === 'udp'))) continue;
      throw error;
    }
    if (index > 0) options.memory.learn('transport', transport);
    return { session, transport };
  }
  throw new NvrError('EUNSUPPORTED', 'No transport is left to try.');
}

function withoutUdp(error: NvrError): NvrError {
  const text = `${error.message} Over TLS the media come interleaved (TCP) or not at all: plain UDP is not tried.`;
  return new NvrError('EUNSUPPORTED', text, { status: 461 });
}

function isUnsupportedTransport(error: unknown): error is NvrError {
  return error instanceof NvrError && error.status === 461;
}
