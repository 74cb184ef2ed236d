// What the package offers as a library: `@nvr-flow/node-red-mobotix-nvr/lib`.

export { NvrError, NVR_ERROR_CODES, type NvrErrorCode } from './errors.js';
export { LIMITS } from './limits.js';
export { silentLogger, type Logger } from './log.js';
export { redact } from './redact.js';
export { openSession, type OpenOptions } from './client/open-session.js';
export { httpTunnel } from './client/transport/http-tunnel.js';
export { multicast, tcp, udp } from './client/transport/transports.js';
export type { Transport } from './client/transport/transport.js';
export { ServerMemory } from './client/quirks.js';
export {
  RtspSession,
  type EndReason,
  type PlayReply,
  type SessionEnd,
  type SessionOptions,
} from './client/session.js';
export type { TlsSettings } from './client/transport/socket.js';
export type { SessionStatistics } from './client/statistics.js';
export type {
  AudioFormat,
  AudioUnit,
  MediaUnit,
  MetadataUnit,
  NalRange,
  ParameterSetPolicy,
  TimeSource,
  VideoFormat,
  VideoUnit,
} from './codec/unit.js';
export {
  DEPTHS,
  type Depth,
  type Health,
  type HealthProbes,
  type HealthState,
  type ProbeOptions,
} from './nvr/health/health.js';
export { Hysteresis, type Verdict } from './nvr/health/hysteresis.js';
export { Trace, type TraceOptions } from './nvr/trace.js';
export { Nvr, type NvrOptions } from './nvr/nvr.js';
export type {
  CameraHub,
  HubEvent,
  HubSubscriber,
  HubSubscription,
  NvrSettings,
  StreamStatistics,
  TransportSetting,
} from './nvr/types.js';
