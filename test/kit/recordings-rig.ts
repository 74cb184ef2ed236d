// A real Node-RED whose pages show what a simulated NVR has recorded, and its own clips and exports.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { startNodeRed, type RunningNodeRed } from './node-red.js';

const ACCOUNT = { username: 'demo', password: 'e2e-secret-password' };

/**
 * Two pages: `wall` of two cameras, and `slow` of an NVR that sends more slowly than it recorded. What ends
 * it is added to `ends`.
 */
export async function startRecordings(ends: (() => Promise<unknown>)[]): Promise<RunningNodeRed> {
  const clips = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-view-clips-'));
  ends.push(() => fs.promises.rm(clips, { recursive: true, force: true }));
  const simulator = await startSimulator({ ...ACCOUNT, channels: 2, onvifReplay: true, recordingHours: 12 });
  ends.push(() => simulator.stop());
  // Sends its recording more slowly than it was recorded.
  const slow = await startSimulator({ ...ACCOUNT, channels: 1, pace: 0.5 });
  ends.push(() => slow.stop());
  const serverAt = ({ rtspPort, httpPort }: Simulator): object => ({
    ...{ host: '127.0.0.1', rtspPort: String(rtspPort), httpPort: String(httpPort), linger: '0' },
  });
  const server = serverAt(simulator);
  const channels = [
    { channel: 1, name: 'Gate' },
    { channel: 2, name: 'Yard' },
  ];
  const nodeRed = await startNodeRed(
    [
      { id: 'tab', type: 'tab', label: 'tab' },
      { id: 'nvr1', type: 'nvr-server', name: 'Home', ...server, channels },
      { id: 'view1', z: 'tab', type: 'nvr-view', name: 'Wall', nvr: 'nvr1', channel: '*', wires: [[]] },
      { id: 'nvr2', type: 'nvr-server', name: 'Slow', ...serverAt(slow) },
      { id: 'view2', z: 'tab', type: 'nvr-view', name: 'Slow', nvr: 'nvr2', channel: '1', wires: [[]] },
      { id: 'in1', z: 'tab', type: 'http in', url: '/alarm', method: 'get', wires: [['rec1', 'out1']] },
      { id: 'out1', z: 'tab', type: 'http response', wires: [] },
      {
        ...{ id: 'rec1', z: 'tab', type: 'nvr-record', nvr: 'nvr1', channel: '1', folder: clips },
        ...{ mode: 'alarm', preRoll: '2', postRoll: '2', thumbnail: true, wires: [['made'], []] },
      },
      {
        ...{ id: 'made', z: 'tab', type: 'function', wires: [['out1']] },
        func: 'if (msg.export === undefined) return null; msg.payload = msg.export; return msg;',
      },
      { id: 'in2', z: 'tab', type: 'http in', url: '/export', method: 'get', wires: [['asked']] },
      {
        ...{ id: 'asked', z: 'tab', type: 'change', wires: [['rec1']] },
        rules: Object.entries({
          ...{ action: '"export"', from: '$number(payload.from)', to: '$number(payload.to)' },
        }).map(([p, to]) => ({ t: 'set', p, pt: 'msg', to, tot: 'jsonata' })),
      },
      {
        ...{ id: 'inject1', z: 'tab', type: 'inject', wires: [['play1']] },
        props: Object.entries({ from: '-10m', duration: '2m', channel: [1, 2], output: 'file' }).map(
          ([p, v]) => (typeof v === 'string' ? { p, v, vt: 'str' } : { p, v: JSON.stringify(v), vt: 'json' }),
        ),
      },
      {
        ...{ id: 'play1', z: 'tab', type: 'nvr-playback', nvr: 'nvr1', channel: '1' },
        ...{ folder: path.join(clips, 'played'), wires: [['played'], []] },
      },
      {
        ...{ id: 'played', z: 'tab', type: 'function', wires: [[]] },
        func: 'global.set("played", [...(global.get("played") ?? []), msg.clip])',
      },
      {
        ...{ id: 'rec2', z: 'tab', type: 'nvr-record', nvr: 'nvr1', channel: '2', folder: clips },
        ...{ mode: 'continuous', version: 1, segment: '60', wires: [[], []] },
      },
    ],
    { nvr1: ACCOUNT, nvr2: ACCOUNT },
  );
  ends.push(() => nodeRed.stop());
  return nodeRed;
}
