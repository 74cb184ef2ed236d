// What a disk's refusals mean to a user.

import { NvrError } from '../../errors.js';

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space, or set "keepDays" or "keepGiB"',
  EDQUOT: 'the disk quota is used up; free some space, or set "keepDays" or "keepGiB"',
  EROFS: 'the disk is read-only',
  EACCES: 'Node-RED’s user may not write there',
  EPERM: 'Node-RED’s user may not write there',
  ENOENT: 'the folder is gone; is its disk still mounted?',
  ENOTDIR: 'a part of the path is no folder',
  ESTALE: 'the network folder is gone',
  EIO: 'the disk reports an error',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the path is too long for this disk',
};

/** What the system calls its errors; Node.js begins its own with ERR_. */
const SYSTEM_CODE = /^E(?!RR_)[A-Z0-9]+$/;

/** Whether it was the system that refused: the disk, not what the camera sent. */
export function isSystemError(error: unknown): boolean {
  return SYSTEM_CODE.test(codeOf(error)) && !(error instanceof NvrError);
}

/**
 * EDISK that says what to do, where it was the system that refused; other errors of ours stay what they are,
 * and what is left came with the pictures.
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
