// The two errors with which an H.265 picture is refused.

import { NvrError } from '../../errors.js';

export function broken(what: string): NvrError {
  return new NvrError('EDECODE', `The H.265 keyframe is damaged: ${what}.`);
}

export function unsupported(what: string): NvrError {
  return new NvrError('EUNSUPPORTED', `The built-in decoder does not read H.265 with ${what}.`);
}
