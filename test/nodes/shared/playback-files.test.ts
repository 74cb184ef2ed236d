// Files of recordings, by exports that the test plays.

import assert from 'node:assert/strict';
import sinon from 'sinon';
import { NvrError } from '../../../lib/errors.js';
import { Exports } from '../../../lib/nvr/export/exports.js';
import type {
  ExportedClip,
  ExportEnd,
  ExportHandlers,
  ExportRequest,
} from '../../../lib/nvr/export/types.js';
import playbackNode from '../../../nodes/nvr-playback.js';
import { ATTACHED_BYTES } from '../../../nodes/shared/clip-message.js';
import { FakeRed, turn, type FakeNode } from '../../kit/fake-red.js';

const FROM = 1_700_000_000_000;

/** An export that the test plays. */
class Span {
  state = 'fetching';
  reached = FROM;
  percent = 0;
  stops = 0;

  constructor(
    readonly request: ExportRequest,
    readonly handlers: ExportHandlers,
  ) {}

  stop(): Promise<void> {
    this.stops++;
    return Promise.resolve();
  }

  at(percent: number): void {
    this.percent = percent;
    this.handlers.onProgress({ percent, bytes: 10 * percent, reached: FROM + percent });
  }

  file(name: string, bytes = 5, repeated?: true): void {
    const lists = { alarms: [], gaps: [{ at: 0, ms: 5 }], damagedSpans: [] };
    this.handlers.onFile({ file: `/clips/${name}`, bytes, ...lists } as unknown as ExportedClip, repeated);
  }

  end(end: Partial<ExportEnd> = {}): void {
    this.handlers.onEnd({ reason: 'reached', missingMs: 0, reached: FROM + 10, files: 1, ...end });
  }
}

