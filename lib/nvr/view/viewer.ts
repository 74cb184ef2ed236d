// One open page, with a bounded queue to it. A page that reads too slowly misses frames up to the next
// keyframe; one that reads nothing is disconnected.

import { ALIVE, FLAGS, jsonRecord, keptRecord, type ViewRecord } from './records.js';

/** The destination of the records, such as an HTTP response. */
export interface ViewSink {
  /** Calls `sent` once the bytes have left the process. */
  write(bytes: Buffer, sent: () => void): void;
  destroy(): void;
}

interface ViewerBounds {
  /** The most bytes that may wait for the page. */
  readonly waitingBytes: number;
  /** The most ms that a record may wait. */
  readonly waitingMs: number;
  /** The page is given up if it takes no byte for this many ms. */
  readonly stalledMs: number;
}

const VIEWER_BOUNDS: ViewerBounds = {
  waitingBytes: 2 * 1024 * 1024,
  waitingMs: 2_000,
  stalledMs: 15_000,
};

/** The state of one camera's stream for this page. */
interface CameraState {
  /** Frames are dropped until the next keyframe, after some were missed. */
  awaitsKeyframe: boolean;
  /**
   * Display time of the keyframe that the page began with. In an open GOP, frames displayed before it follow;
   * they depend on earlier ones, and decoders fail at them.
   */
  beganAt: number;
  missed: number;
  /**
   * Frames of the GOP during which the page joined, oldest first, until the page has taken them. Their bytes
   * are shared with the feed.
   */
  backlog: ViewRecord[];
}

/**
 * A page that has fallen behind is written to again when no more than this part of the bound is waiting. A
 * GOP is sent in portions of this size.
 */
const RELIEF = 0.25;
/** The most frames to queue of an endless GOP, for a page that takes them too slowly. */
const MAX_BACKLOG = 2_000;

export class Viewer {
  private readonly cameras = new Map<number, CameraState>();
  /** Records that wait, oldest first, with the time since when. */
  private readonly waiting: { readonly bytes: number; readonly since: number }[] = [];
  private waitingBytes = 0;
  private lastTaken: number;
  private behind = false;
  private draining = false;
  private over = false;

  constructor(
    readonly id: string,
    private readonly sink: ViewSink,
    private readonly clock: () => number,
    private readonly bounds: ViewerBounds = VIEWER_BOUNDS,
  ) {
    this.lastTaken = clock();
  }

  get isOver(): boolean {
    return this.over;
  }

  /** Frames of this camera go to the page from now on, beginning with a keyframe. */
  begin(camera: number): void {
    this.cameras.set(camera, { awaitsKeyframe: true, beganAt: -Infinity, missed: 0, backlog: [] });
  }

  /**
   * Sends the frames of the present GOP, from its keyframe on, as fast as the page takes them, and newer
   * frames after them.
   */
  catchUp(camera: number, kept: readonly ViewRecord[]): void {
    const state = this.cameras.get(camera);
    const [first] = kept;
    if (this.over || state === undefined || first === undefined) return;
    beginAt(state, first);
    state.backlog = kept.filter((record) => !isLeading(state, record));
    this.drain();
  }

  end(camera: number): void {
    this.cameras.delete(camera);
  }

  /** Takes a record of a camera that the page shows. Records other than media are always sent. */
  take(camera: number, record: ViewRecord): void {
    const state = this.cameras.get(camera);
    if (this.over || state === undefined) return;
    const isMedia = record.kind === 'picture' || record.kind === 'jpeg' || record.kind === 'sound';
    if (!isMedia) {
      if (record.kind === 'init' && (record.flags & FLAGS.sound) === 0) {
        // Frames of the previous format are useless now, and the player's time starts again.
        state.backlog = [];
        state.awaitsKeyframe = true;
      }
      this.write(record);
      return;
    }
    this.updateBehind();
    const isCaughtUp = state.backlog.length === 0;
    if (record.kind === 'sound') {
      if (!this.behind && !state.awaitsKeyframe && isCaughtUp) this.write(record);
      return;
    }
    const opens = (record.flags & FLAGS.keyframe) !== 0;
    if (!opens && isLeading(state, record)) return;
    if (!isCaughtUp && !opens && state.backlog.length < MAX_BACKLOG) {
      // It is sent when the page has taken what is before it.
      state.backlog.push(record);
      return;
    }
    if (!isCaughtUp) {
      // A keyframe replaces the backlog; without one, the page waits for the next.
      state.backlog = [];
      state.awaitsKeyframe = true;
    }
    if (this.behind || (state.awaitsKeyframe && !opens)) {
      // A page has not missed anything before its first frame.
      if (this.behind || state.missed > 0) state.missed++;
      state.awaitsKeyframe = true;
      return;
    }
    if (state.missed > 0) this.write(jsonRecord('skipped', camera, { pictures: state.missed }));
    state.missed = 0;
    if (state.awaitsKeyframe) beginAt(state, record);
    this.write(record);
  }

  /** Whether the page shows nothing of this camera until the next keyframe. */
  awaitsKeyframe(camera: number): boolean {
    return this.cameras.get(camera)?.awaitsKeyframe === true;
  }

  /** Sends a record that concerns no single camera. */
  send(record: ViewRecord): void {
    if (!this.over) this.write(record);
  }

  /** Called every few seconds. Closes a page that takes nothing. */
  tick(): void {
    if (this.over) return;
    if (this.waiting.length > 0 && this.clock() - this.lastTaken > this.bounds.stalledMs) this.close();
    else if (this.waiting.length === 0) this.write(ALIVE);
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.cameras.clear();
    this.sink.destroy();
  }

  /** Sends the backlog as far as the page has taken the previous portion. */
  private drain(): void {
    // `sent` may be called during the write.
    if (this.draining) return;
    this.draining = true;
    const portion = this.bounds.waitingBytes * RELIEF;
    for (const { backlog } of this.cameras.values())
      while (backlog.length > 0 && this.waitingBytes < portion) this.write(keptRecord(backlog.shift()!));
    this.draining = false;
  }

  /** Falling behind begins above a bound, and ends at a quarter of it. */
  private updateBehind(): void {
    const { waitingBytes, waitingMs } = this.bounds;
    const [oldest] = this.waiting;
    const age = oldest === undefined ? 0 : this.clock() - oldest.since;
    if (this.waitingBytes > waitingBytes || age > waitingMs) this.behind = true;
    else if (this.waitingBytes <= waitingBytes * RELIEF && age <= waitingMs * RELIEF) this.behind = false;
  }

  private write({ bytes }: ViewRecord): void {
    // Other records are bounded, too: there are at most a few states per second, and a page that is far
    // behind is closed.
    if (this.waitingBytes > 2 * this.bounds.waitingBytes) {
      this.close();
      return;
    }
    this.waiting.push({ bytes: bytes.length, since: this.clock() });
    this.waitingBytes += bytes.length;
    this.sink.write(bytes, () => {
      this.lastTaken = this.clock();
      this.waitingBytes -= this.waiting.shift()?.bytes ?? 0;
      this.drain();
    });
  }
}

function beginAt(state: CameraState, keyframe: ViewRecord): void {
  state.awaitsKeyframe = false;
  state.beganAt = keyframe.shownAt ?? -Infinity;
}

function isLeading({ beganAt }: CameraState, { shownAt = Infinity }: ViewRecord): boolean {
  return shownAt < beganAt;
}
