// Finds journals of the same node and camera that other Node-REDs left in the folder. If their owner has
// stopped, exactly one of the others takes them over.

import { openBelow } from './below.js';
import { codeOf } from './disk.js';
import { isGone, readBeat, removeBeat, SILENT_MS } from './heartbeat.js';
import { Journal } from './journal.js';
import { isOwnedBy, journalName, ownerOf } from './journal-name.js';
import type { RecorderFs, RecorderOwner } from './types.js';

export interface Taken {
  readonly journal: Journal;
  /** The present name of its file. */
  readonly name: string;
}

interface Watched {
  readonly beat: string | undefined;
  /** Monotonic ms of when this beat was first read. */
  readonly since: number;
}

export class TakeOver {
  private readonly watched = new Map<string, Watched>();

  /** `id`: the recorder's, which is part of the journal's name. */
  constructor(
    private readonly fs: RecorderFs,
    private readonly owner: RecorderOwner,
    private readonly id: string,
  ) {}

  /**
   * Takes the journals whose owner has stopped, by renaming them: `me` owns them now and must remove them
   * when done. `isWaiting`: others remain, whose owner is alive. `now`: monotonic ms. Rejects with the file
   * system's error.
   */
  async takeStopped(root: string, me: string, now: number): Promise<{ taken: Taken[]; isWaiting: boolean }> {
    const taken: Taken[] = [];
    let isWaiting = false;
    for (const name of await this.fs.readdir(root)) {
      const { owner, from } = ownerOf(name, this.id) ?? {};
      if (owner === undefined || (owner === me && from === undefined)) continue;
      const journal = await Journal.read(this.fs, root, name);
      if (owner === me) taken.push({ journal, name });
      if (owner === me || journal.camera !== this.owner.camera) continue;
      if ((await this.readSilence(root, owner, now)) < SILENT_MS) {
        isWaiting = true;
        continue;
      }
      const ownName = journalName(this.id, { owner: me, from: from ?? owner });
      if (!(await this.rename(root, name, ownName))) continue;
      taken.push({ journal, name: ownName });
      await this.removeIfLast(root, owner);
    }
    return { taken, isWaiting };
  }

  /** Reads an owner's beat. Returns for how many ms it has not changed; Infinity if its process has ended. */
  private async readSilence(root: string, id: string, now: number): Promise<number> {
    const beat = await readBeat(this.fs, root, id);
    if (isGone(beat, this.owner)) return Infinity;
    const before = this.watched.get(id);
    if (before !== undefined && before.beat === beat) return now - before.since;
    this.watched.set(id, { beat, since: now });
    return 0;
  }

  /** False if another Node-RED renamed it first. */
  private async rename(root: string, name: string, ownName: string): Promise<boolean> {
    const place = await openBelow(this.fs, root, name);
    try {
      await place.rename(ownName);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Removes an owner's beat file if no journal of that owner is left, of any node. */
  private async removeIfLast(root: string, id: string): Promise<void> {
    this.watched.delete(id);
    const names = await this.fs.readdir(root);
    if (!names.some((name) => isOwnedBy(name, id))) await removeBeat(this.fs, root, id);
  }
}
