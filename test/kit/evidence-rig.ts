// A recorder with segments on the disk, and exports of them.

import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {
  exportEvidence,
  type EvidenceContext,
  type EvidenceRequest,
  type EvidenceResult,
} from '../../lib/nvr/evidence/evidence.js';
import type { Manifest } from '../../lib/nvr/evidence/manifest.js';
import { signingKey } from '../../lib/nvr/evidence/signing-key.js';
import { Journal } from '../../lib/nvr/recorder/journal.js';
import type { ClipInfo, RecorderFs, RecorderOptions } from '../../lib/nvr/recorder/types.js';
import { clipUnit } from './clip-units.js';
import { EPOCH, RecorderRig } from './recorder-rig.js';

export { EPOCH };

export class EvidenceRig {
  readonly rig: RecorderRig;
  readonly userDir = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'nvr-user-'));
  clips: ClipInfo[] = [];

  constructor(options: Partial<RecorderOptions> = {}) {
    this.rig = new RecorderRig({ mode: 'continuous', segment: 4, fileName: '{HHmmss}', ...options });
  }

  get keyFile(): string {
    return path.join(this.userDir, 'nvr-signing-key.pem');
  }

  /** Segments from second 10 on, with the one at hand unfinished where it is `left`. */
  async record(seconds = 12, left = false): Promise<ClipInfo[]> {
    this.rig.recorder.arm();
    this.rig.feed(Array.from({ length: (seconds * 1000) / 80 }, (_, index) => clipUnit(index + 125, EPOCH)));
    if (!left) await this.rig.recorder.disarm();
    this.clips = this.rig.events.flatMap((event) => (event.type === 'finished' ? [event.info] : []));
    return this.clips;
  }

  context(changes: Partial<RecorderFs> = {}, reserveBytes = 0): EvidenceContext {
    const { folder } = this.rig;
    return {
      options: {
        ...{ folder, reserveBytes, fileMode: 0o640, nvr: 'Home', channel: 'Gate', stream: 'main' },
        timeZone: 'Europe/Berlin',
      },
      deps: { fs: { ...fs, ...changes }, now: () => EPOCH + this.rig.now, monotonic: () => this.rig.now },
      journal: () => Journal.load(fs, folder, 'test'),
      key: () => signingKey(fs, this.keyFile),
    };
  }

  export(request: Partial<EvidenceRequest> = {}, changes?: Partial<RecorderFs>): Promise<EvidenceResult> {
    return exportEvidence(this.context(changes), { from: EPOCH + 10_000, to: EPOCH + 22_000, ...request });
  }

  /** What the folder for exports holds. */
  exports(): string[] {
    const folder = path.join(this.rig.folder, 'exports');
    return nodeFs.existsSync(folder) ? nodeFs.readdirSync(folder).sort() : [];
  }

  async close(): Promise<void> {
    await this.rig.close();
    nodeFs.rmSync(this.userDir, { recursive: true, force: true });
  }
}

export function manifestOf({ manifest }: EvidenceResult): Manifest & { signature: string } {
  return JSON.parse(nodeFs.readFileSync(manifest, 'utf8')) as Manifest & { signature: string };
}
