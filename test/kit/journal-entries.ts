// The entries of a recorder's journal, as far as a test is not about them.

import type { CaseEntry, ClipReport, DoneEntry, OpenEntry } from '../../lib/nvr/recorder/journal.js';

export const REPORT = {
  ...{ start: 1000, end: 2000, alarms: [], gaps: [], damagedSpans: [] },
} as unknown as ClipReport;

export const done = (file: string, more: Partial<DoneEntry> = {}): DoneEntry => ({
  ...{ file, end: 2000, bytes: 7 },
  ...more,
});

export const opened = (file: string, more: Partial<OpenEntry> = {}): OpenEntry => ({
  ...{ file, start: 1000, reason: 'door', codec: 'h264', width: 640, height: 360 },
  ...more,
});

export const alarm = (id: string, more: Partial<CaseEntry> = {}): CaseEntry => ({
  ...{ id, reason: 'door', from: 1000, to: 2000, alarms: [{ time: 1500, reason: 'door' }] },
  ...more,
});

export const names = (list: Iterable<{ file: string }>): string[] => [...list].map(({ file }) => file);
