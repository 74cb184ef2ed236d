// Journals that other Node-REDs left in the folder, of the same node and the same camera: those of one that
// is gone are taken over, by one other.

import { openBelow } from './below.js';
import { codeOf } from './disk.js';
import { isGone, readBeat, removeBeat, SILENT_MS } from './heartbeat.js';
import { Journal } from './journal.js';
import { journalName, ownerOf } from './journal-name.js';
import type { RecorderFs, RecorderOwner } from './types.js';

export interface Taken {
  readonly journal: Journal;
  /** Of its file, now. */
  readonly name: string;
}

interface Watched {
  readonly beat: string | undefined;
  /** Monotonic ms since when it says so. */
  readonly since: number;
}

export class TakeOver {
  private readonly watched = new Map<string, Watched>();

  /** `id`: of the recorder. */
  constructor(
    private readonly fs: RecorderFs,
    private readonly owner: RecorderOwner,
    private readonly id: string,
  ) {}

  /**
   * The journals that are nobody's any more: they are `me`'s from now on, who has to remove them.
   * `isWaiting`: there are others, whose owner lives. `now`: monotonic ms. Rejects with what the file system
   * says.
   */
  async look(root: string, me: string, now: number): Promise<{ taken: Taken[]; isWaiting: boolean }> {
    const taken: Taken[] = [];
    let isWaiting = false;
    for (const name of await this.fs.readdir(root)) {
      const { owner, from } = ownerOf(name, this.id) ?? {};
      if (owner === undefined || (owner === me && from === undefined)) continue;
      const journal = await Journal.read(this.fs, root, name);
      if (owner === me) taken.push({ journal, name });
      if (owner === me || journal.camera !== this.owner.camera) continue;
      if (!(await this.isDead(root, owner, now))) {
        isWaiting = true;
        continue;
      }
      const mine = journalName(this.id, { owner: me, from: from ?? owner });
      if (!(await this.take(root, name, mine))) continue;
      taken.push({ journal, name: mine });
      await this.forget(root, owner);
    }
    return { taken, isWaiting };
  }

  private async isDead(root: string, id: string, now: number): Promise<boolean> {
    const beat = await readBeat(this.fs, root, id);
    if (isGone(beat, this.owner)) return true;
    const before = this.watched.get(id);
    if (before?.beat === beat && before !== undefined) return now - before.since >= SILENT_MS;
    this.watched.set(id, { beat, since: now });
    return false;
  }

  /** False: another one was faster. */
  private async take(root: string, name: string, mine: string): Promise<boolean> {
    const place = await openBelow(this.fs, root, name);
    try {
      await place.rename(mine);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** With the last of its journals, of whatever node, its beat goes. */
  private async forget(root: string, id: string): Promise<void> {
    this.watched.delete(id);
    const names = await this.fs.readdir(root);
    const isOf = (name: string): boolean => name.split('@').slice(1).join('@') === `${id}.jsonl`;
    if (!names.some(isOf)) await removeBeat(this.fs, root, id);
  }
}
