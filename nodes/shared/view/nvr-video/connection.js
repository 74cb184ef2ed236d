// Part of nvr-video.js: the connection to the server, one per view node and page. All its cameras arrive in
// one streamed response, as records (lib/nvr/view/records.ts).

const KINDS = ['', 'hello', 'init', 'picture', 'sound', 'jpeg', 'state', 'show', 'skipped', 'alive'];
const HEAD = 8;
/** Bits of a record's flags. */
const KEY = 1;
const KEPT = 2;
const SOUND = 8;
/** The connection counts as dead after this time without any data, `alive` records included. */
const DEAD_MS = 12_000;
const RETRY_MS = [300, 1_000, 2_000, 5_000];
const WISH_MS = 5;
const WISH_RETRY_MS = 500;

const connections = new Map();

function connectionTo(base) {
  const connection = connections.get(base) ?? new Connection(base);
  connections.set(base, connection);
  return connection;
}

/** Reads records until the stream ends. `heard` is called for all data, and awaited before more is read. */
async function readRecords(reader, take, heard) {
  let rest = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    let data = value;
    if (rest.length > 0) {
      data = new Uint8Array(rest.length + value.length);
      data.set(rest);
      data.set(value, rest.length);
    }
    let at = 0;
    while (data.length - at >= HEAD) {
      const view = new DataView(data.buffer, data.byteOffset + at);
      const size = view.getUint32(0);
      if (data.length - at < HEAD + size) break;
      take(
        KINDS[view.getUint8(4)],
        view.getUint8(5),
        view.getUint16(6),
        data.subarray(at + HEAD, at + HEAD + size),
      );
      at += HEAD + size;
    }
    rest = data.slice(at);
    await heard();
  }
}

/** MIME type and initialization segment from an `init` record. */
function initOf(body) {
  const length = new DataView(body.buffer, body.byteOffset).getUint16(0);
  return { mime: new TextDecoder().decode(body.subarray(2, 2 + length)), segment: body.subarray(2 + length) };
}

/** Passes a `picture` or `sound` record to a player. */
function give(player, flags, body) {
  const view = new DataView(body.buffer, body.byteOffset);
  const [live, key] = [(flags & KEPT) === 0, (flags & KEY) !== 0];
  player?.take(view.getFloat64(0), view.getFloat64(8) / 1000, body.subarray(16), live, key);
}

class Connection {
  constructor(base) {
    this.base = base;
    this.elements = new Set();
    this.cameras = undefined;
    this.hello = undefined;
    this.viewer = undefined;
    this.tries = 0;
    /** Number of the last request that told the server what is visible. */
    this.turn = 0;
    this.events = new EventTarget();
  }

  add(element) {
    this.elements.add(element);
    if (this.elements.size === 1) this.open();
    else if (this.cameras !== undefined) element.meet();
  }

  remove(element) {
    this.elements.delete(element);
    if (this.elements.size > 0) {
      this.wish();
      return;
    }
    this.viewer = undefined;
    this.stop?.abort();
    clearTimeout(this.timer);
    clearInterval(this.watch);
    connections.delete(this.base);
  }

  /** Tells the server what is visible, after a short delay because several tiles become visible together. */
  wish() {
    this.isWishNew = true;
    if (this.wishing || this.viewer === undefined) return;
    this.wishing = true;
    setTimeout(() => void this.sendWishes(), WISH_MS);
  }

  /**
   * Sends one numbered request at a time. The last one wins, whichever connection it takes; a failed one is
   * repeated.
   */
  async sendWishes() {
    const { viewer } = this;
    while (this.isWishNew && this.viewer === viewer && viewer !== undefined) {
      this.isWishNew = false;
      try {
        const answer = await this.postWishes(viewer);
        if (answer.status === 404 && this.viewer === viewer) this.stop.abort();
        if (answer.status >= 500) throw new Error(String(answer.status));
      } catch {
        this.isWishNew = true;
        await new Promise((resolve) => setTimeout(resolve, WISH_RETRY_MS));
      }
    }
    this.wishing = false;
    if (this.isWishNew) this.wish();
  }

  postWishes(viewer) {
    const wishes = new Map();
    for (const element of this.elements) {
      const wish = element.wish();
      if (wish !== undefined) wishes.set(wish.camera, wish);
    }
    return fetch(this.base + 'want', {
      method: 'POST',
      credentials: 'include',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ viewer, turn: this.turn++, wishes: [...wishes.values()] }),
      signal: AbortSignal.timeout(DEAD_MS),
    });
  }

  async open() {
    this.stop = new AbortController();
    this.heardAt = performance.now();
    clearInterval(this.watch);
    this.watch = setInterval(() => {
      if (performance.now() - this.heardAt > DEAD_MS) this.stop.abort();
    }, 2_000);
    let problem = 'lost';
    try {
      const answer = await fetch(this.base + 'stream', {
        credentials: 'include',
        signal: this.stop.signal,
      });
      if (answer.status === 503) problem = 'full';
      if (!answer.ok) throw new Error(String(answer.status));
      const take = (kind, flags, camera, body) => this.take(kind, flags, camera, body);
      await readRecords(answer.body.getReader(), take, () => (this.heardAt = performance.now()));
    } catch {
      // Reached also when the page is left.
    }
    this.viewer = undefined;
    if (this.elements.size === 0) return;
    for (const element of this.elements) element.lost(problem);
    const wait = RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)];
    this.timer = setTimeout(() => this.open(), wait);
  }

  take(kind, flags, camera, body) {
    if (kind === 'alive') return;
    if (kind === 'hello' || kind === 'show') {
      const value = JSON.parse(new TextDecoder().decode(body));
      if (kind === 'hello') this.begin(value);
      this.events.dispatchEvent(new CustomEvent(kind, { detail: value }));
      return;
    }
    for (const element of this.elements) if (element.camera === camera) element.take(kind, flags, body);
  }

  begin(hello) {
    this.tries = 0;
    this.hello = hello;
    this.viewer = hello.viewer;
    this.cameras = hello.cameras;
    for (const element of this.elements) element.meet();
    this.wish();
  }
}
