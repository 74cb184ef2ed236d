// Properties that make a clip's message usable by other nodes: its path, its file name, and an attachment for
// the e-mail node.

import path from 'node:path';
import { NvrError } from '../../lib/errors.js';

/** Mail servers usually accept 25 MB, and base64 turns three bytes into four. */
export const ATTACHED_BYTES = 18 * 1024 * 1024;

interface File {
  readonly file: string;
  readonly bytes: number;
}

/** The e-mail node reads the file while sending, so it is not held in memory. */
export function clipFields({ file, bytes }: File, attach: boolean): Record<string, unknown> {
  const filename = path.basename(file);
  const contentType = filename.endsWith('.mov') ? 'video/quicktime' : 'video/mp4';
  const attachments = [{ filename, path: file, contentType }];
  return { payload: file, filename, ...(attach && bytes <= ATTACHED_BYTES && { attachments }) };
}

/** The warning for a clip that is too large to attach, if attaching was requested. */
export function notAttached({ bytes }: File, attach: boolean): NvrError | undefined {
  if (!attach || bytes <= ATTACHED_BYTES) return undefined;
  const size = Math.round(bytes / 1_000_000);
  return new NvrError(
    'EINPUT',
    `The clip of ${size} MB is not attached: mail servers take no more than 25 MB. Use the camera’s sub stream (stream "dual"), or shorter clips.`,
  );
}
