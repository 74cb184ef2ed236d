// What makes a clip's message plug into other nodes: its path, its file's name, and an attachment as the
// e-mail node takes them.

import path from 'node:path';
import { NvrError } from '../../lib/errors.js';

/** Mail servers take 25 MB as a rule, in base64, which makes four bytes of three. */
export const ATTACHED_BYTES = 18 * 1024 * 1024;

interface File {
  readonly file: string;
  readonly bytes: number;
}

/** The e-mail node reads the file as it sends: no flow holds it in memory. */
export function clipFields({ file, bytes }: File, attach: boolean): Record<string, unknown> {
  const filename = path.basename(file);
  const contentType = filename.endsWith('.mov') ? 'video/quicktime' : 'video/mp4';
  const attachments = [{ filename, path: file, contentType }];
  return { payload: file, filename, ...(attach && bytes <= ATTACHED_BYTES && { attachments }) };
}

/** Why a clip is not attached though it was asked for. */
export function notAttached({ bytes }: File, attach: boolean): NvrError | undefined {
  if (!attach || bytes <= ATTACHED_BYTES) return undefined;
  const size = Math.round(bytes / 1_000_000);
  return new NvrError(
    'EINPUT',
    `The clip of ${size} MB is not attached: mail servers take no more than 25 MB. Use the camera’s sub stream (stream "dual"), or shorter clips.`,
  );
}
