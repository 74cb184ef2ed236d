import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NvrError } from '../../../../lib/errors.js';
import { RECORD_HEAD } from '../../../../lib/nvr/view/records.js';
import { View } from '../../../../lib/nvr/view/view.js';
import type { Nvr } from '../../../../lib/nvr/nvr.js';
import { Recordings } from '../../../../nodes/shared/view/recordings.js';
import type { PictureWish } from '../../../../nodes/shared/view/pictures.js';
import type { SiteRequest } from '../../../../nodes/shared/view/sites.js';
import { viewSite } from '../../../../nodes/shared/view/view-site.js';
import { FakeHub } from '../../../kit/fake-hub.js';
import { until } from '../../../kit/until.js';

const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xd9]);
const CAMERAS = [
  { channel: 3, name: 'Gate <b>' },
  { channel: 7, name: 'Yard' },
];

interface Bench {
  url: string;
  readonly hub: FakeHub;
  readonly view: View;
  readonly counts: string[];
  wishes: PictureWish[];
  /** Past pictures that are being fetched wait for it. */
  past: Promise<void>;
}

const servers: http.Server[] = [];

/** The site at /v of a web server, as Express hands requests to it. */
async function serve(
  origins: string[] = [],
  maxViewers = 2,
  nvr: Partial<Nvr> = { canPlayBack: false },
  parsed: object = {},
): Promise<Bench> {
  const hub = new FakeHub();
  const counts: string[] = [];
  const wishes: PictureWish[] = [];
  const view = new View({
    cameras: CAMERAS,
    maxViewers,
    hub: () => hub,
    still: () => () => Promise.resolve({ data: JPEG, time: 1 }),
    onViewers: (count, event) => counts.push(`${event} ${count}`),
  });
  const bench: Bench = { url: '', hub, view, counts, wishes, past: Promise.resolve() };
  const site = viewSite({
    view,
    cameras: CAMERAS,
    origins,
    hello: { layout: 'auto' },
    recordings: new Recordings(nvr as Nvr, CAMERAS, () => []),
    still: async (channel, wish) => {
      wishes.push(wish);
      if (channel === 7) throw new NvrError('ECHANNEL', 'No such camera.');
      if (wish.at !== undefined) await bench.past;
      return { data: JPEG, time: Date.UTC(2026, 2, 29, 14) };
    },
  });
  const server = http.createServer((request, response: ServerResponse) => {
    const [path] = request.url!.split('?');
    Object.assign(request, { path, ...parsed });
    site(request as SiteRequest, response, path!.slice('/v'.length));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  bench.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v`;
  return bench;
}

/** Opens the stream and reads its first record. */
async function open(
  url: string,
): Promise<{ hello: { viewer: string; cameras: unknown }; close: () => void }> {
  const stop = new AbortController();
  const answer = await fetch(`${url}/stream`, { signal: stop.signal });
  assert.equal(answer.status, 200);
  const { value } = await answer.body!.getReader().read();
  const body = Buffer.from(value!);
  const text = body.subarray(RECORD_HEAD, RECORD_HEAD + body.readUInt32BE(0)).toString();
  return {
    hello: JSON.parse(text) as { viewer: string; cameras: unknown },
    close: () => {
      stop.abort();
    },
  };
}

function want(url: string, body: unknown, type = 'application/json'): Promise<Response> {
  return fetch(`${url}/want`, {
    method: 'POST',
    headers: { 'Content-Type': type },
    body: JSON.stringify(body),
  });
}

describe('the site of a view node', () => {
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  it('leads from its path to the page behind it, by a relative address that holds behind any proxy', async () => {
    const { url } = await serve();
    const answer = await fetch(url, { redirect: 'manual' });
    assert.deepEqual(
      { status: answer.status, location: answer.headers.get('location') },
      { status: 302, location: 'v/' },
    );
  });

  it('serves its page and scripts with a policy that runs no foreign scripts and forbids framing by others', async () => {
    const { url } = await serve();
    for (const [path, type] of [
      ['/', 'text/html'],
      ['/page.js', 'text/javascript'],
      ['/page.css', 'text/css'],
      ['/nvr-video.js', 'text/javascript'],
    ] as const) {
      const answer = await fetch(url + path);
      assert.equal(answer.status, 200, path);
      assert.ok(answer.headers.get('content-type')!.startsWith(type), path);
      assert.ok((await answer.text()).length > 100, path);
      const policy = answer.headers.get('content-security-policy')!;
      assert.match(policy, /default-src 'none'; script-src 'self'; /);
      assert.match(policy, /frame-ancestors 'self'$/);
      assert.equal(answer.headers.get('cross-origin-resource-policy'), 'same-origin');
      assert.equal(answer.headers.get('access-control-allow-origin'), null);
    }
  });

  it('serves nothing else: no way out of its folder, no name of Object’s', async () => {
    const { url } = await serve();
    for (const path of [
      '/view-site.js',
      '/..%2f..%2fpackage.json',
      '/constructor',
      '/__proto__',
      '//',
      '/page.js/',
      '/replay/',
      '/stream1',
      '/cameras.jsonp',
      '/recordings.json/1',
      '/1.jpg/',
      '/12345.jpg',
    ])
      assert.equal((await fetch(url + path)).status, 404, path);
    assert.equal((await fetch(`${url}/stream`, { method: 'DELETE' })).status, 405);
  });

  it('lets the sites of its settings frame and read it, and those alone', async () => {
    const { url } = await serve(['https://home.example']);
    const from = (origin: string): Promise<Response> =>
      fetch(`${url}/cameras.json`, { headers: { Origin: origin } });
    const friend = await from('https://home.example');
    assert.equal(friend.headers.get('access-control-allow-origin'), 'https://home.example');
    assert.match(
      friend.headers.get('content-security-policy')!,
      /frame-ancestors 'self' https:\/\/home\.example$/,
    );
    assert.equal((await from('https://evil.example')).headers.get('access-control-allow-origin'), null);
  });

  it('sends a page its cameras and an id first, and reports who has joined and left', async () => {
    const { url, counts } = await serve();
    const { hello, close } = await open(url);
    assert.deepEqual(hello.cameras, CAMERAS);
    assert.match(hello.viewer, /^[\w-]{36}$/);
    close();
    await until(() => counts.length === 2, { withinMs: 4_000 });
    assert.deepEqual(counts, ['joined 1', 'left 0']);
  });

  it('asks a camera only for what a page wants to see, and stops when it wants it no more or is gone', async () => {
    const { url, hub } = await serve();
    const { hello, close } = await open(url);
    assert.equal(hub.subscribers.size, 0);
    const wishes = [{ camera: 0, stream: 'dual', as: 'video' }];
    assert.equal((await want(url, { viewer: hello.viewer, wishes })).status, 204);
    assert.equal(hub.subscribers.size, 1);
    await want(url, { viewer: hello.viewer, wishes: [] });
    assert.equal(hub.subscribers.size, 0);
    await want(url, { viewer: hello.viewer, wishes });
    close();
    await until(() => hub.subscribers.size === 0, { withinMs: 4_000 });
  });

  it('follows the wishes that a page sent last, even if earlier ones arrive after them', async () => {
    const { url, hub } = await serve();
    const { hello, close } = await open(url);
    const { viewer } = hello;
    const wishes = [{ camera: 0, stream: 'dual', as: 'video' }];
    assert.equal((await want(url, { viewer, turn: 1, wishes })).status, 204);
    assert.equal((await want(url, { viewer, turn: 0, wishes: [] })).status, 204);
    assert.equal(hub.subscribers.size, 1);
    await want(url, { viewer, turn: 2, wishes: [] });
    assert.equal(hub.subscribers.size, 0);
    close();
  });

  it('refuses the id of another node’s page, and that of a closed page', async () => {
    const [one, other] = [await serve(), await serve()];
    const page = await open(one.url);
    const wishes = [{ camera: 0, stream: 'dual', as: 'video' }];
    const { viewer } = page.hello;
    assert.equal((await want(other.url, { viewer, wishes })).status, 404);
    assert.equal(other.hub.subscribers.size, 0);
    page.close();
    await until(() => one.counts.length === 2, { withinMs: 4_000 });
    assert.equal((await want(one.url, { viewer, wishes })).status, 404);
    assert.equal(one.hub.subscribers.size, 0);
  });

  it('takes wishes of a page that is open, as JSON, of cameras it has, and of no others', async () => {
    const { url, hub } = await serve();
    const { hello, close } = await open(url);
    const { viewer } = hello;
    const wish = { camera: 0, stream: 'main', as: 'video' };
    assert.equal((await want(url, { viewer: 'guessed', wishes: [wish] })).status, 404);
    assert.equal((await want(url, { viewer, wishes: [wish] }, 'text/plain')).status, 415);
    for (const body of [
      { viewer, wishes: [{ ...wish, camera: CAMERAS.length }] },
      { viewer, wishes: [{ ...wish, camera: 0.5 }] },
      { viewer, wishes: [{ ...wish, camera: -1 }] },
      { viewer, wishes: [{ ...wish, camera: '0' }] },
      { viewer, wishes: 'all' },
      { wishes: [] },
      'x',
      null,
    ])
      assert.equal((await want(url, body)).status, 400, JSON.stringify(body));
    const behindTheLast = await want(url, { viewer, wishes: [{ ...wish, camera: CAMERAS.length }] });
    assert.deepEqual(await behindTheLast.json(), {
      code: 'EINPUT',
      reason: '"camera" in a wish must be the index of a camera of this page.',
    });
    assert.equal((await want(url, { viewer, wishes: [], more: 'x'.repeat(20_000) })).status, 413);
    assert.equal(hub.subscribers.size, 0);
    close();
  });

  it('takes 256 wishes at most, and a body of 16 KiB in however many parts', async () => {
    const { url } = await serve();
    const { hello, close } = await open(url);
    const { viewer } = hello;
    const wish = { camera: 0, stream: 'main', as: 'still' };
    const many = (count: number): Promise<Response> =>
      want(url, { viewer, wishes: Array.from({ length: count }, () => wish) });
    assert.deepEqual([(await many(256)).status, (await many(257)).status], [204, 400]);
    const parts = new ReadableStream({
      async start(controller) {
        for (let i = 0; i < 20; i++) {
          controller.enqueue(Buffer.alloc(1000, ' '));
          await new Promise(setImmediate);
        }
        controller.close();
      },
    });
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(`${url}/want`, {
      method: 'POST',
      headers,
      body: parts,
      duplex: 'half',
    } as never);
    assert.deepEqual(
      { status: answer.status, connection: answer.headers.get('connection') },
      { status: 413, connection: 'close' },
    );
    close();
  });

  it('takes a body that another handler has parsed', async () => {
    const { url } = await serve([], 2, undefined, { body: { viewer: 'guessed', wishes: [] } });
    assert.equal((await want(url, 'not this')).status, 404);
  });

  it('refuses to save what cannot be, by its cause', async () => {
    const bench = await serve();
    const save = (body: object): Promise<Response> =>
      fetch(`${bench.url}/save`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
    assert.equal((await save({ channel: 3, from: 2, to: 1 })).status, 400);
    assert.equal((await save({ channel: 3, from: 1, to: 2 })).status, 503);
    assert.equal((await save({ channel: 9, from: 1, to: 2 })).status, 503);
  });

  it('refuses a page beyond the maximum number, and says why', async () => {
    const { url } = await serve([], 1);
    const { close } = await open(url);
    const answer = await fetch(`${url}/stream`);
    assert.equal(answer.status, 503);
    assert.deepEqual(await answer.json(), {
      code: 'EBUSY',
      reason: 'At most 1 pages are served at once; close another one.',
    });
    close();
  });

  it('answers a still of a camera by its channel, scaled as asked, and says why where there is none', async () => {
    const bench = await serve();
    const answer = await fetch(`${bench.url}/3.jpg?width=640`);
    assert.equal(answer.headers.get('content-type'), 'image/jpeg');
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), JPEG);
    assert.deepEqual(bench.wishes, [{ width: 640 }]);
    assert.equal((await fetch(`${bench.url}/4.jpg`)).status, 404);
    assert.equal((await fetch(`${bench.url}/3.jpg?width=1e9`)).status, 400);
    const missing = await fetch(`${bench.url}/7.jpg`);
    assert.equal(missing.status, 503);
    assert.deepEqual(await missing.json(), { code: 'ECHANNEL', reason: 'No such camera.' });
  });

  it('serves stills of past moments with their time, two at once, but no MJPEG of one', async () => {
    const bench = await serve();
    let answerAll = (): void => undefined;
    bench.past = new Promise((resolve) => (answerAll = resolve));
    const asked = [1, 2].map((minutes) => fetch(`${bench.url}/3.jpg?at=-${minutes}m&width=64`));
    await until(() => bench.wishes.length === 2, { withinMs: 4_000 });
    const third = await fetch(`${bench.url}/3.jpg?at=-3m`);
    assert.deepEqual(
      { status: third.status, code: ((await third.json()) as { code: string }).code },
      { status: 503, code: 'EBUSY' },
    );
    assert.equal((await fetch(`${bench.url}/3.jpg`)).status, 200);
    answerAll();
    const [first] = await Promise.all(asked);
    assert.deepEqual(
      { status: first!.status, pictureTime: first!.headers.get('x-picture-time') },
      { status: 200, pictureTime: '2026-03-29T14:00:00.000Z' },
    );
    assert.deepEqual(bench.wishes.slice(0, 2), [
      { width: 64, at: '-1m' },
      { width: 64, at: '-2m' },
    ]);
    assert.equal((await fetch(`${bench.url}/3.jpg?at=-3m`)).status, 200);
    assert.equal((await fetch(`${bench.url}/3.mjpeg?at=-3m`)).status, 400);
  });

  for (const path of ['stream', 'replay?channel=3&from=1', '3.mjpeg'])
    it(`asks nothing of a camera for the headers alone of what has no end: ${path}`, async () => {
      const { url, view, wishes } = await serve();
      const answer = await fetch(`${url}/${path}`, { method: 'HEAD', signal: AbortSignal.timeout(5_000) });
      assert.deepEqual(
        { status: answer.status, allow: answer.headers.get('allow') },
        { status: 405, allow: 'GET' },
      );
      assert.deepEqual({ viewers: view.viewers, wishes: wishes.length }, { viewers: 0, wishes: 0 });
    });

  it('answers pictures without end for an <img>, until it is gone', async () => {
    const bench = await serve();
    const stop = new AbortController();
    const answer = await fetch(`${bench.url}/3.mjpeg`, { signal: stop.signal });
    assert.match(answer.headers.get('content-type')!, /^multipart\/x-mixed-replace; boundary=/);
    const reader = answer.body!.getReader();
    let text = '';
    while (text.split('Content-Type: image/jpeg').length < 3)
      text += Buffer.from((await reader.read()).value!).toString('latin1');
    stop.abort();
  });
});
