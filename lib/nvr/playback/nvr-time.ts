// Parses the times that users give (epoch ms, a span from now, ISO 8601, a Date), and converts to the NVR's
// local time.

import { DateTime } from 'luxon';
import { NvrError } from '../../errors.js';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SPAN = /^([+-]?)(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)$/i;
/** A number without a unit is seconds and must be smaller than this. */
const MAX_BARE_SECONDS = 1_000;
const MAX_DURATION_MS = 7 * 86_400_000;
/** The years 1990 to 2100: a number outside is in seconds, or no time at all. */
const MIN_MS = Date.UTC(1990, 0, 1);
const MAX_MS = Date.UTC(2100, 0, 1);

/**
 * Parses `"90s"`, `"2m"` or `"1.5h"`, a week at most, into ms. A number without a unit is seconds, below
 * 1,000. Throws EINPUT.
 */
export function parseDuration(value: unknown, name: string): number {
  const text = typeof value === 'string' ? value.trim() : typeof value === 'number' ? String(value) : '';
  const span = SPAN.exec(text);
  if (span !== null && span[1] !== '-')
    return bounded(Number(span[2]) * UNIT_MS[span[3]!.toLowerCase()]!, name);
  const seconds = Number(text);
  if (text === '' || !Number.isFinite(seconds) || seconds < 0)
    throw new NvrError(
      'EINPUT',
      `"${name}" is no span of time; give seconds, or text such as "90s", "2m", "1h".`,
    );
  // A large number probably means milliseconds, so the user has to give a unit.
  if (seconds >= MAX_BARE_SECONDS)
    throw new NvrError(
      'EINPUT',
      `"${name}" is in seconds, below ${MAX_BARE_SECONDS} without a unit; write "20m" for 20 minutes, "90s" for 90 seconds.`,
    );
  return bounded(seconds * 1000, name);
}

/**
 * Parses a time into epoch ms: a number of epoch ms, a Date, `"now"`, a span from now (`"-5m"`), or ISO 8601,
 * which without a zone is in `timeZone` (IANA; empty: UTC). Throws EINPUT.
 */
export function parseTime(value: unknown, name: string, nowMs: number, timeZone: string): number {
  if (value instanceof Date) return plausible(value.getTime(), name);
  if (typeof value === 'number') return plausible(value, name);
  if (typeof value === 'string') {
    const text = value.trim();
    if (text.toLowerCase() === 'now') return nowMs;
    const span = SPAN.exec(text);
    if (span !== null && span[1] !== '') {
      return plausible(
        nowMs + (span[1] === '-' ? -1 : 1) * Number(span[2]) * UNIT_MS[span[3]!.toLowerCase()]!,
        name,
      );
    }
    if (/^\d{12,14}$/.test(text)) return plausible(Number(text), name);
    if (/^\d{4}-?\d{2}/.test(text)) {
      const parsed = DateTime.fromISO(text.replace(' ', 'T'), {
        zone: timeZone === '' ? 'utc' : timeZone,
        setZone: false,
      });
      if (parsed.isValid) return plausible(parsed.toMillis(), name);
    }
  }
  throw new NvrError(
    'EINPUT',
    `"${name}" is no time; give epoch milliseconds, ISO 8601 such as 2026-03-29T14:02:00Z, or a span from now such as "-5m".`,
  );
}

/**
 * A time as the key service counts it, in seconds: Unix time or, with a time zone, the local time counted as
 * if it were UTC.
 */
export function nvrLocalSeconds(epochMs: number, timeZone: string): number {
  const seconds = Math.floor(epochMs / 1000);
  if (timeZone === '') return seconds;
  const local = DateTime.fromMillis(epochMs, { zone: timeZone });
  if (!local.isValid)
    throw new NvrError(
      'EINPUT',
      `The time zone "${timeZone.slice(0, 40)}" is not known; give an IANA name such as Europe/Berlin.`,
    );
  return seconds + local.offset * 60;
}

function bounded(ms: number, name: string): number {
  if (ms > 0 && ms <= MAX_DURATION_MS) return ms;
  throw new NvrError(
    'EINPUT',
    ms > 0
      ? `"${name}" must be a week at most; ask for longer spans with "from" and "to".`
      : `"${name}" must be longer than 0 s.`,
  );
}

function plausible(ms: number, name: string): number {
  if (ms >= MIN_MS && ms < MAX_MS) return Math.round(ms);
  throw new NvrError('EINPUT', `"${name}" is no time between 1990 and 2100; numbers are epoch milliseconds.`);
}
