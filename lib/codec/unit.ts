// What the codec floor hands up: one object per access unit, audio frame or metadata document, never one per
// packet.

export type VideoCodec = 'h264' | 'h265' | 'mjpeg';
export type AudioCodec = 'aac' | 'g726' | 'l16' | 'opus' | 'pcma' | 'pcmu';

/**
 * The shape of one sample, e.g. 16 to 11: a picture of square pixels is `width / height` times as wide. Both
 * are from 1 to 65535.
 */
export interface SampleAspect {
  readonly width: number;
  readonly height: number;
}

/**
 * How samples become colours, in the codes of H.264 and H.265 tables E.3 to E.5 (ISO 23091-2); 2: not said.
 */
export interface ColourDescription {
  readonly primaries: number;
  readonly transfer: number;
  readonly matrix: number;
  /** Samples use 0..255 in place of 16..235. */
  readonly fullRange: boolean;
}

/**
 * What is known of the picture. The same object, by identity, is carried by every unit until something in it
 * changes.
 */
export interface VideoFormat {
  readonly codec: VideoCodec;
  /** Pixels of the displayed picture (after cropping); 0 while no parameter set has been seen. */
  readonly width: number;
  readonly height: number;
  /** Frames per second, from VUI timing or the SDP; absent where neither says. */
  readonly frameRate?: number;
  /**
   * How many pictures may be decoded before one that is shown before them (0: shown as decoded); absent for
   * MJPEG and where the stream does not say.
   */
  readonly reorderDepth?: number;
  /** e.g. `High`, `Main`; absent for MJPEG. */
  readonly profile?: string;
  /** RFC 6381 codec string, e.g. `avc1.64001f`, `hvc1.1.6.L93.B0`; absent for MJPEG. */
  readonly codecString?: string;
  /** The shape of a pixel as the VUI says it; absent where it is square or not said. */
  readonly sar?: SampleAspect;
  /** Absent where the VUI says nothing of colours, and for MJPEG. */
  readonly colour?: ColourDescription;
}

/**
 * One NAL unit inside `VideoUnit.data`: `start` is where its 4-byte start code begins, `end` is one past its
 * last byte.
 */
export interface NalRange {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/**
 * `arrival` of this machine's clock (RTP-smoothed); `sr` an RTCP sender report; `onvif` the 0xABAC extension;
 * `rtpinfo` PLAY's RTP-Info; `start` the asked start plus media time.
 */
export type TimeSource = 'arrival' | 'sr' | 'onvif' | 'rtpinfo' | 'start';

export interface UnitBase {
  /** 32-bit RTP timestamp of the unit, in the track's clock rate (RFC 3550 5.1). */
  readonly rtpTime: number;
  /** RTP sequence number of the packet that ended the unit. */
  readonly rtpSequence: number;
  /** Monotonic milliseconds (`performance.now()`) of the socket read that brought the unit's first packet. */
  readonly arrival: number;
  /**
   * Counts up when the stream starts anew from another source (SSRC), whose RTP times have nothing to do with
   * those before; absent of the first.
   */
  source?: number;
  /** Epoch milliseconds of the ONVIF 0xABAC header extension, where the unit's packets carried one. */
  readonly onvifTime?: number;
  /**
   * Monotonic milliseconds, fractional, on the one time line of all tracks of a session, in presentation
   * order: when the unit would have arrived at the stream's least delay. Set by the session's clock;
   * `arrival` stands for it where none has run.
   */
  mediaTime?: number;
  /**
   * Epoch milliseconds on this machine's clock, monotonic per stream. 0 until the session's clock has set it.
   */
  time: number;
  /** Epoch milliseconds of the server's claim; absent if it makes none. Set by the session's clock. */
  captureTime?: number;
  timeSource: TimeSource;
}

/** One access unit (H.264, H.265) or picture (MJPEG). `data` is never written again once the unit is out. */
export interface VideoUnit extends UnitBase {
  readonly kind: 'video';
  readonly codec: VideoCodec;
  /** Annex B with 4-byte start codes; keyframes have their parameter sets in front. MJPEG: the JPEG. */
  readonly data: Buffer;
  /** The NAL units of `data`, in order; empty for MJPEG. */
  readonly nals: readonly NalRange[];
  /**
   * IDR, or an all-intra picture with a recovery point SEI or with its parameter sets in front (H.265: IRAP;
   * MJPEG: always).
   */
  readonly keyframe: boolean;
  /**
   * Data of this unit's own was lost; what is here is whole NAL units, never torn ones. The first of a stream
   * may turn out so after it came.
   */
  damaged: boolean;
  /**
   * `lost`: what this unit builds on may be missing, from a loss (or the beginning in the middle of a GOP)
   * until the next clean keyframe.
   */
  reference?: 'lost';
  /** A damaged keyframe, and no clean one came for three GOPs: who waits for a keyframe takes this one. */
  standIn?: true;
  /**
   * Where slices were cut off at a loss and the session was asked for them: the unit with them, as far as
   * they came. Decoders show their upper part. `data` then holds whole NAL units alone as ever, and nothing
   * at all where no slice is whole.
   */
  readonly cut?: Pick<VideoUnit, 'data' | 'nals'>;
  /**
   * No keyframe, but a decoder can begin here: a recovery point of periodic intra refresh (H.264 D.2.8, H.265
   * D.3.8). Its pictures are whole after that many frames.
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
  /** G.726: bits of a code word, 2 to 5. */
  readonly codeBits?: number;
}

/**
 * One audio frame: a raw AAC access unit (no ADTS), an Opus packet, or the samples of one packet: G.711; L16
 * with the high byte first; G.726 with the first code word in the low bits (RFC 3551 4.5.4).
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
 * When a unit's parameter sets are put in front of it (the SDP's or the stream's last ones). `keyframe`:
 * before each keyframe that lacks them; `change`: only when they changed; `never`.
 */
export type ParameterSetPolicy = 'keyframe' | 'change' | 'never';
