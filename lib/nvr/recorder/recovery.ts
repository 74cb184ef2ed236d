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
  type ClipReport,
  type DoneEntry,
  type Journal,
  type Leftovers,
  type OpenEntry,
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
  onCaseEnded(entry: CaseEntry, missingMs: number): void;
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
  left: Leftovers,
): Promise<void> {
  const cases = new Map(left.cases.map((entry) => [entry.id, entry]));
  const undelivered = await dropFetched(fs, journal, left, cases);
  for (const entry of left.open) {
    const alarm = entry.id === undefined ? undefined : cases.get(entry.id);
    if (isBeingWritten(journal.root, entry.file)) {
      // This process is still writing the file.
      if (alarm !== undefined) cases.delete(alarm.id);
      continue;
    }
    const done = await finish(fs, journal, entry, alarm);
    if (done !== undefined) undelivered.push(done);
  }
  const reached = await deliver(journal, undelivered, cases, folder, listener);
  const withFiles = new Set([...journal.finished].map(({ id }) => id));
  for (const entry of cases.values()) {
    const hasFiles = withFiles.has(entry.id);
    const missing = missingOf(entry, hasFiles, undelivered);
    const isDelivered =
      hasFiles || entry.missing !== undefined || entry.id === SEGMENT
        ? reached.get(entry.id) !== false
        : listener.failed(
            new NvrError(
              'EUNREACHABLE',
              'Node-RED was stopped, or a deploy restarted the node, before a picture of the alarm was recorded.',
            ),
            entry.message,
          );
    if (isDelivered) listener.onCaseEnded(entry, missing);
  }
}

/**
 * Deletes the finished files of a fetch that a kill ended, since the whole is fetched again. Returns the
 * other files to report.
 */
async function dropFetched(
  fs: RecorderFs,
  journal: Journal,
  { open, undelivered }: Leftovers,
  cases: ReadonlyMap<string, CaseEntry>,
): Promise<DoneEntry[]> {
  const begun = open.filter(({ file }) => !isBeingWritten(journal.root, file)).map(({ id }) => id);
  const rest: DoneEntry[] = [];
  for (const entry of undelivered) {
    const { id, file, thumbnail } = entry;
    const isPart = id !== undefined && begun.includes(id) && cases.get(id)?.missing !== undefined;
    if (!isPart || entry.undelivered?.source !== 'playback') {
      rest.push(entry);
      continue;
    }
    for (const name of thumbnail === undefined ? [file] : [thumbnail, file])
      await openBelow(fs, journal.root, name)
        .then((place) => place.remove())
        .catch(() => false);
    await journal.removed(file);
  }
  return rest;
}

/** Finishes a file of `alarm`, if it has one. Returns undefined if nothing of it can be played. */
async function finish(
  fs: RecorderFs,
  journal: Journal,
  entry: OpenEntry,
  alarm: CaseEntry | undefined,
): Promise<DoneEntry | undefined> {
  const { root } = journal;
  const found = await finishPart(fs, root, entry.file).catch((error: unknown) => {
    // The folder is gone or now leads out through a link, so the file is not ours any more.
    if (error instanceof NvrError || (error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  });
  // A clip that was being fetched is fetched again.
  if (found !== undefined && alarm?.missing !== undefined)
    await (await openBelow(fs, root, found.file)).remove();
  if (found === undefined || alarm?.missing !== undefined) {
    await journal.removed(entry.file);
    return undefined;
  }
  const read = await readClip(await openBelow(fs, root, found.file));
  const isFirst = ![...journal.finished].some(({ id }) => id === entry.id);
  const { start, reason, codec, width, height, id } = entry;
  // A time-lapse plays for less time than it covers, so its end is the time of the file's last write.
  const end = id === LAPSE ? Math.max(start, found.modified ?? start) : start + read.durationMs;
  const isCase = alarm !== undefined && id !== SEGMENT;
  const shown = { from: start, to: start + read.durationMs };
  const asked =
    id === LAPSE
      ? shown
      : { from: isCase && isFirst ? alarm.from : start, to: isCase ? Math.max(end, alarm.to) : end };
  const { coverage, gaps } = coverageOf(asked, { ...read, start, end: start + read.durationMs });
  const alarms = alarm?.alarms ?? [];
  const preRollMs = isCase && isFirst ? Math.max(0, (alarms[0]?.time ?? start) - start) : 0;
  const picture = { codec, width, height, audio: read.audio, damaged: 0, damagedSpans: [] };
  const { timeSource = 'arrival' } = entry;
  const source = timeSource === 'arrival' ? 'live' : 'playback';
  const { file, bytes, sha256 } = found;
  const undelivered: ClipReport = {
    ...{ start, end, durationMs: read.durationMs, frames: read.frames, bytes },
    ...picture,
    ...{ reason, preRollMs, alarms, coverage, gaps, source, timeSource },
    ...(sha256 !== undefined && { sha256 }),
    recovered: true,
  };
  const done = { file, bytes, end, undelivered, ...(id !== undefined && { id }) };
  await journal.closed(entry.file, done);
  return done;
}

/** Reports each file. Returns for each alarm whether all of its files have reached a flow. */
async function deliver(
  journal: Journal,
  undelivered: readonly DoneEntry[],
  cases: ReadonlyMap<string, CaseEntry>,
  folder: string,
  listener: RecoveryListener,
): Promise<Map<string, boolean>> {
  const reached = new Map<string, boolean>();
  for (const [index, entry] of undelivered.entries()) {
    const { id, file, thumbnail, undelivered: report } = entry;
    const last = !undelivered.slice(index + 1).some((later) => later.id !== undefined && later.id === id);
    const message = id === undefined ? undefined : cases.get(id)?.message;
    const full = (name: string): string => path.join(folder, name);
    const names = { file: full(file), ...(thumbnail !== undefined && { thumbnail: full(thumbnail) }) };
    const isDelivered = listener.finished({ ...names, ...report!, recovered: true }, last, message, id);
    if (isDelivered) await journal.delivered(file).catch(() => undefined);
    if (id !== undefined) reached.set(id, isDelivered && reached.get(id) !== false);
  }
  return reached;
}

/** The part of an alarm's clip that is still to be fetched, in ms. */
function missingOf(entry: CaseEntry, hasFiles: boolean, undelivered: readonly DoneEntry[]): number {
  const reports = undelivered.filter(({ id }) => id === entry.id).map((file) => file.undelivered!);
  if (reports.some(({ source }) => source === 'playback')) return 0;
  if (entry.missing !== undefined) return entry.missing.ms;
  if (!hasFiles) return entry.to - entry.from;
  return reports.flatMap(({ gaps }) => gaps).reduce((sum, { ms }) => sum + ms, 0);
}
