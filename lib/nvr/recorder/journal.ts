// The journal of a recorder, as JSON lines in the clip folder: which alarms and files a start has to finish
// and report, and which files retention may delete.

import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { openBelow, type Place } from './below.js';
import { codeOf } from './disk.js';
import { journalName } from './journal-name.js';
import {
  readLine,
  shortStory,
  type CaseEntry,
  type DoneEntry,
  type FileWord,
  type Line,
  type OpenEntry,
  type Story,
  type Thinned,
} from './journal-line.js';
import type { Alarm, RecorderFs } from './types.js';

export {
  LAPSE,
  SEGMENT,
  type CaseEntry,
  type DoneEntry,
  type OpenEntry,
  type Story,
} from './journal-line.js';

/** The most files to remember; beyond that the oldest are forgotten, and stay on the disk. */
const MAX_ENTRIES = 200_000;
/** The most alarms that are not done; beyond that the oldest is forgotten. */
const MAX_CASES = 1000;
/** The most alarms to list in one entry. */
const MAX_ALARMS = 1000;
const MAX_BYTES = 256 * 1024 * 1024;
/** The journal is rewritten once it has this many obsolete lines. */
const MAX_STALE = 1000;
/** Readable by its owner only: it contains messages of a flow. */
const MODE = 0o600;

/** What an earlier run left to be finished, reported and fetched. */
export interface Left {
  readonly cases: readonly CaseEntry[];
  readonly open: readonly OpenEntry[];
  readonly untold: readonly DoneEntry[];
}

/** One of several users of the folder, and the camera that it records there. */
export interface JournalOf {
  readonly owner: string;
  readonly camera: string;
}

export class Journal {
  /** The recorded camera, if the journal names it. */
  camera: string | undefined;
  private readonly open = new Map<string, OpenEntry>();
  private readonly done = new Map<string, DoneEntry>();
  private readonly waiting = new Map<string, CaseEntry>();
  private lines = 0;
  /** The file ends in the middle of a line. */
  private torn = false;
  private work: Promise<void> = Promise.resolve();
  /** Bytes of all finished files, and of those that are protected from retention. */
  private total = 0;
  private kept = 0;

  private constructor(
    private readonly fs: RecorderFs,
    /** The folder's path with symbolic links resolved. */
    readonly root: string,
    private readonly name: string,
    /** The camera to write into the journal before the next line. */
    private unsaid?: string,
  ) {}

  /** `of` is undefined if nobody else uses the folder. Rejects with the file system's error. */
  static async load(fs: RecorderFs, folder: string, id: string, of?: JournalOf): Promise<Journal> {
    const root = await fs.realpath(folder);
    const journal = new Journal(fs, root, journalName(id, of), of?.camera);
    if (of !== undefined) await journal.inherit(journalName(id));
    await journal.load();
    if (journal.camera === of?.camera) journal.unsaid = undefined;
    return journal;
  }

  /** A journal of whomever, as it is now. Rejects with what the file system says. */
  static async read(fs: RecorderFs, root: string, name: string): Promise<Journal> {
    const journal = new Journal(fs, root, name);
    await journal.load();
    return journal;
  }

  /** What this one says now: what comes later is of this run. */
  get left(): Left {
    const untold = [...this.done.values()].filter((entry) => entry.untold !== undefined);
    return { cases: this.cases, open: this.unfinished, untold };
  }

  /**
   * Takes in what another journal says, all at once, and removes that from the disk under the name it has
   * there now. Answers what is new.
   */
  async absorb(other: Journal, name: string): Promise<Left> {
    const isNew = ({ file }: { file: string }): boolean => this.find(file) === undefined;
    const left = {
      cases: other.cases.filter(({ id }) => !this.waiting.has(id)),
      open: other.unfinished.filter(isNew),
      untold: other.left.untold.filter(isNew),
    };
    // The order is that of age.
    const done = [...this.done.values(), ...[...other.finished].filter(isNew)];
    for (const { file } of done) this.forget(file);
    for (const entry of done.sort((a, b) => a.end - b.end)) this.applyFile({ op: 'done', ...entry });
    for (const entry of left.open) this.applyFile({ op: 'open', ...entry });
    for (const entry of left.cases) this.applyCase({ op: 'alarm', ...entry });
    await this.queue(() => this.rewrite());
    await (await openBelow(this.fs, this.root, name)).remove();
    return left;
  }

