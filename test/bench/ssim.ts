// How much decoded pictures look like those that were sent: structural similarity of the luma (Wang et al.
// 2004), in windows of 8 x 8.

export interface Frames {
  readonly width: number;
  readonly height: number;
  /** Luma of all frames, one after the other. */
  readonly data: Buffer;
  /** Seconds, of each. */
  readonly times: readonly number[];
}

const WINDOW = 8;
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

/**
 * Mean over the frames shown, each against the one of the source that it is; `places`: how many frames behind
 * the recording's first one that is, where the first one is itself is found by looks.
 */
export function meanSsim(frames: Frames, source: Frames, places: readonly number[]): number {
  if (places.length === 0) return 0;
  const begin = beginOf(frames, source, places);
  let sum = 0;
  places.forEach((place, i) => {
    const at = Math.min(source.times.length - 1, Math.max(0, begin + place));
    sum += ssim(frames, i, source, at);
  });
  return sum / places.length;
}

/** The source's frame that the recording begins with: where most frames look most alike. */
function beginOf(frames: Frames, source: Frames, places: readonly number[]): number {
  const step = Math.max(1, Math.floor(places.length / 24));
  let best = 0;
  let least = Infinity;
  for (let begin = 0; begin < source.times.length; begin++) {
    const distances: number[] = [];
    for (let i = 0; i < places.length; i += step) {
      const at = begin + places[i]!;
      if (at < source.times.length) distances.push(distance(frames, i, source, at));
    }
    // Most may be damaged, some are whole.
    distances.sort((a, b) => a - b);
    const quarter = distances[distances.length >> 2];
    if (distances.length * step * 2 < places.length || quarter === undefined || quarter >= least) continue;
    least = quarter;
    best = begin;
  }
  return best;
}

function distance(a: Frames, i: number, b: Frames, j: number): number {
  const size = a.width * a.height;
  let sum = 0;
  for (let at = 0; at < size; at += 61) sum += Math.abs(a.data[i * size + at]! - b.data[j * size + at]!);
  return sum;
}

function ssim(a: Frames, i: number, b: Frames, j: number): number {
  const { width, height } = a;
  const size = width * height;
  let sum = 0;
  let windows = 0;
  for (let y = 0; y + WINDOW <= height; y += WINDOW) {
    for (let x = 0; x + WINDOW <= width; x += WINDOW) {
      sum += windowSsim(a.data, i * size + y * width + x, b.data, j * size + y * width + x, width);
      windows++;
    }
  }
  return sum / windows;
}

function windowSsim(a: Buffer, atA: number, b: Buffer, atB: number, stride: number): number {
  let sumA = 0;
  let sumB = 0;
  let squareA = 0;
  let squareB = 0;
  let product = 0;
  for (let y = 0; y < WINDOW; y++) {
    for (let x = 0; x < WINDOW; x++) {
      const pa = a[atA + y * stride + x]!;
      const pb = b[atB + y * stride + x]!;
      sumA += pa;
      sumB += pb;
      squareA += pa * pa;
      squareB += pb * pb;
      product += pa * pb;
    }
  }
  const n = WINDOW * WINDOW;
  const meanA = sumA / n;
  const meanB = sumB / n;
  const varianceA = squareA / n - meanA * meanA;
  const varianceB = squareB / n - meanB * meanB;
  const covariance = product / n - meanA * meanB;
  return (
    ((2 * meanA * meanB + C1) * (2 * covariance + C2)) /
    ((meanA * meanA + meanB * meanB + C1) * (varianceA + varianceB + C2))
  );
}
