// One open page: what it wants to see, and a bounded way to it. A page that reads too slowly misses pictures
// up to the next keyframe; one that reads nothing is cut.

import { ALIVE, FLAGS, jsonRecord, keptRecord, type ViewRecord } from './records.js';

/** Where records go: an HTTP response, for instance. */
export interface ViewSink {
  /** `sent` is called once the bytes have left the process. */
  write(bytes: Buffer, sent: () => void): void;
  destroy(): void;
}

export interface ViewerBounds {
  /** Bytes that may wait for the page. */
  readonly waitingBytes: number;
  /** Milliseconds that a record may wait. */
  readonly waitingMs: number;
  /** Milliseconds without a byte taken after which the page is given up. */
  readonly stalledMs: number;
}

export const VIEWER_BOUNDS: ViewerBounds = {
  waitingBytes: 2 * 1024 * 1024,
  waitingMs: 2_000,
  stalledMs: 15_000,
};

/** What a camera's stream means to one page. */
interface Seat {
  /** Pictures wait for a keyframe, after some were missed. */
  awaitsKeyframe: boolean;
  missed: number;
  /**
   * Pictures of the GOP that the page came into, oldest first, until it has taken them. Their bytes are the
   * feed's.
   */
  backlog: ViewRecord[];
}

/**
 * Once a page is behind, it is written to again when no more than this part of the bound waits. A GOP is
 * given to it in such portions.
 */
const RELIEF = 0.25;
/** Pictures of a GOP without end, for a page that takes them too slowly. */
const MAX_BACKLOG = 2_000;

export class Viewer {
  private readonly seats = new Map<number, Seat>();
  /** What waits, oldest first, with the time it began to. */
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

  /** Pictures of this camera go to the page from now on; the first is a keyframe. */
  begin(camera: number): void {
    this.seats.set(camera, { awaitsKeyframe: true, missed: 0, backlog: [] });
  }

  /**
   * The pictures of the present GOP, from its keyframe on: given as fast as the page takes them, however many
   * they are, and what comes meanwhile behind them.
   */
  catchUp(camera: number, kept: readonly ViewRecord[]): void {
    const seat = this.seats.get(camera);
    if (this.over || seat === undefined || kept.length === 0) return;
    seat.backlog = [...kept];
    seat.awaitsKeyframe = false;
    this.drain();
  }

  end(camera: number): void {
    this.seats.delete(camera);
  }

  /** A record of a camera that the page wants; what is no picture always goes. */
  take(camera: number, record: ViewRecord): void {
    const seat = this.seats.get(camera);
    if (this.over || seat === undefined) return;
    const isMedia = record.kind === 'picture' || record.kind === 'jpeg' || record.kind === 'sound';
    if (!isMedia) {
      // What is left of another format is of no use.
      if (record.kind === 'init' && (record.flags & FLAGS.sound) === 0) seat.backlog = [];
      this.write(record);
      return;
    }
    this.judge();
    const isCaughtUp = seat.backlog.length === 0;
    if (record.kind === 'sound') {
      if (!this.behind && !seat.awaitsKeyframe && isCaughtUp) this.write(record);
      return;
    }
    const opens = (record.flags & FLAGS.keyframe) !== 0;
    if (!isCaughtUp && !opens && seat.backlog.length < MAX_BACKLOG) {
      seat.backlog.push(record);
      this.drain();
      return;
    }
    if (!isCaughtUp) {
      // A keyframe is shown at once; without one the page waits for it.
      seat.backlog = [];
      seat.awaitsKeyframe = true;
    }
    if (this.behind || (seat.awaitsKeyframe && !opens)) {
      // Before its first picture a page has missed none.
      if (this.behind || seat.missed > 0) seat.missed++;
      seat.awaitsKeyframe = true;
      return;
    }
    if (seat.missed > 0) this.write(jsonRecord('skipped', camera, { pictures: seat.missed }));
    seat.missed = 0;
    seat.awaitsKeyframe = false;
    this.write(record);
  }

  /** A record that is no camera's. */
  tell(record: ViewRecord): void {
    if (!this.over) this.write(record);
  }

  /** Every few seconds. Gives up a page that takes nothing. */
  tick(): void {
    if (this.over) return;
    if (this.waiting.length > 0 && this.clock() - this.lastTaken > this.bounds.stalledMs) this.close();
    else if (this.waiting.length === 0) this.write(ALIVE);
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.seats.clear();
    this.sink.destroy();
  }

  /** Gives what is kept, as far as the page has taken what it was given. */
  private drain(): void {
    // The page may take it while it is being written.
    if (this.draining) return;
    this.draining = true;
    const portion = this.bounds.waitingBytes * RELIEF;
    for (const { backlog } of this.seats.values())
      while (!this.over && backlog.length > 0 && this.waitingBytes < portion)
        this.write(keptRecord(backlog.shift()!));
    this.draining = false;
  }

  private judge(): void {
    const { waitingBytes, waitingMs } = this.bounds;
    const [oldest] = this.waiting;
    const age = oldest === undefined ? 0 : this.clock() - oldest.since;
    if (this.waitingBytes > waitingBytes || age > waitingMs) this.behind = true;
    else if (this.waitingBytes <= waitingBytes * RELIEF && age <= waitingMs * RELIEF) this.behind = false;
  }

  private write({ bytes }: ViewRecord): void {
    // What is no picture is bounded too: states come a few a second at most, and a page that is far behind is
    // cut.
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
