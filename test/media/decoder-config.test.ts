import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { joinAnnexB, splitAnnexB } from '../../lib/codec/annexb.js';
import { parseH265Sps } from '../../lib/codec/h265/sps.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { decoderConfig, opensFile, sequenceSets } from '../../lib/media/decoder-config.js';
import { BitWriter } from '../codec/bit-writer.js';
import { clipUnits } from '../kit/picture-units.js';
import { needs } from '../kit/tools.js';
import { source, videoUnits, type SourceOptions } from '../kit/recorded-units.js';

/** The record as ffmpeg makes it of the same bytes. */
function ffmpegRecord(options: SourceOptions): Buffer {
  const format = options.codec === 'h265' ? 'hevc' : 'h264';
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-config-'));
  const file = path.join(folder, 'clip.mp4');
  // ffmpeg counts the first zero of a start code of four bytes as the end of the NAL unit in front.
  const bytes = videoUnits(source(options)).map(({ data }) =>
    splitAnnexB(data).map((nal) => Buffer.concat([Buffer.of(0, 0, 1), nal])),
  );
  const input = Buffer.concat(bytes.flat());
  execFileSync(
    'ffmpeg',
    [
      '-v',
      'error',
      '-f',
      format,
      '-i',
      '-',
      '-c',
      'copy',
      '-tag:v',
      options.codec === 'h265' ? 'hvc1' : 'avc1',
      file,
    ],
    { input },
  );
  const all = fs.readFileSync(file);
  fs.rmSync(folder, { recursive: true });
  const at = all.indexOf(options.codec === 'h265' ? 'hvcC' : 'avcC');
  return all.subarray(at + 4, at - 4 + all.readUInt32BE(at - 4));
}

const unitOf = (from: VideoUnit, sets: readonly Buffer[]): VideoUnit => {
  let at = 0;
  const nals = sets.map((set) => ({
    type: from.codec === 'h265' ? (set[0]! >> 1) & 0x3f : set[0]! & 0x1f,
    start: at,
    end: (at += 4 + set.length),
  }));
  return { ...from, data: joinAnnexB(sets), nals };
};

describe('the decoder configuration of a file', function () {
  this.timeout(30_000);

  before(function () {
    needs(this, 'ffmpeg');
  });

  for (const options of [
    {},
    { codec: 'h265' },
    { codec: 'h265', encoder: 'temporal-layers=1', bFrames: 2 },
  ] as const) {
    it(`is ffmpeg’s, byte for byte: ${JSON.stringify(options)}`, () => {
      const { record } = decoderConfig(videoUnits(source(options))[0]!);
      assert.equal(record.toString('hex'), ffmpegRecord(options).toString('hex'));
    });
  }

  it('is made of an SPS whose reference picture sets are predicted from one another', () => {
    const first = videoUnits(source({ codec: 'h265' }))[0]!;
    const [vps, , pps] = [32, 33, 34].map((type) => {
      const { start, end } = first.nals.find((nal) => nal.type === type)!;
      return first.data.subarray(start + 4, end);
    });
    const sps = new BitWriter()
      .u(0, 4)
      .u(0, 3)
      .flag(true)
      .u(1, 8)
      .u(0x60000000, 32)
      .u(0x90000000, 32)
      .u(0, 16)
      .u(60, 8);
    sps.ue(0).ue(1).ue(320).ue(184).flag(true).ue(0).ue(0).ue(0).ue(2);
    sps.ue(0).ue(0).ue(4).flag(true).ue(4).ue(2).ue(0);
    for (let i = 0; i < 6; i += 1) sps.ue(1);
    sps.flag(false).flag(false).flag(true).flag(false);
    // Four sets: one told, three predicted, each of which keeps what the one before has and adds one.
    sps.ue(4).ue(1).ue(0).ue(0).flag(true);
    for (let set = 1, pictures = 1; set < 4; set += 1, pictures += 1) {
      sps.flag(true).flag(true).ue(0);
      for (let i = 0; i <= pictures; i += 1) sps.flag(true);
    }
    sps.flag(false).flag(true).flag(true).flag(false);
    const nal = sps.nal(0x42, 1);
    assert.equal(parseH265Sps(nal)?.height, 180);
    const { record } = decoderConfig(unitOf(first, [vps!, nal, pps!]));
    assert.ok(record.includes(nal));
    assert.equal(record.length, 23 + 3 * 5 + vps!.length + nal.length + pps!.length);
  });

  it('is refused where there are no parameter sets, or none that can be read, in words that say so', () => {
    const first = videoUnits(source())[0]!;
    const slice = first.nals.find(({ type }) => type === 5)!;
    const bare = unitOf(first, [first.data.subarray(slice.start + 4, slice.end)]);
    assert.throws(() => decoderConfig(bare), { code: 'EUNSUPPORTED', message: /SPS and PPS/ });
    assert.equal(sequenceSets(bare).length, 0);
    const broken = unitOf(first, [Buffer.of(0x67, 1), Buffer.of(0x68, 1)]);
    assert.throws(() => decoderConfig(broken), { code: 'EUNSUPPORTED', message: /SPS/ });
    assert.throws(() => decoderConfig({ ...first, codec: 'mjpeg' }), {
      code: 'EUNSUPPORTED',
      message: /MJPEG/,
    });
  });
});

