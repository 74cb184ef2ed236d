// Selects the media sections to set up: the first video that can be read, and audio and metadata if they are
// wanted.

import { createDepacketizer } from '../codec/depacketizer.js';
import type { Depacketizer } from '../codec/payload-format.js';
import type { ReadWindow } from '../codec/read-window.js';
import type { MediaUnit, ParameterSetPolicy } from '../codec/unit.js';
import { NvrError } from '../errors.js';
import { printable } from '../text.js';
import type { MediaDescription, SessionDescription } from '../rtsp/sdp.js';

export interface TrackChoice {
  media: MediaDescription;
  payloadType: number;
  clockRate: number;
  createDepacketizer(
    sink: (unit: MediaUnit) => void,
    window?: ReadWindow,
    onWarning?: (error: NvrError) => void,
  ): Depacketizer;
}

export interface Selection {
  tracks: TrackChoice[];
  /**
   * Tracks that are not wanted or cannot be read, but that some servers require to be set up all the same.
   */
  others: TrackChoice[];
  /**
   * The errors of tracks that are wanted and cannot be read; the others are set up all the same (quirk:
   * broken-fmtp).
   */
  refused: NvrError[];
}

interface SelectOptions {
  /** Select audio and metadata too. */
  extras?: boolean | undefined;
  parameterSets?: ParameterSetPolicy | undefined;
  /** Keep the slices that a loss cut off. */
  cutSlices?: boolean | undefined;
}

/** Throws EUNSUPPORTED if there is no video, or none in a supported codec. */
export function selectTracks(description: SessionDescription, options: SelectOptions = {}): Selection {
  const refused: NvrError[] = [];
  const tracks: TrackChoice[] = [];
  // The direction of video is ignored: no video goes to a camera, and some cameras wrongly say `sendonly` of
  // the video that they send.
  const videos = description.media.filter((media) => media.type === 'video');
  if (videos.length === 0) throw withoutVideo(description);
  const video = firstReadable(videos, refused, options);
  if (video === undefined) throw refused[0]!;
  tracks.push(video);

  if (options.extras === true) {
    for (const type of ['audio', 'application']) {
      const offered = description.media.filter((media) => media.type === type);
      const wanted = offered.filter((media) => !isBackChannel(media));
      const choice = firstReadable(wanted, refused, {});
      if (choice !== undefined) tracks.push(choice);
      else if (wanted.length === 0 && offered.length > 0) refused.push(backChannel(offered[0]!));
    }
  }
  const others = description.media.filter(
    (media) => isReceivable(media) && !tracks.some((one) => one.media === media),
  );
  return { tracks, others: others.map(unread), refused };
}

/** Media that a camera may send without encryption. */
function isReceivable(media: MediaDescription): boolean {
  return media.payloads.length > 0 && !isBackChannel(media) && refusalOf(media) === undefined;
}

/** A track whose packets are dropped. */
function unread(media: MediaDescription): TrackChoice {
  const { type, clockRate } = media.payloads[0]!;
  const nothing = (): undefined => undefined;
  return {
    media,
    payloadType: type,
    clockRate,
    createDepacketizer: () => ({ push: nothing, gap: nothing, flush: nothing, reset: nothing }),
  };
}

/**
 * Media that goes from the client to the camera (ONVIF Streaming Specification, "Back Channel Connection").
 */
function isBackChannel({ type, direction }: MediaDescription): boolean {
  return type !== 'video' && direction === 'sendonly';
}

function backChannel({ type }: MediaDescription): NvrError {
  return new NvrError(
    'EUNSUPPORTED',
    `The server offers its ${type} as "sendonly": a back-channel, to the camera, which is not supported.`,
  );
}

function withoutVideo({ media }: SessionDescription): NvrError {
  const back = media.find(isBackChannel);
  if (back !== undefined) return backChannel(back);
  return new NvrError(
    'EUNSUPPORTED',
    'The server describes no video; check the channel, the stream and the URI style.',
  );
}

/** The reason not to try a track at all. */
function refusalOf({ type, protocol, direction, encrypted }: MediaDescription): NvrError | undefined {
  if (encrypted === true || /\bSAVPF?\b/i.test(protocol)) {
    return new NvrError(
      'EUNSUPPORTED',
      `The camera encrypts its ${type} with SRTP ("${printable(protocol, 40)}"), which is not supported; switch secure RTP off in the camera, and use RTSP over TLS instead.`,
    );
  }
  if (direction === 'inactive')
    return new NvrError(
      'EUNSUPPORTED',
      `The server describes its ${type} as "inactive"; choose another stream.`,
    );
  return undefined;
}

function firstReadable(
  candidates: readonly MediaDescription[],
  refused: NvrError[],
  { parameterSets, cutSlices = false }: SelectOptions,
): TrackChoice | undefined {
  for (const media of candidates) {
    const refusal = refusalOf(media);
    if (refusal !== undefined) {
      refused.push(refusal);
      continue;
    }
    for (const payload of media.payloads) {
      try {
        // This only checks that the depacketizer can be made; the session makes its own.
        createDepacketizer(payload, media, () => undefined);
        return {
          media,
          payloadType: payload.type,
          clockRate: payload.clockRate,
          createDepacketizer: (sink, window, onWarning) =>
            createDepacketizer(payload, media, sink, {
              boundary: 'learn',
              cutSlices,
              ...(parameterSets && { parameterSets }),
              ...(window && { window }),
              onWarning,
            }),
        };
      } catch (error) {
        refused.push(
          error instanceof NvrError
            ? error
            : new NvrError('EUNSUPPORTED', `The ${media.type} track cannot be read.`, { cause: error }),
        );
      }
    }
    if (media.payloads.length === 0) {
      refused.push(
        new NvrError('EUNSUPPORTED', `The server describes a ${media.type} track without a payload format.`),
      );
    }
  }
  return undefined;
}
