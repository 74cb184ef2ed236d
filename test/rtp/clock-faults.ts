// What cameras' clocks were seen to do wrong, each as a way to stamp or to send.

import type { StreamOptions } from './clock-rig.js';

const TICKS = 90;

export interface Fault {
  readonly name: string;
  /** Of a stream of so many frames a second. */
  of(fps: number): StreamOptions;
}

function stamps(name: string, stamp: (n: number, ms: number, fps: number) => number): Fault {
  return { name, of: (fps) => ({ fps, stamp: (n, ms) => stamp(n, ms, fps) }) };
}

/** Every `seconds`, the picture that is due. */
const each = (n: number, fps: number, seconds: number): boolean =>
  n % Math.max(2, Math.round(seconds * fps)) === 1;

const steps = [0.3, 1.2, 3.5, 5, 60, 3600].flatMap((seconds) =>
  [seconds, -seconds].map((by) =>
    stamps(`set by ${by} s`, (_n, ms) => (ms + (ms >= 20_400 ? by * 1000 : 0)) * TICKS),
  ),
);

export const FAULTS: readonly Fault[] = [
  stamps('none', (_n, ms) => ms * TICKS),
  stamps('25 stamped for 21 sent', (_n, ms) => ms * TICKS * (21 / 25)),
  stamps('20 stamped for 25 sent', (_n, ms) => ms * TICKS * (25 / 20)),
  stamps('1 kHz', (_n, ms) => ms),
  stamps('45 kHz', (_n, ms) => ms * 45),
  stamps('100 kHz', (_n, ms) => ms * 100),
  stamps('945 kHz', (_n, ms) => ms * 945),
  stamps('1 % slow', (_n, ms) => ms * TICKS * 0.99),
  stamps('1 % fast', (_n, ms) => ms * TICKS * 1.01),
  stamps('200 ppm slow', (_n, ms) => ms * TICKS * 0.9998),
  stamps('wraps', (_n, ms) => 2 ** 32 - 4e9 + (ms - 20_000) * TICKS),
  ...steps,
  stamps('4 s ahead every 2 s', (n, ms, fps) => (ms + (each(n, fps, 2) ? 4000 : 0)) * TICKS),
  stamps('1.5 s back every 2 s', (n, ms, fps) => (ms - (each(n, fps, 2) ? 1500 : 0)) * TICKS),
  stamps('60 ms back every 1.6 s', (n, ms, fps) => (ms - (each(n, fps, 1.6) ? 60 : 0)) * TICKS),
  stamps('hours off every 2 s', (n, ms, fps) => {
    const off = each(n, fps, 4) ? -9800 : each(n + Math.round(2 * fps), fps, 4) ? 37_600 : 0;
    return (ms + off * 1000) * TICKS;
  }),
  stamps('9 s ahead every 10 s', (_n, ms) => (ms + Math.floor(ms / 10_000) * 9000) * TICKS),
  stamps('3 s back every 10 s', (_n, ms) => (ms - Math.floor(ms / 10_000) * 3000) * TICKS),
  stamps('all at 0', () => 0),
  stamps('two pictures of one stamp', (n, _ms, fps) => ((Math.floor(n / 2) * 2000) / fps) * TICKS),
  stamps(
    'stands for 10 s and goes on',
    (_n, ms) => (ms < 20_000 ? ms : Math.max(20_000, ms - 10_000)) * TICKS,
  ),
  stamps('stands for 10 s and catches up', (_n, ms) => (ms >= 20_000 && ms < 30_000 ? 20_000 : ms) * TICKS),
  { name: 'stalls of 3 s with bursts', of: (fps) => ({ fps, stalls: STALLS }) },
  {
    name: 'stalls, 25 stamped for 21 sent',
    of: (fps) => ({ fps, stalls: STALLS, stamp: (_n, ms) => ms * TICKS * (21 / 25) }),
  },
  { name: 'rates that vary', of: (fps) => ({ fps: (n) => (1000 / fps) * [1, 1, 2, 0.7, 5][(n >> 4) % 5]! }) },
];

export const STALLS = [
  [20_500, 23_500],
  [40_000, 43_000],
] as const;
