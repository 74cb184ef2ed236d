// The playback node on an NVR that the test plays: runs that follow one another, end late or in part.

import assert from 'node:assert/strict';
import type { VideoUnit } from '../../../lib/codec/unit.js';
import { NvrError } from '../../../lib/errors.js';
import { UNCOUNTED } from '../../../lib/media/unit-memory.js';
import type { PlaybackHandlers, PlaybackRequest } from '../../../lib/nvr/playback/run.js';
import playbackNode from '../../../nodes/nvr-playback.js';
import { videoUnit } from '../../kit/fake-hub.js';
import { FakeRed, turn, type FakeNode } from '../../kit/fake-red.js';

/** A run that the test plays. */
class Run {
  state = 'opening';
  reached: number;
  readonly calls: unknown[] = [];

  constructor(
    readonly request: PlaybackRequest,
    readonly handlers: PlaybackHandlers,
  ) {
    this.reached = request.from;
  }

  private note(call: unknown): void {
    this.calls.push(call);
  }
  start(): void {
    this.note('start');
  }
  pause(): void {
    this.note('pause');
  }
  resume(): void {
    this.note('resume');
  }
  hold(): void {
    this.note('hold');
  }
  letGo(): void {
    this.note('letGo');
  }
  seek(from: number): void {
    this.note(from);
  }
  stop(): Promise<void> {
    this.note('stop');
    if (this.state !== 'ended') this.end('stopped');
    return Promise.resolve();
  }
  end(reason: 'reached' | 'stopped' | 'error', error?: NvrError, missingMs = 0): void {
    this.state = 'ended';
    this.handlers.onEnd(reason, error, missingMs);
  }
  unit(unit: VideoUnit = videoUnit(), repeated = false): void {
    this.handlers.onUnit({ unit, repeated });
  }
}

const FROM = 1_700_000_000_000;
const error = (code: 'EUNREACHABLE' | 'ENORECORDING' = 'EUNREACHABLE'): NvrError =>
  new NvrError(code, `It is ${code}.`);

