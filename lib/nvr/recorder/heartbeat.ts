// Several Node-REDs may share one folder. While one records there, it updates a beat file of its own every
// 10 s, and the others leave its files alone. Clocks of machines differ, so the beat is a counter and not a
// time: whoever watches it measures how long it has not changed.

import { openBelow, type Place } from './below.js';
import { codeOf } from './disk.js';
import type { RecorderDeps, RecorderFs, RecorderOwner } from './types.js';

export const BEAT_MS = 10_000;
/** An owner whose beat has not changed for this long has stopped. */
export const SILENT_MS = 30_000;
const MAX_BYTES = 4096;
const MODE = 0o600;

/** Contents of a beat file, apart from the counter. */
interface Beat {
  readonly host: string;
  readonly pid: number;
}

/** The beats of one owner in one folder, for all of its recorders there. */
interface Beating {
  users: number;
  readonly id: Promise<string>;
  stop: () => void;
}

/** Beats of this process, by folder and owner. */
const beating = new Map<string, Beating>();

/**
 * Beats in a folder until `stop` is called. The returned `id` is the owner's in that folder; it differs from
 * the requested one if another process with the same settings is running. Never rejects: on a full disk the
 * beat is skipped.
 */
export async function beatIn(
  { fs, timers }: Pick<RecorderDeps, 'fs' | 'timers'>,
  root: string,
  owner: RecorderOwner,
): Promise<{ readonly id: string; readonly stop: () => void }> {
  const key = `${owner.id}\0${root}`;
  const beats: Beating = beating.get(key) ?? { users: 0, ...begin(fs, timers, root, owner) };
  beating.set(key, beats);
  beats.users++;
  let isStopped = false;
  const stop = (): void => {
    if (isStopped) return;
    isStopped = true;
    if (--beats.users > 0) return;
    if (beating.get(key) === beats) beating.delete(key);
    beats.stop();
  };
  return { id: await beats.id, stop };
}

/** Text of the owner's last beat, which differs from one beat to the next. Undefined if there is none. */
export async function readBeat(fs: RecorderFs, root: string, id: string): Promise<string | undefined> {
  const place = await openBelow(fs, root, nameOf(id));
  const found = await place.file();
  if (found === undefined || found.size > MAX_BYTES) return undefined;
  // Opened, so that a network file system does not answer from its cache.
  const handle = await place.open('read');
  return handle.readFile('utf8').finally(() => handle.close());
}

/** Whether the beat is of a process on this machine that has ended. */
export function isGone(text: string | undefined, { host, isAlive }: RecorderOwner): boolean {
  const beat = beatOf(text);
  return beat?.host === host && !isAlive(beat.pid);
}

/** Removes an owner's beat file, when its last journal is gone. Never rejects. */
export async function removeBeat(fs: RecorderFs, root: string, id: string): Promise<void> {
  await openBelow(fs, root, nameOf(id))
    .then((place) => place.remove())
    .catch(() => undefined);
}

function begin(
  fs: RecorderFs,
  timers: RecorderDeps['timers'],
  root: string,
  owner: RecorderOwner,
): Pick<Beating, 'id' | 'stop'> {
  let timer: unknown;
  let isOver = false;
  let count = 0;
  const id = idIn(fs, root, owner).then(async (own) => {
    const beat = async (): Promise<void> => {
      const { host, pid } = owner;
      await write(await openBelow(fs, root, nameOf(own)), JSON.stringify({ host, pid, beat: ++count }));
    };
    const next = (): void => {
      if (isOver) return;
      timer = timers.set(
        () =>
          void beat()
            .catch(() => undefined)
            .then(next),
        BEAT_MS,
      );
    };
    await beat().catch(() => undefined);
    next();
    return own;
  });
  return {
    id,
    stop: () => {
      isOver = true;
      timers.clear(timer);
    },
  };
}

async function idIn(fs: RecorderFs, root: string, owner: RecorderOwner): Promise<string> {
  const { id, host, pid, isAlive } = owner;
  const beat = beatOf(await readBeat(fs, root, id).catch(() => undefined));
  const isTaken = beat?.host === host && beat.pid !== pid && isAlive(beat.pid);
  return isTaken ? `${id}-${pid}` : id;
}

async function write(place: Place, text: string): Promise<void> {
  const handle = await place.open('change').catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
    return place.open('create', MODE);
  });
  try {
    const line = Buffer.from(text);
    await handle.write(line, 0, line.length, 0);
    await handle.truncate(line.length);
  } finally {
    await handle.close();
  }
}

function beatOf(text: string | undefined): Beat | undefined {
  try {
    const { host, pid } = JSON.parse(text ?? '') as Partial<Record<string, unknown>>;
    return typeof host === 'string' && typeof pid === 'number' ? { host, pid } : undefined;
  } catch {
    return undefined;
  }
}

function nameOf(id: string): string {
  return `.nvr-owner-${id}.json`;
}
