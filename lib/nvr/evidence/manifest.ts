// What an export says of itself, in a form that is signed: which files, with which bytes, of which time, by
// whose clock, and what is missing.

import type { ClipInfo } from '../recorder/types.js';
import type { ByteSpan } from './byte-spans.js';
import type { SigningKey } from './signing-key.js';

export const FORMAT = 'nvr-evidence/1';

/**
 * `part`: it was still being recorded, and holds what was written by then. `recovered`: a crash had cut it
 * short. `thinned`: only its keyframes are left. `backfilled`: fetched from the NVR's own recording.
 * `timelapse`: a film of single pictures. `changed`: its bytes are not those that were hashed when it was
 * recorded.
 */
export type Mark = 'part' | 'recovered' | 'thinned' | 'backfilled' | 'timelapse' | 'changed';

export interface HashedSpan extends ByteSpan {
  readonly sha256: string;
}

/** Times are epoch ms, as in `msg.clip`. */
export type ManifestFile = Omit<
  ClipInfo,
  'file' | 'thumbnail' | 'sha256' | 'thinned' | 'kept' | 'recovered'
> & {
  readonly name: string;
  readonly sha256: string;
  /** As it was hashed when it was recorded, or thinned, where that is known. */
  readonly recordedSha256?: string;
  readonly marks: readonly Mark[];
  /** End to end, from the first byte to the last. */
  readonly spans: readonly HashedSpan[];
};

export interface Manifest {
  readonly format: typeof FORMAT;
  readonly package: { readonly name: string; readonly version: string };
  readonly made: number;
  readonly asked: { readonly from: number; readonly to: number };
  readonly nvr: string;
  readonly channel: string;
  readonly stream: string;
  /** IANA name. */
  readonly timeZone: string;
  readonly files: readonly ManifestFile[];
  /** Clips that the recorder has made and whose file was not there any more. */
  readonly gone: readonly { readonly start: number; readonly end: number }[];
  /** What of the asked time no file holds. */
  readonly missing: readonly { readonly from: number; readonly to: number }[];
  /** Ed25519, base64. */
  readonly publicKey: string;
}

/**
 * The text of a manifest with its signature, which is of everything else in canonical form. File by file, as
 * a day has 20 MB of it: others get their turn in between.
 */
export async function signed(manifest: Manifest, key: SigningKey): Promise<string> {
  const files: string[] = [];
  for (const file of manifest.files) {
    files.push(canonical(file));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const members = Object.entries(manifest)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, name === 'files' ? `[${files.join()}]` : canonical(value)] as const);
  const text = (all: typeof members, between: string): string =>
    all.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(between);
  const signature = await key.sign(`{${text(members, ',')}}`);
  return `{\n${text([...members, ['signature', JSON.stringify(signature)]], ',\n')}\n}\n`;
}

/** JSON as RFC 8785 has it: members sorted, no white space. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.join()}}`;
}

/** What lies in the asked time between the files, and before and behind them. */
export function missingOf(
  asked: Manifest['asked'],
  files: readonly { readonly start: number; readonly end: number }[],
  leastMs: number,
): Manifest['missing'] {
  const missing: { from: number; to: number }[] = [];
  let reached = asked.from;
  for (const { start, end } of [...files].sort((a, b) => a.start - b.start)) {
    if (start - reached > leastMs) missing.push({ from: reached, to: start });
    reached = Math.max(reached, end);
  }
  if (asked.to - reached > leastMs) missing.push({ from: reached, to: asked.to });
  return missing;
}
