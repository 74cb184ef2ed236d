// Exports the clips of a span as a folder that can be verified: copies, a signed manifest, and a page that
// checks them offline.

import path from 'node:path';
import fsPromises from 'node:fs/promises';
import { NvrError } from '../../errors.js';
import { openBelow, type Place } from '../recorder/below.js';
import { checkSpan, clipInfo, entriesOf } from '../recorder/catalog.js';
import { FILE_MODE } from '../recorder/clip-file.js';
import { claimRoom, RESERVE_BYTES } from '../recorder/disk-room.js';
import { codeOf, writeError } from '../recorder/disk.js';
import { turnsOf } from '../recorder/disk-turns.js';
import { LAPSE, reportOf, type DoneEntry, type Journal, type OpenEntry } from '../recorder/journal.js';
import { wholeBytes } from '../recorder/read-boxes.js';
import { readClip } from '../recorder/read-clip.js';
import type { ClipInfo, RecorderDeps, RecorderFs, RecorderOptions } from '../recorder/types.js';
import { copyClip, withCopy } from './copy-clip.js';
import { ExportFolder, removeParts } from './export-folder.js';
import { FORMAT, missingOf, signed, type Manifest, type ManifestFile, type Mark } from './manifest.js';
import { ownPackage } from './own-package.js';
import type { SigningKey } from './signing-key.js';

export interface EvidenceContext {
  readonly options: Pick<
    RecorderOptions,
    'folder' | 'fileMode' | 'reserveBytes' | 'nvr' | 'channel' | 'timeZone'
  > & { readonly stream: string };
  readonly deps: Pick<RecorderDeps, 'fs' | 'now' | 'monotonic' | 'owner'>;
  readonly journal: () => Promise<Journal>;
  readonly key: () => Promise<SigningKey>;
}

export interface EvidenceRequest {
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  /** Name of the folder; by default it is made of the span. */
  readonly name?: string;
  readonly signal?: AbortSignal;
  /** At most once a second. */
  readonly onProgress?: (progress: EvidenceProgress) => void;
}

interface EvidenceProgress {
  readonly percent: number;
  readonly bytes: number;
  readonly files: number;
}

export interface EvidenceResult {
  readonly folder: string;
  readonly manifest: string;
  readonly files: number;
  readonly bytes: number;
  /** Clips whose file no longer exists. */
  readonly gone: number;
  /** The part of the requested span that no file contains, in ms. */
  readonly missingMs: number;
  readonly publicKey: string;
}

/** The most files in one export, and the most ms of video in all of them. */
const MAX_FILES = 1000;
const MAX_MS = 24 * 3_600_000;
/** A shorter gap between two files (ms) is only the last frame's duration. */
const LEAST_MISSING_MS = 1000;
const PROGRESS_MS = 1000;
const MANIFEST = 'manifest.json';
const PAGE = 'verify.html';

/** Removes unfinished exports of an earlier run of the owner. `folder` is the clip folder. Never rejects. */
export async function cleanUpExports(fs: RecorderFs, folder: string, owner?: string): Promise<void> {
  const root = await fs.realpath(folder).catch(() => undefined);
  if (root !== undefined) await removeParts(fs, root, owner);
}

/** Rejects with EINPUT, ENORECORDING, EBUSY or EDISK, after removing the unfinished export. */
export async function exportEvidence(
  context: EvidenceContext,
  request: EvidenceRequest,
): Promise<EvidenceResult> {
  const { options, deps } = context;
  checkSpan(request, deps.now());
  try {
    const key = await context.key();
    const journal = await context.journal();
    const entries = [...entriesOf(journal, request), ...openOf(journal, request)];
    if (entries.length === 0) throw new NvrError('ENORECORDING', 'Nothing is recorded in that span.');
    const ms = entries.reduce((sum, entry) => sum + lengthOf(entry), 0);
    if (entries.length > MAX_FILES || ms > MAX_MS)
      throw new NvrError(
        'EINPUT',
        `That span has ${entries.length} files with ${Math.ceil(ms / 3_600_000)} h of video, and an export holds at most ${MAX_FILES} files and 24 h: export it in several parts.`,
      );
    const mode = options.fileMode ?? FILE_MODE;
    const name = request.name ?? nameOf(request);
    const folder = await ExportFolder.open(deps.fs, journal.root, name, mode, deps.owner?.id);
    try {
      return await new Evidence(context, request, journal, folder, key).write(entries);
    } catch (error) {
      await folder.giveUp();
      throw error;
    }
  } catch (cause) {
    throw writeError(cause, options.folder);
  }
}

