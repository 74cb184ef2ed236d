// The journal of a recorder, as JSON lines in the clip folder: which alarms and files a start has to finish
// and report, and which files retention may delete.

import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { openBelow, type Place } from './below.js';
import { codeOf } from './disk.js';
import { journalName } from './journal-name.js';
import { JournalEntries, type Leftovers } from './journal-entries.js';
import {
  lineText,
  readLine,
  type CaseEntry,
  type DoneEntry,
  type Line,
  type OpenEntry,
  type Thinned,
} from './journal-line.js';
import type { Alarm, RecorderFs } from './types.js';

export type { Leftovers } from './journal-entries.js';
export {
  LAPSE,
  SEGMENT,
  reportOf,
  type CaseEntry,
  type ClipReport,
  type DoneEntry,
  type OpenEntry,
} from './journal-line.js';

const MAX_BYTES = 256 * 1024 * 1024;
/** The journal is rewritten once it has this many obsolete lines. */
const MAX_STALE = 1000;
/** Readable by its owner only: it contains messages of a flow. */
const MODE = 0o600;

/** One of several users of the folder, and the camera that it records there. */
interface JournalOf {
  readonly owner: string;
  readonly camera: string;
}

export class Journal extends JournalEntries {
  private lines = 0;
  /** The file ends in the middle of a line. */
  private torn = false;
  private work: Promise<void> = Promise.resolve();

  private constructor(
    private readonly fs: RecorderFs,
    /** The folder's path with symbolic links resolved. */
    readonly root: string,
    private readonly name: string,
    /** The camera to write into the journal before the next line; undefined once that is done. */
    private unwrittenCamera?: string,
  ) {
    super();
  }

  /**
   * Loads this recorder's own journal. `of` is undefined if nobody else uses the folder. Rejects with the
   * file system's error.
   */
  static async load(fs: RecorderFs, folder: string, id: string, of?: JournalOf): Promise<Journal> {
    const root = await fs.realpath(folder);
    const journal = new Journal(fs, root, journalName(id, of), of?.camera);
    if (of !== undefined) await journal.adoptUnowned(journalName(id));
    await journal.load();
    if (journal.camera === of?.camera) journal.unwrittenCamera = undefined;
    return journal;
  }

  /** Reads a journal of any owner, by its file name. Rejects with the file system's error. */
  static async read(fs: RecorderFs, root: string, name: string): Promise<Journal> {
    const journal = new Journal(fs, root, name);
    await journal.load();
    return journal;
  }

  /**
   * Adds the entries of another journal in one rewrite, and then deletes that one, whose file is called
   * `name` now. Returns the entries that this journal did not have yet.
   */
  async absorb(other: Journal, name: string): Promise<Leftovers> {
    const isNew = ({ file }: { file: string }): boolean => this.find(file) === undefined;
    const added = {
      cases: other.cases.filter(({ id }) => !this.waiting.has(id)),
      open: other.unfinished.filter(isNew),
      undelivered: other.leftovers.undelivered.filter(isNew),
    };
    // Retention deletes in this order, so it has to be that of age.
    const done = [...this.done.values(), ...[...other.finished].filter(isNew)];
    for (const entry of done.sort((a, b) => a.end - b.end)) this.applyFile({ op: 'done', ...entry });
    for (const entry of added.open) this.applyFile({ op: 'open', ...entry });
    for (const entry of added.cases) this.applyCase({ op: 'alarm', ...entry });
    await this.queue(() => this.rewrite());
    await (await openBelow(this.fs, this.root, name)).remove();
    return added;
  }

  alarmed(entry: CaseEntry): Promise<void> {
    return this.note({ op: 'alarm', ...entry });
  }

  /** An alarm's clip now ends at `to`. `alarm` is the further alarm that extended it, if any. */
  extended(id: string, to: number, alarm?: Alarm): Promise<void> {
    return this.note({ op: 'more', id, to, ...(alarm !== undefined && { alarm }) });
  }

  /** The recording of an alarm has ended; `ms` of it are to be fetched. */
  missing(id: string, ms: number, since: number): Promise<void> {
    return this.note({ op: 'missing', id, ms, since });
  }

  /** An alarm or an export needs nothing more: it is reported, and nothing is to be fetched any more. */
  caseDone(id: string): Promise<void> {
    return this.waiting.has(id) ? this.note({ op: 'over', id }) : Promise.resolve();
  }

  opened(entry: OpenEntry): Promise<void> {
    return this.note({ op: 'open', ...entry });
  }

