// The test matrix: which node meets which fault, which rows run at the same time, and how a row is printed.

import { DISK_FAULTS, MACHINE_FAULTS, NVR_FAULTS } from './faults.js';
import type { NodeKind, Outcome, Row } from './row.js';
import { play } from './stage.js';

const NODES: readonly NodeKind[] = ['record', 'playback', 'snapshot', 'health'];

const NVR_ROWS = NODES.flatMap((node) => NVR_FAULTS.map((fault): Row => ({ node, fault })));
const DISK_ROWS = DISK_FAULTS.map((fault): Row => ({ node: 'record', fault }));
const MACHINE_ROWS = MACHINE_FAULTS.map((fault) => NODES.map((node): Row => ({ node, fault })));

/** Groups that run one after the other: a fault of the whole process affects all rows of its group. */
const GROUPS = [
  { rows: [...NVR_ROWS, ...DISK_ROWS], isShared: false },
  ...MACHINE_ROWS.map((rows) => ({ rows, isShared: true })),
];

export const nameOf = ({ node, fault }: Row): string => `${node}: ${fault.name}`;

/** Runs the rows whose name matches. */
export async function playMatrix(
  fits: (name: string) => boolean,
  tell: (outcome: Outcome) => void = () => undefined,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const group of GROUPS) {
    const rows = group.rows.filter((row) => fits(nameOf(row)));
    if (rows.length > 0) outcomes.push(...(await play(rows, group.isShared, tell)));
  }
  return outcomes;
}

export function lineOf({ row, seen, recovery, coverage, problems }: Outcome): string {
  return [
    problems.length === 0 ? 'ok  ' : 'FAIL',
    nameOf(row).padEnd(28),
    (recovery === undefined ? '-' : `${recovery.toFixed(1)} s`).padStart(7),
    (coverage ?? '').padEnd(15),
    seen,
    ...problems.map((problem) => `\n       ${problem}`),
  ].join(' ');
}
