// One recording whose pictures, memory and timers are the test's; the disk is real, and answers when it may.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { VideoUnit } from '../../lib/codec/unit.js';
import type { NvrError } from '../../lib/errors.js';
import { UNCOUNTED, type UnitMemory, type Yielding } from '../../lib/media/unit-memory.js';
import { Clip } from '../../lib/nvr/recorder/clip.js';
import type { ClipPlan } from '../../lib/nvr/recorder/clip-context.js';
import { Journal } from '../../lib/nvr/recorder/journal.js';
import type { RecorderEvent, RecorderFs, RecorderOptions } from '../../lib/nvr/recorder/types.js';
import { clipContext } from './clip-context.js';
import { clipUnits } from './picture-units.js';

export const UNITS = clipUnits('h264', 300);
export const BEGIN = UNITS[0]!.arrival;
export const FRAME_MS = UNITS[1]!.arrival - BEGIN;
export const KEYFRAMES = UNITS.flatMap(({ keyframe }, index) => (keyframe ? [index] : []));
export const GOP = KEYFRAMES[1]! - KEYFRAMES[0]!;

export type Told<T extends RecorderEvent['type']> = Extract<RecorderEvent, { type: T }>;

/** An alarm at a picture, with so many of them before it asked for. */
export function alarmAt(index: number, before = 0): Partial<ClipPlan> {
  return {
    from: UNITS[index - before]!.arrival,
    alarmed: { monotonic: UNITS[index]!.arrival, time: UNITS[index]!.time },
  };
}

/** The picture as it would have come later, by so many ms. */
export function after(unit: VideoUnit, ms: number): VideoUnit {
  return { ...unit, arrival: unit.arrival + ms, mediaTime: unit.arrival + ms, time: unit.time + ms };
}

export class ClipRig {
  readonly root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-clip-')));
  journal!: Journal;
  events: RecorderEvent[] = [];
  timers: { run: () => void; ms: number }[] = [];
  readonly stores = new Set<Yielding>();
  memory: Partial<UnitMemory> = {};
  changes: Partial<RecorderFs> = {};
  /** The disk answers from here on. */
  answer: () => void = () => undefined;
  /** Pictures that thumbnails were asked for. */
  pictures: VideoUnit[] = [];
  trouble: NvrError | undefined;
  statistics = { frames: 0 };
  private readonly clips: Clip[] = [];
  private readonly held = new Set<unknown>();
  private answers = Promise.resolve();

  async open(): Promise<void> {
    this.journal = await Journal.load(fsPromises, this.root, 'test');
  }

  async close(): Promise<void> {
    this.answer();
    for (const clip of this.clips.splice(0)) await clip.end(Infinity);
    fs.rmSync(this.root, { recursive: true, force: true });
  }

  /** The disk answers nothing until `answer` is called. */
  silence(): void {
    this.answers = new Promise((resolve) => (this.answer = resolve));
  }

  clipOf(
    plan: Partial<ClipPlan> = {},
    preRoll: readonly VideoUnit[] = [],
    options: Partial<RecorderOptions> = {},
  ): Clip {
    const context = clipContext(this.journal, {
      options,
      deps: {
        fs: { ...fsPromises, ...this.changes },
        timers: {
          set: (run, ms) => {
            const timer = { run, ms };
            this.timers.push(timer);
            return timer;
          },
          clear: (timer) => void (this.timers = this.timers.filter((one) => one !== timer)),
        },
        thumbnail: (picture) => {
          this.pictures.push(picture);
          return Promise.resolve(undefined);
        },
      },
      memory: {
        ...UNCOUNTED,
        hold: (unit) => {
          this.held.add(unit);
          return true;
        },
        release: (unit) => void this.held.delete(unit),
        add: (store) => void this.stores.add(store),
        remove: (store) => void this.stores.delete(store),
        ...this.memory,
      },
      journal: () => this.answers.then(() => this.journal),
      statistics: () => ({ ...this.statistics }) as never,
      trouble: () => this.trouble,
      emit: (event) => this.events.push(event),
    });
    const whole = {
      number: 3,
      reason: 'door',
      source: 'live',
      order: 1,
      takeAlarms: () => [],
      ...plan,
    } as const;
    const clip = new Clip(context, whole, preRoll);
    this.clips.push(clip);
    return clip;
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  async settle(): Promise<void> {
    for (let count = 0; count < 30; count++) await this.turn();
  }

  told<T extends RecorderEvent['type']>(type: T): Told<T>[] {
    return this.events.filter((event): event is Told<T> => event.type === type);
  }

  feed(clip: Clip, units: readonly VideoUnit[]): void {
    for (const unit of units) clip.push(unit);
  }

  /** All that it held is given back, and nothing is due. */
  assertReleased(clip: Clip): void {
    const { held, stores, timers } = this;
    assert.deepEqual(
      { waitingBytes: clip.waitingBytes, bytes: clip.bytes, held: held.size, stores: stores.size },
      { waitingBytes: 0, bytes: 0, held: 0, stores: 0 },
    );
    assert.deepEqual({ timers, isOpen: clip.isOpen }, { timers: [], isOpen: false });
  }
}
