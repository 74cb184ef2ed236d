// The cells of the interop matrix (server x codec x transport x auth): each is a test, and the table finds it
// again.

import type { Test } from 'mocha';

/** HTTP: tunnelled in it; HTTPS: and that in TLS. */
export type Transport = 'TCP' | 'UDP' | 'multicast' | 'TLS' | 'HTTP' | 'HTTPS';
export type Auth = 'none' | 'Basic' | 'Digest' | 'Digest with qop' | 'Digest SHA-256';

export interface Cell {
  server: string;
  codec: string;
  transport: Transport;
  auth: Auth;
}

const cells = new WeakMap<Test, Cell>();

/** A test for one cell. */
export function itHolds(cell: Cell, judge: (cell: Cell) => Promise<void>): void {
  const login = cell.auth === 'none' ? 'without log-in' : `with ${cell.auth}`;
  const test = it(`${cell.codec} over ${cell.transport} ${login}: every byte of it`, () => judge(cell));
  cells.set(test, cell);
}

export function cellOf(test: Test): Cell | undefined {
  return cells.get(test);
}
