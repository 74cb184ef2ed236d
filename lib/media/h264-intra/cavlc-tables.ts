// Variable-length codes of CAVLC residuals (H.264 9.2, tables 9-5 and 9-7 to 9-10), expanded once into
// look-up tables.

/**
 * Table 9-5 for nC 0..1, 2..3 and 4..7: code lengths at 4 * TotalCoeff + TrailingOnes; 0 if there is no such
 * code.
 */
const COEFF_TOKEN_LENGTHS = [
  [
    1, 0, 0, 0, 6, 2, 0, 0, 8, 6, 3, 0, 9, 8, 7, 5, 10, 9, 8, 6, 11, 10, 9, 7, 13, 11, 10, 8, 13, 13, 11, 9,
    13, 13, 13, 10, 14, 14, 13, 11, 14, 14, 14, 13, 15, 15, 14, 14, 15, 15, 15, 14, 16, 15, 15, 15, 16, 16,
    16, 15, 16, 16, 16, 16, 16, 16, 16, 16,
  ],
  [
    2, 0, 0, 0, 6, 2, 0, 0, 6, 5, 3, 0, 7, 6, 6, 4, 8, 6, 6, 4, 8, 7, 7, 5, 9, 8, 8, 6, 11, 9, 9, 6, 11, 11,
    11, 7, 12, 11, 11, 9, 12, 12, 12, 11, 12, 12, 12, 11, 13, 13, 13, 12, 13, 13, 13, 13, 13, 14, 13, 13, 14,
    14, 14, 13, 14, 14, 14, 14,
  ],
  [
    4, 0, 0, 0, 6, 4, 0, 0, 6, 5, 4, 0, 6, 5, 5, 4, 7, 5, 5, 4, 7, 5, 5, 4, 7, 6, 6, 4, 7, 6, 6, 4, 8, 7, 7,
    5, 8, 8, 7, 6, 9, 8, 8, 7, 9, 9, 8, 8, 9, 9, 9, 8, 10, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    10, 10,
  ],
];
const COEFF_TOKEN_CODES = [
  [
    1, 0, 0, 0, 5, 1, 0, 0, 7, 4, 1, 0, 7, 6, 5, 3, 7, 6, 5, 3, 7, 6, 5, 4, 15, 6, 5, 4, 11, 14, 5, 4, 8, 10,
    13, 4, 15, 14, 9, 4, 11, 10, 13, 12, 15, 14, 9, 12, 11, 10, 13, 8, 15, 1, 9, 12, 11, 14, 13, 8, 7, 10, 9,
    12, 4, 6, 5, 8,
  ],
  [
    3, 0, 0, 0, 11, 2, 0, 0, 7, 7, 3, 0, 7, 10, 9, 5, 7, 6, 5, 4, 4, 6, 5, 6, 7, 6, 5, 8, 15, 6, 5, 4, 11, 14,
    13, 4, 15, 10, 9, 4, 11, 14, 13, 12, 8, 10, 9, 8, 15, 14, 13, 12, 11, 10, 9, 12, 7, 11, 6, 8, 9, 8, 10, 1,
    7, 6, 5, 4,
  ],
  [
    15, 0, 0, 0, 15, 14, 0, 0, 11, 15, 13, 0, 8, 12, 14, 12, 15, 10, 11, 11, 11, 8, 9, 10, 9, 14, 13, 9, 8,
    10, 9, 8, 15, 14, 13, 13, 11, 14, 10, 12, 15, 10, 13, 12, 11, 14, 9, 12, 8, 10, 13, 8, 13, 7, 9, 12, 9,
    12, 11, 10, 5, 8, 7, 6, 1, 4, 3, 2,
  ],
];

/** Table 9-5 for nC = -1 (chroma DC of 4:2:0). */
const CHROMA_DC_LENGTHS = [2, 0, 0, 0, 6, 1, 0, 0, 6, 6, 3, 0, 6, 7, 7, 6, 6, 8, 8, 7];
const CHROMA_DC_CODES = [1, 0, 0, 0, 7, 1, 0, 0, 4, 6, 1, 0, 3, 3, 2, 5, 2, 3, 2, 0];

