import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { joinAnnexB, splitAnnexB } from '../../lib/codec/annexb.js';
import { parseH265Sps } from '../../lib/codec/h265/sps.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { decoderConfig, sequenceSets } from '../../lib/media/decoder-config.js';
import { BitWriter } from '../codec/bit-writer.js';
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
