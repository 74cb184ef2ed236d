import assert from 'node:assert/strict';
import { boxes, find, type Box } from '../../../lib/media/mp4/box-reader.js';
import { box, fullBox, u32 } from '../../../lib/media/mp4/boxes.js';
import { readTracks } from '../../../lib/media/mp4/clip-reader.js';
import { editList, mp4Header, type HeaderTrack } from '../../../lib/media/mp4/header.js';
import { boxAt, PCMU, PICTURE } from './plain-clips.js';

describe('the header of a file', () => {
  const VIDEO: HeaderTrack = { timescale: 90_000, picture: PICTURE };
  const AAC: HeaderTrack = {
    timescale: 48_000,
    sound: { codec: 'aac', sampleRate: 48_000, channels: 2, config: Buffer.of(0x11, 0x90) },
  };
  const MOVIE: HeaderTrack = { timescale: 8000, sound: PCMU };

  /** Each `trak`, with its header. */
  function traksOf(header: Buffer): Buffer[] {
    const moov = boxAt(header, 'moov');
    return [...boxes(moov, 8)].flatMap(({ type, body, end }) =>
      type === 'trak' ? [moov.subarray(body - 8, end)] : [],
    );
  }
  /** A box of a track, with its header. */
  const part = (trak: Buffer, ...path: string[]): Buffer => boxAt(trak, 'trak', ...path);
  const types = (bytes: Buffer, from = 8): string[] => [...boxes(bytes, from)].map(({ type }: Box) => type);

  it('names its brand, and a QuickTime one where the sound asks for that', () => {
    const brandsOf = (...tracks: HeaderTrack[]): string =>
      boxAt(mp4Header(tracks), 'ftyp').toString('latin1', 8);
    assert.equal(brandsOf(VIDEO, AAC), 'isom\0\0\x02\0isomiso5iso6mp41');
    assert.equal(brandsOf(VIDEO, MOVIE), 'qt  \0\0\x02\0qt  ');
  });

  it('has a clock of its own, at the usual speed and volume, and says which number the next track has', () => {
    for (const [tracks, next] of [
      [[VIDEO], 2],
      [[VIDEO, AAC], 3],
    ] as const) {
      const mvhd = boxAt(mp4Header(tracks), 'moov', 'mvhd');
      const found = {
        timescale: mvhd.readUInt32BE(20),
        duration: mvhd.readUInt32BE(24),
        rate: mvhd.readUInt32BE(28),
        volume: mvhd.readUInt16BE(32),
        matrix: [0, 4, 8].map((index) => mvhd.readUInt32BE(44 + 4 * index)),
        next: mvhd.readUInt32BE(104),
      };
      const matrix = [0x1_0000, 0x1_0000, 0x4000_0000];
      const usual = { timescale: 90_000, duration: 0, rate: 0x1_0000, volume: 0x100, matrix };
      assert.deepEqual(found, { ...usual, next });
    }
  });

  it('numbers its tracks from one on, as the defaults of their fragments do', () => {
    const header = mp4Header([VIDEO, AAC]);
    const moov = boxAt(header, 'moov');
    const mvex = boxAt(moov.subarray(8), 'mvex');
    const trex = [...boxes(mvex, 8)].map(({ body, end }) =>
      Array.from({ length: (end - body) / 4 - 1 }, (_, index) => mvex.readUInt32BE(body + 4 + 4 * index)),
    );
    assert.deepEqual(trex, [
      [1, 1, 0, 0, 0],
      [2, 1, 0, 0, 0],
    ]);
    assert.deepEqual(
      traksOf(header).map((trak) => part(trak, 'tkhd').readUInt32BE(20)),
      [1, 2],
    );
  });

  it('has tracks that are shown in the movie: pictures of their size without volume, sound with it', () => {
    const found = traksOf(mp4Header([VIDEO, AAC])).map((trak) => {
      const tkhd = part(trak, 'tkhd');
      return {
        flags: tkhd.readUInt32BE(8),
        volume: tkhd.readUInt16BE(44),
        matrix: [0, 4, 8].map((index) => tkhd.readUInt32BE(48 + 4 * index)),
        size: [84, 88].map((at) => tkhd.readUInt32BE(at) / 0x1_0000),
      };
    });
    const shown = { flags: 3, matrix: [0x1_0000, 0x1_0000, 0x4000_0000] };
    assert.deepEqual(found, [
      { ...shown, volume: 0, size: [320, 180] },
      { ...shown, volume: 0x100, size: [0, 0] },
    ]);
  });

  it('has media with the clock, the handler and the header of their kind, and all of it in this file', () => {
    for (const [sound, family] of [
      [AAC, '\0\0\0\0'],
      [MOVIE, 'mhlr'],
    ] as const) {
      const found = traksOf(mp4Header([VIDEO, sound])).map((trak) => {
        const [mdhd, hdlr] = [part(trak, 'mdia', 'mdhd'), part(trak, 'mdia', 'hdlr')];
        const minf = part(trak, 'mdia', 'minf');
        const dref = part(trak, 'mdia', 'minf', 'dinf', 'dref');
        return {
          timescale: mdhd.readUInt32BE(20),
          language: mdhd.readUInt16BE(28),
          family: hdlr.toString('latin1', 12, 16),
          handler: hdlr.toString('latin1', 16, 20),
          name: hdlr.toString('latin1', 32),
          parts: types(minf),
          flags: minf.readUInt32BE(16),
          isWithin: dref.readUInt32BE(12) === 1 && dref.readUInt32BE(24) === 1,
          tables: types(part(trak, 'mdia', 'minf', 'stbl')),
        };
      });
      const tables = ['stsd', 'stts', 'stsc', 'stsz', 'stco'];
      const both = { language: 0x55c4, family, isWithin: true, tables };
      assert.deepEqual(found, [
        {
          ...{ ...both, timescale: 90_000, handler: 'vide', name: 'video\0', flags: 1 },
          parts: ['vmhd', 'dinf', 'stbl'],
        },
        {
          ...{ ...both, timescale: sound.timescale, handler: 'soun', name: 'sound\0', flags: 0 },
          parts: ['smhd', 'dinf', 'stbl'],
        },
      ]);
    }
  });

  it('describes pictures by their coded size, their configuration, and the shape of their pixels', () => {
    const sar = { width: 16, height: 15 };
    for (const [codec, entryType, recordType] of [
      ['h264', 'avc1', 'avcC'],
      ['h265', 'hvc1', 'hvcC'],
    ] as const) {
      const [trak] = traksOf(mp4Header([{ timescale: 90_000, picture: { ...PICTURE, codec, sar } }]));
      const entry = part(trak!, 'mdia', 'minf', 'stbl', 'stsd').subarray(16);
      assert.deepEqual(
        {
          type: entry.toString('latin1', 4, 8),
          reference: entry.readUInt16BE(14),
          size: [entry.readUInt16BE(32), entry.readUInt16BE(34)],
          resolution: [entry.readUInt32BE(36), entry.readUInt32BE(40)],
          frames: entry.readUInt16BE(48),
          depth: entry.readUInt16BE(82),
          parts: types(entry, 86),
        },
        {
          ...{ type: entryType, reference: 1, size: [320, 180], resolution: [0x48_0000, 0x48_0000] },
          ...{ frames: 1, depth: 24, parts: [recordType, 'pasp'] },
        },
      );
      assert.ok(entry.includes(box(recordType, PICTURE.record)));
      assert.ok(entry.includes(box('pasp', u32(16, 15))));
    }
  });

  it('has an edit only where pictures are to be skipped', () => {
    const [plain, skipped] = [0, 1].map((skip) => traksOf(mp4Header([{ ...VIDEO, skip }]))[0]!);
    assert.equal(find(plain!, { body: 8, end: plain!.length }, 'edts'), undefined);
    assert.deepEqual(part(skipped!, 'edts'), editList([0, 1]));
    assert.deepEqual(
      editList([7, -1], [9, 5]),
      box('edts', fullBox('elst', 0, 0, u32(2, 7, 0xffff_ffff, 0x1_0000, 9, 5, 0x1_0000))),
    );
  });

  it('begins with the first edit that is not empty, be that the very first picture', () => {
    const skipOf = (...edits: [length: number, from: number][]): number => {
      const [trak] = traksOf(mp4Header([VIDEO]));
      const tracks = readTracks(box('moov', box('trak', trak!.subarray(8), editList(...edits))));
      return tracks[0]!.skip;
    };
    assert.equal(skipOf([10, -1], [10, 0], [10, 500]), 0);
    assert.equal(skipOf([10, -1], [10, 500], [10, 7]), 500);
    assert.equal(skipOf([10, -1]), 0);
  });
});
