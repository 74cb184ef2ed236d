import assert from 'node:assert/strict';
import { AacDepacketizer } from '../../lib/codec/aac.js';
import { createDepacketizer } from '../../lib/codec/depacketizer.js';
import { fmtpNumber } from '../../lib/codec/fmtp.js';
import { G726Depacketizer } from '../../lib/codec/g726.js';
import { G711Depacketizer } from '../../lib/codec/g711.js';
import { H264Depacketizer } from '../../lib/codec/h264/depacketizer.js';
import { H265Depacketizer } from '../../lib/codec/h265/depacketizer.js';
import { L16Depacketizer } from '../../lib/codec/l16.js';
import { MjpegDepacketizer } from '../../lib/codec/mjpeg.js';
import { OnvifMetadataDepacketizer } from '../../lib/codec/onvif-metadata.js';
import { OpusDepacketizer } from '../../lib/codec/opus.js';
import { NvrError } from '../../lib/errors.js';
import { PPS, SPS, idr } from './h264/nals.js';
import { Feed, types, videoMedia } from '../kit/depacketizer-feed.js';

describe('createDepacketizer', () => {
  const cases = [
    ['H264', H264Depacketizer],
    ['H265', H265Depacketizer],
    ['JPEG', MjpegDepacketizer],
    ['MPEG4-GENERIC', AacDepacketizer],
    ['PCMU', G711Depacketizer],
    ['PCMA', G711Depacketizer],
    ['VND.ONVIF.METADATA', OnvifMetadataDepacketizer],
    ['G726-32', G726Depacketizer],
    ['AAL2-G726-16', G726Depacketizer],
    ['L16', L16Depacketizer],
    ['OPUS', OpusDepacketizer],
    ['h264', H264Depacketizer],
  ] as const;
  for (const [encoding, expected] of cases) {
    it(`reads ${encoding}`, () => {
      const media = videoMedia(
        encoding,
        encoding.startsWith('MPEG4')
          ? { mode: 'AAC-hbr', config: '1190', sizelength: '13', indexlength: '3', indexdeltalength: '3' }
          : {},
      );
      assert.ok(createDepacketizer(media.payloads[0]!, media, () => undefined) instanceof expected);
    });
  }

  it('refuses what it cannot read with EUNSUPPORTED, and names it', () => {
    const media = videoMedia('VP8');
    assert.throws(
      () => createDepacketizer(media.payloads[0]!, media, () => undefined),
      (error) => error instanceof NvrError && error.code === 'EUNSUPPORTED' && error.message.includes('VP8'),
    );
  });

  it('hands the parameter-set policy on', () => {
    const media = videoMedia('H264', {
      'sprop-parameter-sets': `${SPS.toString('base64')},${PPS.toString('base64')}`,
    });
    const feed = new Feed(
      (m, sink) => createDepacketizer(m.payloads[0]!, m, sink, { parameterSets: 'never' }),
      media,
    );
    feed.payload(idr(), true);
    assert.deepEqual(types(feed.units[0]), [5]);
  });
});

describe('fmtpNumber', () => {
  it('reads whole numbers up to a bound and nothing else', () => {
    const fmtp = new Map([
      ['a', ' 12 '],
      ['b', '99999'],
      ['c', '-1'],
      ['d', '1e3'],
      ['e', ''],
    ]);
    const read = (key: string): number | undefined => fmtpNumber(fmtp, key, 1000);
    assert.deepEqual(['a', 'b', 'c', 'd', 'e', 'f'].map(read), [
      12,
      1000,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
