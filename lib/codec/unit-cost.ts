// What a unit that is kept costs in memory, beside its payload: objects, ranges and a Buffer's own header, as
// measured.

import type { MediaUnit } from './unit.js';

const UNIT_BYTES = 700;
const NAL_BYTES = 50;

/**
 * Bytes of memory that one kept unit takes: the measure of every store, so that a bound on memory holds for
 * tiny units too.
 */
export function unitCost(unit: Pick<MediaUnit, 'data'> & { readonly nals?: readonly unknown[] }): number {
  return unit.data.length + UNIT_BYTES + NAL_BYTES * (unit.nals?.length ?? 0);
}
