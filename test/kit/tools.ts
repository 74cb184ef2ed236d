// Skips tests whose programs are missing, and names those; with CI=true they fail instead.

import { execFileSync, spawnSync } from 'node:child_process';
import type { Context } from 'mocha';

const found = new Map<string, boolean>();

const PROBES: Readonly<Record<string, [program: string, ...args: string[]]>> = {
  ffmpeg: ['ffmpeg', '-version'],
  ffprobe: ['ffprobe', '-version'],
  openssl: ['openssl', 'version'],
  mosquitto: ['sh', '-c', 'PATH="$PATH:/usr/sbin" command -v mosquitto'],
  chromium: ['chromium', '--version'],
  rclone: ['rclone', 'version'],
  'GStreamer’s RTSP server (gir1.2-gst-rtsp-server-1.0, python3-gi)': [
    '/usr/bin/python3',
    '-c',
    'import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer',
  ],
};

export const GSTREAMER = 'GStreamer’s RTSP server (gir1.2-gst-rtsp-server-1.0, python3-gi)';

export function hasTool(tool: string): boolean {
  let has = found.get(tool);
  if (has === undefined) {
    const [program, ...args] = PROBES[tool] ?? [tool, '--version'];
    has = spawnSync(program, args, { stdio: 'ignore' }).status === 0;
    found.set(tool, has);
  }
  return has;
}

/** Call first in a hook or test. */
export function needs(context: Context, ...tools: string[]): void {
  for (const tool of tools) {
    if (hasTool(tool)) continue;
    if (process.env.CI === 'true') throw new Error(`This test needs ${tool}, which is not installed.`);
    console.log(`      skipped: ${tool} is not installed`);
    context.skip();
  }
}

/** One hash per decoded frame, from ffmpeg. */
export function frameHashes(file: string, ...inputOptions: string[]): string[] {
  const args = ['-v', 'error', ...inputOptions, '-i', file, '-map', '0:v:0', ...TO_HASHES];
  return hashesOf(execFileSync('ffmpeg', args, { maxBuffer: 64 << 20 }));
}

/** An output of ffmpeg's: the frames of the streams that are mapped to it, as lines for `hashesOf`. */
export const TO_HASHES = ['-fps_mode', 'passthrough', '-f', 'framemd5', '-'] as const;

/** The hashes of the first stream's frames. */
export function hashesOf(framemd5: Buffer): string[] {
  return framemd5
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('0,'))
    .map((line) => line.split(',').at(-1)!.trim());
}
