// A camera hub that does what the test says: no session, no network.

import { performance } from 'node:perf_hooks';

import { NvrError, type NvrErrorCode } from '../../lib/errors.js';
import type { VideoCodec, VideoFormat, VideoUnit } from '../../lib/codec/unit.js';
import { UNCOUNTED, type UnitMemory } from '../../lib/media/unit-memory.js';
import { TimeLine } from './time-line.js';
import type {
  CameraHub,
  HubEvent,
  HubEventWord,
  HubSubscriber,
  HubSubscription,
  StreamStatistics,
} from '../../lib/nvr/types.js';

export class FakeHub implements CameraHub {
  readonly channel = 1;
  readonly stream = 'main';
  format: VideoFormat | undefined;
  readonly memory: UnitMemory = UNCOUNTED;
  gop: VideoUnit[] = [];
  /** Delivered to who asks for what is kept. */
  kept: VideoUnit[] = [];
  packets = 0;
  lost = 0;
  fps = 0;
  frames = 0;
  transport = 'tcp';
  state: StreamStatistics['state'] = 'playing';
  readonly subscribers = new Set<HubSubscriber>();
  private readonly timeLine = new TimeLine();
  joined = 0;

  get statistics(): StreamStatistics {
    const zero = {
      bytes: 0,
      lost: this.lost,
      late: 0,
      duplicates: 0,
      jitterMs: 0,
      clockSteps: 0,
      frames: this.frames,
      keyframes: 0,
      damaged: 0,
      fps: this.fps,
      bitrateKbps: 0,
      reconnects: 0,
    };
    const { transport, packets, state } = this;
    return { ...zero, state, transport, packets, subscribers: this.subscribers.size };
  }

  subscribe(subscriber: HubSubscriber): HubSubscription {
    this.joined++;
    this.subscribers.add(subscriber);
    if (subscriber.fromKept === true) for (const unit of this.kept) subscriber.onUnit?.(unit);
    return { unsubscribe: () => void this.subscribers.delete(subscriber) };
  }

  restart(): void {
    throw new Error('not asked for here');
  }

  emit(unit: VideoUnit): void {
    this.timeLine.stamp(unit);
    for (const subscriber of [...this.subscribers]) subscriber.onUnit?.(unit);
  }

  /** Trouble without an error gets one. */
  tell(news: FakeNews): void {
    const { type, code = 'EUNREACHABLE', reason = 'the stream does not play.' } = news;
    const isTrouble = type === 'reconnecting' || type === 'error' || type === 'warning';
    const error = isTrouble ? { error: new NvrError(code, reason) } : {};
    const event = { channel: 1, stream: 'main', time: Date.now(), ...error, ...news } as unknown as HubEvent;
    for (const subscriber of [...this.subscribers]) subscriber.onEvent?.(event);
  }
}

/** What a test says of a stream: as much of an event as it is about. */
export interface FakeNews {
  type: HubEventWord;
  code?: NvrErrorCode;
  reason?: string;
  error?: NvrError;
  attempt?: number;
  retryInMs?: number;
  firstOfOutage?: boolean;
  codec?: string;
  width?: number;
  height?: number;
}

export interface UnitOptions {
  codec?: VideoCodec;
  data?: Buffer;
  keyframe?: boolean;
  damaged?: boolean;
  /** Milliseconds since it arrived. */
  age?: number;
  width?: number;
  height?: number;
}

export function videoUnit(options: UnitOptions = {}): VideoUnit {
  const {
    codec = 'h264',
    data = Buffer.from([0, 0, 0, 1, 0x65, 1]),
    keyframe = true,
    damaged = false,
    age = 0,
    width = 320,
    height = 180,
  } = options;
  const common = {
    rtpTime: 90000,
    rtpSequence: 7,
    arrival: performance.now() - age,
    time: Date.now() - age,
    timeSource: 'arrival' as const,
  };
  return {
    kind: 'video',
    ...common,
    codec,
    data,
    nals: [],
    keyframe,
    damaged,
    format: { codec, width, height },
  };
}
