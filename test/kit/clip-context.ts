// What a clip of a test needs of its recorder: a real folder and journal, and no stream.

import fsPromises from 'node:fs/promises';
import { UNCOUNTED } from '../../lib/media/unit-memory.js';
import type { ClipContext } from '../../lib/nvr/recorder/clip-context.js';
import type { Journal } from '../../lib/nvr/recorder/journal.js';
import { Sound } from '../../lib/nvr/recorder/sound.js';
import type { RecorderDeps, RecorderOptions } from '../../lib/nvr/recorder/types.js';
import { systemTimers } from './system-timers.js';

interface Changes extends Partial<Omit<ClipContext, 'options' | 'deps'>> {
  readonly options?: Partial<RecorderOptions>;
  readonly deps?: Partial<RecorderDeps>;
}

export function clipContext(journal: Journal, { options, deps, ...changes }: Changes = {}): ClipContext {
  return {
    options: {
      ...{ id: 'test', nvr: 'Home', channel: 'Gate', mode: 'alarm', preRoll: 0, postRoll: 0, maxLength: 60 },
      ...{ folder: journal.root, fileName: '{reason}.mp4', segment: 300, keepDays: 0, keepGiB: 0 },
      ...{ timeZone: '', reserveBytes: 0 },
      ...options,
    },
    deps: { fs: fsPromises, timers: systemTimers, now: Date.now, monotonic: () => 0, ...deps },
    ...{ stream: 'main', sound: new Sound(), memory: UNCOUNTED, journal: () => Promise.resolve(journal) },
    statistics: () => ({}) as never,
    emit: () => undefined,
    trouble: () => undefined,
    ...changes,
  };
}
