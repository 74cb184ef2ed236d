// What an export is asked for, what it needs, and what it tells.

import type { VideoUnit } from '../../codec/unit.js';
import type { NvrError } from '../../errors.js';
import type { UnitMemory } from '../../media/unit-memory.js';
import type { RecordedSpan, SpanHandlers } from '../playback/fetch-span.js';
import type { ClipInfo, KeptMessage, RecorderDeps } from '../recorder/types.js';

/** Of all exports of one node. */
export interface ExportOptions {
  /** Tells its files from those of others in the same folder. */
  readonly id: string;
  /** For file names. */
  readonly nvr: string;
  /** Absolute; made at the first export. */
  readonly folder: string;
  /** Template below `folder`, filled with the recorded time. */
  readonly fileName: string;
  /** Files have their index in front when they are finished, for players that know no fragments. */
  readonly plain: boolean;
  /** IANA name, of times in file names; empty: UTC. */
  readonly timeZone: string;
  readonly fileMode?: number;
  /** Bytes of the disk that are left free, for all. */
  readonly reserveBytes?: number;
}

export interface ExportRequest extends RecordedSpan {
  /** One that is named is gone on with when it is asked for again. */
  readonly run?: string;
  /** For file names. */
  readonly channelName: string;
  /** Kept for a file that is told when nobody holds the message any more. */
  readonly message?: KeptMessage;
}

export type ExportDeps = Pick<RecorderDeps, 'fs' | 'now' | 'monotonic' | 'timers' | 'owner'> & {
  readonly fetchSpan: (
    span: RecordedSpan,
    signal: AbortSignal,
    handlers: SpanHandlers,
  ) => AsyncIterable<VideoUnit>;
  /** An account for the pictures that wait for the disk. */
  readonly memory: () => UnitMemory;
};

/**
 * `start` is the keyframe's in front, which only serves to decode: players show `recordedFrom` first. Epoch
 * ms.
 */
export interface ExportedClip extends ClipInfo {
  readonly recordedFrom: number;
  readonly recordedTo: number;
}

export interface ExportProgress {
  /** Of the span, 0 to 100. */
  readonly percent: number;
  /** Of video, so far. */
  readonly bytes: number;
  /** Recorded time of the newest picture, epoch ms. */
  readonly reached: number;
}

/** `missingMs`: what of the span has not come, at its end. An error tells why. */
export interface ExportEnd {
  readonly reason: 'reached' | 'stopped' | 'error';
  readonly error?: NvrError;
  readonly missingMs: number;
  readonly reached: number;
  readonly files: number;
}

export interface ExportHandlers extends SpanHandlers {
  onFile(clip: ExportedClip): void;
  /** At most once a second. */
  onProgress(progress: ExportProgress): void;
  /** Once. */
  onEnd(end: ExportEnd): void;
}

/** What an earlier run of this process left. */
export interface ExportsListener {
  onRecovered(clip: ExportedClip, message: KeptMessage | undefined): void;
  onWarning(error: NvrError): void;
  /** Whether what is told now reaches a running flow; what does not is told at the next start. */
  isRunning(): boolean;
}
