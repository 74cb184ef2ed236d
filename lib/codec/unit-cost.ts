// Memory that a retained unit takes beside its payload: objects, ranges and the Buffer header, as measured.

import type { MediaUnit } from './unit.js';

const UNIT_BYTES = 700;
const NAL_BYTES = 50;

/**
 * Bytes of memory for one retained unit. All stores count with it, so that their bounds hold for tiny units
 * too.
 */
export function unitCost(unit: Pick<MediaUnit, 'data'> & { readonly nals?: readonly unknown[] }): number {
  return unit.data.length + UNIT_BYTES + NAL_BYTES * (unit.nals?.length ?? 0);
}
