// A stream's picture format: one object, replaced only when something in it changes.

import type { NalRules } from './nal-rules.js';
import type { VideoFormat } from './unit.js';

export class PictureFormat<Info> {
  /** Width and height are 0 until an SPS has arrived. */
  format: VideoFormat;
  private readonly rules: NalRules<Info>;
  private readonly frameRate: number | undefined;
  private info: Info | undefined;

  /** `frameRate`: frames per second from the SDP, used if the SPS has no timing. */
  constructor(rules: NalRules<Info>, frameRate: number | undefined) {
    this.rules = rules;
    this.frameRate = frameRate;
    this.format = this.build({ width: 0, height: 0 });
    this.refresh(0);
  }

  /** Updates the format from the SPS of a slice with this PPS id. */
  refresh(ppsId: number): void {
    const info = this.rules.sets.activeSps(ppsId)?.info;
    if (info === undefined || info === this.info) return;
    this.info = info;
    const format = this.build(this.rules.format(info));
    if (!same(format, this.format)) this.format = format;
  }

  private build(found: Omit<VideoFormat, 'codec'>): VideoFormat {
    const frameRate = found.frameRate ?? this.frameRate;
    return { codec: this.rules.codec, ...found, ...(frameRate !== undefined && { frameRate }) };
  }
}

function same(a: VideoFormat, b: VideoFormat): boolean {
  return (
    a.width === b.width &&
    a.height === b.height &&
    a.frameRate === b.frameRate &&
    a.reorderDepth === b.reorderDepth &&
    a.profile === b.profile &&
    a.codecString === b.codecString &&
    a.sar?.width === b.sar?.width &&
    a.sar?.height === b.sar?.height &&
    a.colour?.primaries === b.colour?.primaries &&
    a.colour?.transfer === b.colour?.transfer &&
    a.colour?.matrix === b.colour?.matrix &&
    a.colour?.fullRange === b.colour?.fullRange
  );
}
