// A recorder on a fake hub and a clock that the test moves, writing to a real folder.

import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import type { VideoUnit } from '../../lib/codec/unit.js';
import type { ClipUnit } from '../../lib/media/gop-ring.js';
import { UNCOUNTED, type UnitMemory } from '../../lib/media/unit-memory.js';
import { DEFAULT_FILE_NAME } from '../../lib/nvr/recorder/file-name.js';
import { Recorder } from '../../lib/nvr/recorder/recorder.js';
import type {
  ClipInfo,
  RecorderDeps,
  RecorderEvent,
  RecorderFs,
  RecorderOptions,
} from '../../lib/nvr/recorder/types.js';
import type { HubEvent } from '../../lib/nvr/types.js';
import { FakeHub } from './fake-hub.js';
import { TestClock } from './test-clock.js';

/** Epoch ms of monotonic 0 in the tests' units. */
export const EPOCH = 1_760_000_000_000 - 10_000;

export class RecorderRig {
  readonly folder: string;
  readonly hub = new FakeHub();
  readonly events: RecorderEvent[] = [];
  /** What the recorder passes on of the camera's stream. */
  readonly hubEvents: HubEvent[] = [];
  readonly recorder: Recorder;
  readonly clock = new TestClock(9_000);
  /** Whether the flows run that are told. */
  running = true;
  private readonly waits: {
    fits: (event: RecorderEvent) => boolean;
    resolve: (event: RecorderEvent) => void;
  }[] = [];

  constructor(
    options: Partial<RecorderOptions> = {},
    fsChanges: Partial<RecorderFs> = {},
    extra: Partial<RecorderDeps> = {},
    memory: UnitMemory = UNCOUNTED,
  ) {
    Object.assign(this.hub, { memory });
    this.folder = options.folder ?? nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-recorder-'));
    const deps: RecorderDeps = {
      fs: { ...fs, ...fsChanges },
      now: () => EPOCH + this.now,
      monotonic: this.clock.read,
      timers: this.clock,
      ...extra,
    };
    const defaults: RecorderOptions = {
      id: 'test',
      nvr: 'Home',
      channel: 'Gate',
      mode: 'alarm',
      preRoll: 2,
      postRoll: 2,
      maxLength: 60,
      folder: this.folder,
      fileName: DEFAULT_FILE_NAME,
      segment: 300,
      keepDays: 0,
      keepGiB: 0,
      timeZone: '',
      // Whatever is left on the disk of the tests.
      reserveBytes: 0,
    };
    this.recorder = new Recorder(this.hub, { ...defaults, ...options }, deps, {
      onEvent: (event) => {
        this.events.push(event);
        for (const wait of this.waits.filter(({ fits }) => fits(event))) wait.resolve(event);
      },
      onHubEvent: (event) => this.hubEvents.push(event),
      isRunning: () => this.running,
    });
  }

  get now(): number {
    return this.clock.now;
  }

  /** Moves the clock and runs what is due. */
  to(now: number): void {
    this.clock.to(now);
  }

  /** Lets the units arrive, each at its time, up to `until`. Answers those left. */
  feed<T extends ClipUnit>(units: readonly T[], until = Infinity): T[] {
    const now = units.filter(({ arrival }) => arrival <= until);
    for (const unit of now) {
      this.to(unit.arrival);
      this.hub.emit(unit as VideoUnit);
    }
    if (until !== Infinity) this.to(until);
    return units.slice(now.length);
  }

  /** Resolves once the folder has been looked through. */
  async ready(): Promise<void> {
    while (!this.recorder.status.ready) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The first event of a type, past or to come. */
  async event<T extends RecorderEvent['type']>(
    type: T,
    nth = 1,
  ): Promise<Extract<RecorderEvent, { type: T }>> {
    for (;;) {
      const found = this.events.filter((event) => event.type === type)[nth - 1];
      if (found !== undefined) return found as Extract<RecorderEvent, { type: T }>;
      await new Promise<RecorderEvent>((resolve) =>
        this.waits.push({ fits: (event) => event.type === type, resolve }),
      );
    }
  }

  async clip(nth = 1): Promise<ClipInfo> {
    const winner = await Promise.race([
      this.event('finished', nth),
      this.event('failed').then((failed) => {
        throw failed.error;
      }),
    ]);
    return winner.info;
  }

  words(): string[] {
    return this.events.map(({ type }) => type);
  }

  /** Every file below the folder, but for the journal. */
  files(): string[] {
    const found = nodeFs.readdirSync(this.folder, { recursive: true, withFileTypes: true });
    return found
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.nvr-'))
      .map((entry) => path.relative(this.folder, path.join(entry.parentPath, entry.name)))
      .sort();
  }

  /** The journal's lines of a kind. */
  lines(op: string): Record<string, unknown>[] {
    const name = nodeFs.readdirSync(this.folder).find((file) => file.endsWith('.jsonl'));
    if (name === undefined) return [];
    const lines = nodeFs.readFileSync(path.join(this.folder, name), 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.op === op);
  }

  /** Resolves once the journal has so many lines of a kind. */
  async line(op: string, count = 1): Promise<Record<string, unknown>> {
    while (this.lines(op).length < count) await new Promise((resolve) => setImmediate(resolve));
    return this.lines(op)[count - 1]!;
  }

  async close(): Promise<void> {
    await this.recorder.disarm();
    nodeFs.rmSync(this.folder, { recursive: true, force: true });
  }
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the test has it`), { code });
}
