// Worker thread of the snapshot pool: receives a job as a message, and returns the JPEG in shared memory.

import { parentPort } from 'node:worker_threads';

import { NvrError } from '../errors.js';
import type { NvrErrorCode } from '../errors.js';
import { SnapshotMaker } from './snapshot-job.js';
import type { SnapshotJob } from './snapshot-job.js';

/** The answer to a SnapshotJob: one message per job, in order. */
export type SnapshotReply = SnapshotDone | { readonly code: NvrErrorCode; readonly message: string };

interface SnapshotDone {
  /** Length in bytes of the JPEG at the start of the shared memory. It stays valid until the next job. */
  readonly length: number;
  readonly width: number;
  readonly height: number;
  /** The shared memory to use from now on, if it was replaced. */
  readonly memory?: SharedArrayBuffer;
}

const maker = new SnapshotMaker();
let memory = new SharedArrayBuffer(0);

parentPort?.on('message', (job: SnapshotJob) => {
  parentPort?.postMessage(answer(job));
});

function answer(job: SnapshotJob): SnapshotReply {
  try {
    const { data, width, height } = maker.make(job);
    const larger = memory.byteLength < data.length;
    if (larger) memory = new SharedArrayBuffer(2 * data.length);
    new Uint8Array(memory).set(data);
    return { length: data.length, width, height, ...(larger && { memory }) };
  } catch (error) {
    if (error instanceof NvrError) return { code: error.code, message: error.message };
    return { code: 'EDECODE', message: 'the keyframe could not be decoded' };
  }
}
