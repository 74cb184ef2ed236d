// Finds the spans of a clip in which pictures are damaged or depend on lost data: each from its first such
// picture to the next whole one.

export interface DamagedSpan {
  /** Milliseconds into the clip. */
  readonly start: number;
  readonly end: number;
}

/** After this many, the last span is extended instead, over the whole pictures in between. */
const MAX_SPANS = 500;

export class DamagedSpans {
  private readonly spans: { start: number; end: number }[] = [];
  private open = false;

  /** Adds a picture displayed at `ms`; pictures may come in any order. */
  add(ms: number, isWhole: boolean): void {
    const last = this.spans.at(-1);
    if (isWhole) {
      if (this.open && last !== undefined) last.end = Math.max(last.end, ms);
      this.open = false;
    } else if (last !== undefined && (this.open || this.spans.length >= MAX_SPANS)) {
      this.open = true;
      last.start = Math.min(last.start, ms);
      last.end = Math.max(last.end, ms);
    } else {
      this.open = true;
      this.spans.push({ start: ms, end: ms });
    }
  }

  /** The spans, for a clip that ends at `endMs`. */
  until(endMs: number): DamagedSpan[] {
    return this.spans.map(({ start, end }, i) => ({
      start: Math.round(start),
      end: Math.round(this.open && i === this.spans.length - 1 ? Math.max(end, endMs) : end),
    }));
  }
}
