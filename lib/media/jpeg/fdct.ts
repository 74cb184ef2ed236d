// Forward 8x8 DCT by Arai, Agui and Nakajima: 5 multiplications per row; the remaining factors are part of
// the quantization divisors.

const COS_4 = Math.SQRT1_2;
const COS_6 = Math.cos((3 * Math.PI) / 8);
const COS_2_MINUS_6 = Math.SQRT2 * Math.cos((3 * Math.PI) / 8);
const COS_2_PLUS_6 = Math.SQRT2 * Math.cos(Math.PI / 8);

/** Factors left out of the transform: multiply coefficient [v][u] by 1 / (SCALE[v] * SCALE[u] * 8). */
const SCALE = Float64Array.from({ length: 8 }, (_, n) =>
  n === 0 ? 1 : Math.SQRT2 * Math.cos((n * Math.PI) / 16),
);

/** Reciprocals that quantize and apply these factors at once. `quant` and the result are in natural order. */
export function reciprocals(quant: Uint8Array): Float64Array {
  return Float64Array.from(quant, (q, n) => 1 / (q * SCALE[n >> 3]! * SCALE[n & 7]! * 8));
}

/**
 * Second half: transforms the columns of a block whose rows were transformed by `transformLine`, in place.
 */
export function transformColumns(block: Float64Array): void {
  for (let i = 0; i < 8; i++) {
    transformLine(
      block,
      i,
      8,
      block[i]!,
      block[i + 8]!,
      block[i + 16]!,
      block[i + 24]!,
      block[i + 32]!,
      block[i + 40]!,
      block[i + 48]!,
      block[i + 56]!,
    );
  }
}

/**
 * Transforms eight level-shifted samples into a line of `block` from `at` on: a row with `step` 1, a column
 * with 8.
 */
export function transformLine(
  block: Float64Array,
  at: number,
  step: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  s4: number,
  s5: number,
  s6: number,
  s7: number,
): void {
  const even0 = s0 + s7 + (s3 + s4);
  const even3 = s0 + s7 - (s3 + s4);
  const even1 = s1 + s6 + (s2 + s5);
  const even2 = (s1 + s6 - (s2 + s5) + even3) * COS_4;
  block[at] = even0 + even1;
  block[at + 4 * step] = even0 - even1;
  block[at + 2 * step] = even3 + even2;
  block[at + 6 * step] = even3 - even2;

  const odd0 = s3 - s4 + (s2 - s5);
  const odd1 = (s2 - s5 + (s1 - s6)) * COS_4;
  const odd2 = s1 - s6 + (s0 - s7);
  const turn = (odd0 - odd2) * COS_6;
  const low = odd0 * COS_2_MINUS_6 + turn;
  const high = odd2 * COS_2_PLUS_6 + turn;
  const sum = s0 - s7 + odd1;
  const difference = s0 - s7 - odd1;
  block[at + 5 * step] = difference + low;
  block[at + 3 * step] = difference - low;
  block[at + step] = sum + high;
  block[at + 7 * step] = sum - high;
}
