import assert from 'node:assert/strict';
import sinon from 'sinon';
import { openSession } from '../../lib/client/open-session.js';
import { UnitQueue, UnitReaders } from '../../lib/client/unit-queue.js';
import { unitCost } from '../../lib/codec/unit-cost.js';
import type { MediaUnit } from '../../lib/codec/unit.js';
import { buildBye } from '../../lib/rtp/rtcp.js';
import { interleaved, keyframePackets, startScriptedServer } from '../kit/scripted-server.js';

const unit = (rtpTime: number, keyframe = false, bytes = 1): MediaUnit =>
  ({ kind: 'video', keyframe, rtpTime, data: Buffer.alloc(bytes), nals: [] }) as unknown as MediaUnit;

async function read(queue: UnitQueue): Promise<number[]> {
  const times: number[] = [];
  for await (const { rtpTime } of queue) times.push(rtpTime);
  return times;
}

describe('units to be read one by one', () => {
  it('come in order, whether queued or awaited, and end with the session', async () => {
    const queue = new UnitQueue();
    queue.push(unit(1, true));
    queue.push(unit(2));
    const reading = read(queue);
    await new Promise((resolve) => setImmediate(resolve));
    queue.push(unit(3));
    queue.end();
    queue.push(unit(4));
    assert.deepEqual(await reading, [1, 2, 3]);
  });

  it('are dropped past the bound up to the next keyframe, each time with their number', async () => {
    const drops: number[] = [];
    const queue = new UnitQueue().bound({ maxUnits: 2, onDrop: (count) => drops.push(count) });
    for (const [time, keyframe] of [
      [1, true],
      [2, false],
      [3, false],
    ] as const)
      queue.push(unit(time, keyframe));
    assert.equal((await queue.next()).value?.rtpTime, 1);
    queue.push(unit(4));
    queue.push(unit(5, true));
    assert.deepEqual(drops, [2]);
    queue.push(unit(6));
    assert.equal((await queue.next()).value?.rtpTime, 2);
    queue.push(unit(7));
    queue.push(unit(8, true));
    queue.push(unit(9));
    queue.end();
    assert.deepEqual(await read(queue), [5, 8]);
    assert.deepEqual(drops, [2, 2, 1]);
  });

  it('are bounded in memory as well', async () => {
    const queue = new UnitQueue().bound({ maxBytes: 10_000 });
    for (let time = 1; time <= 3; time++) queue.push(unit(time, true, 4_000));
    queue.end();
    assert.deepEqual(await read(queue), [1, 2]);
  });

  it('cost more than their data alone, so that many tiny ones are bounded as well, each time anew', async () => {
    const cost = unitCost(unit(1));
    const queue = new UnitQueue().bound({ maxBytes: 3 * cost });
    for (let round = 1; round <= 3; round++) {
      for (let time = 1; time <= 5; time++) queue.push(unit(time, true));
      for (const time of [1, 2, 3]) assert.equal((await queue.next()).value?.rtpTime, time);
      const next = queue.next();
      queue.push(unit(9, true));
      assert.equal((await next).value?.rtpTime, 9, `no more than three waited in round ${round}`);
    }
    queue.end();
  });

  it('may use the bound to its last byte, and no more', async () => {
    const cost = unitCost(unit(1));
    for (const [maxBytes, expected] of [
      [2 * cost, [1, 2]],
      [2 * cost - 1, [1]],
      [cost, [1]],
      [cost - 1, []],
    ] as const) {
      const queue = new UnitQueue().bound({ maxBytes });
      for (let time = 1; time <= 3; time++) queue.push(unit(time, true));
      queue.end();
      assert.deepEqual(await read(queue), expected, `${maxBytes} bytes`);
    }
  });

  it('make room for others as they are read', async () => {
    const queue = new UnitQueue().bound({ maxBytes: 10_000, onDrop: () => assert.fail('dropped') });
    for (let time = 1; time <= 10; time++) {
      queue.push(unit(time, true, 4_000));
      assert.equal((await queue.next()).value?.rtpTime, time);
    }
    queue.end();
  });

  it('are kept no longer once their reader has left', async () => {
    let left = 0;
    const queue = new UnitQueue(() => left++);
    queue.push(unit(1, true));
    queue.push(unit(2));
    for await (const { rtpTime } of queue) {
      assert.equal(rtpTime, 1);
      break;
    }
    assert.equal(left, 1);
    assert.deepEqual(await queue.next(), { done: true, value: undefined });
  });

  it('are a session’s from its first one on, to its end, which "closed" tells', async () => {
    const frames = [...keyframePackets(1, 0), ...keyframePackets(4, 3000)].map((packet) =>
      interleaved(0, packet),
    );
    const media = Buffer.concat([...frames, interleaved(1, buildBye(0x1234))]);
    const server = await startScriptedServer(({ method }) =>
      method === 'PLAY' ? { after: media, headers: { Session: 'S1' } } : undefined,
    );
    const session = await openSession(`rtsp://127.0.0.1:${server.port}/live`);
    const keyframes: boolean[] = [];
    for await (const one of session.units()) keyframes.push(one.kind === 'video' && one.keyframe);
    assert.deepEqual(keyframes, [true, true]);
    assert.equal((await session.closed)?.reason, 'bye');
    assert.deepEqual(await session.units().next(), { done: true, value: undefined });
    await server.close();
  });

  it('are 512 at most where nothing is said, and 32 MiB', async () => {
    for (const [bytes, kept] of [
      [1, 512],
      [1024 * 1024, 31],
    ] as const) {
      // One memory for all: only the sizes count.
      const data = Buffer.alloc(bytes);
      const queue = new UnitQueue();
      for (let time = 1; time <= 600; time++) queue.push({ ...unit(time, true), data });
      queue.end();
      assert.equal((await read(queue)).length, kept);
    }
  });

  it('come to those who wait in the order in which they asked', async () => {
    const queue = new UnitQueue();
    const waiting = [queue.next(), queue.next()];
    queue.push(unit(1, true));
    queue.push(unit(2));
    const times = (await Promise.all(waiting)).map(({ value }) => value?.rtpTime);
    assert.deepEqual(times, [1, 2]);
  });

  it('end for everyone who waits for one', async () => {
    const queue = new UnitQueue();
    const waiting = [queue.next(), queue.next(), queue.next()];
    queue.end();
    for (const result of await Promise.all(waiting)) assert.equal(result.done, true);
  });

  it('are told as dropped once, at the end of the session or never to a reader that left', async () => {
    for (const leaves of [true, false]) {
      const drops: number[] = [];
      const queue = new UnitQueue().bound({ maxUnits: 1, onDrop: (count) => drops.push(count) });
      for (let time = 1; time <= 3; time++) queue.push(unit(time));
      if (leaves) await queue.return();
      queue.end();
      queue.end();
      assert.deepEqual(drops, leaves ? [] : [2]);
    }
  });

  describe('by several readers', () => {
    it('are kept for the first one alone, and come to each from then on, until it leaves', async () => {
      const readers = new UnitReaders(true);
      readers.push(unit(1, true));
      const first = readers.add({});
      const second = readers.add({});
      readers.push(unit(2));
      await second.return();
      readers.push(unit(3));
      readers.end();
      assert.deepEqual(await read(first), [1, 2, 3]);
      assert.deepEqual(await read(second), []);
    });

    it('are not kept where the session has a receiver already', async () => {
      const readers = new UnitReaders(false);
      readers.push(unit(1, true));
      const reader = readers.add({});
      readers.push(unit(2, true));
      readers.end();
      assert.deepEqual(await read(reader), [2]);
    });

    it('are not queued any more for one that has left', async () => {
      const readers = new UnitReaders(false);
      const gone = readers.add({});
      const push = sinon.spy(gone, 'push');
      await gone.return();
      readers.push(unit(1, true));
      assert.equal(push.callCount, 0);
    });
  });
});
