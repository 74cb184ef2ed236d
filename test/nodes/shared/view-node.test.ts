// The view node on cameras, recordings and a web server that the test holds.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import sinon from 'sinon';
import { View } from '../../../lib/nvr/view/view.js';
import viewNode from '../../../nodes/nvr-view.js';
import { Recordings } from '../../../nodes/shared/view/recordings.js';
import { FakeHub, videoUnit } from '../../kit/fake-hub.js';
import { FakeRed, turn, type FakeNode } from '../../kit/fake-red.js';

/** What the node gives its view. */
type ViewOptions = ConstructorParameters<typeof View>[0];
type Handler = (request: object, response: Response, next: () => void) => void;

/** An answer over HTTP, as far as the node writes one. */
class Response extends EventEmitter {
  readonly headers: Record<string, unknown> = {};
  status = 0;
  headersSent = false;
  destroyed = false;
  writableEnded = false;
  body: unknown;

  setHeader(name: string, value: unknown): void {
    this.headers[name] = value;
  }

  writeHead(status: number, headers: object = {}): this {
    this.status = status;
    Object.assign(this.headers, headers);
    return this;
  }

  end(body?: unknown): this {
    this.body = body;
    this.writableEnded = true;
    this.emit('finish');
    return this;
  }
}

const PAST = Date.UTC(2026, 2, 29, 12, 2);
const CAMERAS = [
  { channel: 2, name: 'Gate' },
  { channel: 7, name: 'Yard' },
];

