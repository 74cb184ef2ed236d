// Two real Node-REDs that record to one folder: what a killed one was recording is finished by the other, and
// that of one that lives is left alone.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startNodeRed, type RunningNodeRed } from '../kit/node-red.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { judgeClip } from '../kit/clip-judge.js';
import { needs } from '../kit/tools.js';

const ACCOUNT = { username: 'admin', password: 'geheim-shared' };
const TAKE_OVER_MS = 15_000;
/** The other one looks several times within this. */
const ALONE_MS = 25_000;
const SILENT_MS = 30_000;
const LOOK_MS = 10_000;

describe('Two Node-REDs with one folder', function () {
  this.timeout(180_000);
  let simulator: Simulator;
  let folder: string;
  const running: RunningNodeRed[] = [];

  before(async function () {
    needs(this, 'ffmpeg', 'ffprobe');
    simulator = await startSimulator({ ...ACCOUNT });
  });

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-shared-'));
  });

  afterEach(async () => {
    for (const one of running.splice(0)) {
      revive(one);
      await one.stop();
    }
    fs.rmSync(folder, { recursive: true, force: true });
  });

  after(() => simulator.stop());

  function revive({ pid }: RunningNodeRed): void {
    try {
      process.kill(pid, 'SIGCONT');
    } catch {
      // It is gone.
    }
  }

  async function start(): Promise<RunningNodeRed> {
    const one = await startNodeRed(
      [
        { id: 'tab', type: 'tab', label: 'tab' },
        { id: 'nvr', type: 'nvr-server', name: 'N', host: '127.0.0.1', rtspPort: String(simulator.rtspPort) },
        {
          ...{
            id: 'record',
            z: 'tab',
            type: 'nvr-record',
            nvr: 'nvr',
            channel: '1',
            folder,
            fileName: 'clip',
          },
          ...{ preRoll: '1', postRoll: '600', maxLength: '3600', wires: [[], []] },
        },
        { id: 'alarm', z: 'tab', type: 'http in', url: '/alarm', method: 'get', wires: [['record', 'ok']] },
        { id: 'ok', z: 'tab', type: 'http response', statusCode: '200' },
      ],
      { nvr: ACCOUNT },
    );
    running.push(one);
    return one;
  }

  const parts = (): string[] => fs.readdirSync(folder).filter((name) => name.endsWith('.part'));
  const clips = (): string[] => fs.readdirSync(folder).filter((name) => name.endsWith('.mp4'));
  const bytes = (): number => fs.statSync(path.join(folder, parts()[0]!)).size;
  async function until(holds: () => boolean): Promise<number> {
    const begun = performance.now();
    while (!holds()) await wait(50);
    return performance.now() - begun;
  }

  async function recording(): Promise<RunningNodeRed> {
    const one = await start();
    await fetch(`${one.url}/alarm`);
    await until(() => parts().length === 1 && bytes() > 100_000);
    return one;
  }

  it('what a killed one was recording is finished by the other within 15 s, and what a living one records is not', async () => {
    const one = await recording();
    await start();
    const before = bytes();
    await wait(ALONE_MS);
    assert.deepEqual({ parts: parts().length, clips: clips().length }, { parts: 1, clips: 0 });
    assert.ok(bytes() > before, 'it goes on');
    process.kill(one.pid, 'SIGKILL');
    const took = await until(() => clips().length === 1 && parts().length === 0);
    console.log(`      finished ${(took / 1000).toFixed(1)} s after the kill`);
    assert.ok(took <= TAKE_OVER_MS, `${took} ms`);
    assert.ok(judgeClip(path.join(folder, clips()[0]!)).length > 0);
  });

  it('what one records that hangs is left alone for 30 s, then finished', async () => {
    const one = await recording();
    await start();
    await wait(LOOK_MS);
    process.kill(one.pid, 'SIGSTOP');
    const took = await until(() => clips().length === 1 && parts().length === 0);
    console.log(`      finished ${(took / 1000).toFixed(1)} s after it hung`);
    // Its last beat may be 10 s old by then.
    assert.ok(took >= SILENT_MS - LOOK_MS && took <= SILENT_MS + 2 * LOOK_MS, `${took} ms`);
    assert.ok(judgeClip(path.join(folder, clips()[0]!)).length > 0);
  });
});
