// Makes one attempt to fetch an alarm's clip from the NVR's own recording.

import type { NvrError } from '../../errors.js';
import { LEAST_MISSING_MS, type FetchOutcome } from './backfill.js';
import { below, openBelow } from './below.js';
import { Clip } from './clip.js';
import type { ClipContext } from './clip-context.js';
import type { CaseEntry } from './journal.js';
import { writeUnits } from './write-units.js';
import { Sound } from './sound.js';
import type { ClipInfo, FetchSpan } from './types.js';

/** A fetched clip replaces nothing unless it has at least this much more, in ms. */
const BETTER_MS = 1000;
/** If the fetch broke off, this part of the span (0 to 1) is enough. */
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
  let error: NvrError | undefined;
  const clip = new Clip(
    {
      ...context,
      sound: new Sound(),
      trouble: () => undefined,
      emit: (event) => {
        if (event.type === 'finished') files.push(event.info);
        if (event.type === 'failed') error ??= event.error;
      },
    },
    planOf(entry),
    [],
  );
  error ??= await writeUnits(fetchSpan(channel, entry.from, entry.to, signal), clip, entry.to, signal);
  await clip.end(entry.to);
  const whole = entry.to - entry.from;
  const missing = files.length === 0 ? whole : clip.missingMs;
  const before = entry.missing?.ms ?? whole;
  const isWorth =
    error === undefined
      ? missing <= LEAST_MISSING_MS || missing < before - BETTER_MS
      : missing <= whole * (1 - ENOUGH);
  if (isWorth && files.length > 0 && !signal.aborted) {
    report(files);
    return { done: true };
  }
  for (const file of files) await forget(context, file).catch(() => undefined);
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

async function forget(context: ClipContext, { file, thumbnail }: ClipInfo): Promise<void> {
  const { fs } = context.deps;
  const journal = await context.journal();
  const nameOf = (full: string): string => below(context.options.folder, full);
  if (thumbnail !== undefined) await (await openBelow(fs, journal.root, nameOf(thumbnail))).remove();
  await (await openBelow(fs, journal.root, nameOf(file))).remove();
  await journal.gone(nameOf(file));
}
