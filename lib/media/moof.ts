// What stands in the muxer's boxes: just enough to look up times and counts, and to change times (ISO 14496-12 8.8).

export interface Box {
  /** Behind the header. */
  readonly start: number;
  readonly end: number;
}

/** The samples of one run. */
export interface Trun {
  readonly count: number;
  /** Where the first sample's composition offset lies; -1 if there is none. */
  readonly first: number;
  readonly stride: number;
}

/** Bits of a trun's flags. */
const DATA_OFFSET = 0x1;
const FIRST_FLAGS = 0x4;
const DURATION = 0x100;
const SIZE = 0x200;
const FLAGS = 0x400;
const OFFSETS = 0x800;

/** The boxes called `type` among those from `from` to `to`; ends where there is none whole. */
export function* boxes(view: DataView, from: number, to: number, type: string): Generator<Box> {
  for (let at = from; at + 8 <= to;) {
    const size = view.getUint32(at);
    const end = size === 1 ? at + Number(view.getBigUint64(at + 8)) : at + size;
    if (end < at + 8 || end > to) return;
    const name = String.fromCharCode(...[4, 5, 6, 7].map((index) => view.getUint8(at + index)));
    if (name === type) yield { start: at + 8, end };
    at = end;
  }
}

/** Every traf of the moofs in `view`, in order. */
export function* trafs(view: DataView): Generator<Box> {
  for (const moof of boxes(view, 0, view.byteLength, 'moof'))
    yield* boxes(view, moof.start, moof.end, 'traf');
}

/** The traf's track, counted from 0; -1 if it does not say. */
export function trackOf(view: DataView, traf: Box): number {
  for (const { start } of boxes(view, traf.start, traf.end, 'tfhd')) return view.getUint32(start + 4) - 1;
  return -1;
}

/** Where the traf's decode time lies, 64 bits, as the muxer writes it; -1 if there is none. */
export function decodeTimeAt(view: DataView, traf: Box): number {
  for (const { start } of boxes(view, traf.start, traf.end, 'tfdt')) return start + 4;
  return -1;
}

export function* truns(view: DataView, traf: Box): Generator<Trun> {
  for (const { start } of boxes(view, traf.start, traf.end, 'trun')) {
    const flags = view.getUint32(start) & 0xffffff;
    const has = (bit: number): number => ((flags & bit) !== 0 ? 4 : 0);
    const stride = has(DURATION) + has(SIZE) + has(FLAGS) + has(OFFSETS);
    const samples = start + 8 + has(DATA_OFFSET) + has(FIRST_FLAGS);
    const first = has(OFFSETS) === 0 ? -1 : samples + stride - 4;
    yield { count: view.getUint32(start + 4), first, stride };
  }
}
