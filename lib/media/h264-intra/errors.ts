// The two errors with which a picture is refused.

import { NvrError } from '../../errors.js';

export function broken(what: string): NvrError {
  return new NvrError('EDECODE', `The H.264 keyframe is damaged: ${what}.`);
}

export function unsupported(what: string): NvrError {
  return new NvrError('EUNSUPPORTED', `The built-in decoder does not read H.264 with ${what}.`);
}
