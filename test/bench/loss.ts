// npm run bench:loss: what a stream that loses packets leaves in a flow and in a recording, beside ffmpeg's
// recording of the same packets. Prints a table in Markdown.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { splitAnnexB } from '../../lib/codec/annexb.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import { DEFAULT_FILE_NAME } from '../../lib/nvr/recorder/file-name.js';
import { Recorder } from '../../lib/nvr/recorder/recorder.js';
import { lossyPackets, startLossyCamera, type LossyStream } from '../kit/lossy-camera.js';
import { settingsFor } from '../kit/settings.js';
import { meanSsim, type Frames } from './ssim.js';

const FPS = 25;
const SECONDS = 20;
const STREAMS = [
  { name: '2 Mbit/s, GOP 25', rate: '2M', gop: 25, size: '960x540' },
  { name: '4 Mbit/s, GOP 50', rate: '4M', gop: 50, size: '1280x720' },
] as const;
const PERCENTS = [1, 3, 5];
const TRANSPORTS = ['udp', 'tcp'] as const;
/** Pictures are compared at half their size. */
const SCALE = 2;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-loss-'));

interface Row {
  readonly name: string;
  readonly sent: number;
  readonly whole: number;
  readonly flow: number;
  readonly ours: Recording;
  readonly ffmpeg: Recording;
}

interface Recording {
  readonly shown: number;
  readonly ssim: number;
}

/** One slice a picture, as most cameras send it. */
function encode({ rate, gop, size }: (typeof STREAMS)[number]): { stream: LossyStream; file: string } {
  const file = path.join(folder, `${rate}.h264`);
  const input = `testsrc2=s=${size}:r=${FPS}:d=${SECONDS}`;
  execFileSync('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', input, '-vf', 'noise=alls=10:allf=t', '-pix_fmt', 'yuv420p'],
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-b:v', rate, '-maxrate', rate, '-bufsize', rate],
    ...['-x264-params', `keyint=${gop}:min-keyint=${gop}:scenecut=0:bframes=0:aud=1:sliced-threads=0`],
    ...['-f', 'h264', '-y', file],
  ]);
  const pictures: Buffer[][] = [];
  for (const nal of splitAnnexB(fs.readFileSync(file), 1e6)) {
    if ((nal[0]! & 0x1f) === 9) pictures.push([]);
    else pictures.at(-1)!.push(nal);
  }
  return {
    stream: { codec: 'h264', pictures, times: pictures.map((_, i) => (i * 90_000) / FPS) },
    file,
  };
}

/** The decoded pictures, luma alone, and their times. */
function decode(file: string, size: string): Frames {
  const [width, height] = size.split('x').map((side) => Number(side) / SCALE) as [number, number];
  const filter = `scale=${width}:${height},format=gray,showinfo`;
  const done = spawnSync(
    'ffmpeg',
    ['-nostdin', '-i', file, '-map', '0:v', '-vf', filter, '-fps_mode', 'passthrough', '-f', 'rawvideo', '-'],
    { maxBuffer: 2 ** 30 },
  );
  const times = [...done.stderr.toString().matchAll(/ pts_time:([\d.]+)/g)].map(([, time]) => Number(time));
  return { width, height, data: done.stdout, times };
}

async function recordWithFfmpeg(port: number, transport: string, file: string): Promise<void> {
  const child = spawn(
    'ffmpeg',
    [
      ...['-v', 'quiet', '-nostdin', '-rtsp_transport', transport, '-i', `rtsp://127.0.0.1:${port}/live`],
      ...['-c', 'copy', '-y', file],
    ],
    { stdio: 'ignore' },
  );
  await new Promise((resolve) => child.once('close', resolve));
}

/** Times of a file's pictures, in seconds; without B-frames in the order in which they came. */
function pictureTimes(file: string): number[] {
  const args = ['-v', 'error', '-select_streams', 'v', '-show_entries', 'packet=pts_time', '-of', 'csv=p=0'];
  return execFileSync('ffprobe', [...args, file])
    .toString()
    .trim()
    .split('\n')
    .map((line) => parseFloat(line));
}

