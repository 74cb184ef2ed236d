// Sixteen cameras in a process of its own, unarmed, armed, then recording: node recorders.js <port> <count>
// <folder>. Answers each word of its parent when it is done.

import fs from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { Nvr } from '../../lib/nvr/nvr.js';
import { DEFAULT_FILE_NAME } from '../../lib/nvr/recorder/file-name.js';
import { Recorder } from '../../lib/nvr/recorder/recorder.js';
import { settingsFor } from '../kit/settings.js';
import { systemTimers } from '../kit/system-timers.js';

const PRE_ROLL = 10;
const POST_ROLL = 5;

export interface Memory {
  /** Bytes of all array buffers, after a collection. */
  arrayBuffers: number;
  /** Bytes of all pre-rolls. */
  rings: number;
}

/** Of one alarm to all. */
export interface Clips {
  frames: number[];
  files: string[];
  /** Milliseconds from the end of each clip's last frame to its being told. */
  waits: number[];
}

const [port = '0', count = '16', folder = ''] = process.argv.slice(2);
const nvr = new Nvr(
  settingsFor(Number(port), { uriStyle: 'custom', liveTemplate: '/camera?ch={ch}', transport: 'tcp' }),
);
let clips: Clips = { frames: [], files: [], waits: [] };
let told: () => void = () => undefined;

const recorders = Array.from({ length: Number(count) }, (_, i) => {
  const hub = nvr.camera(i + 1, 'main');
  hub.subscribe({ onUnit: () => undefined });
  const options = {
    id: `bench${i}`,
    nvr: 'bench',
    channel: String(i + 1),
    mode: 'alarm' as const,
    preRoll: PRE_ROLL,
    postRoll: POST_ROLL,
    maxLength: 300,
    folder,
    fileName: DEFAULT_FILE_NAME,
    segment: 300,
    keepDays: 0,
    keepGiB: 0,
    timeZone: '',
  };
  const deps = {
    fs,
    now: () => Date.now(),
    monotonic: () => performance.now(),
    timers: systemTimers,
  };
  return new Recorder(hub, options, deps, {
    onEvent: (event) => {
      if (event.type === 'failed' || event.type === 'warning') throw event.error;
      if (event.type !== 'finished') return;
      clips.waits.push(Date.now() - event.info.end);
      clips.frames.push(event.info.frames);
      clips.files.push(event.info.file);
      if (clips.files.length === recorders.length) told();
    },
  });
});

async function memory(): Promise<Memory> {
  let least = Infinity;
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await wait(100);
    least = Math.min(least, process.memoryUsage().arrayBuffers);
  }
  return {
    arrayBuffers: least,
    rings: recorders.reduce((sum, { status }) => sum + status.preRollBytes, 0),
  };
}

async function obey(word: string): Promise<Memory | Clips | undefined> {
  switch (word) {
    case 'memory':
      return memory();
    case 'arm':
      for (const recorder of recorders) recorder.arm();
      return undefined;
    default: {
      clips = { frames: [], files: [], waits: [] };
      const all = new Promise<void>((resolve) => (told = resolve));
      for (const recorder of recorders) recorder.alarm({ reason: 'bench' });
      await all;
      return clips;
    }
  }
}

process.on('message', (word: string) => {
  void obey(word).then((answer) => process.send?.(answer ?? 'done'));
});
process.on('disconnect', () => process.exit());
