// A recorder's folder on a real disk, whose clock is the test's, and whose file system does what the test
// says.

import assert from 'node:assert/strict';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { NvrError } from '../../lib/errors.js';
import { Journal, type CaseEntry, type DoneEntry } from '../../lib/nvr/recorder/journal.js';
import type { RecoveryListener } from '../../lib/nvr/recorder/recovery.js';
import { ClipStore } from '../../lib/nvr/recorder/store.js';
import type {
  RecorderEvent,
  RecorderFs,
  RecorderOptions,
  RecorderOwner,
} from '../../lib/nvr/recorder/types.js';
import { systemError } from './recorder-rig.js';

export const HOUR_MS = 3_600_000;
export const NOW = 1_760_000_000_000;
export const OWNER: RecorderOwner = {
  ...{ id: 'one', camera: 'gate', host: 'pi', pid: process.pid },
  isAlive: () => true,
};

/** A finished file of an hour ago. */
export function done(file: string, more: Partial<DoneEntry> = {}): DoneEntry {
  return { ...{ file, end: NOW - HOUR_MS, bytes: 100 }, ...more };
}

export function alarm(id: string): CaseEntry {
  return { id, reason: '', from: NOW - 9000, to: NOW, alarms: [] };
}

export class StoreRig {
  readonly base = nodeFs.realpathSync(nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-store-')));
  readonly folder = path.join(this.base, 'clips');
  now = NOW;
  timers: { run: () => void; ms: number }[] = [];
  readonly events: RecorderEvent[] = [];
  readonly warnings: NvrError[] = [];
  /** What is told of what an earlier run left. */
  readonly told: string[] = [];
  /** What the test has the file system do instead. */
  changes: Partial<RecorderFs> = {};
  private readonly stores: ClipStore[] = [];
  private isRunning = true;

  private readonly listener: RecoveryListener = {
    finished: ({ file }) => {
      this.told.push(path.basename(file));
      return true;
    },
    failed: () => true,
    onCaseEnded: (entry) => this.told.push(`case ${entry.id}`),
  };

  async close(): Promise<void> {
    this.isRunning = false;
    this.changes = {};
    for (const store of this.stores.splice(0)) await store.close();
    nodeFs.rmSync(this.base, { recursive: true, force: true });
  }

  storeOf(
    options: Partial<RecorderOptions> = {},
    { owner, hasLimits }: { owner?: RecorderOwner; hasLimits?: boolean } = {},
  ): ClipStore {
    const functions = { ...fs } as unknown as Record<string, (...args: unknown[]) => unknown>;
    const calling = Object.keys(functions).map((name) => [
      name,
      (...args: unknown[]) =>
        ((this.changes as unknown as typeof functions)[name] ?? functions[name]!)(...args),
    ]);
    const { folder } = this;
    const all: RecorderOptions = {
      ...{ id: 'test', nvr: 'Home', channel: 'Gate', preRoll: 2, postRoll: 2, maxLength: 60 },
      ...{ folder, fileName: 'x.mp4', segment: 300, keepDays: 0, keepGiB: 0, timeZone: '', mode: 'alarm' },
      ...options,
    };
    const deps = {
      fs: Object.fromEntries(calling) as RecorderFs,
      now: () => this.now,
      monotonic: () => this.now,
      timers: {
        set: (run: () => void, ms: number): unknown => {
          const timer = { run, ms };
          this.timers.push(timer);
          return timer;
        },
        clear: (timer: unknown): void => {
          this.timers = this.timers.filter((one) => one !== timer);
        },
      },
      ...(owner !== undefined && { owner }),
    };
    const onEvent = (event: RecorderEvent): void => void this.events.push(event);
    const warn = (error: NvrError): void => void this.warnings.push(error);
    const store = new ClipStore(all, deps, onEvent, this.listener, warn, hasLimits);
    this.stores.push(store);
    return store;
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  async until(is: () => boolean): Promise<void> {
    while (!is() && this.isRunning) await this.turn();
  }

  dueIn(ms: number): (() => void)[] {
    return this.timers.filter((one) => one.ms === ms).map(({ run }) => run);
  }

  /** Runs the timers of so many ms. */
  fire(ms: number): void {
    const due = this.dueIn(ms);
    this.timers = this.timers.filter((one) => one.ms !== ms);
    for (const run of due) run();
  }

  /** The file system's next answer to this call comes when the test says so. */
  hold(
    name: keyof RecorderFs,
    fits: (file: string) => boolean = () => true,
  ): { asked: () => Promise<void>; letGo: () => void } {
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    let isAsked = false;
    const own = fs[name] as (...args: unknown[]) => Promise<unknown>;
    const waiting = async (...args: unknown[]): Promise<unknown> => {
      if (fits(String(args[0]))) {
        isAsked = true;
        await held;
      }
      return own(...args);
    };
    Object.assign(this.changes, { [name]: waiting });
    return { asked: () => this.until(() => isAsked), letGo };
  }

  /** The file system's answer to this call is an error. */
  refuse(name: keyof RecorderFs, code: string): void {
    Object.assign(this.changes, { [name]: () => Promise.reject(systemError(code)) });
  }

  /** Checks that one is not through before the other one is let go. */
  async comesAfter(letGo: () => void, closing: Promise<void>): Promise<void> {
    let isClosed = false;
    void closing.then(() => (isClosed = true));
    for (let count = 0; count < 30; count++) await this.turn();
    assert.equal(isClosed, false, 'it waits');
    letGo();
    await closing;
  }

  put(...names: string[]): void {
    for (const name of names) nodeFs.writeFileSync(path.join(this.folder, name), 'x'.repeat(100));
  }

  /** The journal of an earlier run, or of another owner. */
  async left(write: (journal: Journal) => Promise<void>, owner?: string): Promise<void> {
    nodeFs.mkdirSync(this.folder, { recursive: true });
    const of = owner === undefined ? undefined : { owner, camera: 'gate' };
    await write(await Journal.load(fs, this.folder, 'test', of));
  }
}
