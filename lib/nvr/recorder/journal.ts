// What a recorder has written, as JSON lines in the folder itself: what a start must finish, and the only files that retention may delete.

import path from 'node:path';
import { codeOf } from './disk.js';
import { safeName } from './file-name.js';
import { pathOf } from './paths.js';
import type { RecorderFs } from './types.js';

/** A file that is being written. Paths are from the folder, with / between levels. */
export interface OpenEntry {
  readonly file: string;
  /** Epoch ms. */
  readonly start: number;
  readonly reason: string;
  readonly codec: string;
  readonly width: number;
  readonly height: number;
}

/** A finished file. */
export interface DoneEntry {
  readonly file: string;
  /** Epoch ms. */
  readonly end: number;
  readonly bytes: number;
  readonly thumbnail?: string;
}

type Line = ({ op: 'open' } & OpenEntry) | ({ op: 'done' } & DoneEntry) | { op: 'gone'; file: string };

/** Files kept in mind; beyond, the oldest are left to themselves. */
const MAX_ENTRIES = 200_000;
const MAX_BYTES = 256 * 1024 * 1024;
/** Lines that say nothing any more before the journal is written anew. */
const MAX_STALE = 1000;

export class Journal {
  private readonly open = new Map<string, OpenEntry>();
  private readonly done = new Map<string, DoneEntry>();
  private lines = 0;
  /** The file ends in the midst of a line. */
  private torn = false;
  private work: Promise<void> = Promise.resolve();
  /** Bytes of all finished files. */
  private total = 0;

  private constructor(
    private readonly fs: RecorderFs,
    /** The folder, symbolic links resolved. */
    readonly root: string,
    private readonly file: string,
  ) {}

  /** Rejects with what the file system says. */
  static async load(fs: RecorderFs, folder: string, id: string): Promise<Journal> {
    const root = await fs.realpath(folder);
    const journal = new Journal(fs, root, path.join(root, `.nvr-record-${safeName(id)}.jsonl`));
    await journal.read();
    return journal;
  }

  get unfinished(): OpenEntry[] {
    return [...this.open.values()];
  }

  /** Finished files, the oldest first as they were finished. */
  get finished(): IterableIterator<DoneEntry> {
    return this.done.values();
  }

  get files(): number {
    return this.done.size;
  }

  get bytes(): number {
    return this.total;
  }

  opened(entry: OpenEntry): Promise<void> {
    return this.note({ op: 'open', ...entry });
  }

  /** `planned`: the path it was opened by. */
  async closed(planned: string, entry: DoneEntry): Promise<void> {
    await this.note({ op: 'done', ...entry });
    if (planned !== entry.file) await this.gone(planned);
  }

  gone(file: string): Promise<void> {
    return this.note({ op: 'gone', file });
  }

  private async read(): Promise<void> {
    const found = await this.fs.stat(this.file).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (found === undefined || found.size > MAX_BYTES) return;
    const text = await this.fs.readFile(this.file, 'utf8');
    this.torn = text !== '' && !text.endsWith('\n');
    for (const line of text.split('\n')) {
      const entry = parse(line, this.root);
      if (entry !== undefined) this.apply(entry);
      this.lines++;
    }
  }

  private apply(line: Line): void {
    const { op, ...entry } = line;
    this.open.delete(entry.file);
    this.total -= this.done.get(entry.file)?.bytes ?? 0;
    this.done.delete(entry.file);
    if (op === 'open') this.open.set(entry.file, entry as OpenEntry);
    if (op !== 'done') return;
    this.done.set(entry.file, entry as DoneEntry);
    this.total += (entry as DoneEntry).bytes;
    if (this.done.size > MAX_ENTRIES) {
      const [oldest] = this.done.values();
      this.done.delete(oldest!.file);
      this.total -= oldest!.bytes;
    }
  }

  private note(line: Line): Promise<void> {
    this.apply(line);
    const work = this.work.then(() => this.write(line));
    this.work = work.catch(() => undefined);
    return work;
  }

  private async write(line: Line): Promise<void> {
    if (++this.lines > MAX_STALE + 2 * (this.open.size + this.done.size)) {
      await this.rewrite();
      return;
    }
    await this.fs.appendFile(this.file, `${this.torn ? '\n' : ''}${JSON.stringify(line)}\n`);
    this.torn = false;
  }

  /** All at once or not at all: beside the old one, and renamed. */
  private async rewrite(): Promise<void> {
    const lines: Line[] = [
      ...[...this.done.values()].map((entry) => ({ op: 'done' as const, ...entry })),
      ...[...this.open.values()].map((entry) => ({ op: 'open' as const, ...entry })),
    ];
    await this.fs.writeFile(`${this.file}.new`, lines.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    await this.fs.rename(`${this.file}.new`, this.file);
    this.lines = lines.length;
    this.torn = false;
  }
}

/** Undefined for a line that is torn, or that names a file outside the folder. */
function parse(line: string, root: string): Line | undefined {
  if (line === '') return undefined;
  try {
    const { op, file, ...rest } = JSON.parse(line) as Record<string, unknown>;
    if (typeof file !== 'string') return undefined;
    pathOf(root, file);
    if (op === 'gone') return { op, file };
    if (op === 'done') {
      const { end, bytes, thumbnail } = rest;
      if (typeof end !== 'number' || typeof bytes !== 'number') return undefined;
      if (typeof thumbnail !== 'string') return { op, file, end, bytes };
      pathOf(root, thumbnail);
      return { op, file, end, bytes, thumbnail };
    }
    const { start, reason, codec, width, height } = rest;
    if (op !== 'open' || typeof start !== 'number') return undefined;
    return {
      op,
      file,
      start,
      reason: text(reason),
      codec: text(codec),
      width: Number(width) || 0,
      height: Number(height) || 0,
    };
  } catch {
    return undefined;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
