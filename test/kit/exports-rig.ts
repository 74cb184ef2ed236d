// The exports of a node to a real folder, from an NVR that has recorded what the test says.

import fs from 'node:fs/promises';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import { UNCOUNTED } from '../../lib/media/unit-memory.js';
import { Exports } from '../../lib/nvr/export/exports.js';
import type {
  ExportDeps,
  ExportedClip,
  ExportEnd,
  ExportOptions,
  ExportProgress,
  ExportRequest,
} from '../../lib/nvr/export/types.js';
import type { KeptMessage, RecorderFs } from '../../lib/nvr/recorder/types.js';
import { TestClock } from './test-clock.js';

/** What goes by on the clock for each picture. */
const PICTURE_MS = 300;

/** A recording of the NVR. */
export interface Recorded {
  /** What there is from a keyframe's time on; what it has before that does no harm. */
  readonly units: (keyframe: number) => Iterable<VideoUnit>;
  /** Epoch ms of a keyframe; the others are `gopMs` apart. */
  readonly epoch: number;
  readonly gopMs: number;
}

export class ExportsRig {
  readonly files: ExportedClip[] = [];
  readonly repeated: boolean[] = [];
  readonly recovered: { clip: ExportedClip; message: KeptMessage | undefined }[] = [];
  readonly warnings: NvrError[] = [];
  readonly progress: ExportProgress[] = [];
  readonly asked: { from: number; to: number }[] = [];
  readonly clock = new TestClock();
  readonly exports: Exports;
  running = true;
  /** The run breaks off behind the picture of that time, with this error. */
  breakAt = Infinity;
  fault = new NvrError('EUNREACHABLE', 'The NVR is gone.');
  /** Where nothing is recorded. */
  holes: readonly (readonly [from: number, to: number])[] = [];

  constructor(
    readonly folder: string,
    private readonly recorded: Recorded,
    private readonly span: { readonly from: number; readonly to: number },
    options: Partial<ExportOptions> = {},
    changes: Partial<RecorderFs> = {},
  ) {
    const given = { id: 'node', nvr: 'Home', fileName: '{channel}-{HHmmss}', plain: true, timeZone: '' };
    this.exports = new Exports(
      { ...given, folder, ...options },
      {
        fs: { ...fs, ...changes },
        now: () => recorded.epoch + 3_600_000,
        monotonic: this.clock.read,
        timers: this.clock,
        fetchSpan: this.fetchSpan,
        memory: () => UNCOUNTED,
      },
      {
        onRecovered: (clip, message) => this.recovered.push({ clip, message }),
        onWarning: (error) => this.warnings.push(error),
        isRunning: () => this.running,
      },
    );
  }

  export(request: Partial<ExportRequest> = {}): Promise<ExportEnd> {
    return new Promise((resolve) => {
      this.exports.start(
        { ...{ run: 'mine', channel: 3, channelName: 'Gate', stream: 'main' }, ...this.span, ...request },
        {
          onFile: (clip, repeated) => {
            this.files.push(clip);
            this.repeated.push(repeated ?? false);
          },
          onProgress: (progress) => this.progress.push(progress),
          onEnd: resolve,
        },
      );
    });
  }

  /** The NVR of this rig, also for exports of another one. */
  readonly fetchSpan: ExportDeps['fetchSpan'] = ({ from, to }, signal) => {
    this.asked.push({ from, to });
    return this.play(from, to, signal);
  };

  private async *play(from: number, to: number, signal: AbortSignal): AsyncGenerator<VideoUnit, void> {
    const { epoch, gopMs } = this.recorded;
    const keyframe = Math.floor((from - epoch) / gopMs) * gopMs + epoch;
    for (const unit of this.recorded.units(keyframe)) {
      const { time } = unit;
      if (time < keyframe || this.holes.some(([begin, end]) => time >= begin && time < end)) continue;
      // As a run ends: behind it.
      if (time >= to + gopMs || signal.aborted) return;
      if (time >= this.breakAt) throw this.fault;
      this.clock.now += PICTURE_MS;
      yield await Promise.resolve(unit);
    }
  }
}
