// Properties that make a picture's message usable by other nodes: a file name, and the content type for an
// HTTP response.

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

/** A file name valid in mail programs and file systems. `time`: epoch ms. */
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

/** Headers that describe a body. `http request` leaves those of its reply in the message. */
const OF_BODY = /^(?:content-(?:type|length|encoding|range|md5)|transfer-encoding|etag|last-modified)$/i;

/**
 * `msg.headers` for a flow that ends in `http response`. Other headers are kept; those of a body are the
 * picture's.
 */
export function responseHeaders(
  { res, headers }: Input,
  contentType: string,
): { headers?: Record<string, unknown> } {
  if (res === undefined || res === null) return {};
  const given = typeof headers === 'object' && headers !== null ? Object.entries(headers) : [];
  const others = given.filter(([name]) => !OF_BODY.test(name));
  return { headers: { ...Object.fromEntries(others), 'content-type': contentType } };
}
