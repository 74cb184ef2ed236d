// The recorder's options, dependencies, events and results.

import type fsPromises from 'node:fs/promises';
import type { TimeSource, VideoUnit } from '../../codec/unit.js';
import type { NvrError } from '../../errors.js';
import type { DamagedSpan } from '../../media/damaged-spans.js';
import type { ClipGap } from '../../media/gaps.js';
import type { HubEvent, OnLoss } from '../types.js';

export interface RecorderOptions {
  /** Distinguishes this recorder's files from those of others in the same folder. */
  readonly id: string;
  /** For file names: the NVR's name, the channel's name or number. */
  readonly nvr: string;
  readonly channel: string;
  readonly mode: 'alarm' | 'continuous' | 'timelapse';
  /** Whether frames after a loss are recorded; `keep` by default. */
  readonly onLoss?: OnLoss;
  /** Seconds, 0 to 120. */
  readonly preRoll: number;
  readonly postRoll: number;
  /** The most seconds of a clip, including its pre-roll. */
  readonly maxLength: number;
  /**
   * An absolute path. The folder is created when the recorder is armed; if it vanishes later, it is not
   * created again (a disk may have been unmounted).
   */
  readonly folder: string;
  /**
   * Template below `folder`: {nvr} {channel} {stream} {reason} and letters of a time, such as {yyyy} or
   * {HHmmss}.
   */
  readonly fileName: string;
  /** Seconds of a continuous segment, or of the camera's time in one file of a time-lapse. */
  readonly segment: number;
  /** Time-lapse: one frame for this many keyframes; 1 by default. */
  readonly every?: number;
  /** Files that ended more than this many days ago are deleted; 0: no limit. */
  readonly keepDays: number;
  /** The oldest files beyond this size are deleted; 0: no limit. */
  readonly keepGiB: number;
  /**
   * GiB of all recorders of this process in the folder, beyond which the oldest files are deleted; 0: no
   * limit.
   */
  readonly keepFolderGiB?: number;
  /** GiB of the disk to keep free by deleting the oldest files; 0: no limit. */
  readonly keepFreeGiB?: number;
  /** Days after which continuous segments are thinned to their keyframes; 0: never. */
  readonly thinDays?: number;
  /**
   * Convert finished files to plain MP4 with the index at the front, for players that cannot play fragments.
   */
  readonly plain?: boolean;
  /** IANA name of the time zone for file names; empty: UTC. */
  readonly timeZone: string;
  /** The most bytes of memory for the pre-roll. */
  readonly ringBytes?: number;
  /** The most bytes of memory that may wait for the disk, besides the pre-roll. */
  readonly queueBytes?: number;
  /** Fetch missing parts of an alarm's clip from the NVR's own recording, if `fetchSpan` is given. */
  readonly backfill?: boolean;
  /** Permissions of the files; whoever may read the files may enter the folders. */
  readonly fileMode?: number;
  /** Bytes of the disk to leave free for the rest of the machine. */
  readonly reserveBytes?: number;
}

export type RecorderFs = Pick<
  typeof fsPromises,
  'lstat' | 'chmod' | 'mkdir' | 'open' | 'readdir' | 'realpath' | 'rename' | 'rmdir' | 'statfs' | 'unlink'
>;

/**
 * Reads the NVR's recording of a channel, in order, with `time` as the recorded time: from the keyframe at or
 * before `from` up to `to` (epoch ms), no faster than the reader asks. Ends before `to` if nothing more is
 * recorded; rejects with the NvrError that prevents continuing. `signal` ends it.
 */
export type FetchSpan = (
  channel: number,
  from: number,
  to: number,
  signal: AbortSignal,
) => AsyncIterable<VideoUnit>;

/** The plain data of an alarm's message, as kept in the journal. */
export type KeptMessage = Record<string, unknown>;

/** A Node-RED among several that may record to one folder. */
export interface RecorderOwner {
  /** Of letters, digits and hyphens; the same after each start. */
  readonly id: string;
  /**
   * Identifies the recorded stream: of the journals that others left, only those of the same are taken over.
   */
  readonly camera: string;
  /** Identifies the machine or container: process ids are compared only within the same one. */
  readonly host: string;
  readonly pid: number;
  readonly isAlive: (pid: number) => boolean;
}

export interface RecorderDeps {
  readonly fs: RecorderFs;
  /** Epoch ms. */
  readonly now: () => number;
  /** Monotonic ms, on the clock of `unit.arrival`. */
  readonly monotonic: () => number;
  readonly timers: { set(run: () => void, ms: number): unknown; clear(timer: unknown): void };
  /** Makes the JPEG that is stored next to a clip; undefined if none can be made. */
  readonly thumbnail?: (keyframe: VideoUnit) => Promise<Buffer | undefined>;
  /** Undefined if no other Node-RED uses the folder. */
  readonly owner?: RecorderOwner;
  /** Undefined if the NVR has no playback. */
  readonly fetchSpan?: FetchSpan;
}

export interface Alarm {
  /** Epoch ms. */
  readonly time: number;
  readonly reason: string;
}