describe('the runs of a playback node', () => {
  let runs: Run[];
  let node: FakeNode;
  let refusal: NvrError | undefined;

  beforeEach(() => {
    runs = [];
    refusal = undefined;
  });

  afterEach(() => node.close());

  function deploy(saved: object = {}): void {
    const red = new FakeRed();
    const play = (request: PlaybackRequest, handlers: PlaybackHandlers): Run => {
      if (refusal !== undefined) throw refusal;
      const run = new Run(request, handlers);
      runs.push(run);
      return run;
    };
    red.server({ playback: { play }, canPlayBack: true, spanMemory: () => UNCOUNTED });
    node = red.make(playbackNode, 'nvr-playback', saved);
    red.run();
  }

  interface Played {
    readonly code: () => string | undefined;
  }

  /** Sends a message; `code` is `done` or the error's, once it is answered. */
  async function play(message: object = {}): Promise<Played> {
    let code: string | undefined;
    void node.receive({ from: FROM, duration: '10s', ...message }).then((answer) => {
      code = answer.error === undefined ? 'done' : String(answer.error.code);
    });
    await turn();
    return { code: () => code };
  }

  const settled = async (): Promise<void> => {
    await turn();
    await turn();
  };

  const events = (): Record<string, unknown>[] =>
    node.sent.flatMap(([, message]) =>
      message == null ? [] : [{ word: message.payload, run: message.run, ...(message.event as object) }],
    );
  const lastEvent = (): Record<string, unknown> => {
    const { time: _time, channel: _channel, stream: _stream, ...rest } = events().at(-1)!;
    return rest;
  };

  it('is done when it has ended, and by the setting already when it plays', async () => {
    deploy();
    const ended = await play();
    runs[0]!.handlers.onPlaying?.('tcp');
    await settled();
    assert.equal(ended.code(), undefined);
    runs[0]!.end('reached');
    await settled();
    assert.equal(ended.code(), 'done');
    await node.close();
    deploy({ doneWhen: 'playing' });
    const playing = await play();
    runs[1]!.handlers.onPlaying?.('tcp');
    await settled();
    assert.equal(playing.code(), 'done');
  });

  it('is done with after its last picture has been sent', async () => {
    deploy();
    // More than one turn of the loop takes.
    const count = 1500;
    let atDone = -1;
    const answered = node.receive({ from: FROM, duration: '10s' }).then(() => {
      atDone = node.payloads(0).length;
    });
    await turn();
    for (let i = 0; i < count; i++) runs[0]!.unit();
    runs[0]!.end('reached');
    await answered;
    assert.equal(atDone, count);
    assert.deepEqual(node.payloads(1), ['ended']);
  });

  it('has its own share of what is reported at once', async () => {
    deploy();
    for (const run of ['a', 'b']) await play({ run });
    for (const { handlers } of runs) for (let i = 0; i < 6; i++) handlers.onWarning?.(error());
    await settled();
    assert.deepEqual(
      events().map(({ run }) => run),
      ['a', 'a', 'a', 'a', 'b', 'b', 'b', 'b'],
    );
  });

  for (const [what, reason, failure, missingMs, reached, expected] of [
    ['whole', 'reached', undefined, 0, 9000, { word: 'ended', reason: 'reached', reached: FROM + 9000 }],
    [
      'with a gap',
      'reached',
      undefined,
      500,
      9000,
      { word: 'ended', reason: 'reached', reached: FROM + 9000, missingMs: 500 },
    ],
    ['stopped', 'stopped', undefined, 0, 10, { word: 'stopped', reason: 'stopped', reached: FROM + 10 }],
    [
      'in part',
      'error',
      error(),
      4000,
      6000,
      {
        ...{ word: 'ended', reason: 'error', reached: FROM + 6000, missingMs: 4000 },
        ...{ code: 'EUNREACHABLE', message: 'It is EUNREACHABLE.' },
      },
    ],
    [
      'without the end of the recording',
      'reached',
      error('ENORECORDING'),
      10_000,
      0,
      {
        ...{ word: 'ended', reason: 'reached', reached: FROM, missingMs: 10_000 },
        ...{ code: 'ENORECORDING', message: 'It is ENORECORDING.' },
      },
    ],
    [
      'not at all',
      'error',
      error(),
      10_000,
      0,
      {
        ...{ word: 'error', reason: 'It is EUNREACHABLE.', reached: FROM, code: 'EUNREACHABLE' },
        ...{ missingMs: 10_000 },
      },
    ],
    [
      'in part, of a run without an end',
      'error',
      error(),
      0,
      6000,
      { word: 'error', reason: 'It is EUNREACHABLE.', reached: FROM + 6000, code: 'EUNREACHABLE' },
    ],
    [
      'not at all, of a run without an end',
      'error',
      error(),
      0,
      0,
      { word: 'error', reason: 'It is EUNREACHABLE.', reached: FROM, code: 'EUNREACHABLE' },
    ],
  ] as const)
    it(`tells how it ended: ${what}`, async () => {
      deploy();
      const played = await play({ run: 'mine' });
      runs[0]!.reached = FROM + reached;
      runs[0]!.end(reason, failure, missingMs);
      await settled();
      assert.deepEqual(lastEvent(), { run: 'mine', ...expected });
      assert.equal(played.code(), failure === undefined ? 'done' : failure.code);
      const badge = failure?.code ?? (reason === 'stopped' ? 'stopped' : 'idle');
      assert.equal(node.statuses.at(-1)!.text, badge);
    });

  it('tells its course in events, and by its badge', async () => {
    deploy();
    await play({ run: 'mine' });
    const { handlers } = runs[0]!;
    runs[0]!.reached = FROM + 4;
    const badges: string[] = [];
    for (const step of [
      () => handlers.onConnecting?.(),
      () => handlers.onPlaying?.('udp'),
      () => handlers.onInterrupted?.(error(), 2, 8000),
      () => handlers.onPaused?.(FROM + 5),
      () => handlers.onWarning?.(error('ENORECORDING')),
    ]) {
      step();
      badges.push(node.badge);
    }
    await settled();
    assert.deepEqual(badges, [
      'yellow ring connecting',
      'green dot playing',
      'yellow ring EUNREACHABLE',
      'grey dot paused',
      'grey dot paused',
    ]);
    assert.deepEqual(
      events().map(({ time, channel, stream, ...rest }) => {
        assert.deepEqual(
          { time: typeof time, channel, stream },
          { time: 'number', channel: 1, stream: 'main' },
        );
        return rest;
      }),
      [
        { word: 'connecting', run: 'mine' },
        { word: 'playing', run: 'mine', transport: 'udp' },
        {
          ...{ word: 'reconnecting', run: 'mine', code: 'EUNREACHABLE', reason: 'It is EUNREACHABLE.' },
          ...{ attempt: 2, retryInMs: 8000, reached: FROM + 4 },
        },
        { word: 'paused', run: 'mine', reached: FROM + 5 },
        { word: 'warning', run: 'mine', code: 'ENORECORDING', reason: 'It is ENORECORDING.' },
      ],
    );
  });

  it('marks pictures with its run, those that are sent again as repeated, and sends what the setting asks for', async () => {
    deploy({ emit: 'keyframes' });
    await play({ run: 'mine' });
    runs[0]!.unit();
    runs[0]!.unit(videoUnit({ keyframe: false }));
    runs[0]!.unit(videoUnit(), true);
    await settled();
    assert.deepEqual(
      node.sent.flatMap(([message]) => {
        if (message == null) return [];
        const { sequence, repeated } = message.video as { sequence: number; repeated?: boolean };
        return [[message.run, message.topic, sequence, repeated]];
      }),
      [
        ['mine', 'nvr/Home/1/keyframe', 1, undefined],
        ['mine', 'nvr/Home/1/keyframe', 2, true],
      ],
    );
  });

  it('is addressed by its name, or as the only one, and no longer once it has ended', async () => {
    deploy();
    await play({ run: 'a' });
    await node.receive({ action: 'pause' });
    await play({ run: 'b' });
    assert.equal((await node.receive({ action: 'pause' })).error!.code, 'EINPUT');
    assert.equal((await node.receive({ action: 'pause', run: 'c' })).error!.code, 'EINPUT');
    await node.receive({ action: 'resume', run: 'a' });
    await node.receive({ action: 'seek', run: 'b', from: FROM + 1 });
    runs[1]!.end('reached');
    await settled();
    assert.equal((await node.receive({ action: 'seek', run: 'b', from: FROM })).error!.code, 'EINPUT');
    await node.receive({ action: 'stop' });
    assert.deepEqual(
      runs.map(({ calls }) => calls),
      [['pause', 'resume', 'stop'], [FROM + 1]],
    );
    assert.equal((await node.receive({ action: 'stop' })).error!.code, 'EINPUT');
  });

  it('goes on under its name where an older one of that name ends late', async () => {
    deploy();
    const first = await play({ run: 'a' });
    const second = await play({ run: 'a' });
    runs[0]!.end('stopped');
    await settled();
    assert.deepEqual(
      { firstCode: first.code(), secondCode: second.code() },
      { firstCode: 'done', secondCode: undefined },
    );
    await node.receive({ action: 'pause', run: 'a' });
    assert.deepEqual(runs[1]!.calls, ['pause']);
    assert.notEqual(node.statuses.at(-1)?.text, 'stopped', 'one still plays');
    runs[1]!.end('reached');
    await settled();
    assert.deepEqual({ code: second.code(), badge: node.badge }, { code: 'done', badge: 'grey ring idle' });
  });

  it('keeps the badge of the one that goes on until the last has ended', async () => {
    deploy();
    await play({ run: 'a' });
    await play({ run: 'b' });
    for (const { handlers } of runs) handlers.onPlaying?.('tcp');
    runs[0]!.end('error', error(), 10_000);
    await settled();
    assert.equal(node.badge, 'green dot playing');
    runs[1]!.end('stopped');
    assert.equal(node.badge, 'grey ring stopped');
  });

  it('is listed with what it has reached, as long as it lasts', async () => {
    deploy();
    await play({ run: 'a', stream: 'dual' });
    runs[0]!.reached = FROM + 3;
    const list = async (): Promise<unknown> => {
      await node.receive({ action: 'status' });
      return events().at(-1)!.runs;
    };
    assert.deepEqual(await list(), [
      {
        ...{ run: 'a', state: 'opening', reached: FROM + 3 },
        ...{ channel: 1, stream: 'dual', from: FROM, to: FROM + 10_000 },
      },
    ]);
    runs[0]!.end('reached');
    assert.deepEqual(await list(), []);
  });

  it('is held while the flow is full, also if it begins then, and let go each time that it is not', async () => {
    deploy();
    await play({ run: 'a' });
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 2000; i++) runs[0]!.unit();
      assert.deepEqual(runs[0]!.calls.slice(2 * round), ['hold']);
      if (round === 0) {
        void node.receive({ from: FROM, run: 'b' });
        await Promise.resolve();
        await Promise.resolve();
        assert.deepEqual(runs[1]?.calls, ['hold']);
      }
      while (node.payloads(0).length < 2000 * (round + 1)) await turn();
      assert.deepEqual(runs[0]!.calls.slice(2 * round), ['hold', 'letGo']);
    }
    assert.deepEqual(runs[1]!.calls, ['hold', 'letGo', 'hold', 'letGo']);
  });

  it('is refused where the NVR takes no more, and is not there then', async () => {
    deploy();
    refusal = new NvrError('EBUSY', 'There are four already.');
    const refused = await play({ run: 'a' });
    assert.equal(refused.code(), 'EBUSY');
    assert.equal((await node.receive({ action: 'stop', run: 'a' })).error!.code, 'EINPUT');
    refusal = undefined;
    const taken = await play({ run: 'a' });
    runs[0]!.end('reached');
    await settled();
    assert.equal(taken.code(), 'done');
  });

  it('stops with the node, and its message is done though nothing is sent any more', async () => {
    deploy();
    const played = await play();
    for (let i = 0; i < 10; i++) runs[0]!.unit();
    await node.close();
    await settled();
    assert.deepEqual(
      { calls: runs[0]!.calls, code: played.code(), payloads: node.payloads(0) },
      { calls: ['stop'], code: 'done', payloads: [] },
    );
  });

  it('has a name of its own where the message gives none, and one at the NVR that no other node has', async () => {
    deploy();
    await play();
    await play();
    await play({ run: 'x' });
    assert.deepEqual(
      runs.map(({ request }) => request.run),
      ['node/run 1', 'node/run 2', 'node/x'],
    );
  });

  describe('of several channels', () => {
    const ends = (): number => events().filter(({ word }) => word === 'ended').length;

    it('is one run that ends with its last channel, and is done then, with the first channel’s error', async () => {
      deploy();
      const played = await play({ channel: '1-3', run: 'a' });
      assert.deepEqual(
        runs.map(({ request }) => request.run),
        ['node/a/1', 'node/a/2', 'node/a/3'],
      );
      runs[0]!.end('reached');
      runs[1]!.end('error', error(), 10_000);
      await settled();
      assert.equal(played.code(), undefined);
      const [status] = (await (async () => {
        await node.receive({ action: 'status' });
        return events().at(-1)!.runs;
      })()) as { channel: unknown }[];
      assert.deepEqual(status!.channel, [1, 2, 3]);
      runs[2]!.end('reached');
      await settled();
      assert.equal(played.code(), 'EUNREACHABLE');
      assert.equal(ends(), 2);
      assert.equal((await node.receive({ action: 'stop', run: 'a' })).error!.code, 'EINPUT');
    });

    it('is done by the setting when all of them play', async () => {
      deploy({ doneWhen: 'playing' });
      const played = await play({ channel: '1-2' });
      runs[0]!.handlers.onPlaying?.('tcp');
      await settled();
      assert.equal(played.code(), undefined);
      runs[1]!.handlers.onPlaying?.('tcp');
      await settled();
      assert.equal(played.code(), 'done');
    });

    it('stops the run of the same name before it, be that of one channel or of several', async () => {
      deploy();
      const one = await play({ channel: '1', run: 'a' });
      const several = await play({ channel: '1-2', run: 'a' });
      assert.deepEqual({ calls: runs[0]!.calls, code: one.code() }, { calls: ['stop'], code: 'done' });
      const again = await play({ channel: '2-3', run: 'a' });
      assert.deepEqual(
        { firstStopped: runs[1]!.calls.includes('stop'), secondStopped: runs[2]!.calls.includes('stop') },
        { firstStopped: true, secondStopped: true },
      );
      await settled();
      assert.deepEqual(
        { severalCode: several.code(), againCode: again.code() },
        { severalCode: 'done', againCode: undefined },
      );
      await play({ channel: '5', run: 'a' });
      assert.ok(runs[3]!.calls.includes('stop'));
      // A single run is replaced by the NVR's playback itself.
      await play({ channel: '6', run: 'a' });
      assert.deepEqual(runs[5]!.calls, []);
    });
  });
});
