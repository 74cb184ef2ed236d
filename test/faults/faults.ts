// The faults between a node and its NVR, or on this machine: each begins, and ends after a time.

import type { ManualNvr } from '../kit/manual-nvr.js';
import type { SickDisk } from './sick-disk.js';

export interface Place {
  readonly nvr: ManualNvr;
  readonly disk: SickDisk;
}

export interface Fault {
  readonly name: string;
  /** Duration in ms; 0: the fault is a single event. */
  readonly ms: number;
  begin(place: Place): void | Promise<void>;
  end?(place: Place): void | Promise<void>;
  /**
   * Seconds after its end by which the camera must be reported as reachable again; default 10, undefined: it
   * stayed reachable.
   */
  readonly seenWithin?: number | undefined;
  /** Whether a health check during the fault notices it. */
  readonly isOutage: boolean;
  /** Error codes that a health check may report during the fault; absent: any. */
  readonly codes?: readonly string[];
  /** The log-in was refused, so the lock-out after wrong passwords applies. */
  readonly isLogin?: boolean;
}

const LASTS_MS = 8000;
const SEEN_WITHIN = 10;
/** Seconds until the second attempt after a refused log-in. */
const LOGIN_WITHIN = 15;
/** Seconds until silence is noticed: the setting "silence". */
const SILENCE = 5;

const STATUSES: readonly (readonly [number, string])[] = [
  [401, 'EAUTH'],
  [403, 'EFORBIDDEN'],
  [404, 'ECHANNEL'],
  [453, 'ESESSIONS'],
  [454, 'EPROTOCOL'],
  [500, 'EPROTOCOL'],
  [503, 'ESESSIONS'],
];
/** The connection was reset before. */
const RESET = ['EUNREACHABLE', 'ECONNREFUSED'];

const soon = { seenWithin: SEEN_WITHIN, isOutage: false };
const outage = { seenWithin: SEEN_WITHIN, isOutage: true };
const never = { seenWithin: undefined, isOutage: false };

function killed(ms: number): Fault {
  return {
    ...{ name: `killed for ${ms / 1000} s`, ms, ...outage, codes: RESET },
    begin: ({ nvr }) => nvr.kill(),
    end: ({ nvr }) => nvr.back(),
  };
}

function refused([status, code]: readonly [number, string]): Fault[] {
  const codes = [code, ...RESET];
  const isLogin = status === 401;
  return [
    {
      ...{ name: `${status} once`, ms: 0, isOutage: false, isLogin, codes },
      seenWithin: isLogin ? LOGIN_WITHIN : SEEN_WITHIN,
      begin: ({ nvr }) => {
        nvr.refuse(status, { times: 1 });
        nvr.rst();
      },
    },
    {
      ...{ name: `${status} for ${LASTS_MS / 1000} s`, ms: LASTS_MS, isOutage: true, isLogin, codes },
      seenWithin: isLogin ? LOGIN_WITHIN : SEEN_WITHIN,
      begin: ({ nvr }) => {
        nvr.refuse(status, { ms: LASTS_MS });
        nvr.rst();
      },
    },
  ];
}

function lossy(percent: number): Fault {
  return {
    ...{ name: `${percent} % loss`, ms: LASTS_MS, ...soon },
    begin: ({ nvr }) => {
      nvr.loss = percent / 100;
    },
    end: ({ nvr }) => {
      nvr.loss = 0;
    },
  };
}

export const NVR_FAULTS: readonly Fault[] = [
  {
    ...{ name: 'RST', ms: 0, ...soon },
    begin: ({ nvr }) => {
      nvr.rst();
    },
  },
  {
    ...{ name: 'FIN', ms: 0, ...soon },
    begin: ({ nvr }) => {
      nvr.fin();
    },
  },
  {
    ...{ name: 'half-open', ms: 0, seenWithin: SEEN_WITHIN + SILENCE, isOutage: false },
    begin: ({ nvr }) => {
      nvr.forget();
    },
  },
  killed(LASTS_MS),
  killed(25_000),
  {
    ...{ name: 'silence', ms: LASTS_MS, ...outage },
    begin: ({ nvr }) => {
      nvr.isSilent = true;
    },
    end: ({ nvr }) => {
      nvr.isSilent = false;
    },
  },
  {
    ...{ name: '1 byte/s', ms: LASTS_MS, ...outage },
    begin: ({ nvr }) => {
      nvr.bytesPerSecond = 1;
    },
    end: ({ nvr }) => {
      nvr.bytesPerSecond = Infinity;
      nvr.rst();
    },
  },
  ...STATUSES.flatMap((status) => refused(status)),
  ...[1, 3, 5, 20].map(lossy),
  {
    ...{ name: 'new SSRC', ms: 0, ...soon },
    begin: ({ nvr }) => {
      nvr.startAnew();
    },
  },
  {
    ...{ name: 'new size', ms: 0, ...soon },
    begin: ({ nvr }) => {
      nvr.isLarge = true;
    },
  },
];

function disk(name: string, begin: (disk: SickDisk) => void, end?: (disk: SickDisk) => void): Fault {
  return {
    ...{ name: `disk ${name}`, ms: LASTS_MS, ...never },
    begin: ({ disk: sick }) => {
      begin(sick);
    },
    end: ({ disk: sick }) => {
      sick.state = 'well';
      end?.(sick);
    },
  };
}

export const DISK_FAULTS: readonly Fault[] = [
  disk('full', (sick) => (sick.state = 'full')),
  disk('read-only', (sick) => (sick.state = 'read-only')),
  disk('slow', (sick) => (sick.state = 'slow')),
  disk(
    'removed',
    (sick) => {
      sick.remove();
    },
    (sick) => {
      sick.bringBack();
    },
  ),
];

const realNow = Date.now;

function clockSet(hours: number): Fault {
  const ms = hours * 3_600_000;
  return {
    ...{ name: `clock ${hours > 0 ? '+' : ''}${hours} h`, ms: LASTS_MS, ...never },
    begin: () => {
      Date.now = () => realNow() + ms;
    },
    end: () => {
      Date.now = realNow;
    },
  };
}

/** These affect the whole process, so no two run at a time. */
export const MACHINE_FAULTS: readonly Fault[] = [
  clockSet(1),
  clockSet(-1),
  {
    ...{ name: 'loop blocked 5 s', ms: 0, ...soon },
    begin: () => {
      const until = performance.now() + 5000;
      while (performance.now() < until);
    },
  },
];
