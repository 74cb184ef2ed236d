// Memory that a retained unit takes: its data with what is unused of their memory, objects, ranges and the
// Buffer header, as measured.

interface Retained {
  readonly data: { readonly length: number; readonly buffer?: { readonly byteLength: number } };
  readonly nals?: readonly unknown[];
}

const UNIT_BYTES = 700;
const NAL_BYTES = 50;
/** Smaller data share memory, or waste too little to matter. */
const OWN_MEMORY_BYTES = 1024;

/**
 * Bytes of memory for one retained unit. All stores count with it, so that their bounds hold for tiny units
 * too.
 */
export function unitCost({ data, nals }: Retained): number {
  return memoryOf(data) + UNIT_BYTES + NAL_BYTES * (nals?.length ?? 0);
}

/** A unit may leave up to a quarter of its memory unused; memory of more than that is shared with others. */
function memoryOf(data: Retained['data']): number {
  const { length } = data;
  if (length < OWN_MEMORY_BYTES) return length;
  const bytes = data.buffer?.byteLength ?? length;
  return bytes <= 2 * length ? bytes : length;
}
