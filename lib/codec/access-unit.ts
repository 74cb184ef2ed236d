// Finds where access units begin and end. Takes NAL units, hands out whole access units with their parameter
// sets in front, and flags damage.

import { LIMITS } from '../limits.js';
import { hasStartCode, splitAnnexB } from './annexb.js';
import type { AssemblerOptions, AssemblerStats } from './assembler-options.js';
import { Beginnings, Boundary } from './boundary.js';
import { CutSlices } from './cut-slices.js';
import { ReferenceState } from './entry.js';
import { emptyFacts, type NalFacts, type NalPacket, type NalRules } from './nal-rules.js';
import { PictureFormat } from './picture-format.js';
import { SetsSent } from './sets-sent.js';
import type { MediaUnit, VideoUnit } from './unit.js';
import { UnitBuffer } from './unit-buffer.js';
import { UnitInProgress } from './unit-in-progress.js';

/**
 * Some devices send several NAL units as one, with start codes inside (quirk: broken-h264-fragments). Such a
 * device does so from the start, or when it puts parameter sets before a slice. So every byte is searched
 * until this many NAL units in a row were clean; after that only the first bytes of each, because searching a
 * large slice costs as much as reading it.
 */
const CLEAN_NALS = 1024;
const LOOKED_THROUGH_BYTES = 1024;

const NOTHING = { data: Buffer.alloc(0), nals: [] };
const NO_NALS: readonly Buffer[] = [];

/** A unit while it is made. */
type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Assembles access units of H.264 and H.265.
 *
 * A unit is `damaged` only if its own data is incomplete: a NAL unit was dropped, packets were lost inside
 * it, its first slice is not the first of the picture, its end is missing, or packets were lost just before
 * it and it does not begin as the stream's units usually do (for example a keyframe without the parameter
 * sets it always has). Whether a unit depends on lost data is a separate matter: see `reference`.
 */
export class AccessUnitAssembler<Info> {
  readonly stats: AssemblerStats = { units: 0, damagedUnits: 0, droppedUnits: 0, droppedNals: 0 };
  private readonly rules: NalRules<Info>;
  private readonly sink: (unit: MediaUnit) => void;
  private readonly picture: PictureFormat<Info>;
  private readonly buffer: UnitBuffer;
  private readonly cuts: CutSlices | undefined;
  private readonly references = new ReferenceState();
  private readonly facts: NalFacts = emptyFacts();
  private readonly unit = new UnitInProgress();
  private readonly boundary: Boundary;
  private readonly beginnings = new Beginnings();
  private readonly sets: SetsSent<Info>;

  // Of the current packet.
  private arrival = 0;
  private sequence = 0;
  private onvifTime = NaN;
  /** Units that ended within the current packet. */
  private ended = 0;

  // A fragmented NAL unit is in progress.
  private nalOpen = false;
  /** The following fragments belong to a NAL unit that was already dropped and counted. */
  private orphans = false;
  private nalArrival = 0;
  /** NAL units in a row without a start code inside. */
  private cleanNals = 0;

  /** Packets before the next one were lost. */
  private afterLoss = false;
  /** Sequence number of the last packet known to belong to the unit in progress. */
  private closedSequence = 0;

  constructor(rules: NalRules<Info>, sink: (unit: MediaUnit) => void, options: AssemblerOptions = {}) {
    this.rules = rules;
    this.sink = sink;
    this.sets = new SetsSent(rules.sets, options.parameterSets ?? 'keyframe');
    this.picture = new PictureFormat(rules, options.frameRate);
    this.boundary = new Boundary(options.boundary ?? 'marker');
    this.buffer = new UnitBuffer(options.window);
    if (options.cutSlices === true) this.cuts = new CutSlices();
  }

  /**
   * Announces the packet (in interleaved modes, the NAL unit) that follows. A new timestamp ends the unit in
   * progress.
   */
  at(packet: NalPacket, arrivalMs: number): void {
    const unit = this.unit;
    if (unit.begun && !unit.isAt(packet)) this.timestampChanged(packet.timestamp, arrivalMs);
    if (packet.sequence !== this.sequence) this.ended = 0;
    this.arrival = arrivalMs;
    this.sequence = packet.sequence;
    this.onvifTime = packet.onvifTime;
    if (!unit.begun) {
      unit.begin(packet.timestamp, arrivalMs);
      unit.afterGap = this.afterLoss;
      if (this.afterLoss) this.references.lose();
    }
    this.afterLoss = false;
    unit.sequence = packet.sequence;
    if (Number.isNaN(unit.onvifTime)) unit.onvifTime = packet.onvifTime;
  }

