// A small canvas for drawn scenes: filled shapes on RGB, at twice the size that comes out, so that edges are
// smooth.

export type Point = readonly [number, number];

/** Units of a scene: whatever its size in pixels, it is 640 wide and 360 high. */
export const SCENE_WIDTH = 640;
export const SCENE_HEIGHT = 360;
const OVERSAMPLING = 2;

export class Canvas {
  readonly width: number;
  readonly height: number;
  private readonly scale: number;
  private readonly data: Uint8ClampedArray;

  constructor(outWidth: number, outHeight: number) {
    this.width = outWidth * OVERSAMPLING;
    this.height = outHeight * OVERSAMPLING;
    this.scale = this.width / SCENE_WIDTH;
    this.data = new Uint8ClampedArray(this.width * this.height * 3);
  }

  copyFrom(other: Canvas): void {
    this.data.set(other.data);
  }

  rect(x: number, y: number, width: number, height: number, colour: number, alpha = 1): void {
    const s = this.scale;
    const [top, bottom] = [Math.round(y * s), Math.round((y + height) * s)];
    for (let row = top; row < bottom; row++) this.span(row, x * s, (x + width) * s, colour, alpha);
  }

  circle(x: number, y: number, radius: number, colour: number, alpha = 1): void {
    const [cx, cy, r] = [x * this.scale, y * this.scale, radius * this.scale];
    for (let row = Math.floor(cy - r); row <= cy + r; row++) {
      const half = Math.sqrt(Math.max(0, r * r - (row + 0.5 - cy) ** 2));
      this.span(row, cx - half, cx + half, colour, alpha);
    }
  }

  polygon(points: readonly Point[], colour: number, alpha = 1): void {
    const s = this.scale;
    const ys = points.map(([, y]) => y * s);
    for (let row = Math.floor(Math.min(...ys)); row <= Math.max(...ys); row++) {
      const crossings: number[] = [];
      for (const [index, [x1, y1]] of points.entries()) {
        const [x2, y2] = points[(index + 1) % points.length]!;
        const middle = (row + 0.5) / s;
        if (y1 <= middle !== y2 <= middle) crossings.push((x1 + ((middle - y1) / (y2 - y1)) * (x2 - x1)) * s);
      }
      crossings.sort((a, b) => a - b);
      for (let pair = 0; pair + 1 < crossings.length; pair += 2)
        this.span(row, crossings[pair]!, crossings[pair + 1]!, colour, alpha);
    }
  }

  /** A line with a width, as limbs and poles are. */
  line([x1, y1]: Point, [x2, y2]: Point, width: number, colour: number): void {
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [dx, dy] = [((y2 - y1) / length) * (width / 2), ((x1 - x2) / length) * (width / 2)];
    this.polygon(
      [
        [x1 + dx, y1 + dy],
        [x2 + dx, y2 + dy],
        [x2 - dx, y2 - dy],
        [x1 - dx, y1 - dy],
      ],
      colour,
    );
  }

  /** Rows from one colour to another. */
  gradient(y: number, height: number, from: number, to: number): void {
    const mix = (shift: number, share: number): number =>
      Math.round(((from >> shift) & 255) * (1 - share) + ((to >> shift) & 255) * share);
    for (let row = 0; row < height; row++) {
      const share = row / height;
      this.rect(0, y + row, SCENE_WIDTH, 1, (mix(16, share) << 16) | (mix(8, share) << 8) | mix(0, share));
    }
  }

  /** RGB in the size that comes out. */
  picture(): Buffer {
    const [width, height] = [this.width / OVERSAMPLING, this.height / OVERSAMPLING];
    const out = Buffer.alloc(width * height * 3);
    const row = this.width * 3;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let channel = 0; channel < 3; channel++) {
          const at = 2 * y * row + 6 * x + channel;
          const sum = this.data[at]! + this.data[at + 3]! + this.data[at + row]! + this.data[at + row + 3]!;
          out[(y * width + x) * 3 + channel] = sum >> 2;
        }
    return out;
  }

  private span(row: number, from: number, to: number, colour: number, alpha: number): void {
    if (row < 0 || row >= this.height) return;
    const end = Math.min(this.width, Math.round(to));
    for (let x = Math.max(0, Math.round(from)); x < end; x++) {
      const at = (row * this.width + x) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const wanted = (colour >> (16 - 8 * channel)) & 255;
        this.data[at + channel] = this.data[at + channel]! * (1 - alpha) + wanted * alpha;
      }
    }
  }
}
