// A camera's recorder: keeps the seconds before an alarm while armed, makes a clip of each alarm, or records without end in segments.

import path from 'node:path';
import type { AudioUnit, MediaUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { GopRing } from '../../media/gop-ring.js';
import type { CameraHub, HubEvent, HubSubscription } from '../types.js';
import { AlarmWindow } from './alarm-window.js';
import { Cases } from './cases.js';
import { Clip } from './clip.js';
import { timeOf, type ClipContext } from './clip-context.js';
import { codeOf, writeError } from './disk.js';
import { nextOrder } from './disk-turns.js';
import { checkTemplate } from './file-name.js';
import { Sound } from './sound.js';
import { ClipStore } from './store.js';
import type {
  Alarm,
  KeptMessage,
  RecorderDeps,
  RecorderEvent,
  RecorderListener,
  RecorderOptions,
} from './types.js';

export interface RecorderStatus {
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

export interface AlarmRequest {
  readonly reason: string;
  /** Lasts until `endAlarm`, or the maximum length. */
  readonly held?: boolean;
  /** Kept for a clip that is told when nobody holds the message any more. */
  readonly message?: KeptMessage;
}

export interface AlarmAnswer {
  /** The clip that the alarm is in. */
  readonly clip: number;
  /** It is this alarm that began it. */
  readonly began: boolean;
}

const MAX_ALARMS = 1000;
/** Continuous recording tries again after a failure, later each time. */
const RETRY_MS = 5000;
const MAX_RETRY_MS = 60_000;
/** A continuous file that has lasted so long, or half its segment, is a success. */
const WELL_MS = 30_000;
/** A stream that was there so long ago may only stall, or this machine be late: its pictures of the time before the end are waited for, */
const STALL_MS = 3000;
/** up to here. */
const LATE_MS = 30_000;
const CONTINUOUS = 'continuous';

export class Recorder {
  private subscription: HubSubscription | undefined;
  private readonly ring: GopRing;
  private sound = new Sound();
  /** The one that takes units. */
  private clip: Clip | undefined;
  private window: AlarmWindow | undefined;
  private windowTimer: unknown;
  /** Arrival of the last picture. */
  private lastPicture = -Infinity;
  /** Why the stream does not play. */
  private trouble: NvrError | undefined;
  /** Of continuous recording's segment at hand. */
  private readonly segmentAlarms: Alarm[] = [];
  /** Those that are not finished yet, the present one included. */
  private readonly clips = new Set<Clip>();
  private numbers = 0;
  private retryTimer: unknown;
  private retryMs = RETRY_MS;
  private readonly store: ClipStore;
  private readonly cases: Cases;
  /** Causes told since the last success. */
  private readonly told = new Set<string>();

  /** Throws EINPUT for options that cannot be. */
  constructor(
    private readonly hub: CameraHub,
    private readonly options: RecorderOptions,
    private readonly deps: RecorderDeps,
    private readonly listener: RecorderListener,
  ) {
    checkTemplate(options.fileName);
    if (!path.isAbsolute(options.folder))
      throw new NvrError('EINPUT', 'The setting "folder" must be an absolute path.');
    if (options.mode === 'alarm' && options.maxLength <= options.preRoll)
      throw new NvrError('EINPUT', 'The setting "maxLength" must be longer than "preRoll".');
    const emit = (event: RecorderEvent): void => {
      this.emit(event);
    };
    this.cases = new Cases(this.context, hub.channel, listener, emit, (write) => this.store.note(write));
    this.store = new ClipStore(options, deps, emit, this.cases, (error) => {
      if (this.isNews(error)) this.emit({ type: 'warning', error });
    });
    this.ring = new GopRing({
      seconds: options.preRoll,
      memory: hub.memory,
      ...(options.ringBytes !== undefined && { maxBytes: options.ringBytes }),
      onShrink: (keptMs) => {
        this.warnOfRing(keptMs);
      },
    });
  }

  get status(): RecorderStatus {
    const { clip, ring, store } = this;
    return {
      state: this.subscription === undefined ? 'disarmed' : clip?.isOpen === true ? 'recording' : 'armed',
      clips: this.clips.size,
      preRollMs: Math.round(ring.spanMs),
      preRollBytes: ring.bytes,
      waitingBytes: [...this.clips].reduce((sum, { waitingBytes }) => sum + waitingBytes, 0),
      ready: store.isRead,
      files: store.files,
      fileBytes: store.bytes,
      toFetch: this.cases.toFetch,
    };
  }

  /** Keeps the pre-roll, or begins to record without end; finishes and tells what an earlier run left. Idempotent. */
  arm(): void {
    if (this.subscription !== undefined) return;
    const { onLoss = 'keep' } = this.options;
    this.subscription = this.hub.subscribe({
      onLoss,
      cutSlices: onLoss === 'keep',
      onUnit: (unit) => {
        this.onUnit(unit);
      },
      onEvent: (event: HubEvent) => {
        this.onHubEvent(event);
      },
    });
    this.cases.open(this.hub.statistics.state === 'playing');
    this.emit({ type: 'armed' });
    if (this.options.mode === 'continuous') this.beginContinuous();
    this.openStore();
  }

  /** Finishes what is recorded, with what it has, and leaves the camera. Idempotent; never rejects. */
  disarm(): Promise<void> {
    return this.leave(this.deps.monotonic());
  }

  /** The same, but nobody wanted the clip at hand to end: what it lacks is missing. */
  close(): Promise<void> {
    return this.leave(Math.max(this.deps.monotonic(), this.window?.least ?? 0));
  }

  /** Begins a clip, or extends the one that is recorded; in continuous mode it is listed in the segment at hand. Throws EINPUT while disarmed. */
  alarm({ reason, held = false, message }: AlarmRequest): AlarmAnswer {
    if (this.subscription === undefined)
      throw new NvrError('EINPUT', 'The recorder is not armed; send action "arm" first.');
    const now = this.deps.monotonic();
    const alarm = { time: this.deps.now(), reason };
    if (this.options.mode === 'continuous') {
      if (this.segmentAlarms.length < MAX_ALARMS) {
        this.segmentAlarms.push(alarm);
        this.cases.segmentAlarm(alarm);
      }
      return { clip: 0, began: false };
    }
    const { window, clip } = this;
    if (window === undefined || clip?.isOpen !== true || now >= window.end)
      return { clip: this.beginClip(now, alarm, held, message), began: true };
    window.alarm(now, alarm, held);
    this.cases.extend(clip.plan.id!, this.epochOf(window.least), alarm);
    this.setWindowTimer();
    this.emit({ type: 'extended', clip: clip.plan.number, reason, alarms: window.alarms.length });
    return { clip: clip.plan.number, began: false };
  }

  /** An alarm that was held is over: the post-roll begins. */
  endAlarm(): void {
    const { window, clip } = this;
    if (window === undefined) return;
    window.release(this.deps.monotonic());
    if (clip?.plan.id !== undefined) this.cases.extend(clip.plan.id, this.epochOf(window.least));
    this.setWindowTimer();
  }

  /** Ends the clip that is recorded at once, without its post-roll. */
  stop(): void {
    this.endClip(this.deps.monotonic());
  }

  /** `to`: monotonic ms at which the time that is asked of the clip at hand ends. */
  private async leave(to: number): Promise<void> {
    this.subscription?.unsubscribe();
    this.subscription = undefined;
    this.deps.timers.clear(this.retryTimer);
    this.endClip(to);
    this.ring.clear();
    this.sound = new Sound();
    this.lastPicture = -Infinity;
    await Promise.all([...[...this.clips].map((clip) => clip.end(to)), this.cases.close()]);
    // It may have been armed again meanwhile.
    if (this.status.state === 'disarmed') await this.store.close();
  }

  private beginClip(now: number, alarm: Alarm, held: boolean, message?: KeptMessage): number {
    const { preRoll, postRoll, maxLength } = this.options;
    this.endClip(now);
    const from = now - preRoll * 1000;
    const window = new AlarmWindow(from, postRoll * 1000, maxLength * 1000);
    window.alarm(now, alarm, held);
    this.window = window;
    const number = ++this.numbers;
    const { reason, time } = alarm;
    const to = this.epochOf(window.least);
    const { id, noted } = this.cases.begin(
      { reason, from: time - preRoll * 1000, to, alarms: [alarm] },
      message,
    );
    const context = {
      ...this.context,
      emit: (event: RecorderEvent) => {
        this.onClipEvent(event);
        this.cases.onClipEvent(id, event, clip.missingMs);
      },
    };
    const clip = new Clip(
      context,
      {
        ...{ number, id, reason, from, noted, source: 'live', order: nextOrder() },
        alarmed: { monotonic: now, time },
        takeAlarms: () => window.alarms,
      },
      this.ring.since(from),
    );
    this.begin(clip);
    this.setWindowTimer();
    return number;
  }

  private beginContinuous(): void {
    const takeAlarms = (): Alarm[] => this.segmentAlarms.splice(0);
    const segmentMs = this.options.segment * 1000;
    const context = {
      ...this.context,
      emit: (event: RecorderEvent) => {
        this.onClipEvent(event);
        this.cases.onSegmentEvent(event);
      },
    };
    const order = nextOrder();
    const plan = { number: 0, reason: CONTINUOUS, source: 'live', order, takeAlarms, segmentMs } as const;
    this.begin(new Clip(context, { ...plan, id: this.cases.segmentId }, []));
  }

  private begin(clip: Clip): void {
    this.clip = clip;
    this.clips.add(clip);
    void clip.ended.then(() => {
      this.clips.delete(clip);
      if (this.clip === clip) this.clip = undefined;
    });
  }

  /** `to`: monotonic ms at which the time that is asked of it ends. */
  private endClip(to: number): void {
    this.deps.timers.clear(this.windowTimer);
    const { clip, window } = this;
    this.window = this.clip = undefined;
    if (clip === undefined) return;
    if (window !== undefined && clip.plan.id !== undefined) {
      const end = Math.min(to, window.end);
      this.cases.extend(clip.plan.id, this.epochOf(end));
      if (to >= window.end && window.cutMs > 0) this.warnOfLength(window);
      void clip.end(end);
    } else {
      void clip.end(to);
    }
  }

  private setWindowTimer(): void {
    const { timers, monotonic } = this.deps;
    timers.clear(this.windowTimer);
    const { window } = this;
    if (window === undefined || window.end === Infinity) return;
    // A stream that plays ends the clip by its first picture behind it.
    const due = (): number =>
      Math.max(window.end, Math.min(this.lastPicture + STALL_MS, window.end + LATE_MS));
    const wait = (until: number): void => {
      this.windowTimer = timers.set(
        () => {
          if (window !== this.window) return;
          const left = due() - monotonic();
          if (left > 0) wait(due());
          else this.endClip(window.end);
        },
        Math.max(0, until - monotonic()),
      );
    };
    wait(window.end);
  }

  private onUnit(unit: MediaUnit): void {
    if (unit.kind === 'metadata') return;
    if (unit.kind === 'audio') this.hear(unit);
    else this.lastPicture = unit.arrival;
    if (this.options.mode === 'alarm') this.ring.push(unit);
    const { window } = this;
    if (window !== undefined && timeOf(unit) >= window.end) {
      if (unit.kind === 'audio') return;
      this.endClip(window.end);
    }
    this.clip?.push(unit);
  }

  private onHubEvent(event: HubEvent): void {
    const { type, error, code = 'EUNREACHABLE', reason = 'the stream does not play.' } = event;
    if (type === 'reconnecting' || type === 'error') this.trouble = error ?? new NvrError(code, reason);
    if (type === 'playing') this.trouble = undefined;
    if (type !== 'format' && type !== 'gap' && type !== 'warning') this.cases.onPlaying(type === 'playing');
    this.listener.onHubEvent?.(event);
  }

  private hear(unit: AudioUnit): void {
    const error = this.sound.see(unit);
    if (error !== undefined) this.emit({ type: 'warning', error });
  }

  private get context(): ClipContext {
    const { options, deps, sound, hub } = this;
    return {
      options,
      deps,
      sound,
      memory: hub.memory,
      statistics: () => hub.statistics,
      stream: hub.stream,
      journal: () => this.store.journal(),
      trouble: () => this.trouble,
      emit: (event) => {
        this.onClipEvent(event);
      },
    };
  }

  private onClipEvent(event: RecorderEvent): void {
    if (event.type === 'finished') {
      const { mode, segment } = this.options;
      if (mode === 'alarm' || event.info.durationMs >= Math.min(segment * 500, WELL_MS)) {
        this.told.clear();
        this.retryMs = RETRY_MS;
      }
      this.emit(event);
      this.store.retain();
    } else if (event.type === 'failed') {
      this.emit({ ...event, firstOfOutage: this.isNews(event.error) });
      this.retryLater();
    } else {
      this.emit(event);
    }
  }

  private isNews(error: NvrError): boolean {
    const cause = `${error.code} ${codeOf(error.cause)}`;
    const isNew = !this.told.has(cause);
    this.told.add(cause);
    return isNew;
  }

  private retryLater(): void {
    if (this.options.mode !== 'continuous' || this.subscription === undefined) return;
    const { timers } = this.deps;
    timers.clear(this.retryTimer);
    this.retryTimer = timers.set(() => {
      if (this.subscription !== undefined) this.beginContinuous();
    }, this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, MAX_RETRY_MS);
  }

  /** A folder that fails is told of, and tried again by the next clip. */
  private openStore(): void {
    this.store.open().catch((error: unknown) => {
      const told = writeError(error, this.options.folder);
      if (this.options.mode === 'alarm')
        this.emit({ type: 'failed', clip: 0, error: told, firstOfOutage: this.isNews(told) });
    });
  }

  private warnOfRing(keptMs: number): void {
    const seconds = (keptMs / 1000).toFixed(1);
    const reason = `The pre-roll of ${this.options.preRoll} s does not fit in the memory that this camera, or all cameras together (nvrMemoryMB in settings.js), may use; clips begin ${seconds} s before an alarm.`;
    this.emit({ type: 'warning', error: new NvrError('EOVERLOAD', reason) });
  }

  private warnOfLength({ cutMs }: AlarmWindow): void {
    const what =
      cutMs === Infinity
        ? 'the alarm goes on'
        : `${(cutMs / 1000).toFixed(1)} s of its post-roll are left out`;
    const reason = `The clip of the alarm has its maximum length of ${this.options.maxLength} s, and ${what}; set a longer "maxLength" to keep more.`;
    this.emit({ type: 'warning', error: new NvrError('EINPUT', reason) });
  }

  /** Epoch ms of a monotonic time. */
  private epochOf(monotonic: number): number {
    return Math.round(this.deps.now() + monotonic - this.deps.monotonic());
  }

  private emit(event: RecorderEvent): void {
    this.listener.onEvent(event);
  }
}
