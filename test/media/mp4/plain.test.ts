import assert from 'node:assert/strict';
import { ascii, box, fullBox, u32 } from '../../../lib/media/mp4/boxes.js';
import { boxes, find, type Box } from '../../../lib/media/mp4/box-reader.js';
import {
  readFragment,
  readTimes,
  readTracks,
  runs,
  shownAt,
  type ClipSample,
  type ClipTrack,
} from '../../../lib/media/mp4/clip-reader.js';
import { mp4Header, type SoundEntry } from '../../../lib/media/mp4/header.js';
import { plainClip, type Piece, type PlainClip } from '../../../lib/media/mp4/plain.js';
import { readSamples } from '../../../lib/media/mp4/sample-tables.js';

const PICTURE = { codec: 'h264', width: 320, height: 180, record: Buffer.of(1, 2, 3) } as const;
const PCMU = { codec: 'pcmu', sampleRate: 8000, channels: 2 } as const;

/** The box at a path of types, with its header. */
function boxAt(bytes: Buffer, ...path: string[]): Buffer {
  const found = find(bytes, { body: 0, end: bytes.length }, ...path);
  assert.ok(found, path.join('/'));
  return bytes.subarray(found.body - 8, found.end);
}

function tracksOf(sound?: SoundEntry, skip = 0): ClipTrack[] {
  const picture = { timescale: 90_000, picture: PICTURE, skip };
  const header = mp4Header(
    sound === undefined ? [picture] : [picture, { timescale: sound.sampleRate, sound }],
  );
  return readTracks(boxAt(header, 'moov'));
}

interface Times {
  readonly at: number;
  readonly time: number;
  readonly duration?: number;
  readonly offset?: number;
  readonly bytes?: number;
  readonly key?: boolean;
}

const sample = ({ at, time, duration = 100, offset = 0, bytes = 10, key = true }: Times): ClipSample => ({
  at,
  time,
  duration,
  offset,
  bytes,
  key,
});

/** A clip of one picture track, one fragment for each list. */
function pictures(lists: readonly (readonly Times[])[], skip = 0): PlainClip {
  const [track] = tracksOf(undefined, skip);
  return plainClip(
    [track!],
    lists.map((list) => new Map([[track!, list.map(sample)]])),
    false,
  );
}

const moovOf = ({ header }: PlainClip): Buffer => boxAt(header, 'moov');
const samplesOf = (clip: PlainClip, index = 0): ClipSample[] => {
  const moov = moovOf(clip);
  return readSamples(moov, readTracks(moov)[index]!);
};

/** Length and start of each edit of the first track, or undefined if it has none. */
function editsOf(clip: PlainClip): [length: number, from: number][] {
  const elst = find(moovOf(clip), { body: 8, end: moovOf(clip).length }, 'trak', 'edts', 'elst');
  if (elst === undefined) return [];
  const moov = moovOf(clip);
  return Array.from({ length: moov.readUInt32BE(elst.body + 4) }, (_, index) => {
    const at = elst.body + 8 + 12 * index;
    return [moov.readUInt32BE(at), moov.readInt32BE(at + 4)];
  });
}

