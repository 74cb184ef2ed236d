// What `npm run demo -- --check` waits for: each example flow must deliver, and what it delivers must be
// real.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { splitAnnexB } from '../../lib/codec/annexb.js';
import { parseH264Sps } from '../../lib/codec/h264/sps.js';
import { jpegSize } from '../../lib/media/jpeg/size.js';
import { judgeAlarmClip, judgeContinuous, judgeExport } from './judge-clips.js';
import { readTimeSei } from '../../lib/simulator/source.js';
import type { ExampleFlow } from '../../lib/simulator/demo-folder.js';
import type { CheckOptions, Judge, SentMessage } from './judge.js';

/** By the number at the start of the flow's file name. */
const JUDGES: Readonly<Record<string, Judge>> = {
  '00': judgePage(),
  '01': judgeFirstLook,
  '02': judgeRecording(5_000),
  '03': judgeExport(30_000),
  '04': judgeCameras,
  '05': judgeSnapshotPage,
  '05b': judgeSnapshotFile,
  '06': judgeAlarmClip(),
  '07': judgeContinuous(),
  '09': judgeArmed,
  '10': judgeNotification(),
  '11': judgeSnapshot,
  '13': judgeWall,
  '15': judgeRecords,
  '16': judgeSnapshot,
  '17': judgePlaying,
  '20': judgeKeyframe,
};

/** What has a flow deliver that waits for somebody. */
const NUDGES: Readonly<Record<string, (options: CheckOptions) => Promise<void>>> = { '13': lookAtWall };

const LIMIT_MS = 120_000;

interface Row {
  flow: string;
  came: string;
  seconds: number;
  ok: boolean;
}

/** What came is not what is waited for, and a later message may be. */
class NotYet extends Error {}

/** Prints a table and resolves to the exit code: 0 if each flow has delivered. */
export async function checkFlows(options: CheckOptions): Promise<number> {
  const begun = performance.now();
  const rows = await Promise.all([...options.flows.map((flow) => checkFlow(flow, options, begun))]);
  const width = Math.max(...rows.map(({ flow }) => flow.length), 4);
  options.print('');
  options.print(`${'flow'.padEnd(width)}  ok   after   what came`);
  for (const row of rows) {
    options.print(
      `${row.flow.padEnd(width)}  ${row.ok ? 'yes' : 'NO '}  ${row.seconds.toFixed(1).padStart(5)} s  ${row.came}`,
    );
  }
  return rows.length > 0 && rows.every(({ ok }) => ok) ? 0 : 1;
}

function checkFlow(flow: ExampleFlow, options: CheckOptions, begun: number): Promise<Row> {
  const number = /^\d+[a-z]?/.exec(flow.name)?.[0] ?? '';
  const judge = JUDGES[number];
  return new Promise((resolve) => {
    const settle = (came: string, ok: boolean): void => {
      clearTimeout(timer);
      resolve({ flow: flow.name, came, ok, seconds: (performance.now() - begun) / 1000 });
    };
    let last = 'nothing';
    const timer = setTimeout(() => {
      settle(`${last} within ${LIMIT_MS / 1000} s`, false);
    }, LIMIT_MS);
    if (judge === undefined) {
      settle('nobody judges this flow', false);
      return;
    }
    void options.exited.then(() => {
      settle('Node-RED ended', false);
    });
    const look = async (message: SentMessage): Promise<void> => {
      try {
        const came = await judge(message, options);
        if (came !== undefined) settle(came, true);
      } catch (error) {
        const said = saidBy(error);
        if (error instanceof NotYet) last = said;
        else settle(said, false);
      }
    };
    options.messages((message) => {
      if (flow.tabs.includes(message.tab)) void look(message);
    });
    void NUDGES[number]?.(options);
  });
}

