// Makes one attempt to fetch an alarm's clip from the NVR's own recording.

import { NvrError } from '../../errors.js';
import { LEAST_MISSING_MS, type FetchOutcome } from './backfill.js';
import { below, openBelow } from './below.js';
import { Clip } from './clip.js';
import type { ClipContext } from './clip-context.js';
import type { CaseEntry } from './journal.js';
import { writeUnits } from './write-units.js';
import { Sound } from './sound.js';
import type { ClipInfo, FetchSpan } from './types.js';

/** A fetched clip that is not complete is kept only if it has at least this many ms more than before. */
const BETTER_MS = 1000;
/** A fetched clip whose fetch broke off is kept if it has at least this part of the span (0 to 1). */
const ENOUGH = 0.95;

/** Calls `report` with the files if the result is worth keeping; otherwise deletes them. Never rejects. */
export async function fetchClip(
  context: ClipContext,
  entry: CaseEntry,
  channel: number,
  fetchSpan: FetchSpan,
  signal: AbortSignal,
  report: (files: readonly ClipInfo[]) => void,
): Promise<FetchOutcome> {
  const files: ClipInfo[] = [];
  /** The playable parts of files that an error of the disk cut short. */
  const broken: Pick<ClipInfo, 'file'>[] = [];
  let failure: NvrError | undefined;
  // Frozen, because the counters of the live stream say nothing about the NVR's recording.
  const statistics = context.statistics();
  const clip = new Clip(
    {
      ...context,
      sound: new Sound(),
      statistics: () => statistics,
      trouble: () => new NvrError('ENORECORDING', 'the NVR has no recording of that time.'),
      emit: (event) => {
        if (event.type === 'finished') files.push(event.info);
        if (event.type !== 'failed') return;
        failure = event.error;
        if (event.file !== undefined) broken.push({ file: event.file });
      },
    },
    planOf(entry),
    [],
  );
  const units = fetchSpan(channel, entry.from, entry.to, signal);
  const broke = await writeUnits(units, clip, entry.to, signal);
  await clip.end(entry.to);
  const whole = entry.to - entry.from;
  const missing = clip.missingMs;
  const before = entry.missing?.ms ?? whole;
  const isWorth =
    broke === undefined
      ? missing <= LEAST_MISSING_MS || missing < before - BETTER_MS
      : missing <= whole * (1 - ENOUGH);
  // After a failure `missing` is too small, since it does not count the part that failed. A clip without a
  // file counts as failed.
  if (failure === undefined && isWorth && !signal.aborted) {
    report(files);
    return { done: true };
  }
  for (const file of [...files, ...broken]) await forget(context, file).catch(() => undefined);
  const error = broke ?? failure;
  return { done: false, ...(error !== undefined && { error }) };
}

function planOf({ id, reason, from, alarms }: CaseEntry): Clip['plan'] {
  const time = alarms[0]?.time ?? from;
  return {
    number: 0,
    id,
    reason,
    source: 'playback',
    // Live recordings are written first.
    order: Infinity,
    alarmed: { monotonic: time, time },
    from,
    takeAlarms: () => alarms,
  };
}

async function forget(
  context: ClipContext,
  { file, thumbnail }: Pick<ClipInfo, 'file' | 'thumbnail'>,
): Promise<void> {
  const { fs } = context.deps;
  const journal = await context.journal();
  const nameOf = (full: string): string => below(context.options.folder, full);
  if (thumbnail !== undefined) await (await openBelow(fs, journal.root, nameOf(thumbnail))).remove();
  await (await openBelow(fs, journal.root, nameOf(file))).remove();
  await journal.removed(nameOf(file));
}
