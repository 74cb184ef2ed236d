// Opens a session over the transport that works: the preferred one, else the next, and remembers which did
// (quirk: 461-or-dead-udp).

import { NvrError } from '../errors.js';
import { throwIfGivenUp } from './given-up.js';
import { ServerMemory } from './quirks.js';
import { RtspSession, type SessionOptions } from './session.js';
import type { Transport } from './transport/transport.js';
import { tcp, udp } from './transport/transports.js';

/** What `openSession` can be told beside the URI; nothing of it must be. */
export interface OpenOptions extends Omit<SessionOptions, 'uri' | 'transport'> {
  /**
   * The only transport, or those to try in this order; by default TCP, then UDP where the server refuses it
   * (461). What has been learnt goes first.
   */
  transport?: Transport | readonly Transport[];
}

/**
 * A session that plays. Rejects with the error of the last transport tried; everything is closed then, and so
 * it is where `signal` gives it up. A change of transport is a new session with a new DESCRIBE.
 */
export async function openSession(uri: string, options: OpenOptions = {}): Promise<RtspSession> {
  const memory = options.memory ?? new ServerMemory();
  const order = transportOrder(options.transport ?? [tcp(), udp()], memory, /^rtsps:/i.test(uri));
  for (const [index, transport] of order.entries()) {
    throwIfGivenUp(options.signal);
    const session = new RtspSession({ ...options, uri, memory, transport });
    try {
      await session.open();
    } catch (error) {
      const isLast = index + 1 === order.length;
      if (isUnsupportedTransport(error)) memory.learn('refused', transport.lower);
      if (isUnsupportedTransport(error) && isLast && session.isTls) throw withoutUdp(error);
      // A redirect into TLS leaves TCP alone.
      if (!isLast && (isUnsupportedTransport(error) || (session.isTls && transport.lower === 'udp')))
        continue;
      throw error;
    }
    if (index > 0) memory.learn('transport', transport.lower);
    return session;
  }
  throw new NvrError('EUNSUPPORTED', 'No transport is left to try.');
}

/** Over TLS there is no choice: plain UDP would show the pictures to anybody on the way. */
function transportOrder(
  wanted: Transport | readonly Transport[],
  memory: ServerMemory,
  isTls: boolean,
): readonly Transport[] {
  if (!isList(wanted)) return [wanted];
  if (wanted.length < 2) return wanted;
  if (isTls) return wanted.filter(({ lower }) => lower === 'tcp');
  const proven = wanted.find(({ lower }) => lower === memory.transport);
  return proven === undefined ? wanted : [proven, ...wanted.filter((other) => other !== proven)];
}

function isList(wanted: Transport | readonly Transport[]): wanted is readonly Transport[] {
  return Array.isArray(wanted);
}

function withoutUdp(error: NvrError): NvrError {
  const text = `${error.message} Over TLS the media come interleaved (TCP) or not at all: plain UDP is not tried.`;
  return new NvrError('EUNSUPPORTED', text, { status: 461 });
}

function isUnsupportedTransport(error: unknown): error is NvrError {
  return error instanceof NvrError && error.status === 461;
}
