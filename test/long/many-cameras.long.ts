// What 64 cameras of one live-stream node cost beside 64 nodes of a camera each, in a real Node-RED.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { startNodeRed, type RunningNodeRed } from '../kit/node-red.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';

const ACCOUNT = { username: 'admin', password: 'geheim-many' };
const CAMERAS = 64;
const MEASURED_MS = 20_000;
const TICK_MS = 10;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Cost {
  readonly cpuMs: number;
  readonly rssMiB: number;
}

/** CPU so far, and memory now, as Linux has them. */
function costOf(pid: number): Cost {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const rss = /VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, rssMiB: Number(rss![1]) / 1024 };
}

describe('64 cameras in one node', function () {
  this.timeout(180_000);
  let simulator: Simulator;

  before(async function () {
    if (!fs.existsSync('/proc/self/stat')) this.skip();
    simulator = await startSimulator({ ...ACCOUNT, channels: CAMERAS });
  });

  after(() => simulator.stop());

  async function measure(channels: readonly string[]): Promise<Cost> {
    const nodes = channels.map((channel, index) => ({
      ...{ id: `live${index}`, z: 'tab', type: 'nvr-live-stream', nvr: 'nvr', channel },
      ...{ stream: 'main', emit: 'accessUnits', wires: [['sink'], ['sink']] },
    }));
    const nodeRed: RunningNodeRed = await startNodeRed(
      [
        { id: 'tab', type: 'tab', label: 'tab' },
        { id: 'nvr', type: 'nvr-server', name: 'N', host: '127.0.0.1', rtspPort: String(simulator.rtspPort) },
        ...nodes,
        { id: 'sink', z: 'tab', type: 'junction', wires: [[]] },
      ],
      { nvr: ACCOUNT },
    );
    try {
      while (simulator.sessionCount < CAMERAS) await wait(100);
      await wait(5_000);
      const before = costOf(nodeRed.pid);
      await wait(MEASURED_MS);
      const after = costOf(nodeRed.pid);
      assert.equal(simulator.sessionCount, CAMERAS);
      return { cpuMs: after.cpuMs - before.cpuMs, rssMiB: after.rssMiB };
    } finally {
      await nodeRed.stop();
    }
  }

  it('cost no more than in 64 nodes: processor time and memory', async () => {
    const list = await measure([`1-${CAMERAS}`]);
    const single = await measure(Array.from({ length: CAMERAS }, (_, index) => String(index + 1)));
    const said = [list, single].map(({ cpuMs, rssMiB }) => `${cpuMs} ms, ${Math.round(rssMiB)} MiB`);
    console.log(`      one node: ${said[0]!}; ${CAMERAS} nodes: ${said[1]!}, within ${MEASURED_MS / 1000} s`);
    // A shared machine is no balance: the same, within what two runs of the same differ by.
    assert.ok(list.cpuMs <= single.cpuMs * 1.3 && list.rssMiB <= single.rssMiB * 1.2, said.join('; '));
  });
});
