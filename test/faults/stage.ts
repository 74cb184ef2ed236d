// Runs rows of the matrix at the same time in one Node-RED; each has its own NVR and folder.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { sharedSnapshotPool } from '../../lib/nvr/snapshot/snapshot-pool.js';
import { helper, loadWith } from '../kit/red.js';
import { ACCOUNT, startManualNvr, type ManualNvr } from '../kit/manual-nvr.js';
import type { NodeKind, Outcome, Row, Scene } from './row.js';
import { POST_ROLL, PRE_ROLL, SCENES } from './scenes.js';
import { SickDisk } from './sick-disk.js';

/**
 * Rows that may be on their way to their first pictures at a time: all at once time out on a busy machine.
 */
const STARTING_AT_ONCE = 12;

const OWN_SINKS = ['out', 'event', 'pictures'] as const;
const SHARED_SINKS = ['catch', 'complete'] as const;

const TYPES: Readonly<Record<NodeKind, object>> = {
  record: { type: 'nvr-record', preRoll: String(PRE_ROLL), postRoll: String(POST_ROLL) },
  playback: { type: 'nvr-playback', emit: 'accessUnits' },
  snapshot: { type: 'nvr-snapshot', timeout: '5' },
  health: { type: 'nvr-health-ping', depth: 'media', interval: '0' },
};

/**
 * Runs the rows. `tell` receives each outcome as it ends. `isShared`: their fault affects the whole process.
 */
export async function play(
  rows: readonly Row[],
  isShared: boolean,
  tell: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const rally = new Rally(rows.length);
  const root = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'nvr-faults-'));
  await new Promise<void>((resolve) => {
    helper.startServer(resolve);
  });
  const nvrs = await Promise.all(rows.map(() => startManualNvr()));
  const disks = rows.map((_row, index) => new SickDisk(path.join(root, String(index))));
  try {
    const flow = [
      { id: 'tab', type: 'tab', label: 'tab' },
      ...rows.flatMap((row, index) => partOf(row, index, nvrs[index]!, disks[index]!.folder)),
      { id: 'caught', z: 'tab', type: 'catch', scope: null, uncaught: false, wires: [['catch']] },
      {
        ...{ id: 'completed', z: 'tab', type: 'complete', wires: [['complete']] },
        scope: rows.map((_row, index) => `node${index}`),
      },
      ...SHARED_SINKS.map((id) => ({ id, z: 'tab', type: 'helper' })),
    ];
    const credentials = Object.fromEntries(rows.map((_row, index) => [`nvr${index}`, ACCOUNT]));
    const sink = await loadWith(flow, credentials);
    const places = new Places(STARTING_AT_ONCE);
    return await Promise.all(
      rows.map(async (row, index) => {
        const leavePlace = await places.take();
        const scene: Scene = {
          ...{ row, number: index },
          nvr: nvrs[index]!,
          disk: disks[index]!,
          sink: (name) => sink(name === 'catch' || name === 'complete' ? name : `${name}${index}`),
          together: async (step, run) => {
            leavePlace();
            await (isShared ? rally.meet(step, run) : run());
          },
          send: (message) => {
            (helper.getNode(`node${index}`) as { receive(message: object): void }).receive({
              ...message,
              scene: index,
            });
          },
        };
        const outcome = { row, ...(await SCENES[row.node](scene)) };
        leavePlace();
        rally.leave();
        tell(outcome);
        return outcome;
      }),
    );
  } finally {
    await helper.unload();
    await Promise.all(nvrs.map((nvr) => nvr.kill()));
    for (const disk of disks) disk.close();
    fs.rmSync(root, { recursive: true, force: true });
    await new Promise<void>((resolve) => {
      helper.stopServer(resolve);
    });
    await sharedSnapshotPool().close();
  }
}

/** A number of places; who comes later waits for one to be left. */
class Places {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  /** Resolves with what leaves the place, which may be called again. */
  async take(): Promise<() => void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      const next = this.waiting.shift();
      if (next === undefined) this.free++;
      else next();
    };
  }
}

/** A barrier: waits for all rows that still run, and then performs a step once. */
class Rally {
  private readonly steps = new Map<string, { come: number; run: () => void }>();
  private readonly met = new Map<string, Promise<void>>();

  constructor(private expected: number) {}

  meet(step: string, run: () => void | Promise<void>): Promise<void> {
    const barrier = this.steps.get(step);
    if (barrier === undefined) {
      const all = new Promise<void>((resolve) => {
        this.steps.set(step, { come: 1, run: resolve });
      });
      this.met.set(step, all.then(run));
    } else {
      barrier.come++;
    }
    this.look();
    return this.met.get(step)!;
  }

  leave(): void {
    this.expected--;
    this.look();
  }

  private look(): void {
    for (const { come, run } of this.steps.values()) if (come >= this.expected) run();
  }
}

function partOf(row: Row, index: number, nvr: ManualNvr, folder: string): object[] {
  const z = 'tab';
  const id = `node${index}`;
  return [
    {
      ...{
        id: `nvr${index}`,
        type: 'nvr-server',
        name: `NVR ${index}`,
        host: '127.0.0.1',
        requestTimeout: '3',
      },
      ...{ rtspPort: String(nvr.rtspPort), httpPort: String(nvr.httpPort) },
    },
    {
      ...{ id, z, nvr: `nvr${index}`, channel: '1', folder, wires: [[`out${index}`], [`event${index}`]] },
      ...TYPES[row.node],
    },
    ...(row.node === 'record'
      ? [
          {
            ...{ id: `live${index}`, z, type: 'nvr-live-stream', nvr: `nvr${index}`, channel: '1' },
            ...{ emit: 'accessUnits', wires: [[`pictures${index}`], []] },
          },
        ]
      : []),
    ...OWN_SINKS.map((name) => ({ id: `${name}${index}`, z, type: 'helper' })),
  ];
}
