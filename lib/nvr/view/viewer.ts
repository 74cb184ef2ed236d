// One open page: what it wants to see, and a bounded way to it. A page that reads too slowly misses pictures up to the next keyframe; one that reads nothing is cut.

import { ALIVE, FLAGS, jsonRecord, type ViewRecord } from './records.js';

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
}

/** Once a page is behind, it is written to again when this part of the bound is free. */
const RELIEF = 0.25;

export class Viewer {
  private readonly seats = new Map<number, Seat>();
  /** What waits, oldest first, with the time it began to. */
  private readonly waiting: { readonly bytes: number; readonly since: number }[] = [];
  private waitingBytes = 0;
  private lastTaken: number;
  private behind = false;
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
    this.seats.set(camera, { awaitsKeyframe: true, missed: 0 });
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
      this.write(record);
      return;
    }
    this.judge();
    if (record.kind === 'sound') {
      if (!this.behind && !seat.awaitsKeyframe) this.write(record);
      return;
    }
    const opens = (record.flags & FLAGS.keyframe) !== 0;
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

  private judge(): void {
    const { waitingBytes, waitingMs } = this.bounds;
    const [oldest] = this.waiting;
    const age = oldest === undefined ? 0 : this.clock() - oldest.since;
    if (this.waitingBytes > waitingBytes || age > waitingMs) this.behind = true;
    else if (this.waitingBytes <= waitingBytes * RELIEF && age <= waitingMs * RELIEF) this.behind = false;
  }

  private write({ bytes }: ViewRecord): void {
    // What is no picture is bounded too: states come a few a second at most, and a page that is far behind is cut.
    if (this.waitingBytes > 2 * this.bounds.waitingBytes) {
      this.close();
      return;
    }
    this.waiting.push({ bytes: bytes.length, since: this.clock() });
    this.waitingBytes += bytes.length;
    this.sink.write(bytes, () => {
      this.lastTaken = this.clock();
      this.waitingBytes -= this.waiting.shift()?.bytes ?? 0;
    });
  }
}
