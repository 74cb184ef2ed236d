// Where access units begin and end: NAL units go in, whole units with their parameter sets in front come out, damage is flagged.

import { LIMITS } from '../limits.js';
import { hasStartCode, splitAnnexB } from './annexb.js';
import type { AssemblerOptions, AssemblerStats, BoundaryPolicy } from './assembler-options.js';
import { CutSlices } from './cut-slices.js';
import { ReferenceState } from './entry.js';
import { emptyFacts, type NalFacts, type NalRules } from './nal-rules.js';
import type { SetsInFront } from './parameter-sets.js';
import { PictureFormat } from './picture-format.js';
import type { MediaUnit, ParameterSetPolicy, VideoUnit } from './unit.js';
import { UnitBuffer } from './unit-buffer.js';

/**
 * Some devices send several NAL units as one, with start codes inside (quirks row 25). Those that do, do so from the start, or put parameter sets in front of a slice. So every byte is
 * looked through until this many NAL units in a row were clean; from then on the first bytes of each, as looking through a large slice costs as much as reading it.
 */
const CLEAN_NALS = 1024;
const LOOKED_THROUGH_BYTES = 1024;

/** PPS ids of one unit that are looked after: real ones name one or two. */
const PPS_IDS = 16;

const NOTHING = { data: Buffer.alloc(0), nals: [] };

/**
 * Assembles access units of H.264 and H.265.
 *
 * A unit is `damaged` only when it is missing data itself: a NAL unit of it was dropped, packets were lost inside it, its first slice is not its picture's first, its end never came, or packets were lost right
 * before it and it does not begin as the stream's units do (a keyframe without the parameter sets it always brings). That a unit builds on what was lost is told by its `reference`.
 */
export class AccessUnitAssembler<Info> {
  readonly stats: AssemblerStats = { units: 0, damagedUnits: 0, droppedUnits: 0, droppedNals: 0 };
  readonly #rules: NalRules<Info>;
  readonly #sink: (unit: MediaUnit) => void;
  readonly #setPolicy: ParameterSetPolicy;
  readonly #picture: PictureFormat<Info>;
  readonly #buffer: UnitBuffer;
  readonly #cuts: CutSlices | undefined;
  readonly #references = new ReferenceState();
  readonly #facts: NalFacts = emptyFacts();
  #boundary: BoundaryPolicy;
  #setsOutVersion = 0;
  // Number of the last entry, 0 before the first, and the PPS it names.
  #entryNumber = 0;
  #entryPps = 0;
  // Running number of the unit in progress; 0 stands for the SDP in the parameter sets' books.
  #number = 1;

  // The packet at hand.
  #arrival = 0;
  #sequence = 0;
  #onvifTime = NaN;
  /** Units that ended within it. */
  #ended = 0;

  // The unit in progress.
  #begun = false;
  #rtpTime = 0;
  #unitArrival = 0;
  #unitSequence = 0;
  #unitOnvifTime = NaN;
  #nalOpen = false;
  /** Fragments come in whose NAL unit is already given up: it is counted once. */
  #orphans = false;
  #nalArrival = 0;
  #slices = 0;
  /** A slice, whole or torn, was looked at. */
  #looked = false;
  #sync = false;
  #allIntra = true;
  /** Pictures until the recovery point that an SEI of the unit announced; -1: none. */
  #recovery = -1;
  #ppsId = 0;
  /** What its slices name. */
  readonly #ppsIds: number[] = [];
  #damaged = false;
  /** Nothing was missing up to the first slice. */
  #startSound = false;
  #overflow = false;

  // What went before.
  #gap = false;
  #afterGap = false;
  /** NAL type with which entries and other units begin, -1 while none was seen. */
  #keyBegins = -1;
  #deltaBegins = -1;
  #markersSeen = false;
  /** NAL units in a row without a start code inside. */
  #cleanNals = 0;
  #closedSequence = 0;
  /** The last unit, while it could still turn out to be torn: it was ended by a marker. */
  #endedByMarker: VideoUnit | undefined;
  #held = false;
  /** What the unit's last first slice began: a field whose frame is not whole yet (1), or the other one (2). */
  #field: 0 | 1 | 2 = 0;
  /** A marker stood behind such a field. */
  #fieldEnded = false;
  /** Timestamp under which the other field of the frame comes, if it has one of its own; -1: none. */
  #fieldTime = -1;
  /** Index of the NAL unit at which the next unit may begin, -1 for none, and when it came. */
  #openAt = -1;
  #openArrival = 0;

