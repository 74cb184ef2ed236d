import assert from 'node:assert/strict';
import { boxes } from '../../../lib/media/mp4/box-reader.js';
import {
  readTimes,
  readTracks,
  shownAt,
  type ClipSample,
  type ClipTrack,
} from '../../../lib/media/mp4/clip-reader.js';
import { plainClip, type Piece, type PlainClip } from '../../../lib/media/mp4/plain.js';
import { boxAt, editsOf, moovOf, PCMU, pictures, sample, samplesOf, tracksOf } from './plain-clips.js';

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

  it('finds each sample where fragments have now more and now fewer of them', () => {
    const counts = [2, 1, 2, 2, 1, 3];
    let time = 0;
    const lists = counts.map((count, index) =>
      Array.from({ length: count }, (_, at) => ({ at: 1000 * index + 10 * at, time: 100 * time++ })),
    );
    const clip = pictures(lists);
    const { header } = clip;
    assert.deepEqual(
      samplesOf(clip).map(({ at }) => at - header.length),
      Array.from({ length: time }, (_, index) => 10 * index),
    );
    // First chunk, samples of each, description: a row where the number changes (ISO/IEC 14496-12, 8.7.4).
    const stsc = boxAt(header, 'moov', 'trak', 'mdia', 'minf', 'stbl', 'stsc');
    const rows = Array.from({ length: stsc.readUInt32BE(12) }, (_, row) =>
      [0, 4, 8].map((at) => stsc.readUInt32BE(16 + 12 * row + at)),
    );
    assert.deepEqual(rows, [
      [1, 2, 1],
      [2, 1, 1],
      [3, 2, 1],
      [5, 1, 1],
      [6, 3, 1],
    ]);
  });

  it('has the media of samples one by one where they lie in another order in the original file', () => {
    const { pieces } = pictures([
      [
        { at: 1010, time: 0 },
        { at: 1000, time: 100 },
        { at: 1005, time: 200 },
      ],
    ]);
    assert.deepEqual(pieces, [
      { from: 1010, bytes: 10 },
      { from: 1000, bytes: 10 },
      { from: 1005, bytes: 10 },
    ]);
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

  it('has the times of display where they differ from those of decoding, be they all earlier', () => {
    const versionOf = (...offsets: number[]): number | undefined => {
      const clip = pictures([
        offsets.map((offset, index) => ({ at: index * 10, time: index * 100, offset })),
      ]);
      assert.deepEqual(
        samplesOf(clip).map(({ offset }) => offset),
        offsets,
      );
      const moov = moovOf(clip).subarray(8);
      return moov.includes('ctts') ? boxAt(moov, 'trak', 'mdia', 'minf', 'stbl', 'ctts')[8] : undefined;
    };
    assert.equal(versionOf(0, 0, 0), undefined);
    assert.equal(versionOf(-20, -20, -20), 1);
    assert.equal(versionOf(0, 0, -20), 1);
    assert.equal(versionOf(40, 40, 40), 0);
    assert.equal(versionOf(40, 0, -40), 1);
  });

  it('has no keyframe where its samples are none', () => {
    const clip = pictures([[0, 100, 200].map((time) => ({ at: time, time, key: false }))]);
    assert.deepEqual(
      samplesOf(clip).map(({ key }) => key),
      [false, false, false],
    );
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
      assert.deepEqual(
        { sampleSize: stsz.readUInt32BE(12), samples: stsz.readUInt32BE(16) },
        { sampleSize: 2, samples: 360 },
      );
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
