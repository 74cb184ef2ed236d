// What the servers play: short clips of every codec made with ffmpeg, how GStreamer serves each, and how a
// judge tells that all of it came.

import assert from 'node:assert/strict';
import path from 'node:path';
import type { Received } from './receive.js';
import { ffmpeg, frameHashes, receivedHashes } from './judge.js';
import { judgeSound, makeSound, SOUNDS, type Sound } from './sounds.js';

export interface Source {
  /** In the names of tests and in the table. */
  codec: string;
  mount: string;
  /** gst-launch form. */
  launch: string;
  judge(received: Received): Promise<void>;
}

const SECONDS = 1.5;

/** Makes the clips of all sources in a folder. */
export async function makeSources(folder: string): Promise<Source[]> {
  const x264 = (...more: string[]): string[] => [
    '-c:v',
    'libx264',
    '-pix_fmt',
    'yuv420p',
    '-g',
    '25',
    ...more,
  ];
  const h264 = 'h264parse ! rtph264pay config-interval=-1 pt=96 name=pay0';
  const video = async (
    codec: string,
    mount: string,
    extension: string,
    encoder: string[],
    payloader: string,
  ): Promise<Source> => {
    const clip = path.join(folder, `${mount}.mp4`);
    await makeClip(clip, SECONDS, encoder);
    return {
      codec,
      mount: `/${mount}`,
      launch: `( filesrc location=${clip} ! qtdemux ! ${payloader} )`,
      judge: (received) => judgeVideo(received, clip, extension, folder),
    };
  };
  return Promise.all([
    video('H.264 baseline', 'baseline', 'h264', x264('-profile:v', 'baseline'), h264),
    video('H.264 with B-frames', 'bframes', 'h264', x264('-profile:v', 'high', '-bf', '3'), h264),
    video(
      'H.264 in four slices',
      'slices',
      'h264',
      x264('-profile:v', 'main', '-slices', '4', '-bf', '0'),
      h264,
    ),
    video(
      'H.265',
      'h265',
      'hevc',
      [
        '-c:v',
        'libx265',
        '-pix_fmt',
        'yuv420p',
        '-g',
        '25',
        '-tag:v',
        'hvc1',
        '-x265-params',
        'log-level=error:pools=1',
      ],
      'h265parse ! rtph265pay config-interval=-1 pt=96 name=pay0',
    ),
    video(
      'MJPEG',
      'mjpeg',
      'mjpeg',
      // RFC 2435 knows the standard Huffman tables alone.
      ['-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', '-huffman', 'default', '-q:v', '4'],
      'jpegparse ! rtpjpegpay name=pay0',
    ),
    ...SOUNDS.map((sound) => withSound(sound, folder, x264(), h264)),
  ]);
}

/** 20 s, for a session that outlives its timeout. */
export async function makeLongSource(folder: string): Promise<Source> {
  const clip = path.join(folder, 'long.mp4');
  await makeClip(clip, 20, [
    '-c:v',
    'libx264',
    '-preset',
    'veryfast',
    '-pix_fmt',
    'yuv420p',
    '-g',
    '25',
    '-bf',
    '2',
  ]);
  return {
    codec: 'H.264 for 20 s',
    mount: '/long',
    launch: `( filesrc location=${clip} ! qtdemux ! h264parse ! rtph264pay config-interval=-1 pt=96 name=pay0 )`,
    judge: (received) => judgeVideo(received, clip, 'h264', folder),
  };
}

async function withSound(
  sound: Sound,
  folder: string,
  encoder: string[],
  videoPayloader: string,
): Promise<Source> {
  const clip = path.join(folder, `${sound.name}.mp4`);
  const file = path.join(folder, `${sound.name}-sound.${sound.extension}`);
  await Promise.all([makeClip(clip, SECONDS, encoder), makeSound(sound, file)]);
  return {
    codec: `${sound.codec} beside H.264`,
    mount: `/${sound.name}`,
    launch: `( filesrc location=${clip} ! qtdemux ! ${videoPayloader} filesrc location=${file} ${sound.chain} )`,
    judge: async (received) => {
      await judgeVideo(received, clip, 'h264', folder);
      await judgeSound(sound, received.audio, file);
    },
  };
}

async function makeClip(file: string, seconds: number, encoder: string[]): Promise<void> {
  await ffmpeg('-f', 'lavfi', '-i', `testsrc2=s=320x240:r=25:d=${seconds}`, ...encoder, '-y', file);
}

async function judgeVideo(
  received: Received,
  clip: string,
  extension: string,
  folder: string,
): Promise<void> {
  const { video, session, end } = received;
  assert.equal(end.reason, 'bye');
  assert.equal(session.statistics.lost, 0);
  assert.ok(video.every(({ damaged }) => !damaged));
  assert.deepEqual(
    { width: video[0]!.format.width, height: video[0]!.format.height },
    { width: 320, height: 240 },
  );
  const data = Buffer.concat(video.map((unit) => unit.data));
  assert.deepEqual(await receivedHashes(data, extension, folder), await frameHashes(clip));
}
