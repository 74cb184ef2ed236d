// What a stream's boundaries between units teach: whether its markers can be believed, and how its units
// begin.

import type { BoundaryPolicy } from './assembler-options.js';
import type { VideoUnit } from './unit.js';

/** Whether a marker ends a unit. Under `learn` the first unit is held until it is known. */
export class Boundary {
  /** A unit that a marker ended is held back until it is known whether markers can be believed. */
  isHeld = false;
  private markersSeen = false;
  /** The last unit, while it could still turn out to be torn: it was ended by a marker. */
  private last: VideoUnit | undefined;

  constructor(private policy: BoundaryPolicy) {}

  get ignoresMarkers(): boolean {
    return this.policy === 'timestamp';
  }

  /** The server sets markers, and a unit without one has lost its end. */
  get needsMarkers(): boolean {
    return this.markersSeen && this.policy === 'marker';
  }

  seeMarker(): void {
    this.markersSeen = true;
  }

  /** A marker stands behind the unit. Answers whether that ends it. */
  endsByMarker(): boolean {
    this.isHeld = this.policy === 'learn';
    return !this.isHeld;
  }

  /** Another unit follows the one that is held. */
  trustMarkers(): void {
    if (this.isHeld) this.policy = 'marker';
  }

  /** More of the picture follows a marker. */
  distrustMarkers(): void {
    this.policy = 'timestamp';
    this.isHeld = false;
  }

  ended(unit: VideoUnit, byMarker: boolean): void {
    this.last = byMarker ? unit : undefined;
  }

  /** The unit of that time, where a marker ended it; it is told once more that it could be torn no longer. */
  tornAt(rtpTime: number): VideoUnit | undefined {
    return this.last?.rtpTime === rtpTime ? this.last : undefined;
  }

  /** The last unit is whole after all. */
  forgetLast(): void {
    this.last = undefined;
  }
}

/** The NAL types with which a stream's entries and other units begin. */
export class Beginnings {
  private entry = -1;
  private other = -1;

  /** Whether one of that kind begins otherwise; not before one was seen. */
  isOdd(type: number, isEntry: boolean): boolean {
    const usual = isEntry ? this.entry : this.other;
    return usual >= 0 && type !== usual;
  }

  see(type: number, isEntry: boolean): void {
    if (isEntry) this.entry = type;
    else this.other = type;
  }
}
