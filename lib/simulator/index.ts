// The NVR simulator's API for tests and the demo; the command-line tool is cli.ts.

import type { SimulatorOptions } from './options.js';
import { Simulator } from './simulator.js';

export type { AudioKind, VideoKind } from './clips.js';
export type { AuthScheme, KeyForm, SimulatorOptions } from './options.js';
export { readTimeSei, TIME_SEI_UUID } from './source.js';
export { Simulator };

/** Starts an NVR on 127.0.0.1. Rejects if a port is taken. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = new Simulator(options);
  await simulator.start();
  return simulator;
}
