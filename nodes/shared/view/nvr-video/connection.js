// Part of nvr-video.js: the connection, one for each view node and page. All of its cameras come over one
// streamed answer, as records (lib/nvr/view/records.ts).

const KINDS = ['', 'hello', 'init', 'picture', 'sound', 'jpeg', 'state', 'show', 'skipped', 'alive'];
const HEAD = 8;
/** Bits of a record's flags. */
const KEPT = 2;
const SOUND = 8;
/** Nothing for so long, not even a sign of life: the connection is dead. */
const DEAD_MS = 12_000;
const RETRY_MS = [300, 1_000, 2_000, 5_000];
const WISH_MS = 5;
const WISH_RETRY_MS = 500;

const connections = new Map();

function connectionTo(base) {
  const known = connections.get(base) ?? new Connection(base);
  connections.set(base, known);
  return known;
}

/**
 * Reads records up to the stream's end. `heard` is told of whatever comes, and waited for before more is
 * read.
 */
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

/** The MIME type and the initialization segment of an `init` record. */
function initOf(body) {
  const length = new DataView(body.buffer, body.byteOffset).getUint16(0);
  return { mime: new TextDecoder().decode(body.subarray(2, 2 + length)), segment: body.subarray(2 + length) };
}

/** A `picture` or `sound` record for a player. */
function give(player, flags, body) {
  const view = new DataView(body.buffer, body.byteOffset);
  player?.take(view.getFloat64(0), view.getFloat64(8) / 1000, body.subarray(16), (flags & KEPT) === 0);
}

class Connection {
  constructor(base) {
    this.base = base;
    this.elements = new Set();
    this.cameras = undefined;
    this.hello = undefined;
    this.viewer = undefined;
    this.tries = 0;
    /** Numbers the requests that say what is seen. */
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

  /** Tells the server what is seen, a moment later: tiles come into sight together. */
  wish() {
    this.isWishNew = true;
    if (this.wishing || this.viewer === undefined) return;
    this.wishing = true;
    setTimeout(() => void this.sendWishes(), WISH_MS);
  }

  /**
   * One request at a time, and numbered: what is asked last holds, by whatever connection the requests
   * travel. One that fails is made again.
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
      // The reader of a page that is left ends here too.
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
