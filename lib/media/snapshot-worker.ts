// The worker thread's side of the snapshot pool: a job comes as a message, the JPEG goes back by transfer.

import { parentPort } from 'node:worker_threads';

import { NvrError } from '../errors.js';
import type { NvrErrorCode } from '../errors.js';
import { SnapshotMaker } from './snapshot-job.js';
import type { SnapshotJob } from './snapshot-job.js';

/** What the worker answers to a SnapshotJob: always one message for one job, in order. */
export type SnapshotReply =
  | { readonly jpeg: Uint8Array; readonly width: number; readonly height: number }
  | { readonly code: NvrErrorCode; readonly message: string };

const maker = new SnapshotMaker();

parentPort?.on('message', (job: SnapshotJob) => {
  try {
    const { data, width, height } = maker.make(job);
    const reply: SnapshotReply = { jpeg: data, width, height };
    parentPort?.postMessage(reply, [data.buffer as ArrayBuffer]);
  } catch (error) {
    const reply: SnapshotReply =
      error instanceof NvrError
        ? { code: error.code, message: error.message }
        : { code: 'EDECODE', message: 'the keyframe could not be decoded' };
    parentPort?.postMessage(reply);
  }
});
