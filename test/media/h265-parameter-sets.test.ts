// Parameter sets with all that may stand in them, written anew from H.265 7.3.2 and E.2: no encoder at hand
// writes most of it.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parsePps, parseSps } from '../../lib/media/h265-intra/parameter-sets.js';
import { BitWriter } from '../codec/bit-writer.js';

/** A source of values: what a field holds does not matter to where the next one begins. */
type Values = (below: number) => number;

function profile(writer: BitWriter, subLayers: number, next: Values): void {
  for (let i = 0; i < 12; i += 1) writer.u(next(256), 8);
  const present = Array.from({ length: subLayers }, () => ({ profile: next(2) === 1, level: next(2) === 1 }));
  for (const one of present) writer.flag(one.profile).flag(one.level);
  if (subLayers > 0) for (let layer = subLayers; layer < 8; layer += 1) writer.u(0, 2);
  for (const one of present) {
    if (one.profile) for (let i = 0; i < 11; i += 1) writer.u(next(256), 8);
    if (one.level) writer.u(next(256), 8);
  }
}

function scalingLists(writer: BitWriter, next: Values): void {
  for (let size = 0; size < 4; size += 1) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (next(2) === 0) {
        writer.flag(false).ue(next(3));
        continue;
      }
      writer.flag(true);
      if (size > 1) writer.se(next(20) - 10);
      const count = size === 0 ? 16 : 64;
      for (let i = 0; i < count; i += 1) writer.se(next(60) - 30);
    }
  }
}

function hrd(writer: BitWriter, subLayers: number, next: Values): void {
  const models = [next(2) === 1, next(2) === 1];
  const count = models.filter(Boolean).length;
  for (const model of models) writer.flag(model);
  let subPictures = false;
  if (count > 0) {
    subPictures = next(2) === 1;
    writer.flag(subPictures);
    if (subPictures) writer.u(next(256), 8).u(next(32), 5).flag(true).u(next(32), 5);
    writer.u(next(16), 4).u(next(16), 4);
    if (subPictures) writer.u(next(16), 4);
    writer.u(next(32), 5).u(next(32), 5).u(next(32), 5);
  }
  for (let layer = 0; layer <= subLayers; layer += 1) {
    const general = next(2) === 1;
    const within = general || next(2) === 1;
    const isLowDelay = !within && next(2) === 1;
    writer.flag(general);
    if (!general) writer.flag(within);
    if (within) writer.ue(next(9));
    else writer.flag(isLowDelay);
    const buffers = isLowDelay ? 1 : 1 + next(32);
    if (!isLowDelay) writer.ue(buffers - 1);
    for (let i = 0; i < count * buffers; i += 1) {
      writer.ue(next(500)).ue(next(500));
      if (subPictures) writer.ue(next(500)).ue(next(500));
      writer.flag(next(2) === 1);
    }
  }
}

/** Returns the sample aspect ratio, if there is one. */
function vui(
  writer: BitWriter,
  subLayers: number,
  next: Values,
): { width: number; height: number } | undefined {
  const sar = next(2) === 1 ? { width: 2 + next(3), height: 1 } : undefined;
  writer.flag(sar !== undefined);
  if (sar !== undefined) writer.u(255, 8).u(sar.width, 16).u(sar.height, 16);
  const [overscan, signal, colours, chroma] = [next(2) === 1, next(2) === 1, next(2) === 1, next(2) === 1];
  writer.flag(overscan);
  if (overscan) writer.flag(next(2) === 1);
  writer.flag(signal);
  if (signal) {
    writer
      .u(5, 3)
      .flag(next(2) === 1)
      .flag(colours);
    if (colours) writer.u(1, 8).u(1, 8).u(1, 8);
  }
  writer.flag(chroma);
  if (chroma) writer.ue(next(6)).ue(next(6));
  writer.u(next(8), 3);
  const [window, timing, ticks, parameters, limits] = [0, 0, 0, 0, 0].map(() => next(2) === 1);
  writer.flag(window!);
  if (window) for (let i = 0; i < 4; i += 1) writer.ue(next(20));
  writer.flag(timing!);
  if (timing) {
    writer.u(next(65_536), 32).u(next(65_536), 32).flag(ticks!);
    if (ticks) writer.ue(next(100));
    writer.flag(parameters!);
    if (parameters) hrd(writer, subLayers, next);
  }
  writer.flag(limits!);
  if (limits) {
    writer.u(next(8), 3);
    for (let i = 0; i < 5; i += 1) writer.ue(next(100));
  }
  return sar;
}

