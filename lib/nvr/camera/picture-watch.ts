// Watches a stream's video and reports to its users: the format, losses, missing parameter sets, and
// keyframes that do not come.

import { isEntry } from '../../codec/entry.js';
import type { VideoFormat, VideoUnit } from '../../codec/unit.js';
import { NvrError } from '../../errors.js';
import type { HubNews } from '../types.js';
import { LossRun } from './loss-run.js';
import { MissingSets } from './missing-sets.js';
import { whyNoKeyframe, type Count } from './no-keyframe.js';

const KEYFRAME_WAIT_MS = 15_000;

interface PictureWatchOptions {
  readonly emit: (news: HubNews) => void;
  /** The packet counters of the present session. */
  readonly count: () => Count & { transport?: string };
  /** Another reason why keyframes do not come: a wrong payload type. */
  readonly mismatch: () => NvrError | undefined;
}

export class PictureWatch {
  format: VideoFormat | undefined;
  private isPlaying = false;
  /** The format that users were given last. */
  private announced: VideoFormat | undefined;
  private losses = new LossRun();
  private missingSets = new MissingSets();
  /** The stream has recovery points, and has had no keyframe yet. */
  private refreshes = false;
  private keyframeTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: PictureWatchOptions) {}

  /** Whether the last unit is left out for subscribers with `onLoss: 'skip'`. */
  get skips(): boolean {
    return this.losses.skips;
  }

  /** PLAY was granted. Units may have arrived before. */
  begin(): void {
    this.isPlaying = true;
    if (this.announced !== undefined) this.options.emit({ type: 'format', ...formatFields(this.announced) });
    this.expectKeyframe();
  }

  /** The session has ended. */
  end(): void {
    this.isPlaying = false;
    this.losses = new LossRun();
    this.missingSets = new MissingSets();
    this.refreshes = false;
    clearTimeout(this.keyframeTimer);
  }

  /** The stream has failed: its format is reported again when it is back. */
  forgetFormat(): void {
    this.announced = undefined;
  }

  /** That many packets are missing before the end of the next unit. */
  lose(missing: number): void {
    this.losses.lose(missing);
  }

  take(unit: VideoUnit): void {
    const { emit } = this.options;
    if (unit.format !== this.format || this.announced === undefined) this.onFormat(unit.format);
    const unset = this.missingSets.take(unit);
    if (unset !== undefined) emit({ type: 'warning', code: unset.code, reason: unset.message, error: unset });
    const lost = this.losses.take(unit);
    if (lost !== undefined)
      emit({
        type: 'gap',
        lost,
        reason: 'Packets were lost; it may show in the picture until the next keyframe.',
      });
    if (this.losses.began && !this.refreshes) this.expectKeyframe();
    if (!isEntry(unit)) return;
    this.refreshes = !unit.keyframe;
    if (unit.keyframe && !unit.damaged) clearTimeout(this.keyframeTimer);
  }

  private onFormat(format: VideoFormat): void {
    this.format = format;
    if (format.width === 0 && format.codec !== 'mjpeg') return;
    const before = this.announced;
    this.announced = format;
    const same =
      before?.codec === format.codec &&
      before.width === format.width &&
      before.height === format.height &&
      before.profile === format.profile &&
      before.frameRate === format.frameRate;
    if (!same && this.isPlaying) this.options.emit({ type: 'format', ...formatFields(format) });
  }

  private expectKeyframe(): void {
    clearTimeout(this.keyframeTimer);
    const { emit, count, mismatch } = this.options;
    // This runs at every loss, and computing all statistics would cost too much.
    const before = count();
    this.keyframeTimer = setTimeout(() => {
      const why = mismatch()?.message ?? whyNoKeyframe(before, count(), this.refreshes);
      const reason = `No whole keyframe came within ${KEYFRAME_WAIT_MS / 1000} s: ${why}`;
      emit({ type: 'warning', code: 'ENOKEYFRAME', reason, error: new NvrError('ENOKEYFRAME', reason) });
    }, KEYFRAME_WAIT_MS);
  }
}

function formatFields({ codec, width, height, frameRate, profile }: VideoFormat): FormatFields {
  return {
    codec,
    width,
    height,
    ...(frameRate === undefined ? {} : { frameRate }),
    ...(profile === undefined ? {} : { profile }),
  };
}

type FormatFields = Pick<VideoFormat, 'codec' | 'width' | 'height'> & {
  frameRate?: number;
  profile?: string;
};
