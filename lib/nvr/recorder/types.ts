// What the recorder is told, what it needs of the machine, and what it tells.

import type fsPromises from 'node:fs/promises';
import type { TimeSource, VideoUnit } from '../../codec/unit.js';
import type { NvrError } from '../../errors.js';
import type { DamagedSpan } from '../../media/damaged-spans.js';
import type { ClipGap } from '../../media/gaps.js';
import type { HubEvent, OnLoss } from '../types.js';

export interface RecorderOptions {
  /** Tells this recorder's files from those of others in the same folder. */
  readonly id: string;
  /** For file names: the NVR's name, the channel's name or number. */
  readonly nvr: string;
  readonly channel: string;
  readonly mode: 'alarm' | 'continuous' | 'timelapse';
  /** What becomes of pictures after a loss; `keep` by default. */
  readonly onLoss?: OnLoss;
  /** Seconds, 0 to 120. */
  readonly preRoll: number;
  readonly postRoll: number;
  /** Seconds of a clip at most, its pre-roll included. */
  readonly maxLength: number;
  /**
   * Absolute. Made when the recorder is armed; should it vanish later, it is not made again (a disk may have
   * been unmounted).
   */
  readonly folder: string;
  /**
   * Template below `folder`: {nvr} {channel} {stream} {reason} and letters of a time, such as {yyyy} or
   * {HHmmss}.
   */
  readonly fileName: string;
  /** Seconds of a continuous segment, or of the camera's time in one file of a time-lapse. */
  readonly segment: number;
  /** Of a time-lapse: one picture for so many keyframes; 1 by default. */
  readonly every?: number;
  /** Files that ended longer ago are deleted; 0: none. */
  readonly keepDays: number;
  /** The oldest files beyond this are deleted; 0: none. */
  readonly keepGiB: number;
  /**
   * GiB of all recorders of this process in the folder, beyond which the oldest files are deleted; 0: none.
   */
  readonly keepFolderGiB?: number;
  /** GiB of the disk that are kept free by deleting the oldest files; 0: none. */
  readonly keepFreeGiB?: number;
  /** Days after which continuous segments are thinned to their keyframes; 0: never. */
  readonly thinDays?: number;
  /**
   * Files are turned into plain ones, with their index in front, when they are closed: for players that know
   * no fragments.
   */
  readonly plain?: boolean;
  /** IANA name, of times in file names; empty: UTC. */
  readonly timeZone: string;
  /** Bytes of memory of the pre-roll. */
  readonly ringBytes?: number;
  /** Bytes of memory that may wait for the disk, the pre-roll apart. */
  readonly queueBytes?: number;
  /** What is missing of an alarm's clip is fetched from the NVR's own recording, if `fetchSpan` can. */
  readonly backfill?: boolean;
  /** Permissions of the files; folders may be entered by those who may read. */
  readonly fileMode?: number;
  /** Bytes of the disk that are left free, for all. */
  readonly reserveBytes?: number;
}

export type RecorderFs = Pick<
  typeof fsPromises,
  'lstat' | 'chmod' | 'mkdir' | 'open' | 'readdir' | 'realpath' | 'rename' | 'rmdir' | 'statfs' | 'unlink'
>;

/**
 * Pictures of a channel as the NVR has recorded them, in order, `time` being when: from the keyframe at or
 * before `from` up to `to` (epoch ms). Read no faster than they are asked for. Ends before `to` where nothing
 * more is recorded; rejects with the NvrError that keeps it from going on. `signal` ends it.
 */
export type FetchSpan = (
  channel: number,
  from: number,
  to: number,
  signal: AbortSignal,
) => AsyncIterable<VideoUnit>;

/** Plain data of an alarm's message, as it is kept in the journal. */
export type KeptMessage = Record<string, unknown>;

/** A Node-RED among several that may record to one folder. */
export interface RecorderOwner {
  /** Of letters, digits and hyphens; the same after each start. */
  readonly id: string;
  /** What is recorded: of what others left, only the same is taken over. */
  readonly camera: string;
  /** Where process ids mean the same as here. */
  readonly host: string;
  readonly pid: number;
  readonly isAlive: (pid: number) => boolean;
}