describe('the view node on cameras of the test', () => {
  let node: FakeNode;
  let hub: FakeHub;
  let asked: string[];
  let serve: Handler;
  let show: sinon.SinonSpy;

  beforeEach(() => {
    asked = [];
    hub = new FakeHub();
    hub.gop = [videoUnit({ codec: 'mjpeg', data: Buffer.from([0xff, 0xd8, 1]) })];
    show = sinon.spy(View.prototype, 'show');
  });

  afterEach(async () => {
    await node.close();
    sinon.restore();
  });

  function deploy(saved: object = {}, server: object = {}, canPlayBack = true): void {
    const red = new FakeRed();
    const fetchSpan = async function* ({ channel, stream, from }: Record<string, unknown>) {
      await Promise.resolve();
      asked.push(`${String(channel)} ${String(stream)} at ${String(from)}`);
      yield { ...hub.gop[0], time: from };
    };
    const camera = (channel: number, stream: string): FakeHub => {
      asked.push(`${channel} ${stream}`);
      return hub;
    };
    const nvr = { camera, fetchSpan, canPlayBack, settings: { timeZone: '' } };
    red.server(nvr, { channels: CAMERAS, ...server });
    Object.assign(red.RED, { httpNode: { use: (handler: Handler) => (serve = handler) } });
    node = red.make(viewNode, 'nvr-view', { channel: '*', path: '/wall', stream: 'dual', ...saved });
    red.run();
  }

  /** What the node's view was given. */
  async function options(): Promise<ViewOptions> {
    await node.receive({ action: 'show' });
    return (show.lastCall.thisValue as { options: ViewOptions }).options;
  }

  function get(url: string, headers: object = {}): { response: Response; isServed: () => boolean } {
    const response = new Response();
    let isServed = true;
    const request = Object.assign(new EventEmitter(), {
      ...{ method: 'GET', url, path: url.split('?', 1)[0], headers: { host: 'here', ...headers } },
    });
    serve(request, response, () => (isServed = false));
    return { response, isServed: () => isServed };
  }

  async function picture(url: string): Promise<Response> {
    const { response } = get(url);
    while (!response.writableEnded) await turn();
    return response;
  }

  it('takes its hubs and its stills of the stream that the page wants, and a still that is a second old at most', async () => {
    deploy();
    const { hub: hubOf, still } = await options();
    assert.equal(hubOf(7, 'main'), hub);
    const { signal } = new AbortController();
    assert.equal((await still(2, 'main')(signal)).time, hub.gop[0]!.time);
    assert.deepEqual(asked, ['7 main', '2 main']);
    hub.gop = [videoUnit({ codec: 'mjpeg', age: 1500 })];
    const next = still(2, 'dual')(signal);
    const fresh = videoUnit({ codec: 'mjpeg' });
    hub.emit(fresh);
    assert.equal((await next).data, fresh.data);
  });

  it('gives up a still that no page waits for any more', async () => {
    deploy();
    hub.gop = [];
    const ending = new AbortController();
    const still = (await options()).still(2, 'main')(ending.signal);
    ending.abort();
    await assert.rejects(still);
    assert.equal(hub.subscribers.size, 0);
  });

  it('answers the address of a still with one of its stream, now or of a past moment', async () => {
    deploy();
    const live = await picture('/wall/7.jpg');
    assert.deepEqual({ status: live.status, body: live.body }, { status: 200, body: hub.gop[0]!.data });
    const past = await picture(`/wall/2.jpg?at=${PAST}`);
    assert.equal(past.headers['X-Picture-Time'], new Date(PAST).toISOString());
    assert.deepEqual(asked, ['7 dual', `2 dual at ${PAST}`]);
  });

  it('is served at its path, without the slash that may end it, as long as it is there', async () => {
    deploy({ path: '/wall/', name: 'Wall' });
    assert.equal(get('/wall/cameras.json').isServed(), true);
    assert.equal(get('/nvr/view/wall/cameras.json').isServed(), false);
    await node.close();
    assert.equal(get('/wall/cameras.json').isServed(), false);
  });

  for (const [name, path] of [
    [' Hof / Süd-Straße! ', '/nvr/view/hof-sud-strasse'],
    ['***', '/nvr/view/node'],
  ] as const)
    it(`makes a path of its name: ${name}`, () => {
      deploy({ path: '', name });
      assert.equal(get(`${path}/cameras.json`).isServed(), true);
    });

  it('tells pages what they need to begin: sound only where the NVR’s is on, and whether there are recordings', async () => {
    for (const [sound, audio, playback] of [
      [true, true, true],
      [true, false, false],
      [false, true, true],
    ]) {
      deploy({ sound, layout: '2' }, { audio }, playback);
      const open = sinon.stub(View.prototype, 'open').returns('id');
      get('/wall/stream');
      assert.deepEqual(open.firstCall.args[1], {
        ...{ layout: '2', stream: 'dual', sound: sound && audio, playback },
      });
      open.restore();
      await node.close();
    }
  });

  it('lets each origin of its setting frame it', () => {
    deploy({ origins: 'https://a.example, https://b.example' });
    const policy = Object.values(get('/wall/cameras.json').response.headers).join(' ');
    for (const origin of ['https://a.example', 'https://b.example'])
      assert.ok(policy.includes(origin), policy);
  });

  it('turns pages by the index of the camera, with the layout if it is text', async () => {
    deploy();
    for (const message of [
      { channel: 'Yard', layout: 'one' },
      { channel: 2, layout: 3 },
      { channel: '' },
      { channel: null },
      { channel: '*' },
    ])
      assert.equal((await node.receive({ action: 'show', ...message })).error, undefined);
    assert.deepEqual(show.args, [
      [1, 'one'],
      [0, undefined],
      ...new Array<undefined[]>(3).fill([undefined, undefined]),
    ]);
    assert.equal((await node.receive({ action: 'show', channel: 3 })).error!.code, 'EINPUT');
    assert.equal((await node.receive({ action: 'hide' })).error!.code, 'EINPUT');
    assert.equal(show.callCount, 5);
  });

  it('reports each page that comes and goes with its path, and none once it is closed', async () => {
    deploy();
    const { onViewers, maxViewers } = await options();
    assert.ok(maxViewers > 0);
    onViewers(2, 'joined');
    assert.equal(node.badge, 'green dot 2');
    onViewers(0, 'left');
    assert.equal(node.badge, 'grey ring idle');
    assert.deepEqual(
      node.sent.map(([message]) => {
        const { time, ...event } = message!.event as Record<string, unknown>;
        assert.ok(Math.abs(Number(time) - Date.now()) < 60_000);
        return event;
      }),
      [
        { change: 'joined', viewers: 2, path: '/wall' },
        { change: 'left', viewers: 0, path: '/wall' },
      ],
    );
    await node.close();
    const before = node.statuses.length;
    onViewers(0, 'left');
    assert.deepEqual({ sent: node.sent.length, badges: node.statuses.length }, { sent: 2, badges: before });
  });

  it('ends its pages when it closes, and waits for what is being saved', async () => {
    deploy();
    let finish!: () => void;
    sinon.stub(Recordings.prototype, 'close').returns(new Promise<void>((resolve) => (finish = resolve)));
    await options();
    const view = show.lastCall.thisValue as View;
    let isClosed = false;
    const closed = node.close().then(() => (isClosed = true));
    await turn();
    assert.throws(() => view.open({} as never, {}), /closed/);
    assert.equal(isClosed, false);
    finish();
    await closed;
  });
});
