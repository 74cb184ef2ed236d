// What makes a picture's message plug into other nodes: a file's name, and the content type of an HTTP
// response.

import { clipPath } from '../../lib/nvr/recorder/file-name.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { channelName } from './channel.js';
import type { Input } from './flow-node.js';

const NAME = '{nvr}-{channel}-{yyyy}-{MM}-{dd}-{HHmmss}';
const ENDINGS: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'video/h264': 'h264',
  'video/h265': 'h265',
};

/** A base name that mail programs and file systems take. `time`: epoch ms. */
export function pictureName(
  settings: NvrSettings,
  channel: number,
  stream: string,
  time: number,
  contentType: string,
): string {
  const fields = {
    nvr: settings.name,
    channel: channelName(settings, channel),
    stream,
    reason: 'snapshot',
    time,
  };
  return `${clipPath(NAME, fields, settings.timeZone).join('-')}.${ENDINGS[contentType] ?? 'bin'}`;
}

/**
 * `msg.headers` for a flow that ends in `http response`; other headers stay, the content type of whoever
 * asked does not.
 */
export function responseHeaders(
  { res, headers }: Input,
  contentType: string,
): { headers?: Record<string, unknown> } {
  if (res === undefined || res === null) return {};
  const given = typeof headers === 'object' && headers !== null ? Object.entries(headers) : [];
  const others = given.filter(([name]) => name.toLowerCase() !== 'content-type');
  return { headers: { ...Object.fromEntries(others), 'content-type': contentType } };
}
