import assert from 'node:assert/strict';
import sinon from 'sinon';
import { IntraDecoder } from '../../lib/media/h264-intra/index.js';
import { H265Decoder } from '../../lib/media/h265.js';
import { SnapshotMaker } from '../../lib/media/snapshot-job.js';
import { joinAnnexB } from '../../lib/codec/annexb.js';
import { channelClip } from '../../lib/simulator/clips.js';

/** Of the simulator's small stream. */
const keyframe = (codec: 'h264' | 'h265'): Buffer =>
  joinAnnexB(channelClip(1, 'dual', codec).units[0]!.parts);

describe('a picture that is decoded behind another one', () => {
  afterEach(() => {
    sinon.restore();
  });

  it('is made by a new H.264 decoder behind an error that nobody foresaw, whose memory is given back', () => {
    const decode = sinon.stub(IntraDecoder.prototype, 'decode').callThrough();
    const release = sinon.spy(IntraDecoder.prototype, 'release');
    decode.onFirstCall().throws(new TypeError('unforeseen'));
    const maker = new SnapshotMaker();
    const job = { codec: 'h264', data: keyframe('h264'), quality: 50, width: 64, camera: 1 } as const;
    assert.throws(() => maker.make(job), { code: 'EDECODE' });
    assert.equal(release.callCount, 1);
    assert.equal(maker.make(job).width, 64);
    assert.notEqual(decode.thisValues[0], decode.thisValues[1]);
  });

  it('is in new memory of the H.265 decoder only where the one before it has failed', () => {
    const decoder = new H265Decoder();
    const data = keyframe('h265');
    const memoryOf = (fails: boolean): ArrayBufferLike => {
      let memory: ArrayBufferLike | undefined;
      const decode = (): void => {
        decoder.decode(data, ({ y }) => {
          memory = y.buffer;
          if (fails) throw new Error('no room for the JPEG');
        });
      };
      if (fails) assert.throws(decode, { code: 'EDECODE' });
      else decode();
      return memory!;
    };
    const [first, failed, after] = [false, true, false].map(memoryOf);
    assert.equal(failed, first);
    assert.notEqual(after, first);
  });
});
