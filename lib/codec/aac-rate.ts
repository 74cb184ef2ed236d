// Resolves a contradiction between the sampling rates in the SDP and in the AAC config, by counting frames
// over time. Decoded at the wrong rate, audio is noise.

import { NvrError } from '../errors.js';
import { defaultAacConfig, isAacRate, parseAacConfig, type AacConfig } from './aac-config.js';
import type { AudioFormat, AudioUnit, MediaUnit } from './unit.js';

/** Time over which frames are counted; longer for two rates that are close together. */
const COUNT_MS = 1000;
const CLOSE_COUNT_MS = 4000;
const CLOSE = 1.25;
/** Largest deviation of the count from a rate, as a natural logarithm of their ratio. */
const TOLERANCE = 0.12;
/** Audio is dropped after this many counts that match neither rate. */
const MAX_COUNTS = 5;
/** Most units held until the rate is decided. */
const MAX_HELD = 1024;

type Sink = (unit: MediaUnit) => void;

export class AacRateGuard {
  private readonly clockRate: number;
  private readonly sink: Sink;
  private readonly onWarning: (error: NvrError) => void;
  /** The last format received, and the format it is passed on with; undefined: the audio is dropped. */
  private from: AudioFormat | undefined;
  private to: AudioFormat | undefined;
  /** The config in question; undefined once the rate is decided. */
  private config: AacConfig | undefined;
  private held: AudioUnit[] = [];
  private frames = 0;
  private since = 0;
  private counts = 0;
  /** Of the current packet. */
  private sequence = -1;
  private packetTime = 0;
  private shrink = 1;

  /** `clockRate`: from the SDP. `onWarning` is called once for each contradiction that has a consequence. */
  constructor(clockRate: number, sink: Sink, onWarning: (error: NvrError) => void = () => undefined) {
    this.clockRate = clockRate;
    this.sink = sink;
    this.onWarning = onWarning;
  }

  take(unit: AudioUnit): void {
    if (unit.format !== this.from) this.begin(unit);
    if (this.config === undefined) this.pass(unit);
    else this.judge(unit, this.config);
  }

  private begin({ format, arrival }: AudioUnit): void {
    this.from = this.to = format;
    this.held = [];
    this.frames = this.counts = 0;
    this.since = arrival;
    const config = format.config && parseAacConfig(format.config);
    // A clock rate that is not a sampling rate (90 kHz, 1 kHz) says nothing about the audio.
    const agrees =
      config === undefined ||
      [config.coreRate, config.sampleRate].includes(this.clockRate) ||
      !isAacRate(this.clockRate);
    this.config = agrees ? undefined : config;
  }

  private pass(unit: AudioUnit): void {
    if (this.to === unit.format) this.sink(unit);
    else if (this.to !== undefined) this.sink({ ...unit, format: this.to, rtpTime: this.rightTime(unit) });
  }

  /** Corrects the RTP time of a packet's later frames, which was computed with the wrong rate. */
  private rightTime({ rtpTime, rtpSequence }: AudioUnit): number {
    if (rtpSequence !== this.sequence) {
      this.sequence = rtpSequence;
      this.packetTime = rtpTime;
    }
    const apart = (rtpTime - this.packetTime) | 0;
    return (this.packetTime + Math.round(apart * this.shrink)) >>> 0;
  }

  private judge(unit: AudioUnit, config: AacConfig): void {
    this.held.push(unit);
    const elapsed = unit.arrival - this.since;
    const ratio = this.clockRate / config.coreRate;
    if (elapsed >= (Math.max(ratio, 1 / ratio) < CLOSE ? CLOSE_COUNT_MS : COUNT_MS)) {
      this.count((this.frames * config.frameSamples * 1000) / elapsed, config);
      this.since = unit.arrival;
      this.frames = 0;
    }
    this.frames += 1;
    if (this.config !== undefined && this.held.length >= MAX_HELD) this.giveUp(config);
  }

  /** Decides by `rate`: samples of the core codec received per second. */
  private count(rate: number, config: AacConfig): void {
    const off = (candidate: number): number => Math.abs(Math.log(rate / candidate));
    const nearest = off(config.coreRate) <= off(this.clockRate) ? config.coreRate : this.clockRate;
    if (off(nearest) <= TOLERANCE)
      this.decide(nearest === config.coreRate ? this.from : this.replaced(config));
    else if (++this.counts >= MAX_COUNTS) this.giveUp(config);
  }

  /** Replaces the config by AAC-LC at the rate of the SDP, which is what such cameras send. */
  private replaced({ coreRate, channels }: AacConfig): AudioFormat {
    const { bytes, sampleRate } = defaultAacConfig(this.clockRate, channels || this.from!.channels);
    this.shrink = coreRate / this.clockRate;
    this.warn(coreRate, `it comes at ${this.clockRate} Hz, and is handed on as that`);
    return { ...this.from!, sampleRate, config: bytes };
  }

  private giveUp({ coreRate }: AacConfig): void {
    this.warn(coreRate, 'it comes at neither, and is left out');
    this.decide(undefined);
  }

  private warn(coreRate: number, consequence: string): void {
    const contradiction = `The camera’s AAC configuration says ${coreRate} Hz, its description ${this.clockRate} Hz`;
    const advice = 'Set the sound anew on the camera, or choose G.711.';
    this.onWarning(new NvrError('EUNSUPPORTED', `${contradiction}: ${consequence}. ${advice}`));
  }

  private decide(format: AudioFormat | undefined): void {
    this.config = undefined;
    this.to = format;
    const held = this.held;
    this.held = [];
    for (const unit of held) this.pass(unit);
  }
}