/** What `fetch` fails of stands in the error's cause. */
function saidBy(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${saidBy(error.cause)}`;
}

/**
 * On a busy machine a connection that was kept open may be closed by the server as the next request is made.
 */
function ask(
  url: string,
  more: { method?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(url, { ...more, headers: { ...more.headers, connection: 'close' } });
}

function judgeKeyframe(message: SentMessage): string | undefined {
  if (message.type !== 'nvr-live-stream' || message.port !== 0) return undefined;
  const { payload, video } = message;
  if (!Buffer.isBuffer(payload) && !(payload instanceof Uint8Array))
    throw new Error('the payload is no Buffer');
  if (video?.keyframe !== true) throw new Error('a message is no keyframe');
  const nals = splitAnnexB(Buffer.from(payload));
  const types = nals.map((nal) => nal[0]! & 0x1f);
  for (const needed of [7, 8, 5]) {
    if (!types.includes(needed)) throw new Error(`the keyframe has no NAL unit of type ${needed}`);
  }
  const size = `${video.width}x${video.height}`;
  const sps = parseH264Sps(nals[types.indexOf(7)]!);
  if (sps === undefined || size !== `${sps.width}x${sps.height}`)
    throw new Error(`the SPS does not say ${size}`);
  const decoded = ffmpegSize(payload);
  if (decoded !== undefined && decoded !== size) throw new Error(`the keyframe decodes to ${decoded}`);
  return `keyframe ${size}, ${payload.length} bytes${decoded === undefined ? '' : ', decoded by ffmpeg'}`;
}

/** A check of every camera, and the page with a row for each. */
async function judgeCameras(
  { type, port, payload, health }: SentMessage,
  { url }: CheckOptions,
): Promise<string | undefined> {
  if (type !== 'nvr-health-ping' || port !== 0) return undefined;
  const cameras = health?.cameras ?? [];
  if (cameras.length === 0 || typeof payload !== 'number')
    throw new NotYet(`the check found no camera: ${JSON.stringify(health)}`);
  const missing = cameras.filter(({ state, codec }) => state !== 'up' || codec === undefined);
  // A check at start-up may come before a camera's first keyframe on a busy machine: the next one tells.
  if (missing.length > 0)
    throw new NotYet(
      missing
        .map(
          ({ channel, state, code, codec }) =>
            `camera ${channel} is ${state}${code === undefined ? '' : ` (${code})`}, codec ${codec ?? 'unknown'}`,
        )
        .join('; '),
    );
  // The flow keeps the check for its page just after the message.
  for (let looks = 0; looks < 50; looks++) {
    const page = await (await ask(`${url}/nvr/cameras`)).text();
    if ((page.match(/class="up">up</g) ?? []).length === cameras.length)
      return `${cameras.length} cameras up, in ${payload} ms, and on the page`;
    await wait(100);
  }
  throw new Error('the page shows no row for each camera');
}

/**
 * The page shows the cameras, its alarm is answered with a clip, and the clip is one that a browser can seek
 * in.
 */
function judgePage(): Judge {
  let begun = false;
  return async (_message, { url }) => {
    if (begun) return undefined;
    begun = true;
    const page = await (await ask(`${url}/nvr/`)).text();
    const shown = (page.match(/<nvr-video /g) ?? []).length;
    if (shown !== 4 || page.includes('<!-- ')) throw new Error(`the page shows ${shown} cameras`);
    const answer = await ask(`${url}/nvr/demo/alarm`, { method: 'POST' });
    const clip = (await answer.json()) as { url?: string; preRollMs?: number; message?: string };
    if (!answer.ok || clip.url === undefined) throw new Error(`no clip: ${clip.message ?? answer.status}`);
    const part = await ask(url + clip.url, { headers: { range: 'bytes=0-11' } });
    const type = part.headers.get('content-type') ?? 'nothing';
    if (part.status !== 206 || type !== 'video/mp4') throw new Error(`${clip.url} is ${part.status} ${type}`);
    if (Buffer.from(await part.arrayBuffer()).toString('latin1', 4, 8) !== 'ftyp')
      throw new Error(`${clip.url} is no MP4`);
    return `${shown} cameras, and the alarm's clip`;
  };
}

/** A still by a message, one as a page's picture, and the page of moving ones. */
async function judgeFirstLook(message: SentMessage, { url }: CheckOptions): Promise<string | undefined> {
  const came = judgeSnapshot(message);
  if (came === undefined) return undefined;
  const picture = await ask(`${url}/nvr/picture`);
  const bytes = Buffer.from(await picture.arrayBuffer());
  if (picture.headers.get('content-type') !== 'image/jpeg' || jpegSize(bytes) === undefined)
    throw new NotYet(
      `the picture’s address has no JPEG, but ${picture.status} ${bytes.toString('latin1', 0, 200)}`,
    );
  const page = await (await ask(`${url}/nvr/view/first-look/`)).text();
  if (!page.includes('nvr-video.js')) throw new Error('the page of moving pictures is not there');
  return `${came}, and the page`;
}

