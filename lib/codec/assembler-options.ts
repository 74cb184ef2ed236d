// Options and counters of the access unit assembler.

import type { ReadWindow } from './read-window.js';
import type { ParameterSetPolicy } from './unit.js';

/**
 * What ends a unit (quirk: misplaced-markers). `marker`: the marker bit or a new timestamp. `timestamp`: a
 * new timestamp only, for a stream that sets the marker on every slice, as GStreamer does. `learn`: the first
 * unit is held until what follows it, or `releaseHeld`, shows which of the two applies.
 */
export type BoundaryPolicy = 'marker' | 'timestamp' | 'learn';

/** Counters, readable at any time. */
export interface AssemblerStats {
  units: number;
  /** Units handed out with `damaged` set. */
  damagedUnits: number;
  /** Units with nothing left to hand out, or that grew past a limit. */
  droppedUnits: number;
  /** NAL units dropped because a part was missing or invalid. */
  droppedNals: number;
}

export interface AssemblerOptions {
  parameterSets?: ParameterSetPolicy;
  /** Frames per second from the SDP, used if the SPS has no timing. */
  frameRate?: number;
  boundary?: BoundaryPolicy;
  window?: ReadWindow;
  /** Keep the received part of slices cut by a loss: see `VideoUnit.cut`. */
  cutSlices?: boolean;
}