export interface RecorderDeps {
  readonly fs: RecorderFs;
  /** Epoch ms. */
  readonly now: () => number;
  /** Monotonic ms, of the clock that dates `unit.arrival`. */
  readonly monotonic: () => number;
  readonly timers: { set(run: () => void, ms: number): unknown; clear(timer: unknown): void };
  /** The JPEG to be put beside a clip; undefined: none can be made. */
  readonly thumbnail?: (keyframe: VideoUnit) => Promise<Buffer | undefined>;
  /** Absent: nobody else uses the folder. */
  readonly owner?: RecorderOwner;
  /** Absent: the NVR cannot play back. */
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
  /** From the first frame to the first alarm. */
  readonly preRollMs: number;
  readonly reason: string;
  readonly alarms: readonly Alarm[];
  /** Frames that are missing data of their own. */
  readonly damaged: number;
  /** Where they are, and what builds on them; epoch ms. */
  readonly damagedSpans: readonly DamagedSpan[];
  /**
   * 0..1: how much of what was asked for the clip holds. Of an alarm: of the time from the first alarm minus
   * the pre-roll to the end of the post-roll (at most the maximum length); where the picture's format
   * changed, each file stands for its part of it.
   */
  readonly coverage: number;
  /**
   * Every hole in that time of more than two pictures, at its head, within, and at its tail: `at` ms into it,
   * `ms` long.
   */
  readonly gaps: readonly ClipGap[];
  /** `playback`: fetched from the NVR's own recording. */
  readonly source: 'live' | 'playback';
  /** Whose word the times are: `arrival` is this machine's clock, anything else the NVR's. */
  readonly timeSource: TimeSource;
  readonly thumbnail?: string;
  /** Of the finished file, in hex. Absent where the disk did not let it be read back. */
  readonly sha256?: string;
  /** Only its keyframes are left, and no sound; `sha256` is of what is left. */
  readonly thinned?: true;
  /** Retention leaves it alone. */
  readonly kept?: true;
  /**
   * Told, and finished if need be, at the start after the one that recorded it: after a deploy, a shutdown or
   * a crash.
   */
  readonly recovered?: true;
}

/**
 * `clip` tells which clip is meant: the number that `alarm` answered. In continuous mode it is one number for
 * all segments. `holder`: of the alarm that began it, until the clip's end.
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
   * `last`: nothing more comes of this clip's number, but what is fetched. `message`: the alarm's, as it was
   * kept, of a clip that is recovered or fetched.
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
   * `file`: what could be kept. `firstOfOutage`: the cause has not been told since the last success.
   * `message`: the alarm's, as it was kept, of one that an earlier run left.
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
  /** A file is now its keyframes alone. */
  | { readonly type: 'thinned'; readonly file: string; readonly bytes: number; readonly sha256: string }
  | { readonly type: 'warning'; readonly error: NvrError };

export interface AlarmRequest {
  readonly reason: string;
  /** Lasts until `endAlarm`, or the maximum length. */
  readonly held?: boolean;
  /** Kept for a clip that is told when nobody holds the message any more. */
  readonly message?: KeptMessage;
  /** Comes back with what is told of the clip's files and end, if the alarm begins one. */
  readonly holder?: object;
}

export interface AlarmAnswer {
  /** The clip that the alarm is in. */
  readonly clip: number;
  /** It is this alarm that began it. */
  readonly began: boolean;
}

export interface RecorderStatus extends Partial<KeptStatus> {
  readonly state: 'disarmed' | 'armed' | 'recording';
  /** Clips that are recorded or being finished. */
  readonly clips: number;
  readonly preRollMs: number;
  readonly preRollBytes: number;
  /** Bytes that wait for the disk. */
  readonly waitingBytes: number;
  /** The folder has been read, and what an earlier run left is finished. */
  readonly ready: boolean;
  /** Of this recorder, in the folder. */
  readonly files: number;
  readonly fileBytes: number;
  /** Alarms of which something is still to be fetched from the NVR. */
  readonly toFetch: number;
}

export interface RecorderListener {
  onEvent(event: RecorderEvent): void;
  /**
   * Whether what is told now reaches a running flow; what does not is told again at the next start. Absent:
   * it does.
   */
  isRunning?(): boolean;
  /** The story of the stream behind it. */
  onHubEvent?(event: HubEvent): void;
}

/**
 * `folder`: all recorders of this process together have more there than they may; `free`: too little of the
 * disk is left.
 */
export type DeletedReason = 'age' | 'size' | 'folder' | 'free';

/** How long recordings last. */
export interface KeptStatus {
  /** Files that are held back from retention. */
  readonly keptFiles: number;
  /** Hours of video. */
  readonly hoursKept: number;
  /** Epoch ms of the oldest picture; absent where there is none. */
  readonly oldest?: number;
  /** As of the last 24 hours; absent where too little is recorded yet. */
  readonly bytesPerDay?: number;
  /** Of the disk, at the last look. */
  readonly freeBytes?: number;
  /**
   * Epoch ms at which all recorders of the folder will have filled the disk but for its reserve, at this
   * pace; absent where their limits keep them from it.
   */
  readonly fullAt?: number;
}
