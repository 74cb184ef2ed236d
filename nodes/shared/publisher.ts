// Turns the units and events of a source (a camera, or a run of its recording) into messages.

import { isKeyframe } from '../../lib/codec/entry.js';
import type { MediaUnit, VideoUnit } from '../../lib/codec/unit.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { contentTypeOf, sideInfo, topicOf, videoInfo } from './messages.js';
import type { Outputs } from './output/outlet.js';
import type { CameraMark } from './own-cameras.js';

type Emit = 'keyframes' | 'accessUnits' | 'nalUnits';

export interface Source {
  readonly channel: number;
  readonly stream: string;
  /** Added to every message: the run of a recording, or the camera if the node has several. */
  readonly mark?: { readonly run?: string } & CameraMark;
}

export class Publisher {
  private sequence = 0;

  constructor(
    private readonly settings: Pick<NvrSettings, 'name' | 'channels'>,
    private readonly source: Source,
    private readonly emit: Emit,
  ) {}

  /** Number of messages for a picture. */
  count(unit: VideoUnit): number {
    if (this.emit === 'keyframes' && !isKeyframe(unit)) return 0;
    return this.emit === 'nalUnits' ? Math.max(unit.nals.length, 1) : 1;
  }

  /** One of a picture's messages. `repeated`: the picture was sent before. */
  picture(unit: VideoUnit, index: number, repeated = false): Outputs {
    const nal = this.emit === 'nalUnits' ? unit.nals[index] : undefined;
    const { channel, stream } = this.source;
    const video = videoInfo(unit, ++this.sequence, channel, stream, nal?.type);
    const message = {
      topic: this.topic(nal !== undefined ? 'nal' : unit.keyframe ? 'keyframe' : 'frame'),
      payload: nal === undefined ? unit.data : unit.data.subarray(nal.start, nal.end),
      contentType: contentTypeOf(unit),
      video: repeated ? { ...video, repeated } : video,
      ...this.source.mark,
    };
    return [message, null];
  }

  /** The message for audio or metadata. */
  side(unit: Exclude<MediaUnit, VideoUnit>): Outputs {
    const message = {
      topic: this.topic(unit.kind),
      payload: unit.data,
      contentType: contentTypeOf(unit),
      ...sideInfo(unit, this.source.channel),
      ...this.source.mark,
    };
    return [null, null, message];
  }

  event(word: string, event: object): Outputs {
    return [null, { topic: this.topic('event'), payload: word, event, ...this.source.mark }];
  }

  /** Properties of every event. */
  get own(): { channel: number; stream: string; time: number } {
    const { channel, stream } = this.source;
    return { channel, stream, time: Date.now() };
  }

  topic(what: string): string {
    return topicOf(this.settings, this.source.channel, what);
  }
}
