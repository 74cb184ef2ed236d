// The URIs of an NVR's cameras, from the forms in MOBOTIX's manual or from the user's own templates.

import { DateTime } from 'luxon';
import { NvrError } from '../errors.js';
import { fillTemplate, STYLES } from './fill-template.js';
import type { NvrSettings } from './types.js';

interface Templates {
  live: string;
  playback: string;
}

/** The highest channel number that users may enter. */
export const MAX_CHANNEL = 9999;

/** The live and playback templates; playback is empty if the style has none. */
export function templatesOf(settings: NvrSettings): Templates {
  if (settings.uriStyle !== 'custom') return STYLES[settings.uriStyle];
  return { live: settings.liveTemplate, playback: settings.playbackTemplate };
}

/**
 * Path and query from a template. `{ch}` and `{ch:n}` (n digits) become the channel number on the wire,
 * `{stream}` its code by `streamCodes`; `{username}`, `{password}` and further `values` (`pbkey`, …) are
 * percent-encoded. Throws EINPUT for an unknown placeholder, channel or stream.
 */
export function expandTemplate(
  template: string,
  settings: NvrSettings,
  channel: number,
  stream: string,
  values: Readonly<Record<string, (format: string) => string>> = {},
): string {
  if (!Number.isInteger(channel) || channel < 1 || channel > MAX_CHANNEL) {
    throw new NvrError('EINPUT', `The channel must be a whole number from 1 to ${MAX_CHANNEL}.`);
  }
  const code = Object.hasOwn(settings.streamCodes, stream) ? settings.streamCodes[stream] : undefined;
  if (code === undefined) {
    throw new NvrError(
      'EINPUT',
      `The stream must be one of ${Object.keys(settings.streamCodes).join(', ')}.`,
    );
  }
  if (template.trim() === '')
    throw new NvrError('EINPUT', 'The URI template is empty; give one in the NVR settings.');
  const filled = fillTemplate(template, channel - 1 + settings.firstChannel, code, {
    username: () => settings.username,
    password: () => settings.password,
    ...values,
  });
  // eslint-disable-next-line no-control-regex -- a request line must stay one line
  if (/[\x00-\x20\x7f]/.test(filled))
    throw new NvrError('EINPUT', 'The URI template must not contain spaces or control characters.');
  // A request line is ASCII: other letters are sent as percent-encoded UTF-8 (RFC 3986 2.5).
  return filled.replace(/[^\x21-\x7e]/gu, (letter) =>
    Buffer.from(letter).reduce((text, byte) => `${text}%${byte.toString(16).toUpperCase()}`, ''),
  );
}

/** The values that a playback URI may contain. Times are in epoch ms. */
export interface PlaybackSpan {
  start: number;
  end: number | undefined;
  key: string;
}

/** Whether the playback template wants a key of the key service. */
export function needsKey(settings: NvrSettings): boolean {
  return templatesOf(settings).playback.includes('{pbkey');
}

/**
 * Path and query of a recording. `{start:FORMAT}` and `{end:FORMAT}` are `unix` (seconds), `ms`, `iso` (UTC),
 * or luxon's tokens such as `yyyyMMdd'T'HHmmss`, in the NVR's time zone, or in UTC with `utc:` in front.
 * Throws EINPUT if the style has no form for playback.
 */
export function playbackPath(
  settings: NvrSettings,
  channel: number,
  stream: string,
  span: PlaybackSpan,
): string {
  const template = templatesOf(settings).playback;
  if (template === '')
    throw new NvrError(
      'EINPUT',
      'This URI style knows no playback; give a playback path in the NVR settings.',
    );
  return expandTemplate(template, settings, channel, stream, {
    pbkey: () => span.key,
    start: (format) => formatTime(span.start, format, settings.timeZone),
    end: (format) => formatTime(span.end ?? span.start + 24 * 3_600_000, format, settings.timeZone),
  });
}

/** Prefix of a format: use UTC, whatever the NVR's time zone is. */
const UTC = 'utc:';

function formatTime(ms: number, format: string, timeZone: string): string {
  switch (format) {
    case '':
    case 'unix':
      return String(Math.floor(ms / 1000));
    case 'ms':
      return String(ms);
    case 'iso':
      return new Date(ms).toISOString();
    default: {
      const isUtc = timeZone === '' || format.startsWith(UTC);
      const at = DateTime.fromMillis(ms, { zone: isUtc ? 'utc' : timeZone });
      return at.toFormat(format.startsWith(UTC) ? format.slice(UTC.length) : format);
    }
  }
}
