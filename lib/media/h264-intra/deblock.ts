// Deblocking filter for an all-intra frame (H.264 8.7): bS is 4 on macroblock edges and 3 inside.

import type { Frame, SliceFilter } from './frame.js';
import { chromaQp } from './transform.js';

/** Table 8-16 by indexA and indexB, and table 8-17 for bS 3. */
// prettier-ignore
const ALPHA = Uint8Array.of(
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 5, 6, 7, 8, 9, 10, 12, 13, 15, 17, 20, 22, 25, 28,
  32, 36, 40, 45, 50, 56, 63, 71, 80, 90, 101, 113, 127, 144, 162, 182, 203, 226, 255, 255,
);
// prettier-ignore
const BETA = Uint8Array.of(
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 6, 6, 7, 7, 8, 8,
  9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 17, 18, 18,
);
// prettier-ignore
const TC0 = Uint8Array.of(
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3,
  3, 3, 4, 4, 4, 5, 6, 6, 7, 8, 9, 10, 11, 13, 14, 16, 18, 20, 23, 25,
);

/**
 * Macroblocks are filtered in address order, because each uses samples already filtered with the one before.
 */
export function deblock(frame: Frame): void {
  const { filters, heightInMbs, slice, widthInMbs } = frame;
  if (filters.every((filter) => filter.mode === 1)) return;
  let mb = 0;
  for (let mbY = 0; mbY < heightInMbs; mbY += 1) {
    for (let mbX = 0; mbX < widthInMbs; mbX += 1, mb += 1) {
      const own = slice[mb]!;
      const filter = filters[own]!;
      if (filter.mode === 1) continue;
      const left = mbX > 0 && (filter.mode === 0 || slice[mb - 1] === own);
      const top = mbY > 0 && (filter.mode === 0 || slice[mb - widthInMbs] === own);
      deblockMacroblock(frame, filter, mb, mbX, mbY, left, top);
    }
  }
}

function deblockMacroblock(
  frame: Frame,
  filter: SliceFilter,
  mb: number,
  mbX: number,
  mbY: number,
  left: boolean,
  top: boolean,
): void {
  const { cStride, cb, cr, grey, qp, widthInMbs, y, yStride } = frame;
  const own = qp[mb]!;
  const leftQp = left ? qp[mb - 1]! : 0;
  const topQp = top ? qp[mb - widthInMbs]! : 0;
  const step = frame.transform8x8[mb] === 1 ? 8 : 4;
  const yAt = 16 * (mbY * yStride + mbX);
  if (left) edgeLuma4(y, yAt, 1, yStride, (own + leftQp + 1) >> 1, filter);
  for (let i = step; i < 16; i += step) edgeLuma3(y, yAt + i, 1, yStride, own, filter);
  if (top) edgeLuma4(y, yAt, yStride, 1, (own + topQp + 1) >> 1, filter);
  for (let i = step; i < 16; i += step) edgeLuma3(y, yAt + i * yStride, yStride, 1, own, filter);
  if (grey) return;
  const cAt = 8 * (mbY * cStride + mbX);
  deblockChroma(cb, cAt, cStride, filter, filter.cbQpOffset, own, leftQp, topQp, left, top);
  deblockChroma(cr, cAt, cStride, filter, filter.crQpOffset, own, leftQp, topQp, left, top);
}

function deblockChroma(
  plane: Uint8ClampedArray,
  at: number,
  stride: number,
  filter: SliceFilter,
  offset: number,
  own: number,
  leftQp: number,
  topQp: number,
  left: boolean,
  top: boolean,
): void {
  const qp = chromaQp(own, offset);
  if (left) edgeChroma4(plane, at, 1, stride, (qp + chromaQp(leftQp, offset) + 1) >> 1, filter);
  edgeChroma3(plane, at + 4, 1, stride, qp, filter);
  if (top) edgeChroma4(plane, at, stride, 1, (qp + chromaQp(topQp, offset) + 1) >> 1, filter);
  edgeChroma3(plane, at + 4 * stride, stride, 1, qp, filter);
}

function clipIndex(index: number): number {
  return index < 0 ? 0 : index > 51 ? 51 : index;
}

/**
 * Filters 16 lines across an edge at `at` with bS 4 (8.7.2.4). `across` is the step over the edge, `along`
 * the step to the next line.
 */
