// One camera's stream as records for all pages that watch it: each picture becomes a fragment once, however
// many pages there are, and nothing is asked of the camera while there are none.

import type { AudioUnit, MediaUnit, VideoFormat, VideoUnit } from '../../codec/unit.js';
import { withoutReordering } from '../../codec/h264/no-reordering.js';
import { asNvrError } from '../../errors.js';
import { hasSets } from '../../media/decoder-config.js';
import { mp4Header } from '../../media/mp4/header.js';
import { LiveClock } from '../../media/mp4/live-clock.js';
import { audioFragment, LIVE_TIMESCALE, videoFragment } from '../../media/mp4/live-mp4.js';
import { aacFrame, soundSamples } from '../../media/sound-length.js';
import type { CameraHub, HubEvent, HubSubscription } from '../types.js';
import { pictureInit } from './picture-init.js';
import { FLAGS, initRecord, jpegRecord, jsonRecord, mediaRecord, type ViewRecord } from './records.js';
import { ShownOrder } from './shown-order.js';
import type { Viewer } from './viewer.js';

/** An MJPEG camera's own pictures, at most this many a second. */
const JPEGS_PER_SECOND = 12;
/** Records kept for newcomers: those of one GOP, within these bounds. */
const KEPT_BYTES = 8 * 1024 * 1024;
const KEPT_RECORDS = 1_000;

export class LiveFeed {
  private readonly viewers = new Set<Viewer>();
  private subscription: HubSubscription | undefined;
  private joining = false;
  private state: ViewRecord | undefined;
  private format: VideoFormat | undefined;
  private init: ViewRecord | undefined;
  private clock = new LiveClock();
  private order = new ShownOrder();
  /** The players have been told that pictures are shown as they are decoded. */
  private toldInOrder = false;
  private kept: ViewRecord[] = [];
  private keptBytes = 0;
  private soundInit: ViewRecord | undefined;
  private soundFormat: AudioUnit['format'] | undefined;
  private soundSequence = 0;
  /** The player's clock minus media time, from the last picture: sound follows it. */
  private playerOffset: number | undefined;
  private lastJpeg = -Infinity;

  /** `camera`: its index on the page. */
  constructor(
    private readonly hub: CameraHub,
    readonly camera: number,
  ) {}

  /** Pages that watch. */
  get size(): number {
    return this.viewers.size;
  }

  add(viewer: Viewer): void {
    this.viewers.add(viewer);
    viewer.begin(this.camera);
    const isFirst = this.subscription === undefined;
    if (isFirst) this.join();
    else
      for (const record of [this.state, this.init, this.soundInit])
        if (record !== undefined) viewer.take(this.camera, record);
    viewer.catchUp(this.camera, this.kept);
  }

  /**
   * What the hub has kept comes while it is being joined: it is given to the first page as to those that
   * follow.
   */
  private join(): void {
    this.joining = true;
    this.subscription = this.hub.subscribe({
      fromKept: true,
      onUnit: (unit) => {
        this.onUnit(unit);
      },
      onEvent: (event) => {
        this.onEvent(event);
      },
    });
    this.joining = false;
  }

  remove(viewer: Viewer): void {
    if (!this.viewers.delete(viewer)) return;
    viewer.end(this.camera);
    if (this.viewers.size > 0) return;
    this.subscription?.unsubscribe();
    this.subscription = undefined;
    this.forget();
    this.state = undefined;
  }

  private onEvent(event: HubEvent): void {
    if (event.type === 'format' || event.type === 'gap') return;
    const { code, reason, retryInMs, type: state } = event;
    const told = jsonRecord('state', this.camera, { state, code, reason, retryInMs });
    // A warning is about a stream that goes on.
    if (state !== 'warning') this.state = told;
    if (state === 'connecting') this.forget();
    this.send(told);
  }

  private onUnit(unit: MediaUnit): void {
    if (unit.kind === 'audio') this.onSound(unit);
    else if (unit.kind === 'video' && unit.codec === 'mjpeg') this.onJpeg(unit);
    else if (unit.kind === 'video') this.onPicture(unit);
  }

