// Part of nvr-video.js: plays one track of a camera in a media element with Media Source Extensions, a few
// hundredths of a second behind the live edge, held there by small changes of the playback rate.

/** Target distance to the live edge in seconds, without and with audio. */
const BEHIND = 0.05;
const BEHIND_WITH_SOUND = 0.15;
/** A larger distance in seconds is corrected by a jump. */
const FAR_BEHIND = 1.5;
const LEAST_RATE = 0.92;
const MOST_RATE = 2;
const FAR_RATE = 4;
/**
 * At first, the pictures since the keyframe are played this fast: they move at once, and the live edge is
 * reached sooner than by a jump. The rate falls with the distance, which is closed in about this many
 * seconds.
 */
const OPENING_RATE = 12;
const OPENING_SECONDS = 0.25;
/** The live edge is reached. */
const NEAR = 0.1;
/**
 * Least time between jumps. A jump makes the browser decode all pictures since the keyframe; a slow machine
 * catches up the remaining delay by the playback rate.
 */
const JUMP_MS = 5_000;
/** Approximate decoding time as a share of real time, and the most seconds by which a jump aims ahead. */
const DECODING_SHARE = 0.08;
const MOST_AHEAD = 0.5;
const KEEP_SECONDS = 10;
/**
 * Additional distance in seconds for each time the player ran out of data, its maximum, and the share that
 * remains after each step. A busy machine stays further behind, and later returns.
 */
const STALL_SLACK = 0.02;
const MAX_SLACK = 0.15;
const SLACK_LEFT = 0.99;
const STEP_MS = 100;
/**
 * The rate changes in steps, because each change costs the browser more than the few hundredths of a second
 * it would correct.
 */
const RATE_STEP = 0.04;

const Source = window.ManagedMediaSource ?? window.MediaSource;
const plays = (mime) => Source !== undefined && Source.isTypeSupported(mime);

class Player {
  /**
   * `behind`: target distance to the live edge in seconds. `fail` is called if this browser cannot continue.
   */
  constructor(media, mime, behind, fail) {
    this.media = media;
    this.behind = behind;
    this.fail = fail;
    this.queue = [];
    /** Least difference between this machine's clock and the player's clock, in seconds. */
    this.offset = undefined;
    this.edge = 0;
    this.slack = 0;
    this.jumpedAt = -Infinity;
    /** Whether a picture was shown. */
    this.opened = false;
    /** Whether the live edge was reached. */
    this.caughtUp = false;
    this.wall = [];
    this.source = new Source();
    this.source.addEventListener('sourceopen', () => {
      if (this.buffer !== undefined || this.over) return;
      URL.revokeObjectURL(this.url);
      this.buffer = this.source.addSourceBuffer(mime);
      this.buffer.addEventListener('updateend', () => {
        if (!this.opened) this.steer();
        this.feed();
      });
      this.buffer.addEventListener('error', () => this.fail());
      this.feed();
    });
    media.addEventListener('error', (this.onError = () => this.fail()));
    media.addEventListener(
      'waiting',
      (this.onWaiting = () => {
        if (this.caughtUp && !media.seeking) this.slack = Math.min(MAX_SLACK, this.slack + STALL_SLACK);
      }),
    );
    media.addEventListener('seeked', (this.onSeeked = () => this.steer()));
    this.url = URL.createObjectURL(this.source);
    if (window.ManagedMediaSource !== undefined) media.disableRemotePlayback = true;
    media.src = this.url;
    this.timer = setInterval(() => this.steer(), STEP_MS);
  }

  /** Takes an initialization segment. */
  begin(segment) {
    this.queue.push(segment.slice());
    this.feed();
  }

  /**
   * Takes a fragment displayed at `shownAt` (seconds of the player's clock). `live`: it has just come from
   * the camera.
   */
  take(wallTime, shownAt, fragment, live) {
    this.queue.push(fragment.slice());
    this.edge = Math.max(this.edge, shownAt);
    this.wall.push([shownAt, wallTime]);
    if (this.wall.length > 400) this.wall.splice(0, 200);
    if (live) {
      const offset = performance.now() / 1000 - shownAt;
      // Follow a lower offset at once and a higher one slowly, to track the least recent delay.
      if (this.offset === undefined || offset < this.offset) this.offset = offset;
      else this.offset += Math.min(offset - this.offset, 0.002);
    }
    this.feed();
  }

  feed() {
    const { buffer, queue } = this;
    if (buffer === undefined || buffer.updating || this.source.readyState !== 'open') return;
    try {
      const buffered = buffer.buffered;
      const old = this.media.currentTime - KEEP_SECONDS;
      if (this.opened && buffered.length > 0 && buffered.start(0) < old - KEEP_SECONDS) {
        buffer.remove(0, old);
        return;
      }
      if (queue.length === 0) return;
      this.queue = [];
      buffer.appendBuffer(queue.length === 1 ? queue[0] : joined(queue));
    } catch {
      this.fail();
    }
  }

  /** Keeps the media element slightly behind the live edge. */
  steer() {
    const { media, edge, offset, buffer } = this;
    if (this.over || buffer === undefined || buffer.buffered.length === 0 || edge === 0) return;
    const first = buffer.buffered.start(buffer.buffered.length - 1);
    const live = offset === undefined ? edge : Math.min(edge + 0.5, performance.now() / 1000 - offset);
    this.slack *= SLACK_LEFT;
    const target = live - this.behind - this.slack;
    if (media.paused && !document.hidden) media.play().catch(() => undefined);
    if (!this.opened) {
      // Show the keyframe of the kept GOP at once.
      if (media.currentTime < first) media.currentTime = first;
      if (media.seeking || media.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
      this.opened = true;
      this.jumpedAt = performance.now();
    }
    if (media.seeking) return;
    const lag = target - media.currentTime;
    const now = performance.now();
    const isFar = lag > FAR_BEHIND && now - this.jumpedAt > JUMP_MS;
    if (isFar || media.currentTime < first || lag < -FAR_BEHIND) {
      this.jumpedAt = now;
      // The live edge advances while the pictures in between are decoded.
      const meanwhile = Math.min(MOST_AHEAD, Math.max(0, lag) * DECODING_SHARE);
      media.currentTime = Math.max(first, Math.min(target, edge) + meanwhile);
    }
    this.caughtUp ||= offset !== undefined && lag < NEAR;
    const rate = this.rateFor(lag);
    if (media.playbackRate !== rate) media.playbackRate = rate;
  }

  /** The playback rate for a distance in seconds to where the player should be. */
  rateFor(lag) {
    const most = !this.caughtUp ? OPENING_RATE : lag > FAR_BEHIND ? FAR_RATE : MOST_RATE;
    const change = this.caughtUp ? lag : lag / OPENING_SECONDS;
    return Math.max(LEAST_RATE, Math.min(most, 1 + Math.round(change / RATE_STEP) * RATE_STEP));
  }

  /** Epoch ms of the picture on screen. */
  wallTime() {
    const now = this.media.currentTime + 0.001;
    const found = this.wall.findLast(([shownAt]) => shownAt <= now);
    return (found ?? this.wall[0])?.[1];
  }

  close() {
    this.over = true;
    clearInterval(this.timer);
    this.media.removeEventListener('error', this.onError);
    this.media.removeEventListener('waiting', this.onWaiting);
    this.media.removeEventListener('seeked', this.onSeeked);
    this.media.removeAttribute('src');
    this.media.load();
  }
}

function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
