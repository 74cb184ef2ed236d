import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { times } from '../../kit/cases.js';
import { needs } from '../../kit/tools.js';
import { killAtRename, killOnce } from './killing.js';
import { EPOCH, RecorderRig } from '../../kit/recorder-rig.js';

describe('a recording that is killed', function () {
  before(function () {
    needs(this, 'ffmpeg', 'ffprobe');
  });

  it('leaves parts that play up to their last fragment, and the next start finishes them', async function () {
    this.timeout(90_000);
    const runs = times(3, 8);
    let frames = 0;
    let parts = 0;
    for (let run = 0; run < runs; run++) {
      const left = await killOnce(((run + Math.random()) * 160) / runs);
      frames += left.frames;
      parts += left.parts;
    }
    assert.ok(parts >= runs - 2, `${parts} parts`);
    // On average 80 were on the disk, of which a torn fragment may be lost.
    assert.ok(frames > (100 * runs) / 4, `${frames} frames were saved`);
  });

  it('leaves a whole file that nobody was told of, and the next start reports it', async function () {
    this.timeout(30_000);
    assert.deepEqual(await killAtRename(), { parts: 0, untold: 1, frames: 100 });
  });

  it('has an alarm in the journal within 50 ms, and the next start reports its message, pre-roll, reason and alarms', async function () {
    this.timeout(90_000);
    const took: number[] = [];
    for (let run = 0; run < 3; run++) {
      const base = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-killed-'));
      const folder = path.join(base, 'clips');
      const told = path.join(base, 'took');
      try {
        const child = fork(path.join(__dirname, 'alarm-child.ts'), [folder, told], {
          execArgv: ['--require', 'tsx/cjs'],
        });
        await once(child, 'exit');
        assert.equal(child.signalCode, 'SIGKILL');
        took.push(Number(fs.readFileSync(told, 'utf8')));
        if (took.at(-1)! < 50) await findAlarm(folder);
      } finally {
        fs.rmSync(base, { recursive: true, force: true });
      }
    }
    assert.ok(Math.min(...took) < 50, `noted after ${took.join()} ms`);
  });
});

/** The alarm of alarm-child, whatever came of its clip. */
async function findAlarm(folder: string): Promise<void> {
  const rig = new RecorderRig({ folder, id: 'killed' });
  const [noted] = rig.lines('alarm') as { from: number; to: number; reason: string; alarms: unknown }[];
  const time = EPOCH + 49 * 80;
  assert.deepEqual(
    { reason: noted!.reason, from: noted!.from, to: noted!.to },
    { reason: 'door', from: time - 2000, to: time + 2000 },
  );
  assert.deepEqual(noted!.alarms, [{ time, reason: 'door' }]);
  rig.recorder.arm();
  const told = await Promise.race([rig.event('finished'), rig.event('failed')]);
  assert.deepEqual(told.message, { topic: 'site/door' });
  if (told.type === 'finished') {
    const { reason, alarms, recovered, preRollMs } = told.info;
    assert.deepEqual(
      { reason, alarms, recovered },
      { reason: 'door', alarms: [{ time, reason: 'door' }], recovered: true },
    );
    assert.ok(preRollMs >= 2000, `${preRollMs} ms of pre-roll`);
  }
  await rig.line('over');
  await rig.close();
}
