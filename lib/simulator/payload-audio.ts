// Packs audio frames into RTP payloads: AAC-hbr (RFC 3640 3.3.6), and G.711 unchanged (RFC 3551 4.5.14).

/** One access unit with a 16-bit AU header: 13 bits of size and 3 of index. */
export function aacPayload(frames: readonly Buffer[]): Buffer[] {
  return frames.map((frame) =>
    Buffer.concat([Buffer.of(0, 16, frame.length >> 5, (frame.length & 0x1f) << 3), frame]),
  );
}

export function g711Payload(frames: readonly Buffer[]): Buffer[] {
  return [...frames];
}