  get unfinished(): OpenEntry[] {
    return [...this.open.values()];
  }

  /** Finished files, in the order in which they were finished. */
  get finished(): IterableIterator<DoneEntry> {
    return this.done.values();
  }

  /** Alarms that are not done, the oldest first. */
  get cases(): CaseEntry[] {
    return [...this.waiting.values()];
  }

  get files(): number {
    return this.done.size;
  }

  get bytes(): number {
    return this.total;
  }

  /** Bytes of the files that retention may delete. */
  get unkeptBytes(): number {
    return this.total - this.kept;
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

  /** The alarm is done. */
  over(id: string): Promise<void> {
    return this.waiting.has(id) ? this.note({ op: 'over', id }) : Promise.resolve();
  }

  opened(entry: OpenEntry): Promise<void> {
    return this.note({ op: 'open', ...entry });
  }

  /** A file is finished. `planned` is the path under which it was opened. */
  async closed(planned: string, entry: DoneEntry): Promise<void> {
    const kept = this.open.get(planned)?.kept;
    await this.note({ op: 'done', ...entry, ...(kept && { kept }) });
    if (planned !== entry.file) await this.gone(planned);
  }

  /** A running flow has received the message of a finished file. */
  told(file: string): Promise<void> {
    return this.done.get(file)?.untold === undefined ? Promise.resolve() : this.note({ op: 'told', file });
  }

  /** Finds a file, finished or being written; undefined if the journal has no such file. */
  find(file: string): DoneEntry | OpenEntry | undefined {
    return this.done.get(file) ?? this.open.get(file);
  }

  /** Protects a file from retention, or ends that. */
  async keep(file: string, kept: boolean): Promise<void> {
    const entry = this.find(file);
    if (entry !== undefined && (entry.kept ?? false) !== kept)
      await this.note({ op: kept ? 'keep' : 'release', file });
  }

  /**
   * A file is about to be replaced by its keyframes. `thinned` follows if that succeeds, `whole` if it does
   * not.
   */
  thin(file: string, thinned: Thinned): Promise<void> {
    return this.note({ op: 'thin', file, ...thinned });
  }

  thinned(file: string): Promise<void> {
    return this.note({ op: 'thinned', file });
  }

  whole(file: string): Promise<void> {
    return this.note({ op: 'whole', file });
  }

  gone(file: string): Promise<void> {
    return this.note({ op: 'gone', file });
  }

  private place(suffix = ''): Promise<Place> {
    return openBelow(this.fs, this.root, this.name + suffix);
  }

  /** One of before, of no owner. */
  private async inherit(name: string): Promise<void> {
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
    this.torn = text !== '' && !text.endsWith('\n');
    for (const line of text.split('\n')) {
      const entry = readLine(line, this.root);
      if (entry !== undefined) this.apply(entry);
      this.lines++;
    }
  }

  private apply(line: Line): void {
    switch (line.op) {
      case 'of':
        this.camera = line.camera;
        return;
      case 'alarm':
      case 'more':
      case 'missing':
      case 'over':
        this.applyCase(line);
        return;
      case 'open':
      case 'done':
        this.applyFile(line);
        return;
      case 'thin': {
        const { op: _op, file, ...thinning } = line;
        this.change(file, (entry) => ({ ...entry, thinning }));
        return;
      }
      default:
        this.applyWord(line.op, line.file);
    }
  }

  private applyFile({ op, ...entry }: Extract<Line, { op: 'open' | 'done' }>): void {
    this.forget(entry.file);
    if (op === 'open') {
      this.open.set(entry.file, entry as OpenEntry);
      return;
    }
    this.done.set(entry.file, entry as DoneEntry);
    this.count(entry as DoneEntry, 1);
    if (this.done.size > MAX_ENTRIES) this.forget(this.done.keys().next().value!);
  }

  private applyWord(word: FileWord, file: string): void {
    switch (word) {
      case 'gone':
        this.forget(file);
        return;
      case 'told':
        this.change(file, ({ untold, ...entry }) => ({
          ...entry,
          ...(untold !== undefined && { story: shortStory(untold) }),
        }));
        return;
      case 'keep':
      case 'release': {
        const kept = word === 'keep' && { kept: true as const };
        this.change(file, ({ kept: _kept, ...entry }) => ({ ...entry, ...kept }));
        const open = this.open.get(file);
        if (open === undefined) return;
        const { kept: _kept, ...entry } = open;
        this.open.set(file, { ...entry, ...kept });
        return;
      }
      case 'whole':
        this.change(file, ({ thinning: _thinning, ...entry }) => entry);
        return;
      case 'thinned':
        this.change(file, ({ thinning, ...entry }) =>
          thinning === undefined ? entry : thinnedTo(entry, thinning),
        );
    }
  }

  /** Replaces the entry in place: the order of the map is that of age. */
  private change(file: string, changed: (entry: DoneEntry) => DoneEntry): void {
    const entry = this.done.get(file);
    if (entry === undefined) return;
    const next = changed(entry);
    this.count(entry, -1);
    this.count(next, 1);
    this.done.set(file, next);
  }

  private forget(file: string): void {
    this.open.delete(file);
    const entry = this.done.get(file);
    if (entry !== undefined) this.count(entry, -1);
    this.done.delete(file);
  }

  private count({ bytes, kept }: DoneEntry, times: 1 | -1): void {
    this.total += times * bytes;
    if (kept) this.kept += times * bytes;
  }

  private applyCase(line: Extract<Line, { op: 'alarm' | 'more' | 'missing' | 'over' }>): void {
    const { op, id } = line;
    if (op === 'over') {
      this.waiting.delete(id);
      return;
    }
    if (op === 'alarm') {
      const { op: _op, ...entry } = line;
      this.waiting.set(id, entry);
      if (this.waiting.size > MAX_CASES) this.waiting.delete(this.waiting.keys().next().value!);
      return;
    }
    const entry = this.waiting.get(id);
    if (entry === undefined) return;
    if (op === 'missing') {
      this.waiting.set(id, { ...entry, missing: { ms: line.ms, since: line.since } });
      return;
    }
    const more = line.alarm === undefined || entry.alarms.length >= MAX_ALARMS ? [] : [line.alarm];
    this.waiting.set(id, { ...entry, to: line.to, alarms: [...entry.alarms, ...more] });
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
    const of = this.unsaid === undefined ? '' : `${JSON.stringify({ op: 'of', camera: this.unsaid })}\n`;
    const text = `${this.torn ? '\n' : ''}${of}${JSON.stringify(line)}\n`;
    await this.put(await (await this.place()).open('append', MODE), text);
    this.said();
  }

  private said(): void {
    this.torn = false;
    this.camera = this.unsaid ?? this.camera;
    this.unsaid = undefined;
  }

  /** Writes a new file next to the old one and renames it, so that a crash leaves one complete journal. */
  private async rewrite(): Promise<void> {
    const camera = this.unsaid ?? this.camera;
    const lines: Line[] = [
      ...(camera === undefined ? [] : [{ op: 'of' as const, camera }]),
      ...[...this.waiting.values()].map((entry) => ({ op: 'alarm' as const, ...entry })),
      ...[...this.done.values()].map((entry) => ({ op: 'done' as const, ...entry })),
      ...[...this.open.values()].map((entry) => ({ op: 'open' as const, ...entry })),
    ];
    const anew = await this.place('.new');
    await anew.remove();
    const text = lines.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    await this.put(await anew.open('create', MODE), text);
    await anew.rename(path.basename(this.name));
    this.lines = lines.length;
    this.said();
  }

  private async put(handle: FileHandle, text: string): Promise<void> {
    try {
      await handle.appendFile(text);
    } finally {
      await handle.close();
    }
  }
}

function thinnedTo(entry: DoneEntry, { bytes, sha256, frames }: Thinned): DoneEntry {
  const thinnedMessage = (story: Story | undefined): Story | undefined =>
    story && { ...story, bytes, sha256, frames, audio: false, thinned: true };
  const untold = thinnedMessage(entry.untold);
  const story = thinnedMessage(entry.story);
  return { ...entry, bytes, ...(untold && { untold }), ...(story && { story }) };
}
