// The output of the codec layer: one object per access unit, audio frame or metadata document.

export type VideoCodec = 'h264' | 'h265' | 'mjpeg';
export type AudioCodec = 'aac' | 'g726' | 'l16' | 'opus' | 'pcma' | 'pcmu';

/**
 * Sample aspect ratio, e.g. 16 to 11: displayed with square pixels, the picture is `width / height` times as
 * wide. Both are from 1 to 65535.
 */
export interface SampleAspect {
  readonly width: number;
  readonly height: number;
}

/**
 * Colour description by the codes of H.264 and H.265 tables E.3 to E.5 (ISO 23091-2); 2 means unspecified.
 */
export interface ColourDescription {
  readonly primaries: number;
  readonly transfer: number;
  readonly matrix: number;
  /** Samples use 0..255 instead of 16..235. */
  readonly fullRange: boolean;
}

/**
 * Picture format. All units carry the same object until something in it changes, so formats can be compared
 * by identity.
 */
export interface VideoFormat {
  readonly codec: VideoCodec;
  /** In pixels, after cropping; 0 until a parameter set has arrived. */
  readonly width: number;
  readonly height: number;
  /** Frames per second, from VUI timing or the SDP; absent if neither gives it. */
  readonly frameRate?: number;
  /**
   * How many pictures may precede another in decoding order and follow it in display order (0: displayed in
   * decoding order); absent for MJPEG and if the stream does not say.
   */
  readonly reorderDepth?: number;
  /** e.g. `High`, `Main`; absent for MJPEG. */
  readonly profile?: string;
  /** RFC 6381 codec string, e.g. `avc1.64001f`, `hvc1.1.6.L93.B0`; absent for MJPEG. */
  readonly codecString?: string;
  /** Sample aspect ratio from the VUI; absent if square or not given. */
  readonly sar?: SampleAspect;
  /** Absent for MJPEG, and if the VUI does not describe colours. */
  readonly colour?: ColourDescription;
}

/**
 * One NAL unit in `VideoUnit.data`: `start` is the index of its 4-byte start code, `end` is one past its last
 * byte.
 */
export interface NalRange {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/**
 * `arrival`: this machine's clock, smoothed by RTP time; `sr`: RTCP sender report; `onvif`: the 0xABAC header
 * extension; `rtpinfo`: RTP-Info of the PLAY reply; `start`: the requested start plus media time.
 */
export type TimeSource = 'arrival' | 'sr' | 'onvif' | 'rtpinfo' | 'start';

export interface UnitBase {
  /** 32-bit RTP timestamp of the unit, in the track's clock rate (RFC 3550 5.1). */
  readonly rtpTime: number;
  /** RTP sequence number of the packet that ended the unit. */
  readonly rtpSequence: number;
  /** Monotonic ms (`performance.now()`) of the socket read that brought the unit's first packet. */
  readonly arrival: number;
  /**
   * Incremented when the stream starts over from another source (SSRC), whose RTP times are unrelated to
   * those before; absent for the first source.
   */
  source?: number;
  /** Epoch ms from the ONVIF 0xABAC header extension, if present. */
  readonly onvifTime?: number;
  /**
   * Monotonic ms, fractional, on a time line common to all tracks of a session, in display order: when the
   * unit would have arrived at the stream's least delay. Set by the session clock; without one, use
   * `arrival`.
   */
  mediaTime?: number;
  /**
   * Epoch ms by this machine's clock; never decreases within a stream. 0 until the session clock has set it.
   */
  time: number;
  /** Epoch ms of capture according to the server; absent if unknown. Set by the session clock. */
  captureTime?: number;
  timeSource: TimeSource;
}

/**
 * One access unit (H.264, H.265) or picture (MJPEG). `data` is never modified after the unit was handed out.
 */
export interface VideoUnit extends UnitBase {
  readonly kind: 'video';
  readonly codec: VideoCodec;
  /** Annex B with 4-byte start codes, parameter sets before keyframes. MJPEG: the JPEG file. */
  readonly data: Buffer;
  /** The NAL units of `data`, in order; empty for MJPEG. */
  readonly nals: readonly NalRange[];
  /**
   * IDR, or an all-intra picture with a recovery point SEI or parameter sets in front (H.265: IRAP; MJPEG:
   * always).
   */
  readonly keyframe: boolean;
  /**
   * Part of this unit's own data was lost; `data` still holds whole NAL units only. On the first unit of a
   * stream this may be set after the unit was handed out.
   */
  damaged: boolean;
  /**
   * `lost`: data that this unit depends on may be missing, after a loss (or a start in the middle of a GOP)
   * until the next undamaged keyframe.
   */
  reference?: 'lost';
  /** A damaged keyframe to be used as one, because no undamaged keyframe came for three GOPs. */
  standIn?: true;
  /**
   * If slices were cut by a loss and the session asked for them: the unit with the received part of those
   * slices, of which decoders show the upper part. `data` still holds whole NAL units only, and is empty if
   * no slice is whole.
   */
  readonly cut?: Pick<VideoUnit, 'data' | 'nals'>;
  /**
   * Not a keyframe, but a decoder can begin here: a recovery point of periodic intra refresh (H.264 D.2.8,
   * H.265 D.3.8). Pictures are complete after this many frames.
   */
  readonly recoveryFrames?: number;
  readonly format: VideoFormat;
}

export interface AudioFormat {
  readonly codec: AudioCodec;
  /** Samples per second. */
  readonly sampleRate: number;
  readonly channels: number;
  /** AAC: the AudioSpecificConfig (ISO 14496-3 1.6.2.1). */
  readonly config?: Buffer;
  /** G.726: bits per code word, 2 to 5. */
  readonly codeBits?: number;
}

/**
 * One audio frame: a raw AAC access unit (no ADTS), an Opus packet, or the samples of one packet: G.711; L16,
 * big-endian; G.726 with the first code word in the low bits (RFC 3551 4.5.4).
 */
export interface AudioUnit extends UnitBase {
  readonly kind: 'audio';
  readonly codec: AudioCodec;
  readonly data: Buffer;
  readonly damaged: boolean;
  readonly format: AudioFormat;
}

/** One ONVIF metadata document: UTF-8 XML. */
export interface MetadataUnit extends UnitBase {
  readonly kind: 'metadata';
  readonly codec: 'onvif';
  readonly data: Buffer;
  readonly damaged: boolean;
}

export type MediaUnit = VideoUnit | AudioUnit | MetadataUnit;

/**
 * When a unit's parameter sets (the latest of the SDP or the stream) are inserted before it. `keyframe`:
 * before each keyframe that lacks them; `change`: only after a change; `never`.
 */
export type ParameterSetPolicy = 'keyframe' | 'change' | 'never';