describe('a plain file', () => {
  it('holds the samples of all fragments, each at its time and place, as reading it back tells', () => {
    const clip = pictures([
      [
        { at: 1000, time: 0, offset: 50 },
        { at: 1010, time: 100, offset: 250, bytes: 20, key: false },
        { at: 1030, time: 200, offset: 50, bytes: 5, key: false },
      ],
      [
        { at: 5000, time: 400, offset: -20, bytes: 7 },
        { at: 5007, time: 500, duration: 77, bytes: 9, key: false },
      ],
    ]);
    const media = clip.header.length;
    assert.deepEqual(samplesOf(clip), [
      { time: 0, duration: 100, offset: 50, bytes: 10, key: true, at: media },
      { time: 100, duration: 100, offset: 250, bytes: 20, key: false, at: media + 10 },
      { time: 200, duration: 200, offset: 50, bytes: 5, key: false, at: media + 30 },
      { time: 400, duration: 100, offset: -20, bytes: 7, key: true, at: media + 35 },
      { time: 500, duration: 77, offset: 0, bytes: 9, key: false, at: media + 42 },
    ]);
    assert.deepEqual(readTimes(moovOf(clip), 'vide'), [50, 350, 250, 380, 500]);
    assert.deepEqual(readTimes(moovOf(clip), 'soun'), []);
    assert.deepEqual(clip.pieces, [
      { from: 1000, bytes: 35 },
      { from: 5000, bytes: 16 },
    ]);
    const { header } = clip;
    assert.deepEqual(
      [...boxes(Buffer.concat([header, Buffer.alloc(51)]))].map(({ type }) => type),
      ['ftyp', 'moov'],
    );
    assert.equal(header.toString('latin1', media - 12, media - 8), 'mdat');
    assert.equal(Number(header.readBigUInt64BE(media - 8)), 16 + 51);
  });

  it('lasts as long as its samples, in the clock of the movie', () => {
    const moov = moovOf(pictures([[{ at: 0, time: 0 }], [{ at: 50, time: 300, duration: 60 }]]));
    assert.equal(boxAt(moov.subarray(8), 'mvhd').readUInt32BE(24), 360);
    assert.equal(boxAt(moov.subarray(8), 'trak', 'tkhd').readUInt32BE(28), 360);
    assert.equal(boxAt(moov.subarray(8), 'trak', 'mdia', 'mdhd').readUInt32BE(24), 360);
    const [video, sound] = tracksOf({ ...PCMU, codec: 'opus', sampleRate: 48_000 });
    const clip = plainClip(
      [video!, sound!],
      [new Map([[sound!, [sample({ at: 0, time: 0, duration: 48_000 })]]])],
      false,
    );
    const parts = moovOf(clip).subarray(8);
    assert.equal(boxAt(parts, 'trak', 'tkhd').readUInt32BE(28), 90_000);
    assert.equal(boxAt(parts, 'trak', 'mdia', 'mdhd').readUInt32BE(24), 48_000);
  });

  it('has no tables where all samples are alike, and no track without samples', () => {
    const [video, sound] = tracksOf(PCMU);
    const clip = plainClip([video!, sound!], [new Map([[video!, [sample({ at: 0, time: 0 })]]])], false);
    const tracks = readTracks(moovOf(clip));
    assert.deepEqual(
      tracks.map(({ kind }) => kind),
      ['vide'],
    );
    const parts = moovOf(clip);
    for (const table of ['ctts', 'stss', 'edts']) assert.ok(!parts.includes(table), table);
    assert.equal(boxAt(parts.subarray(8), 'mvhd').readUInt32BE(104), 2);
  });

  it('says which brand it is, a QuickTime one where the sound asks for that', () => {
    const [track] = tracksOf();
    const brand = (isMov: boolean): string =>
      plainClip([track!], [new Map([[track!, [sample({ at: 0, time: 0 })]]])], isMov).header.toString(
        'latin1',
        8,
        12,
      );
    assert.deepEqual([brand(true), brand(false)], ['qt  ', 'isom']);
  });

  it('begins late with a track that begins late', () => {
    assert.deepEqual(editsOf(pictures([[{ at: 0, time: 0 }]])), []);
    const clip = pictures([
      [
        { at: 0, time: 250 },
        { at: 10, time: 350, duration: 60 },
      ],
    ]);
    assert.deepEqual(editsOf(clip), [
      [250, -1],
      [160, 0],
    ]);
    assert.equal(boxAt(moovOf(clip).subarray(8), 'mvhd').readUInt32BE(24), 410);
    assert.equal(readTracks(moovOf(clip))[0]!.skip, 0);
  });

  it('begins with the picture on screen where players are to begin, and ends as it did', () => {
    const list = [
      { at: 0, time: 10, offset: 90 },
      { at: 10, time: 110, offset: 190 },
      { at: 20, time: 210, offset: -10 },
      { at: 30, time: 310, offset: 90 },
    ];
    // Shown at 100, 300, 200 and 400, until 500.
    assert.deepEqual(editsOf(pictures([list], 299)), [[300, 190]]);
    assert.deepEqual(editsOf(pictures([list], 300)), [[200, 290]]);
    assert.equal(readTracks(moovOf(pictures([list], 300)))[0]!.skip, 290);
    assert.deepEqual(editsOf(pictures([list], 5000)), [[100, 390]]);
    // Nothing is shown before the asked time: it begins late, as without a skip.
    assert.deepEqual(editsOf(pictures([list], 150)), [
      [10, -1],
      [400, 0],
    ]);
  });

  it('holds the media of both tracks in turn, as the fragments have it', () => {
    const [video, sound] = tracksOf({ ...PCMU, codec: 'opus', sampleRate: 48_000 });
    const fragment = (at: number, time: number): Map<ClipTrack, ClipSample[]> =>
      new Map([
        [video!, [sample({ at, time }), sample({ at: at + 10, time: time + 100 })]],
        [sound!, [sample({ at: at + 20, time })]],
      ]);
    const clip = plainClip([video!, sound!], [fragment(1000, 0), fragment(2000, 200)], false);
    const media = clip.header.length;
    assert.deepEqual(
      samplesOf(clip).map(({ at }) => at - media),
      [0, 10, 30, 40],
    );
    assert.deepEqual(
      samplesOf(clip, 1).map(({ at }) => at - media),
      [20, 50],
    );
    assert.deepEqual(clip.pieces, [
      { from: 1000, bytes: 30 },
      { from: 2000, bytes: 30 },
    ]);
  });

  describe('with uncompressed sound', () => {
    /** Samples of 80 ticks, 160 bytes, at the given times. */
    function heard(times: readonly number[], codec: 'pcmu' | 'pcma' | 'l16' = 'pcmu'): PlainClip {
      const [video, sound] = tracksOf({ ...PCMU, codec });
      const bytes = codec === 'l16' ? 320 : 160;
      const list = times.map((time, index) => sample({ at: 1000 * index, time, duration: 80, bytes }));
      return plainClip([video!, sound!], [new Map([[sound!, list]])], true);
    }
    const lengthOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { bytes }) => sum + bytes, 0);

    it('joins packets that are less than 20 ms off', () => {
      assert.deepEqual(heard([0, 80 + 160, 160 - 160]).pieces, [
        { from: 0, bytes: 160 },
        { from: 1000, bytes: 160 },
        { from: 2000, bytes: 160 },
      ]);
    });

    for (const [codec, fill] of [
      ['pcmu', 0xff],
      ['pcma', 0xd5],
      ['l16', 0],
    ] as const)
      it(`fills a hole with the silence of ${codec}`, () => {
        const frame = codec === 'l16' ? 4 : 2;
        assert.deepEqual(heard([0, 80 + 161, 80 + 161 + 80], codec).pieces, [
          { from: 0, bytes: 80 * frame },
          { fill, bytes: 161 * frame },
          { from: 1000, bytes: 80 * frame },
          { from: 2000, bytes: 80 * frame },
        ]);
      });

    it('removes what is heard twice, from the front of the packet that comes too early', () => {
      const many = [0, 80, 160, 240, 320 - 161];
      const { pieces } = heard(many);
      assert.equal(lengthOf(pieces), 4 * 160);
      const long = tracksOf(PCMU)[1]!;
      const clip = plainClip(
        [long],
        [
          new Map([
            [
              long,
              [sample({ at: 0, time: 0, bytes: 800 }), sample({ at: 5000, time: 400 - 200, bytes: 800 })],
            ],
          ]),
        ],
        true,
      );
      assert.deepEqual(clip.pieces, [
        { from: 0, bytes: 800 },
        { from: 5400, bytes: 400 },
      ]);
    });

    it('counts its samples, the filled ones among them, and begins where it begins', () => {
      const clip = heard([500, 500 + 80 + 200]);
      const moov = moovOf(clip);
      const stsz = boxAt(moov.subarray(8), 'trak', 'mdia', 'minf', 'stbl', 'stsz');
      assert.deepEqual([stsz.readUInt32BE(12), stsz.readUInt32BE(16)], [2, 360]);
      assert.equal(lengthOf(clip.pieces), 720);
      assert.deepEqual(editsOf(clip), [
        [(500 * 90) / 8, -1],
        [(360 * 90) / 8, 0],
      ]);
      const samples = samplesOf(clip);
      assert.equal(samples.length, 360);
      assert.deepEqual(samples.at(-1), {
        ...{ time: 359, duration: 1, offset: 0, bytes: 2, key: true },
        at: clip.header.length + 718,
      });
    });
  });
});

describe('the picture on screen', () => {
  it('is the last one shown at or before the time, whatever the order of decoding', () => {
    const samples = [
      { time: 0, offset: 100 },
      { time: 100, offset: 200 },
      { time: 200, offset: 0 },
    ];
    assert.equal(shownAt(samples, 299), 200);
    assert.equal(shownAt(samples, 300), 300);
    assert.equal(shownAt(samples, 9999), 300);
    assert.equal(shownAt(samples, 99), 99);
    assert.equal(shownAt([], 5), 5);
  });
});

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
    assert.deepEqual([track!.id, track!.timescale, track!.entry], [77, 12_345, 'hvc1']);
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