describe('what can open a file', () => {
  const [PICTURE] = clipUnits('h264', 1);
  const bytesOf = (unit: VideoUnit, type: number): Buffer => {
    const { start, end } = unit.nals.find((nal) => nal.type === type)!;
    return unit.data.subarray(start + 4, end);
  };
  const [sps, pps, slice] = [7, 8, 5].map((type) => bytesOf(PICTURE!, type)) as [Buffer, Buffer, Buffer];
  const picture = (sets: readonly Buffer[], changes: Partial<VideoUnit> = {}): VideoUnit => ({
    ...unitOf(PICTURE!, sets),
    ...changes,
  });
  /** A set that differs from all others. */
  const other = (set: Buffer, number: number): Buffer =>
    Buffer.concat([set, Buffer.of(1 + (number >> 8), number & 0xff, 0x80)]);

  it('is a keyframe or a recovery point; a damaged keyframe with all its sets where there is nothing else', () => {
    const all = [sps, pps, slice];
    for (const acceptsDamaged of [false, true]) {
      assert.equal(opensFile(picture(all), acceptsDamaged), true);
      assert.equal(opensFile(picture([slice]), acceptsDamaged), true);
      assert.equal(opensFile(picture([slice], { keyframe: false, recoveryFrames: 3 }), acceptsDamaged), true);
      assert.equal(opensFile(picture(all, { keyframe: false }), acceptsDamaged), false);
      assert.equal(opensFile(picture(all, { damaged: true }), acceptsDamaged), acceptsDamaged);
      assert.equal(opensFile(picture(all, { damaged: true, standIn: true }), acceptsDamaged), true);
      for (const some of [[sps, slice], [pps, slice], [slice]])
        assert.equal(opensFile(picture(some, { damaged: true, standIn: true }), acceptsDamaged), false);
      const broken = { damaged: true, keyframe: false, recoveryFrames: 3 };
      assert.equal(opensFile(picture(all, broken), acceptsDamaged), false);
      const jpeg = { codec: 'mjpeg', nals: [], damaged: true } as const;
      assert.equal(opensFile(picture([], jpeg), acceptsDamaged), acceptsDamaged);
    }
  });

  it('has each set once, however often it comes, and as many as a record can count', () => {
    const twice = decoderConfig(picture([sps, pps, sps, pps, slice]));
    assert.deepEqual(twice.record, decoderConfig(picture([sps, pps, slice])).record);
    const many = <T>(count: number, make: (index: number) => T): T[] =>
      Array.from({ length: count }, (_, index) => make(index));
    const { record } = decoderConfig(
      picture([sps, ...many(40, (n) => other(sps, n)), ...many(300, (n) => other(pps, n)), slice]),
    );
    assert.equal(record[5]! & 0x1f, 31);
    const spsBytes = 2 + sps.length + 30 * (2 + sps.length + 3);
    assert.equal(record[6 + spsBytes], 255);
  });

  it('is described by the first of its sets that can be read', () => {
    const { record } = decoderConfig(picture([Buffer.of(0x67, 1), sps, pps]));
    assert.deepEqual([...record.subarray(1, 4)], [...sps.subarray(1, 4)]);
  });

  it('has no description of colour depth in profiles that have no choice', () => {
    const writer = new BitWriter().u(66, 8).u(0, 8).u(30, 8);
    writer.ue(0).ue(0).ue(2).ue(1).flag(false).ue(19).ue(11);
    writer.flag(true).flag(true).flag(false).flag(false);
    const baseline = writer.nal(0x67);
    const { record } = decoderConfig(picture([baseline, pps]));
    assert.equal(record.length, 6 + 2 + baseline.length + 1 + 2 + pps.length);
  });

  it('says of pixels and colours what the stream says, and is refused without a size', () => {
    const sar = { width: 4, height: 3 };
    const colour = { primaries: 1, transfer: 2, matrix: 3, fullRange: true };
    const { format } = PICTURE!;
    const all = [sps, pps, slice];
    const { record: _record, ...told } = decoderConfig(picture(all, { format: { ...format, sar, colour } }));
    assert.deepEqual(told, { codec: 'h264', width: format.width, height: format.height, sar, colour });
    assert.deepEqual(Object.keys(decoderConfig(picture(all))), ['codec', 'width', 'height', 'record']);
    assert.throws(() => decoderConfig(picture(all, { format: { ...format, width: 0 } })), {
      code: 'EUNSUPPORTED',
      message: /SPS/,
    });
    assert.throws(() => decoderConfig(picture([sps, slice])), { message: /SPS and PPS/ });
  });

  it('needs another file where an SPS changes, or in H.265 a VPS; a PPS may change', () => {
    assert.ok(!sequenceSets(picture([other(sps, 1), pps])).equals(sequenceSets(picture([sps, pps]))));
    assert.ok(sequenceSets(picture([sps, other(pps, 1)])).equals(sequenceSets(picture([sps, pps]))));
    const [hevc] = clipUnits('h265', 1);
    const [vps, sps5, pps5] = [32, 33, 34].map((type) => bytesOf(hevc!, type)) as [Buffer, Buffer, Buffer];
    const setsOf = (...sets: Buffer[]): Buffer => sequenceSets(unitOf(hevc!, sets));
    assert.ok(!setsOf(other(vps, 1), sps5, pps5).equals(setsOf(vps, sps5, pps5)));
    assert.ok(setsOf(vps, sps5, other(pps5, 1)).equals(setsOf(vps, sps5, pps5)));
  });
});
