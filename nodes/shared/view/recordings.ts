// Recordings for a view's page: lists them, plays a span, and saves a span as a file.

import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { pipeline } from 'node:stream/promises';
import { NvrError } from '../../../lib/errors.js';
import { guardedTimers } from '../../../lib/guard.js';
import { Exports } from '../../../lib/nvr/export/exports.js';
import type { ExportedClip, ExportEnd } from '../../../lib/nvr/export/types.js';
import type { Nvr } from '../../../lib/nvr/nvr.js';
import { replay } from '../../../lib/nvr/view/replay.js';
import type { ViewCamera } from '../../../lib/nvr/view/view.js';
import type { RecordedCamera } from '../recorded-cameras.js';
import { answerUntilGone, sendJson, written } from './answers.js';
import { Clips } from './clips.js';

/** Most pages that play a recording through this node at a time, because an NVR allows few sessions. */
const MAX_REPLAYS = 3;
/** Longest span per response; the page then requests the next. */
const MAX_REPLAY_MS = 6 * 3_600_000;
const MAX_SAVES = 2;
const MAX_SAVE_MS = 3_600_000;
/** How long a saved file can be downloaded. */
const KEPT_MS = 10 * 60_000;
const MAX_KEPT = 16;

interface Saved {
  readonly file: string;
  readonly name: string;
}

/** The recordings of one view node's cameras. */
export class Recordings {
  /** Clips of the record nodes on this machine. */
  readonly clips: Clips;
  private replays = 0;
  private saves = 0;
  private folder: Promise<string> | undefined;
  private exports: Exports | undefined;
  private readonly saved = new Map<string, Saved>();
  private closed = false;

  constructor(
    private readonly nvr: Nvr,
    private readonly cameras: readonly ViewCamera[],
    recorded: (channel: number) => readonly RecordedCamera[],
  ) {
    this.clips = new Clips((channel) =>
      channel === undefined ? cameras.flatMap((camera) => recorded(camera.channel)) : recorded(channel),
    );
  }

  /** Whether the NVR itself records and supports playback. */
  get canPlayBack(): boolean {
    return this.nvr.canPlayBack;
  }

  /**
   * `?channel=&from=&to=` in epoch ms: lists the clips of that span, oldest first, and says whether the NVR
   * can play back. Never rejects.
   */
  async list(url: string, response: ServerResponse): Promise<void> {
    await answerUntilGone(response, async () => {
      const query = new URLSearchParams(url.split('?')[1] ?? '');
      const camera = this.cameraOf(query.get('channel'));
      const from = timeOf(query.get('from'), 'from');
      const clips = await this.clips.list(camera.channel, from, timeOf(query.get('to'), 'to'));
      sendJson(response, 200, { playback: this.canPlayBack, clips });
    });
  }

  /**
   * `?channel=&stream=&from=` in epoch ms: streams the recording from then on as records, until the page
   * disconnects. Never rejects.
   */
  async replay(url: string, response: ServerResponse): Promise<void> {
    if (this.replays >= MAX_REPLAYS) {
      const reason = `At most ${MAX_REPLAYS} pages play recordings at once; close another one.`;
      sendJson(response, 503, { code: 'EBUSY', reason });
      return;
    }
    this.replays++;
    response.once('close', () => this.replays--);
    await answerUntilGone(response, async (signal) => {
      const query = new URLSearchParams(url.split('?')[1] ?? '');
      const { channel } = this.cameraOf(query.get('channel'));
      const from = timeOf(query.get('from'), 'from');
      const now = Date.now();
      if (from > now)
        throw new NvrError('EINPUT', '"from" lies in the future: nothing is recorded there yet.');
      const stream = query.get('stream') === 'dual' ? 'dual' : 'main';
      const to = Math.min(now, from + MAX_REPLAY_MS);
      if (!this.canPlayBack)
        throw new NvrError('EUNSUPPORTED', 'The NVR’s settings have no playback template.');
      const units = this.nvr.fetchSpan({ channel, stream, from, to }, signal);
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
      await replay(units, async (bytes) => {
        await written(response, bytes, signal);
        if (signal.aborted) throw new NvrError('EUNREACHABLE', 'The page is gone.');
      });
      response.end();
    });
  }