  /** Takes a whole NAL unit; splits it if it contains start codes. */
  nal(data: Buffer, start: number, end: number): void {
    if (this.nalOpen) this.abandonNal();
    if (end - start < this.rules.headerBytes || this.unit.overflow) return;
    if (this.ended >= LIMITS.packetUnits) {
      this.missing();
      return;
    }
    if (this.openNal(this.rules.typeOf(data[start]!)) && this.append(data, start, end)) this.closeNal();
  }

  /**
   * Begins a fragmented NAL unit with its rebuilt header. `second`: H.265's second header byte, -1 for H.264.
   */
  beginNal(first: number, second: number): void {
    if (this.nalOpen) this.abandonNal();
    if (this.unit.overflow || !this.openNal(this.rules.typeOf(first))) return;
    if (!this.buffer.appendByte(first) || (second >= 0 && !this.buffer.appendByte(second))) this.tooLarge();
  }

  /** Appends the next fragment. Without a NAL unit in progress it is dropped and the unit flagged. */
  continueNal(data: Buffer, start: number, end: number): void {
    if (this.nalOpen) this.append(data, start, end);
    else if (!this.orphans) this.missing();
    this.orphans = !this.nalOpen;
  }

  /** Completes the fragmented NAL unit. */
  closeNal(): void {
    this.orphans = false;
    if (!this.nalOpen) return;
    this.nalOpen = false;
    const { memory, lastNal, end } = this.buffer;
    const sure = this.cleanNals >= CLEAN_NALS;
    if (hasStartCode(memory.subarray(lastNal, sure ? Math.min(end, lastNal + LOOKED_THROUGH_BYTES) : end))) {
      this.cleanNals = 0;
      this.splitNal();
      return;
    }
    if (!sure) this.cleanNals += 1;
    this.takeNal();
  }

  // Splits the last NAL unit at the start codes inside it.
  private splitNal(): void {
    const { memory, lastNal, end } = this.buffer;
    const whole = Buffer.from(memory.subarray(lastNal, end));
    this.buffer.dropLast();
    for (const piece of splitAnnexB(whole)) this.nal(piece, 0, piece.length);
  }

  /** Drops the NAL unit in progress, of which a part is missing, and flags the unit. */
  abandonNal(): void {
    if (!this.nalOpen) return;
    this.nalOpen = false;
    this.orphans = true;
    this.takeTorn();
    this.buffer.dropLast();
    this.missing();
  }

  // The received part of a cut slice shows the picture type, and is kept if `cutSlices` is set.
  private takeTorn(): void {
    const { memory, lastNal, end, count } = this.buffer;
    if (end - lastNal <= this.rules.headerBytes) return;
    const facts = this.facts;
    this.rules.inspect(memory, lastNal, end, facts);
    if (!facts.slice) return;
    this.unit.noteSlice(facts);
    this.cuts?.keep(memory, lastNal, end, facts.type, count - 1);
  }

  /** Flags the unit in progress: data is missing or invalid. */
  missing(): void {
    this.unit.damaged = true;
    this.stats.droppedNals += 1;
  }

  /** Handles the marker bit of the current packet. Call after its payload. */
  marker(): void {
    if (this.boundary.ignoresMarkers || this.nalOpen) return;
    if (this.unit.slices > 0) {
      this.boundary.seeMarker();
      this.unit.fieldEnded = this.unit.field === 1;
      if (this.unit.fieldEnded) return;
      if (this.boundary.endsByMarker()) this.end(this.unit.sequence, true);
    } else if (this.unit.overflow || this.unit.damaged) {
      this.discard();
    }
  }

  /**
   * Whether a unit that its marker ended is held until the stream shows whether its markers can be trusted.
   */
  get isHolding(): boolean {
    return this.boundary.isHeld || this.unit.fieldEnded;
  }

  /** No packet followed for a while, so the held unit is complete. */
  releaseHeld(): void {
    this.boundary.trustMarkers();
    if (this.isHolding) this.end(this.unit.sequence, this.boundary.isHeld);
  }

  /** Packets before the next one were lost. */
  gap(): void {
    if (this.boundary.isHeld) this.releaseHeld();
    this.afterLoss = true;
    if (!this.unit.begun) return;
    if (this.nalOpen) this.abandonNal();
    else this.unit.damaged = true;
  }

