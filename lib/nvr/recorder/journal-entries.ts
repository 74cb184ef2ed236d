// The state that a journal's lines describe, applied one after another.

import {
  shortReport,
  type CaseEntry,
  type ClipReport,
  type DoneEntry,
  type FileWord,
  type Line,
  type OpenEntry,
  type Thinned,
} from './journal-line.js';

/** The most files to remember; beyond that the oldest are forgotten, and stay on the disk. */
const MAX_ENTRIES = 200_000;
/** The most alarms that are not done; beyond that the oldest is forgotten. */
const MAX_CASES = 1000;
/** The most alarms to list in one entry. */
const MAX_ALARMS = 1000;

/** What an earlier run left to be finished, reported and fetched. */
export interface Leftovers {
  readonly cases: readonly CaseEntry[];
  readonly open: readonly OpenEntry[];
  readonly undelivered: readonly DoneEntry[];
}

export class JournalEntries {
  /** The recorded camera, if the journal names it. */
  camera: string | undefined;
  protected readonly open = new Map<string, OpenEntry>();
  protected readonly done = new Map<string, DoneEntry>();
  protected readonly waiting = new Map<string, CaseEntry>();
  /** Bytes of all finished files, and of those that are protected from retention. */
  private total = 0;
  private kept = 0;

  /** Everything that is not done now. Read before this run adds its own, it is what an earlier run left. */
  get leftovers(): Leftovers {
    const undelivered = [...this.done.values()].filter((entry) => entry.undelivered !== undefined);
    return { cases: this.cases, open: this.unfinished, undelivered };
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

  /** Finds a file, finished or being written; undefined if the journal has no such file. */
  find(file: string): DoneEntry | OpenEntry | undefined {
    return this.done.get(file) ?? this.open.get(file);
  }

  /** Takes in one line of a journal. */
  protected apply(line: Line): void {
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

  protected applyFile({ op, ...entry }: Extract<Line, { op: 'open' | 'done' }>): void {
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
        this.change(file, ({ undelivered, ...entry }) => ({
          ...entry,
          ...(undelivered !== undefined && { delivered: shortReport(undelivered) }),
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

  protected forget(file: string): void {
    this.open.delete(file);
    const entry = this.done.get(file);
    if (entry !== undefined) this.count(entry, -1);
    this.done.delete(file);
  }

  private count({ bytes, kept }: DoneEntry, times: 1 | -1): void {
    this.total += times * bytes;
    if (kept) this.kept += times * bytes;
  }

  protected applyCase(line: Extract<Line, { op: 'alarm' | 'more' | 'missing' | 'over' }>): void {
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
}

function thinnedTo(entry: DoneEntry, { bytes, sha256, frames }: Thinned): DoneEntry {
  const thinned = (report: ClipReport | undefined): ClipReport | undefined =>
    report && { ...report, bytes, sha256, frames, audio: false, thinned: true };
  const undelivered = thinned(entry.undelivered);
  const delivered = thinned(entry.delivered);
  return { ...entry, bytes, ...(undelivered && { undelivered }), ...(delivered && { delivered }) };
}
