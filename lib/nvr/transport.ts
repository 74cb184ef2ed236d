// The NVR's transport setting: the transports that sessions use, and the explanations for users.

import type { ServerMemory } from '../client/quirks.js';
import { httpTunnel } from '../client/transport/http-tunnel.js';
import type { Transport } from '../client/transport/transport.js';
import { multicast, tcp, udp } from '../client/transport/transports.js';
import type { NvrSettings } from './types.js';

type TransportSettings = Pick<NvrSettings, 'transport'>;

/** The transports that a session tries, in order. */
export function transportsOf({ transport }: TransportSettings): readonly Transport[] {
  switch (transport) {
    case 'auto':
      return [tcp(), udp()];
    case 'udp-first':
      return [udp(), tcp()];
    case 'tcp':
      return [tcp()];
    case 'udp':
      return [udp()];
    case 'multicast':
      return [multicast()];
    case 'http':
      return [httpTunnel()];
  }
}

/**
 * The transports for recordings. A recording is never multicast, since each viewer is at a time of its own.
 */
export function playbackTransportsOf({ transport }: TransportSettings): readonly Transport[] {
  return transportsOf({ transport: transport === 'multicast' ? 'auto' : transport });
}

/** The transport for DESCRIBE; the reply is the same over all of them. */
export function describeTransportOf({ transport }: TransportSettings): Transport {
  return transport === 'http' ? httpTunnel() : tcp();
}

/** Whether to try TCP if UDP delivers nothing, or loses too much. */
export function mayLeaveUdp({ transport }: NvrSettings, memory: ServerMemory): boolean {
  return (transport === 'auto' || transport === 'udp-first') && memory.recall('refused') !== 'tcp';
}

/** Explains why a stream stays on UDP although it loses packets. */
export function whyOnUdp({ transport }: NvrSettings): string {
  return transport === 'auto' || transport === 'udp-first'
    ? 'the camera refuses TCP (461), so the stream stays on UDP: repair the network'
    : `the stream stays on UDP, because the NVR's transport is set to "${transport}": choose another, or repair the network`;
}