  flush(): void {
    if (this.boundary.isHeld) this.releaseHeld();
    if (this.nalOpen) this.abandonNal();
    if (this.unit.slices > 0) {
      // If the server sets markers, a unit without one lacks its end.
      if (this.boundary.needsMarkers && !this.unit.fieldEnded) this.unit.damaged = true;
      this.end(this.unit.sequence, false);
    } else {
      this.clear();
    }
  }

  reset(): void {
    this.nalOpen = false;
    this.clear();
    this.boundary.forgetLast();
    this.cleanNals = 0;
    this.references.lose();
    this.afterLoss = false;
  }

  private timestampChanged(rtpTime: number, arrivalMs: number): void {
    if (this.nalOpen) this.abandonNal();
    if (this.unit.field === 1 && this.unit.fieldTime < 0 && !this.unit.overflow) {
      // The second field of the frame may have its own timestamp; the next slice decides.
      this.unit.fieldTime = rtpTime;
      this.unit.mayOpenAt(this.buffer.count, arrivalMs);
      return;
    }
    if (this.boundary.isHeld) this.releaseHeld();
    else if (this.unit.slices > 0) this.end(this.unit.sequence, false);
    else if (this.unit.damaged || this.unit.overflow) this.discard();
    // Parameter sets and SEI with their own timestamp belong to the picture that follows.
    this.unit.begun = false;
  }

  private openNal(type: number): boolean {
    this.nalArrival = this.arrival;
    this.orphans = false;
    const { headroom } = this.sets;
    this.nalOpen = this.buffer.open(type, this.rules.looksKey(type), headroom);
    if (!this.nalOpen) this.tooLarge();
    return this.nalOpen;
  }

  private append(data: Buffer, start: number, end: number): boolean {
    if (this.buffer.append(data, start, end)) return true;
    this.tooLarge();
    return false;
  }

  // Drops the unit for its size; the rest of it is ignored.
  private tooLarge(): void {
    this.nalOpen = false;
    this.buffer.clear();
    this.cuts?.clear();
    this.unit.slices = 0;
    this.unit.overflow = true;
    this.unit.damaged = true;
  }

  // Handles the last NAL unit in the buffer, now complete.
  private takeNal(): void {
    const { memory, lastNal: start, end } = this.buffer;
    const facts = this.facts;
    this.rules.inspect(memory, start, end, facts);
    const [firstType, endType] = this.rules.types;
    if (facts.type < firstType || facts.type >= endType) {
      this.buffer.dropLast();
      this.stats.droppedNals += 1;
      return;
    }
    if (facts.slice && end - start <= this.rules.headerBytes) {
      this.buffer.dropLast();
      this.missing();
      return;
    }
    if (this.unit.slices > 0) {
      if (facts.slice && (facts.opens || (this.unit.openAt >= 0 && facts.first && facts.field !== 2))) {
        this.split();
        return;
      }
      // The next unit may begin here; the next slice decides.
      if (facts.opens) this.unit.mayOpenAt(this.buffer.count - 1, this.nalArrival);
      if (facts.slice && this.unit.openAt >= 0) this.dropRepeatedSets();
    }
    if (this.unit.openAt < 0) this.closedSequence = this.sequence;
    if (facts.parameterSet) this.rules.sets.learn(memory.subarray(start, end), this.unit.number);
    if (facts.recovery >= 0) this.unit.recovery = facts.recovery;
    if (facts.slice) this.takeSlice(facts);
  }

  private takeSlice(facts: NalFacts): void {
    if (this.unit.slices === 0) {
      if (!facts.first) this.firstSliceMissing();
      this.unit.isStartWhole = !this.unit.damaged;
      this.boundary.forgetLast();
    } else if (this.boundary.isHeld) {
      // More slices of the picture follow, so the marker before them did not end it.
      this.boundary.distrustMarkers();
    }
    if (facts.first) this.unit.field = facts.field;
    this.unit.fieldEnded = false;
    this.unit.slices += 1;
    this.unit.noteSlice(facts);
  }

  private firstSliceMissing(): void {
    this.unit.damaged = true;
    const torn = this.boundary.tornAt(this.unit.rtpTime);
    if (torn === undefined) return;
    // The marker was on a slice that was not the last of the picture, so this server sets it on every slice.
    this.boundary.distrustMarkers();
    if (!torn.damaged) this.stats.damagedUnits += 1;
    torn.damaged = true;
  }

