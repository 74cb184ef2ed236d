// A picture of a past moment: the last keyframe at or before it in the NVR's own recording, fetched by a
// playback run no longer than a GOP.

import type { VideoUnit } from '../codec/unit.js';
import { NvrError } from '../errors.js';
import { pictureOf, type Snapshot, type SnapshotOptions, type SnapshotTools } from './snapshot/snapshot.js';

/** Fetches recorded video from the keyframe at or before `from`, up to `to`. */
export type FetchPast = (from: number, to: number, signal: AbortSignal) => AsyncIterable<VideoUnit>;

/**
 * `at` is in epoch ms; `camera` is the identity for fair queueing. Rejects as `takeSnapshot` does, and with
 * ENORECORDING if nothing is recorded at that time.
 */
export async function takePastSnapshot(
  camera: object,
  fetch: FetchPast,
  at: number,
  options: SnapshotOptions,
  tools: SnapshotTools = {},
): Promise<Snapshot> {
  const unit = await findPast(fetch, at, options);
  const picture = await pictureOf(camera, unit, options, tools);
  return { ...picture, unit, ageMs: Math.max(0, Date.now() - unit.time) };
}

async function findPast(
  fetch: FetchPast,
  at: number,
  { timeout, signal }: SnapshotOptions,
): Promise<VideoUnit> {
  const late = AbortSignal.timeout(timeout * 1000);
  const ends = signal === undefined ? late : AbortSignal.any([late, signal]);
  let whole: VideoUnit | undefined;
  let damaged: VideoUnit | undefined;
  let came = false;
  try {
    for await (const unit of fetch(at, at + 1, ends)) {
      if (unit.time > at) break;
      came = true;
      if (!unit.keyframe) continue;
      if (unit.damaged) damaged = unit;
      else whole = unit;
    }
  } catch (error) {
    // The recording may end at that moment, or the run may break off, after the keyframe has arrived.
    if (whole === undefined) throw error;
  }
  if (signal?.aborted === true) throw new NvrError('EUNREACHABLE', 'The snapshot was cancelled.');
  const found = whole ?? damaged;
  if (found !== undefined) return found;
  if (late.aborted && !came)
    throw new NvrError('ETIMEDOUT', `The NVR sent no video of that time within ${timeout} s.`);
  throw came
    ? new NvrError(
        'ENOKEYFRAME',
        `No keyframe from before that time came from the recording within ${timeout} s.`,
      )
    : new NvrError('ENORECORDING', 'Nothing is recorded at that time.');
}
