// One camera's stream as records for all pages that show it: each frame is made into a fragment only once,
// and the camera is used only while a page shows it.

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

/** The most frames per second from an MJPEG camera. */
const JPEGS_PER_SECOND = 12;
/** Bounds for the records of one GOP, which are kept for pages that join. */
const KEPT_BYTES = 8 * 1024 * 1024;
const KEPT_RECORDS = 1_000;
const REFRESHED =
  'The camera refreshes its picture piece by piece (intra refresh), and browsers need a keyframe to begin with. Switch that off on the camera, or use its other stream.';

export class LiveFeed {
  private readonly viewers = new Set<Viewer>();
  private subscription: HubSubscription | undefined;
  private joining = false;
  private state: ViewRecord | undefined;
  private format: VideoFormat | undefined;
  private init: ViewRecord | undefined;
  private clock = new LiveClock();
  private order = new ShownOrder();
  /** The last `init` record tells decoders that frames are displayed in decoding order. */
  private isSetUpInOrder = false;
  private kept: ViewRecord[] = [];
  private keptBytes = 0;
  private soundInit: ViewRecord | undefined;
  private soundFormat: AudioUnit['format'] | undefined;
  private soundSequence = 0;
  /** The player's time minus media time, from the last frame: audio uses the same offset. */
  private playerOffset: number | undefined;
  private lastJpeg = -Infinity;

  /** `camera` is its index on the page. */
  constructor(
    private readonly hub: CameraHub,
    readonly camera: number,
  ) {}

  /** The number of pages that show this camera. */
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
   * Joins the hub, which delivers its kept GOP at once. That is only stored here; `add` gives it to the first
   * page as to later ones.
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
    this.reset();
    this.state = undefined;
  }

  private onEvent(event: HubEvent): void {
    if (event.type === 'format' || event.type === 'gap') return;
    const { code, reason, retryInMs, type: state } = event;
    const record = jsonRecord('state', this.camera, { state, code, reason, retryInMs });
    // A warning does not change the state: the stream goes on.
    if (state !== 'warning') this.state = record;
    if (state === 'connecting') this.reset();
    this.send(record);
  }

  private onUnit(unit: MediaUnit): void {
    if (unit.kind === 'audio') this.onSound(unit);
    else if (unit.kind === 'video' && unit.codec === 'mjpeg') this.onJpeg(unit);
    else if (unit.kind === 'video') this.onPicture(unit);
  }

  private onPicture(given: VideoUnit): void {
    const { arrival, mediaTime = arrival, format } = given;
    // The kept GOP was examined as a whole in `begin`.
    if (!this.joining) this.order.take(mediaTime);
    // Frames are reordered after all, so the players are set up anew.
    if (this.isSetUpInOrder && given.keyframe && this.order.isReordered) this.format = undefined;
    if (given.recoveryFrames !== undefined) this.warnOfRefresh();
    if (format !== this.format && !this.begin(given)) return;
    if (given.keyframe && !this.isSetUpInOrder && this.order.isInOrder(format) && hasSets(given))
      this.init = this.initOf(given);
    const unit = this.isSetUpInOrder && given.keyframe ? withoutReordering(given) : given;
    const reorderDepth = this.isSetUpInOrder ? 0 : (format.reorderDepth ?? 0);
    const times = this.clock.next({ mediaTime, reorderDepth });
    const { shownAt } = this.clock;
    this.playerOffset = shownAt - mediaTime;
    const flags =
      (unit.keyframe ? FLAGS.keyframe : 0) | (unit.damaged || unit.reference === 'lost' ? FLAGS.damaged : 0);
    const fragment = videoFragment(unit, times);
    this.keep(mediaRecord('picture', this.camera, flags, unit.time, shownAt, fragment));
  }

  /**
   * Called at a recovery point of intra refresh. A decoder could begin there, but browsers begin only at a
   * keyframe.
   */
  private warnOfRefresh(): void {
    const waiting = [...this.viewers].filter((viewer) => viewer.awaitsKeyframe(this.camera));
    const warning = { state: 'warning', code: 'ENOKEYFRAME', reason: REFRESHED } as const;
    const record = jsonRecord('state', this.camera, warning);
    for (const viewer of waiting) viewer.take(this.camera, record);
  }

  /** Sets the players up for a new format, which begins with a keyframe. */
  private begin(unit: VideoUnit): boolean {
    if (!unit.keyframe) return false;
    try {
      this.order = new ShownOrder(this.hub.gop);
      const init = this.initOf(unit);
      this.format = unit.format;
      this.clock = new LiveClock(unit.format.frameRate);
      this.soundInit = this.soundFormat = undefined;
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
   * A decoder may wait for B-frames unless its set-up says that there are none. New players get that as soon
   * as it is certain; running players find it out from the stream.
   */
  private initOf(given: VideoUnit): ViewRecord {
    this.isSetUpInOrder = this.order.isInOrder(given.format);
    return pictureInit(this.camera, this.isSetUpInOrder ? withoutReordering(given) : given);
  }

  private onJpeg(unit: VideoUnit): void {
    if (unit.arrival - this.lastJpeg < 1000 / JPEGS_PER_SECOND) return;
    this.lastJpeg = unit.arrival;
    this.keep(jpegRecord(this.camera, unit.time, unit.data));
  }

  /** Only AAC and Opus: browsers play no other audio in MP4. */
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

  /** Sends a frame, and keeps it for pages that join during its GOP. */
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
      // An incomplete GOP is useless: pages that join wait for the next keyframe.
      this.kept = [];
      this.keptBytes = Infinity;
    }
    if (!this.joining) this.send(record);
  }

  private send(record: ViewRecord): void {
    for (const viewer of this.viewers) viewer.take(this.camera, record);
  }

  private reset(): void {
    this.format = undefined;
    this.init = this.soundInit = undefined;
    this.playerOffset = undefined;
    this.kept = [];
    this.keptBytes = 0;
  }
}