/** `msg.clip` of the message contract. Times are epoch ms on this machine's clock. */
export interface ClipInfo {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly durationMs: number;
  readonly frames: number;
  readonly bytes: number;
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  /** Codec of the sound, or false. */
  readonly audio: string | false;
  /** Milliseconds from the first frame to the first alarm. */
  readonly preRollMs: number;
  readonly reason: string;
  readonly alarms: readonly Alarm[];
  /** Frames with missing data of their own. */
  readonly damaged: number;
  /** Spans with damaged frames or frames that depend on them, in epoch ms. */
  readonly damagedSpans: readonly DamagedSpan[];
  /**
   * 0 to 1: how much of the requested span the clip contains. For an alarm, that is the span from the first
   * alarm minus the pre-roll to the end of the post-roll, at most the maximum length. If the video format
   * changed, each file covers its own part.
   */
  readonly coverage: number;
  /**
   * Every gap of more than two frames in that span, at its beginning, inside or at its end; `at` and `ms` are
   * its start in the span and its length.
   */
  readonly gaps: readonly ClipGap[];
  /** `playback`: fetched from the NVR's own recording. */
  readonly source: 'live' | 'playback';
  /** The source of the times: `arrival` is this machine's clock, anything else is the NVR's. */
  readonly timeSource: TimeSource;
  readonly thumbnail?: string;
  /** SHA-256 of the finished file, in hex. Undefined if the file could not be read back. */
  readonly sha256?: string;
  /** Only the keyframes are left, without audio; `sha256` is that of the thinned file. */
  readonly thinned?: true;
  /** Protected from retention. */
  readonly kept?: true;
  /**
   * Reported, and finished if necessary, by the start after the one that recorded it: after a deploy, a
   * shutdown or a crash.
   */
  readonly recovered?: true;
}

/**
 * `clip` is the number that `alarm` returned. In continuous mode all segments have the same number. `holder`
 * is that of the alarm that began the clip.
 */
export type RecorderEvent =
  | { readonly type: 'armed' }
  | {
      readonly type: 'recording';
      readonly clip: number;
      readonly file: string;
      readonly reason: string;
      readonly preRollMs: number;
    }
  | { readonly type: 'extended'; readonly clip: number; readonly reason: string; readonly alarms: number }
  /**
   * `last`: no more files of this clip follow, except fetched ones. `message` is the kept message of the
   * alarm, if the clip was recovered or fetched.
   */
  | {
      readonly type: 'finished';
      readonly clip: number;
      readonly info: ClipInfo;
      readonly last: boolean;
      readonly message?: KeptMessage;
      readonly holder?: object;
    }
  /**
   * `file` is the part that could be kept. `firstOfOutage`: the cause was not reported since the last
   * success. `message` is the kept message of the alarm, if an earlier run left it.
   */
  | {
      readonly type: 'failed';
      readonly clip: number;
      readonly error: NvrError;
      readonly file?: string;
      readonly firstOfOutage: boolean;
      readonly message?: KeptMessage;
      readonly holder?: object;
    }
  | {
      readonly type: 'deleted';
      readonly file: string;
      readonly bytes: number;
      readonly reason: DeletedReason;
    }
  /** A file was thinned to its keyframes. */
  | { readonly type: 'thinned'; readonly file: string; readonly bytes: number; readonly sha256: string }
  | { readonly type: 'warning'; readonly error: NvrError };

export interface AlarmRequest {
  readonly reason: string;
  /** The alarm lasts until `endAlarm`, or until the maximum length. */
  readonly held?: boolean;
  /** Kept for a clip that is reported after a restart. */
  readonly message?: KeptMessage;
  /** Returned with the events of the clip's files and end, if the alarm begins a clip. */
  readonly holder?: object;
}

export interface AlarmAnswer {
  /** The number of the clip that the alarm is in. */
  readonly clip: number;
  /** True if this alarm began the clip. */
  readonly began: boolean;
}

export interface RecorderStatus extends Partial<KeptStatus> {
  readonly state: 'disarmed' | 'armed' | 'recording';
  /** Clips that are being recorded or finished. */
  readonly clips: number;
  readonly preRollMs: number;
  readonly preRollBytes: number;
  /** Bytes that wait for the disk. */
  readonly waitingBytes: number;
  /** True once the folder has been read and what an earlier run left is finished. */
  readonly ready: boolean;
  /** This recorder's files in the folder. */
  readonly files: number;
  readonly fileBytes: number;
  /** Alarms with parts that are still to be fetched from the NVR. */
  readonly toFetch: number;
}

export interface RecorderListener {
  onEvent(event: RecorderEvent): void;
  /**
   * Whether events reach a running flow now; those that do not are reported again at the next start. True by
   * default.
   */
  isRunning?(): boolean;
  /** The events of the camera's stream. */
  onHubEvent?(event: HubEvent): void;
}

/**
 * `folder`: all recorders of this process together exceed their limit in the folder; `free`: too little of
 * the disk is free.
 */
export type DeletedReason = 'age' | 'size' | 'folder' | 'free';

/** How long recordings last. */
export interface KeptStatus {
  /** Files that are protected from retention. */
  readonly keptFiles: number;
  /** Hours of video. */
  readonly hoursKept: number;
  /** Epoch ms of the oldest frame; undefined if there is none. */
  readonly oldest?: number;
  /** Measured over the last 24 hours; undefined if too little is recorded yet. */
  readonly bytesPerDay?: number;
  /** Free bytes of the disk when last read. */
  readonly freeBytes?: number;
  /**
   * Epoch ms at which the recorders of the folder will have filled the disk, except for its reserve, at this
   * rate; undefined if their limits prevent that.
   */
  readonly fullAt?: number;
}
