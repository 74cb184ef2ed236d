// Takes an alarm and kills itself once the journal tells of it, 50 ms later at the latest: node --require
// tsx/cjs alarm-child.ts <folder> <where to write how long that took>

import nodeFs from 'node:fs';
import path from 'node:path';
import { clipUnit } from '../../kit/clip-units.js';
import { EPOCH, RecorderRig } from '../../kit/recorder-rig.js';

const [folder = '', told = ''] = process.argv.slice(2);
const MOMENT_MS = 50;
const PICTURES = 50;

async function main(): Promise<void> {
  const rig = new RecorderRig({ folder, id: 'killed', preRoll: 2, postRoll: 2 });
  rig.recorder.arm();
  await rig.ready();
  rig.clock.now = 0;
  rig.feed(Array.from({ length: PICTURES }, (_, index) => clipUnit(index, EPOCH)));
  rig.recorder.alarm({ reason: 'door', message: { topic: 'site/door' } });
  const alarmed = performance.now();
  const look = (): void => {
    const ms = performance.now() - alarmed;
    const isThere = nodeFs
      .readdirSync(folder)
      .some(
        (name) =>
          name.endsWith('.jsonl') && nodeFs.readFileSync(path.join(folder, name), 'utf8').includes('\n'),
      );
    if (!isThere && ms < MOMENT_MS) {
      setImmediate(look);
      return;
    }
    nodeFs.writeFileSync(told, String(ms));
    process.kill(process.pid, 'SIGKILL');
  };
  look();
}

void main();
