// The recordings of this process, which share its memory: if it is full, the recording that began last is
// ended.

export interface RunningRecording {
  /** The lowest has precedence. */
  readonly order: number;
  readonly waitingBytes: number;
  /** Ends at once, keeps what is on the disk, and releases its memory. */
  endEarly(): void;
}

const recordings = new Set<RunningRecording>();

export function addRecording(recording: RunningRecording): void {
  recordings.add(recording);
}

export function removeRecording(recording: RunningRecording): void {
  recordings.delete(recording);
}

/**
 * Ends the last of the recordings that began later than `asking`. Returns false if none of them holds memory.
 */
export function endLaterRecording(asking: RunningRecording): boolean {
  let last: RunningRecording | undefined;
  for (const recording of recordings)
    if (recording.waitingBytes > 0 && recording.order > (last ?? asking).order) last = recording;
  last?.endEarly();
  return last !== undefined;
}
