import assert from 'node:assert/strict';
import { PacedReader } from '../../lib/client/paced-reader.js';
import type { Pipe } from '../../lib/client/transport/socket.js';

/** A frame is a byte; `handedOn` lists them. `onFrame` runs at each. */
function rig(onFrame: (frame: number) => void = () => undefined): {
  reader: PacedReader;
  handedOn: number[];
  calls: string[];
} {
  const handedOn: number[] = [];
  const calls: string[] = [];
  const pipe = {
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
  } as unknown as Pipe;
  const reader = new PacedReader({
    feed: (buffer, at, length, frames) => {
      const end = Math.min(at + frames, length);
      for (let i = at; i < end; i++) {
        handedOn.push(buffer[i]!);
        onFrame(buffer[i]!);
      }
      return end;
    },
    pipe: () => pipe,
    isOpen: () => true,
    onError: (error) => {
      throw error;
    },
  });
  return { reader, handedOn, calls };
}

const frames = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

describe('a reader of one connection', () => {
  it('hands on all that was read, in order', () => {
    const { reader, handedOn } = rig();
    reader.take(Buffer.from(frames(0, 200)), 200);
    assert.deepEqual(handedOn, frames(0, 200));
  });

  it('stops within a read when a handler pauses it, and continues with the rest', () => {
    const { reader, handedOn, calls } = rig((frame) => {
      if (frame === 5 || frame === 100) reader.pause();
    });
    const read = Buffer.from(frames(0, 200));
    reader.take(read, 200);
    assert.ok(handedOn.length < 100, `${handedOn.length} of 200 were handed on after the pause`);
    // The socket's memory serves its next read.
    read.fill(0);
    for (const frame of frames(200, 220)) reader.take(Buffer.of(frame), 1);
    assert.ok(handedOn.length < 100);
    reader.resume();
    const between = handedOn.length;
    assert.ok(between > 100 && between < 200, `${between} were handed on up to the second pause`);
    reader.resume();
    assert.deepEqual(handedOn, frames(0, 220));
    assert.equal(calls.at(-1), 'resume');
  });

  it('hands on nothing while it is paused', () => {
    const { reader, handedOn } = rig();
    reader.pause();
    reader.take(Buffer.from(frames(0, 10)), 10);
    reader.take(Buffer.from(frames(10, 20)), 10);
    assert.deepEqual(handedOn, []);
    reader.resume();
    assert.deepEqual(handedOn, frames(0, 20));
  });
});
