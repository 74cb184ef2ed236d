// The playback node with several NVRs, several runs that fail, and what its exports are given.

import assert from 'node:assert/strict';
import path from 'node:path';
import sinon from 'sinon';
import { NvrError, type NvrErrorCode } from '../../../lib/errors.js';
import { UNCOUNTED } from '../../../lib/media/unit-memory.js';
import { Exports } from '../../../lib/nvr/export/exports.js';
import type {
  ExportDeps,
  ExportHandlers,
  ExportOptions,
  ExportRequest,
  ExportsListener,
} from '../../../lib/nvr/export/types.js';
import type { PlaybackHandlers, PlaybackRequest } from '../../../lib/nvr/playback/run.js';
import playbackNode from '../../../nodes/nvr-playback.js';
import { videoUnit } from '../../kit/fake-hub.js';
import { FakeRed, turn, type FakeNode } from '../../kit/fake-red.js';

type Asked = Parameters<ExportDeps['fetchSpan']>;

const FROM = 1_700_000_000_000;

/** An NVR that says what it was asked for. */
class FakeNvr {
  readonly canPlayBack = true;
  readonly fetched: unknown[][] = [];
  readonly runs: { request: PlaybackRequest; handlers: PlaybackHandlers; calls: string[] }[] = [];
  memories = 0;
  /** Ends at once with this, before anyone has the run. */
  failure: NvrError | undefined;
  stops: (() => void)[] | undefined;

  readonly playback = {
    play: (request: PlaybackRequest, handlers: PlaybackHandlers): object => {
      const calls: string[] = [];
      this.runs.push({ request, handlers, calls });
      if (this.failure !== undefined) handlers.onEnd('error', this.failure, 0);
      const note = (call: string) => () => void calls.push(call);
      const stop = (): Promise<void> => {
        calls.push('stop');
        const { stops } = this;
        return stops === undefined ? Promise.resolve() : new Promise((resolve) => stops.push(resolve));
      };
      const state = { state: 'playing', reached: FROM + 7 };
      return {
        ...state,
        stop,
        start: note('start'),
        pause: note('pause'),
        hold: note('hold'),
        letGo: note('letGo'),
      };
    },
  };

  fetchSpan(...asked: unknown[]): object {
    this.fetched.push(asked);
    return {};
  }

  spanMemory(): typeof UNCOUNTED {
    this.memories++;
    return UNCOUNTED;
  }
}

