import assert from 'node:assert/strict';

import { joinAnnexB, splitAnnexB } from '../../lib/codec/annexb.js';
import { NvrError } from '../../lib/errors.js';
import { IntraDecoder, decodeIntraPicture } from '../../lib/media/h264-intra/index.js';
import { some, times } from '../kit/cases.js';
import { needs } from '../kit/tools.js';
import {
  compare,
  decodeMutated,
  encode,
  mutationClips,
  pictures,
  random,
  rawOf,
  reference,
  typeOf,
} from './h264-intra-clips.js';
import type { Clip } from './h264-intra-clips.js';
import { BitWriter, rewrite } from './h264-intra-rewrite.js';
import type { Rewrite } from './h264-intra-rewrite.js';

const decoder = new IntraDecoder();
let compared = 0;

function same(clip: Clip): void {
  const name = `${clip.width}x${clip.height} ${clip.params ?? ''} ${(clip.options ?? []).join(' ')}`;
  compared += compare(encode(clip), decoder, name);
}

function refused(code: string, data: Uint8Array, message: RegExp): void {
  assert.throws(
    () => decoder.decode(data),
    (error) => error instanceof NvrError && error.code === code && message.test(error.message),
  );
}

const qp = (value: number): string[] => ['-qp', String(value)];

describe('H.264 keyframes in TypeScript, beside ffmpeg', function () {
  this.timeout(60_000);

  before(function () {
    needs(this, 'ffmpeg');
  });

  it('decodes Baseline profile at every quantiser', () => {
    for (const value of some([1, 4, 9, 15, 20, 26, 33, 40, 46, 51], 3)) {
      const source = value % 2 === 0 ? 'testsrc2' : 'mandelbrot';
      same({ source, width: 112, height: 80, options: ['-profile:v', 'baseline', ...qp(value)] });
    }
  });

  it('decodes Main profile at every quantiser', () => {
    for (const value of some([1, 6, 11, 17, 23, 29, 36, 42, 51], 3)) {
      const source = value % 2 === 0 ? 'testsrc2' : 'mandelbrot';
      same({ source, width: 112, height: 80, options: ['-profile:v', 'main', ...qp(value)] });
    }
  });

  it('decodes High profile at every quantiser, with CABAC and CAVLC', () => {
    for (const cabac of [0, 1]) {
      for (const value of some([1, 8, 14, 19, 25, 31, 38, 47, 51], 3)) {
        const source = value % 2 === 0 ? 'testsrc2' : 'mandelbrot';
        same({ source, width: 96, height: 96, params: `cabac=${cabac}`, options: qp(value) });
      }
    }
  });

  it('decodes quantisers that change from macroblock to macroblock', () => {
    for (const cabac of [0, 1]) {
      const params = `cabac=${cabac}:aq-mode=3:aq-strength=3`;
      same({ source: 'mandelbrot', width: 352, height: 288, frames: 6, params, options: ['-crf', '20'] });
    }
  });

  it('decodes pictures of several slices, filtered and not', () => {
    for (const filter of ['deblock=-6,6', 'deblock=6,-6', 'deblock=6,6', 'no-deblock=1']) {
      for (const cabac of [0, 1]) {
        same({ width: 128, height: 96, params: `slices=4:cabac=${cabac}:${filter}`, options: qp(32) });
      }
    }
  });

  it('crops sizes that are no whole macroblocks', () => {
    for (const [width, height] of [
      [2, 2],
      [18, 34],
      [30, 50],
      [98, 66],
      [174, 142],
    ] as const) {
      same({ width, height, options: qp(22) });
    }
  });

  it('decodes scaling matrices', () => {
    const flat = Array.from({ length: 16 }, (_, n) => 8 + 5 * n).join(',');
    const steep = Array.from({ length: 64 }, (_, n) => 6 + 3 * n).join(',');
    for (const cqm of [
      'cqm=jvt',
      `cqm4iy=${flat}`,
      `cqm4ic=${flat}`,
      `cqm8i=${steep}`,
      `cqm4=${flat}:cqm8=${steep}`,
    ]) {
      same({ source: 'mandelbrot', width: 96, height: 80, params: cqm, options: qp(16) });
      same({ source: 'mandelbrot', width: 96, height: 80, params: `cabac=0:${cqm}`, options: qp(3) });
    }
  });

  it('decodes grey pictures', () => {
    for (const cabac of [0, 1]) {
      for (const value of [5, 30]) {
        same({ width: 90, height: 62, format: 'gray', params: `cabac=${cabac}`, options: qp(value) });
      }
    }
    assert.equal(
      decoder.decode(pictures(encode({ width: 32, height: 32, format: 'gray' }))[0]!).cb,
      undefined,
    );
  });

  it('decodes frame pictures of streams that may hold fields', () => {
    same({ width: 178, height: 148, params: 'fake-interlaced=1', options: qp(24) });
  });

  it('decodes noise, whose macroblocks are I_PCM', () => {
    for (const cabac of [0, 1]) {
      const clip = encode({
        width: 64,
        height: 64,
        params: `cabac=${cabac}`,
        options: ['-vf', 'noise=alls=100:allf=t', ...qp(1)],
      });
      assert.ok(clip.length > 3 * 16 * 384 * 0.9);
      compared += compare(clip, decoder, 'noise');
    }
  });

  it('decodes intra pictures that are no IDR pictures', () => {
    const clip = encode({
      width: 176,
      height: 144,
      frames: 24,
      params: 'open-gop=1:keyint=6:min-keyint=6:bframes=2:scenecut=0',
      options: ['-g', '6'],
    });
    let found = 0;
    let sets: Buffer[] = [];
    for (const nal of splitAnnexB(clip)) {
      if (typeOf(nal) === 7) sets = [];
      // Parameter sets and the recovery point SEI.
      if (typeOf(nal) >= 6 && typeOf(nal) <= 8) sets.push(nal);
      // first_mb_in_slice 0, slice_type 7: all slices are I.
      if (typeOf(nal) !== 1 || nal[1] !== 0x88) continue;
      const alone = joinAnnexB([...sets, nal]);
      compared += compare(
        alone,
        decoder,
        'open GOP',
        reference(alone, '-flags', 'output_corrupt', '-flags2', 'showall'),
      );
      found += 1;
    }
    assert.ok(found >= 2, `${found} pictures found`);
  });

  it('tells range and colour matrix', () => {
    const options = ['-color_range', 'pc', '-colorspace', 'bt709'];
    const full = decoder.decode(pictures(encode({ width: 64, height: 64, format: 'yuvj420p', options }))[0]!);
    assert.equal(full.fullRange, true);
    assert.equal(full.matrixCoefficients, 1);
    const unsaid = decoder.decode(pictures(encode({ width: 64, height: 64 }))[0]!);
    assert.equal(unsaid.fullRange, false);
    assert.equal(unsaid.matrixCoefficients, 2);
    same({ width: 64, height: 64, format: 'yuvj420p', options });
  });

  it('decodes what x264 never writes: parameter sets and slice headers written anew', () => {
    const next = random(6);
    const list = (size: number): number[] => Array.from({ length: size }, () => 8 + Math.floor(next() * 40));
    for (const cabac of [0, 1]) {
      const clip = encode({
        source: 'mandelbrot',
        width: 96,
        height: 80,
        params: `cabac=${cabac}:slices=2`,
        options: qp(27),
      });
      const variants: Rewrite[] = [
        { cbQpOffset: -12, crQpOffset: 12 },
        { cbQpOffset: 5, crQpOffset: -3, filterMode: 2, offsetA: 3, offsetB: -2 },
        { filterMode: 1 },
        { spsLists: [] },
        { spsLists: [list(16)] },
        { spsLists: [undefined, list(16), undefined, undefined, undefined, undefined, list(64)] },
        { spsLists: [list(16), undefined, list(16)], ppsLists: [undefined, list(16)] },
        {
          spsLists: [list(16), undefined, undefined, undefined, undefined, undefined, list(64)],
          ppsLists: [],
        },
        { ppsLists: [undefined, undefined, list(16)] },
        { ppsLists: [[8, 0], list(16), [16, 24, 0], undefined, undefined, undefined, [20, 0]] },
        { crop: [1, 2, 3, 1] },
      ];
      for (const [n, variant] of variants.entries()) {
        const written = rewrite(clip, variant);
        const raw = reference(written, '-flags', 'unaligned');
        compared += compare(written, decoder, `rewritten ${n} cabac ${cabac}`, raw);
      }
    }
  });

  it('has been compared over many pictures', () => {
    assert.ok(compared >= times(150, 200), `${compared} pictures`);
  });

  it('refuses what it does not read, in clear words', () => {
    const first = (clip: Partial<Clip>): Buffer =>
      pictures(encode({ width: 64, height: 64, frames: 1, ...clip }))[0]!;
    refused('EUNSUPPORTED', first({ params: 'tff=1' }), /interlaced/);
    refused('EUNSUPPORTED', first({ format: 'yuv420p10le' }), /10 bits/);
    refused('EUNSUPPORTED', first({ format: 'yuv422p' }), /4:2:2/);
    refused('EUNSUPPORTED', first({ format: 'yuv444p' }), /4:4:4/);
    refused('EUNSUPPORTED', first({ options: qp(0) }), /lossless/);
    const whole = encode({ width: 64, height: 64, frames: 2, options: ['-g', '2', '-bf', '0'] });
    refused('EUNSUPPORTED', pictures(whole)[1]!, /no keyframe/);
  });

  it('refuses pictures that are not whole', () => {
    const picture = pictures(
      encode({ width: 64, height: 64, frames: 1, params: 'slices=4', options: qp(30) }),
    )[0]!;
    const nals = splitAnnexB(picture);
    const slices = nals.filter((nal) => typeOf(nal) === 5);
    const sets = nals.filter((nal) => typeOf(nal) !== 5);
    assert.equal(slices.length, 4);
    refused('EDECODE', joinAnnexB([...sets, ...slices.slice(0, 3)]), /missing/);
    refused('EDECODE', joinAnnexB([...sets, ...slices.slice(1)]), /missing/);
    refused('EDECODE', joinAnnexB([...sets, slices[0]!, slices[2]!]), /missing/);
    refused('EDECODE', joinAnnexB([...sets, slices[0]!, slices[0]!]), /twice|missing/);
    refused('EDECODE', joinAnnexB(slices), /parameter sets/);
    refused('EDECODE', joinAnnexB(sets), /no picture/);
    refused('EDECODE', Buffer.alloc(0), /no picture/);
    for (const part of [1, 2, 5, 9]) {
      const cut = slices[3]!.subarray(0, slices[3]!.length - part);
      refused('EDECODE', joinAnnexB([...sets, ...slices.slice(0, 3), cut]), /keyframe is damaged/);
    }
  });

  it('gives a typed error or a picture for mutated keyframes, each within its time', () => {
    const count = times(600, 3000);
    const result = decodeMutated(mutationClips(), count, 20261123);
    assert.equal(result.decoded + result.damaged + result.unsupported, count);
    assert.ok(result.decoded > count / 60 && result.damaged > count / 6, JSON.stringify(result));
  });

  it('works the same after any of these, after another size, and after its memory was released', () => {
    const small = encode({ width: 64, height: 48, frames: 1, options: qp(20) });
    const large = encode({ width: 128, height: 96, frames: 1, options: qp(20) });
    const own = new IntraDecoder();
    for (const clip of [small, large, small]) compare(clip, own, 'again');
    own.release();
    compare(small, own, 'after release');
  });
});

