// Learns a stream's access unit boundaries: whether its marker bits can be trusted, and with which NAL type
// its units begin.

import type { BoundaryPolicy } from './assembler-options.js';
import type { VideoUnit } from './unit.js';

/** Decides whether a marker ends a unit. Under `learn` the first unit is held until that is known. */
export class Boundary {
  /** A unit that a marker ended is held until it is known whether markers can be trusted. */
  isHeld = false;
  private markersSeen = false;
  /** The last unit, if a marker ended it and it may still turn out to be only part of a picture. */
  private last: VideoUnit | undefined;

  constructor(private policy: BoundaryPolicy) {}

  get ignoresMarkers(): boolean {
    return this.policy === 'timestamp';
  }

  /** The server sets markers, so a unit without one lacks its end. */
  get needsMarkers(): boolean {
    return this.markersSeen && this.policy === 'marker';
  }

  seeMarker(): void {
    this.markersSeen = true;
  }

  /** A marker follows the unit. Returns whether that ends it. */
  endsByMarker(): boolean {
    this.isHeld = this.policy === 'learn';
    return !this.isHeld;
  }

  /** Another unit follows the one that is held. */
  trustMarkers(): void {
    if (this.isHeld) this.policy = 'marker';
  }

  /** More of the same picture follows a marker. */
  distrustMarkers(): void {
    this.policy = 'timestamp';
    this.isHeld = false;
  }

  ended(unit: VideoUnit, byMarker: boolean): void {
    this.last = byMarker ? unit : undefined;
  }

  /** The unit with that timestamp, if a marker ended it and it may be only part of a picture. */
  tornAt(rtpTime: number): VideoUnit | undefined {
    return this.last?.rtpTime === rtpTime ? this.last : undefined;
  }

  /** The last unit was complete. */
  forgetLast(): void {
    this.last = undefined;
  }
}

/** The NAL types with which keyframes (entries) and other units of the stream begin. */
export class Beginnings {
  private entry = -1;
  private other = -1;

  /** Whether the unit begins unlike the last one of its kind; false before there was one. */
  isOdd(type: number, isEntry: boolean): boolean {
    const usual = isEntry ? this.entry : this.other;
    return usual >= 0 && type !== usual;
  }

  learn(type: number, isEntry: boolean): void {
    if (isEntry) this.entry = type;
    else this.other = type;
  }
}
