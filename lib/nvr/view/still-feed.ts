// One camera as a JPEG each second, for pages whose browser cannot play the stream. All pages share each
// picture.

import { asNvrError } from '../../errors.js';
import { jpegRecord, jsonRecord, type ViewRecord } from './records.js';
import type { Viewer } from './viewer.js';

/** A JPEG, and the time it was taken, in epoch ms. */
export interface StillPicture {
  readonly data: Uint8Array;
  readonly time: number;
}

export type TakeStill = (signal: AbortSignal) => Promise<StillPicture>;

const PERIOD_MS = 1_000;
/** The wait after a failure, in ms. */
const RETRY_MS = 3_000;

export class StillFeed {
  private readonly viewers = new Set<Viewer>();
  private running: AbortController | undefined;
  private last: ViewRecord | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly take: TakeStill,
    readonly camera: number,
    private readonly periodMs = PERIOD_MS,
  ) {}

  get size(): number {
    return this.viewers.size;
  }

  add(viewer: Viewer): void {
    this.viewers.add(viewer);
    viewer.begin(this.camera);
    if (this.last !== undefined) viewer.take(this.camera, this.last);
    if (this.running !== undefined) return;
    this.running = new AbortController();
    void this.next(this.running.signal);
  }

  remove(viewer: Viewer): void {
    if (!this.viewers.delete(viewer)) return;
    viewer.end(this.camera);
    if (this.viewers.size > 0) return;
    clearTimeout(this.timer);
    this.running?.abort();
    this.running = this.last = undefined;
  }

  /** Never rejects. */
  private async next(signal: AbortSignal): Promise<void> {
    let wait = this.periodMs;
    try {
      const { data, time } = await this.take(signal);
      if (!signal.aborted) this.send((this.last = jpegRecord(this.camera, time, data)));
    } catch (error) {
      const { code, message } = asNvrError(error, 'EDECODE', 'The picture could not be made.');
      wait = Math.max(wait, RETRY_MS);
      if (!signal.aborted)
        this.send(jsonRecord('state', this.camera, { state: 'warning', code, reason: message }));
    }
    if (signal.aborted) return;
    this.timer = setTimeout(() => void this.next(signal), wait);
  }

  /** An error in one page must not affect the others, or end the feed. */
  private send(record: ViewRecord): void {
    for (const viewer of this.viewers)
      try {
        viewer.take(this.camera, record);
      } catch {
        // Its socket is closed or closing; the owner of the page removes it.
      }
  }
}
