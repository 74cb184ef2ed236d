// Clips of this machine for a view's page: which there are of a camera, and their bytes, behind the same
// log-in as the page.

import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { NvrError } from '../../../lib/errors.js';
import type { ClipInfo } from '../../../lib/nvr/recorder/types.js';
import type { RecordedCamera } from '../recorded-cameras.js';
import { answerUntilGone } from './answers.js';

/** What the page is told of a clip. Times are epoch ms. */
export interface ToldClip {
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly kind: 'clip' | 'segment';
  readonly alarms: readonly number[];
  readonly frameMs: number;
  readonly thumbnail: boolean;
  readonly unfinished?: true;
}

/** Express's own way to send a file: ranges, HEAD and conditions are its to know. */
interface FileResponse extends ServerResponse {
  sendFile(file: string, options: object, done: (error?: Error) => void): void;
}

interface Known {
  readonly camera: RecordedCamera;
  readonly file: string;
  readonly thumbnail?: string;
}

const ID_LENGTH = 32;
const USUAL_FRAME_MS = 40;
const MAX_KNOWN = 20_000;
/** A link of before a restart is looked for in all that there is, so often at most. */
const SEARCH_MS = 5_000;

/** A film's hours pass in minutes, so that it has no place on a line of the time. */
const FILM = 'timelapse';

export class Clips {
  private readonly known = new Map<string, Known>();
  private searchedAt = -Infinity;

  /** `recorded`: what record nodes have of a channel, or of all of the page's. */
  constructor(
    private readonly recorded: (channel?: number) => readonly RecordedCamera[],
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** The oldest first. A folder that cannot be read has none to tell of. */
  async list(channel: number, from: number, to: number): Promise<ToldClip[]> {
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
        // What fails on the way is a page that has gone, or a file that was deleted meanwhile: the answer is
        // over.
        (response as FileResponse).sendFile(full, options, () => {
          resolve();
        });
      });
    });
  }

  private async listOf(camera: RecordedCamera, from: number, to: number): Promise<ToldClip[]> {
    try {
      const [clips, writing] = await Promise.all([finishedOf(camera, from, to), camera.catalog.writing()]);
      const open = writing.filter(({ start, reason }) => start < to && reason !== FILM);
      return [
        ...clips.filter(({ reason }) => reason !== FILM).map((clip) => this.told(camera, clip)),
        ...open.map(({ file, start }): ToldClip => {
          const id = this.learn({ camera, file });
          const rest = { kind: 'clip', alarms: [], frameMs: USUAL_FRAME_MS, thumbnail: false } as const;
          return { id, start, end: Math.min(Date.now(), to), ...rest, unfinished: true };
        }),
      ];
    } catch {
      return [];
    }
  }

  private told(camera: RecordedCamera, clip: ClipInfo): ToldClip {
    const { file, start, end, reason, alarms, durationMs, frames, thumbnail } = clip;
    const id = this.learn({ camera, file, ...(thumbnail !== undefined && { thumbnail }) });
    return {
      ...{ id, start, end },
      kind: reason === 'continuous' ? 'segment' : 'clip',
      alarms: alarms.map(({ time }) => time),
      frameMs: frames > 1 && durationMs > 0 ? durationMs / frames : USUAL_FRAME_MS,
      thumbnail: thumbnail !== undefined,
    };
  }

  /** The same file has the same id after a restart, so that a link to it holds. */
  private learn(clip: Known): string {
    const id = createHash('sha256').update(clip.file).digest('hex').slice(0, ID_LENGTH);
    this.known.delete(id);
    this.known.set(id, clip);
    if (this.known.size > MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
    return id;
  }

  private async find(id: string): Promise<Known> {
    if (!this.known.has(id) && this.now() - this.searchedAt > SEARCH_MS) {
      this.searchedAt = this.now();
      for (const camera of this.recorded()) await this.listOf(camera, 0, Date.now());
    }
    const found = this.known.get(id);
    if (found === undefined) throw new NvrError('ENORECORDING', 'There is no such clip, or it was deleted.');
    return found;
  }
}

/** All of a span, however many are listed at once. */
async function finishedOf({ catalog }: RecordedCamera, from: number, to: number): Promise<ClipInfo[]> {
  const found = new Map<string, ClipInfo>();
  for (let at = from; ;) {
    const { clips, more } = await catalog.list({ from: at, to });
    for (const clip of clips) found.set(clip.file, clip);
    const next = clips.at(-1)?.start ?? to;
    if (!more || next <= at || found.size >= MAX_KNOWN) return [...found.values()];
    at = next;
  }
}
