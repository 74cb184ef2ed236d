import assert from 'node:assert/strict';
import { FanOut } from '../../../lib/nvr/view/fan-out.js';

describe('records for many pages', () => {
  let now: number;
  let tasks: (() => void)[];
  let fanOut: FanOut;
  let written: string[];

  beforeEach(() => {
    now = 0;
    tasks = [];
    written = [];
    fanOut = new FanOut(
      () => now,
      (task) => tasks.push(task),
    );
  });

  /** A page each of whose writes takes so many ms. */
  const page = (
    name: string,
    costMs: number,
  ): ((text: string, sent?: () => void) => void) & { close(): void } => {
    const sink = fanOut.share({
      write: (bytes, sent) => {
        now += costMs;
        written.push(name + bytes.toString());
        sent();
      },
      destroy: () => written.push(`${name} closed`),
    });
    return Object.assign(
      (text: string, sent = (): void => undefined) => {
        sink.write(Buffer.from(text), sent);
      },
      {
        close: () => {
          sink.destroy();
        },
      },
    );
  };

  /** Runs the next turn of the event loop; answers how many ms of it were taken. */
  const turn = (): number => {
    const before = now;
    for (const task of tasks.splice(0)) task();
    return now - before;
  };

  it('are written at once while they take little time', () => {
    const [a, b] = [page('a', 0.1), page('b', 0.1)];
    a('1');
    b('1');
    a('2');
    assert.deepEqual(written, ['a1', 'b1', 'a2']);
  });

  it('never take more than 5 ms of a turn, though a thousand pages of 0.05 ms each get one', () => {
    const pages = Array.from({ length: 1000 }, (_, index) => page(`${index}:`, 0.05));
    for (const write of pages) write('x');
    assert.ok(now < 5, `the first turn took ${now} ms`);
    let turns = 0;
    while (written.length < pages.length && turns++ < 1000) {
      const took = turn();
      assert.ok(took < 5, `a turn took ${took} ms`);
    }
    assert.deepEqual(
      written,
      pages.map((_, index) => `${index}:x`),
    );
    assert.ok(turns > 5, 'the other work had its turns in between');
  });

  it('do not add up over the turns: what a turn took is forgotten in the next', () => {
    const write = page('a', 1.5);
    for (const text of ['1', '2', '3', '4']) write(text);
    assert.deepEqual(written, ['a1', 'a2']);
    turn();
    assert.deepEqual(written, ['a1', 'a2', 'a3', 'a4']);
    now += 10;
    write('5');
    assert.deepEqual(written.at(-1), 'a5', 'is written at once');
  });

  it('wait once 2 ms of a window or of a turn are spent to the last, and not before', () => {
    const [a, b] = [page('a', 2), page('b', 1)];
    for (const text of ['1', '2', '3', '4']) b(text);
    assert.deepEqual(written.splice(0), ['b1', 'b2']);
    a('1');
    turn();
    assert.deepEqual(written.splice(0), ['b3', 'b4']);
    b('5');
    turn();
    assert.deepEqual(written.splice(0), ['a1']);
    turn();
    assert.deepEqual(written.splice(0), ['b5']);
    now += 10;
    for (const text of ['3', '4']) a(text);
    assert.deepEqual(written, ['a3']);
  });

  it('have a new window 10 ms after the last one began, and none sooner', () => {
    const a = page('a', 2);
    now = 100;
    a('1');
    now = 109;
    a('2');
    assert.deepEqual(written.splice(0), ['a1']);
    turn();
    assert.deepEqual(written.splice(0), ['a2']);
    now = 119;
    a('3');
    assert.deepEqual(written, ['a3'], 'the turn began one');
  });

  it('keep their order where one write causes another, which goes behind those that wait', () => {
    const [a, b] = [page('a', 3), page('b', 0)];
    a('1');
    a('2', () => {
      a('3');
    });
    b('1');
    while (tasks.length > 0) turn();
    assert.deepEqual(written, ['a1', 'a2', 'b1', 'a3']);
  });

  it('are not written to a page that was closed meanwhile, and reach the others', () => {
    const [a, b] = [page('a', 3), page('b', 0)];
    a('1');
    a('2');
    b('1');
    a.close();
    while (tasks.length > 0) turn();
    assert.deepEqual(written, ['a1', 'a closed', 'b1']);
  });

  it('reach the other pages though one page’s write throws', () => {
    const bad = fanOut.share({
      write: () => {
        now += 3;
        throw new Error('not to be written to');
      },
      destroy: () => undefined,
    });
    const b = page('b', 0);
    assert.throws(() => {
      bad.write(Buffer.from('1'), () => undefined);
    });
    b('1');
    while (tasks.length > 0) turn();
    assert.deepEqual(written, ['b1']);
  });

  it('ask for one turn at a time, and for none while nothing waits', () => {
    const write = page('a', 0.5);
    for (let index = 0; index < 4; index++) write(String(index));
    assert.equal(tasks.length, 0);
    for (let index = 0; index < 10; index++) write(String(index));
    assert.equal(tasks.length, 1);
    while (tasks.length > 0) turn();
    assert.equal(written.length, 14);
  });

  it('are not written in the middle of another write, though there is time and nothing waits', () => {
    const b = page('b', 0);
    const a = fanOut.share({
      write: (bytes) => {
        b('1');
        written.push(`a${bytes.toString()}`);
      },
      destroy: () => undefined,
    });
    a.write(Buffer.from('1'), () => undefined);
    assert.deepEqual(written, ['a1']);
    turn();
    assert.deepEqual(written, ['a1', 'b1']);
  });

  it('are all written, even if a turn leaves a single one over', () => {
    const write = page('a', 3);
    for (const text of ['1', '2', '3', '4']) write(text);
    for (const last of ['a2', 'a3', 'a4']) {
      assert.equal(tasks.length, 1, `a turn for ${last}`);
      turn();
      assert.equal(written.at(-1), last);
    }
    assert.equal(tasks.length, 0);
  });
});