describe('the files of a playback node', () => {
  let spans: Span[];
  let node: FakeNode;
  let closes: number;
  let recover: sinon.SinonStub;
  /** What a run of units beside the files was told. */
  let unitRun: string[];

  beforeEach(() => {
    spans = [];
    closes = 0;
    recover = sinon.stub(Exports.prototype, 'recover').resolves();
    sinon.stub(Exports.prototype, 'close').callsFake(() => {
      closes++;
      return Promise.resolve();
    });
    sinon.stub(Exports.prototype, 'start').callsFake((request, handlers) => {
      const span = new Span(request, handlers);
      spans.push(span);
      return span as never;
    });
  });

  afterEach(async () => {
    await node.close();
    sinon.restore();
  });

  function deploy(saved: object = {}): void {
    const red = new FakeRed();
    unitRun = [];
    const run = { pause: () => unitRun.push('pause'), stop: () => Promise.resolve() };
    red.server(
      { canPlayBack: true, playback: { play: () => run } },
      { channels: [{ channel: 3, name: 'Gate' }], timeZone: 'Asia/Tokyo' },
    );
    red.server({}, { name: 'Barn', timeZone: 'UTC' }, 'barn');
    node = red.make(playbackNode, 'nvr-playback', { output: 'file', folder: '/clips', ...saved });
    red.run();
  }

  async function ask(message: object = {}): Promise<() => string | undefined> {
    let code: string | undefined;
    void node.receive({ from: FROM, duration: '10s', ...message }).then(({ error }) => {
      code = error === undefined ? 'done' : String(error.code);
    });
    await turn();
    return () => code;
  }

  async function events(): Promise<Record<string, unknown>[]> {
    await turn();
    await turn();
    return node.sent.flatMap(([, message]) => {
      if (message == null) return [];
      const { time: _time, ...event } = message.event as Record<string, unknown>;
      return [{ word: message.payload, run: message.run, ...event }];
    });
  }
  const about = { channel: 1, stream: 'main', run: 'mine' };

  it('are sent each with a copy of the message and its channel, and the message is done with the last channel’s end', async () => {
    deploy();
    const message = { channel: '2,Gate', run: 'mine', of: { n: 1 } };
    const code = await ask(message);
    assert.deepEqual(
      spans.map(({ request: { channel, channelName, from, to, run } }) => [
        channel,
        channelName,
        from,
        to,
        run,
      ]),
      [
        [2, '2', FROM, FROM + 10_000, 'mine'],
        [3, 'Gate', FROM, FROM + 10_000, 'mine'],
      ],
    );
    spans[1]!.file('b.mp4');
    spans[0]!.file('a.mp4', 5, true);
    spans[1]!.end();
    await turn();
    assert.equal(code(), undefined);
    spans[0]!.end();
    await turn();
    assert.equal(code(), 'done');
    const sent = node.sent.flatMap(([clip]) => (clip == null ? [] : [clip]));
    assert.deepEqual(
      sent.map(({ channel, run, payload, filename, topic, repeated, of, attachments }) => ({
        ...{ channel, run, payload, filename, topic, repeated, of, attachments },
      })),
      [
        {
          ...{ channel: 3, run: 'mine', payload: '/clips/b.mp4', filename: 'b.mp4' },
          ...{ topic: 'nvr/Home/Gate/clip', repeated: undefined, of: { n: 1 }, attachments: undefined },
        },
        {
          ...{ channel: 2, run: 'mine', payload: '/clips/a.mp4', filename: 'a.mp4' },
          ...{ topic: 'nvr/Home/2/clip', repeated: true, of: { n: 1 }, attachments: undefined },
        },
      ],
    );
    assert.notEqual(sent[0]!.of, sent[1]!.of);
  });

  it('keep the message’s topic, and are attached if that is asked for and mail servers take them', async () => {
    deploy({ attach: true });
    await ask({ topic: 'mine', run: 'mine' });
    spans[0]!.file('a.mp4', ATTACHED_BYTES);
    spans[0]!.file('b.mp4', ATTACHED_BYTES + 1);
    const [small, large] = node.sent.map(([clip]) => clip!);
    assert.deepEqual(
      {
        topic: small!.topic,
        smallAttachments: (small!.attachments as []).length,
        largeAttachments: large!.attachments,
      },
      { topic: 'mine', smallAttachments: 1, largeAttachments: undefined },
    );
    assert.deepEqual(
      (await events()).map(({ word, code, gaps }) => [word, code, gaps]),
      [
        ['finished', undefined, 1],
        ['finished', undefined, 1],
        ['warning', 'EINPUT', undefined],
      ],
    );
  });

  it('tell their course in events', async () => {
    deploy();
    await ask({ run: 'mine' });
    const { handlers } = spans[0]!;
    const error = new NvrError('ETIMEDOUT', 'Silent.');
    handlers.onConnecting?.();
    handlers.onPlaying?.('tcp');
    handlers.onInterrupted?.(error, 2, 8000);
    handlers.onWarning?.(error);
    spans[0]!.at(50);
    const fault = { code: 'ETIMEDOUT', reason: 'Silent.' };
    assert.deepEqual(await events(), [
      { word: 'connecting', ...about },
      { word: 'playing', ...about, transport: 'tcp' },
      { word: 'reconnecting', ...about, ...fault, attempt: 2, retryInMs: 8000 },
      { word: 'warning', ...about, ...fault },
      { word: 'progress', ...about, percent: 50, bytes: 500, reached: FROM + 50 },
    ]);
  });

  const error = new NvrError('ENORECORDING', 'Nothing there.');
  for (const [what, end, expected, code] of [
    ['whole', {}, { word: 'ended', reason: 'reached', reached: FROM + 10 }, 'done'],
    [
      'with a gap',
      { missingMs: 7 },
      { word: 'ended', reason: 'reached', reached: FROM + 10, missingMs: 7 },
      'done',
    ],
    [
      'stopped with a gap',
      { reason: 'stopped', missingMs: 7 },
      { word: 'stopped', reason: 'stopped', reached: FROM + 10, missingMs: 7 },
      'done',
    ],
    ['stopped', { reason: 'stopped' }, { word: 'stopped', reason: 'stopped', reached: FROM + 10 }, 'done'],
    [
      'in part',
      { reason: 'error', error, missingMs: 7 },
      {
        ...{ word: 'ended', reason: 'error', reached: FROM + 10, missingMs: 7 },
        ...{ code: 'ENORECORDING', message: 'Nothing there.' },
      },
      'ENORECORDING',
    ],
    [
      'not at all',
      { reason: 'error', error, missingMs: 7, files: 0 },
      {
        ...{ word: 'error', reason: 'Nothing there.', code: 'ENORECORDING' },
        ...{ reached: FROM + 10, missingMs: 7 },
      },
      'ENORECORDING',
    ],
  ] as const)
    it(`tell how they ended: ${what}`, async () => {
      deploy();
      const answer = await ask({ run: 'mine' });
      spans[0]!.end(end);
      assert.deepEqual((await events()).at(-1), { ...about, ...expected });
      assert.equal(answer(), code);
      assert.equal(node.badge, code === 'done' ? 'grey ring idle' : 'red ring ENORECORDING');
    });

  it('show their progress over all that run, rounded down, and nothing of it when the last has ended', async () => {
    deploy();
    await ask({ channel: '1-2', run: 'a' });
    assert.equal(node.badge, 'blue dot 0 %');
    spans[0]!.at(50);
    assert.equal(node.badge, 'blue dot 25 %');
    await ask({ run: 'b' });
    spans[2]!.at(30);
    assert.equal(node.badge, 'blue dot 26 %');
    spans[0]!.end();
    spans[1]!.end({ reason: 'error', error });
    await turn();
    assert.equal(node.badge, 'blue dot 30 %');
    spans[2]!.end();
    assert.equal(node.badge, 'grey ring idle');
  });

  it('fail with the first channel’s error, though another one is whole or fails later', async () => {
    deploy();
    const code = await ask({ channel: '1-3' });
    spans[2]!.end({ reason: 'error', error });
    await turn();
    assert.equal(code(), undefined, 'the others go on');
    spans[0]!.end();
    spans[1]!.end({ reason: 'error', error: new NvrError('EDISK', 'Full.') });
    await turn();
    assert.equal(code(), 'ENORECORDING');
  });

  it('are refused under a name that is being written, and written again when it has ended', async () => {
    deploy();
    const first = await ask({ run: 'mine' });
    assert.equal((await ask({ run: 'mine' }))(), 'EBUSY');
    assert.equal((await ask({ run: 'other' }))(), undefined);
    spans[0]!.end();
    await turn();
    assert.equal(first(), 'done');
    assert.equal((await ask({ run: 'mine' }))(), undefined);
    assert.equal(spans.length, 3);
  });

  it('are 64 of one message at most', async () => {
    deploy();
    assert.equal((await ask({ channel: '1-65' }))(), 'EINPUT');
    assert.equal(spans.length, 0);
    assert.equal((await ask({ channel: '1-64' }))(), undefined);
    assert.equal(spans.length, 64);
  });

  it('are stopped by name, or as the only ones, all channels of it, and by nothing else', async () => {
    deploy();
    await ask({ channel: '1-2', run: 'a' });
    for (const action of ['pause', 'resume', 'seek'])
      assert.match(String((await node.receive({ action })).error), /can only be stopped/);
    assert.equal((await node.receive({ action: 'stop', run: 'other' })).error!.code, 'EINPUT');
    assert.equal((await node.receive({ action: 'stop' })).error, undefined);
    assert.deepEqual(
      spans.map(({ stops }) => stops),
      [1, 1],
    );
    await ask({ run: 'b' });
    assert.equal((await node.receive({ action: 'stop' })).error!.code, 'EINPUT', 'which of the two?');
    await node.receive({ action: 'stop', run: 'b' });
    assert.deepEqual(
      spans.map(({ stops }) => stops),
      [1, 1, 1],
    );
  });

  it('are listed while they are written', async () => {
    deploy();
    await ask({ run: 'mine' });
    spans[0]!.at(40);
    spans[0]!.reached = FROM + 4000;
    const list = async (): Promise<unknown> => {
      await node.receive({ action: 'status' });
      return (await events()).findLast(({ word }) => word === 'status')!.runs;
    };
    assert.deepEqual(await list(), [
      {
        ...{ run: 'mine', state: 'fetching', reached: FROM + 4000, channel: 1, stream: 'main' },
        ...{ from: FROM, to: FROM + 10_000, percent: 40 },
      },
    ]);
    spans[0]!.end();
    assert.deepEqual(await list(), []);
  });

  it('of a name that the message gives go on where they broke off, a job’s with its mark, and no others', async () => {
    deploy();
    for (const more of [{}, { run: 'mine' }, { job: 'nightly' }]) await ask(more);
    assert.deepEqual(
      spans.map(({ request: { run, isJob } }) => [run, isJob]),
      [
        [undefined, false],
        ['mine', false],
        ['nightly', true],
      ],
    );
    assert.equal(spans[1]!.request.message!.run, 'mine');
  });

  it('of another NVR have its name and zone, and its own have none', async () => {
    deploy();
    await ask({ nvr: 'barn' });
    await ask({ nvr: 'home' });
    const { nvr, timeZone } = spans[0]!.request.source!;
    assert.deepEqual(
      { nvr, timeZone, source: spans[1]!.request.source },
      { nvr: 'Barn', timeZone: 'UTC', source: undefined },
    );
  });

  it('report nothing more once the node closes', async () => {
    deploy();
    await ask({ run: 'mine' });
    await events();
    const before = node.sent.length;
    const closed = node.close();
    spans[0]!.handlers.onPlaying?.('tcp');
    spans[0]!.end({ reason: 'stopped' });
    await closed;
    assert.deepEqual(
      { events: (await events()).length, sent: node.sent.length, closes },
      { events: before, sent: before, closes: 1 },
    );
  });

  it('that a restart interrupted are finished at the start, once', async () => {
    deploy();
    assert.equal(recover.callCount, 1);
    await ask();
    assert.equal(recover.callCount, 1);
  });

  it('leave a run of units beside them its badge, and its controls', async () => {
    deploy();
    void node.receive({ from: FROM, output: 'units', run: 'units' });
    await ask({ run: 'file' });
    assert.equal((await node.receive({ action: 'pause' })).error, undefined, 'it is the only one that can');
    assert.deepEqual(unitRun, ['pause']);
    const { badge } = node;
    spans[0]!.end();
    assert.equal(node.badge, badge);
  });

  it('are written by a message alone where the node sends units', async () => {
    deploy({ output: 'units' });
    assert.equal((await ask({ output: 'file' }))(), undefined);
    assert.equal(spans.length, 1);
  });

  it('are of the first recording group where none is named, and else of the one that is', async () => {
    deploy({ group: '' });
    await ask({ run: 'a' });
    await ask({ run: 'b', group: 2 });
    assert.deepEqual(
      spans.map(({ request: { group } }) => group),
      [0, 2],
    );
  });
});
