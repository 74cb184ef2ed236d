// Opens a session over the first transport that works, and remembers which one did (quirk: 461-or-dead-udp).

import { NvrError } from '../errors.js';
import { throwIfGivenUp } from './given-up.js';
import { ServerMemory } from './quirks.js';
import { RtspSession, type SessionOptions } from './session.js';
import type { Transport } from './transport/transport.js';
import { tcp, udp } from './transport/transports.js';

/** The options of `openSession`; all are optional. */
export interface OpenOptions extends Omit<SessionOptions, 'uri' | 'transport'> {
  /**
   * The only transport, or a list to try in this order; by default TCP, then UDP if the server refuses TCP
   * (461). A transport that has worked before is tried first.
   */
  transport?: Transport | readonly Transport[];
}

/**
 * Opens a session and plays it. If it fails or `signal` aborts it, everything is closed, and it rejects with
 * the error of the last transport tried. Each transport is tried in a new session with its own DESCRIBE.
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
      // After a redirect to TLS, only TCP remains.
      if (!isLast && (isUnsupportedTransport(error) || (session.isTls && transport.lower === 'udp')))
        continue;
      throw error;
    }
    if (index > 0) memory.learn('transport', transport.lower);
    return session;
  }
  throw new NvrError('EUNSUPPORTED', 'No transport is left to try.');
}

/** Over TLS only TCP is used: plain UDP would let anybody on the network see the video. */
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
  const text = `${error.message} Over TLS only TCP is tried, because media over UDP would not be encrypted.`;
  return new NvrError('EUNSUPPORTED', text, { status: 461 });
}

function isUnsupportedTransport(error: unknown): error is NvrError {
  return error instanceof NvrError && error.status === 461;
}
