import assert from 'node:assert/strict';
import { ascii, box, fullBox, u32 } from '../../../lib/media/mp4/boxes.js';
import { boxes, type Box } from '../../../lib/media/mp4/box-reader.js';
import {
  readFragment,
  readTracks,
  runs,
  type ClipSample,
  type ClipTrack,
} from '../../../lib/media/mp4/clip-reader.js';
import { mp4Header, type SoundEntry } from '../../../lib/media/mp4/header.js';
import { readSamples } from '../../../lib/media/mp4/sample-tables.js';
import { boxAt, moovOf, PCMU, PICTURE, pictures, tracksOf } from './plain-clips.js';

describe('a fragment', () => {
  const [VIDEO] = tracksOf();
  const tfhd = (flags: number, ...fields: number[]): Buffer => fullBox('tfhd', 0, flags, u32(1, ...fields));
  const tfdt = (time: number): Buffer => fullBox('tfdt', 0, 0, u32(time));
  const trun = (flags: number, ...fields: number[]): Buffer =>
    fullBox('trun', 0, flags, u32(...fields.map((field) => field >>> 0)));
  const read = (track: ClipTrack, ...trafs: Buffer[][]): ClipSample[] => {
    const moof = box('moof', ...trafs.map((parts) => box('traf', ...parts)));
    return readFragment(moof, 1000, [track]).get(track) ?? [];
  };
  const NON_SYNC = 0x1_0000;
  const defaults = { duration: 7, bytes: 70, flags: NON_SYNC };

  it('takes from the header of the file what it does not say itself', () => {
    const track = { ...VIDEO!, defaults };
    assert.deepEqual(read(track, [tfhd(0), tfdt(50), trun(0x1, 2, 300)]), [
      { time: 50, duration: 7, offset: 0, bytes: 70, key: false, at: 1300 },
      { time: 57, duration: 7, offset: 0, bytes: 70, key: false, at: 1370 },
    ]);
  });

  it('may have defaults of its own, behind fields that do not matter here', () => {
    const track = { ...VIDEO!, defaults };
    assert.deepEqual(read(track, [tfhd(0x3b, 0, 0, 9, 8, 80, 0), tfdt(0), trun(0, 1)]), [
      { time: 0, duration: 8, offset: 0, bytes: 80, key: true, at: 1000 },
    ]);
    assert.deepEqual(read(track, [tfhd(0x10, 90), tfdt(0), trun(0, 1)])[0]!.bytes, 90);
  });

  it('may say of its first sample alone that it is a keyframe', () => {
    const track = { ...VIDEO!, defaults };
    const keys = read(track, [tfhd(0), tfdt(0), trun(0x4, 3, 0)]).map(({ key }) => key);
    assert.deepEqual(keys, [true, false, false]);
    const each = read(track, [tfhd(0), tfdt(0), trun(0x400, 2, NON_SYNC, 0)]).map(({ key }) => key);
    assert.deepEqual(each, [false, true]);
  });

  it('may hold several runs and several parts of a track, one behind the other', () => {
    const track = { ...VIDEO!, defaults };
    const found = read(
      track,
      [tfhd(0), tfdt(0), trun(0x101, 1, 300, 5), trun(0x801, 1, 900, -3)],
      [tfhd(0), fullBox('tfdt', 1, 0, u32(1, 0)), trun(0x1, 1, 1200)],
    );
    assert.deepEqual(
      found.map(({ time, duration, offset, at }) => [time, duration, offset, at]),
      [
        [0, 5, 0, 1300],
        [5, 7, -3, 1900],
        [2 ** 32, 7, 0, 2200],
      ],
    );
  });

  it('has each sample behind the bytes and the time of the one before it, whatever the usual ones are', () => {
    const track = { ...VIDEO!, defaults };
    const fields = [5, 50, 0, -1, 6, 60, NON_SYNC, 2, 7, 70, 0, 0];
    const second = trun(0x301, 2, 900, 8, 80, 9, 90);
    assert.deepEqual(read(track, [tfhd(0), tfdt(100), trun(0xf01, 3, 300, ...fields), second]), [
      { time: 100, duration: 5, offset: -1, bytes: 50, key: true, at: 1300 },
      { time: 105, duration: 6, offset: 2, bytes: 60, key: false, at: 1350 },
      { time: 111, duration: 7, offset: 0, bytes: 70, key: true, at: 1410 },
      { time: 118, duration: 8, offset: 0, bytes: 80, key: false, at: 1900 },
      { time: 126, duration: 9, offset: 0, bytes: 90, key: false, at: 1980 },
    ]);
  });

  it('of another track, or without a time, tells nothing', () => {
    const other = fullBox('tfhd', 0, 0, u32(9));
    assert.deepEqual(read(VIDEO!, [other, tfdt(0), trun(0, 1)]), []);
    assert.deepEqual(read(VIDEO!, [tfhd(0), trun(0, 1)]), []);
  });

  it('ends with its bytes, whatever number of samples it claims', () => {
    const track = { ...VIDEO!, defaults };
    const claimed = read(track, [tfhd(0), tfdt(0), trun(0x100, 0xffff_ffff, 5, 6), trun(0, 1)]);
    assert.deepEqual(
      claimed.map(({ duration }) => duration),
      [5, 6, 7],
    );
    assert.equal(read(track, [tfhd(0), tfdt(0), trun(0, 0xffff_ffff)]).length, 1_000_000);
  });
});

