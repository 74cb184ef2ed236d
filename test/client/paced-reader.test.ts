import assert from 'node:assert/strict';
import sinon from 'sinon';
import { PacedReader } from '../../lib/client/paced-reader.js';
import type { ReadPace } from '../../lib/client/read-pace.js';
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
  let clock: sinon.SinonFakeTimers;

  // How long handling a frame takes does not depend on the machine.
  beforeEach(() => {
    clock = sinon.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'],
    });
  });

  afterEach(() => {
    clock.restore();
    sinon.restore();
  });

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

  it('stops the connection each time it is paused, so that no more is read than was on its way', () => {
    const { reader, calls } = rig();
    for (let round = 1; round <= 2; round++) {
      reader.pause();
      assert.deepEqual(calls.splice(0), ['pause']);
      reader.resume();
      assert.deepEqual(calls.splice(0), ['resume']);
    }
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

  describe('with a pace', () => {
    let reader: PacedReader;
    /** What the pace says after each slice, then undefined. */
    let waits: (number | undefined)[];
    let charged: { begun: number; ended: number; cpu: number | undefined }[];
    let pace: { isLimited: boolean; afterRead: unknown };
    let handedOn: number[];
    let calls: string[];
    let slices: number[];
    let onFrame: (frame: number) => void;
    let isOpen: boolean;
    let slow: number;
    let reads: number;
    let errors: string[];

    beforeEach(() => {
      let cpuMs = 0;
      sinon.stub(process, 'cpuUsage').callsFake(() => ({ user: (cpuMs += 2) * 500, system: cpuMs * 500 }));
      waits = [];
      charged = [];
      handedOn = [];
      calls = [];
      slices = [];
      errors = [];
      onFrame = () => undefined;
      isOpen = true;
      slow = reads = 0;
      pace = {
        isLimited: true,
        afterRead: (begun: number, ended: number, cpu?: number) => {
          charged.push({ begun, ended, cpu });
          return waits.shift();
        },
      };
      reader = new PacedReader({
        pace: pace as unknown as ReadPace,
        feed: (buffer, at, length, most) => {
          slices.push(most);
          const end = Math.min(at + most, length);
          for (let i = at; i < end && isOpen; i++) {
            handedOn.push(buffer[i]!);
            onFrame(buffer[i]!);
          }
          return end;
        },
        pipe: () =>
          ({ pause: () => calls.push('pause'), resume: () => calls.push('resume') }) as unknown as Pipe,
        isOpen: () => isOpen,
        onRead: () => reads++,
        onSlow: () => slow++,
        onError: ({ code }) => errors.push(code),
      });
    });

    /** The socket reads these frames into memory that it uses again. */
    function take(from: number, to: number): void {
      const buffer = Buffer.from(frames(from, to));
      reader.take(buffer, buffer.length);
      buffer.fill(0xee);
    }

    it('pauses the connection for as long as the pace says, keeps what comes meanwhile, and goes on by itself', () => {
      waits = [50, undefined, 70];
      take(0, 100);
      take(100, 110);
      assert.deepEqual(calls, ['pause']);
      clock.tick(49);
      assert.deepEqual(handedOn, frames(0, 32));
      clock.tick(1);
      assert.deepEqual(handedOn, frames(0, 96));
      assert.deepEqual(calls, ['pause', 'pause']);
      clock.tick(69);
      assert.equal(handedOn.length, 96);
      clock.tick(1);
      assert.deepEqual(handedOn, frames(0, 110));
      assert.deepEqual(calls, ['pause', 'pause', 'resume']);
      assert.equal(clock.countTimers(), 0);
    });

    it('says once that the sender is too fast, and never so of a turn that the loop gets', () => {
      waits = [0, 0];
      take(0, 90);
      clock.tick(1);
      assert.equal(handedOn.length, 90);
      assert.equal(slow, 0);
      for (let pause = 0; pause < 3; pause++) {
        waits = [50];
        take(0, 40);
        clock.tick(50);
        assert.equal(slow, 1);
      }
    });

    it('goes on in the next turn where the loop only gets one', () => {
      waits = [0];
      take(0, 40);
      assert.equal(handedOn.length, 32);
      clock.next();
      assert.equal(handedOn.length, 40);
      assert.deepEqual(calls, ['pause', 'resume']);
    });

    it('passes the rest of a read on in the next turn where a handler asks for that, and of that read alone', () => {
      onFrame = (frame) => {
        if (frame === 40) reader.yieldTurn();
      };
      take(0, 120);
      assert.equal(handedOn.length, 64);
      clock.next();
      assert.equal(handedOn.length, 120);
      calls = [];
      take(0, 41);
      take(41, 200);
      assert.equal(handedOn.length, 320);
      assert.deepEqual(calls, [], 'nothing was left to pass on');
    });

    for (const wait of [50, 0])
      it(`drops what it kept once it is stopped, though it was to go on ${wait === 0 ? 'in the next turn' : 'later'}`, () => {
        waits = [wait];
        take(0, 40);
        reader.stop();
        assert.equal(clock.countTimers(), 0);
        clock.tick(1000);
        assert.equal(handedOn.length, 32);
        // What comes now is read from another connection.
        waits = [wait];
        take(100, 140);
        clock.tick(1000);
        assert.deepEqual(handedOn, [...frames(0, 32), ...frames(100, 140)]);
      });

    it('waits for both, the user and the pace, whichever is first', () => {
      waits = [50];
      take(0, 40);
      reader.pause();
      clock.tick(50);
      assert.equal(handedOn.length, 32);
      reader.resume();
      assert.equal(handedOn.length, 40);
      waits = [50];
      take(0, 40);
      reader.pause();
      reader.resume();
      assert.equal(handedOn.length, 72, 'resumed within the pace’s pause');
      clock.tick(50);
      assert.equal(handedOn.length, 80);
      assert.equal(calls.at(-1), 'resume');
    });

    it('does not resume the connection that a handler paused among the bytes that were kept', () => {
      waits = [50];
      onFrame = (frame) => {
        if (frame === 39) reader.pause();
      };
      take(0, 40);
      clock.tick(50);
      assert.equal(handedOn.length, 40);
      assert.equal(calls.at(-1), 'pause');
    });

    it('keeps one timer where TLS brings more while reading is paused', () => {
      waits = [50, 80];
      take(0, 32);
      take(32, 64);
      assert.equal(clock.countTimers(), 1);
      clock.tick(50);
      assert.deepEqual(
        { handedOn: handedOn.length, lastCall: calls.at(-1), timers: clock.countTimers() },
        { handedOn: 64, lastCall: 'resume', timers: 0 },
      );
    });

    it('hands on nothing more of a read once the connection is closed, and does not read on', () => {
      onFrame = (frame) => {
        if (frame === 40) isOpen = false;
      };
      take(0, 200);
      assert.equal(handedOn.length, 41);
      assert.equal(slices.length, 2);
      assert.deepEqual(calls, []);
      isOpen = true;
      waits = [50];
      take(0, 40);
      isOpen = false;
      calls = [];
      clock.tick(50);
      assert.equal(handedOn.length, 73);
      assert.deepEqual(calls, []);
    });

    it('reports what a handler throws among the bytes that were kept, which no read is there to hear', () => {
      waits = [50];
      onFrame = (frame) => {
        if (frame === 35) throw new Error('no');
      };
      take(0, 40);
      calls = [];
      clock.tick(50);
      assert.deepEqual(errors, ['EPROTOCOL']);
      assert.deepEqual(calls, []);
    });

    it('takes fewer frames between two looks at the clock where they take long, down to one, and more again', () => {
      let left = 0;
      onFrame = () => {
        if (left-- > 0) clock.tick(5);
      };
      left = 32 + 8 + 2 + 1;
      take(0, 200);
      assert.deepEqual(slices, [32, 8, 2, 1, 1, 2, 4, 8, 16, 32, 32, 32, 32]);
    });

    it('charges each slice with its own time, and from the first long one on with the time that the process worked', () => {
      onFrame = (frame) => {
        if (frame % 32 === 0) clock.tick(3);
      };
      take(0, 96);
      assert.deepEqual(charged, [
        { begun: 0, ended: 3, cpu: undefined },
        { begun: 3, ended: 6, cpu: 2 },
        { begun: 6, ended: 9, cpu: 2 },
      ]);
      assert.equal(reader.readAt, 0, 'all came in one read');
      clock.tick(100);
      take(0, 1);
      assert.equal(reader.readAt, 109);
    });

    it('asks for the CPU time, which costs more than a packet, for a second after a slice of a millisecond alone', () => {
      const asked = (): number => (process.cpuUsage as sinon.SinonStub).callCount;
      take(0, 64);
      assert.equal(asked(), 0, 'two short slices');
      onFrame = () => {
        clock.tick(1);
        onFrame = () => undefined;
      };
      take(0, 32);
      assert.equal(asked(), 1, 'a long one: at its end, for the next');
      clock.tick(999);
      take(0, 32);
      assert.equal(asked(), 3, 'a short one within the second: as it begins and ends');
      clock.tick(1);
      take(0, 32);
      assert.equal(asked(), 3, 'a second later');
      assert.deepEqual(
        charged.map(({ cpu }) => cpu),
        [undefined, undefined, undefined, 2, undefined],
      );
    });

    it('asks for a long slice after another again, and never where reading is unlimited', () => {
      const asked = (): number => (process.cpuUsage as sinon.SinonStub).callCount;
      onFrame = () => clock.tick(1);
      take(0, 1);
      clock.tick(999);
      take(0, 1);
      clock.tick(998);
      take(0, 1);
      assert.equal(asked(), 5, 'each long slice begins another second');
      clock.tick(1_000);
      pace.isLimited = false;
      take(0, 32);
      take(0, 32);
      assert.equal(asked(), 5);
    });

    it('tells the end of each read, of what was kept too', () => {
      waits = [50];
      take(0, 40);
      assert.equal(reads, 1);
      clock.tick(50);
      assert.equal(reads, 2);
    });
  });
});
