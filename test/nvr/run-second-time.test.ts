import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { SessionEnd } from '../../lib/client/session-options.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError, type NvrErrorCode } from '../../lib/errors.js';
import { Account } from '../../lib/nvr/account.js';
import { PlaybackRun } from '../../lib/nvr/playback/run.js';
import type { RecordedHandlers } from '../../lib/nvr/playback/recorded-session.js';

const FROM = 1_700_000_000_000;
const FRAME_MS = 100;

/** A session of the run, played by the test. */
interface Opened {
  /** ms from the span's beginning. */
  readonly at: number;
  readonly handlers: RecordedHandlers;
  readonly reading: string[];
  isClosed: boolean;
}

/** A picture at a recorded time, in ms from the span's beginning. */
const picture = (at: number): VideoUnit =>
  ({
    ...{ kind: 'video', keyframe: at % 1000 === 0, format: { codec: 'h264', reorderDepth: 0 } },
    ...{ time: FROM + at, mediaTime: FROM + at },
  }) as VideoUnit;

describe('a playback run, the second time round', () => {
  let clock: sinon.SinonFakeTimers;
  let account: Account;
  let opened: Opened[];
  /** What opening fails with. */
  let refusal: NvrErrorCode | undefined;
  /** Times from the span's beginning, in ms; `r` behind one that was repeated. */
  let units: string[];
  let interruptions: number[];
  let ends: [reason: string, code: string | undefined, missingMs: number][];

  beforeEach(() => {
    clock = sinon.useFakeTimers({ now: FROM + 3_600_000 });
    account = new Account(() => performance.now());
    [opened, units, interruptions, ends] = [[], [], [], []];
    refusal = undefined;
  });

  afterEach(() => {
    clock.restore();
  });

  function play(seconds: number | undefined): PlaybackRun {
    const run = new PlaybackRun(
      { account } as never,
      {
        ...{ run: 'a', channel: 1, stream: 'main', group: 0, speed: 1, from: FROM },
        ...(seconds !== undefined && { to: FROM + seconds * 1000 }),
      },
      {
        onUnit: ({ unit, repeated }) => units.push(`${unit.time - FROM}${repeated ? 'r' : ''}`),
        onInterrupted: (_error, _attempt, retryInMs) => interruptions.push(retryInMs),
        onEnd: (reason, error, missingMs) => ends.push([reason, error?.code, missingMs]),
      },
      (_context, { at }, handlers) => {
        if (refusal !== undefined) return Promise.reject(new NvrError(refusal, 'Refused.'));
        const one: Opened = { at: at - FROM, handlers, reading: [], isClosed: false };
        opened.push(one);
        return Promise.resolve({
          ...{ transport: { name: 'tcp' }, playReply: {} },
          pauseReading: () => one.reading.push('paused'),
          resumeReading: () => one.reading.push('resumed'),
          close: () => {
            one.isClosed = true;
            return Promise.resolve();
          },
        } as never);
      },
    );
    run.start();
    return run;
  }

  const turn = (): Promise<number> => clock.tickAsync(0);
  const session = (): Opened => opened.at(-1)!;
  /** Pictures from one time to another, in ms from the span's beginning. */
  function send(from: number, to: number): void {
    for (let at = from; at < to; at += FRAME_MS) session().handlers.onUnit(picture(at));
  }
  const end = (reason: SessionEnd['reason'], code: NvrErrorCode = 'EUNREACHABLE'): void => {
    const error = new NvrError(code, 'It has ended.');
    session().handlers.onEnd({ reason, error, withoutMedia: false });
  };

  it('counts nothing as missing that was jumped over by a seek, forwards or back', async () => {
    const run = play(10);
    await turn();
    send(0, 1000);
    run.seek(FROM + 6000);
    await turn();
    send(6000, 7000);
    run.seek(FROM + 3000);
    await turn();
    assert.deepEqual(
      opened.map(({ at, isClosed }) => [at, isClosed]),
      [
        [0, true],
        [6000, true],
        [3000, false],
      ],
    );
    send(3000, 10_100);
    assert.deepEqual(ends, [['reached', undefined, 0]]);
  });

  it('marks what a resume repeats, and not what a seek back plays again', async () => {
    const run = play(10);
    await turn();
    send(0, 300);
    run.pause();
    assert.equal(session().isClosed, true);
    run.resume();
    await turn();
    assert.equal(session().at, 200);
    send(0, 400);
    assert.deepEqual(units.splice(0), ['0', '100', '200', '0r', '100r', '200r', '300']);
    run.seek(FROM);
    await turn();
    send(0, 200);
    assert.deepEqual(units, ['0', '100']);
  });

  it('lets a server wait from the first byte on where it was held before it had opened, also the next time', async () => {
    const run = play(10);
    run.hold();
    await turn();
    assert.deepEqual(session().reading, ['paused']);
    run.letGo();
    run.letGo();
    assert.deepEqual(session().reading, ['paused', 'resumed']);
    run.hold();
    run.seek(FROM + 1000);
    await turn();
    assert.deepEqual(session().reading, ['paused']);
  });

  it('goes on three times, from where it got to, then ends and says what is missing', async () => {
    play(10);
    await turn();
    send(0, 1000);
    for (const [index, waits] of [0, 2000, 8000].entries()) {
      end('eof');
      assert.equal(interruptions.at(-1), waits);
      await clock.tickAsync(waits);
      assert.equal(session().at, 900 + index * 1000);
      send(900 + index * 1000, 2000 + index * 1000);
    }
    end('eof');
    assert.deepEqual(interruptions, [0, 2000, 8000]);
    assert.deepEqual(ends, [['eof', 'EUNREACHABLE', 6100]]);
    await clock.tickAsync(600_000);
    assert.equal(opened.length, 4);
    assert.equal(ends.length, 1);
  });

  it('takes a refusal as final before it has played, and not behind a break', async () => {
    refusal = 'EUNREACHABLE';
    play(10);
    await turn();
    assert.deepEqual(ends, [['error', 'EUNREACHABLE', 0]]);
    refusal = undefined;
    play(10);
    await turn();
    send(0, 1000);
    refusal = 'EFORBIDDEN';
    end('eof');
    await clock.tickAsync(2000);
    assert.deepEqual(interruptions, [0, 2000, 8000]);
    refusal = undefined;
    await clock.tickAsync(8000);
    assert.equal(session().at, 900);
    send(900, 10_100);
    assert.deepEqual(ends[1], ['reached', undefined, 0]);
  });

  it('ends once: what comes of its session or its timers afterwards is no one’s', async () => {
    const run = play(2);
    await turn();
    const { handlers } = session();
    send(0, 2100);
    end('eof');
    void run.stop();
    run.pause();
    run.resume();
    run.seek(FROM);
    await clock.tickAsync(600_000);
    handlers.onError(new NvrError('EINPUT', 'Late.'));
    assert.deepEqual(ends, [['reached', undefined, 0]]);
    assert.equal(opened.length, 1);
  });

  it('is given up where the recorded time stands still, after twice what is left and half a minute', async () => {
    const run = play(10);
    await turn();
    send(0, 1000);
    run.seek(FROM + 5000);
    await turn();
    await clock.tickAsync(39_000);
    assert.deepEqual(ends, []);
    await clock.tickAsync(1000);
    assert.deepEqual(ends, [['stalled', 'ETIMEDOUT', 5000]]);
  });

  it('has no bound where no end was asked for, nor one that a timer cannot hold', async () => {
    play(undefined);
    play(100 * 86_400);
    await turn();
    await clock.tickAsync(20 * 86_400_000);
    assert.deepEqual(ends, []);
  });

  it('goes on from a pause in which its interruption was waiting', async () => {
    const run = play(10);
    await turn();
    send(0, 1000);
    end('eof');
    await turn();
    end('eof');
    run.pause();
    await clock.tickAsync(60_000);
    assert.equal(opened.length, 2);
    run.resume();
    await turn();
    assert.equal(session().at, 900);
    send(900, 10_100);
    assert.deepEqual(ends, [['reached', undefined, 0]]);
  });
});
