// Reads numbers from an fmtp line.

/** A whole number of an fmtp line, at most `max`; undefined if it is missing or not a number. */
export function fmtpNumber(fmtp: ReadonlyMap<string, string>, key: string, max: number): number | undefined {
  const text = fmtp.get(key)?.trim() ?? '';
  return /^\d{1,10}$/.test(text) ? Math.min(Number(text), max) : undefined;
}
