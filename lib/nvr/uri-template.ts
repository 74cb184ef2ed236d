// The URIs of an NVR's cameras, from the manual's forms or from a user's own templates.

import { NvrError } from '../errors.js';
import type { NvrSettings } from './types.js';

interface Templates {
  live: string;
  playback: string;
}

const STYLES: Readonly<Record<'move' | 'legacy', Templates>> = {
  move: {
    live: '/live?ch={ch:4}&stype={stream}',
    playback: '/playback?ch={ch:4}&stype={stream}&pbkey={pbkey}',
  },
  legacy: { live: '/CH{ch:2}{stream}', playback: '' },
};

/** The highest channel number that people may give. */
export const MAX_CHANNEL = 9999;

/** Live and playback templates of the settings; playback is empty where the style has none. */
export function templatesOf(settings: NvrSettings): Templates {
  if (settings.uriStyle !== 'custom') return STYLES[settings.uriStyle];
  return { live: settings.liveTemplate, playback: settings.playbackTemplate };
}

/**
 * Path and query of a template. `{ch}` and `{ch:n}` (n digits) are the wire's channel number, `{stream}` its code by
 * `streamCodes`; further `values` (`pbkey`, …) are percent-encoded. Throws EINPUT for an unknown placeholder, channel or stream.
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
  const path = template.trim();
  if (path === '') throw new NvrError('EINPUT', 'The URI template is empty; give one in the NVR settings.');
  const wire = channel - 1 + settings.firstChannel;
  const filled = path.replace(
    /\{([a-z]+)(?::([^{}]*))?\}/gi,
    (whole, name: string, format: string | undefined) => {
      if (name === 'ch')
        return String(wire).padStart(Math.min(Number.parseInt(format ?? '1', 10) || 1, 9), '0');
      if (name === 'stream') return code;
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      if (value === undefined)
        throw new NvrError('EINPUT', `The URI template has an unknown placeholder ${whole}.`);
      return encodeURIComponent(value(format ?? ''));
    },
  );
  // eslint-disable-next-line no-control-regex -- a request line must stay one line
  if (/[\x00-\x20\x7f]/.test(filled))
    throw new NvrError('EINPUT', 'The URI template must not contain spaces or control characters.');
  return filled.startsWith('/') ? filled : `/${filled}`;
}
