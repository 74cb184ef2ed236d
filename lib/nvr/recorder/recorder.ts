// A camera's recorder: keeps the seconds before an alarm while armed, makes a clip of each alarm, or records without end in segments, and deletes what is too old or too much.

import path from 'node:path';
import type { MediaUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { GopRing } from '../../media/gop-ring.js';
import { mediabunny } from '../../media/mediabunny.js';
import type { CameraHub, HubEvent, HubSubscription } from '../types.js';
import { AlarmWindow } from './alarm-window.js';
import { Clip, type ClipContext } from './clip.js';
import { codeOf, diskError } from './disk.js';
import { checkTemplate } from './file-name.js';
import { Sound } from './sound.js';
import { ClipStore } from './store.js';
import type { Alarm, RecorderDeps, RecorderEvent, RecorderListener, RecorderOptions } from './types.js';

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
}

export interface AlarmRequest {
  readonly reason: string;
  /** Lasts until `endAlarm`, or the maximum length. */
  readonly held?: boolean;
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
const CONTINUOUS = 'continuous';

export class Recorder {
  private subscription: HubSubscription | undefined;
  private readonly ring: GopRing;
  private sound = new Sound();
  /** The one that takes units. */
  private clip: Clip | undefined;
  private window: AlarmWindow | undefined;
  private windowTimer: unknown;
  /** Of continuous recording's segment at hand. */
  private readonly segmentAlarms: Alarm[] = [];
  /** Those that are not finished yet, the present one included. */
  private readonly clips = new Set<Clip>();
  private numbers = 0;
  private retryTimer: unknown;
  private retryMs = RETRY_MS;
  private readonly store: ClipStore;
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
    this.store = new ClipStore(
      options,
      deps,
      (event) => {
        this.emit(event);
      },
      (error) => {
        if (this.isNews(error)) this.emit({ type: 'warning', error });
      },
    );
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
    };
  }

  /** Keeps the pre-roll, or begins to record without end; finishes what an earlier run left. Idempotent. */
  arm(): void {
    if (this.subscription !== undefined) return;
    // An alarm shall not wait for it: it takes a second on a small machine.
    mediabunny();
    const { onLoss = 'keep' } = this.options;
    this.subscription = this.hub.subscribe({
      onLoss,
      cutSlices: onLoss === 'keep',
      onUnit: (unit) => {
        this.onUnit(unit);
      },
      onEvent: (event: HubEvent) => {
        this.listener.onHubEvent?.(event);
      },
    });
    this.emit({ type: 'armed' });
    if (this.options.mode === 'continuous') this.beginContinuous();
    this.openStore();
  }

  /** Finishes what is recorded, with what it has, and leaves the camera. Idempotent; never rejects. */
  async disarm(): Promise<void> {
    const { timers } = this.deps;
    this.subscription?.unsubscribe();
    this.subscription = undefined;
    timers.clear(this.retryTimer);
    this.endClip();
    this.ring.clear();
    this.sound = new Sound();
    await Promise.all([...this.clips].map((clip) => clip.end()));
    // It may have been armed again meanwhile.
    if (this.status.state === 'disarmed') await this.store.close();
  }

  /** Begins a clip, or extends the one that is recorded; in continuous mode it is listed in the segment at hand. Throws EINPUT while disarmed. */
  alarm({ reason, held = false }: AlarmRequest): AlarmAnswer {
    if (this.subscription === undefined)
      throw new NvrError('EINPUT', 'The recorder is not armed; send action "arm" first.');
    const now = this.deps.monotonic();
    const alarm = { time: this.deps.now(), reason };
    if (this.options.mode === 'continuous') {
      if (this.segmentAlarms.length < MAX_ALARMS) this.segmentAlarms.push(alarm);
      return { clip: 0, began: false };
    }
    const { window, clip } = this;
    if (window === undefined || clip?.isOpen !== true || now >= window.end)
      return { clip: this.beginClip(now, alarm, held), began: true };
    window.alarm(now, alarm, held);
    this.setWindowTimer();
    this.emit({ type: 'extended', clip: clip.plan.number, reason, alarms: window.alarms.length });
    return { clip: clip.plan.number, began: false };
  }

  /** An alarm that was held is over: the post-roll begins. */
  endAlarm(): void {
    this.window?.release(this.deps.monotonic());
    this.setWindowTimer();
  }

  /** Ends the clip that is recorded at once, without its post-roll. */
  stop(): void {
    this.endClip();
  }

  private beginClip(now: number, alarm: Alarm, held: boolean): number {
    const { preRoll, postRoll, maxLength } = this.options;
    this.endClip();
    const units = this.ring.since(now - preRoll * 1000);
    const window = new AlarmWindow(
      Math.min(units[0]?.arrival ?? now, now),
      postRoll * 1000,
      maxLength * 1000,
    );
    window.alarm(now, alarm, held);
    this.window = window;
    const number = ++this.numbers;
    const { time, reason } = alarm;
    const plan = { number, reason, alarmed: { monotonic: now, time }, takeAlarms: () => window.alarms };
    this.begin(new Clip(this.context, plan, units));
    this.setWindowTimer();
    return number;
  }

  private beginContinuous(): void {
    const takeAlarms = (): Alarm[] => this.segmentAlarms.splice(0);
    const plan = { number: 0, reason: CONTINUOUS, takeAlarms, segmentMs: this.options.segment * 1000 };
    this.begin(new Clip(this.context, plan, []));
  }

  private begin(clip: Clip): void {
    this.clip = clip;
    this.clips.add(clip);
    void clip.ended.then(() => {
      this.clips.delete(clip);
      if (this.clip === clip) this.clip = undefined;
    });
  }

  private endClip(): void {
    this.deps.timers.clear(this.windowTimer);
    this.window = undefined;
    void this.clip?.end();
    this.clip = undefined;
  }

  private setWindowTimer(): void {
    const { timers, monotonic } = this.deps;
    timers.clear(this.windowTimer);
    const { window } = this;
    if (window === undefined || window.end === Infinity) return;
    this.windowTimer = timers.set(
      () => {
        if (window === this.window) this.endClip();
      },
      Math.max(0, window.end - monotonic()),
    );
  }

  private onUnit(unit: MediaUnit): void {
    if (unit.kind === 'metadata') return;
    if (unit.kind === 'audio') this.sound.see(unit);
    if (this.options.mode === 'alarm') this.ring.push(unit);
    if (this.window !== undefined && unit.arrival >= this.window.end) this.endClip();
    this.clip?.push(unit);
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
      emit: (event) => {
        this.onClipEvent(event);
      },
    };
  }

  private onClipEvent(event: RecorderEvent): void {
    if (event.type === 'finished') {
      this.told.clear();
      this.retryMs = RETRY_MS;
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
      const told = diskError(error, this.options.folder);
      if (this.options.mode === 'alarm')
        this.emit({ type: 'failed', clip: 0, error: told, firstOfOutage: this.isNews(told) });
    });
  }

  private warnOfRing(keptMs: number): void {
    const seconds = (keptMs / 1000).toFixed(1);
    const reason = `The pre-roll of ${this.options.preRoll} s does not fit in the memory that this camera, or all cameras together (nvrMemoryMB in settings.js), may use; clips begin ${seconds} s before an alarm.`;
    this.emit({ type: 'warning', error: new NvrError('EOVERLOAD', reason) });
  }

  private emit(event: RecorderEvent): void {
    this.listener.onEvent(event);
  }
}
