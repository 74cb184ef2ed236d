#!/usr/bin/env node
// The command `nvr-simulator`.

import { parseArgs } from 'node:util';
import type { AudioKind, AuthScheme, VideoKind } from './index.js';
import { startSimulator } from './index.js';

const AUTHS = ['digest', 'digest-qop', 'digest-sha256', 'basic', 'none'] as const;
const CODECS = ['h264', 'h265', 'mjpeg'] as const;
const AUDIOS = ['none', 'aac', 'pcmu', 'pcma'] as const;

const HELP = `Usage: nvr-simulator [options]

An NVR on 127.0.0.1 that plays small clips: live channels, recordings of the last hours, and the playback key service.

  --rtsp-port N         RTSP port; 0: any that is free (default 8554)
  --http-port N         port of the key service; 0: any that is free (default 8080)
  --channels N          number of cameras (default 4)
  --first-channel N     number of the first camera in URIs, 0 or 1 (default 0)
  --user NAME           user name (default: no log-in)
  --password PW         its password; NVR_SIMULATOR_PASSWORD in the environment does as well
  --auth SCHEME         ${AUTHS.join(', ')} (default digest)
  --codec CODEC         ${CODECS.join(', ')} (default h264); or by channel: 2=h265,3=mjpeg
  --audio AUDIO         ${AUDIOS.join(', ')} (default none)
  --max-sessions N      sessions at once (default 64)
  --session-timeout N   seconds until a silent client is forgotten (default 60)
  --clock-skew N        seconds that the NVR's clock is ahead (default 0)
  --scale               recordings can be played faster or slower
  --help                this text

It ends on Ctrl-C.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'rtsp-port': { type: 'string', default: '8554' },
      'http-port': { type: 'string', default: '8080' },
      channels: { type: 'string', default: '4' },
      'first-channel': { type: 'string', default: '0' },
      user: { type: 'string', default: '' },
      password: { type: 'string', default: process.env.NVR_SIMULATOR_PASSWORD ?? '' },
      auth: { type: 'string', default: 'digest' },
      codec: { type: 'string', default: 'h264' },
      audio: { type: 'string', default: 'none' },
      'max-sessions': { type: 'string', default: '64' },
      'session-timeout': { type: 'string', default: '60' },
      'clock-skew': { type: 'string', default: '0' },
      scale: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const audio = oneOf(values.audio, '--audio', AUDIOS);
  const simulator = await startSimulator({
    rtspPort: whole(values['rtsp-port'], '--rtsp-port', 0, 65_535),
    httpPort: whole(values['http-port'], '--http-port', 0, 65_535),
    channels: whole(values.channels, '--channels', 1, 9999),
    firstChannel: whole(values['first-channel'], '--first-channel', 0, 1) === 0 ? 0 : 1,
    username: values.user,
    password: values.password,
    auth: oneOf<AuthScheme>(values.auth, '--auth', AUTHS),
    codec: codecs(values.codec),
    audio: audio === 'none' ? false : (audio satisfies AudioKind),
    maxSessions: whole(values['max-sessions'], '--max-sessions', 1, 9999),
    sessionTimeout: whole(values['session-timeout'], '--session-timeout', 1, 86_400),
    clockSkewMs: whole(values['clock-skew'], '--clock-skew', -1e9, 1e9) * 1000,
    scale: values.scale ? 'granted' : 'refused',
  });
  process.stdout.write(
    [
      `Live         ${simulator.url(1)}   channels 1 to ${simulator.settings.channels}, stype M or D`,
      `Key service  http://127.0.0.1:${simulator.httpPort}/datasearch/gen_pbkey?group_id=0&start_time=<Unix seconds>`,
      'Recordings   the last 6 hours; Ctrl-C ends.',
      '',
    ].join('\n'),
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void simulator.stop());
}

function whole(text: string, option: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max)
    throw new Error(`${option} must be a whole number from ${min} to ${max}.`);
  return value;
}

function oneOf<T extends string>(text: string, option: string, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === text);
  if (word === undefined) throw new Error(`${option} must be one of: ${words.join(', ')}.`);
  return word;
}

function codecs(text: string): VideoKind | Record<number, VideoKind> {
  if (!text.includes('=')) return oneOf<VideoKind>(text, '--codec', CODECS);
  const pairs = text.split(',').map((pair): [number, VideoKind] => {
    const [channel = '', codec = ''] = pair.split('=', 2);
    return [whole(channel, 'A channel of --codec', 1, 9999), oneOf<VideoKind>(codec, '--codec', CODECS)];
  });
  return Object.fromEntries(pairs);
}

main().catch((error: unknown) => {
  process.stderr.write(`nvr-simulator: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