/** Tables 9-7 and 9-8, by TotalCoeff - 1, then total_zeros. */
const TOTAL_ZEROS_LENGTHS = [
  [1, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 9],
  [3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6, 6, 6, 6, 0],
  [4, 3, 3, 3, 4, 4, 3, 3, 4, 5, 5, 6, 5, 6, 0, 0],
  [5, 3, 4, 4, 3, 3, 3, 4, 3, 4, 5, 5, 5, 0, 0, 0],
  [4, 4, 4, 3, 3, 3, 3, 3, 4, 5, 4, 5, 0, 0, 0, 0],
  [6, 5, 3, 3, 3, 3, 3, 3, 4, 3, 6, 0, 0, 0, 0, 0],
  [6, 5, 3, 3, 3, 2, 3, 4, 3, 6, 0, 0, 0, 0, 0, 0],
  [6, 4, 5, 3, 2, 2, 3, 3, 6, 0, 0, 0, 0, 0, 0, 0],
  [6, 6, 4, 2, 2, 3, 2, 5, 0, 0, 0, 0, 0, 0, 0, 0],
  [5, 5, 3, 2, 2, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [4, 4, 3, 3, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [4, 4, 2, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [3, 3, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];
const TOTAL_ZEROS_CODES = [
  [1, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 1],
  [7, 6, 5, 4, 3, 5, 4, 3, 2, 3, 2, 3, 2, 1, 0, 0],
  [5, 7, 6, 5, 4, 3, 4, 3, 2, 3, 2, 1, 1, 0, 0, 0],
  [3, 7, 5, 4, 6, 5, 4, 3, 3, 2, 2, 1, 0, 0, 0, 0],
  [5, 4, 3, 7, 6, 5, 4, 3, 2, 1, 1, 0, 0, 0, 0, 0],
  [1, 1, 7, 6, 5, 4, 3, 2, 1, 1, 0, 0, 0, 0, 0, 0],
  [1, 1, 5, 4, 3, 3, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0],
  [1, 1, 1, 3, 3, 2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0],
  [1, 0, 1, 3, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
  [1, 0, 1, 3, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [0, 1, 1, 2, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];

/** Table 9-9 a: chroma DC of 4:2:0. */
const CHROMA_DC_ZEROS_LENGTHS = [
  [1, 2, 3, 3],
  [1, 2, 2],
  [1, 1],
];
const CHROMA_DC_ZEROS_CODES = [
  [1, 1, 1, 0],
  [1, 1, 0],
  [1, 0],
];

/** Table 9-10 by min(zerosLeft, 7) - 1, then run_before. */
const RUN_LENGTHS = [
  [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [2, 2, 2, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [2, 2, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [2, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [3, 3, 3, 3, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0],
];
const RUN_CODES = [
  [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [3, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [3, 2, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [3, 0, 1, 3, 2, 5, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [7, 6, 5, 4, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0],
];

/** Number of bits used to look up total_zeros, run_before, and coeff_token of chroma DC. */
export const TOTAL_ZEROS_BITS = 9;
export const CHROMA_DC_ZEROS_BITS = 3;
export const RUN_BITS = 11;
export const CHROMA_DC_BITS = 8;

/** Entries are 256 * symbol + code length; 0 if there is no such code. Each table takes 2^bits entries. */
export const TOTAL_ZEROS = lookUps(TOTAL_ZEROS_LENGTHS, TOTAL_ZEROS_CODES, TOTAL_ZEROS_BITS);
export const CHROMA_DC_ZEROS = lookUps(CHROMA_DC_ZEROS_LENGTHS, CHROMA_DC_ZEROS_CODES, CHROMA_DC_ZEROS_BITS);
export const RUNS = lookUps(RUN_LENGTHS, RUN_CODES, RUN_BITS);
export const CHROMA_DC_TOKENS = lookUps([CHROMA_DC_LENGTHS], [CHROMA_DC_CODES], CHROMA_DC_BITS);

/**
 * Codes of coeff_token have at most three bits behind their first 1, so the number of leading zeros and these
 * bits identify them: index 128 * table + 8 * zeros + bits.
 */
export const COEFF_TOKENS = new Uint16Array(3 * 128);

for (let table = 0; table < 3; table += 1) {
  for (let symbol = 0; symbol < 68; symbol += 1) {
    const length = COEFF_TOKEN_LENGTHS[table]![symbol]!;
    if (length === 0) continue;
    const code = COEFF_TOKEN_CODES[table]![symbol]!;
    const tail = 31 - Math.clz32(code);
    const zeros = length - 1 - tail;
    const first = (code << (3 - tail)) & 7;
    for (let i = 0; i < 1 << (3 - tail); i += 1)
      COEFF_TOKENS[128 * table + 8 * zeros + first + i] = (symbol << 8) | length;
  }
}

function lookUps(lengths: readonly number[][], codes: readonly number[][], bits: number): Uint16Array {
  const entries = new Uint16Array(lengths.length << bits);
  for (const [table, row] of lengths.entries()) {
    for (const [symbol, length] of row.entries()) {
      if (length === 0) continue;
      const free = bits - length;
      const first = (table << bits) + (codes[table]![symbol]! << free);
      entries.fill((symbol << 8) | length, first, first + (1 << free));
    }
  }
  return entries;
}
