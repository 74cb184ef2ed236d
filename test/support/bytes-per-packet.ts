// Prints how many bytes V8 allocates for each RTP packet of a stream of large units, once the code is compiled.

import assert from 'node:assert/strict';
import inspector from 'node:inspector/promises';
import { largeUnits, PACKETS_OF_A_UNIT, PARAMETER_SETS, Wire } from './wire.js';

type Node = inspector.HeapProfiler.SamplingHeapProfileNode;

const sizeOf = (node: Node): number =>
  node.selfSize + node.children.reduce((sum, child) => sum + sizeOf(child), 0);

async function main(): Promise<void> {
  const wire = new Wire();
  await wire.session.open();
  wire.read(PARAMETER_SETS);
  const units = largeUnits(60);
  for (const unit of units.splice(0, 30)) wire.read(unit);
  const profiler = new inspector.Session();
  profiler.connect();
  await profiler.post('HeapProfiler.startSampling', {
    samplingInterval: 512,
    // What was collected meanwhile counts as well.
    ...{ includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true },
  });
  for (const unit of units) wire.read(unit);
  const { profile } = await profiler.post('HeapProfiler.stopSampling');
  profiler.disconnect();
  assert.ok(wire.units.length >= 59);
  process.stdout.write(String(sizeOf(profile.head) / (units.length * PACKETS_OF_A_UNIT)));
  await wire.session.close();
}

void main();
