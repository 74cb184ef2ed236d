// Makes B-frames' times in a fragment the same for every player. The muxer writes composition offsets below zero, by which ffmpeg shifts the pictures
// against the sound; moved up by the deepest of them, sound included, nothing is below zero and nothing is shifted (ISO 14496-12 8.8.7, 8.8.8, 8.8.12).

/** Bits of a trun's flags. */
const DATA_OFFSET = 0x1;
const FIRST_FLAGS = 0x4;
const DURATION = 0x100;
const SIZE = 0x200;
const FLAGS = 0x400;
const OFFSETS = 0x800;

interface Trun {
  readonly count: number;
  /** Where the first sample's composition offset lies; -1 if there is none. */
  readonly first: number;
  readonly stride: number;
}

/** One per file: the first fragment decides. */
export class FragmentTimes {
  /** In units of the picture's time scale. */
  private depth: number | undefined;

  /** Scales, in units per second, of the tracks in order of their ids, pictures first. */
  constructor(private readonly scales: readonly number[]) {}

  /** Rewrites the moofs among the boxes of `data`, in place. */
  apply(data: Uint8Array): void {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (const moof of boxes(view, 0, view.byteLength, 'moof')) {
      const trafs = [...boxes(view, moof.start, moof.end, 'traf')];
      this.depth ??= Math.max(0, ...trafs.map((traf) => this.deepest(view, traf)));
      if (this.depth === 0) return;
      for (const traf of trafs) this.moveUp(view, traf, this.depth);
    }
  }

  private deepest(view: DataView, traf: Box): number {
    if (trackOf(view, traf) !== 0) return 0;
    let deepest = 0;
    for (const { count, first, stride } of truns(view, traf)) {
      for (let i = 0; first >= 0 && i < count; i++)
        deepest = Math.max(deepest, -view.getInt32(first + i * stride));
    }
    return deepest;
  }

  private moveUp(view: DataView, traf: Box, depth: number): void {
    const track = trackOf(view, traf);
    const runs = track === 0 ? [...truns(view, traf)] : [];
    const offset = Math.round((depth * this.scales[track]!) / this.scales[0]!);
    if (runs.some(({ first }) => first >= 0)) {
      for (const { count, first, stride } of runs) {
        for (let i = 0; i < count; i++)
          view.setInt32(first + i * stride, view.getInt32(first + i * stride) + offset);
      }
      return;
    }
    for (const { start } of boxes(view, traf.start, traf.end, 'tfdt'))
      view.setBigUint64(start + 4, view.getBigUint64(start + 4) + BigInt(offset));
  }
}

interface Box {
  /** Behind the header. */
  readonly start: number;
  readonly end: number;
}

function* boxes(view: DataView, from: number, to: number, type: string): Generator<Box> {
  for (let at = from; at + 8 <= to;) {
    const size = view.getUint32(at);
    const end = size === 1 ? at + Number(view.getBigUint64(at + 8)) : at + size;
    if (end < at + 8 || end > to) return;
    const name = String.fromCharCode(...[4, 5, 6, 7].map((index) => view.getUint8(at + index)));
    if (name === type) yield { start: at + 8, end };
    at = end;
  }
}

function trackOf(view: DataView, traf: Box): number {
  for (const { start } of boxes(view, traf.start, traf.end, 'tfhd')) return view.getUint32(start + 4) - 1;
  return -1;
}

function* truns(view: DataView, traf: Box): Generator<Trun> {
  for (const { start } of boxes(view, traf.start, traf.end, 'trun')) {
    const flags = view.getUint32(start) & 0xffffff;
    const has = (bit: number): number => ((flags & bit) !== 0 ? 4 : 0);
    const stride = has(DURATION) + has(SIZE) + has(FLAGS) + has(OFFSETS);
    const samples = start + 8 + has(DATA_OFFSET) + has(FIRST_FLAGS);
    const first = has(OFFSETS) === 0 ? -1 : samples + stride - 4;
    yield { count: view.getUint32(start + 4), first, stride };
  }
}