  /** A file is finished. `planned` is the path under which it was opened. */
  async closed(planned: string, entry: DoneEntry): Promise<void> {
    const kept = this.open.get(planned)?.kept;
    await this.note({ op: 'done', ...entry, ...(kept && { kept }) });
    if (planned !== entry.file) await this.removed(planned);
  }

  /** A running flow has received the message of a finished file. */
  delivered(file: string): Promise<void> {
    return this.done.get(file)?.undelivered === undefined
      ? Promise.resolve()
      : this.note({ op: 'told', file });
  }

  /** Protects a file from retention, or ends that. */
  async keep(file: string, kept: boolean): Promise<void> {
    const entry = this.find(file);
    if (entry !== undefined && (entry.kept ?? false) !== kept)
      await this.note({ op: kept ? 'keep' : 'release', file });
  }

  /**
   * A file is about to be replaced by its keyframes. `thinned` follows if that succeeds, `notThinned` if it
   * does not.
   */
  thin(file: string, thinned: Thinned): Promise<void> {
    return this.note({ op: 'thin', file, ...thinned });
  }

  thinned(file: string): Promise<void> {
    return this.note({ op: 'thinned', file });
  }

  notThinned(file: string): Promise<void> {
    return this.note({ op: 'whole', file });
  }

  /** The file was deleted, or was never finished under this name. */
  removed(file: string): Promise<void> {
    return this.note({ op: 'gone', file });
  }

  private place(suffix = ''): Promise<Place> {
    return openBelow(this.fs, this.root, this.name + suffix);
  }

  /** Renames the journal of an earlier version, which has no owner in its name, to this one's name. */
  private async adoptUnowned(name: string): Promise<void> {
    if (await (await this.place()).exists()) return;
    await (await openBelow(this.fs, this.root, name)).rename(this.name).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
  }

  private async load(): Promise<void> {
    const place = await this.place();
    const found = await place.file();
    if (found === undefined || found.size > MAX_BYTES) return;
    const handle = await place.open('read');
    let text: string;
    try {
      text = await handle.readFile('utf8');
      // The journal of an earlier version may be readable by others, since it contained no messages.
      await handle.chmod(MODE).catch(() => undefined);
    } finally {
      await handle.close();
    }
    this.torn = !text.endsWith('\n');
    for (const line of text.split('\n')) {
      const entry = readLine(line, this.root);
      if (entry !== undefined) this.apply(entry);
      this.lines++;
    }
  }

  private note(line: Line): Promise<void> {
    this.apply(line);
    return this.queue(() => this.write(line));
  }

  private queue(write: () => Promise<void>): Promise<void> {
    const work = this.work.then(write);
    this.work = work.catch(() => undefined);
    return work;
  }

  private async write(line: Line): Promise<void> {
    if (++this.lines > MAX_STALE + 2 * (this.open.size + this.done.size + this.waiting.size)) {
      await this.rewrite();
      return;
    }
    const camera = this.unwrittenCamera;
    const of = camera === undefined ? '' : lineText({ op: 'of', camera });
    const text = `${this.torn ? '\n' : ''}${of}${lineText(line)}`;
    await this.put(await (await this.place()).open('append', MODE), text);
    this.onWritten();
  }

  private onWritten(): void {
    this.torn = false;
    this.camera = this.unwrittenCamera ?? this.camera;
    this.unwrittenCamera = undefined;
  }

  /** Writes a new file next to the old one and renames it, so that a crash leaves one complete journal. */
  private async rewrite(): Promise<void> {
    const camera = this.unwrittenCamera ?? this.camera;
    const lines: Line[] = [
      ...(camera === undefined ? [] : [{ op: 'of' as const, camera }]),
      ...[...this.waiting.values()].map((entry) => ({ op: 'alarm' as const, ...entry })),
      ...[...this.done.values()].map((entry) => ({ op: 'done' as const, ...entry })),
      ...[...this.open.values()].map((entry) => ({ op: 'open' as const, ...entry })),
    ];
    const anew = await this.place('.new');
    await anew.remove();
    const text = lines.map(lineText).join('');
    await this.put(await anew.open('create', MODE), text);
    await anew.rename(path.basename(this.name));
    this.lines = lines.length;
    this.onWritten();
  }

  private async put(handle: FileHandle, text: string): Promise<void> {
    try {
      await handle.appendFile(text);
    } finally {
      await handle.close();
    }
  }
}
