// Recovers what an earlier run left: unfinished files, clips whose message reached no flow, and alarms that
// were never reported.

import path from 'node:path';
import { NvrError } from '../../errors.js';
import { openBelow } from './below.js';
import { coverageOf } from './coverage.js';
import {
  LAPSE,
  SEGMENT,
  type CaseEntry,
  type DoneEntry,
  type Journal,
  type Left,
  type OpenEntry,
  type Story,
} from './journal.js';
import { finishPart, isBeingWritten } from './part-file.js';
import { readClip } from './read-clip.js';
import type { ClipInfo, KeptMessage, RecorderFs } from './types.js';

/** `finished` and `failed` return whether a running flow received the message. */
export interface RecoveryListener {
  /** `id` is that of its alarm, if any. */
  finished(info: ClipInfo, last: boolean, message: KeptMessage | undefined, id?: string): boolean;
  failed(error: NvrError, message: KeptMessage | undefined): boolean;
  /** The alarm's clip has ended, and `missingMs` of it are missing. */
  settled(entry: CaseEntry, missingMs: number): void;
}

/**
 * `folder` is the path as users see it; `left` is what belongs to an earlier run. Rejects with the file
 * system's error.
 */
export async function recover(
  fs: RecorderFs,
  journal: Journal,
  folder: string,
  listener: RecoveryListener,
  left: Left,
): Promise<void> {
  const cases = new Map(left.cases.map((entry) => [entry.id, entry]));
  const untold = [...left.untold];
  for (const entry of left.open) {
    const known = entry.id === undefined ? undefined : cases.get(entry.id);
    if (isBeingWritten(journal.root, entry.file)) {
      // This process is still writing the file.
      if (known !== undefined) cases.delete(known.id);
      continue;
    }
    const done = await finish(fs, journal, entry, known);
    if (done !== undefined) untold.push(done);
  }
  const reached = await tell(journal, untold, cases, folder, listener);
  const withFiles = new Set([...journal.finished].map(({ id }) => id));
  for (const entry of cases.values()) {
    const hasFiles = withFiles.has(entry.id);
    const missing = missingOf(entry, hasFiles, untold);
    const isTold =
      hasFiles || entry.missing !== undefined || entry.id === SEGMENT
        ? reached.get(entry.id) !== false
        : listener.failed(
            new NvrError(
              'EUNREACHABLE',
              'Node-RED ended, or was deployed to, before a picture of the alarm was recorded.',
            ),
            entry.message,
          );
    if (isTold) listener.settled(entry, missing);
  }
}

/** Finishes a file; undefined if nothing of it can be played. */
async function finish(
  fs: RecorderFs,
  journal: Journal,
  entry: OpenEntry,
  known: CaseEntry | undefined,
): Promise<DoneEntry | undefined> {
  const { root } = journal;
  const found = await finishPart(fs, root, entry.file).catch((error: unknown) => {
    // The folder is gone or now leads out through a link, so the file is not ours any more.
    if (error instanceof NvrError || (error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  });
  // A clip that was being fetched is fetched again.
  if (found !== undefined && known?.missing !== undefined)
    await (await openBelow(fs, root, found.file)).remove();
  if (found === undefined || known?.missing !== undefined) {
    await journal.gone(entry.file);
    return undefined;
  }
  const read = await readClip(await openBelow(fs, root, found.file));
  const isFirst = ![...journal.finished].some(({ id }) => id !== undefined && id === entry.id);
  const { start, reason, codec, width, height, id } = entry;
  // A time-lapse plays shorter than the time it shows: it ends at the file's last write.
  const end = id === LAPSE ? Math.max(start, found.modified ?? start) : start + read.durationMs;
  const isCase = known !== undefined && id !== SEGMENT;
  const shown = { from: start, to: start + read.durationMs };
  const asked =
    id === LAPSE
      ? shown
      : { from: isCase && isFirst ? known.from : start, to: isCase ? Math.max(end, known.to) : end };
  const { coverage, gaps } = coverageOf(asked, { ...read, start, end: start + read.durationMs });
  const alarms = known?.alarms ?? [];
  const preRollMs = isCase && isFirst ? Math.max(0, (alarms[0]?.time ?? start) - start) : 0;
  const picture = { codec, width, height, audio: read.audio, damaged: 0, damagedSpans: [] };
  const { timeSource = 'arrival' } = entry;
  const source = timeSource === 'arrival' ? 'live' : 'playback';
  const { file, bytes, sha256 } = found;
  const untold: Story = {
    ...{ start, end, durationMs: read.durationMs, frames: read.frames, bytes },
    ...picture,
    ...{ reason, preRollMs, alarms, coverage, gaps, source, timeSource },
    ...(sha256 !== undefined && { sha256 }),
    recovered: true,
  };
  const done = { file, bytes, end, untold, ...(id !== undefined && { id }) };
  await journal.closed(entry.file, done);
  return done;
}

/** Reports each file. Returns for each alarm whether all of its files have reached a flow. */
async function tell(
  journal: Journal,
  untold: readonly DoneEntry[],
  cases: ReadonlyMap<string, CaseEntry>,
  folder: string,
  listener: RecoveryListener,
): Promise<Map<string, boolean>> {
  const reached = new Map<string, boolean>();
  for (const [index, { id, file, thumbnail, untold: info }] of untold.entries()) {
    const last = !untold.slice(index + 1).some((later) => later.id !== undefined && later.id === id);
    const message = id === undefined ? undefined : cases.get(id)?.message;
    const full = (name: string): string => path.join(folder, name);
    const names = { file: full(file), ...(thumbnail !== undefined && { thumbnail: full(thumbnail) }) };
    const isTold = listener.finished({ ...names, ...info!, recovered: true }, last, message, id);
    if (isTold) await journal.told(file).catch(() => undefined);
    if (id !== undefined) reached.set(id, isTold && reached.get(id) !== false);
  }
  return reached;
}

/** The part of an alarm's clip that is still to be fetched, in ms. */
function missingOf(entry: CaseEntry, hasFiles: boolean, untold: readonly DoneEntry[]): number {
  const mine = untold.filter(({ id }) => id === entry.id);
  if (mine.some(({ untold: info }) => info!.source === 'playback')) return 0;
  if (entry.missing !== undefined) return entry.missing.ms;
  if (!hasFiles) return entry.to - entry.from;
  return mine.flatMap(({ untold: info }) => info!.gaps).reduce((sum, { ms }) => sum + ms, 0);
}
