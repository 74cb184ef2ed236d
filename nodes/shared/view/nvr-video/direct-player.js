// Part of nvr-video.js: plays a camera's video with WebCodecs, each picture as soon as it is decoded: half as
// far behind as `Player`, whose interface it has. Needs a secure context (https, or this machine) and a
// browser that shows decoded frames in a video element, so that picture in picture goes on working.

/**
 * Of pictures from before the live edge, and of those decoded more than `LATE_MS` after they came, only one
 * per `LATE_STEP_MS` is shown: so something moves at once, and the decoder can catch up.
 */
const LATE_MS = 250;
const LATE_STEP_MS = 100;
/**
 * If a picture is not decoded after this many ms, `Player` takes over: with its buffer it can skip pictures.
 */
const TOO_LATE_MS = 3_000;
/** The most frames that wait for the screen. */
const MOST_WRITING = 4;

const playsDirectly = () =>
  window.VideoDecoder !== undefined && window.MediaStreamTrackGenerator !== undefined;

/** Content of the decoder's configuration box in an initialization segment; undefined if there is none. */
function configOf(segment) {
  for (let at = 4; at + 4 <= segment.length; at++) {
    const name = String.fromCharCode(...segment.subarray(at, at + 4));
    if (name !== 'avcC' && name !== 'hvcC') continue;
    const size = new DataView(segment.buffer, segment.byteOffset + at - 4).getUint32(0);
    return segment.slice(at + 4, at - 4 + size);
  }
  return undefined;
}

class DirectPlayer {
  /** `fail` is called if this browser cannot play the stream this way. Throws if it cannot at all. */
  constructor(media, mime, fail) {
    this.media = media;
    this.codec = /codecs="([^"]+)"/.exec(mime)?.[1] ?? '';
    this.fail = fail;
    this.edge = -Infinity;
    /** Frames that the decoder has not given back yet, by timestamp. */
    this.pending = new Map();
    this.writing = 0;
    this.presented = -Infinity;
    this.track = new MediaStreamTrackGenerator({ kind: 'video' });
    this.writer = this.track.writable.getWriter();
    this.decoder = new VideoDecoder({ output: (frame) => this.show(frame), error: () => this.end() });
    media.srcObject = new MediaStream([this.track]);
  }

  /** Takes an initialization segment. */
  begin(segment) {
    const { codec } = this;
    this.attempt(() =>
      this.decoder.configure({ codec, description: configOf(segment), optimizeForLatency: true }),
    );
  }

  /** As of `Player`. `key`: decoding can begin here. */
  take(wallTime, shownAt, fragment, live, key) {
    const came = performance.now();
    const [oldest] = this.pending.values();
    // Frames that are not displayed in decoding order need a buffer, too.
    if (shownAt < this.edge || came - oldest?.came > TOO_LATE_MS) this.end();
    if (this.over) return;
    this.edge = shownAt;
    const timestamp = Math.round(shownAt * 1e6);
    this.pending.set(timestamp, { wallTime, live, came });
    // The browser pauses the video when its picture-in-picture window is closed.
    if (this.media.paused) this.media.play().catch(() => undefined);
    // A movie fragment of one sample: a moof, then the head of an mdat.
    const data = fragment.subarray(new DataView(fragment.buffer, fragment.byteOffset).getUint32(0) + 8);
    this.attempt(() =>
      this.decoder.decode(new EncodedVideoChunk({ type: key ? 'key' : 'delta', timestamp, data })),
    );
  }

  show(frame) {
    const { wallTime, live, came } = this.pending.get(frame.timestamp) ?? {};
    // Earlier frames that are still pending were dropped by the decoder, since it returns frames in order.
    for (const timestamp of this.pending.keys()) {
      if (timestamp > frame.timestamp) break;
      this.pending.delete(timestamp);
    }
    const now = performance.now();
    const isLate = !live || now - came > LATE_MS;
    const isLeftOut = isLate && now - this.presented < LATE_STEP_MS;
    if (this.over || isLeftOut || this.writing >= MOST_WRITING) {
      frame.close();
      return;
    }
    this.shownTime = wallTime;
    this.presented = now;
    this.writing++;
    this.writer.write(frame).then(
      () => this.writing--,
      () => this.end(),
    );
  }

  attempt(run) {
    try {
      run();
    } catch {
      this.end();
    }
  }

  end() {
    if (!this.over) this.fail();
  }

  /** Epoch ms of the picture on screen. */
  wallTime() {
    return this.shownTime;
  }

  close() {
    this.over = true;
    if (this.decoder.state !== 'closed') this.decoder.close();
    this.track.stop();
    this.media.srcObject = null;
  }
}
