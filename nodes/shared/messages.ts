// Builds the parts of messages that flows rely on: topics, `msg.video`, `msg.event`.

import type { AudioUnit, MediaUnit, MetadataUnit, VideoUnit } from '../../lib/codec/unit.js';
import type { ClipInfo } from '../../lib/nvr/recorder/types.js';
import type { HubEvent, NvrSettings } from '../../lib/nvr/types.js';
import { channelName } from './channel.js';

/** `msg.video` of the message contract. */
interface VideoInfo {
  codec: string;
  keyframe: boolean;
  nalType?: number;
  time: number;
  captureTime?: number;
  timeSource: string;
  rtpTime: number;
  sequence: number;
  channel: number;
  stream: string;
  width: number;
  height: number;
  damaged: boolean;
  /** Pictures that it depends on may be missing. */
  reference?: 'lost';
}

/** The message's topic, or `topic` if it is missing or empty, as an inject node sends it. */
export function topicOr(message: { readonly topic?: string | undefined }, topic: string): string {
  return message.topic === undefined || message.topic === '' ? topic : message.topic;
}

/**
 * `nvr/<nvr name>/<channel or its name>/<what>`. Characters with a special meaning in MQTT topics become `_`.
 */
export function topicOf(
  settings: Pick<NvrSettings, 'name' | 'channels'>,
  channel: number,
  what: string,
): string {
  return ['nvr', settings.name, channelName(settings, channel), what].map(topicLevel).join('/');
}

function topicLevel(text: string): string {
  // eslint-disable-next-line no-control-regex -- invalid in a topic
  return text.replace(/[/+#\x00-\x1f\x7f-\x9f]/g, '_');
}

export function contentTypeOf(unit: Pick<MediaUnit, 'kind' | 'codec'>): string {
  switch (unit.codec) {
    case 'h264':
      return 'video/h264';
    case 'h265':
      return 'video/h265';
    case 'mjpeg':
      return 'image/jpeg';
    case 'onvif':
      return 'application/xml';
    default:
      return `audio/${unit.codec}`;
  }
}

/** A new object for each message, because nodes downstream may modify it. */
export function videoInfo(
  unit: VideoUnit,
  sequence: number,
  channel: number,
  stream: string,
  nalType?: number,
): VideoInfo {
  return {
    codec: unit.codec,
    keyframe: unit.keyframe,
    ...(nalType === undefined ? {} : { nalType }),
    time: unit.time,
    ...(unit.captureTime === undefined ? {} : { captureTime: unit.captureTime }),
    timeSource: unit.timeSource,
    rtpTime: unit.rtpTime,
    sequence,
    channel,
    stream,
    width: unit.format.width,
    height: unit.format.height,
    damaged: unit.damaged,
    ...(unit.reference === undefined ? {} : { reference: unit.reference }),
  };
}

/** `msg.audio` or `msg.metadata`; a new object for each message. */
export function sideInfo(unit: AudioUnit | MetadataUnit, channel: number): Record<string, unknown> {
  const { codec, time, captureTime, timeSource, rtpTime, damaged } = unit;
  const shared = {
    codec,
    time,
    ...(captureTime === undefined ? {} : { captureTime }),
    timeSource,
    rtpTime,
    damaged,
    channel,
  };
  if (unit.kind === 'metadata') return { metadata: shared };
  const { config, ...format } = unit.format;
  return {
    audio: { ...shared, ...format, ...(config === undefined ? {} : { config: Buffer.from(config) }) },
  };
}

/** A hub's event as `msg.event`: flat, without its word and fields for internal use. */
export function eventInfo(event: HubEvent): Record<string, unknown> {
  const { type: _type, error: _error, firstOfOutage: _first, ...info } = event;
  return info;
}

/** A clip as part of an event: lists are replaced by their lengths, because events are flat. */
export function flatClip({ alarms, gaps, damagedSpans, ...info }: ClipInfo): Record<string, unknown> {
  return { ...info, alarms: alarms.length, gaps: gaps.length, damagedSpans: damagedSpans.length };
}
