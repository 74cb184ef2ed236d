import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { mp4Header } from '../../../lib/media/mp4/header.js';
import { LiveClock } from '../../../lib/media/mp4/live-clock.js';
import { audioFragment, LIVE_TIMESCALE, videoFragment } from '../../../lib/media/mp4/live-mp4.js';
import { decoderConfig } from '../../../lib/media/decoder-config.js';
import { AAC_CONFIG_HEX, AAC_RATE, audioClip } from '../../../lib/simulator/clips.js';
import { needs } from '../../kit/tools.js';
import { clipUnits } from '../../kit/picture-units.js';

function judged(parts: readonly Buffer[], ...entries: string[]): Record<string, string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-live-mp4-'));
  try {
    const file = path.join(folder, 'live.mp4');
    fs.writeFileSync(file, Buffer.concat(parts));
    const text = execFileSync('ffprobe', [
      ...[
        '-v',
        'error',
        '-count_frames',
        '-show_entries',
        `stream=${entries.join(',')}`,
        '-of',
        'default=nw=1',
      ],
      file,
    ]).toString();
    return Object.fromEntries(
      text
        .trim()
        .split('\n')
        .map((line) => line.split('=') as [string, string]),
    );
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

describe('fragmented MP4 for a live player', () => {
  for (const codec of ['h264', 'h265'] as const)
    it(`holds every picture of ${codec}, at its time, by ffprobe`, function () {
      needs(this, 'ffprobe');
      const units = clipUnits(codec, 50);
      const clock = new LiveClock(12.5);
      const parts = [
        mp4Header([{ timescale: LIVE_TIMESCALE, picture: decoderConfig(units[0]!) }]),
        ...units.map((unit) =>
          videoFragment(unit, clock.next({ mediaTime: unit.mediaTime!, reorderDepth: 0 })),
        ),
      ];
      const found = judged(
        parts,
        'codec_name',
        'width',
        'height',
        'nb_read_frames',
        'start_time',
        'duration_ts',
        'time_base',
      );
      const name = codec === 'h265' ? 'hevc' : 'h264';
      assert.deepEqual(found, {
        codec_name: name,
        width: '640',
        height: '360',
        time_base: `1/${LIVE_TIMESCALE}`,
        start_time: '1.000000',
        // 50 pictures at 12.5 a second, and the second in front of them.
        duration_ts: String((1 + 50 / 12.5) * LIVE_TIMESCALE),
        nb_read_frames: '50',
      });
    });

  it('holds every frame of AAC, by ffprobe', function () {
    needs(this, 'ffprobe');
    const frames = audioClip('aac').units.slice(0, 30);
    const duration = (1024 * LIVE_TIMESCALE) / AAC_RATE;
    const parts = [
      mp4Header([
        {
          timescale: LIVE_TIMESCALE,
          sound: {
            codec: 'aac',
            sampleRate: AAC_RATE,
            channels: 1,
            config: Buffer.from(AAC_CONFIG_HEX, 'hex'),
          },
        },
      ]),
      ...frames.map(({ parts: [data] }, index) =>
        audioFragment(data!, {
          sequence: index + 1,
          decode: Math.round(index * duration),
          offset: 0,
          duration,
        }),
      ),
    ];
    const found = judged(parts, 'codec_name', 'sample_rate', 'channels', 'nb_read_frames');
    assert.deepEqual(found, { codec_name: 'aac', sample_rate: '16000', channels: '1', nb_read_frames: '30' });
  });

  it('copies a picture once, with lengths in place of start codes', () => {
    const data = Buffer.from([0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x65, 2, 3]);
    const nals = [
      { type: 7, start: 0, end: 6 },
      { type: 5, start: 6, end: 13 },
    ];
    const before = Buffer.from(data);
    const times = { sequence: 1, decode: 0, offset: -90, duration: 3600 };
    const fragment = videoFragment({ data, nals, keyframe: true }, times);
    assert.deepEqual([...fragment.subarray(-13)], [0, 0, 0, 2, 0x67, 1, 0, 0, 0, 3, 0x65, 2, 3]);
    assert.deepEqual(data, before);
    assert.equal(fragment.readUInt32BE(0) + fragment.readUInt32BE(104), fragment.length);
    assert.equal(fragment.readInt32BE(100), -90);
  });
});
