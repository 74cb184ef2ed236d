// Parses URIs: `/live?ch=0000&stype=M`, `/playback?…&pbkey=…`, or the older `/CH00D`.

import type { Settings } from './options.js';
import type { SessionTarget } from './session.js';

interface NamedTarget {
  readonly target: SessionTarget;
  /** Decoded key of a playback; empty if missing. */
  readonly key?: string;
}

/** The target of a URI without its track suffix. Undefined means 404. */
export function readTarget(uri: string, settings: Settings): NamedTarget | undefined {
  const path = uri.replace(/^rtsps?:\/\/[^/]*/i, '').replace(/\/$/, '');
  const legacy = /^\/CH(\d{2})([DM])$/.exec(path);
  const modern = /^\/(live|playback)\?(.*)$/.exec(path);
  const query = new Map(
    (modern?.[2] ?? '').split('&').map((pair) => pair.split(/=(.*)/s, 2) as [string, string]),
  );
  const wire = legacy?.[1] ?? query.get('ch');
  const code = legacy?.[2] ?? query.get('stype');
  if (wire === undefined || !/^\d{1,4}$/.test(wire) || (code !== 'M' && code !== 'D')) return undefined;
  const channel = Number(wire) - settings.firstChannel + 1;
  if (channel < 1 || channel > settings.channels) return undefined;
  const target: SessionTarget = { channel, stream: code === 'M' ? 'main' : 'dual' };
  return modern?.[1] === 'playback' ? { target, key: decoded(query.get('pbkey') ?? '') } : { target };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
