// The public interface of the library: `@nvr-flow/node-red-mobotix-nvr/lib`.

export { NvrError, NVR_ERROR_CODES, type NvrErrorCode, type NvrErrorDetails } from './errors.js';
export { LIMITS } from './limits.js';
export { silentLogger, type Logger } from './log.js';
export { redact } from './redact.js';

// A single stream.
export { openSession, type OpenOptions } from './client/open-session.js';
export { httpTunnel } from './client/transport/http-tunnel.js';
export { multicast, tcp, udp, type ConnectionOptions } from './client/transport/transports.js';
export type { Transport } from './client/transport/transport.js';
export type { OpenPipe, Pipe, PipeOptions, TlsSettings } from './client/transport/socket.js';
export { ServerMemory, type DigestUriPolicy, type KeepAlivePolicy, type Lower } from './client/quirks.js';
export type { LoginGate } from './client/login-gate.js';
export type { RedirectSetting } from './client/redirect.js';
export {
  RtspSession,
  type EndReason,
  type PlayReply,
  type SessionEnd,
  type SessionOptions,
} from './client/session.js';
export type { SessionStatistics } from './client/statistics.js';
export type { UnitsOptions } from './client/unit-queue.js';
export type { ControlUriPolicy } from './rtsp/control-uri.js';
export type { RtpInfoEntry } from './rtsp/headers.js';
export type { MediaDescription, PayloadFormat, PictureSize, SessionDescription } from './rtsp/sdp.js';
export type {
  AudioCodec,
  AudioFormat,
  AudioUnit,
  ColourDescription,
  MediaUnit,
  MetadataUnit,
  NalRange,
  ParameterSetPolicy,
  SampleAspect,
  TimeSource,
  UnitBase,
  VideoCodec,
  VideoFormat,
  VideoUnit,
} from './codec/unit.js';

// An NVR: its cameras, each with one session that all its users share.
export { Nvr, type NvrOptions } from './nvr/nvr.js';
export type { NvrConfig } from './nvr/default-settings.js';
export type {
  CameraHub,
  HubEvent,
  HubEventWord,
  Failure,
  FieldsOf,
  HubNews,
  HubSubscriber,
  HubSubscription,
  NvrSettings,
  OnLoss,
  StreamStatistics,
  TransportSetting,
  Trouble,
  WithAllFields,
} from './nvr/types.js';
export { nextKeyframe, type KeyframeOptions } from './nvr/camera/next-keyframe.js';
export { MemoryBudget, type BudgetLimits, type CameraMemory } from './nvr/memory-budget.js';
export type { UnitMemory, Yielding } from './media/unit-memory.js';
export { Trace, type TraceOptions } from './nvr/trace.js';

// Its recordings.
export { PlaybackRuns } from './nvr/playback/runs.js';
export {
  PlaybackRun,
  type PlaybackHandlers,
  type PlaybackRequest,
  type RecordedUnit,
  type RunEnd,
} from './nvr/playback/run.js';
export type { RecordedSpan, SpanHandlers } from './nvr/playback/fetch-span.js';

// Pictures and clips.
export {
  takeSnapshot,
  type Snapshot,
  type SnapshotOptions,
  type SnapshotTools,
} from './nvr/snapshot/snapshot.js';
export type { Jpeg } from './media/jpeg/index.js';
export type { SnapshotJob } from './media/snapshot-job.js';
export type { FfmpegJob } from './nvr/snapshot/ffmpeg-fallback.js';
export { SnapshotPool, type SnapshotPoolOptions } from './nvr/snapshot/snapshot-pool.js';
export { takePastSnapshot, type FetchPast } from './nvr/past-snapshot.js';
export { Recorder } from './nvr/recorder/recorder.js';
export type { Catalog, ClipChoice, ClipList, TimeSpan, WrittenFile } from './nvr/recorder/catalog.js';

export type * from './nvr/recorder/types.js';
export type { ClipGap } from './media/gaps.js';
export type { DamagedSpan } from './media/damaged-spans.js';

// The health of its cameras.
export {
  DEPTHS,
  HealthProbes,
  type Depth,
  type Health,
  type HealthState,
  type ProbeOptions,
} from './nvr/health/health.js';
export { Hysteresis, type Verdict } from './nvr/health/hysteresis.js';
