// Part of nvr-video.js: plays a recording in a media element. Reads only a little ahead of the position, so
// that it can be paused, stepped through and played faster.

/** Seconds to read ahead of the position, and to keep behind it. */
const AHEAD = 20;
const BEHIND_KEPT = 20;
const SPEEDS = [1, 2, 4, 8];
/** Seek this many seconds past the start of a picture, so that it is the one shown. */
const INTO_PICTURE = 0.002;
/**
 * How long (ms) to wait for the requested picture after the keyframe. An NVR that sends in real time needs up
 * to a GOP, so the keyframe is shown meanwhile.
 */
const PICTURE_WAIT_MS = 150;

/** Common to all recordings: continue, pause, change the speed. */
class Recorded {
  speed = 1;
  paused = false;

  constructor(media) {
    this.media = media;
  }

  /** The time on screen, or of the picture about to be shown. */
  get place() {
    return this.wallTime();
  }

  go() {
    this.media.defaultPlaybackRate = this.media.playbackRate = this.speed;
    if (this.paused) this.media.pause();
    else this.media.play().catch(() => undefined);
  }

  pause(paused) {
    this.paused = paused;
    this.go();
  }

  faster() {
    this.speed = SPEEDS[(SPEEDS.indexOf(this.speed) + 1) % SPEEDS.length];
    this.go();
  }
}

class Replay extends Recorded {
  /**
   * `url(from)`: address of the recording from a time on. `report` receives its status: state, code and
   * reason.
   */
  constructor(media, url, report) {
    super(media);
    this.url = url;
    this.report = report;
    this.onTime = () => this.feed();
    media.addEventListener('timeupdate', this.onTime);
    this.onEnded = () => this.report('ended');
    media.addEventListener('ended', this.onEnded);
    this.onWaiting = () => this.slower();
    media.addEventListener('waiting', this.onWaiting);
  }

  /** Plays from a time (epoch ms) on: seeks in what was read, or requests the recording from there. */
  seek(time) {
    const found = this.shownOf(time);
    if (found !== undefined) {
      this.isEarly = false;
      this.media.currentTime = found + INTO_PICTURE;
      this.go();
      return;
    }
    this.stop?.abort();
    this.stop = new AbortController();
    this.open(time, this.stop.signal);
  }

  async open(from, signal) {
    this.from = from;
    this.wall = [];
    this.queue = [];
    this.shown = false;
    this.isEarly = false;
    this.isLate = false;
    clearTimeout(this.waiting);
    this.waiting = undefined;
    this.isWhole = false;
    this.buffer = undefined;
    this.source = new Source();
    this.report('connecting');
    try {
      const answer = await fetch(this.url(from), { credentials: 'include', signal });
      if (!answer.ok) {
        const { code, reason } = await answer.json();
        this.report('error', code, reason);
        return;
      }
      await readRecords(
        answer.body.getReader(),
        (...record) => this.take(signal, ...record),
        () => this.room(signal),
      );
    } catch {
      if (!signal.aborted) this.report('lost');
    }
  }

  /** Resolves when more should be read. */
  async room(signal) {
    while (!signal.aborted && this.edge() - this.media.currentTime > AHEAD)
      await new Promise((resolve) => setTimeout(resolve, 100));
  }

  edge() {
    return this.wall.length === 0 ? 0 : this.wall[this.wall.length - 1][0];
  }

  take(signal, kind, flags, camera, body) {
    if (signal.aborted) return;
    if (kind === 'init') {
      const { mime, segment } = initOf(body);
      if (!plays(mime)) {
        this.report('error', 'EUNSUPPORTED', mime);
        this.stop.abort();
        return;
      }
      if (this.wall.length === 0 && this.queue.length === 0) this.begin(mime);
      this.queue.push({ mime, data: segment.slice() });
    } else if (kind === 'picture') {
      const view = new DataView(body.buffer, body.byteOffset);
      this.wall.push([view.getFloat64(8) / 1000, view.getFloat64(0)]);
      this.queue.push({ data: body.slice(16) });
      this.waiting ??= setTimeout(() => {
        this.isLate = true;
        this.feed();
      }, PICTURE_WAIT_MS);
    } else if (kind === 'state') {
      const { state, code, reason } = JSON.parse(new TextDecoder().decode(body));
      if (state === 'error' || this.wall.length === 0) this.report(state, code, reason);
      else this.isWhole = true;
    }
    this.feed();
  }