function edgeLuma4(
  plane: Uint8ClampedArray,
  at: number,
  across: number,
  along: number,
  qp: number,
  filter: SliceFilter,
): void {
  const alpha = ALPHA[clipIndex(qp + filter.offsetA)]!;
  const beta = BETA[clipIndex(qp + filter.offsetB)]!;
  if (alpha === 0 || beta === 0) return;
  const strong = (alpha >> 2) + 2;
  const end = at + 16 * along;
  const across2 = 2 * across;
  const across3 = 3 * across;
  const across4 = 4 * across;
  for (let i = at; i < end; i += along) {
    const p0 = plane[i - across]!;
    const q0 = plane[i]!;
    const step = Math.abs(p0 - q0);
    if (step >= alpha) continue;
    const p1 = plane[i - across2]!;
    if (Math.abs(p1 - p0) >= beta) continue;
    const q1 = plane[i + across]!;
    if (Math.abs(q1 - q0) >= beta) continue;
    const p2 = plane[i - across3]!;
    const q2 = plane[i + across2]!;
    if (step < strong && Math.abs(p2 - p0) < beta) {
      plane[i - across] = (p2 + 2 * p1 + 2 * p0 + 2 * q0 + q1 + 4) >> 3;
      plane[i - across2] = (p2 + p1 + p0 + q0 + 2) >> 2;
      plane[i - across3] = (2 * plane[i - across4]! + 3 * p2 + p1 + p0 + q0 + 4) >> 3;
    } else {
      plane[i - across] = (2 * p1 + p0 + q1 + 2) >> 2;
    }
    if (step < strong && Math.abs(q2 - q0) < beta) {
      plane[i] = (p1 + 2 * p0 + 2 * q0 + 2 * q1 + q2 + 4) >> 3;
      plane[i + across] = (p0 + q0 + q1 + q2 + 2) >> 2;
      plane[i + across2] = (2 * plane[i + across3]! + 3 * q2 + q1 + q0 + p0 + 4) >> 3;
    } else {
      plane[i] = (2 * q1 + q0 + p1 + 2) >> 2;
    }
  }
}

/** The same with bS 3 (8.7.2.3). */
function edgeLuma3(
  plane: Uint8ClampedArray,
  at: number,
  across: number,
  along: number,
  qp: number,
  filter: SliceFilter,
): void {
  const indexA = clipIndex(qp + filter.offsetA);
  const alpha = ALPHA[indexA]!;
  const beta = BETA[clipIndex(qp + filter.offsetB)]!;
  if (alpha === 0 || beta === 0) return;
  const tc0 = TC0[indexA]!;
  const end = at + 16 * along;
  const across2 = 2 * across;
  const across3 = 3 * across;
  for (let i = at; i < end; i += along) {
    const p0 = plane[i - across]!;
    const q0 = plane[i]!;
    if (Math.abs(p0 - q0) >= alpha) continue;
    const p1 = plane[i - across2]!;
    if (Math.abs(p1 - p0) >= beta) continue;
    const q1 = plane[i + across]!;
    if (Math.abs(q1 - q0) >= beta) continue;
    const p2 = plane[i - across3]!;
    const q2 = plane[i + across2]!;
    let tc = tc0;
    const mean = (p0 + q0 + 1) >> 1;
    if (Math.abs(p2 - p0) < beta) {
      tc += 1;
      const change = (p2 + mean - 2 * p1) >> 1;
      plane[i - across2] = p1 + (change < -tc0 ? -tc0 : change > tc0 ? tc0 : change);
    }
    if (Math.abs(q2 - q0) < beta) {
      tc += 1;
      const change = (q2 + mean - 2 * q1) >> 1;
      plane[i + across] = q1 + (change < -tc0 ? -tc0 : change > tc0 ? tc0 : change);
    }
    const delta = (((q0 - p0) << 2) + (p1 - q1) + 4) >> 3;
    const change = delta < -tc ? -tc : delta > tc ? tc : delta;
    plane[i - across] = p0 + change;
    plane[i] = q0 - change;
  }
}

function edgeChroma4(
  plane: Uint8ClampedArray,
  at: number,
  across: number,
  along: number,
  qp: number,
  filter: SliceFilter,
): void {
  const alpha = ALPHA[clipIndex(qp + filter.offsetA)]!;
  const beta = BETA[clipIndex(qp + filter.offsetB)]!;
  if (alpha === 0 || beta === 0) return;
  const end = at + 8 * along;
  for (let i = at; i < end; i += along) {
    const p0 = plane[i - across]!;
    const q0 = plane[i]!;
    if (Math.abs(p0 - q0) >= alpha) continue;
    const p1 = plane[i - 2 * across]!;
    const q1 = plane[i + across]!;
    if (Math.abs(p1 - p0) >= beta || Math.abs(q1 - q0) >= beta) continue;
    plane[i - across] = (2 * p1 + p0 + q1 + 2) >> 2;
    plane[i] = (2 * q1 + q0 + p1 + 2) >> 2;
  }
}

function edgeChroma3(
  plane: Uint8ClampedArray,
  at: number,
  across: number,
  along: number,
  qp: number,
  filter: SliceFilter,
): void {
  const indexA = clipIndex(qp + filter.offsetA);
  const alpha = ALPHA[indexA]!;
  const beta = BETA[clipIndex(qp + filter.offsetB)]!;
  if (alpha === 0 || beta === 0) return;
  const tc = TC0[indexA]! + 1;
  const end = at + 8 * along;
  for (let i = at; i < end; i += along) {
    const p0 = plane[i - across]!;
    const q0 = plane[i]!;
    if (Math.abs(p0 - q0) >= alpha) continue;
    const p1 = plane[i - 2 * across]!;
    const q1 = plane[i + across]!;
    if (Math.abs(p1 - p0) >= beta || Math.abs(q1 - q0) >= beta) continue;
    const delta = (((q0 - p0) << 2) + (p1 - q1) + 4) >> 3;
    const change = delta < -tc ? -tc : delta > tc ? tc : delta;
    plane[i - across] = p0 + change;
    plane[i] = q0 - change;
  }
}
