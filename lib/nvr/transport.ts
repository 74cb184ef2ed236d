// The NVR's transport setting: what sessions are opened with, and what users are told.

import type { NvrSettings, TransportPreference } from './types.js';

/** Within an HTTP tunnel a session runs over TCP. */
export function preferenceOf<Setting extends TransportPreference>(
  setting: Setting,
): Exclude<Setting, 'http'> | 'tcp' {
  return setting === 'http' ? 'tcp' : (setting as Exclude<Setting, 'http'>);
}

/** `lower` is the session's own transport. */
export function toldTransport({ transport }: NvrSettings, lower: string): string {
  return transport === 'http' ? transport : lower;
}
