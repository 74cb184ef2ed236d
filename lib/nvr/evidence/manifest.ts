// The signed manifest of an export: its files, their bytes and times, the clock that the times are from, and
// what is missing.

import type { ClipInfo } from '../recorder/types.js';
import type { ByteSpan } from './byte-spans.js';
import type { SigningKey } from './signing-key.js';

export const FORMAT = 'nvr-evidence/1';

/**
 * `part`: still being recorded; the copy has what was written until then. `recovered`: cut short by a crash.
 * `thinned`: only its keyframes are left. `backfilled`: fetched from the NVR's own recording. `timelapse`: a
 * time-lapse. `changed`: its bytes differ from the hash that was taken when it was recorded.
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
  /** The hash from when the file was recorded or thinned, if it is known. */
  readonly recordedSha256?: string;
  readonly marks: readonly Mark[];
  /** Contiguous, from the first byte to the last. */
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
  /** Recorded clips whose file no longer exists. */
  readonly gone: readonly { readonly start: number; readonly end: number }[];
  /** The parts of the requested span that no file contains. */
  readonly missing: readonly { readonly from: number; readonly to: number }[];
  /** Ed25519, base64. */
  readonly publicKey: string;
}

/**
 * Returns the manifest with its signature over everything else in canonical form. Works file by file, since a
 * day's manifest has 20 MB: the event loop gets its turn between files.
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

/** JSON in the canonical form of RFC 8785: members sorted, no white space. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.join()}}`;
}

/** The parts of the requested span before, between and after the files. */
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
