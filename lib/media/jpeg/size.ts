// Reads the size of a JPEG from its frame header (ITU-T T.81 B.2.2) without decoding it.

/**
 * Undefined if there is no frame header. Visits marker segments only, so the cost does not grow with the
 * picture.
 */
export function jpegSize(data: Uint8Array): { width: number; height: number } | undefined {
  if (data[0] !== 0xff || data[1] !== 0xd8) return undefined;
  let at = 2;
  while (at + 9 < data.length && data[at] === 0xff) {
    const marker = data[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xda || marker === 0xd9) return undefined;
    // SOF0..SOF15, except DHT (C4), JPG (C8) and DAC (CC).
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return { width: (data[at + 7]! << 8) | data[at + 8]!, height: (data[at + 5]! << 8) | data[at + 6]! };
    }
    const length = (data[at + 2]! << 8) | data[at + 3]!;
    if (length < 2) return undefined;
    at += 2 + length;
  }
  return undefined;
}
