// Every bound on what a server may send or a user may ask for. If one is exceeded, the connection is closed
// with a typed error and reconnects by the usual policy.

export const LIMITS = {
  /** Bytes of an RTSP start line and its header lines together. */
  headerBytes: 16 * 1024,
  /** Header lines of one RTSP message. */
  headerLines: 128,
  /** Bytes of an RTSP message body (an SDP, mostly). */
  bodyBytes: 128 * 1024,
  /** Bytes of one RTP or RTCP packet: the 16-bit length of RFC 2326 10.12 allows no more. */
  packetBytes: 64 * 1024,
  /** Bytes skipped in search of the next frame before the connection is given up. */
  junkBytes: 64 * 1024,
  /** Bytes of a NAL unit, and of an access unit. */
  unitBytes: 8 * 1024 * 1024,
  /**
   * NAL units of one access unit: one slice for each macroblock of the largest picture (36,864 at level 5.2),
   * plus parameter sets and SEI.
   */
  unitNals: 40_000,
  /** NAL units of one aggregation packet: the handling of a packet is not interrupted. */
  packetNals: 512,
  /** NAL units kept for reordering if they are sent out of decoding order. */
  waitingNals: 2048,
  /** Audio units, or pictures, in one packet. */
  packetUnits: 64,
  /** Packets held back to put a UDP stream in order. */
  reorderPackets: 64,
  /** Milliseconds a packet is held back for a missing earlier one. */
  reorderMs: 100,
  /**
   * Packets of an unknown source, and their bytes, that are kept until it is known whether the source is the
   * track's.
   */
  heldPackets: 4096,
  heldBytes: 4 * 1024 * 1024,
  /** RTSP requests awaiting a reply on one connection. */
  pendingRequests: 16,
  /** Bytes queued for an HTTP tunnel's next POST. */
  tunnelBytes: 256 * 1024,
  /** Redirects followed for one session. */
  redirects: 5,
  /** Media sections read from one SDP. */
  mediaSections: 32,
  /** Bytes of memory for the GOP that a hub keeps; beyond that it keeps the keyframe alone. */
  gopBytes: 8 * 1024 * 1024,
  /** Units of that GOP: 5 min at 30 frames/s. */
  gopUnits: 9_000,
  /** Bytes of memory, and units, for all stores of one camera's stream together. */
  cameraBytes: 64 * 1024 * 1024,
  cameraUnits: 32_768,
} as const;
