// Contexts of I slices, and scan orders of coefficients (H.265 9.3.2.2, 6.5.3 to 6.5.5).

/** First context of each syntax element. */
export const CONTEXT = {
  saoMerge: 0,
  saoType: 1,
  split: 2,
  lossless: 5,
  partition: 6,
  expectedMode: 7,
  chromaMode: 8,
  splitTransform: 9,
  codedLuma: 12,
  codedChroma: 14,
  qpDelta: 18,
  transformSkip: 20,
  lastX: 22,
  lastY: 40,
  codedSubBlock: 58,
  significant: 62,
  greater1: 104,
  greater2: 128,
} as const;

const LAST = [110, 110, 124, 125, 140, 153, 125, 127, 140, 109, 111, 143, 127, 111, 79, 108, 123, 63];

/** initValue by context, in the order of CONTEXT (tables 9-5 to 9-37, initType 0). */
const INIT_VALUES = Uint8Array.of(
  ...[
    153, 200, 139, 141, 157, 154, 184, 184, 63, 153, 138, 138, 111, 141, 94, 138, 182, 154, 154, 154, 139,
    139,
  ],
  ...LAST,
  ...LAST,
  ...[91, 171, 134, 141],
  ...[111, 111, 125, 110, 110, 94, 124, 108, 124, 107, 125, 141, 179, 153, 125, 107, 125, 141, 179, 153, 125],
  ...[
    107, 125, 141, 179, 153, 125, 140, 139, 182, 182, 152, 136, 152, 136, 153, 136, 139, 111, 136, 139, 111,
  ],
  ...[
    140, 92, 137, 138, 140, 152, 138, 139, 153, 74, 149, 92, 139, 107, 122, 152, 140, 179, 166, 182, 140, 227,
    122, 197,
  ],
  ...[138, 153, 136, 167, 152, 152],
);

export const CONTEXTS = INIT_VALUES.length;

/**
 * Initialises contexts (9.3.2.2). A context is twice its state, with the more probable bin in the lowest bit.
 */
export function startContexts(contexts: Uint8Array, qp: number): void {
  const clipped = Math.min(51, Math.max(0, qp));
  for (let i = 0; i < CONTEXTS; i += 1) {
    const value = INIT_VALUES[i]!;
    const slope = (value >> 4) * 5 - 45;
    const offset = ((value & 15) << 3) - 16;
    const state = Math.min(126, Math.max(1, ((slope * clipped) >> 4) + offset));
    contexts[i] = state > 63 ? ((state - 64) << 1) | 1 : (63 - state) << 1;
  }
}

/** scanIdx. */
export const DIAGONAL = 0;
export const HORIZONTAL = 1;
export const VERTICAL = 2;

export interface Scan {
  /** Column and row by place in the scan order. */
  readonly x: Uint8Array;
  readonly y: Uint8Array;
  /** Place by (row << 3) + column. */
  readonly place: Uint8Array;
}

/** By scanIdx and log2 of the side, up to 8 x 8. */
export const SCANS: readonly (readonly Scan[])[] = [DIAGONAL, HORIZONTAL, VERTICAL].map((kind) =>
  [0, 1, 2, 3].map((log2) => scanOf(kind, 1 << log2)),
);

function scanOf(kind: number, side: number): Scan {
  const scan = { x: new Uint8Array(side * side), y: new Uint8Array(side * side), place: new Uint8Array(64) };
  let n = 0;
  const add = (x: number, y: number): void => {
    scan.x[n] = x;
    scan.y[n] = y;
    scan.place[(y << 3) + x] = n;
    n += 1;
  };
  for (let i = 0; i < (kind === DIAGONAL ? 2 * side - 1 : side); i += 1) {
    for (let j = 0; j < side; j += 1) {
      if (kind === HORIZONTAL) add(j, i);
      else if (kind === VERTICAL) add(i, j);
      else if (i - j >= 0 && i - j < side) add(j, i - j);
    }
  }
  return scan;
}

/** sigCtx of a 4x4 block at (row << 2) + column (9.3.4.2.5). The last position is never coded. */
export const SIGNIFICANT_4X4 = Uint8Array.of(0, 1, 4, 5, 2, 3, 4, 5, 6, 6, 8, 8, 7, 7, 8, 8);

/** sigCtx of larger blocks, at (prevCsbf << 4) + (row << 2) + column. */
export const SIGNIFICANT = Uint8Array.from({ length: 64 }, (_, i) => {
  const x = i & 3;
  const y = (i >> 2) & 3;
  switch (i >> 4) {
    case 0:
      return x + y === 0 ? 2 : x + y < 3 ? 1 : 0;
    case 1:
      return y === 0 ? 2 : y === 1 ? 1 : 0;
    case 2:
      return x === 0 ? 2 : x === 1 ? 1 : 0;
    default:
      return 2;
  }
});
