// The cameras of one view and the open pages that show them. It is independent of HTTP: a page is a sink, and
// its requests name it by an id.

import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { NvrError } from '../../errors.js';
import { guarded } from '../../guard.js';
import type { CameraHub } from '../types.js';
import { FanOut } from './fan-out.js';
import { LiveFeed } from './live-feed.js';
import { jsonRecord } from './records.js';
import { StillFeed, type TakeStill } from './still-feed.js';
import { Viewer, type ViewSink } from './viewer.js';

export interface ViewCamera {
  readonly channel: number;
  readonly name: string;
}

interface ViewOptions {
  readonly cameras: readonly ViewCamera[];
  /** The most open pages. */
  readonly maxViewers: number;
  readonly hub: (channel: number, stream: string) => CameraHub;
  readonly still: (channel: number, stream: string) => TakeStill;
  /**
   * Shared by several views, so that the pages of all of them take turns; by default each view has its own.
   */
  readonly fanOut?: FanOut;
  /** Called when a page was opened or closed. */
  readonly onViewers: (count: number, event: 'joined' | 'left') => void;
}

/** How a page wants to show a camera. */
export interface Wish {
  /** The camera's index in `cameras`. */
  readonly camera: number;
  readonly stream: 'main' | 'dual';
  /** `still`: one JPEG a second, for a browser that cannot play the stream. */
  readonly as: 'video' | 'still';
}

interface Page {
  readonly viewer: Viewer;
  /** The feed of each camera that the page shows. */
  readonly feeds: Map<number, LiveFeed | StillFeed>;
  /** The turn of the newest request. */
  turn: number;
}

const TICK_MS = 5_000;

export class View {
  private readonly pages = new Map<string, Page>();
  private readonly feeds = new Map<string, LiveFeed | StillFeed>();
  private ticker: NodeJS.Timeout | undefined;
  private closed = false;

  private readonly fanOut: FanOut;

  constructor(private readonly options: ViewOptions) {
    this.fanOut = options.fanOut ?? new FanOut();
  }

  get viewers(): number {
    return this.pages.size;
  }

  /** Adds a page, which shows nothing yet; returns its id. Throws EBUSY if there are too many. */
  open(sink: ViewSink, hello: object): string {
    const { cameras, maxViewers, onViewers } = this.options;
    if (this.closed) throw new NvrError('EBUSY', 'The page is closed.');
    if (this.pages.size >= maxViewers)
      throw new NvrError('EBUSY', `At most ${maxViewers} pages are served at once; close another one.`);
    const id = randomUUID();
    const viewer = new Viewer(id, this.fanOut.share(sink), () => performance.now());
    this.pages.set(id, { viewer, feeds: new Map(), turn: -Infinity });
    viewer.send(jsonRecord('hello', 0, { ...hello, viewer: id, cameras }));
    this.ticker ??= setInterval(
      guarded(
        () => {
          this.tick();
        },
        () => undefined,
      ),
      TICK_MS,
    );
    onViewers(this.pages.size, 'joined');
    return id;
  }

  /**
   * Sets the cameras that a page shows; ends all others. `turn` increases with each request of a page, so
   * that a request which was overtaken on the way is ignored. Returns false if there is no such page.
   */
  want(id: string, wishes: readonly Wish[], turn?: number): boolean {
    const page = this.pages.get(id);
    if (page === undefined) return false;
    if (turn !== undefined) {
      if (turn < page.turn) return true;
      page.turn = turn;
    }
    const wanted = new Map(wishes.map((wish) => [wish.camera, this.feedOf(wish)]));
    for (const [camera, feed] of page.feeds) {
      if (wanted.get(camera) === feed) continue;
      page.feeds.delete(camera);
      this.release(feed, page.viewer);
    }
    for (const [camera, feed] of wanted) {
      if (page.feeds.has(camera)) continue;
      page.feeds.set(camera, feed);
      feed.add(page.viewer);
    }
    return true;
  }

  /** Removes a page. Idempotent. */
  leave(id: string): void {
    const page = this.pages.get(id);
    if (page === undefined) return;
    this.pages.delete(id);
    for (const feed of page.feeds.values()) this.release(feed, page.viewer);
    page.viewer.close();
    if (this.pages.size === 0) {
      clearInterval(this.ticker);
      this.ticker = undefined;
    }
    this.options.onViewers(this.pages.size, 'left');
  }

  /** Makes all open pages show one camera, or all of them again. */
  show(camera: number | undefined, layout?: string): void {
    const record = jsonRecord('show', 0, { camera, layout });
    for (const { viewer } of this.pages.values()) viewer.send(record);
  }

  close(): void {
    this.closed = true;
    for (const id of [...this.pages.keys()]) this.leave(id);
  }

  private tick(): void {
    for (const [id, { viewer }] of [...this.pages]) {
      viewer.tick();
      if (viewer.isOver) this.leave(id);
    }
  }

  private feedOf({ camera, stream, as }: Wish): LiveFeed | StillFeed {
    const { cameras, hub, still } = this.options;
    const { channel } = cameras[camera]!;
    const key = `${camera}/${stream}/${as}`;
    const existing = this.feeds.get(key);
    if (existing !== undefined) return existing;
    const feed =
      as === 'still'
        ? new StillFeed(still(channel, stream), camera)
        : new LiveFeed(hub(channel, stream), camera);
    this.feeds.set(key, feed);
    return feed;
  }

  private release(feed: LiveFeed | StillFeed, viewer: Viewer): void {
    feed.remove(viewer);
    if (feed.size > 0) return;
    for (const [key, other] of this.feeds) if (other === feed) this.feeds.delete(key);
  }
}
