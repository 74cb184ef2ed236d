// The recorder of a camera: keeps the pre-roll, and records a clip of each alarm, or segments without end.

import type { MediaUnit, VideoUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import { GopRing } from '../../media/gop-ring.js';
import type { CameraHub, HubEvent, HubSubscription } from '../types.js';
import { AlarmWindow } from './alarm-window.js';
import { Cases } from './cases.js';
import { Catalog } from './catalog.js';
import { checkOptions } from './check-options.js';
import { Clip } from './clip.js';
import { epochOf, timeOf, type ClipContext } from './clip-context.js';
import { writeError } from './disk.js';
import { nextOrder } from './disk-turns.js';
import { Endless } from './endless.js';
import { ReportedCauses } from './reported-causes.js';
import { Sound } from './sound.js';
import { ClipStore } from './store.js';
import { StreamTrouble } from './stream-trouble.js';
import { LAPSE } from './journal.js';
import { TimeLapse } from './time-lapse.js';
import type {
  Alarm,
  AlarmAnswer,
  AlarmRequest,
  RecorderDeps,
  RecorderEvent,
  RecorderListener,
  RecorderOptions,
  RecorderStatus,
} from './types.js';
import { cutOff, ringTooSmall } from './warnings.js';
import { WindowTimer } from './window-timer.js';
import { UsualPace } from './usual-pace.js';

export class Recorder {
  private subscription: HubSubscription | undefined;
  private readonly ring: GopRing;
  private sound = new Sound();
  /** The clip that takes units. */
  private clip: Clip | undefined;
  private window: AlarmWindow | undefined;
  private readonly windowTimer: WindowTimer;
  private readonly pace = new UsualPace();
  private readonly trouble = new StreamTrouble();
  /** All unfinished clips, including the present one. */
  private readonly clips = new Set<Clip>();
  private lastClipNumber = 0;
  private readonly store: ClipStore;
  private readonly cases: Cases;
  private readonly endless: Endless;
  private readonly lapse: TimeLapse;
  /** The finished recordings. */
  readonly catalog: Catalog;
  private readonly reported = new ReportedCauses();
  private readonly emit: (event: RecorderEvent) => void;

  /** Throws EINPUT for invalid options. */
  constructor(
    private readonly hub: CameraHub,
    private readonly options: RecorderOptions,
    private readonly deps: RecorderDeps,
    private readonly listener: RecorderListener,
  ) {
    checkOptions(options);
    this.emit = (event) => {
      listener.onEvent(event);
    };
    this.cases = new Cases(this.context, hub.channel, listener, this.emit, (write) => this.store.note(write));
    this.store = new ClipStore(options, deps, this.emit, this.cases, (error) => {
      if (this.reported.remember(error)) this.emit({ type: 'warning', error });
    });
    this.catalog = new Catalog(options, deps, () => this.store.journal());
    this.endless = new Endless(options, deps, this.cases, () => {
      if (this.subscription !== undefined) this.beginEndless();
    });
    this.windowTimer = new WindowTimer(
      deps,
      () => this.pace.lastPicture,
      ({ end }) => {
        this.endClip(end);
      },
    );
    this.lapse = new TimeLapse(options.every ?? 1, options.segment * 1000);
    this.ring = new GopRing({
      seconds: options.preRoll,
      memory: hub.memory,
      ...(options.ringBytes !== undefined && { maxBytes: options.ringBytes }),
      onShrink: (keptMs) => {
        this.emit({ type: 'warning', error: ringTooSmall(options.preRoll, keptMs) });
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
      toFetch: this.cases.toFetch,
      ...store.status,
    };
  }

  /**
   * Starts keeping the pre-roll, or continuous recording; finishes and reports what an earlier run left.
   * Idempotent.
   */
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
    if (this.options.mode !== 'alarm') this.beginEndless();
    this.openStore();
  }

  /**
   * Finishes the present recordings with what they have, and unsubscribes from the camera. Idempotent; never
   * rejects.
   */
  disarm(): Promise<void> {
    return this.leave(this.deps.monotonic());
  }

  /** Like `disarm`, but the clip was not meant to end: the rest of it counts as missing. */
  close(): Promise<void> {
    return this.leave(Math.max(this.deps.monotonic(), this.window?.least ?? 0));
  }

  /** Begins or extends a clip, or is listed in the present segment. Throws EINPUT while disarmed. */
  alarm(request: AlarmRequest): AlarmAnswer {
    if (this.subscription === undefined)
      throw new NvrError('EINPUT', 'The recorder is not armed; send action "arm" first.');
    const { reason, held = false } = request;
    const now = this.deps.monotonic();
    const alarm = { time: this.deps.now(), reason };
    if (this.options.mode !== 'alarm') {
      this.endless.alarm(alarm);
      return { clip: 0, began: false };
    }
    const { window, clip } = this;
    if (window === undefined || clip?.isOpen !== true || now >= window.end)
      return { clip: this.beginClip(now, alarm, request), began: true };
    window.alarm(now, alarm, held);
    this.extend(clip, window.least, alarm);
    this.windowTimer.set(window);
    this.emit({ type: 'extended', clip: clip.plan.number, reason, alarms: window.alarms.length });
    return { clip: clip.plan.number, began: false };
  }

  /** The held alarm has ended: the post-roll begins. */
  endAlarm(): void {
    const { window, clip } = this;
    if (window === undefined) return;
    window.release(this.deps.monotonic());
    if (clip !== undefined) this.extend(clip, window.least);
    this.windowTimer.set(window);
  }

  /** Ends the present clip at once, without its post-roll. */
  stop(): void {
    this.endClip(this.deps.monotonic());
  }

  /** `to` is the end of the present clip's requested span, in monotonic ms. */
  private async leave(to: number): Promise<void> {
    this.subscription?.unsubscribe();
    this.subscription = undefined;
    this.endless.stop();
    this.endClip(to);
    this.ring.clear();
    this.sound = new Sound();
    this.pace.lastPicture = -Infinity;
    await Promise.all([...[...this.clips].map((clip) => clip.end(to)), this.cases.close()]);
    // The recorder may have been armed again meanwhile.
    if (this.status.state === 'disarmed') await this.store.close();
  }

  private beginClip(now: number, alarm: Alarm, { held = false, message, holder }: AlarmRequest): number {
    const { preRoll, postRoll, maxLength } = this.options;
    this.endClip(now);
    const from = now - preRoll * 1000;
    const window = new AlarmWindow(from, postRoll * 1000, maxLength * 1000);
    window.alarm(now, alarm, held);
    this.window = window;
    const number = ++this.lastClipNumber;
    const { reason, time } = alarm;
    const alarmed = { monotonic: now, time };
    const { id, noted } = this.cases.begin(
      { reason, from: epochOf(from, alarmed), to: epochOf(window.least, alarmed), alarms: [alarm] },
      message,
    );
    const context = {
      ...this.context,
      emit: (event: RecorderEvent) => {
        const isHeld = holder !== undefined && (event.type === 'finished' || event.type === 'failed');
        this.onClipEvent(isHeld ? { ...event, holder } : event);
        this.cases.onClipEvent(id, event, clip.missingMs);
      },
    };
    const clip = new Clip(
      context,
      {
        ...{ number, id, reason, from, noted, source: 'live', order: nextOrder() },
        alarmed,
        takeAlarms: () => window.alarms,
      },
      this.ring.since(from),
    );
    this.begin(clip);
    this.windowTimer.set(window);
    return number;
  }

  private beginEndless(): void {
    const { mode } = this.options;
    const context = {
      ...this.context,
      emit: (event: RecorderEvent) => {
        this.onClipEvent(event);
        this.cases.onSegmentEvent(event);
      },
    };
    const plan = { number: 0, reason: mode, source: 'live', order: nextOrder() } as const;
    const { endless } = this;
    const own = mode === 'continuous' ? endless.plan : { id: LAPSE, takeAlarms: endless.takeAlarms };
    this.lapse.beginFile();
    this.begin(new Clip(context, { ...plan, ...own }, []));
  }

  private begin(clip: Clip): void {
    this.clip = clip;
    this.clips.add(clip);
    void clip.ended.then(() => {
      this.clips.delete(clip);
      if (this.clip === clip) this.clip = undefined;
    });
  }

  /** `to` is the end of the clip's requested span, in monotonic ms. */
  private endClip(to: number): void {
    this.windowTimer.clear();
    const { clip, window } = this;
    this.window = this.clip = undefined;
    if (clip === undefined) return;
    if (window !== undefined) {
      const end = Math.min(to, window.end);
      this.extend(clip, end);
      if (to >= window.end && window.cutMs > 0)
        this.emit({ type: 'warning', error: cutOff(this.options.maxLength, window.cutMs) });
      void clip.end(end);
    } else {
      void clip.end(this.options.mode === 'timelapse' ? this.lapse.end : to);
    }
  }

  /** The alarm's clip now ends at `to`, in monotonic ms. */
  private extend({ plan: { id, alarmed } }: Clip, to: number, alarm?: Alarm): void {
    if (id !== undefined && alarmed !== undefined) this.cases.extend(id, epochOf(to, alarmed), alarm);
  }

  private onUnit(unit: MediaUnit): void {
    if (unit.kind === 'metadata') return;
    if (this.options.mode === 'timelapse') {
      if (unit.kind === 'video' && this.lapse.choose(unit)) this.addToLapse(unit);
      return;
    }
    const unwritable = unit.kind === 'audio' ? this.sound.take(unit) : undefined;
    if (unwritable !== undefined) this.emit({ type: 'warning', error: unwritable });
    if (unit.kind === 'video') this.pace.take(unit.arrival, () => this.hub.statistics.fps);
    if (this.options.mode === 'alarm') this.ring.push(unit);
    const { window } = this;
    if (window !== undefined && timeOf(unit) >= window.end) {
      if (unit.kind === 'audio') return;
      this.endClip(window.end);
    }
    this.clip?.push(unit);
  }

  /** Adds a frame to the present file of the time-lapse, or to the next one if that is full. */
  private addToLapse(unit: VideoUnit): void {
    if (this.clip !== undefined && this.lapse.isOver(unit)) {
      this.endClip(0);
      this.beginEndless();
    }
    this.clip?.push(this.lapse.place(unit));
  }

  private onHubEvent(event: HubEvent): void {
    const { type } = event;
    this.trouble.onHubEvent(event, this.deps.monotonic());
    if (type !== 'format' && type !== 'gap' && type !== 'warning') this.cases.onPlaying(type === 'playing');
    this.listener.onHubEvent?.(event);
  }

  private get context(): ClipContext {
    const { options, deps, sound, hub } = this;
    return {
      options,
      deps,
      sound,
      memory: hub.memory,
      statistics: () => hub.statistics,
      usualRate: () => this.pace.rate,
      stream: hub.stream,
      journal: () => this.store.journal(),
      trouble: (since) => this.trouble.since(since),
      emit: (event) => {
        this.onClipEvent(event);
      },
    };
  }

  private onClipEvent(event: RecorderEvent): void {
    if (event.type === 'finished') {
      if (this.options.mode !== 'continuous' || this.endless.onFinished(event)) this.reported.clear();
      this.emit(event);
      this.store.retain();
    } else if (event.type === 'failed') {
      this.emit({ ...event, firstOfOutage: this.reported.remember(event.error) });
      if (this.options.mode !== 'alarm' && this.subscription !== undefined) this.endless.retryLater();
    } else {
      this.emit(event);
    }
  }

  /** Opens the folder. If that fails, reports it; the next clip tries again. */
  private openStore(): void {
    this.store.open().catch((error: unknown) => {
      const failure = writeError(error, this.options.folder);
      if (this.options.mode !== 'alarm') return;
      const firstOfOutage = this.reported.remember(failure);
      this.emit({ type: 'failed', clip: 0, error: failure, firstOfOutage });
    });
  }
}
