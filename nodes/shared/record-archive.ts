// A record node's actions on its recordings: list them, protect them from deletion, export them with proof of
// authenticity.

import fs from 'node:fs/promises';
import path from 'node:path';
import type { NodeMessage } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import { cleanUpExports, exportEvidence, type EvidenceContext } from '../../lib/nvr/evidence/evidence.js';
import { publicKeyOf, signingKey } from '../../lib/nvr/evidence/signing-key.js';
import { parseDuration, parseTime } from '../../lib/nvr/playback/nvr-time.js';
import type { ClipChoice, TimeSpan } from '../../lib/nvr/recorder/catalog.js';
import type { Recorder } from '../../lib/nvr/recorder/recorder.js';
import type { RecorderDeps, RecorderOptions } from '../../lib/nvr/recorder/types.js';
import type { Input, Send } from './flow-node.js';
import type { RecordContext } from './record-options.js';
import type { RecordOutput } from './record-output.js';

export const ARCHIVE_ACTIONS = ['keep', 'release', 'list', 'export'] as const;
type ArchiveAction = (typeof ARCHIVE_ACTIONS)[number];

const KEY_FILE = 'nvr-signing-key.pem';
/** Running exports of a node, for all its cameras. */
export type Exporting = Set<Promise<unknown>>;

/** Most simultaneous exports per node. */
const MAX_EXPORTS = 4;
const MAX_NAME = 200;

export class RecordArchive {
  private readonly evidence: EvidenceContext;
  private readonly keyFile: string;

  constructor(
    private readonly context: RecordContext,
    private readonly recorder: Recorder,
    private readonly output: RecordOutput,
    options: RecorderOptions,
    deps: RecorderDeps,
    private readonly running: Exporting,
  ) {
    this.keyFile = path.resolve(context.RED.settings.userDir ?? process.cwd(), KEY_FILE);
    this.evidence = {
      options: { ...options, stream: context.settings.stream },
      deps,
      journal: () => recorder.catalog.journal(),
      key: () => signingKey(fs, this.keyFile),
    };
  }

  /** Removes files of exports that a crash interrupted. Never rejects. */
  cleanUp(): Promise<void> {
    const { deps, options } = this.evidence;
    return cleanUpExports(deps.fs, options.folder, deps.owner?.id);
  }

  /** Undefined if nothing was signed yet, or the key cannot be read. */
  publicKey(): Promise<string | undefined> {
    return publicKeyOf(fs, this.keyFile).catch(() => undefined);
  }

  /** Rejections go to Catch. */
  async take(action: ArchiveAction, message: Input, send: Send): Promise<void> {
    switch (action) {
      case 'list': {
        const { clips, more } = await this.recorder.catalog.list(this.span(message));
        send([this.output.answer(message, 'clips', { payload: clips, more }), null]);
        return;
      }
      case 'keep':
      case 'release': {
        const isKept = action === 'keep';
        const files = await this.recorder.catalog.keep(this.choice(message), isKept);
        const event = { files: files.length, file: files[0] };
        send([null, this.output.withEvent(message, isKept ? 'kept' : 'released', event)]);
        return;
      }
      case 'export': {
        if (this.running.size >= MAX_EXPORTS)
          throw new NvrError('EBUSY', `${MAX_EXPORTS} exports are under way; wait for one of them to end.`);
        const exporting = this.export(message, send);
        this.running.add(exporting);
        await exporting.finally(() => this.running.delete(exporting));
      }
    }
  }

  /** Resolves when no export runs any more; closing the node cancels them. */
  async close(): Promise<void> {
    await Promise.allSettled(this.running);
  }

  private async export(message: Input, send: Send): Promise<void> {
    const { from, to = Date.now() } = this.span(message);
    if (from === undefined)
      throw new NvrError('EINPUT', 'An export needs a span: "from", and "to" or "duration".');
    const { name } = message;
    if (name !== undefined && (typeof name !== 'string' || name.trim() === '' || name.length > MAX_NAME))
      throw new NvrError('EINPUT', `msg.name must be text of at most ${MAX_NAME} characters.`);
    const { signal } = this.context;
    const result = await exportEvidence(this.evidence, {
      ...{ from, to, signal },
      ...(name !== undefined && { name }),
      onProgress: (progress) => {
        this.output.event('progress', progress);
      },
    });
    const exported: Partial<NodeMessage> & Record<string, unknown> = {
      payload: result.folder,
      export: result,
    };
    send([this.output.answer(message, 'export', exported), null]);
  }

  private choice(message: Input): ClipChoice {
    const { clip } = message;
    const file = typeof clip === 'object' && clip !== null ? (clip as { file?: unknown }).file : undefined;
    if (file === undefined) return this.span(message);
    if (typeof file !== 'string') throw new NvrError('EINPUT', 'msg.clip.file must be the path of a clip.');
    return { file };
  }

  /** Empty values count as absent. */
  private span({ from, to, duration }: Input): TimeSpan {
    const given = (value: unknown): boolean => value !== undefined && value !== null && value !== '';
    const time = (value: unknown, name: string): number =>
      parseTime(value, name, Date.now(), this.context.server.settings.timeZone);
    const begin = given(from) ? time(from, 'from') : undefined;
    if (!given(duration))
      return { ...(begin !== undefined && { from: begin }), ...(given(to) && { to: time(to, 'to') }) };
    if (begin === undefined) throw new NvrError('EINPUT', '"duration" needs a "from".');
    return { from: begin, to: begin + parseDuration(duration, 'duration') };
  }
}
