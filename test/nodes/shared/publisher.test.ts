import assert from 'node:assert/strict';
import { Publisher } from '../../../nodes/shared/publisher.js';
import { videoUnit } from '../../kit/fake-hub.js';

describe('what is made of a picture', () => {
  const publisher = (emit: 'keyframes' | 'accessUnits' | 'nalUnits'): Publisher =>
    new Publisher({ name: 'NVR', channels: [] }, { channel: 1, stream: 'main' }, emit);
  const topic = (made: Publisher, changes: object): unknown =>
    (made.picture({ ...videoUnit(), ...changes }, 0)[0] as { topic: string }).topic;

  it('has the topic of a keyframe where it is one, damaged or not, and else that of a frame', () => {
    assert.deepEqual(
      {
        whole: topic(publisher('accessUnits'), { keyframe: true }),
        damaged: topic(publisher('accessUnits'), { keyframe: true, damaged: true }),
        refresh: topic(publisher('accessUnits'), { keyframe: false, recoveryFrames: 3 }),
        frame: topic(publisher('accessUnits'), { keyframe: false }),
      },
      {
        ...{ whole: 'nvr/NVR/1/keyframe', damaged: 'nvr/NVR/1/keyframe' },
        ...{ refresh: 'nvr/NVR/1/frame', frame: 'nvr/NVR/1/frame' },
      },
    );
  });

  it('is no message for who wants keyframes alone, where it is a damaged one or a recovery point', () => {
    const keyframes = publisher('keyframes');
    const counted = (changes: object): number => keyframes.count({ ...videoUnit(), ...changes });
    assert.deepEqual(
      {
        whole: counted({ keyframe: true }),
        damaged: counted({ keyframe: true, damaged: true }),
        refresh: counted({ keyframe: false, recoveryFrames: 3 }),
      },
      { whole: 1, damaged: 0, refresh: 0 },
    );
  });

  it('is one message without parts, and one for each part that it has; each with a number of its own', () => {
    const parts = publisher('nalUnits');
    const unit = { ...videoUnit(), nals: [] };
    assert.equal(parts.count(unit), 1);
    const nals = [
      { type: 7, start: 0, end: 5 },
      { type: 5, start: 5, end: 9 },
    ];
    const two = { ...unit, data: Buffer.from('123456789'), nals };
    assert.equal(parts.count(two), 2);
    const messages = [0, 1].map((index) => parts.picture(two, index, index === 1)[0]) as unknown as {
      payload: Buffer;
      video: { sequence: number; nalType?: number; repeated?: boolean };
    }[];
    assert.deepEqual(
      messages.map(({ payload, video: { sequence, nalType, repeated } }) => ({
        ...{ payload: payload.toString(), sequence, nalType, repeated },
      })),
      [
        { payload: '12345', sequence: 1, nalType: 7, repeated: undefined },
        { payload: '6789', sequence: 2, nalType: 5, repeated: true },
      ],
    );
    assert.equal('repeated' in messages[0]!.video, false, 'a picture that was not sent before says nothing');
  });
});
