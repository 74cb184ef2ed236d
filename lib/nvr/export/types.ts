// The options, requests, dependencies and events of exports.

import type { VideoUnit } from '../../codec/unit.js';
import type { NvrError } from '../../errors.js';
import type { UnitMemory } from '../../media/unit-memory.js';
import type { RecordedSpan, SpanHandlers } from '../playback/fetch-span.js';
import type { ClipInfo, KeptMessage, RecorderDeps } from '../recorder/types.js';

/** The options of all exports of one node. */
export interface ExportOptions {
  /** Distinguishes its files from those of others in the same folder. */
  readonly id: string;
  /** For file names. */
  readonly nvr: string;
  /** An absolute path; created with the first export. */
  readonly folder: string;
  /** Template below `folder`, filled with the recorded time. */
  readonly fileName: string;
  /** Finished files have their index at the front, for players that cannot play fragments. */
  readonly plain: boolean;
  /** IANA name of the time zone for file names; empty: UTC. */
  readonly timeZone: string;
  readonly fileMode?: number;
  /** Bytes of the disk to leave free for the rest of the machine. */
  readonly reserveBytes?: number;
}

export interface ExportRequest extends RecordedSpan {
  /** A name: if an export of this name broke off, the same request continues it. */
  readonly run?: string;
  /**
   * `run` names a job, which stays the same job if the span is written differently: files that it has
   * finished are reported again, and not made twice.
   */
  readonly isJob?: boolean;
  /** An NVR other than that of the options: its name and zone for file names, and its recording. */
  readonly source?: Pick<ExportOptions, 'nvr' | 'timeZone'> & Pick<ExportDeps, 'fetchSpan'>;
  /** For file names. */
  readonly channelName: string;
  /** Kept for a file that is reported after a restart. */
  readonly message?: KeptMessage;
}

export type ExportDeps = Pick<RecorderDeps, 'fs' | 'now' | 'monotonic' | 'timers' | 'owner'> & {
  readonly fetchSpan: (
    span: RecordedSpan,
    signal: AbortSignal,
    handlers: SpanHandlers,
  ) => AsyncIterable<VideoUnit>;
  /** Makes a memory account for the units that wait for the disk. */
  readonly memory: () => UnitMemory;
};

/**
 * `start` is the time of the keyframe before the requested span, which is only needed for decoding: players
 * begin at `recordedFrom`. Times are epoch ms.
 */
export interface ExportedClip extends ClipInfo {
  readonly recordedFrom: number;
  readonly recordedTo: number;
}

export interface ExportProgress {
  /** The part of the span that was exported, 0 to 100. */
  readonly percent: number;
  /** Bytes of video so far. */
  readonly bytes: number;
  /** The recorded time of the newest frame, in epoch ms. */
  readonly reached: number;
}

/**
 * `missingMs` is the part of the span that no file contains, as in their `gaps`: at its beginning, within and
 * at its end. `error` says why the end is missing.
 */
export interface ExportEnd {
  readonly reason: 'reached' | 'stopped' | 'error';
  readonly error?: NvrError;
  readonly missingMs: number;
  readonly reached: number;
  readonly files: number;
}

export interface ExportHandlers extends SpanHandlers {
  /** `repeated`: it was finished when the job was asked for before. */
  onFile(clip: ExportedClip, repeated?: true): void;
  /** At most once a second. */
  onProgress(progress: ExportProgress): void;
  /** Called once. */
  onEnd(end: ExportEnd): void;
}

/** Receives what an earlier run of this process left. */
export interface ExportsListener {
  onRecovered(clip: ExportedClip, message: KeptMessage | undefined): void;
  onWarning(error: NvrError): void;
  /** Whether events reach a running flow now; those that do not are reported at the next start. */
  isRunning(): boolean;
}
