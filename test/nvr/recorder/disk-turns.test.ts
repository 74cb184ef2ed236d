import assert from 'node:assert/strict';
import { DiskTurns } from '../../../lib/nvr/recorder/disk-turns.js';

describe('the turns at a disk', () => {
  /** Writes that end when the test says so. */
  function disk() {
    const turns = new DiskTurns();
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const write = (name: string, order: number): Promise<void> =>
      turns.run(order, () => {
        begun.push(name);
        return new Promise((resolve) => ends.set(name, resolve));
      });
    const end = async (name: string): Promise<void> => {
      ends.get(name)!();
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { turns, begun, write, end };
  }

  it('are had by the recording that began first, however late it asks', async () => {
    const { begun, write, end } = disk();
    for (const [name, order] of [
      ['a', 9],
      ['b', 9],
      ['c', 9],
      ['late', 7],
      ['later', 8],
      ['first', 1],
      ['second', 1],
    ] as const)
      void write(name, order);
    assert.deepEqual(begun, ['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c', 'first', 'second']) await end(name);
    assert.deepEqual(begun, ['a', 'b', 'c', 'first', 'second', 'late', 'later']);
  });

  it('go on after a write that failed, and count it', async () => {
    const { turns, begun, write } = disk();
    const refused = [1, 2, 3].map((order) => turns.run(order, () => Promise.reject(new Error('full'))));
    void write('next', 4);
    for (const one of refused) await assert.rejects(one, /full/);
    assert.deepEqual({ begun, progress: turns.progress }, { begun: ['next'], progress: 3 });
  });
});
