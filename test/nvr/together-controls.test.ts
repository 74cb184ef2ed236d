import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import { MemoryBudget } from '../../lib/nvr/memory-budget.js';
import type { PlaybackRun } from '../../lib/nvr/playback/run.js';
import type { PlaybackHandlers, PlaybackRequest } from '../../lib/nvr/playback/run-types.js';
import { PlaybackTogether } from '../../lib/nvr/playback/together.js';
import { videoUnit } from '../kit/fake-hub.js';

const FROM = Date.UTC(2026, 10, 23, 12, 0, 0);
const TO = FROM + 60_000;

/** A run that the test plays. */
class Read {
  state = 'playing';
  reached: number;
  readonly calls: string[] = [];
  /** What its end waits for. */
  teardown: Promise<void> = Promise.resolve();

  constructor(
    readonly request: PlaybackRequest,
    readonly handlers: PlaybackHandlers,
  ) {
    this.reached = request.from;
  }

  pause(): void {
    this.calls.push('pause');
    this.handlers.onPaused?.(this.reached);
  }

  resume(): void {
    this.calls.push('resume');
  }

  seek(from: number): void {
    this.calls.push(`seek ${from - FROM}`);
  }

  hold(): void {
    this.calls.push('hold');
  }

  letGo(): void {
    this.calls.push('letGo');
  }

  stop(): Promise<void> {
    this.calls.push('stop');
    if (this.state !== 'ended') this.end('stopped');
    return this.teardown;
  }

  end(reason: 'stopped' | 'reached' | 'error', error?: NvrError, missingMs = 0): void {
    this.state = 'ended';
    this.handlers.onEnd(reason, error, missingMs);
  }

  /** Pictures of so many ms, 100 ms apart. */
  send(from: number, ms: number): void {
    for (let at = from; at < from + ms; at += 100) this.one(at);
  }

  one(at: number, repeated = false): void {
    this.reached = Math.max(this.reached, FROM + at);
    const unit: VideoUnit = { ...videoUnit(), time: FROM + at };
    this.handlers.onUnit({ unit, repeated });
  }
}