describe('H.264 keyframes written by hand', () => {
  const sps = (width: number, height: number): Buffer =>
    new BitWriter()
      .bits(66, 8)
      .bits(0, 8)
      .bits(40, 8)
      .ue(0)
      .ue(0)
      .ue(2)
      .ue(1)
      .bits(0, 1)
      .ue(width - 1)
      .ue(height - 1)
      .bits(0b1100, 4)
      .nal(0x67);
  const pps = (groups = 0): Buffer =>
    new BitWriter()
      .ue(0)
      .ue(0)
      .bits(0, 2)
      .ue(groups)
      .ue(0)
      .ue(0)
      .bits(0, 3)
      .se(0)
      .se(0)
      .se(0)
      .bits(0b000, 3)
      .nal(0x68);
  const slice = (firstMb: number): BitWriter =>
    new BitWriter().ue(firstMb).ue(7).ue(0).bits(0, 4).ue(0).bits(0, 2).se(0);

  it('takes the samples of I_PCM as they are', () => {
    const samples = Array.from({ length: 384 }, (_, n) => (7 * n + 3) & 255);
    const writer = slice(0).ue(25).align(0);
    for (const sample of samples) writer.bits(sample, 8);
    const picture = decodeIntraPicture(joinAnnexB([sps(1, 1), pps(), writer.nal(0x65)]));
    assert.deepEqual([...rawOf(picture)], samples);
  });

  it('predicts grey where nothing is coded', () => {
    // I_16x16 with DC prediction, no chroma prediction, qp delta 0 and no DC coefficients.
    const writer = slice(0).ue(3).ue(0).se(0).bits(1, 1);
    const picture = decodeIntraPicture(joinAnnexB([sps(1, 1), pps(), writer.nal(0x65)]));
    assert.ok(rawOf(picture).every((value) => value === 128));
  });

  it('reads past picture order of type 1 and reference marking', () => {
    const set = new BitWriter().bits(66, 8).bits(0, 8).bits(40, 8).ue(0).ue(0).ue(1).bits(0, 1);
    // Offsets of 32 bits: the smallest and the largest.
    set.bits(0, 31).bits(1, 1).bits(0x7fff_ffff, 31).bits(0, 13).bits(1, 1).bits(5, 13);
    set.ue(2).se(3).se(-70_000).ue(1).bits(0, 1).ue(0).ue(0).bits(0b1100, 4);
    const writer = new BitWriter().ue(0).ue(7).ue(0).bits(9, 4).se(-2);
    // Adaptive marking: one short-term picture, one long-term, no more.
    writer.bits(1, 1).ue(1).ue(4).ue(3).ue(0).ue(1).ue(5).ue(0).se(0);
    writer.ue(3).ue(0).se(0).bits(1, 1);
    const picture = decodeIntraPicture(joinAnnexB([set.nal(0x67), pps(), writer.nal(0x41)]));
    assert.ok(rawOf(picture).every((value) => value === 128));
  });

  it('refuses slice groups, slices in arbitrary order and pictures past 8192 x 4608', () => {
    const writer = (firstMb: number): Buffer => slice(firstMb).ue(3).ue(0).se(0).bits(1, 1).nal(0x65);
    refused('EUNSUPPORTED', joinAnnexB([sps(1, 1), pps(1), writer(0)]), /slice groups/);
    refused('EUNSUPPORTED', joinAnnexB([sps(2, 1), pps(), writer(1), writer(0)]), /arbitrary order/);
    refused('EUNSUPPORTED', joinAnnexB([sps(513, 1), pps(), writer(0)]), /8208 x 16/);
    refused('EUNSUPPORTED', joinAnnexB([sps(289, 512), pps(), writer(0)]), /4624 x 8192/);
    refused('EDECODE', joinAnnexB([sps(1, 1), pps(), writer(1)]), /damaged|missing/);
  });

  it('ends at once where a slice ends', () => {
    refused('EDECODE', joinAnnexB([sps(512, 288), pps(), slice(0).nal(0x65)]), /damaged/);
  });
});
