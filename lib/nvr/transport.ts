// The NVR's transport setting: what sessions are opened with, and what users are told.

import type { TransportPreference } from '../client/open-session.js';
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