/** `rtpTimes`: of the file's pictures; without them its times are RTP's own. */
function judge(file: string, size: string, source: Frames, rtpTimes?: readonly number[]): Recording {
  const frames = decode(file, size);
  const times = pictureTimes(file);
  const places = frames.times.map((time) => {
    if (rtpTimes === undefined) return Math.round((time - frames.times[0]!) * FPS);
    const index = times.findIndex((own) => Math.abs(own - time) < 0.0005);
    return Math.round(((rtpTimes[index]! - rtpTimes[0]!) * FPS) / 90_000);
  });
  return { shown: places.length, ssim: meanSsim(frames, source, places) };
}

async function run(
  { name, size }: (typeof STREAMS)[number],
  stream: LossyStream,
  source: Frames,
  percent: number,
  transport: (typeof TRANSPORTS)[number],
): Promise<Row> {
  const packets = lossyPackets(stream, { percent, seed: percent });
  const torn = new Set(packets.filter(({ isLost }) => isLost).map(({ picture }) => picture));
  const camera = await startLossyCamera('h264', packets, 1000 / FPS);
  const own = fs.mkdtempSync(path.join(folder, 'clips-'));
  const theirs = path.join(own, 'ffmpeg.mp4');
  const nvr = new Nvr(
    settingsFor(camera.port, { uriStyle: 'custom', liveTemplate: '/live', transport, linger: 0 }),
  );
  const hub = nvr.camera(1, 'main');
  let flow = 0;
  hub.subscribe({ onUnit: () => flow++ });
  // What the recorder gets, from where it can begin on.
  const recorded: number[] = [];
  hub.subscribe({ cutSlices: true, onUnit: ({ rtpTime }) => recorded.push(rtpTime) });
  const files: string[] = [];
  const recorder = new Recorder(
    hub,
    {
      ...{ id: 'loss', nvr: 'loss', channel: '1', mode: 'alarm', folder: own, fileName: DEFAULT_FILE_NAME },
      ...{ preRoll: 10, postRoll: 10, maxLength: 600, segment: 600, keepDays: 0, keepGiB: 0, timeZone: '' },
    },
    {
      fs: fsPromises,
      now: () => Date.now(),
      monotonic: () => performance.now(),
      timers: {
        set: (call: () => void, ms: number) => setTimeout(call, ms),
        clear: (timer: unknown) => {
          clearTimeout(timer as NodeJS.Timeout | undefined);
        },
      },
    },
    {
      onEvent: (event) => {
        if (event.type === 'finished') files.push(event.info.file);
        if (event.type === 'failed') console.log(`${name}: ${event.error.message}`);
      },
    },
  );
  recorder.arm();
  const ffmpeg = recordWithFfmpeg(camera.port, transport, theirs);
  await wait((SECONDS * 1000) / 2);
  recorder.alarm({ reason: 'loss', held: true });
  await wait((SECONDS * 1000) / 2 + 3000);
  await recorder.disarm();
  await nvr.close();
  await camera.close();
  await ffmpeg;
  return {
    name: `${name}, ${percent} % over ${transport.toUpperCase()}`,
    sent: stream.pictures.length,
    whole: stream.pictures.length - torn.size,
    flow,
    ours: judge(files[0]!, size, source, recorded),
    ffmpeg: judge(theirs, size, source),
  };
}

async function main(): Promise<void> {
  console.log('| stream | whole | in the flow | ours: shown | SSIM | ffmpeg: shown | SSIM |');
  console.log('| --- | --- | --- | --- | --- | --- | --- |');
  for (const kind of STREAMS) {
    const { stream, file } = encode(kind);
    const source = decode(file, kind.size);
    const runs = TRANSPORTS.flatMap((transport) =>
      PERCENTS.map((percent) => run(kind, stream, source, percent, transport)),
    );
    for (const { name, sent, whole, flow, ours, ffmpeg } of await Promise.all(runs)) {
      const share = (count: number): string => `${((count * 100) / sent).toFixed(1)} %`;
      const told = ({ shown, ssim }: Recording): string => `${share(shown)} | ${ssim.toFixed(4)}`;
      console.log(`| ${name} | ${share(whole)} | ${share(flow)} | ${told(ours)} | ${told(ffmpeg)} |`);
    }
  }
  fs.rmSync(folder, { recursive: true, force: true });
}

void main();