describe('recordings in step, as one', () => {
  let clock: sinon.SinonFakeTimers;
  let together: PlaybackTogether;
  let reads: Read[];
  /** What was told of both: the channel, and the time in ms or a word. */
  let told: string[];
  let onShown: (() => void) | undefined;
  let budget: MemoryBudget;

  const start = (mostRuns = 4): PlaybackTogether => {
    const play = (request: PlaybackRequest, handlers: PlaybackHandlers): PlaybackRun => {
      if (reads.length >= mostRuns) throw new NvrError('EBUSY', 'Too many.');
      const read = new Read(request, handlers);
      reads.push(read);
      return read as unknown as PlaybackRun;
    };
    const span = { run: 'both', stream: 'main', group: 0, speed: 1, from: FROM, to: TO };
    return new PlaybackTogether(
      [1, 2].map((channel) => ({ ...span, channel })),
      play,
      ({ channel }) => ({
        onUnit: ({ unit }) => {
          told.push(`${channel} ${unit.time - FROM}`);
          onShown?.();
        },
        onPaused: (at) => told.push(`${channel} paused ${at - FROM}`),
        onWarning: ({ code }) => told.push(`${channel} ${code}`),
        onEnd: (reason, error, missingMs) =>
          told.push(
            `${channel} ${[reason, error?.code, missingMs].filter((word) => word !== undefined).join(' ')}`,
          ),
      }),
      () => budget.camera(),
    );
  };

  beforeEach(() => {
    clock = sinon.useFakeTimers({ now: TO + 3_600_000 });
    [reads, told, onShown] = [[], [], undefined];
    budget = new MemoryBudget({ bytes: 1e9 });
    together = start();
  });

  afterEach(async () => {
    await together.stop();
    clock.restore();
  });

  const both = (use: (read: Read) => void): void => {
    for (const read of reads) use(read);
  };
  /** Both have sent two seconds, and half a second of it was shown. */
  const half = (): void => {
    both((read) => {
      read.send(0, 2000);
    });
    clock.tick(500);
    told = [];
  };

  it('are each read as fast as their servers send', () => {
    assert.deepEqual(
      reads.map(({ request: { channel, speed, from } }) => [channel, speed, from]),
      [
        [1, 0, FROM],
        [2, 0, FROM],
      ],
    );
  });

  it('are none at all where there are too many, and tell nothing then', () => {
    reads = [];
    assert.throws(() => start(1), { code: 'EBUSY' });
    assert.deepEqual(
      { reads: reads.length, state: reads[0]!.state, timers: clock.countTimers() },
      { reads: 1, state: 'ended', timers: 0 },
    );
  });

  it('are opening while one of them is, paused where they were paused, and over with the last', () => {
    reads[0]!.state = 'opening';
    assert.equal(together.state, 'opening');
    reads[0]!.state = 'playing';
    assert.equal(together.state, 'playing');
    together.pause();
    assert.equal(together.state, 'paused');
    together.resume();
    assert.equal(together.state, 'playing');
    reads[0]!.end('reached');
    assert.equal(together.state, 'playing');
    reads[1]!.end('reached');
    assert.equal(together.state, 'ended');
    assert.equal(together.reached, FROM);
  });

  it('have reached what is shown, and never what no one has sent', () => {
    assert.equal(together.reached, FROM);
    half();
    assert.equal(together.reached, FROM + 500);
    reads[0]!.send(2000, 500);
    clock.tick(10_000);
    assert.ok(together.reached <= FROM + 2400, `${together.reached - FROM}`);
  });

  it('stand at what is shown where they are paused, and are read no further', () => {
    half();
    together.pause();
    assert.deepEqual(told, ['1 paused 500', '2 paused 500']);
    both((read) => {
      assert.deepEqual(
        read.calls.splice(0).filter((call) => call !== 'letGo'),
        ['pause'],
      );
    });
    clock.tick(60_000);
    assert.equal(told.length, 2);
    together.resume();
    clock.tick(200);
    assert.deepEqual(told.slice(2), ['1 600', '2 600', '1 700', '2 700']);
    assert.ok(reads.every(({ calls }) => calls.includes('resume')));
  });

  it('tell nothing of a pause for one that is over', () => {
    reads[1]!.end('reached');
    told = [];
    together.pause();
    assert.deepEqual(told, ['1 paused 0']);
  });

  it('tell of a pause for one that has been read to its end, and is not shown to it yet', () => {
    half();
    reads[1]!.end('reached');
    together.pause();
    assert.deepEqual(told, ['1 paused 500', '2 paused 500']);
    assert.equal(together.state, 'paused');
  });

  it('stand while their receiver asks for that, also over a pause and a seek, and go on once both are over', () => {
    half();
    together.hold();
    assert.deepEqual(told, []);
    together.pause();
    together.resume();
    clock.tick(60_000);
    const units = (): string[] => told.filter((word) => /^\d \d+$/.test(word));
    assert.deepEqual(units(), []);
    together.letGo();
    clock.tick(100);
    assert.deepEqual(units(), ['1 600', '2 600']);
    together.hold();
    together.pause();
    together.letGo();
    clock.tick(1000);
    assert.equal(units().length, 2);
    together.resume();
    clock.tick(100);
    assert.equal(units().length, 4);
    together.letGo();
    together.hold();
    together.seek(FROM + 5000);
    both((read) => {
      read.send(5000, 1000);
    });
    clock.tick(1000);
    assert.equal(units().length, 4);
    together.letGo();
    together.letGo();
    assert.deepEqual(units().slice(4), ['1 5000', '2 5000']);
  });

  it('are not let go by a receiver that had not asked to wait', () => {
    half();
    together.pause();
    together.letGo();
    clock.tick(1000);
    assert.deepEqual(told, ['1 paused 500', '2 paused 500']);
  });

  it('seek as one, out of a pause too: what waited is not shown, and the clock is at the new time', () => {
    half();
    together.pause();
    together.seek(FROM + 5000);
    assert.equal(together.state, 'playing');
    both((read) => {
      assert.ok(read.calls.includes('seek 5000'));
      assert.deepEqual(
        read.calls.filter((call) => call === 'resume'),
        [],
      );
      read.send(5000, 1000);
    });
    assert.deepEqual(told.slice(2), ['1 5000', '2 5000']);
  });

  it('ask for one anew that was read to its end and is still shown, not for one that is over', async () => {
    reads[1]!.end('reached');
    reads[0]!.send(0, 1000);
    reads[0]!.end('reached');
    clock.tick(300);
    told = [];
    together.seek(FROM + 5000);
    assert.deepEqual(
      reads.map(({ request: { channel, from } }) => [channel, from - FROM]),
      [
        [1, 0],
        [2, 0],
        [1, 5000],
      ],
    );
    reads[2]!.send(5000, 1000);
    clock.tick(10_000);
    assert.ok(told.includes('1 5900') && together.state === 'playing', told.join());
    together.pause();
    assert.ok(reads[2]!.calls.includes('pause') && !reads[0]!.calls.includes('pause'));
    await together.stop();
    assert.ok(reads[2]!.calls.includes('stop'));
  });

  it('show nothing twice, and tell each end behind its last picture, as it was', () => {
    const [first, second] = reads as [Read, Read];
    first.send(0, 1000);
    first.one(500, true);
    first.end('error', new NvrError('EUNREACHABLE', 'Gone.'), 700);
    second.send(0, 2000);
    clock.tick(899);
    assert.ok(!told.some((word) => word.includes('error')));
    clock.tick(1);
    assert.equal(told.filter((word) => word === '1 500').length, 1);
    assert.ok(told.includes('1 error EUNREACHABLE 700'));
  });

  it('pass on what a server warns of, but for a speed that it need not grant', () => {
    reads[0]!.handlers.onWarning!(new NvrError('EUNSUPPORTED', 'At speed 1.'));
    reads[1]!.handlers.onWarning!(new NvrError('EAUTH', 'In clear.'));
    assert.deepEqual(told, ['2 EAUTH']);
  });

  it('make a server wait, and let it go on, each its own', () => {
    budget.bytes = 20_000;
    reads[1]!.send(0, 10_000);
    assert.ok(reads[1]!.calls.includes('hold') && !reads[0]!.calls.includes('hold'));
    assert.ok(budget.used > 10_000);
    budget.bytes = 1e9;
    reads[1]!.calls.splice(0);
    reads[0]!.send(0, 1000);
    clock.tick(500);
    assert.ok(reads[1]!.calls.includes('letGo'));
  });

  it('end as stopped, at once and each once, also what was read to its end; resolve when all are closed', async () => {
    const [first, second] = reads as [Read, Read];
    first.send(0, 1000);
    second.send(0, 1000);
    first.end('reached');
    let close = (): void => undefined;
    second.teardown = new Promise((resolve) => (close = resolve));
    told = [];
    let isOver = false;
    const stopping = together.stop().then(() => (isOver = true));
    assert.deepEqual(told, ['1 stopped 0', '2 stopped 0']);
    assert.deepEqual(
      { state: together.state, used: budget.used, timers: clock.countTimers() },
      { state: 'ended', used: 0, timers: 0 },
    );
    await clock.tickAsync(60_000);
    assert.equal(isOver, false);
    close();
    await stopping;
    await together.stop();
    assert.equal(told.length, 2);
  });

  it('end, and take nothing else down, where who takes a picture throws', () => {
    both((read) => {
      read.send(0, 1000);
    });
    told = [];
    onShown = () => {
      throw new Error('The receiver’s own.');
    };
    clock.tick(100);
    onShown = undefined;
    assert.deepEqual(told.slice(1).sort(), ['1 stopped 0', '2 stopped 0']);
  });
});