  private onPicture(given: VideoUnit): void {
    const { arrival, mediaTime = arrival, format } = given;
    // What the hub has kept was seen as a whole.
    if (!this.joining) this.order.see(mediaTime);
    // What was told is no longer true: the players begin anew.
    if (this.toldInOrder && given.keyframe && this.order.isReordered) this.format = undefined;
    if (format !== this.format && !this.begin(given)) return;
    if (given.keyframe && !this.toldInOrder && this.order.isInOrder(format) && hasSets(given))
      this.init = this.initOf(given);
    const unit = this.toldInOrder && given.keyframe ? withoutReordering(given) : given;
    const reorderDepth = this.toldInOrder ? 0 : (format.reorderDepth ?? 0);
    const times = this.clock.next({ mediaTime, reorderDepth });
    const { shownAt } = this.clock;
    this.playerOffset = shownAt - mediaTime;
    const flags =
      (unit.keyframe ? FLAGS.keyframe : 0) | (unit.damaged || unit.reference === 'lost' ? FLAGS.damaged : 0);
    const fragment = videoFragment(unit, times);
    this.keep(mediaRecord('picture', this.camera, flags, unit.time, shownAt, fragment));
  }

  /** A new format begins with a keyframe; the player is set up anew. */
  private begin(unit: VideoUnit): boolean {
    if (!unit.keyframe && unit.recoveryFrames === undefined) return false;
    try {
      this.order = new ShownOrder(this.hub.gop);
      const init = this.initOf(unit);
      this.format = unit.format;
      this.clock = new LiveClock(unit.format.frameRate);
      this.soundInit = this.soundFormat = undefined;
      this.kept = [];
      this.keptBytes = 0;
      this.init = init;
      this.send(init);
      return true;
    } catch (error) {
      const { code, message } = asNvrError(error);
      this.send(jsonRecord('state', this.camera, { state: 'warning', code, reason: message }));
      return false;
    }
  }

  /**
   * A decoder that is not told that there are no B-frames may wait for them: it is told once that is known,
   * and players that run already learn it from the stream.
   */
  private initOf(given: VideoUnit): ViewRecord {
    this.toldInOrder = this.order.isInOrder(given.format);
    return pictureInit(this.camera, this.toldInOrder ? withoutReordering(given) : given);
  }

  private onJpeg(unit: VideoUnit): void {
    if (unit.arrival - this.lastJpeg < 1000 / JPEGS_PER_SECOND) return;
    this.lastJpeg = unit.arrival;
    this.keep(jpegRecord(this.camera, unit.time, unit.data));
  }

  /** AAC and Opus alone: no browser plays the others in MP4. */
  private onSound(unit: AudioUnit): void {
    const { codec, format } = unit;
    if ((codec !== 'aac' && codec !== 'opus') || this.playerOffset === undefined) return;
    if (format !== this.soundFormat) {
      this.soundFormat = format;
      this.soundSequence = 0;
      const mime = `audio/mp4; codecs="${codec === 'aac' ? 'mp4a.40.2' : 'opus'}"`;
      const header = mp4Header([{ timescale: LIVE_TIMESCALE, sound: { ...format, codec } }]);
      this.soundInit = initRecord(this.camera, mime, header, true);
      this.send(this.soundInit);
    }
    const shownAt = (unit.mediaTime ?? unit.arrival) + this.playerOffset;
    if (shownAt < 0) return;
    const ticks = Math.round(shownAt * 90);
    const samples = soundSamples(format, unit.data, aacFrame(format));
    const duration = Math.round((samples * LIVE_TIMESCALE) / format.sampleRate);
    const fragment = audioFragment(unit.data, {
      sequence: ++this.soundSequence,
      decode: ticks,
      offset: 0,
      duration,
    });
    this.send(mediaRecord('sound', this.camera, FLAGS.keyframe, unit.time, shownAt, fragment));
  }

  /** Sends a picture, and keeps it for newcomers as long as its GOP lasts. */
  private keep(record: ViewRecord): void {
    if ((record.flags & FLAGS.keyframe) !== 0) {
      this.kept = [];
      this.keptBytes = 0;
    }
    const fits = this.keptBytes + record.bytes.length <= KEPT_BYTES && this.kept.length < KEPT_RECORDS;
    if (fits) {
      this.kept.push(record);
      this.keptBytes += record.bytes.length;
    } else {
      // Half a GOP is of no use: newcomers wait for the next keyframe.
      this.kept = [];
      this.keptBytes = Infinity;
    }
    if (!this.joining) this.send(record);
  }

  private send(record: ViewRecord): void {
    for (const viewer of this.viewers) viewer.take(this.camera, record);
  }

  private forget(): void {
    this.format = undefined;
    this.init = this.soundInit = undefined;
    this.soundFormat = undefined;
    this.playerOffset = undefined;
    this.kept = [];
    this.keptBytes = 0;
  }
}
