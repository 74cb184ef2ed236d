// The forward 8x8 DCT of Arai, Agui and Nakajima: 5 multiplications a row, the rest is folded into the quantization divisors.

const COS_4 = Math.SQRT1_2;
const COS_6 = Math.cos((3 * Math.PI) / 8);
const COS_2_MINUS_6 = Math.SQRT2 * Math.cos((3 * Math.PI) / 8);
const COS_2_PLUS_6 = Math.SQRT2 * Math.cos(Math.PI / 8);

/** What the transform leaves out: multiply coefficient [v][u] by 1 / (SCALE[v] * SCALE[u] * 8). */
const SCALE = Float64Array.from({ length: 8 }, (_, n) =>
  n === 0 ? 1 : Math.SQRT2 * Math.cos((n * Math.PI) / 16),
);

/** Reciprocals that quantize and finish the transform at once. `quant` and the result are in natural order. */
export function reciprocals(quant: Uint8Array): Float64Array {
  return Float64Array.from(quant, (q, n) => 1 / (q * SCALE[n >> 3]! * SCALE[n & 7]! * 8));
}

/** In place, 64 level-shifted samples row by row. */
export function forwardDct(block: Float64Array): void {
  for (let i = 0; i < 64; i += 8) pass(block, i, 1);
  for (let i = 0; i < 8; i++) pass(block, i, 8);
}

function pass(block: Float64Array, at: number, step: number): void {
  const at1 = at + step;
  const at2 = at1 + step;
  const at3 = at2 + step;
  const at4 = at3 + step;
  const at5 = at4 + step;
  const at6 = at5 + step;
  const at7 = at6 + step;
  const s0 = block[at]!;
  const s1 = block[at1]!;
  const s2 = block[at2]!;
  const s3 = block[at3]!;
  const s4 = block[at4]!;
  const s5 = block[at5]!;
  const s6 = block[at6]!;
  const s7 = block[at7]!;

  const even0 = s0 + s7 + (s3 + s4);
  const even3 = s0 + s7 - (s3 + s4);
  const even1 = s1 + s6 + (s2 + s5);
  const even2 = (s1 + s6 - (s2 + s5) + even3) * COS_4;
  block[at] = even0 + even1;
  block[at4] = even0 - even1;
  block[at2] = even3 + even2;
  block[at6] = even3 - even2;

  const odd0 = s3 - s4 + (s2 - s5);
  const odd1 = (s2 - s5 + (s1 - s6)) * COS_4;
  const odd2 = s1 - s6 + (s0 - s7);
  const turn = (odd0 - odd2) * COS_6;
  const low = odd0 * COS_2_MINUS_6 + turn;
  const high = odd2 * COS_2_PLUS_6 + turn;
  const sum = s0 - s7 + odd1;
  const difference = s0 - s7 - odd1;
  block[at5] = difference + low;
  block[at3] = difference - low;
  block[at1] = sum + high;
  block[at7] = sum - high;
}