  /**
   * Exports a span to files, which can be downloaded for ten minutes. Rejects with EINPUT, EBUSY, or the
   * error of an export without pictures.
   */
  async save(wish: Readonly<Record<string, unknown>>): Promise<object> {
    const { channel, name } = this.cameraOf(wish.channel);
    const from = timeOf(wish.from, 'from');
    const to = timeOf(wish.to, 'to');
    if (to <= from) throw new NvrError('EINPUT', 'The end must come after the beginning.');
    if (to - from > MAX_SAVE_MS) throw new NvrError('EINPUT', 'The page saves an hour at most.');
    if (from > Date.now())
      throw new NvrError('EINPUT', '"from" lies in the future: nothing is recorded there yet.');
    if (!this.canPlayBack)
      throw new NvrError('EUNSUPPORTED', 'The NVR’s settings have no playback template.');
    if (this.saves >= MAX_SAVES)
      throw new NvrError('EBUSY', `At most ${MAX_SAVES} recordings are saved at once.`);
    this.saves++;
    try {
      const exports = await this.toFiles();
      const files: object[] = [];
      const request = { channel, stream: 'main', from, to, channelName: name };
      const end = await new Promise<ExportEnd>((resolve) => {
        exports.start(request, {
          onFile: (clip) => files.push(this.keep(clip)),
          onProgress: () => undefined,
          onEnd: resolve,
        });
      });
      if (files.length === 0)
        throw end.error ?? new NvrError('ENORECORDING', 'Nothing is recorded in that span.');
      return { files, missingMs: end.missingMs, ...(end.error !== undefined && { code: end.error.code }) };
    } finally {
      this.saves--;
    }
  }

  /** Sends a saved file by its id. Never rejects. */
  async fetch(id: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const found = this.saved.get(id);
    if (found === undefined) {
      sendJson(response, 404, { code: 'EINPUT', reason: 'There is no such file any more: save it again.' });
      return;
    }
    await answerUntilGone(response, async (signal) => {
      const { size } = await fs.promises.stat(found.file);
      response.writeHead(200, {
        'Content-Type': 'video/mp4',
        'Content-Length': size,
        'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(found.name)}`,
      });
      if (request.method === 'HEAD') response.end();
      else await pipeline(fs.createReadStream(found.file), response, { signal });
    });
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.closed = true;
    await this.exports?.close();
    this.saved.clear();
    const folder = await this.folder?.catch(() => undefined);
    if (folder !== undefined)
      await fs.promises.rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }

  private keep(clip: ExportedClip): object {
    const id = randomUUID();
    const name = path.basename(clip.file);
    this.saved.set(id, { file: clip.file, name });
    if (this.saved.size > MAX_KEPT) this.drop(this.saved.keys().next().value!);
    setTimeout(() => {
      this.drop(id);
    }, KEPT_MS).unref();
    const { recordedFrom, recordedTo, bytes } = clip;
    return { id, name, recordedFrom, recordedTo, bytes };
  }

  private drop(id: string): void {
    const found = this.saved.get(id);
    if (this.saved.delete(id)) void fs.promises.rm(found!.file, { force: true }).catch(() => undefined);
  }

  /** Temporary exports do not belong among the clips. */
  private async toFiles(): Promise<Exports> {
    this.folder ??= fs.promises.mkdtemp(path.join(os.tmpdir(), 'nvr-saved-'));
    const folder = await this.folder;
    if (this.closed) throw new NvrError('EBUSY', 'The page is closed.');
    const { name, timeZone } = this.nvr.settings;
    this.exports ??= new Exports(
      {
        ...{ id: 'saved', nvr: name, folder, timeZone, plain: true },
        fileName: '{channel} {yyyy}-{MM}-{dd} {HHmmss}.mp4',
      },
      {
        fs: fs.promises,
        now: () => Date.now(),
        monotonic: () => performance.now(),
        timers: guardedTimers(() => undefined),
        fetchSpan: (span, signal, handlers) => this.nvr.fetchSpan(span, signal, handlers),
        memory: () => this.nvr.spanMemory(),
      },
      { onRecovered: () => undefined, onWarning: () => undefined, isRunning: () => !this.closed },
    );
    return this.exports;
  }

  private cameraOf(given: unknown): ViewCamera {
    const found = this.cameras.find(({ channel }) => given === channel || given === String(channel));
    if (found === undefined) throw new NvrError('ECHANNEL', 'This page has no such camera.');
    return found;
  }
}

function timeOf(given: unknown, name: string): number {
  const time = given === null || given === '' ? NaN : Number(given);
  if (!Number.isFinite(time) || Math.abs(time) > 8.64e15)
    throw new NvrError('EINPUT', `${name} must be epoch milliseconds.`);
  return Math.round(time);
}