class Evidence {
  private bytes = 0;
  private total = 0;
  private reportedAt = -Infinity;
  private readonly files: ManifestFile[] = [];
  private readonly gone: { start: number; end: number }[] = [];

  constructor(
    private readonly context: EvidenceContext,
    private readonly request: EvidenceRequest,
    private readonly journal: Journal,
    private readonly folder: ExportFolder,
    private readonly key: SigningKey,
  ) {}

  async write(entries: readonly (DoneEntry | OpenEntry)[]): Promise<EvidenceResult> {
    const { options, deps } = this.context;
    this.total = entries.reduce((sum, entry) => sum + ('bytes' in entry ? entry.bytes : 0), 0);
    // A full disk is reported before anything is written.
    await this.claim(this.total);
    for (const entry of entries) await this.add(entry);
    if (this.files.length === 0)
      throw new NvrError('ENORECORDING', 'The clips of that span are gone: someone has deleted their files.');
    const { from, to } = this.request;
    const { nvr, channel, stream, timeZone } = options;
    const asked = { from, to };
    const manifest: Manifest = {
      ...{ format: FORMAT, package: ownPackage(), made: deps.now(), asked, nvr, channel, stream },
      timeZone: timeZone === '' ? 'UTC' : timeZone,
      files: this.files,
      gone: this.gone,
      missing: missingOf(asked, this.files, LEAST_MISSING_MS),
      publicKey: this.key.publicKey,
    };
    await this.folder.write(PAGE, await fsPromises.readFile(path.join(__dirname, PAGE)));
    await this.folder.write(MANIFEST, await signed(manifest, this.key));
    const full = path.join(options.folder, ...(await this.folder.finish()).split('/'));
    return {
      folder: full,
      manifest: path.join(full, MANIFEST),
      files: this.files.length,
      bytes: this.files.reduce((sum, { bytes }) => sum + bytes, 0),
      gone: this.gone.length,
      missingMs: manifest.missing.reduce((sum, hole) => sum + hole.to - hole.from, 0),
      publicKey: this.key.publicKey,
    };
  }

  private async add(entry: DoneEntry | OpenEntry): Promise<void> {
    if ('bytes' in entry) {
      if (await this.addDone(entry)) return;
      const { start, end } = clipInfo(entry, '');
      this.gone.push({ start, end });
      return;
    }
    // The file may have been finished meanwhile.
    const finished = (await this.addPart(entry)) ? undefined : this.journal.find(entry.file);
    if (finished !== undefined && 'bytes' in finished) await this.add(finished);
  }

  /** Returns false if the file no longer exists. */
  private async addDone(entry: DoneEntry): Promise<boolean> {
    const place = await this.sourceOf(entry.file);
    const found = await place?.file();
    if (place === undefined || found === undefined) return false;
    const { sha256: recorded, recovered, thinned, kept: _kept, ...info } = clipInfo(entry, '');
    const copied = await this.copy(place, entry.file, () => Promise.resolve(found.size));
    if (copied === undefined) return false;
    const isChanged = recorded !== undefined && recorded !== copied.sha256;
    const marks: (Mark | false)[] = [
      recovered === true && 'recovered',
      thinned === true && 'thinned',
      info.source === 'playback' && 'backfilled',
      entry.id === LAPSE && 'timelapse',
      isChanged && 'changed',
    ];
    this.push(info, copied, marks, recorded);
    return true;
  }

  /** Returns false if there is no such `.part` any more. */
  private async addPart(entry: OpenEntry): Promise<boolean> {
    const place = await this.sourceOf(`${entry.file}.part`);
    const found = await place?.file();
    if (place === undefined || found === undefined) return false;
    const { start, reason, codec, width, height, timeSource = 'arrival' } = entry;
    const read = await readClip(place);
    const copied = await this.copy(place, entry.file, (handle) => wholeBytes(handle, found.size));
    // Nothing of it can be played yet.
    if (copied === undefined || copied.bytes === 0) return true;
    const { durationMs, frames, audio, gaps } = read;
    const report = {
      ...{ start, end: start + durationMs, durationMs, frames, audio, gaps, codec, width, height, reason },
      ...{ preRollMs: 0, alarms: [], damaged: 0, damagedSpans: [], coverage: 1, timeSource },
      ...{ source: timeSource === 'arrival' ? ('live' as const) : ('playback' as const) },
    };
    this.push(report, copied, ['part', entry.id === LAPSE && 'timelapse']);
    return true;
  }