/** Nine zeros that are read as such only where they begin. */
function extension(writer: BitWriter, next: Values, zeros: number): void {
  const isThere = next(4) > 0;
  writer.flag(isThere);
  if (isThere) {
    const range = next(4) > 0;
    writer.flag(range).u(0, 3).u(next(16), 4);
    if (range) writer.u(0, zeros);
  }
}

function valuesOf(seed: number): Values {
  let state = seed | 1;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

/** A set of sequence parameters of 64 x 64, and what is to be read of it. */
function sps(next: Values, window = [0, 0, 0, 0]): { nal: Buffer; facts: object } {
  const writer = new BitWriter().u(next(16), 4);
  const subLayers = next(7);
  writer.u(subLayers, 3).flag(true);
  profile(writer, subLayers, next);
  const grey = next(4) === 0;
  const id = next(16);
  writer.ue(id).ue(grey ? 0 : 1);
  writer.ue(64).ue(64).flag(true);
  for (const side of window) writer.ue(side);
  const unit = grey ? 1 : 2;
  const [lumaDepth, chromaDepth, pocBits] = [8 + next(9), 8 + next(9), 4 + next(13)];
  writer
    .ue(lumaDepth - 8)
    .ue(chromaDepth - 8)
    .ue(pocBits - 4);
  const all = next(2) === 1;
  writer.flag(all);
  for (let i = 0; i < 3 * (all ? subLayers + 1 : 1); i += 1) writer.ue(next(16));
  // Blocks of 8, coding trees of 16 to 64, transforms of 4 to 16 and more.
  const log2Ctb = 4 + next(3);
  const transformDepth = next(log2Ctb - 1);
  writer
    .ue(0)
    .ue(log2Ctb - 3)
    .ue(0)
    .ue(2)
    .ue(next(3))
    .ue(transformDepth);
  const lists = next(3);
  writer.flag(lists > 0);
  if (lists > 0) writer.flag(lists > 1);
  if (lists > 1) scalingLists(writer, next);
  const sao = next(2) === 1;
  writer.flag(next(2) === 1).flag(sao);
  const pcm =
    next(2) === 1 ? { lumaDepth: 1 + next(8), chromaDepth: 1 + next(8), log2Min: 3, log2Max: 3 } : undefined;
  writer.flag(pcm !== undefined);
  if (pcm !== undefined)
    writer
      .u(pcm.lumaDepth - 1, 4)
      .u(pcm.chromaDepth - 1, 4)
      .ue(0)
      .ue(0)
      .flag(true);
  const shortTermSets: number[] = [];
  const sets = next(5);
  writer.ue(sets);
  for (let index = 0; index < sets; index += 1) {
    const before = shortTermSets.at(-1);
    const isPredicted = before !== undefined && next(2) === 1;
    if (before !== undefined) writer.flag(isPredicted);
    if (isPredicted) {
      writer.flag(next(2) === 1).ue(next(8));
      let kept = 0;
      for (let i = 0; i <= before; i += 1) {
        const [isUsed, isKept] = [next(2) === 1, next(2) === 1];
        writer.flag(isUsed);
        if (!isUsed) writer.flag(isKept);
        if (isUsed || isKept) kept += 1;
      }
      shortTermSets.push(kept);
    } else {
      const [negative, positive] = [next(5), next(5)];
      writer.ue(negative).ue(positive);
      for (let i = 0; i < negative + positive; i += 1) writer.ue(next(16)).flag(next(2) === 1);
      shortTermSets.push(negative + positive);
    }
  }
  const longTermPresent = next(2) === 1;
  const longTermCount = longTermPresent ? next(4) : 0;
  writer.flag(longTermPresent);
  if (longTermPresent) writer.ue(longTermCount);
  for (let i = 0; i < longTermCount; i += 1) writer.u(next(1 << pocBits), pocBits).flag(true);
  const temporalMvp = next(2) === 1;
  writer.flag(temporalMvp).flag(next(2) === 1);
  const hasVui = next(4) > 0;
  writer.flag(hasVui);
  const sar = hasVui ? vui(writer, subLayers, next) : undefined;
  extension(writer, next, 9);
  const [left, right, top, bottom] = window as [number, number, number, number];
  const facts = {
    ...{ id, chromaFormat: grey ? 0 : 1, codedWidth: 64, codedHeight: 64 },
    ...{ width: 64 - unit * (left + right), height: 64 - unit * (top + bottom) },
    ...{
      lumaDepth,
      chromaDepth,
      pocBits,
      log2Ctb,
      transformDepth,
      sao,
      pcm,
      shortTermSets,
      longTermPresent,
      longTermCount,
    },
    ...{ temporalMvp, ...(sar && { sar }) },
  };
  return { nal: writer.nal(0x42, 1), facts };
}

describe('H.265 parameter sets', () => {
  it('are read to their last bit, whatever stands in them: of a sequence', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
        const { nal, facts } = sps(valuesOf(seed), [1, 2, 3, 4]);
        const { log2MinCb, log2MinTb, log2MaxTb, ...read } = parseSps(nal);
        assert.deepEqual(read, facts);
        assert.deepEqual({ log2MinCb, log2MinTb, log2MaxTb }, { log2MinCb: 3, log2MinTb: 2, log2MaxTb: 4 });
      }),
      { numRuns: 150 },
    );
  });

  it('are read to their last bit, whatever stands in them: of a picture', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
        const next = valuesOf(seed);
        const is = (): boolean => next(2) === 1;
        const writer = new BitWriter();
        const facts = {
          id: next(64),
          spsId: next(16),
          dependentSlices: is(),
          outputFlagPresent: is(),
          extraHeaderBits: next(8),
          signHiding: is(),
          qp: next(52),
          transformSkip: is(),
          qpDeltaDepth: is() ? next(4) : undefined,
          sliceChromaOffsets: is(),
          lossless: is(),
          tiles: is(),
          wavefronts: is(),
          filterAcrossSlices: is(),
          headerExtension: is(),
        };
        writer.ue(facts.id).ue(facts.spsId).flag(facts.dependentSlices).flag(facts.outputFlagPresent);
        writer.u(facts.extraHeaderBits, 3).flag(facts.signHiding).flag(is()).ue(next(15)).ue(next(15));
        writer
          .se(facts.qp - 26)
          .flag(is())
          .flag(facts.transformSkip);
        writer.flag(facts.qpDeltaDepth !== undefined);
        if (facts.qpDeltaDepth !== undefined) writer.ue(facts.qpDeltaDepth);
        writer
          .se(next(25) - 12)
          .se(next(25) - 12)
          .flag(facts.sliceChromaOffsets)
          .u(next(4), 2);
        writer.flag(facts.lossless).flag(facts.tiles).flag(facts.wavefronts);
        let [columns, rows]: (number | number[])[] = [1, 1];
        if (facts.tiles) {
          const [wide, high, isUniform] = [1 + next(20), 1 + next(22), is()];
          writer
            .ue(wide - 1)
            .ue(high - 1)
            .flag(isUniform);
          const sizes = (count: number): number[] => Array.from({ length: count - 1 }, () => 1 + next(30));
          [columns, rows] = isUniform ? [wide, high] : [sizes(wide), sizes(high)];
          if (!isUniform) for (const size of [columns, rows].flat()) writer.ue(size - 1);
          writer.flag(is());
        }
        writer.flag(facts.filterAcrossSlices);
        const isControlled = is();
        const deblocking = { deblockingOverride: isControlled && is(), deblockingOff: isControlled && is() };
        writer.flag(isControlled);
        if (isControlled) {
          writer.flag(deblocking.deblockingOverride).flag(deblocking.deblockingOff);
          if (!deblocking.deblockingOff) writer.se(next(13) - 6).se(next(13) - 6);
        }
        const hasLists = next(4) === 0;
        writer.flag(hasLists);
        if (hasLists) scalingLists(writer, next);
        writer.flag(is()).ue(next(5)).flag(facts.headerExtension);
        const largest = next(4);
        const range = is();
        writer.flag(true).flag(range).u(0, 3).u(next(16), 4);
        if (range) {
          if (facts.transformSkip) writer.ue(largest);
          writer.u(0, 2);
        }
        const log2MaxTransformSkip = 2 + (range && facts.transformSkip ? largest : 0);
        assert.deepEqual(parsePps(writer.nal(0x44, 1)), {
          ...{ ...facts, ...deblocking, columns, rows, log2MaxTransformSkip },
        });
      }),
      { numRuns: 150 },
    );
  });

  it('whose window leaves nothing of the picture are refused as damaged, and those that leave two samples are not', () => {
    // A side of 64 samples: 32 units of two, or 64 of one where the picture is grey.
    const seed = [...Array(50).keys()].find((one) => {
      const facts = sps(valuesOf(one), [0, 0, 0, 0]).facts as { chromaFormat: number };
      return facts.chromaFormat === 1;
    })!;
    for (const window of [
      [16, 16, 0, 0],
      [0, 0, 20, 12],
      [40, 0, 0, 0],
    ])
      assert.throws(() => parseSps(sps(valuesOf(seed), window).nal), {
        code: 'EDECODE',
        message: /nothing is left/,
      });
    const { width, height } = parseSps(sps(valuesOf(seed), [16, 15, 11, 20]).nal);
    assert.deepEqual({ width, height }, { width: 2, height: 2 });
  });
});
