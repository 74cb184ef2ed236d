// The coding order of a picture's coding tree blocks: tile by tile, row by row inside a tile (H.265 6.5.1).

import type { Pps, Sps } from './parameter-sets.js';
import { ctbColumns, ctbRows } from './slice-header.js';
import { broken } from './errors.js';

export interface PictureMap {
  readonly columns: number;
  readonly rows: number;
  /** Raster address by place in coding order, and the reverse. */
  readonly addresses: Int32Array;
  readonly places: Int32Array;
  /** Tile number by raster address. */
  readonly tiles: Uint16Array;
  /** By column: first column of its tile. */
  readonly tileStarts: Uint16Array;
}

export function mapOf(sps: Sps, pps: Pps): PictureMap {
  const columns = ctbColumns(sps);
  const rows = ctbRows(sps);
  const widths = sizesOf(pps.columns, columns);
  const heights = sizesOf(pps.rows, rows);
  const addresses = new Int32Array(columns * rows);
  const places = new Int32Array(columns * rows);
  const tiles = new Uint16Array(columns * rows);
  const tileStarts = new Uint16Array(columns);
  let place = 0;
  let tile = 0;
  let top = 0;
  for (const height of heights) {
    let left = 0;
    for (const width of widths) {
      for (let y = top; y < top + height; y += 1) {
        for (let x = left; x < left + width; x += 1) {
          const address = y * columns + x;
          addresses[place] = address;
          places[address] = place;
          tiles[address] = tile;
          tileStarts[x] = left;
          place += 1;
        }
      }
      tile += 1;
      left += width;
    }
    top += height;
  }
  return { columns, rows, addresses, places, tiles, tileStarts };
}

function sizesOf(spacing: readonly number[] | number, total: number): number[] {
  const sizes =
    typeof spacing === 'number'
      ? Array.from(
          { length: spacing },
          (_, n) => Math.floor(((n + 1) * total) / spacing) - Math.floor((n * total) / spacing),
        )
      : [...spacing, total - spacing.reduce((sum, size) => sum + size, 0)];
  if (sizes.some((size) => size < 1)) throw broken('its tiles are out of range');
  return sizes;
}