  constructor(rules: NalRules<Info>, sink: (unit: MediaUnit) => void, options: AssemblerOptions = {}) {
    this.#rules = rules;
    this.#sink = sink;
    this.#setPolicy = options.parameterSets ?? 'keyframe';
    this.#picture = new PictureFormat(rules, options.frameRate);
    this.#boundary = options.boundary ?? 'marker';
    this.#buffer = new UnitBuffer(options.window);
    if (options.cutSlices === true) this.#cuts = new CutSlices();
  }

  /** Announces the packet (or, in interleaved modes, the NAL unit) that comes next. Ends the unit in progress if the timestamp is another. */
  at(rtpTime: number, arrivalMs: number, sequence: number, onvifTime: number): void {
    if (this.#begun && rtpTime !== this.#rtpTime && rtpTime !== this.#fieldTime)
      this.#timestampChanged(rtpTime, arrivalMs);
    if (sequence !== this.#sequence) this.#ended = 0;
    this.#arrival = arrivalMs;
    this.#sequence = sequence;
    this.#onvifTime = onvifTime;
    if (!this.#begun) {
      this.#begin(rtpTime, arrivalMs);
      this.#afterGap = this.#gap;
      if (this.#gap) this.#references.lose();
    }
    this.#gap = false;
    this.#unitSequence = sequence;
    if (Number.isNaN(this.#unitOnvifTime)) this.#unitOnvifTime = onvifTime;
  }

  /** A whole NAL unit. Start codes inside make it several. */
  nal(data: Buffer, start: number, end: number): void {
    if (this.#nalOpen) this.abandonNal();
    if (end - start < this.#rules.headerBytes || this.#overflow) return;
    if (this.#ended >= LIMITS.packetUnits) {
      this.missing();
      return;
    }
    if (this.#openNal(this.#rules.typeOf(data[start]!)) && this.#append(data, start, end)) this.closeNal();
  }

  /** A NAL unit that comes in fragments: its header, rebuilt; `second` is H.265's second header byte, -1 for H.264. */
  beginNal(first: number, second: number): void {
    if (this.#nalOpen) this.abandonNal();
    if (this.#overflow || !this.#openNal(this.#rules.typeOf(first))) return;
    if (!this.#buffer.appendByte(first) || (second >= 0 && !this.#buffer.appendByte(second)))
      this.#tooLarge();
  }

  /** The next fragment's bytes; dropped, with the unit flagged, if no NAL unit is open. */
  continueNal(data: Buffer, start: number, end: number): void {
    if (this.#nalOpen) this.#append(data, start, end);
    else if (!this.#orphans) this.missing();
    this.#orphans = !this.#nalOpen;
  }

  /** The open NAL unit is complete. */
  closeNal(): void {
    this.#orphans = false;
    if (!this.#nalOpen) return;
    this.#nalOpen = false;
    const { memory, lastNal, end } = this.#buffer;
    const sure = this.#cleanNals >= CLEAN_NALS;
    if (hasStartCode(memory.subarray(lastNal, sure ? Math.min(end, lastNal + LOOKED_THROUGH_BYTES) : end))) {
      this.#cleanNals = 0;
      this.#splitNal();
      return;
    }
    if (!sure) this.#cleanNals += 1;
    this.#takeNal();
  }

  // Start codes inside the last NAL unit make it several.
  #splitNal(): void {
    const { memory, lastNal, end } = this.#buffer;
    const whole = Buffer.from(memory.subarray(lastNal, end));
    this.#buffer.dropLast();
    for (const piece of splitAnnexB(whole)) this.nal(piece, 0, piece.length);
  }

  /** Drops the open NAL unit, of which a part is missing, and flags the unit. */
  abandonNal(): void {
    if (!this.#nalOpen) return;
    this.#nalOpen = false;
    this.#orphans = true;
    this.#takeTorn();
    this.#buffer.dropLast();
    this.missing();
  }

  // What came of a torn slice tells what its picture is, and may be of use.
  #takeTorn(): void {
    const { memory, lastNal, end, count } = this.#buffer;
    if (end - lastNal <= this.#rules.headerBytes) return;
    const facts = this.#facts;
    this.#rules.inspect(memory, lastNal, end, facts);
    if (!facts.slice) return;
    this.#look(facts);
    this.#cuts?.keep(memory, lastNal, end, facts.type, count - 1);
  }

  #look(facts: NalFacts): void {
    if (!this.#looked) this.#ppsId = facts.ppsId;
    this.#looked = true;
    const ids = this.#ppsIds;
    if (ids.length < PPS_IDS && !ids.includes(facts.ppsId)) ids.push(facts.ppsId);
    this.#sync ||= facts.sync;
    // The second field of an I-picture may build on the first.
    if (this.#field !== 2) this.#allIntra &&= facts.intra;
  }

  /** Something of the unit in progress is missing or makes no sense. */
  missing(): void {
    this.#damaged = true;
    this.stats.droppedNals += 1;
  }

  /** The marker bit of the packet at hand, after its payload was taken. */
  marker(): void {
    if (this.#boundary === 'timestamp' || this.#nalOpen) return;
    if (this.#slices > 0) {
      this.#markersSeen = true;
      this.#fieldEnded = this.#field === 1;
      if (this.#fieldEnded) return;
      this.#held = this.#boundary === 'learn';
      if (!this.#held) this.#end(this.#unitSequence, true);
    } else if (this.#overflow || this.#damaged) {
      this.#discard();
    }
  }

  /** A unit ended by its marker is held back until it is known whether markers can be believed. */
  get isHolding(): boolean {
    return this.#held || this.#fieldEnded;
  }

  /** Nothing followed for a while: what is held back is a whole unit. */
  settle(): void {
    if (this.#held) this.#boundary = 'marker';
    if (this.isHolding) this.#end(this.#unitSequence, this.#held);
  }

  /** Packets were lost before the next one. */
  gap(): void {
    if (this.#held) this.settle();
    this.#gap = true;
    if (!this.#begun) return;
    if (this.#nalOpen) this.abandonNal();
    else this.#damaged = true;
  }

  flush(): void {
    if (this.#held) this.settle();
    if (this.#nalOpen) this.abandonNal();
    if (this.#slices > 0) {
      // Where the server sets markers, a unit without one has lost its end.
      if (this.#markersSeen && this.#boundary === 'marker' && !this.#fieldEnded) this.#damaged = true;
      this.#end(this.#unitSequence, false);
    } else {
      this.#clear();
    }
  }

  reset(): void {
    this.#nalOpen = false;
    this.#clear();
    this.#endedByMarker = undefined;
    this.#cleanNals = 0;
    this.#references.lose();
    this.#gap = false;
  }

  #begin(rtpTime: number, arrivalMs: number): void {
    this.#begun = true;
    this.#rtpTime = rtpTime;
    this.#unitArrival = arrivalMs;
    this.#unitOnvifTime = NaN;
  }

  #timestampChanged(rtpTime: number, arrivalMs: number): void {
    if (this.#nalOpen) this.abandonNal();
    if (this.#field === 1 && this.#fieldTime < 0 && !this.#overflow) {
      // The other field of the frame may have a timestamp of its own: the next slice will tell.
      this.#fieldTime = rtpTime;
      if (this.#openAt < 0) {
        this.#openAt = this.#buffer.count;
        this.#openArrival = arrivalMs;
      }
      return;
    }
    if (this.#held) this.settle();
    else if (this.#slices > 0) this.#end(this.#unitSequence, false);
    else if (this.#damaged || this.#overflow) this.#discard();
    // Parameter sets and SEI under a timestamp of their own belong to the picture that follows.
    this.#begun = false;
  }

  #openNal(type: number): boolean {
    this.#nalArrival = this.#arrival;
    this.#orphans = false;
    const headroom = this.#setPolicy === 'never' ? 0 : this.#rules.sets.frontBytes;
    this.#nalOpen = this.#buffer.open(type, this.#rules.looksKey(type), headroom);
    if (!this.#nalOpen) this.#tooLarge();
    return this.#nalOpen;
  }

  #append(data: Buffer, start: number, end: number): boolean {
    if (this.#buffer.append(data, start, end)) return true;
    this.#tooLarge();
    return false;
  }

  // The rest of the unit is ignored until it ends.
  #tooLarge(): void {
    this.#nalOpen = false;
    this.#buffer.clear();
    this.#cuts?.clear();
    this.#slices = 0;
    this.#overflow = true;
    this.#damaged = true;
  }

  // The last NAL unit in the buffer is whole: what does it mean?
  #takeNal(): void {
    const { memory, lastNal: start, end } = this.#buffer;
    const facts = this.#facts;
    this.#rules.inspect(memory, start, end, facts);
    const [firstType, endType] = this.#rules.types;
    if (facts.type < firstType || facts.type >= endType) {
      this.#buffer.dropLast();
      this.stats.droppedNals += 1;
      return;
    }
    if (facts.slice && end - start <= this.#rules.headerBytes) {
      this.#buffer.dropLast();
      this.missing();
      return;
    }
    if (this.#slices > 0) {
      if (facts.slice && (facts.opens || (this.#openAt >= 0 && facts.first && facts.field !== 2))) {
        this.#split();
        return;
      }
      // Perhaps the next unit begins here: the next slice will tell.
      if (facts.opens && this.#openAt < 0) {
        this.#openAt = this.#buffer.count - 1;
        this.#openArrival = this.#nalArrival;
      }
      if (facts.slice && this.#openAt >= 0) this.#dropRepeatedSets();
    }
    if (this.#openAt < 0) this.#closedSequence = this.#sequence;
    if (facts.parameterSet) this.#rules.sets.learn(memory.subarray(start, end), this.#number);
    if (facts.recovery >= 0) this.#recovery = facts.recovery;
    if (facts.slice) this.#takeSlice(facts);
  }

  #takeSlice(facts: NalFacts): void {
    if (this.#slices === 0) {
      if (!facts.first) this.#firstSliceMissing();
      this.#startSound = !this.#damaged;
      this.#endedByMarker = undefined;
    } else if (this.#held) {
      // More slices of the picture: the marker before them meant nothing.
      this.#boundary = 'timestamp';
      this.#held = false;
    }
    if (facts.first) this.#field = facts.field;
    this.#fieldEnded = false;
    this.#slices += 1;
    this.#look(facts);
  }

  #firstSliceMissing(): void {
    this.#damaged = true;
    const torn = this.#endedByMarker;
    if (torn?.rtpTime !== this.#rtpTime) return;
    // The marker stood on a slice that was not the picture's last: this server sets it on every slice.
    this.#boundary = 'timestamp';
    if (!torn.damaged) this.stats.damagedUnits += 1;
    (torn as { damaged: boolean }).damaged = true;
  }

  // Marker and timestamp did not tell, but the last NAL unit is another picture's first slice.
  #split(): void {
    if (this.#openAt < 0) {
      this.#openAt = this.#buffer.count - 1;
      this.#openArrival = this.#nalArrival;
    }
    if (this.#held) this.#boundary = 'marker';
    this.#end(this.#closedSequence, false);
  }

  // GStreamer repeats the parameter sets in front of every slice of a keyframe: within a picture they are out of place.
  #dropRepeatedSets(): void {
    const slice = this.#buffer.takeFrom(this.#openAt).at(-1)!;
    this.#openAt = -1;
    this.#buffer.open(this.#rules.typeOf(slice[0]!), false, 0);
    this.#buffer.append(slice, 0, slice.length);
  }

  // No whole slice is left of the unit.
  #discard(): void {
    this.stats.droppedUnits += 1;
    if (this.#cuts !== undefined && this.#cuts.count > 0) {
      this.#end(this.#unitSequence, false);
      return;
    }
    this.#references.lose(this.#isKeyframe());
    this.#clear();
  }

  // IRAP or IDR; or all-intra, and said to be a beginning by an SEI or by the parameter sets in front of it.
  #isKeyframe(): boolean {
    if (this.#sync) return true;
    if (!this.#looked || !this.#allIntra) return false;
    return this.#recovery >= 0 || this.#rules.sets.carries(this.#ppsId, this.#number);
  }

  #clear(): void {
    this.#buffer.clear();
    this.#cuts?.clear();
    this.#forget();
  }

  #forget(): void {
    this.#begun = false;
    this.#held = false;
    this.#field = 0;
    this.#fieldEnded = false;
    this.#fieldTime = -1;
    this.#openAt = -1;
    this.#slices = 0;
    this.#looked = false;
    this.#ppsIds.length = 0;
    this.#sync = false;
    this.#allIntra = true;
    this.#recovery = -1;
    this.#damaged = false;
    this.#startSound = false;
    this.#overflow = false;
    this.#afterGap = false;
    this.#number += 1;
  }

  #end(sequence: number, byMarker: boolean): void {
    const keyframe = this.#isKeyframe();
    const entry = keyframe || this.#recovery >= 0;
    const next = this.#openAt < 0 ? [] : this.#buffer.takeFrom(this.#openAt);
    const nextArrival = this.#openArrival;
    const damaged = this.#startMissing(entry) || this.#damaged;
    if (entry || this.#picture.format.width === 0) this.#picture.refresh(this.#ppsId);
    const unit: VideoUnit = {
      kind: 'video',
      codec: this.#rules.codec,
      ...this.#bytes(entry),
      keyframe,
      damaged,
      format: this.#picture.format,
      rtpTime: this.#rtpTime,
      rtpSequence: sequence,
      arrival: this.#unitArrival,
      time: 0,
      timeSource: 'arrival',
      ...(this.#recovery >= 0 && !keyframe && { recoveryFrames: this.#recovery }),
    };
    if (!Number.isNaN(this.#unitOnvifTime)) (unit as { onvifTime?: number }).onvifTime = this.#unitOnvifTime;
    this.#references.mark(unit);
    this.stats.units += 1;
    this.#ended += 1;
    if (damaged) this.stats.damagedUnits += 1;
    this.#endedByMarker = byMarker ? unit : undefined;
    const rtpTime = this.#fieldTime < 0 ? this.#rtpTime : this.#fieldTime;
    this.#forget();
    this.#sink(unit);
    if (next.length === 0) return;
    this.#begin(rtpTime, nextArrival);
    this.#unitSequence = this.#sequence;
    this.#unitOnvifTime = this.#onvifTime;
    for (const nal of next) this.nal(nal, 0, nal.length);
  }

  // The unit's bytes, parameter sets in front of an entry; with those that a loss cut off beside them.
  #bytes(entry: boolean): Pick<VideoUnit, 'data' | 'nals' | 'cut'> {
    const { count } = this.#buffer;
    const whole = this.#buffer.finish(entry, this.#setsInFront(entry), this.#rules.delimiter);
    if (this.#cuts === undefined || this.#cuts.count === 0) return whole;
    const cut = this.#cuts.join(whole, whole.nals.length - count);
    this.#cuts.clear();
    return { ...(this.#slices > 0 ? whole : NOTHING), cut };
  }

  // After a gap, a unit that does not begin as its kind does in this stream has lost its beginning. Otherwise its own beginning is noted.
  #startMissing(entry: boolean): boolean {
    const begins = this.#buffer.firstType;
    const usual = entry ? this.#keyBegins : this.#deltaBegins;
    if (this.#afterGap) return usual >= 0 && begins !== usual;
    if (this.#startSound && entry) this.#keyBegins = begins;
    else if (this.#startSound) this.#deltaBegins = begins;
    return false;
  }

  // In front of an entry, what its slices need; in front of other units, what was in none since that entry: a PPS that the SDP alone has, and that P-pictures alone name.
  #setsInFront(entry: boolean): SetsInFront | undefined {
    const { sets } = this.#rules;
    if (this.#setPolicy === 'never') return undefined;
    if (!entry) {
      if (this.#setPolicy === 'change' || this.#entryNumber === 0 || this.#knowsSets()) return undefined;
      return sets.inFront(this.#ppsIds, this.#entryNumber, this.#number);
    }
    const changed = sets.version !== this.#setsOutVersion;
    this.#setsOutVersion = sets.version;
    this.#entryNumber = this.#number;
    this.#entryPps = this.#ppsId;
    if (this.#setPolicy === 'change' && !changed) return undefined;
    return sets.inFront(this.#ppsIds, this.#number, this.#number);
  }

  // Nearly all pictures name the one PPS that the entry before them names.
  #knowsSets(): boolean {
    const changed = this.#rules.sets.version !== this.#setsOutVersion;
    return !changed && this.#ppsIds.length === 1 && this.#ppsIds[0] === this.#entryPps;
  }
}
