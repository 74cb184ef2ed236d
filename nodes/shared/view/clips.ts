// Clips on this machine for a view's page: lists those of a camera and serves their bytes, behind the same
// log-in as the page.

import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { NvrError } from '../../../lib/errors.js';
import type { ClipInfo } from '../../../lib/nvr/recorder/types.js';
import type { RecordedCamera } from '../recorded-cameras.js';
import { answerUntilGone } from './answers.js';

/** A clip as described to the page. Times are in epoch ms. */
interface ListedClip {
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly kind: 'clip' | 'segment';
  readonly alarms: readonly number[];
  readonly frameMs: number;
  readonly thumbnail: boolean;
  readonly unfinished?: true;
}

/** Express's method to send a file, which handles ranges, HEAD and conditional requests. */
interface FileResponse extends ServerResponse {
  sendFile(file: string, options: object, done: (error?: Error) => void): void;
}

interface FoundClip {
  readonly camera: RecordedCamera;
  readonly file: string;
  readonly thumbnail?: string;
}

const ID_LENGTH = 32;
const USUAL_FRAME_MS = 40;
const MAX_CLIPS = 20_000;
/** A link from before a restart requires a search of all clips, at most this often. */
const SEARCH_MS = 5_000;

/** A time-lapse film shows hours in minutes, so it does not fit on a time line. */
const FILM = 'timelapse';

export class Clips {
  private readonly byId = new Map<string, FoundClip>();
  private searchedAt = -Infinity;

  /** `recorded`: the record nodes' cameras for a channel, or for all channels of the page. */
  constructor(
    private readonly recorded: (channel?: number) => readonly RecordedCamera[],
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Oldest first. Folders that cannot be read are skipped. */
  async list(channel: number, from: number, to: number): Promise<ListedClip[]> {
    const found = await Promise.all(this.recorded(channel).map((camera) => this.listOf(camera, from, to)));
    return found.flat().sort((one, other) => one.start - other.start);
  }

  /** Never rejects. */
  async serve(id: string, kind: 'mp4' | 'jpg', response: ServerResponse): Promise<void> {
    await answerUntilGone(response, async () => {
      const { camera, file, thumbnail } = await this.find(id);
      const name = kind === 'mp4' ? file : thumbnail;
      if (name === undefined) throw new NvrError('ENORECORDING', 'This clip has no picture of its own.');
      const full = await camera.catalog.locate(name);
      const headers = { 'Content-Type': kind === 'mp4' ? 'video/mp4' : 'image/jpeg' };
      await new Promise<void>((resolve) => {
        const options = { dotfiles: 'allow', cacheControl: false, headers };
        // An error here means that the page has gone or the file was deleted, and the response has ended.
        (response as FileResponse).sendFile(full, options, () => {
          resolve();
        });
      });
    });
  }

  private async listOf(camera: RecordedCamera, from: number, to: number): Promise<ListedClip[]> {
    try {
      const [clips, writing] = await Promise.all([finishedOf(camera, from, to), camera.catalog.writing()]);
      const open = writing.filter(({ start, reason }) => start < to && reason !== FILM);
      return [
        ...clips.filter(({ reason }) => reason !== FILM).map((clip) => this.describe(camera, clip)),
        ...open.map(({ file, start }): ListedClip => {
          const id = this.remember({ camera, file });
          const rest = { kind: 'clip', alarms: [], frameMs: USUAL_FRAME_MS, thumbnail: false } as const;
          return { id, start, end: Math.min(Date.now(), to), ...rest, unfinished: true };
        }),
      ];
    } catch {
      return [];
    }
  }

  private describe(camera: RecordedCamera, clip: ClipInfo): ListedClip {
    const { file, start, end, reason, alarms, durationMs, frames, thumbnail } = clip;
    const id = this.remember({ camera, file, ...(thumbnail !== undefined && { thumbnail }) });
    return {
      ...{ id, start, end },
      kind: reason === 'continuous' ? 'segment' : 'clip',
      alarms: alarms.map(({ time }) => time),
      frameMs: frames > 1 && durationMs > 0 ? durationMs / frames : USUAL_FRAME_MS,
      thumbnail: thumbnail !== undefined,
    };
  }

  /**
   * Remembers a clip by an id and returns that. It is made from the file name, so that links survive a
   * restart.
   */
  private remember(clip: FoundClip): string {
    const id = createHash('sha256').update(clip.file).digest('hex').slice(0, ID_LENGTH);
    this.byId.delete(id);
    this.byId.set(id, clip);
    if (this.byId.size > MAX_CLIPS) this.byId.delete(this.byId.keys().next().value!);
    return id;
  }

  private async find(id: string): Promise<FoundClip> {
    if (!this.byId.has(id) && this.now() - this.searchedAt > SEARCH_MS) {
      this.searchedAt = this.now();
      for (const camera of this.recorded()) await this.listOf(camera, 0, Date.now());
    }
    const found = this.byId.get(id);
    if (found === undefined) throw new NvrError('ENORECORDING', 'There is no such clip, or it was deleted.');
    return found;
  }
}

/** All clips of a span, fetched page by page. */
async function finishedOf({ catalog }: RecordedCamera, from: number, to: number): Promise<ClipInfo[]> {
  const found = new Map<string, ClipInfo>();
  for (let at = from; ;) {
    const { clips, more } = await catalog.list({ from: at, to });
    for (const clip of clips) found.set(clip.file, clip);
    const next = clips.at(-1)?.start ?? to;
    if (!more || next <= at || found.size >= MAX_CLIPS) return [...found.values()];
    at = next;
  }
}
