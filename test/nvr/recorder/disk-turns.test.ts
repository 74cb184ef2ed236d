import assert from 'node:assert/strict';
import { DiskTurns, nextOrder, turnsOf } from '../../../lib/nvr/recorder/disk-turns.js';

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

  it('are three at a time, also behind those that waited', async () => {
    const { begun, write, end } = disk();
    for (const name of ['a', 'b', 'c', 'd', 'e']) void write(name, 1);
    await end('a');
    await end('b');
    assert.deepEqual(begun, ['a', 'b', 'c', 'd', 'e']);
    void write('f', 1);
    assert.equal(begun.length, 5, 'three are under way');
    await end('c');
    assert.equal(begun.at(-1), 'f');
    for (const name of ['d', 'e', 'f']) await end(name);
    for (const name of ['g', 'h', 'i', 'j']) void write(name, 1);
    assert.deepEqual(begun.slice(6), ['g', 'h', 'i']);
  });

  it('are those of a folder for as long as no more than a thousand are known', () => {
    const probe = turnsOf('/probe');
    // Up to the one that makes all others forgotten: those of other tests may be known, too.
    for (let index = 0; index <= 1000 && turnsOf('/probe') === probe; index++) turnsOf(`/fill/${index}`);
    const made = Array.from({ length: 998 }, (_, index) => turnsOf(`/kept/${index}`));
    const lost = made.filter((one, index) => turnsOf(`/kept/${index}`) !== one);
    assert.equal(lost.length, 0);
    turnsOf('/one-more');
    assert.notEqual(turnsOf('/kept/0'), made[0]);
  });

  it('are one for each folder, and a later recording has a higher number', () => {
    const first = turnsOf('/turns/0');
    assert.equal(turnsOf('/turns/0'), first);
    assert.notEqual(turnsOf('/turns/1'), first);
    for (let index = 2; index <= 1000; index++) turnsOf(`/turns/${index}`);
    assert.notEqual(turnsOf('/turns/0'), first, 'a thousand folders are remembered at most');
    const order = nextOrder();
    assert.equal(nextOrder(), order + 1);
  });
});
