// Records the simulator's clip over and over, ten times as fast as it was made, until it is killed: node
// --require tsx/cjs record-child.ts <folder> [kill-at-rename: kills itself when the first file has its name]

import fs from 'node:fs/promises';

import type { VideoUnit } from '../../../lib/codec/unit.js';
import { Recorder } from '../../../lib/nvr/recorder/recorder.js';
import { FakeHub } from '../../kit/fake-hub.js';
import { clipUnit } from '../../kit/clip-units.js';
import { systemTimers } from '../../kit/system-timers.js';

const [folder = '', when = ''] = process.argv.slice(2);
const isKilledAtRename = when === 'kill-at-rename';
const EPOCH = 1_760_000_000_000;
let at = 0;

const rename: typeof fs.rename = async (from, to) => {
  await fs.rename(from, to);
  if (isKilledAtRename && String(from).endsWith('.part')) process.kill(process.pid, 'SIGKILL');
};

const hub = new FakeHub();
const recorder = new Recorder(
  hub,
  {
    id: 'killed',
    nvr: 'Home',
    channel: '1',
    mode: 'continuous',
    preRoll: 0,
    postRoll: 0,
    maxLength: 60,
    folder,
    fileName: '{yyyy}{MM}{dd}-{HHmmss}.mp4',
    segment: 8,
    keepDays: 0,
    keepGiB: 0,
    timeZone: '',
  },
  {
    fs: { ...fs, rename },
    now: () => EPOCH + at,
    monotonic: () => at,
    timers: systemTimers,
  },
  {
    onEvent: (event) =>
      process.send?.(event.type === 'finished' ? { finished: event.info.file } : event.type),
  },
);
recorder.arm();
let index = 0;
setInterval(() => {
  at = index * 80;
  const unit: VideoUnit = clipUnit(index++, EPOCH);
  hub.emit(unit);
  process.send?.(index);
}, 8);