describe('the playback node, and what it plays and writes with', () => {
  let nvr: FakeNvr;
  let barn: FakeNvr;
  let node: FakeNode;
  let spans: { request: ExportRequest; handlers: ExportHandlers }[];
  let close: sinon.SinonStub;
  let exports: { options: ExportOptions; deps: ExportDeps; listener: ExportsListener } | undefined;

  beforeEach(() => {
    spans = [];
    exports = undefined;
    sinon.stub(Exports.prototype, 'recover').resolves();
    close = sinon.stub(Exports.prototype, 'close').resolves();
    sinon.stub(Exports.prototype, 'start').callsFake(function (this: Exports, request, handlers) {
      exports = this as never;
      spans.push({ request, handlers });
      return {
        state: 'fetching',
        reached: FROM,
        percent: 0,
        request,
        stop: () => Promise.resolve(),
      } as never;
    });
  });

  afterEach(async () => {
    if (nvr.stops !== undefined) nvr.stops = undefined;
    await node.close();
    sinon.restore();
  });

  function deploy(saved: object = {}, server: object = {}): void {
    nvr = new FakeNvr();
    barn = new FakeNvr();
    const red = new FakeRed();
    red.settings.userDir = '/user';
    red.server(nvr, { timeZone: 'Asia/Tokyo', channels: [{ channel: 3, name: 'Gate' }], ...server });
    red.server(barn, { name: 'Barn', channels: [{ channel: 3, name: 'Stall' }] }, 'barn');
    node = red.make(playbackNode, 'nvr-playback', { output: 'file', folder: '/clips', ...saved });
    red.run();
  }

  async function play(message: object = {}): Promise<() => NvrErrorCode | 'done' | undefined> {
    let code: NvrErrorCode | 'done' | undefined;
    void node.receive({ from: FROM, duration: '10s', ...message }).then(({ error }) => {
      code = error === undefined ? 'done' : (error.code as NvrErrorCode);
    });
    await turn();
    return () => code;
  }

  const events = (): Record<string, unknown>[] =>
    node.sent.flatMap(([, message]) =>
      message == null ? [] : [{ word: message.payload, ...(message.event as object) }],
    );

  it('fails with the first channel’s error, whichever ended first', async () => {
    deploy();
    const code = await play({ output: 'units', channel: '1-2' });
    nvr.runs[1]!.handlers.onEnd('error', new NvrError('EAUTH', 'No.'), 0);
    nvr.runs[0]!.handlers.onEnd('error', new NvrError('ETIMEDOUT', 'Silent.'), 0);
    await turn();
    await turn();
    assert.equal(code(), 'ETIMEDOUT');
  });

  it('counts the units of several channels that wait for one another', async () => {
    deploy();
    await play({ output: 'units', channel: '1-2' });
    assert.equal(nvr.memories, 2);
  });

  it('has reached its beginning where a run ends before it has begun', async () => {
    deploy();
    nvr.failure = new NvrError('EAUTH', 'No.');
    await play({ output: 'units' });
    await turn();
    assert.equal(events().at(-1)!.reached, FROM);
  });

  it('holds a run while the bytes that it waits with are many, however few the pictures', async () => {
    deploy();
    await play({ output: 'units' });
    const data = Buffer.alloc(1024 * 1024);
    const fill = (count: number): void => {
      for (let i = 0; i < count; i++)
        nvr.runs[0]!.handlers.onUnit({ unit: videoUnit({ data }), repeated: false });
    };
    fill(15);
    assert.deepEqual(nvr.runs[0]!.calls, []);
    fill(2);
    assert.deepEqual(nvr.runs[0]!.calls, ['hold']);
  });

  it('waits for its runs and its exports when it closes, and tells both at once', async () => {
    deploy();
    await play();
    await play({ output: 'units' });
    nvr.stops = [];
    let finish!: () => void;
    close.returns(new Promise<void>((resolve) => (finish = resolve)));
    let isClosed = false;
    const closed = node.close().then(() => (isClosed = true));
    await turn();
    assert.deepEqual({ runs: nvr.runs[0]!.calls, exports: close.callCount }, { runs: ['stop'], exports: 1 });
    nvr.stops[0]!();
    await turn();
    assert.equal(isClosed, false, 'an export is still being finished');
    finish();
    await closed;
    close.resolves();
    deploy();
    await play({ output: 'units' });
    nvr.stops = [];
    isClosed = false;
    const again = node.close().then(() => (isClosed = true));
    await turn();
    assert.equal(isClosed, false, 'a run is still being stopped');
    nvr.stops[0]!();
    await again;
  });

  it('controls a run of units by its name though another one is written to a file', async () => {
    deploy();
    await play({ run: 'file' });
    await play({ run: 'units', output: 'units' });
    assert.equal((await node.receive({ action: 'pause', run: 'units' })).error, undefined);
    assert.deepEqual(nvr.runs[0]!.calls, ['pause']);
  });

  it('lists what is sent and what is written in one answer, of the topic that was asked with', async () => {
    deploy();
    await play({ run: 'file' });
    await play({ run: 'units', output: 'units' });
    for (const topic of ['mine', '']) {
      await node.receive({ action: 'status', topic });
      const answer = node.sent.at(-1)![1]!;
      assert.equal(answer.topic, topic === '' ? 'nvr/playback/event' : 'mine');
      const { runs } = answer.event as { runs: { run: string }[] };
      assert.deepEqual(runs.map(({ run }) => run).sort(), ['file', 'units']);
    }
  });

  it('writes another NVR’s recording under that one’s names, and reads it there', async () => {
    deploy();
    await play({ nvr: 'barn', channel: '3', group: 2 });
    const { request, handlers } = spans[0]!;
    assert.deepEqual({ name: request.channelName, group: request.group }, { name: 'Stall', group: 2 });
    const lists = { alarms: [], gaps: [], damagedSpans: [] };
    handlers.onFile({ file: '/clips/a.mp4', bytes: 5, ...lists } as never, undefined);
    assert.equal(node.sent.at(-1)![0]!.topic, 'nvr/Barn/Stall/clip');
    const asked = [{ channel: 3 }, new AbortController().signal, {}] as unknown as Asked;
    request.source!.fetchSpan(...asked);
    assert.deepEqual({ barn: barn.fetched, own: nvr.fetched }, { barn: [asked], own: [] });
  });

  describe('has exports that', () => {
    async function made(saved: object = {}, server: object = {}): Promise<NonNullable<typeof exports>> {
      deploy(saved, server);
      await play();
      return exports!;
    }

    it('write to the folder that is set, or one of the user folder, in the NVR’s zone', async () => {
      const own = (await made({ folder: '', plain: true })).options;
      assert.deepEqual(
        { folder: own.folder, plain: own.plain, nvr: own.nvr, timeZone: own.timeZone },
        { folder: path.resolve('/user', 'nvr-clips'), plain: true, nvr: 'Home', timeZone: 'Asia/Tokyo' },
      );
      const set = (await made({ plain: false })).options;
      assert.deepEqual({ folder: set.folder, plain: set.plain }, { folder: '/clips', plain: false });
    });

    it('read the node’s NVR, can be given up, tell how it goes, and count what waits', async () => {
      const { deps } = await made();
      const asked = [{ channel: 3 }, new AbortController().signal, {}] as unknown as Asked;
      deps.fetchSpan(...asked);
      assert.deepEqual(nvr.fetched, [asked]);
      deps.memory();
      assert.equal(nvr.memories, 1);
    });

    it('keep what may be kept of the message, and nothing secret, which the file’s message has', async () => {
      deploy();
      const secret = { req: { headers: { cookie: 'session=1' } }, password: 'secret' };
      await play({ ...secret, zone: 3 });
      const { request, handlers } = spans[0]!;
      assert.deepEqual(request.message, { from: FROM, duration: '10s', zone: 3 });
      const lists = { alarms: [], gaps: [], damagedSpans: [] };
      handlers.onFile({ file: '/clips/a.mp4', bytes: 5, ...lists } as never, undefined);
      const { req, zone } = node.sent.at(-1)![0]!;
      assert.deepEqual({ req, zone }, { req: secret.req, zone: 3 });
    });

    it('take over what was left of the same NVR alone', async () => {
      const owner = async (server = {}): Promise<string> => (await made({}, server)).deps.owner!.camera;
      const same = await owner();
      assert.equal(await owner(), same);
      assert.notEqual(await owner({ rtspPort: 555 }), same);
      assert.notEqual(await owner({ host: '127.0.0.2' }), same);
      const byAnother = (await made({ id: 'another' })).deps.owner!.camera;
      assert.equal(byAnother, same, 'whichever node left it');
    });

    it('read the time of day and the monotonic time, both in milliseconds', async () => {
      const { deps } = await made();
      sinon.stub(Date, 'now').returns(FROM);
      sinon.stub(performance, 'now').returns(5000);
      assert.deepEqual({ now: deps.now(), monotonic: deps.monotonic() }, { now: FROM, monotonic: 5000 });
    });

    it('report what they recover with its message, and what goes wrong to Catch, and know when the node closes', async () => {
      const { listener } = await made();
      listener.onRecovered({ file: '/clips/a.mp4', bytes: 5 } as never, { topic: 'mine', of: 3 });
      listener.onRecovered({ file: '/clips/b.mp4', bytes: 5 } as never, undefined);
      assert.deepEqual(
        node.sent.map(([clip]) => ({ topic: clip!.topic, of: clip!.of, payload: clip!.payload })),
        [
          { topic: 'mine', of: 3, payload: '/clips/a.mp4' },
          { topic: 'nvr/playback/clip', of: undefined, payload: '/clips/b.mp4' },
        ],
      );
      listener.onWarning(new NvrError('EDISK', 'Full.'));
      assert.equal(node.errors.at(-1)?.code, 'EDISK');
      assert.equal(listener.isRunning(), true);
      await node.close();
      assert.equal(listener.isRunning(), false);
    });
  });
});
