// Exports until it is killed: node --require tsx/cjs export-child.ts <folder> <playback | evidence> [plain]

import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { exportEvidence } from '../../../lib/nvr/evidence/evidence.js';
import { signingKey } from '../../../lib/nvr/evidence/signing-key.js';
import { RecorderRig } from '../../kit/recorder-rig.js';
import { clipUnit } from '../../kit/clip-units.js';
import { exportsOf, RECORDED_SPAN, requestOf } from './killed-exports.js';

const [folder = '', kind = '', plain] = process.argv.slice(2);

async function playBack(): Promise<void> {
  const exports = exportsOf(folder, plain === 'plain', (units) => paced(units));
  await new Promise((resolve) => {
    exports.start(requestOf(), {
      onFile: () => process.send?.('file'),
      onProgress: () => undefined,
      onPlaying: () => undefined,
      onEnd: resolve,
    });
  });
  await wait(1000);
}

/** Some pictures at a time, as a network has them. */
async function* paced(units: Iterable<VideoUnit>): AsyncGenerator<VideoUnit, void> {
  let count = 0;
  for (const unit of units) {
    if (++count % 8 === 0) await wait(5);
    if (count === 2) process.send?.('exporting');
    yield unit;
  }
}

async function prove(): Promise<void> {
  const rig = new RecorderRig({ folder, mode: 'continuous', segment: 4, fileName: '{HHmmss}' });
  rig.recorder.arm();
  rig.feed(Array.from({ length: 250 }, (_, index) => clipUnit(index + 125, RECORDED_SPAN.epoch)));
  await rig.recorder.disarm();
  process.send?.('exporting');
  for (let index = 0; ; index++)
    await exportEvidence(
      {
        options: { folder, nvr: 'Home', channel: '1', stream: 'main', timeZone: '', reserveBytes: 0 },
        deps: { fs, now: () => Number.MAX_SAFE_INTEGER, monotonic: () => 0 },
        journal: () => rig.recorder.catalog.journal(),
        key: () => signingKey(fs, path.join(folder, 'nvr-signing-key.pem')),
      },
      { from: 0, to: Number.MAX_SAFE_INTEGER, name: `export ${index}` },
    );
}

void (kind === 'playback' ? playBack() : prove());
