// Where access units begin and end: NAL units go in, whole units with their parameter sets in front come out,
// damage is flagged.

import { LIMITS } from '../limits.js';
import { hasStartCode, splitAnnexB } from './annexb.js';
import type { AssemblerOptions, AssemblerStats } from './assembler-options.js';
import { Beginnings, Boundary } from './boundary.js';
import { CutSlices } from './cut-slices.js';
import { ReferenceState } from './entry.js';
import { emptyFacts, type NalFacts, type NalRules } from './nal-rules.js';
import { PictureFormat } from './picture-format.js';
import { SetsSent } from './sets-sent.js';
import type { MediaUnit, VideoUnit } from './unit.js';
import { UnitBuffer } from './unit-buffer.js';
import { UnitInProgress } from './unit-in-progress.js';

/**
 * Some devices send several NAL units as one, with start codes inside (quirk: broken-h264-fragments). Those
 * that do, do so from the start, or put parameter sets in front of a slice. So every byte is looked through
 * until this many NAL units in a row were clean; from then on the first bytes of each, as looking through a
 * large slice costs as much as reading it.
 */
const CLEAN_NALS = 1024;
const LOOKED_THROUGH_BYTES = 1024;

const NOTHING = { data: Buffer.alloc(0), nals: [] };

/**
 * Assembles access units of H.264 and H.265.
 *
 * A unit is `damaged` only when it is missing data itself: a NAL unit of it was dropped, packets were lost
 * inside it, its first slice is not its picture's first, its end never came, or packets were lost right
 * before it and it does not begin as the stream's units do (a keyframe without the parameter sets it always
 * brings). That a unit builds on what was lost is told by its `reference`.
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

  // The packet at hand.
  private arrival = 0;
  private sequence = 0;
  private onvifTime = NaN;
  /** Units that ended within it. */
  private ended = 0;

  // The NAL unit at hand.
  private nalOpen = false;
  /** Fragments come in whose NAL unit is already given up: it is counted once. */
  private orphans = false;
  private nalArrival = 0;
  /** NAL units in a row without a start code inside. */
  private cleanNals = 0;

  /** Packets were lost before the next one. */
  private afterLoss = false;
  /** Sequence number of the last packet that is known to be of the unit in progress. */
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
   * Announces the packet (or, in interleaved modes, the NAL unit) that comes next. Ends the unit in progress
   * if the timestamp is another.
   */
  at(rtpTime: number, arrivalMs: number, sequence: number, onvifTime: number): void {
    const unit = this.unit;
    if (unit.begun && !unit.isAt(rtpTime)) this.timestampChanged(rtpTime, arrivalMs);
    if (sequence !== this.sequence) this.ended = 0;
    this.arrival = arrivalMs;
    this.sequence = sequence;
    this.onvifTime = onvifTime;
    if (!unit.begun) {
      unit.begin(rtpTime, arrivalMs);
      unit.afterGap = this.afterLoss;
      if (this.afterLoss) this.references.lose();
    }
    this.afterLoss = false;
    unit.sequence = sequence;
    if (Number.isNaN(unit.onvifTime)) unit.onvifTime = onvifTime;
  }

  /** A whole NAL unit. Start codes inside make it several. */
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
   * A NAL unit that comes in fragments: its header, rebuilt; `second` is H.265's second header byte, -1 for
   * H.264.
   */
  beginNal(first: number, second: number): void {
    if (this.nalOpen) this.abandonNal();
    if (this.unit.overflow || !this.openNal(this.rules.typeOf(first))) return;
    if (!this.buffer.appendByte(first) || (second >= 0 && !this.buffer.appendByte(second))) this.tooLarge();
  }

  /** The next fragment's bytes; dropped, with the unit flagged, if no NAL unit is open. */
  continueNal(data: Buffer, start: number, end: number): void {
    if (this.nalOpen) this.append(data, start, end);
    else if (!this.orphans) this.missing();
    this.orphans = !this.nalOpen;
  }

  /** The open NAL unit is complete. */
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

  // Start codes inside the last NAL unit make it several.
  private splitNal(): void {
    const { memory, lastNal, end } = this.buffer;
    const whole = Buffer.from(memory.subarray(lastNal, end));
    this.buffer.dropLast();
    for (const piece of splitAnnexB(whole)) this.nal(piece, 0, piece.length);
  }

  /** Drops the open NAL unit, of which a part is missing, and flags the unit. */
  abandonNal(): void {
    if (!this.nalOpen) return;
    this.nalOpen = false;
    this.orphans = true;
    this.takeTorn();
    this.buffer.dropLast();
    this.missing();
  }

  // What came of a torn slice tells what its picture is, and may be of use.
  private takeTorn(): void {
    const { memory, lastNal, end, count } = this.buffer;
    if (end - lastNal <= this.rules.headerBytes) return;
    const facts = this.facts;
    this.rules.inspect(memory, lastNal, end, facts);
    if (!facts.slice) return;
    this.unit.look(facts);
    this.cuts?.keep(memory, lastNal, end, facts.type, count - 1);
  }

  /** Something of the unit in progress is missing or makes no sense. */
  missing(): void {
    this.unit.damaged = true;
    this.stats.droppedNals += 1;
  }

  /** The marker bit of the packet at hand, after its payload was taken. */
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

  /** A unit ended by its marker is held back until it is known whether markers can be believed. */
  get isHolding(): boolean {
    return this.boundary.isHeld || this.unit.fieldEnded;
  }

  /** Nothing followed for a while: what is held back is a whole unit. */
  settle(): void {
    this.boundary.trustMarkers();
    if (this.isHolding) this.end(this.unit.sequence, this.boundary.isHeld);
  }

  /** Packets were lost before the next one. */
  gap(): void {
    if (this.boundary.isHeld) this.settle();
    this.afterLoss = true;
    if (!this.unit.begun) return;
    if (this.nalOpen) this.abandonNal();
    else this.unit.damaged = true;
  }

  flush(): void {
    if (this.boundary.isHeld) this.settle();
    if (this.nalOpen) this.abandonNal();
    if (this.unit.slices > 0) {
      // Where the server sets markers, a unit without one has lost its end.
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
      // The other field of the frame may have a timestamp of its own: the next slice will tell.
      this.unit.fieldTime = rtpTime;
      this.unit.mayOpenAt(this.buffer.count, arrivalMs);
      return;
    }
    if (this.boundary.isHeld) this.settle();
    else if (this.unit.slices > 0) this.end(this.unit.sequence, false);
    else if (this.unit.damaged || this.unit.overflow) this.discard();
    // Parameter sets and SEI under a timestamp of their own belong to the picture that follows.
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

  // The rest of the unit is ignored until it ends.
  private tooLarge(): void {
    this.nalOpen = false;
    this.buffer.clear();
    this.cuts?.clear();
    this.unit.slices = 0;
    this.unit.overflow = true;
    this.unit.damaged = true;
  }

  // The last NAL unit in the buffer is whole: what does it mean?
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
      // Perhaps the next unit begins here: the next slice will tell.
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
      this.unit.startSound = !this.unit.damaged;
      this.boundary.forgetLast();
    } else if (this.boundary.isHeld) {
      // More slices of the picture: the marker before them meant nothing.
      this.boundary.distrustMarkers();
    }
    if (facts.first) this.unit.field = facts.field;
    this.unit.fieldEnded = false;
    this.unit.slices += 1;
    this.unit.look(facts);
  }

  private firstSliceMissing(): void {
    this.unit.damaged = true;
    const torn = this.boundary.tornAt(this.unit.rtpTime);
    if (torn === undefined) return;
    // The marker stood on a slice that was not the picture's last: this server sets it on every slice.
    this.boundary.distrustMarkers();
    if (!torn.damaged) this.stats.damagedUnits += 1;
    torn.damaged = true;
  }

  // Marker and timestamp did not tell, but the last NAL unit is another picture's first slice.
  private split(): void {
    this.unit.mayOpenAt(this.buffer.count - 1, this.nalArrival);
    this.boundary.trustMarkers();
    this.end(this.closedSequence, false);
  }

  // GStreamer repeats the parameter sets in front of every slice of a keyframe: within a picture they are out
  // of place.
  private dropRepeatedSets(): void {
    const slice = this.buffer.takeFrom(this.unit.openAt).at(-1)!;
    this.unit.openAt = -1;
    this.buffer.open(this.rules.typeOf(slice[0]!), false, 0);
    this.buffer.append(slice, 0, slice.length);
  }

  // No whole slice is left of the unit.
  private discard(): void {
    this.stats.droppedUnits += 1;
    if (this.cuts !== undefined && this.cuts.count > 0) {
      this.end(this.unit.sequence, false);
      return;
    }
    this.references.lose(this.isKeyframe());
    this.clear();
  }

  // IRAP or IDR; or all-intra, and said to be a beginning by an SEI or by the parameter sets in front of it.
  private isKeyframe(): boolean {
    if (this.unit.sync) return true;
    if (!this.unit.looked || !this.unit.allIntra) return false;
    return this.unit.recovery >= 0 || this.rules.sets.carries(this.unit.ppsId, this.unit.number);
  }

  private clear(): void {
    this.buffer.clear();
    this.cuts?.clear();
    this.forget();
  }

  private forget(): void {
    this.boundary.isHeld = false;
    this.unit.forget();
  }

  private end(sequence: number, byMarker: boolean): void {
    const keyframe = this.isKeyframe();
    const entry = keyframe || this.unit.recovery >= 0;
    const next = this.unit.openAt < 0 ? [] : this.buffer.takeFrom(this.unit.openAt);
    const nextArrival = this.unit.openArrival;
    const damaged = this.startMissing(entry) || this.unit.damaged;
    if (entry || this.picture.format.width === 0) this.picture.refresh(this.unit.ppsId);
    const unit: VideoUnit = {
      kind: 'video',
      codec: this.rules.codec,
      ...this.bytes(entry),
      keyframe,
      damaged,
      format: this.picture.format,
      rtpTime: this.unit.rtpTime,
      rtpSequence: sequence,
      arrival: this.unit.arrival,
      time: 0,
      timeSource: 'arrival',
      ...(this.unit.recovery >= 0 && !keyframe && { recoveryFrames: this.unit.recovery }),
      ...(!Number.isNaN(this.unit.onvifTime) && { onvifTime: this.unit.onvifTime }),
    };
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

  // The unit's bytes, parameter sets in front of an entry; with those that a loss cut off beside them.
  private bytes(entry: boolean): Pick<VideoUnit, 'data' | 'nals' | 'cut'> {
    const { count } = this.buffer;
    const whole = this.buffer.finish(entry, this.sets.inFrontOf(this.unit, entry), this.rules.delimiter);
    if (this.cuts === undefined || this.cuts.count === 0) return whole;
    const cut = this.cuts.join(whole, whole.nals.length - count);
    this.cuts.clear();
    return { ...(this.unit.slices > 0 ? whole : NOTHING), cut };
  }

  // After a gap, a unit that does not begin as its kind does in this stream has lost its beginning. Otherwise
  // its own beginning is noted.
  private startMissing(entry: boolean): boolean {
    const begins = this.buffer.firstType;
    if (this.unit.afterGap) return this.beginnings.isOdd(begins, entry);
    if (this.unit.startSound) this.beginnings.see(begins, entry);
    return false;
  }
}
