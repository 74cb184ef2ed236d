import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { SessionEnd } from '../../lib/client/session-options.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError, type NvrErrorCode } from '../../lib/errors.js';
import { Account } from '../../lib/nvr/account.js';
import { PlaybackRun } from '../../lib/nvr/playback/run.js';
import type { RecordedHandlers } from '../../lib/nvr/playback/recorded-session.js';
import { FakeSession } from '../kit/fake-session.js';

const FROM = 1_700_000_000_000;
const FRAME_MS = 100;

/** A session of the run. */
interface Opened {
  /** ms from the span's beginning. */
  readonly at: number;
  readonly session: FakeSession<RecordedHandlers>;
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
  let status: number | undefined;
  /** What the end of a session waits for. */
  let teardown: Promise<void>;
  /** Times from the span's beginning, in ms; `r` behind one that was repeated. */
  let units: string[];
  let interruptions: number[];
  let ends: [reason: string, code: string | undefined, missingMs: number][];
  /** What else the run tells, in order. */
  let told: string[];
  /** What the server answers to PLAY. */
  let playReply: object;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ now: FROM + 3_600_000 });
    account = new Account(() => performance.now());
    [opened, units, interruptions, ends] = [[], [], [], []];
    told = [];
    status = undefined;
    teardown = Promise.resolve();
    playReply = {};
    refusal = undefined;
  });

  afterEach(() => {
    clock.restore();
  });

  function play(seconds: number | undefined, speed = 1): PlaybackRun {
    const run = new PlaybackRun(
      { account } as never,
      {
        ...{ run: 'a', channel: 1, stream: 'main', group: 0, speed, from: FROM },
        ...(seconds !== undefined && { to: FROM + seconds * 1000 }),
      },
      {
        onUnit: ({ unit, repeated }) => units.push(`${unit.time - FROM}${repeated ? 'r' : ''}`),
        onConnecting: () => told.push('connecting'),
        onPlaying: (transport) => told.push(`playing ${transport}`),
        onPaused: (at) => told.push(`paused ${at - FROM}`),
        onWarning: ({ message }) => told.push(message),
        onInterrupted: (_error, attempt, retryInMs) => {
          interruptions.push(retryInMs);
          told.push(`interrupted ${attempt}, ${run.state}`);
        },
        onEnd: (reason, error, missingMs) => {
          ends.push([reason, error?.code, missingMs]);
          told.push(error?.message ?? reason);
          // What has ended takes no more orders, from its own handler neither.
          run.seek(FROM);
        },
      },
      (_context, { at }, handlers) => {
        if (refusal !== undefined)
          return Promise.reject(
            new NvrError(refusal, 'Refused.', { ...(status !== undefined && { status }) }),
          );
        const session = Object.assign(new FakeSession(handlers), { playReply, teardown });
        opened.push({ at: at - FROM, session });
        return Promise.resolve(session.asSession as never);
      },
    );
    run.start();
    return run;
  }

  const turn = (): Promise<number> => clock.tickAsync(0);
  const session = (): FakeSession<RecordedHandlers> => opened.at(-1)!.session;
  /** Pictures from one time to another, in ms from the span's beginning. */
  function send(from: number, to: number): void {
    for (let at = from; at < to; at += FRAME_MS) session().user.onUnit(picture(at));
  }
  const end = (reason: SessionEnd['reason'], code?: NvrErrorCode, withoutMedia?: boolean): void => {
    session().end(reason, code, withoutMedia);
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
      opened.map(({ at, session: { closed } }) => ({ at, closed })),
      [
        { at: 0, closed: 1 },
        { at: 6000, closed: 1 },
        { at: 3000, closed: 0 },
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
    assert.equal(session().closed, 1);
    run.resume();
    await turn();
    assert.equal(opened.at(-1)!.at, 200);
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
      assert.equal(opened.at(-1)!.at, 900 + index * 1000);
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
    assert.equal(opened.at(-1)!.at, 900);
    send(900, 10_100);
    assert.deepEqual(ends[1], ['reached', undefined, 0]);
  });

  it('ends once: what comes of its session or its timers afterwards is no one’s', async () => {
    const run = play(2);
    await turn();
    const { user } = session();
    send(0, 2100);
    end('eof');
    void run.stop();
    run.pause();
    run.resume();
    run.seek(FROM);
    await clock.tickAsync(600_000);
    user.onError(new NvrError('EINPUT', 'Late.'));
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
    assert.equal(opened.at(-1)!.at, 900);
    send(900, 10_100);
    assert.deepEqual(ends, [['reached', undefined, 0]]);
  });

  it('tells each session that it opens, and what state it is in', async () => {
    const run = play(10);
    assert.deepEqual(
      { splice: told.splice(0), state: run.state, reached: run.reached },
      { splice: ['connecting'], state: 'opening', reached: FROM },
    );
    await turn();
    assert.deepEqual(
      { splice: told.splice(0), state: run.state },
      { splice: ['playing tcp'], state: 'playing' },
    );
    run.seek(FROM + 2000);
    assert.deepEqual(
      { splice: told.splice(0), state: run.state, reached: run.reached },
      { splice: ['connecting'], state: 'opening', reached: FROM + 2000 },
    );
    await turn();
    send(2000, 2300);
    run.pause();
    run.pause();
    assert.deepEqual(
      { splice: told.splice(0), state: run.state },
      { splice: ['playing tcp', 'paused 2200'], state: 'paused' },
    );
    run.resume();
    run.resume();
    await turn();
    run.resume();
    assert.deepEqual(
      { splice: told.splice(0), state: run.state, opened: opened.length },
      { splice: ['connecting', 'playing tcp'], state: 'playing', opened: 3 },
    );
  });

  it('can be paused while it opens: what opens then is closed, and nothing is told of it', async () => {
    const run = play(10);
    run.pause();
    await turn();
    assert.deepEqual({ state: run.state, told }, { state: 'paused', told: ['connecting', 'paused 0'] });
    assert.ok(opened.every(({ session: { closed } }) => closed === 1));
    run.resume();
    await turn();
    assert.deepEqual({ state: run.state, at: opened.at(-1)!.at }, { state: 'playing', at: 0 });
  });

  it('plays on as if nothing were where a seek is refused, also to the very end', async () => {
    const run = play(10);
    await turn();
    assert.throws(() => {
      run.seek(FROM + 10_000);
    });
    assert.deepEqual(
      { state: run.state, closed: session().closed, opened: opened.length },
      { state: 'playing', closed: 0, opened: 1 },
    );
    run.seek(FROM + 9_999);
  });

  it('is stopped once its last session is closed', async () => {
    let over = (): void => undefined;
    teardown = new Promise((resolve) => (over = resolve));
    const run = play(10);
    await turn();
    let isStopped = false;
    void run.stop().then(() => (isStopped = true));
    await turn();
    assert.deepEqual(
      { closed: session().closed, isStopped, ends },
      { closed: 1, isStopped: false, ends: [['stopped', undefined, 0]] },
    );
    over();
    await turn();
    assert.equal(isStopped, true);
  });

  it('finds its end anew in each session, also behind one that broke off at it', async () => {
    const run = play(2);
    await turn();
    send(0, 2000);
    run.seek(FROM);
    await turn();
    send(0, 2000);
    assert.deepEqual(ends, []);
    send(2000, 2100);
    assert.deepEqual(ends, [['reached', undefined, 0]]);
    assert.equal(units.at(-1), '1900');
  });

  it('passes on a warning of its session, and ends where who takes its pictures fails', async () => {
    play(10);
    await turn();
    told = [];
    session().user.onWarning(new NvrError('EAUTH', 'In clear.'));
    session().user.onError(new NvrError('EINPUT', 'A handler failed.'));
    assert.deepEqual(told, ['In clear.', 'A handler failed.']);
    assert.deepEqual(ends, [['error', 'EINPUT', 0]]);
    assert.equal(session().closed, 1);
  });

  it('tells no recording where no media came at all, and where some came goes on', async () => {
    play(10);
    await turn();
    end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(ends, [['error', 'ENORECORDING', 0]]);
    play(10);
    await turn();
    send(0, 1000);
    end('silence', 'ETIMEDOUT');
    await turn();
    end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(interruptions, [0, 2000]);
    play(10);
    await turn();
    end('silence', 'ETIMEDOUT');
    assert.deepEqual(interruptions, [0, 2000, 0]);
    assert.equal(ends.length, 1);
    await turn();
    end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(ends[1], ['error', 'ENORECORDING', 0]);
    const sought = play(10);
    await turn();
    send(0, 1000);
    sought.seek(FROM + 5000);
    await turn();
    end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(ends.pop(), ['error', 'ENORECORDING', 0], 'nothing is recorded where it was sent to');
    const run = play(10);
    await turn();
    send(0, 1000);
    run.pause();
    run.resume();
    await turn();
    end('silence', 'ETIMEDOUT', true);
    assert.deepEqual(
      { interruptions: interruptions.length, ends: ends.length },
      { interruptions: 4, ends: 2 },
    );
  });

  for (const reason of ['bye', 'teardown'] as const)
    it(`takes the server’s word that the recording ends here (${reason}), and says what is missing`, async () => {
      play(10);
      await turn();
      send(0, 1000);
      end(reason);
      assert.deepEqual(ends, [[reason, 'ENORECORDING', 9100]]);
      assert.match(told.at(-1)!, /The last 9\.1 s of the span are missing/);
      assert.deepEqual(interruptions, []);
      play(10);
      await turn();
      send(0, 9900);
      end(reason);
      assert.deepEqual(ends[1], ['reached', undefined, 0], 'at the end it does not matter who ended it');
    });

  it('ends with its session’s word where no end was asked for', async () => {
    play(undefined);
    await turn();
    send(0, 1000);
    end('bye');
    play(undefined);
    await turn();
    send(0, 1000);
    end('eof');
    assert.deepEqual(ends, [
      ['bye', undefined, 0],
      ['eof', undefined, 0],
    ]);
  });

  it('tells each interruption with its number, marks what comes again, and is opening meanwhile', async () => {
    const run = play(10);
    await turn();
    send(0, 200);
    for (const wait of [0, 2000]) {
      end('eof');
      assert.equal(session().closed, 1);
      await clock.tickAsync(wait);
    }
    assert.deepEqual(
      told.filter((word) => word.startsWith('interrupted')),
      ['interrupted 1, opening', 'interrupted 2, opening'],
    );
    units = [];
    send(0, 300);
    assert.deepEqual(units, ['0r', '100r', '200']);
    await run.stop();
  });

  it('ends with why it cannot be opened again, and all that is missing: holes before it, too', async () => {
    play(20);
    await turn();
    send(0, 1000);
    send(4000, 5000);
    refusal = 'EUNREACHABLE';
    end('eof');
    await clock.tickAsync(10_000);
    assert.deepEqual(ends, [['error', 'EUNREACHABLE', 15_100 + 3100]]);
    assert.match(told.at(-1)!, /The last 15\.1 s of the span/);
    refusal = undefined;
    play(5);
    await turn();
    send(0, 1000);
    send(4000, 5100);
    assert.deepEqual(ends[1], ['reached', undefined, 3100]);
  });

  it('tries nothing again that will stay as it is, but for a 404 of what was there a moment ago', async () => {
    const endsOf = async (code: NvrErrorCode, answer?: number): Promise<number> => {
      [opened, ends, interruptions] = [[], [], []];
      [refusal, status] = [undefined, undefined];
      const run = play(10);
      await turn();
      send(0, 1000);
      [refusal, status] = [code, answer];
      end('eof');
      await clock.tickAsync(0);
      const attempts = interruptions.length;
      await run.stop();
      return attempts;
    };
    for (const code of ['EUNSUPPORTED', 'EINPUT', 'ENORECORDING'] as const)
      assert.equal(await endsOf(code), 1, code);
    assert.equal(await endsOf('ENORECORDING', 404), 2);
    assert.equal(await endsOf('ETIMEDOUT'), 2);
  });

  it('tries a refused log-in once more when the account allows it soon, and not else', async () => {
    const logIn = (answer: number): Promise<unknown> =>
      account.gate.run(() => Promise.resolve({ status: answer })).catch(() => undefined);
    await logIn(200);
    play(10);
    await turn();
    send(0, 1000);
    end('eof', 'EAUTH');
    assert.deepEqual(ends.splice(0), [['eof', 'EAUTH', 9100]], 'nothing was refused, so nothing is awaited');
    play(10);
    await turn();
    send(0, 1000);
    await logIn(401);
    end('eof', 'EAUTH');
    assert.deepEqual(interruptions, [10_000]);
    await clock.tickAsync(10_000);
    await logIn(401);
    assert.ok(account.gate.waitMs > 60_000);
    end('eof', 'EAUTH');
    assert.deepEqual(
      { interruptions: interruptions.length, ends: ends.length },
      { interruptions: 1, ends: 1 },
    );
  });

  it('has all of a span whose last picture is half a second from its end, or two pictures of a slow camera', async () => {
    const endAfter = async (to: number, ...times: number[]): Promise<string> => {
      play(to / 1000);
      await turn();
      for (const at of times) session().user.onUnit(picture(at));
      end('bye');
      const [reason, , missingMs] = ends.at(-1)!;
      return `${reason} ${missingMs}`;
    };
    assert.equal(await endAfter(1000, 0, 100, 200, 300, 400, 500), 'reached 500');
    assert.equal(await endAfter(1001, 0, 100, 200, 300, 400, 500), 'bye 501');
    assert.equal(await endAfter(4000, 0, 1000, 2000), 'reached 0');
    assert.equal(await endAfter(4001, 0, 1000, 2000), 'bye 2001');
    assert.equal(await endAfter(5000, 0, 100, 200, 3000), 'bye 4800', 'a gap is no slow camera');
    assert.equal(await endAfter(5000, 0, 2800, 2900, 3000), 'bye 4800', 'nor is one further back');
    assert.equal(await endAfter(4200, 0, 3000, 3100, 3500), 'bye 3700');
  });

  it('says that a speed is not granted, and by what it plays; nothing at the usual one', async () => {
    const warnedOf = async (speed: number, reply: object): Promise<string | undefined> => {
      [told, playReply] = [[], reply];
      const run = play(10, speed);
      await turn();
      await run.stop();
      return told.find((word) => word.includes('speed'));
    };
    assert.equal(await warnedOf(1, { scale: 2 }), undefined);
    assert.equal(await warnedOf(2, { scale: 2 }), undefined);
    assert.match((await warnedOf(2, {}))!, /plays at speed 1\./);
    assert.match((await warnedOf(4, { scale: 2, rateControl: 'no' }))!, /plays at speed 2\./);
    assert.equal(await warnedOf(0, { rateControl: 'no' }), undefined);
    assert.match((await warnedOf(0, { scale: 0 }))!, /plays in real time\./);
  });

  it('waits for a slow run by its speed, for a fast one as in real time, and from where it got to', async () => {
    for (const [speed, waits] of [
      [0.5, 30_000 + 2 * 20_000],
      [4, 30_000 + 2 * 10_000],
      [0, 30_000 + 2 * 10_000],
    ] as const) {
      ends = [];
      play(10, speed);
      await turn();
      await clock.tickAsync(waits - 1);
      assert.deepEqual(ends, [], `${speed}`);
      await clock.tickAsync(1);
      assert.equal(ends.length, 1);
    }
    ends = [];
    play(10);
    await turn();
    send(0, 6000);
    end('eof');
    await turn();
    await clock.tickAsync(30_000 + 2 * 4100 - 1);
    assert.deepEqual(ends, []);
    await clock.tickAsync(1);
    assert.deepEqual(ends, [['stalled', 'ETIMEDOUT', 4100]]);
  });

  it('gives the pictures that its end held back in their order, and none of before a seek', async () => {
    const run = play(2);
    await turn();
    const reordered = (at: number): VideoUnit => {
      const one = picture(at);
      return { ...one, keyframe: false, format: { ...one.format, reorderDepth: 2 } };
    };
    const give = (...times: number[]): void => {
      for (const at of times) session().user.onUnit(reordered(at));
    };
    give(0, 300, 100, 2100);
    assert.equal(run.reached, FROM + 300, 'a picture that is shown earlier takes nothing back');
    run.seek(FROM);
    await turn();
    units = [];
    give(0, 300, 100, 200, 2100, 1900, 2000);
    assert.deepEqual(units.map(Number), [0, 300, 100, 200, 2100, 1900]);
    assert.equal(run.reached, FROM + 1900);
    give(2400);
    assert.equal(units.length, 6);
    assert.equal(ends.length, 1);
  });
});