/** Somebody looks for a second: the wall tells it. */
async function lookAtWall({ url }: CheckOptions): Promise<void> {
  await fetch(`${url}/nvr/view/wall/stream`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
}

function judgeWall({ type, payload, event }: SentMessage): string | undefined {
  return type === 'nvr-view' && payload === 'viewer' ? `a viewer ${event?.change ?? ''}` : undefined;
}

/** What it tells the other instances needs a broker. */
function judgePlaying({ type, port, payload, topic }: SentMessage): string | undefined {
  return type === 'nvr-live-stream' && port === 1 && payload === 'playing'
    ? `${topic ?? ''} plays`
    : undefined;
}

/** Its alarm is a person's to ring. */
function judgeArmed({ type, port, payload }: SentMessage): string | undefined {
  return type === 'nvr-record' && port === 1 && payload === 'armed' ? 'armed' : undefined;
}

/** What it lists, keeps and exports is asked for by a person's buttons. */
function judgeRecords({ type, port, payload }: SentMessage): string | undefined {
  return type === 'nvr-record' && port === 1 && payload === 'recording' ? 'it records' : undefined;
}

/** A camera's call is answered at once, and makes a clip of its reason. */
function judgeNotification(): Judge {
  let called = false;
  return async ({ type, port, payload, clip, event }, { url }) => {
    if (type !== 'nvr-record') return undefined;
    if (payload === 'failed') throw new Error(event?.reason ?? 'the clip failed');
    if (!called && port === 1 && payload === 'playing') {
      called = true;
      const answer = await ask(`${url}/nvr/notify?reason=fence`, { method: 'POST' });
      if (answer.status !== 200) throw new Error(`the call is answered with ${answer.status}`);
    }
    if (port !== 0) return undefined;
    if (clip?.reason !== 'fence') throw new Error(`the clip is named ${clip?.reason ?? 'nothing'}`);
    return `clip of ${(clip.durationMs / 1000).toFixed(1)} s by a call`;
  };
}

/** The snapshot of the button, then the one that the flow's page shows. */
async function judgeSnapshotPage(message: SentMessage, { url }: CheckOptions): Promise<string | undefined> {
  const came = judgeSnapshot(message);
  if (came === undefined) return undefined;
  const page = await ask(`${url}/nvr/snapshot`);
  if (!(await page.text()).includes('snapshot.jpg')) throw new Error('the page shows no picture');
  const picture = await ask(`${url}/nvr/snapshot.jpg`);
  const size = jpegSize(new Uint8Array(await picture.arrayBuffer()));
  if (picture.headers.get('content-type') !== 'image/jpeg' || size === undefined)
    throw new Error('the page’s picture is no JPEG');
  return `${came}, and ${size.width}x${size.height} for the page`;
}

async function judgeSnapshotFile(
  message: SentMessage,
  { folder }: CheckOptions,
): Promise<string | undefined> {
  const came = judgeSnapshot(message);
  if (came === undefined) return undefined;
  const saved = path.join(folder, 'nvr-snapshots');
  // The file node comes after the message.
  for (let looks = 0; looks < 50; looks++) {
    const [name] = await fs.readdir(saved).catch(() => []);
    const data = name === undefined ? undefined : await fs.readFile(path.join(saved, name));
    if (data?.at(-1) === 0xd9 && jpegSize(data) !== undefined) return `${came}, ${name!}`;
    await wait(100);
  }
  throw new Error('the snapshot was not saved');
}

function judgeSnapshot({ type, payload, video, contentType }: SentMessage): string | undefined {
  if (type !== 'nvr-snapshot') return undefined;
  if (contentType !== 'image/jpeg') throw new Error(`a snapshot is ${contentType ?? 'of no kind'}`);
  const size = payload instanceof Uint8Array ? jpegSize(payload) : undefined;
  if (size === undefined || size.width !== video?.width || size.height !== video.height)
    throw new Error('the payload is no JPEG of the size it is said to have');
  return `JPEG ${size.width}x${size.height}`;
}

/** A run that carries its times, unit by unit, and ends by itself. */
function judgeRecording(spanMs: number): Judge {
  const times: number[] = [];
  return ({ type, port, payload, video, event }) => {
    if (type !== 'nvr-playback') return undefined;
    if (port === 0 && payload instanceof Uint8Array && video !== undefined) {
      const recorded = readTimeSei(Buffer.from(payload));
      if (times.length === 0 && !video.keyframe) throw new Error('the run does not begin with a keyframe');
      if (recorded === undefined || Math.abs(video.time - recorded) > 2)
        throw new Error('video.time is not the recorded time');
      times.push(recorded);
      return undefined;
    }
    if (payload === 'error') throw new Error(event?.reason ?? 'an error');
    if (payload !== 'ended') return undefined;
    if (event?.reason !== 'reached') throw new Error(`the run ended by ${event?.reason ?? 'nothing'}`);
    const span = times.at(-1)! - times[0]!;
    if (Math.abs(span - spanMs) > 1_100) throw new Error(`the run spans ${span} ms`);
    return `${times.length} frames from ${new Date(times[0]!).toISOString()}, ${(span / 1000).toFixed(1)} s`;
  };
}

/** What ffmpeg makes of a keyframe; undefined where there is no ffmpeg. */
function ffmpegSize(keyframe: Uint8Array): string | undefined {
  try {
    const args = [
      '-v',
      'error',
      '-f',
      'h264',
      '-i',
      'pipe:0',
      '-frames:v',
      '1',
      '-c:v',
      'ppm',
      '-f',
      'image2pipe',
      'pipe:1',
    ];
    const ppm = execFileSync('ffmpeg', args, {
      input: keyframe,
      timeout: 10_000,
      maxBuffer: 64 << 20,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const header = /^P6\s+(\d+)\s+(\d+)/.exec(ppm.subarray(0, 32).toString('latin1'));
    return header === null ? 'nothing' : `${header[1]!}x${header[2]!}`;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? undefined : 'nothing';
  }
}
