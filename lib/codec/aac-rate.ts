// A sampling rate that the camera's description and its AAC configuration tell differently: decoded at the
// wrong one, sound is noise. How often frames come tells which is right.

import { NvrError } from '../errors.js';
import { defaultAacConfig, isAacRate, parseAacConfig, type AacConfig } from './aac-config.js';
import type { AudioFormat, AudioUnit, MediaUnit } from './unit.js';

/** Time over which frames are counted; more for rates that lie close together. */
const COUNT_MS = 1000;
const CLOSE_COUNT_MS = 4000;
const CLOSE = 1.25;
/** How far the count may be from a rate. */
const TOLERANCE = 0.12;
/** Counts that fit neither rate, after which the sound is given up. */
const MAX_COUNTS = 5;
/** Units that wait for the judgement. */
const MAX_HELD = 1024;

type Sink = (unit: MediaUnit) => void;

export class AacRateGuard {
  readonly #clockRate: number;
  readonly #sink: Sink;
  readonly #onWarning: (error: NvrError) => void;
  /** The format that came in last, and what it goes out as; undefined: not at all. */
  #from: AudioFormat | undefined;
  #to: AudioFormat | undefined;
  /** What is to be told from what; absent once it is judged. */
  #config: AacConfig | undefined;
  #held: AudioUnit[] = [];
  #frames = 0;
  #since = 0;
  #counts = 0;
  /** Of the packet at hand. */
  #sequence = -1;
  #packetTime = 0;
  #shrink = 1;

  /**
   * `clockRate`: the description's. `onWarning`: is told once of each contradiction that has a consequence.
   */
  constructor(clockRate: number, sink: Sink, onWarning: (error: NvrError) => void = () => undefined) {
    this.#clockRate = clockRate;
    this.#sink = sink;
    this.#onWarning = onWarning;
  }

  take(unit: AudioUnit): void {
    if (unit.format !== this.#from) this.#begin(unit);
    if (this.#config === undefined) this.#pass(unit);
    else this.#judge(unit, this.#config);
  }

  #begin({ format, arrival }: AudioUnit): void {
    this.#from = this.#to = format;
    this.#held = [];
    this.#frames = this.#counts = 0;
    this.#since = arrival;
    const config = format.config && parseAacConfig(format.config);
    // A clock of another kind (90 kHz, 1 kHz) says nothing of the sound.
    const agrees =
      config === undefined ||
      [config.coreRate, config.sampleRate].includes(this.#clockRate) ||
      !isAacRate(this.#clockRate);
    this.#config = agrees ? undefined : config;
  }

  #pass(unit: AudioUnit): void {
    if (this.#to === unit.format) this.#sink(unit);
    else if (this.#to !== undefined)
      this.#sink({ ...unit, format: this.#to, rtpTime: this.#rightTime(unit) });
  }

  /** The frames of a packet lie as far apart as the rate has it that was wrong. */
  #rightTime({ rtpTime, rtpSequence }: AudioUnit): number {
    if (rtpSequence !== this.#sequence) {
      this.#sequence = rtpSequence;
      this.#packetTime = rtpTime;
    }
    const apart = (rtpTime - this.#packetTime) | 0;
    return (this.#packetTime + Math.round(apart * this.#shrink)) >>> 0;
  }

  #judge(unit: AudioUnit, config: AacConfig): void {
    this.#held.push(unit);
    const elapsed = unit.arrival - this.#since;
    const ratio = this.#clockRate / config.coreRate;
    if (elapsed >= (Math.max(ratio, 1 / ratio) < CLOSE ? CLOSE_COUNT_MS : COUNT_MS)) {
      this.#count((this.#frames * config.frameSamples * 1000) / elapsed, config);
      this.#since = unit.arrival;
      this.#frames = 0;
    }
    this.#frames += 1;
    if (this.#config !== undefined && this.#held.length >= MAX_HELD) this.#giveUp(config);
  }

  /** `rate`: samples of the core that came in a second. */
  #count(rate: number, config: AacConfig): void {
    const off = (told: number): number => Math.abs(Math.log(rate / told));
    const nearest = off(config.coreRate) <= off(this.#clockRate) ? config.coreRate : this.#clockRate;
    if (off(nearest) <= TOLERANCE)
      this.#settle(nearest === config.coreRate ? this.#from : this.#replaced(config));
    else if (++this.#counts >= MAX_COUNTS) this.#giveUp(config);
  }

  /** AAC-LC at the description's rate: what cameras send. */
  #replaced({ coreRate, channels }: AacConfig): AudioFormat {
    const { bytes, sampleRate } = defaultAacConfig(this.#clockRate, channels || this.#from!.channels);
    this.#shrink = coreRate / this.#clockRate;
    this.#warn(coreRate, `it comes at ${this.#clockRate} Hz, and is handed on as that`);
    return { ...this.#from!, sampleRate, config: bytes };
  }

  #giveUp({ coreRate }: AacConfig): void {
    this.#warn(coreRate, 'it comes at neither, and is left out');
    this.#settle(undefined);
  }

  #warn(coreRate: number, consequence: string): void {
    const told = `The camera’s AAC configuration says ${coreRate} Hz, its description ${this.#clockRate} Hz`;
    const advice = 'Set the sound anew on the camera, or choose G.711.';
    this.#onWarning(new NvrError('EUNSUPPORTED', `${told}: ${consequence}. ${advice}`));
  }

  #settle(format: AudioFormat | undefined): void {
    this.#config = undefined;
    this.#to = format;
    const held = this.#held;
    this.#held = [];
    for (const unit of held) this.#pass(unit);
  }
}
