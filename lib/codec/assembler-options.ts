// What the assembler of access units can be told, and what it counts.

import type { ReadWindow } from './read-window.js';
import type { ParameterSetPolicy } from './unit.js';

/**
 * When a unit ends (quirk: misplaced-markers). `marker`: at the marker bit or a new timestamp; `timestamp`:
 * at a new timestamp alone, for a stream that sets the marker on every slice (GStreamer does); `learn`: the
 * first unit is held back until what follows it, or `settle`, tells which of the two the stream is.
 */
export type BoundaryPolicy = 'marker' | 'timestamp' | 'learn';

/** Plain counters, readable at any time. */
export interface AssemblerStats {
  units: number;
  /** Units handed out with `damaged` set. */
  damagedUnits: number;
  /** Units of which nothing was left to hand out, or which grew past a limit. */
  droppedUnits: number;
  /** NAL units dropped because a part was missing or made no sense. */
  droppedNals: number;
}

export interface AssemblerOptions {
  parameterSets?: ParameterSetPolicy;
  /** Frames per second by the SDP, where the SPS has no timing. */
  frameRate?: number;
  boundary?: BoundaryPolicy;
  window?: ReadWindow;
  /** Keep slices that a loss cuts off, as far as they came: see `VideoUnit.cut`. */
  cutSlices?: boolean;
}