describe('the tracks of a clip', () => {
  it('are read with all that a plain file needs, in headers of either version', () => {
    const header = mp4Header([
      { timescale: 90_000, picture: PICTURE, skip: 1234 },
      { timescale: 8000, sound: PCMU },
    ]);
    const tracks = readTracks(boxAt(header, 'moov'));
    assert.deepEqual(
      tracks.map(({ id, kind, timescale, entry, skip }) => [id, kind, timescale, entry, skip]),
      [
        [1, 'vide', 90_000, 'avc1', 1234],
        [2, 'soun', 8000, 'ulaw', 0],
      ],
    );
    assert.deepEqual(tracks[0]!.defaults, { duration: 0, bytes: 0, flags: 0 });
    const long = (kind: string): Buffer =>
      box(
        'trak',
        fullBox('tkhd', 1, 0, u32(0, 0, 0, 0, 77)),
        box(
          'mdia',
          fullBox('mdhd', 1, 0, u32(0, 0, 0, 0, 12_345)),
          fullBox('hdlr', 0, 0, u32(0), ascii(kind)),
          box('minf', fullBox('vmhd', 0, 0), box('stbl', fullBox('stsd', 0, 0, u32(1, 8), ascii('hvc1')))),
        ),
      );
    const trex = (id: number, ...values: number[]): Buffer => fullBox('trex', 0, 0, u32(id, 1, ...values));
    const moov = box('moov', long('meta'), long('vide'), box('mvex', trex(1, 1, 1, 1), trex(77, 2, 3, 4)));
    const [track, none] = readTracks(moov);
    assert.equal(none, undefined);
    assert.deepEqual(
      { id: track!.id, timescale: track!.timescale, entry: track!.entry },
      { id: 77, timescale: 12_345, entry: 'hvc1' },
    );
    assert.deepEqual(track!.defaults, { duration: 2, bytes: 3, flags: 4 });
  });

  it('say of sound what players need: its rate and size, and a configuration where the codec has one', () => {
    const entryOf = (sound: SoundEntry): Buffer => {
      const moov = boxAt(mp4Header([{ timescale: sound.sampleRate, sound }]), 'moov').subarray(8);
      return boxAt(moov, 'trak', 'mdia', 'minf', 'stbl', 'stsd').subarray(16);
    };
    const told = (sound: SoundEntry): unknown[] => {
      const entry = entryOf(sound);
      return [
        entry.toString('latin1', 4, 8),
        ...[entry.readUInt16BE(24), entry.readUInt16BE(26), entry.readUInt32BE(32) / 0x1_0000],
      ];
    };
    assert.deepEqual(told(PCMU), ['ulaw', 2, 8, 8000]);
    assert.deepEqual(told({ ...PCMU, codec: 'l16' }), ['twos', 2, 16, 8000]);
    assert.deepEqual(told({ ...PCMU, codec: 'opus', sampleRate: 24_000 }), ['Opus', 2, 16, 48_000]);
    const aac = { codec: 'aac', sampleRate: 96_000, channels: 1, config: Buffer.of(0x14, 0x08) } as const;
    assert.deepEqual(told(aac), ['mp4a', 1, 16, 65_535]);
    const [ulaw, twos] = [entryOf(PCMU), entryOf({ ...PCMU, codec: 'l16' })];
    const sizes = (entry: Buffer): number[] => [36, 40, 44, 48].map((at) => entry.readUInt32BE(at));
    assert.deepEqual(sizes(ulaw), [1, 1, 2, 2]);
    assert.deepEqual(sizes(twos), [1, 2, 4, 2]);
    assert.equal(ulaw.length, 52);
    assert.ok(!ulaw.includes('esds') && entryOf(aac).includes(Buffer.of(0x05, 0x80, 0x02, 0x14, 0x08)));
    const long = entryOf({ ...aac, config: Buffer.alloc(100, 7) });
    assert.ok(long.includes(Buffer.concat([Buffer.of(0x05, 0x80, 100), Buffer.alloc(100, 7)])));
  });

  it('have the configuration of sound right behind its entry, but for QuickTime, which has sizes there', () => {
    const entryOf = (sound: SoundEntry): Buffer => {
      const moov = boxAt(mp4Header([{ timescale: sound.sampleRate, sound }]), 'moov').subarray(8);
      return boxAt(moov, 'trak', 'mdia', 'minf', 'stbl', 'stsd').subarray(16);
    };
    const aac = { codec: 'aac', sampleRate: 48_000, channels: 1, config: Buffer.alloc(200, 7) } as const;
    const opus = { ...PCMU, codec: 'opus' } as const;
    const behind = (sound: SoundEntry): [version: number, type: string, bytes: number] => {
      const entry = entryOf(sound);
      return [entry.readUInt16BE(16), entry.toString('latin1', 40, 44), entry.readUInt32BE(36)];
    };
    assert.deepEqual(behind(aac), [0, 'esds', entryOf(aac).length - 36]);
    assert.deepEqual(behind(opus), [0, 'dOps', 19]);
    assert.equal(entryOf(PCMU).readUInt16BE(16), 1);
    const long = Buffer.concat([Buffer.of(0x05, 0x81, 72), Buffer.alloc(200, 7)]);
    assert.ok(entryOf(aac).includes(long), 'a length of more than seven bits');
  });

  it('have no range of colours in a file of QuickTime', () => {
    const colour = { primaries: 1, transfer: 2, matrix: 3, fullRange: true };
    const video = { timescale: 90_000, picture: { ...PICTURE, colour } };
    const movie = mp4Header([video, { timescale: 8000, sound: PCMU }]);
    const codes = Buffer.of(0, 1, 0, 2, 0, 3);
    assert.ok(movie.includes(Buffer.concat([Buffer.of(0, 0, 0, 18), ascii('colrnclc'), codes])));
    assert.ok(!movie.includes('nclx'));
  });

  it('say how wide the picture is with square pixels, as far as a file can', () => {
    const widthOf = (width: number, sar?: { width: number; height: number }): number => {
      const picture = { ...PICTURE, width, ...(sar && { sar }) };
      const tkhd = boxAt(mp4Header([{ timescale: 90_000, picture }]), 'moov', 'trak', 'tkhd');
      return tkhd.readUInt32BE(84) / 0x1_0000;
    };
    assert.equal(widthOf(320), 320);
    assert.equal(widthOf(720, { width: 16, height: 15 }), 768);
    assert.equal(widthOf(320, { width: 65_535, height: 1 }), 65_535);
    const fullRange = mp4Header([
      {
        timescale: 90_000,
        picture: { ...PICTURE, colour: { primaries: 1, transfer: 2, matrix: 3, fullRange: true } },
      },
    ]);
    assert.ok(fullRange.includes(Buffer.concat([ascii('nclx'), Buffer.of(0, 1, 0, 2, 0, 3, 0x80)])));
    assert.ok(!mp4Header([{ timescale: 90_000, picture: PICTURE }]).includes('edts'));
  });

  it('are none where one of their boxes is missing, or tells of pictures where there is sound', () => {
    const trak = (without: string, kind = 'vide', head = 'vmhd'): Buffer => {
      const unless = (type: string, made: Buffer): Buffer[] => (type === without ? [] : [made]);
      const stsd = unless('stsd', fullBox('stsd', 0, 0, u32(1, 8), ascii('avc1')));
      const minf = box('minf', ...unless('head', fullBox(head, 0, 0)), box('stbl', ...stsd));
      const mdia = [
        ...unless('mdhd', fullBox('mdhd', 0, 0, u32(0, 0, 90_000))),
        ...unless('hdlr', fullBox('hdlr', 0, 0, u32(0), ascii(kind))),
        ...unless('minf', minf),
      ];
      return box('trak', ...unless('tkhd', fullBox('tkhd', 0, 0, u32(0, 0, 7))), box('mdia', ...mdia));
    };
    const kindsOf = (...traks: Buffer[]): string[] =>
      readTracks(box('moov', ...traks)).map(({ kind }) => kind);
    assert.deepEqual(kindsOf(trak('')), ['vide']);
    for (const missing of ['tkhd', 'mdhd', 'hdlr', 'minf', 'stsd', 'head'])
      assert.deepEqual(kindsOf(trak(missing), trak('', 'soun', 'smhd')), ['soun'], missing);
    assert.deepEqual(kindsOf(trak('', 'soun'), trak('', 'vide', 'smhd')), []);
  });

  it('begin where the first edit that shows anything says', () => {
    const [track] = tracksOf(undefined, 500);
    assert.equal(track!.skip, 500);
    assert.equal(readTracks(moovOf(pictures([[{ at: 0, time: 90 }]])))[0]!.skip, 0);
  });
});

