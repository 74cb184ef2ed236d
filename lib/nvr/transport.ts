// The NVR's transport setting: what sessions are opened with, and what users are told.

import type { ServerMemory } from '../client/quirks.js';
import { httpTunnel } from '../client/transport/http-tunnel.js';
import type { Transport } from '../client/transport/transport.js';
import { multicast, tcp, udp } from '../client/transport/transports.js';
import type { NvrSettings } from './types.js';

type TransportSettings = Pick<NvrSettings, 'transport'>;

/** The transports that a session tries, in this order. */
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

/** A recording is sent to one viewer: each is at a time of its own. */
export function playbackTransportsOf({ transport }: TransportSettings): readonly Transport[] {
  return transportsOf({ transport: transport === 'multicast' ? 'auto' : transport });
}

/** What a stream is described over: the answer is the same over all of them. */
export function describeTransportOf({ transport }: TransportSettings): Transport {
  return transport === 'http' ? httpTunnel() : tcp();
}

/** Whether TCP is worth a try where UDP brings nothing, or too little. */
export function mayLeaveUdp({ transport }: NvrSettings, memory: ServerMemory): boolean {
  return (transport === 'auto' || transport === 'udp-first') && memory.recall('refused') !== 'tcp';
}

/** Why a stream that UDP does badly stays there. */
export function whyOnUdp({ transport }: NvrSettings): string {
  return transport === 'auto' || transport === 'udp-first'
    ? 'the camera refuses TCP (461), so the stream stays on UDP: mend the network'
    : `the stream stays there, since the NVR's transport is set so ("${transport}"): choose another, or mend the network`;
}
