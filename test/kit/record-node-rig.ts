// A Node-RED with the record node and a live-stream node of one camera, the simulator behind them, and a
// folder for the clips.

import { execFileSync } from 'node:child_process';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ClipInfo } from '../../lib/nvr/recorder/types.js';
import { sharedSnapshotPool } from '../../lib/nvr/snapshot/snapshot-pool.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { needs } from './tools.js';
import { flowWith, helper, load, type Message, type Sink } from './red.js';

export const ACCOUNT = { username: 'admin', password: 'geheim-123' };
/** Of the simulator's clips. */
export const GOP_MS = 2000;
export const FRAME_MS = 80;

export interface Fault {
  error: { code: string; message: string };
}

export type Sinks = (id: string) => Sink;

export const clipOf = (message: Message): ClipInfo => message.clip as ClipInfo;
export const eventOf = (message: Message): Record<string, unknown> =>
  message.event as Record<string, unknown>;
export const codeOf = (message: Message): string => (message as unknown as Fault).error.code;
export const words = (sink: Sinks): unknown[] => sink('event').messages.map(({ payload }) => payload);
export const send = (message: object, id = 'record'): void => {
  (helper.getNode(id) as { receive(message: object): void }).receive(message);
};

/** What ffmpeg makes of a clip: decodes all of it, or throws. */
export function judge(file: string): { frames: number; durationMs: number; startsWithKeyframe: boolean } {
  const errors = execFileSync('ffmpeg', ['-v', 'error', '-xerror', '-i', file, '-f', 'null', '-']);
  assert.equal(errors.toString(), '');
  const shown = execFileSync('ffprobe', [
    ...['-v', 'error', '-select_streams', 'v', '-show_packets', '-show_format', '-of', 'json', file],
  ]);
  const { packets, format } = JSON.parse(shown.toString()) as {
    packets: { flags: string }[];
    format: { duration: string };
  };
  return {
    frames: packets.length,
    durationMs: Math.round(Number(format.duration) * 1000),
    startsWithKeyframe: packets[0]!.flags.startsWith('K'),
  };
}

export interface RecordNodeRig {
  simulator: Simulator;
  readonly folder: string;
  /** What is deployed. */
  readonly flow: (settings?: object, nvr?: object) => object[];
  /** The node, and a live-stream node of the same camera beside it. Resolves when the pre-roll is whole. */
  readonly deploy: (settings?: object, keyframes?: number, nvr?: object) => Promise<Sinks>;
  /** Resolves when that many keyframes have come since the start. */
  readonly keyframesOf: (sink: Sinks, count: number) => Promise<Message>;
  /** Every file below the folder, but for the journal. */
  readonly files: () => string[];
}

/** To be called inside a suite: sets it up and clears it away. */
export function useRecordNodeRig(): RecordNodeRig {
  let simulator: Simulator;
  let base: string;
  let folder: string;

  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  beforeEach(function (done) {
    helper.startServer(done);
  });

  beforeEach(async () => {
    simulator = await startSimulator({ ...ACCOUNT, channels: 4 });
    base = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-record-node-'));
    folder = path.join(base, 'clips');
    fs.mkdirSync(folder);
  });

  afterEach(async () => {
    await helper.unload();
    await simulator.stop();
    fs.rmSync(base, { recursive: true, force: true });
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  after(() => sharedSnapshotPool().close());

  function flow(settings: object = {}, nvr: object = {}): object[] {
    const server = {
      rtspPort: String(simulator.rtspPort),
      channels: [{ channel: 2, name: 'Gate' }],
      linger: '0',
      ...nvr,
    };
    const record = {
      id: 'record',
      type: 'nvr-record',
      channel: 'gate',
      preRoll: '1',
      postRoll: '0.5',
      folder,
      wires: [['out'], ['event']],
      ...settings,
    };
    const live = { id: 'live', type: 'nvr-live-stream', channel: '2', wires: [['pictures'], ['liveEvent']] };
    return flowWith(server, [record, live], ['out', 'event', 'pictures', 'liveEvent']);
  }

  /** The node, and a live-stream node of the same camera beside it. Resolves when the pre-roll is whole. */
  async function deploy(settings: object = {}, keyframes = 2, nvr: object = {}): Promise<Sinks> {
    const sink = await load(flow(settings, nvr), ACCOUNT);
    await keyframesOf(sink, keyframes);
    return sink;
  }

  /** Counts from the start. */
  const keyframesOf = (sink: Sinks, count: number): Promise<Message> =>
    sink('pictures').first(() => sink('pictures').messages.length >= count);

  /** Every file below the folder, but for the journal. */
  const files = (): string[] =>
    fs
      .readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.nvr-'))
      .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
      .sort();

  return {
    get simulator() {
      return simulator;
    },
    /** One with other streams, in place of the one that was stopped. */
    set simulator(other) {
      simulator = other;
    },
    get folder() {
      return folder;
    },
    flow,
    deploy,
    keyframesOf,
    files,
  };
}