describe('the tables of a plain file', () => {
  /** The only track of a moov with these tables. */
  function read(...tables: Buffer[]): ClipSample[] {
    const trak = box(
      'trak',
      fullBox('tkhd', 0, 0, u32(0, 0, 5)),
      box('mdia', box('minf', box('stbl', ...tables))),
    );
    const other = box('trak', fullBox('tkhd', 0, 0, u32(0, 0, 4)), box('mdia', box('minf', box('stbl'))));
    return readSamples(box('moov', other, trak), { ...tracksOf()[0]!, id: 5 });
  }
  const table = (type: string, ...values: number[]): Buffer => fullBox(type, 0, 0, u32(...values));
  const stts = table('stts', 1, 6, 10);
  const stsz = table('stsz', 0, 6, 1, 2, 3, 4, 5, 6);
  const stsc = table('stsc', 2, 1, 2, 1, 3, 1, 1);
  const stco = table('stco', 4, 100, 200, 300, 400);

  it('place samples in chunks: as many as the last entry says, until another one does', () => {
    const found = read(stts, stsz, stsc, stco);
    assert.deepEqual(
      found.map(({ time, bytes, at, key }) => [time, bytes, at, key]),
      [
        [0, 1, 100, true],
        [10, 2, 101, true],
        [20, 3, 200, true],
        [30, 4, 203, true],
        [40, 5, 300, true],
        [50, 6, 400, true],
      ],
    );
  });

  it('reach no further than the shortest of them', () => {
    assert.equal(read(stts, stsz, stsc, table('stco', 2, 100, 200)).length, 4);
    assert.equal(read(table('stts', 1, 3, 10), stsz, stsc, stco).length, 3);
    assert.equal(read(stts, table('stsz', 0, 6, 1, 2), stsc, stco).length, 2);
    assert.equal(read(stts, table('stsz', 0, 2, 1, 2, 3), stsc, stco).length, 2);
    assert.equal(read(stts, stsz, table('stsc', 1, 2, 2, 1), stco).length, 0);
    assert.equal(read(stts, table('stsz', 9, 6), stsc, stco).length, 6);
    for (const missing of [
      [stsz, stsc, stco],
      [stts, stsc, stco],
      [stts, stsz, stco],
      [stts, stsz, stsc],
    ])
      assert.deepEqual(read(...missing), []);
  });

  it('name the keyframes up to the last, and all samples are some where they name none', () => {
    const keysOf = (...more: Buffer[]): number[] =>
      read(stts, stsz, stsc, stco, ...more).flatMap(({ key }, index) => (key ? [index] : []));
    assert.deepEqual(keysOf(table('stss', 3, 1, 4, 6)), [0, 3, 5]);
    assert.deepEqual(keysOf(table('stss', 0)), []);
    assert.deepEqual(keysOf(), [0, 1, 2, 3, 4, 5]);
    const torn = fullBox('stss', 0, 0, u32(2, 1), Buffer.of(0, 0, 0));
    assert.deepEqual(keysOf(torn, Buffer.alloc(8)), [0], 'not the bytes behind it');
  });

  it('say of a chunk how many samples it has only by its own number', () => {
    const counts = (...entries: number[]): number[] => {
      const found = read(stts, stsz, table('stsc', entries.length / 3, ...entries), stco);
      return [100, 200, 300, 400].map(
        (from) => found.filter(({ at }) => at >= from && at < from + 100).length,
      );
    };
    assert.deepEqual(counts(1, 1, 1, 3, 2, 1), [1, 1, 2, 2]);
    assert.deepEqual(counts(1, 1, 1, 1, 2, 1), [1, 1, 1, 1]);
    assert.deepEqual(counts(0, 2, 1), [0, 0, 0, 0]);
  });

  it('may give places in 64 bits, which count where there are both', () => {
    const co64 = table('co64', 1, 1, 5);
    assert.equal(read(stts, stsz, stsc, co64)[0]!.at, 2 ** 32 + 5);
    assert.equal(read(stts, stsz, stsc, stco, co64)[0]!.at, 2 ** 32 + 5);
  });

  it('of another track are not taken', () => {
    assert.deepEqual(readSamples(box('moov', box('free')), tracksOf()[0]!), []);
  });

  it('say a bounded number of values, whatever they claim', () => {
    const claims = table('stts', 2, 0xffff_ffff, 3, 1, 4);
    const [whole] = [...boxes(claims)] as [Box];
    assert.deepEqual([...runs(claims, whole, 4)], [3, 3, 3, 3]);
    const [cut] = [...boxes(table('stts', 9, 2, 3, 1))] as [Box];
    assert.deepEqual([...runs(table('stts', 9, 2, 3, 1), cut)], [3, 3]);
  });
});
