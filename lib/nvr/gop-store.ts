// The last keyframe and what followed it, within a bound of bytes.

import type { VideoUnit } from '../codec/unit.js';
import { LIMITS } from '../limits.js';

export class GopStore {
  units: readonly VideoUnit[] = [];
  private list: VideoUnit[] = [];
  private bytes = 0;
  private full = false;

  constructor(private readonly maxBytes: number = LIMITS.gopBytes) {}

  /** A keyframe starts a new GOP; above the bound the keyframe alone is kept. */
  add(unit: VideoUnit): void {
    if (unit.keyframe) {
      this.list = [unit];
      this.bytes = unit.data.length;
      this.full = false;
    } else if (this.list.length > 0 && !this.full) {
      this.bytes += unit.data.length;
      if (this.bytes > this.maxBytes) {
        this.full = true;
        this.list = [this.list[0]!];
      } else {
        this.list.push(unit);
      }
    }
    this.units = this.list;
  }

  clear(): void {
    this.list = [];
    this.units = this.list;
    this.bytes = 0;
    this.full = false;
  }
}