  // Neither marker nor timestamp showed the boundary, but the last NAL unit is the first slice of another
  // picture.
  private split(): void {
    this.unit.mayOpenAt(this.buffer.count - 1, this.nalArrival);
    this.boundary.trustMarkers();
    this.end(this.closedSequence, false);
  }

  // GStreamer repeats the parameter sets before every slice of a keyframe; inside a picture they are removed.
  private dropRepeatedSets(): void {
    const slice = this.buffer.takeFrom(this.unit.openAt).at(-1)!;
    this.unit.openAt = -1;
    this.buffer.open(this.rules.typeOf(slice[0]!), false, 0);
    this.buffer.append(slice, 0, slice.length);
  }

  // Drops the unit, which has no whole slice left.
  private discard(): void {
    this.stats.droppedUnits += 1;
    if (this.cuts !== undefined && this.cuts.count > 0) {
      this.end(this.unit.sequence, false);
      return;
    }
    this.references.lose(this.isKeyframe());
    this.clear();
  }

  // IDR or IRAP; or all-intra with a recovery point SEI or parameter sets in front.
  private isKeyframe(): boolean {
    if (this.unit.sync) return true;
    if (!this.unit.hasSlice || !this.unit.allIntra) return false;
    return this.unit.recovery >= 0 || this.rules.sets.carries(this.unit.ppsId, this.unit.number);
  }

  private clear(): void {
    this.buffer.clear();
    this.cuts?.clear();
    this.forget();
  }

  private forget(): void {
    this.boundary.isHeld = false;
    this.unit.reset();
  }

  private end(sequence: number, byMarker: boolean): void {
    const keyframe = this.isKeyframe();
    const entry = keyframe || this.unit.recovery >= 0;
    const next = this.unit.openAt < 0 ? NO_NALS : this.buffer.takeFrom(this.unit.openAt);
    const nextArrival = this.unit.openArrival;
    const damaged = this.startMissing(entry) || this.unit.damaged;
    if (entry || this.picture.format.width === 0) this.picture.refresh(this.unit.ppsId);
    const { data, nals, cut } = this.bytes(entry);
    const { recovery, onvifTime } = this.unit;
    // Optional properties are added afterwards: spreading them into the literal costs more than all the rest.
    const unit: Writable<VideoUnit> = {
      kind: 'video',
      codec: this.rules.codec,
      data,
      nals,
      keyframe,
      damaged,
      format: this.picture.format,
      rtpTime: this.unit.rtpTime,
      rtpSequence: sequence,
      arrival: this.unit.arrival,
      time: 0,
      timeSource: 'arrival',
    };
    if (cut !== undefined) unit.cut = cut;
    if (recovery >= 0 && !keyframe) unit.recoveryFrames = recovery;
    if (!Number.isNaN(onvifTime)) unit.onvifTime = onvifTime;
    this.references.mark(unit);
    this.stats.units += 1;
    this.ended += 1;
    if (damaged) this.stats.damagedUnits += 1;
    this.boundary.ended(unit, byMarker);
    const rtpTime = this.unit.fieldTime < 0 ? this.unit.rtpTime : this.unit.fieldTime;
    this.forget();
    this.sink(unit);
    if (next.length === 0) return;
    this.unit.begin(rtpTime, nextArrival);
    this.unit.sequence = this.sequence;
    this.unit.onvifTime = this.onvifTime;
    for (const nal of next) this.nal(nal, 0, nal.length);
  }

  // The unit's bytes, with parameter sets in front where needed, and separately with its cut slices.
  private bytes(entry: boolean): Pick<VideoUnit, 'data' | 'nals' | 'cut'> {
    const { count } = this.buffer;
    const whole = this.buffer.finish(entry, this.sets.inFrontOf(this.unit, entry), this.rules.delimiter);
    if (this.cuts === undefined || this.cuts.count === 0) return whole;
    const cut = this.cuts.join(whole, whole.nals.length - count);
    this.cuts.clear();
    return { ...(this.unit.slices > 0 ? whole : NOTHING), cut };
  }

  // Whether the unit's beginning was lost: after a gap, it does not begin like others of its kind. Otherwise
  // remembers how it begins.
  private startMissing(entry: boolean): boolean {
    const begins = this.buffer.firstType;
    if (this.unit.afterGap) return this.beginnings.isOdd(begins, entry);
    if (this.unit.isStartWhole) this.beginnings.learn(begins, entry);
    return false;
  }
}