  begin(mime) {
    const { source, media } = this;
    source.addEventListener('sourceopen', () => {
      if (source !== this.source || this.buffer !== undefined) return;
      URL.revokeObjectURL(media.src);
      this.buffer = source.addSourceBuffer(mime);
      this.mime = mime;
      this.buffer.addEventListener('updateend', () => this.feed());
      this.feed();
    });
    if (window.ManagedMediaSource !== undefined) media.disableRemotePlayback = true;
    media.src = URL.createObjectURL(source);
  }

  feed() {
    const { buffer, queue, source, media } = this;
    if (buffer === undefined || buffer.updating || source.readyState !== 'open') return;
    this.show();
    const { buffered } = buffer;
    if (buffered.length > 0 && buffered.start(0) < media.currentTime - 2 * BEHIND_KEPT) {
      const before = media.currentTime - BEHIND_KEPT;
      buffer.remove(0, before);
      this.wall = this.wall.filter(([shownAt]) => shownAt >= before);
      return;
    }
    const [next] = queue;
    if (next === undefined) {
      if (this.isWhole && this.shown) source.endOfStream();
      return;
    }
    if (next.mime !== undefined && next.mime !== this.mime) buffer.changeType((this.mime = next.mime));
    // Append consecutive parts of the same format together.
    const end = queue.findIndex(({ mime }, index) => index > 0 && mime !== undefined);
    const parts = queue.splice(0, end < 0 ? queue.length : end);
    try {
      buffer.appendBuffer(joined(parts.map(({ data }) => data)));
    } catch {
      this.report('lost');
    }
  }

  /**
   * Starts at the picture of the requested time; those before it are only needed for decoding. If it is late,
   * playing starts at the keyframe; when paused, the keyframe is shown until that picture arrives.
   */
  show() {
    if (this.shown && !this.isEarly) return;
    const { buffered } = this.buffer;
    const end = buffered.length === 0 ? 0 : buffered.end(buffered.length - 1);
    const at =
      this.shownOf(this.from) ?? this.laterThan(this.from) ?? (this.isWhole ? this.edge() : undefined);
    if (at !== undefined && end > at) {
      this.isEarly = false;
      this.present(at);
    } else if (this.isLate && !this.shown && end > this.wall[0][0]) {
      this.isEarly = this.paused;
      this.present(this.wall[0][0]);
    }
  }

  present(shownAt) {
    this.shown = true;
    this.media.currentTime = shownAt + INTO_PICTURE;
    this.report('replaying');
    this.go();
  }

  get place() {
    return this.isEarly ? this.from : this.wallTime();
  }

  /** Slows down if data runs out, because an NVR may send no faster than real time. */
  slower() {
    if (!this.shown || this.speed === 1 || this.isWhole || this.media.seeking) return;
    this.speed = 1;
    this.go();
    this.report('slow');
  }

  /** Pauses and steps one picture forwards (1) or backwards (-1). */
  step(by) {
    this.pause(true);
    this.isEarly = false;
    const times = this.wall.map(([shownAt]) => shownAt).sort((a, b) => a - b);
    const now = times.findLastIndex((shownAt) => shownAt <= this.media.currentTime);
    const next = times[now + by];
    if (next !== undefined) this.media.currentTime = next + INTO_PICTURE;
  }

  /** Position of the picture at a time, in seconds of the player's clock; undefined if it was not read. */
  shownOf(time) {
    const { wall } = this;
    if (wall === undefined || wall.length === 0) return undefined;
    let best;
    let isPast = false;
    for (const [shownAt, wallTime] of wall) {
      if (wallTime > time) isPast = true;
      else if (best === undefined || shownAt > best) best = shownAt;
    }
    return isPast ? best : undefined;
  }

  /** Position of the first picture, if the recording that is read begins after a time. */
  laterThan(time) {
    const begins = !this.shown && this.wall.length > 0 && this.wall.every(([, wallTime]) => wallTime > time);
    return begins ? this.wall[0][0] : undefined;
  }

  /** Epoch ms of the picture on screen. */
  wallTime() {
    if (!this.shown) return this.from;
    let best;
    for (const entry of this.wall)
      if (entry[0] <= this.media.currentTime + 0.001 && (best === undefined || entry[0] > best[0]))
        best = entry;
    return best?.[1] ?? this.from;
  }

  close() {
    this.stop?.abort();
    clearTimeout(this.waiting);
    this.media.removeEventListener('timeupdate', this.onTime);
    this.media.removeEventListener('ended', this.onEnded);
    this.media.removeEventListener('waiting', this.onWaiting);
    this.media.removeAttribute('src');
    this.media.defaultPlaybackRate = this.media.playbackRate = 1;
    this.media.load();
  }
}
