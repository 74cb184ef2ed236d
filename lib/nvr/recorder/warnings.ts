// The warnings of a recorder, each with advice.

import { NvrError } from '../../errors.js';

export function ringTooSmall(preRoll: number, keptMs: number): NvrError {
  const seconds = (keptMs / 1000).toFixed(1);
  const reason = `The pre-roll of ${preRoll} s does not fit in the memory that this camera, or all cameras together (nvrMemoryMB in settings.js), may use; clips begin ${seconds} s before an alarm.`;
  return new NvrError('EOVERLOAD', reason);
}

/** `cutMs` is Infinity for an alarm that goes on. */
export function cutOff(maxLength: number, cutMs: number): NvrError {
  const what =
    cutMs === Infinity ? 'the alarm goes on' : `${(cutMs / 1000).toFixed(1)} s of its post-roll are left out`;
  const reason = `The clip of the alarm has its maximum length of ${maxLength} s, and ${what}; set a longer "maxLength" to keep more.`;
  return new NvrError('EINPUT', reason);
}

/** `from` is the beginning of the alarm's span, in epoch ms. */
export function cameraChanged(from: number): NvrError {
  const reason = `What is missing of the alarm from ${new Date(from).toISOString()} on is not fetched from the NVR, because the node has since been set to another camera, stream or NVR.`;
  return new NvrError('EINPUT', reason);
}

/** `leftMs` is what is left of the pre-roll. */
export function preRollDropped(leftMs: number): NvrError {
  const reason = `The memory for all cameras together (nvrMemoryMB in settings.js) is full, and the disk does not keep up: less than ${Math.ceil(leftMs / 1000)} s before the alarm are recorded.`;
  return new NvrError('EOVERLOAD', reason);
}

/** Ends the recording. */
export function memoryFull(): NvrError {
  const reason =
    'The memory that this camera, or all cameras together, may use is full: the disk is too slow for them, or nvrMemoryMB in settings.js too small.';
  return new NvrError('EOVERLOAD', reason);
}

/** Ends the recording. `ms` is the length of the video that waits. */
export function diskTooSlow(ms: number): NvrError {
  const seconds = Math.round(ms / 1000);
  return new NvrError('EDISK', `The disk is too slow: ${seconds} s of video wait to be written.`);
}

/** Ends the recording of a span. */
export function tooMuchBefore(): NvrError {
  const reason =
    'The pictures between the last keyframe and the beginning of the span (one GOP) take too much memory: ask for a span that begins at a keyframe.';
  return new NvrError('EOVERLOAD', reason);
}
