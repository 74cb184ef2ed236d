// The cameras of one page and whoever looks at them. It knows nothing of HTTP: pages are sinks, and what they
// want is told by their id.

import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { NvrError } from '../../errors.js';
import { guarded } from '../../guard.js';
import type { CameraHub } from '../types.js';
import { LiveFeed } from './live-feed.js';
import { jsonRecord } from './records.js';
import { StillFeed, type TakeStill } from './still-feed.js';
import { Viewer, type ViewSink } from './viewer.js';

export interface ViewCamera {
  readonly channel: number;
  readonly name: string;
}

export interface ViewOptions {
  readonly cameras: readonly ViewCamera[];
  /** Pages at once. */
  readonly maxViewers: number;
  readonly hub: (channel: number, stream: string) => CameraHub;
  readonly still: (channel: number, stream: string) => TakeStill;
  /** A page has come or gone. */
  readonly onViewers: (count: number, event: 'joined' | 'left') => void;
}

/** How a page wants to see a camera. */
export interface Wish {
  /** The camera's index in `cameras`. */
  readonly camera: number;
  readonly stream: 'main' | 'dual';
  /** `still`: a JPEG a second, for a browser that cannot play the stream. */
  readonly as: 'video' | 'still';
}

interface Page {
  readonly viewer: Viewer;
  /** By camera: the feed that it is fed by. */
  readonly feeds: Map<number, LiveFeed | StillFeed>;
  /** Of the newest wishes. */
  turn: number;
}

const TICK_MS = 5_000;

export class View {
  private readonly pages = new Map<string, Page>();
  private readonly feeds = new Map<string, LiveFeed | StillFeed>();
  private ticker: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly options: ViewOptions) {}

  get viewers(): number {
    return this.pages.size;
  }

  /** Takes a page in, which sees nothing yet; answers its id. Throws EBUSY where there are too many. */
  open(sink: ViewSink, hello: object): string {
    const { cameras, maxViewers, onViewers } = this.options;
    if (this.closed) throw new NvrError('EBUSY', 'The page is closed.');
    if (this.pages.size >= maxViewers)
      throw new NvrError('EBUSY', `At most ${maxViewers} pages are served at once; close another one.`);
    const id = randomUUID();
    const viewer = new Viewer(id, sink, () => performance.now());
    this.pages.set(id, { viewer, feeds: new Map(), turn: -Infinity });
    viewer.tell(jsonRecord('hello', 0, { ...hello, viewer: id, cameras }));
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
   * Sets what a page sees; what it does not wish for any more is ended. `turn`: counts up with what a page
   * asks, so that wishes which were overtaken on their way do nothing. False: there is no such page.
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

  /** The page has gone. Idempotent. */
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

  /** Turns all open pages to a camera, or back to all of them. */
  show(camera: number | undefined, layout?: string): void {
    const record = jsonRecord('show', 0, { camera, layout });
    for (const { viewer } of this.pages.values()) viewer.tell(record);
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
    const known = this.feeds.get(key);
    if (known !== undefined) return known;
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
    for (const [key, known] of this.feeds) if (known === feed) this.feeds.delete(key);
  }
}
