// A camera in virtual time: pictures with a true time, stamps as its clock makes them, and arrivals as the
// network does. What the session's clock makes of it is held against the truth.

import { SessionClock } from '../../lib/rtp/session-clock.js';

export interface StreamOptions {
  seconds?: number;
  /** Frames a second; or ms from the n-th picture to the next. */
  fps?: number | ((n: number) => number);
  /** What the SDP declares. */
  clockRate?: number;
  /** RTP ticks of the n-th picture, taken at `ms`. Default: true. */
  stamp?: (n: number, ms: number) => number;
  /** Delay on the way beside the least one. */
  jitter?: (n: number, ms: number) => number;
  /** Spans of the way in which nothing comes through, [from, to) in ms: it comes in a burst at the end. */
  stalls?: readonly (readonly [number, number])[];
  /** Pictures are decoded in this order within each group: e.g. [3, 1, 2]. */
  pattern?: readonly number[];
  depth?: number;
  /** Whether the stream tells the order of presentation. */
  ranked?: boolean;
  /** What the stream says of its frame rate. */
  frameRate?: number;
  kind?: 'video' | 'audio';
  /** ms of media a packet holds beside its first unit: units that come at one time. */
  perPacket?: number;
}

export interface Dated {
  n: number;
  /** When it would have come at the least delay. */
  truth: number;
  arrival: number;
  rtpTime: number;
  mediaTime: number;
  time: number;
}

export interface Verdict {
  /** ms. */
  spanError: number;
  worst: number;
  rms: number;
  /** Pictures that are not behind the one shown before them. */
  disorder: number;
  /** Live time against arrival, worst of the last nine tenths, outside of bursts. */
  live: number;
  units: Dated[];
}

export const BEGIN = 10_000;
export const EPOCH = Date.UTC(2026, 10, 5, 12);

/** Uniform, the same each time. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export function uniform(ms: number, seed = 1): () => number {
  const next = random(seed);
  return () => next() * ms;
}

/** Units in order of decoding, dated. */
export function play(options: StreamOptions, session = new SessionClock(EPOCH - BEGIN)): Dated[] {
  const { seconds = 60, fps = 25, clockRate = 90_000, stalls = [], pattern = [], kind = 'video' } = options;
  const {
    stamp = (_n: number, ms: number) => (ms * clockRate) / 1000,
    jitter = () => 0,
    perPacket = 0,
  } = options;
  const taken: number[] = [];
  for (let ms = 0; ms < seconds * 1000; ms += typeof fps === 'number' ? 1000 / fps : fps(taken.length))
    taken.push(ms);
  const track = session.track(clockRate);
  const size = pattern.length || 1;
  const shown = (i: number): number =>
    i === 0 || pattern.length === 0 ? i : Math.floor((i - 1) / size) * size + pattern[(i - 1) % size]!;
  // Whole groups only.
  while (pattern.length > 0 && (taken.length - 1) % size !== 0) taken.pop();
  const units: Dated[] = [];
  let last = 0;
  for (let i = 0; i < taken.length; i++) {
    const n = shown(i);
    // Sent in order of decoding, one after the other.
    const sent = taken[Math.floor(i / (perPacket + 1)) * (perPacket + 1) + perPacket] ?? taken[i]!;
    let arrival = Math.max(last, sent + jitter(i, sent));
    for (const [from, to] of stalls) if (arrival >= from && arrival < to) arrival = to;
    last = arrival;
    const rtpTime = Math.floor((((stamp(n, taken[n]!) + 4e9) % 2 ** 32) + 2 ** 32) % 2 ** 32);
    const unit = {
      kind,
      rtpTime,
      arrival: BEGIN + arrival,
      time: 0,
      timeSource: '',
      format: {
        codec: 'h264',
        ...(options.depth !== undefined && { reorderDepth: options.depth }),
        ...(options.frameRate !== undefined && { frameRate: options.frameRate }),
      },
    };
    track.stamp(unit, options.ranked === true ? n : NaN);
    const { mediaTime, time } = unit as typeof unit & { mediaTime: number };
    const truth = BEGIN + taken[n]! + (perPacket > 0 ? (perPacket * 1000) / (fps as number) : 0);
    units.push({ n, truth, arrival: unit.arrival, rtpTime, mediaTime, time: time - EPOCH + BEGIN });
  }
  return units;
}

export function judge(units: Dated[]): Verdict {
  const shown = [...units].sort((a, b) => a.n - b.n);
  const [first, last] = [shown[0]!, shown.at(-1)!];
  const errors = shown.map((u) => u.mediaTime - u.truth);
  let disorder = 0;
  for (let i = 1; i < shown.length; i++) if (shown[i]!.mediaTime <= shown[i - 1]!.mediaTime) disorder++;
  return {
    spanError: Math.abs(last.mediaTime - first.mediaTime - (last.truth - first.truth)),
    worst: Math.max(...errors.map(Math.abs)),
    rms: Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length),
    disorder,
    live: Math.max(0, ...units.slice(units.length / 10).map((u) => Math.abs(u.time - u.arrival))),
    units,
  };
}

/** The furthest that picture and sound part at any moment: each track's error, read at the same times. */
export function apart(pictures: readonly Dated[], sounds: readonly Dated[]): number {
  let worst = 0;
  let at = 0;
  for (const picture of pictures) {
    while (at + 1 < sounds.length && sounds[at + 1]!.truth <= picture.truth) at++;
    const sound = sounds[at]!;
    if (Math.abs(sound.truth - picture.truth) > 2_000) continue;
    worst = Math.max(worst, Math.abs(picture.mediaTime - picture.truth - (sound.mediaTime - sound.truth)));
  }
  return worst;
}
