// The NVR's transport setting: what sessions are opened with, and what users are told.

import type { TransportPreference } from '../client/open-session.js';
import type { ServerMemory } from '../client/quirks.js';
import type { NvrSettings } from './types.js';

/** Within an HTTP tunnel a session runs over TCP. */
export function preferenceOf({ transport }: NvrSettings): TransportPreference {
  return transport === 'http' ? 'tcp' : transport;
}

/** A recording is sent to one viewer: each is at a time of its own. */
export function playbackPreferenceOf(settings: NvrSettings): TransportPreference {
  return settings.transport === 'multicast' ? 'auto' : preferenceOf(settings);
}

/** `lower` is the session's own transport. */
export function toldTransport({ transport }: NvrSettings, lower: string): string {
  return transport === 'http' ? transport : lower;
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
