// Prints how many bytes V8 allocates per RTP packet of a stream of large units, once the code is compiled.

import assert from 'node:assert/strict';
import inspector from 'node:inspector/promises';
import { performance } from 'node:perf_hooks';
import { LargeUnits, PACKETS_OF_A_UNIT, PARAMETER_SETS, Wire } from './wire.js';

type Node = inspector.HeapProfiler.SamplingHeapProfileNode;

const sizeOf = (node: Node): number =>
  node.selfSize + node.children.reduce((sum, child) => sum + sizeOf(child), 0);

/**
 * The compiler runs in parallel, so the first window below the number given counts, else the lowest.
 */
const WINDOWS = 16;
const ENOUGH = Number(process.argv[2]);
const UNITS = 10;
/** Code that runs per unit is compiled later than code that runs per packet. */
const WARM_UP_UNITS = 200;

async function main(): Promise<void> {
  // A busy machine would make each packet seem slow. The clock is read more often then, and each time costs.
  let time = performance.now();
  performance.now = () => (time += 0.01);
  // Told for each slice of a read, in an object of its own.
  const usage = process.cpuUsage();
  process.cpuUsage = () => usage;
  const wire = new Wire();
  await wire.session.open();
  wire.read(PARAMETER_SETS);
  const units = new LargeUnits();
  for (let i = 0; i < WARM_UP_UNITS; i += UNITS) for (const unit of units.take(UNITS)) await wire.flow(unit);
  const profiler = new inspector.Session();
  profiler.connect();
  let least = Infinity;
  for (let i = 0; i < WINDOWS && least >= ENOUGH; i++) {
    const window = units.take(UNITS);
    await profiler.post('HeapProfiler.startSampling', {
      samplingInterval: 512,
      // Include objects that were collected meanwhile.
      ...{ includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true },
    });
    for (const unit of window) await wire.flow(unit);
    const { profile } = await profiler.post('HeapProfiler.stopSampling');
    least = Math.min(least, sizeOf(profile.head) / (UNITS * PACKETS_OF_A_UNIT));
  }
  profiler.disconnect();
  assert.ok(wire.units.length >= WARM_UP_UNITS);
  process.stdout.write(String(least));
  await wire.session.close();
}

void main();