  private push(
    info: Partial<Pick<ClipInfo, 'file' | 'thumbnail'>> & Omit<ClipInfo, 'file' | 'thumbnail' | 'bytes'>,
    { name, ...copied }: Awaited<ReturnType<typeof copyClip>> & { name: string },
    marks: readonly (Mark | false)[],
    recorded?: string,
  ): void {
    const { file: _file, thumbnail: _thumbnail, ...report } = info;
    this.files.push({
      name,
      ...report,
      ...copied,
      ...(recorded !== undefined && { recordedSha256: recorded }),
      marks: marks.filter((mark) => mark !== false),
    });
  }

  /** Undefined if the file has been deleted meanwhile. */
  private async copy(
    place: Place,
    file: string,
    sizeOf: (handle: Awaited<ReturnType<Place['open']>>) => Promise<number>,
  ): Promise<(Awaited<ReturnType<typeof copyClip>> & { name: string }) | undefined> {
    const handle = await place.open('read').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (handle === undefined) return undefined;
    try {
      const size = await sizeOf(handle);
      const number = String(this.files.length + 1).padStart(4, '0');
      const name = `${number}-${path.posix.basename(file)}`;
      if (size === 0) return { name, bytes: 0, sha256: '', spans: [] };
      const target = await this.folder.place(name);
      const { fileMode = FILE_MODE } = this.context.options;
      const copied = await withCopy(target, fileMode, (write) =>
        copyClip(handle, size, async (piece, at) => {
          await this.turn(piece, at, write);
        }),
      );
      return { name, ...copied };
    } finally {
      await handle.close();
    }
  }

  /** Writes a piece when no recording is waiting to write. */
  private async turn(
    piece: Uint8Array,
    at: number,
    write: (piece: Uint8Array, at: number) => Promise<void>,
  ): Promise<void> {
    if (this.request.signal?.aborted === true) throw new NvrError('EINPUT', 'The export was stopped.');
    await this.claim(piece.length);
    await turnsOf(this.journal.root).run(Infinity, () => write(piece, at));
    this.bytes += piece.length;
    const now = this.context.deps.monotonic();
    if (now - this.reportedAt < PROGRESS_MS) return;
    this.reportedAt = now;
    const percent = Math.min(100, Math.floor((this.bytes * 100) / this.total));
    this.request.onProgress?.({ percent, bytes: this.bytes, files: this.files.length });
  }

  private claim(bytes: number): Promise<void> {
    const { options, deps } = this.context;
    const reserve = options.reserveBytes ?? RESERVE_BYTES;
    return claimRoom(deps.fs, this.journal.root, bytes, reserve, deps.monotonic());
  }

  /** Undefined if its folder is gone, or leads out of the clip folder. */
  private sourceOf(file: string): Promise<Place | undefined> {
    return openBelow(this.context.deps.fs, this.journal.root, file).catch((error: unknown) => {
      if (error instanceof NvrError || codeOf(error) === 'ENOENT') return undefined;
      throw error;
    });
  }
}

/** Length of the video, in ms; a file that is being written counts as 0. */
function lengthOf(entry: DoneEntry | OpenEntry): number {
  return 'bytes' in entry ? (reportOf(entry)?.durationMs ?? 0) : 0;
}

function openOf(journal: Journal, { from, to }: EvidenceRequest): OpenEntry[] {
  // A file that is being written lasts until now.
  return journal.unfinished.filter(
    ({ start, timeSource = 'arrival' }) => start < to && (timeSource === 'arrival' || start >= from),
  );
}

/** `2026-11-23T140200Z-140400Z`. */
function nameOf({ from, to }: EvidenceRequest): string {
  const text = (time: number): string => new Date(time).toISOString().replace(/:|\.\d+/g, '');
  const [start, end] = [text(from), text(to)];
  return `${start}-${start.slice(0, 10) === end.slice(0, 10) ? end.slice(11) : end}`;
}
