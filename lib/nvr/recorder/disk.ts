// Explains the file system's errors to users.

import { NvrError } from '../../errors.js';

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space, or set "keepDays" or "keepGiB"',
  EDQUOT: 'the disk quota is used up; free some space, or set "keepDays" or "keepGiB"',
  EROFS: 'the disk is read-only',
  EACCES: 'Node-RED’s user may not write there',
  EPERM: 'Node-RED’s user may not write there',
  ENOENT: 'the folder is gone; is its disk still mounted?',
  ENOTDIR: 'a part of the path is a file, not a folder',
  ESTALE: 'the network folder is gone',
  EIO: 'the disk reports an error',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the path is too long for this disk',
};

/** The form of the system's error codes; Node.js begins its own with ERR_. */
const SYSTEM_CODE = /^E(?!RR_)[A-Z0-9]+$/;

/** Whether the error comes from the system (the disk), not from what the camera sent. */
export function isSystemError(error: unknown): boolean {
  return SYSTEM_CODE.test(codeOf(error)) && !(error instanceof NvrError);
}

/**
 * Turns an error into an NvrError: a system error becomes EDISK with advice, an NvrError stays, and any other
 * was caused by the camera's data.
 */
export function writeError(cause: unknown, path: string): NvrError {
  if (cause instanceof NvrError) return cause;
  if (!isSystemError(cause))
    return new NvrError('EPROTOCOL', 'The pictures that the camera sent could not be put into a file.', {
      cause,
    });
  const code = codeOf(cause);
  const hint = HINTS[code] ?? `the system says ${code}`;
  return new NvrError('EDISK', `The clip cannot be written to ${path}: ${hint}.`, { cause });
}

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
