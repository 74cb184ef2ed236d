import assert from 'node:assert/strict';
import type { AudioUnit } from '../../../lib/codec/unit.js';
import { NVR_ERROR_CODES, NvrError } from '../../../lib/errors.js';
import type { HubEvent, HubEventWord } from '../../../lib/nvr/types.js';
import {
  contentTypeOf,
  eventInfo,
  flatClip,
  sideInfo,
  topicOf,
  topicOr,
  videoInfo,
} from '../../../nodes/shared/messages.js';
import { failed, invalidSetting, statusOfEvent } from '../../../nodes/shared/status.js';
import { videoUnit } from '../../kit/fake-hub.js';

const about = { channel: 3, stream: 'main', time: 1_700_000_000_000 };

describe('topics', () => {
  it('have the NVR’s and the channel’s names, cleared of what an MQTT topic gives a meaning to', () => {
    const settings = { name: 'Home/1', channels: [{ channel: 3, name: 'Gate +#\n\u0000' }] };
    assert.equal(topicOf(settings, 3, 'keyframe'), 'nvr/Home_1/Gate ____/keyframe');
    assert.equal(topicOf(settings, 4, 'event'), 'nvr/Home_1/4/event');
  });
});

describe('a message’s topic', () => {
  it('stays where there is one, and is given where it is missing or empty', () => {
    assert.deepEqual(
      [topicOr({ topic: 'mine' }, 'own'), topicOr({ topic: '' }, 'own'), topicOr({}, 'own')],
      ['mine', 'own', 'own'],
    );
  });
});

describe('a clip in an event', () => {
  it('is flat: of its lists the lengths', () => {
    const clip = { file: '/a.mp4', alarms: [1, 2], gaps: [1], damagedSpans: [] };
    assert.deepEqual(flatClip(clip as never), { file: '/a.mp4', alarms: 2, gaps: 1, damagedSpans: 0 });
  });
});

describe('msg.video', () => {
  it('is flat, whole, and a new object for each message', () => {
    const unit = { ...videoUnit(), time: 1_700_000_000_000, rtpTime: 90_000, timeSource: 'arrival' as const };
    const first = videoInfo(unit, 1, 3, 'main');
    assert.notEqual(first, videoInfo(unit, 2, 3, 'main'));
    assert.deepEqual(first, {
      codec: 'h264',
      keyframe: true,
      time: 1_700_000_000_000,
      timeSource: 'arrival',
      rtpTime: 90_000,
      sequence: 1,
      channel: 3,
      stream: 'main',
      width: 320,
      height: 180,
      damaged: false,
    });
    const told = videoInfo({ ...unit, captureTime: 1_700_000_000_500 }, 1, 3, 'main', 5);
    assert.deepEqual(
      { captureTime: told.captureTime, nalType: told.nalType },
      { captureTime: 1_700_000_000_500, nalType: 5 },
    );
    assert.equal(videoInfo({ ...unit, reference: 'lost' }, 1, 3, 'main').reference, 'lost');
    assert.equal('reference' in first, false);
  });

  it('comes with a content type', () => {
    const types = [
      contentTypeOf({ kind: 'video', codec: 'h264' }),
      contentTypeOf({ kind: 'video', codec: 'h265' }),
      contentTypeOf({ kind: 'video', codec: 'mjpeg' }),
      contentTypeOf({ kind: 'audio', codec: 'pcma' }),
      contentTypeOf({ kind: 'metadata', codec: 'onvif' }),
    ];
    assert.deepEqual(types, ['video/h264', 'video/h265', 'image/jpeg', 'audio/pcma', 'application/xml']);
  });
});

describe('msg.audio', () => {
  it('holds the decoder’s configuration as a copy of its own', () => {
    const config = Buffer.from([0x12, 0x10]);
    const unit: AudioUnit = {
      kind: 'audio',
      codec: 'aac',
      data: Buffer.alloc(4),
      damaged: false,
      format: { codec: 'aac', sampleRate: 44_100, channels: 2, config },
      rtpTime: 1,
      rtpSequence: 2,
      arrival: 3,
      time: 4,
      timeSource: 'arrival',
    };
    const { audio } = sideInfo(unit, 3) as { audio: { config: Buffer; sampleRate: number } };
    assert.equal(audio.sampleRate, 44_100);
    audio.config.fill(0);
    assert.deepEqual(config, Buffer.from([0x12, 0x10]));
  });
});

describe('msg.event', () => {
  it('is flat and without the error itself', () => {
    const error = new NvrError('ETIMEDOUT', 'no answer');
    const info = { ...about, code: 'ETIMEDOUT', reason: 'no answer', attempt: 1, retryInMs: 1000 } as const;
    const event = { ...info, type: 'reconnecting', firstOfOutage: true, error } as const;
    assert.deepEqual(eventInfo(event), info);
  });
});

describe('status badges', () => {
  const badge = (type: HubEventWord, code?: 'EAUTH' | 'ENOKEYFRAME' | 'ETIMEDOUT'): string | undefined => {
    const status = statusOfEvent({ ...about, type, ...(code && { code }) } as HubEvent);
    return status && `${String(status.fill)} ${String(status.shape)} ${String(status.text)}`;
  };

  it('tell the state of the stream', () => {
    assert.equal(badge('connecting'), 'yellow ring connecting');
    assert.equal(badge('playing'), 'green dot playing');
    assert.equal(badge('reconnecting', 'ETIMEDOUT'), 'yellow ring ETIMEDOUT');
    assert.equal(badge('reconnecting'), 'yellow ring retrying');
    assert.equal(badge('error', 'EAUTH'), 'red ring EAUTH');
    assert.equal(badge('warning', 'ENOKEYFRAME'), 'yellow ring ENOKEYFRAME');
    assert.equal(badge('stopped'), 'grey ring stopped');
  });

  it('stay where an event says nothing of the state', () => {
    assert.deepEqual(
      { format: badge('format'), gap: badge('gap'), warning: badge('warning', 'ETIMEDOUT') },
      { format: undefined, gap: undefined, warning: undefined },
    );
  });

  it('are under 20 characters', () => {
    for (const { text } of [...NVR_ERROR_CODES.map(failed), invalidSetting('playbackTemplate')])
      assert.ok(text!.length < 20, text);
  });
});
