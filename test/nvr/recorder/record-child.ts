// Records the simulator's clip over and over, ten times as fast as it was made, until it is killed: node
// --require tsx/cjs record-child.ts <folder> [index of the first picture, default 0]

import fs from 'node:fs/promises';

import type { VideoUnit } from '../../../lib/codec/unit.js';
import { Recorder } from '../../../lib/nvr/recorder/recorder.js';
import { FakeHub } from '../../kit/fake-hub.js';
import { clipUnit } from '../../kit/clip-units.js';
import { systemTimers } from '../../kit/system-timers.js';

const [folder = ''] = process.argv.slice(2);
const EPOCH = 1_760_000_000_000;
let at = 0;
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
    fs,
    now: () => EPOCH + at,
    monotonic: () => at,
    timers: systemTimers,
  },
  { onEvent: (event) => process.send?.(event.type) },
);
recorder.arm();
let index = 0;
setInterval(() => {
  at = index * 80;
  const unit: VideoUnit = clipUnit(index++, EPOCH);
  hub.emit(unit);
  process.send?.(index);
}, 8);
