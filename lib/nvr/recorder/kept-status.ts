// Computes how long recordings last: what there is, how fast it grows, and when that fills the disk. Pure.

import type { FolderRecorder } from './folder-recorders.js';
import { reportOf, type Journal } from './journal.js';
import { GIB } from './retention.js';
import type { KeptStatus } from './types.js';

const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
/** A shorter recording (ms) says nothing about the rate. */
const LEAST_MS = 10 * 60_000;

export function keptStatus(
  journal: Journal,
  recorders: readonly FolderRecorder[],
  disk: { readonly free: number; readonly reserve: number } | undefined,
  now: number,
): KeptStatus {
  let keptFiles = 0;
  let ms = 0;
  let oldest = Infinity;
  for (const entry of journal.finished) {
    const { kept, end } = entry;
    if (kept) keptFiles++;
    const { start = end } = reportOf(entry) ?? {};
    ms += end - start;
    oldest = Math.min(oldest, start);
  }
  const pace = bytesPerDay(journal, now);
  const isKnown = disk !== undefined && disk.free !== Infinity;
  const fullAt = isKnown ? whenFull(recorders, disk.free - disk.reserve, now) : undefined;
  return {
    keptFiles,
    hoursKept: Math.round((ms / HOUR_MS) * 10) / 10,
    ...(oldest !== Infinity && { oldest }),
    ...(pace !== undefined && { bytesPerDay: Math.round(pace) }),
    ...(isKnown && { freeBytes: disk.free }),
    ...(fullAt !== undefined && { fullAt }),
  };
}

/** The bytes per day, from the last day's recordings or from as much as there is. */
function bytesPerDay(journal: Journal, now: number): number | undefined {
  // What is being written has no size yet, so its time does not count either.
  const live = journal.unfinished.filter(({ timeSource = 'arrival' }) => timeSource === 'arrival');
  const until = Math.min(now, ...live.map(({ start }) => start));
  const since = until - DAY_MS;
  let bytes = 0;
  let first = Infinity;
  for (const entry of journal.finished) {
    const { end, bytes: own } = entry;
    const { start = end, thinned } = reportOf(entry) ?? {};
    if (end <= since || thinned) continue;
    // Of a long file that began earlier, only the part since then.
    bytes += start < since ? (own * (end - since)) / (end - start) : own;
    first = Math.min(first, start);
  }
  const span = until - Math.max(first, since);
  return span >= LEAST_MS ? (bytes / span) * DAY_MS : undefined;
}

/** When the disk will be full, in epoch ms; undefined if never, or if it is unknown. */
function whenFull(recorders: readonly FolderRecorder[], room: number, now: number): number | undefined {
  let pace = 0;
  let growth = 0;
  for (const { journal, limits } of recorders) {
    const own = bytesPerDay(journal, now) ?? 0;
    pace += own;
    if (own > 0) growth += growthOf(journal, limits, own);
  }
  const { keepFolderGiB, keepFreeGiB } = leastOf(recorders);
  const together = recorders.reduce((sum, { journal }) => sum + journal.unkeptBytes, 0);
  const most = Math.min(growth, keepFolderGiB * GIB - together);
  if (pace === 0 || keepFreeGiB > 0 || most <= room) return undefined;
  return Math.round(now + (Math.max(0, room) / pace) * DAY_MS);
}

/** The bytes by which a recorder's files can still grow within its own limits. */
function growthOf(journal: Journal, { keepDays, keepGiB }: FolderRecorder['limits'], pace: number): number {
  const bySize = keepGiB > 0 ? keepGiB * GIB - journal.unkeptBytes : Infinity;
  const byAge = keepDays > 0 ? keepDays * pace - journal.unkeptBytes : Infinity;
  return Math.max(0, Math.min(bySize, byAge));
}

/** The strictest limits of the recorders on their common folder and disk, in GiB. */
function leastOf(recorders: readonly FolderRecorder[]): { keepFolderGiB: number; keepFreeGiB: number } {
  const folder = recorders.map(({ limits }) => limits.keepFolderGiB ?? 0).filter((limit) => limit > 0);
  const free = recorders.map(({ limits }) => limits.keepFreeGiB ?? 0);
  return { keepFolderGiB: Math.min(Infinity, ...folder), keepFreeGiB: Math.max(0, ...free) };
}
