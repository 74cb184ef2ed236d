import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Node, NodeAPI } from 'node-red';
import { RECORD_HEAD, RECORD_KINDS } from '../../lib/nvr/view/records.js';
import serverNode from '../../nodes/nvr-server.js';
import viewNode from '../../nodes/nvr-view.js';
import { deployAnew, flowWith, helper, NODE_RED_HOME, serveNodes, Sink, statuses } from '../kit/red.js';

type Next = () => void;
type Middleware = (request: { url: string }, response: http.ServerResponse, next: Next) => void;
interface App extends RequestListener {
  use(root: string, app: RequestListener): void;
  get(path: string, handler: (request: unknown, response: http.ServerResponse) => void): void;
}

const fromNodeRed = createRequire(
  createRequire(path.join(NODE_RED_HOME, 'package.json')).resolve('@node-red/runtime'),
);
const express = fromNodeRed('express') as () => App;
const CAMERAS = [
  { channel: 1, name: 'Gate' },
  { channel: 2, name: 'Yard' },
];

/** A flow with one view node on cameras that nothing answers for. */
function viewFlow(...views: object[]): object[] {
  const node = { type: 'nvr-view', channel: '*', wires: [['out']] };
  return flowWith(
    { rtspPort: '1', channels: CAMERAS },
    views.map((view, index) => ({ ...node, id: `view${index + 1}`, ...view })),
  );
}

describe('the nvr-view node', () => {
  const servers: http.Server[] = [];
  serveNodes();

  afterEach(() => {
    helper.settings({});
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** Loads a flow; `prepare` is called first. Answers Node-RED's app for HTTP nodes, and the helper nodes. */
  async function load(
    flow: object[],
    prepare: (app: App, settings: Record<string, unknown>) => void = () => undefined,
  ): Promise<{ app: App; sink: (id: string) => Sink }> {
    let app: App | undefined;
    const begin = (RED: NodeAPI): void => {
      const { httpNode, settings } = RED as unknown as { httpNode: App; settings: Record<string, unknown> };
      prepare((app = httpNode), settings);
      viewNode(RED);
    };
    await helper.load([serverNode, begin] as never, flow, {});
    const sinks = new Map(
      ['out', 'catch', 'complete'].map((id) => [id, new Sink(helper.getNode(id) as Node)]),
    );
    return { app: app!, sink: (id) => sinks.get(id)! };
  }

  /** Serves Node-RED's app below a path, as `httpNodeRoot` or a proxy's prefix does; answers its URL. */
  async function serve(app: App, root = '/'): Promise<string> {
    const outer = express();
    outer.use(root, app);
    const server = http.createServer(outer).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}${root === '/' ? '' : root}`;
  }

  const statusOf = async (url: string): Promise<number> => (await fetch(url)).status;

  /** An open page: its records so far. */
  async function openPage(url: string) {
    const answer = await fetch(`${url}/stream`);
    assert.equal(answer.status, 200);
    const reader = answer.body!.getReader();
    let bytes = Buffer.alloc(0);
    const next = async (): Promise<{ kind: number; value: Record<string, unknown> }> => {
      while (bytes.length < RECORD_HEAD || bytes.length < RECORD_HEAD + bytes.readUInt32BE(0)) {
        const { value, done } = await reader.read();
        if (done) throw new Error('the stream has ended');
        bytes = Buffer.concat([bytes, value]);
      }
      const end = RECORD_HEAD + bytes.readUInt32BE(0);
      const text = bytes.toString('utf8', RECORD_HEAD, end);
      const kind = bytes[4]!;
      bytes = bytes.subarray(end);
      return { kind, value: JSON.parse(text) as Record<string, unknown> };
    };
    return { next, close: () => reader.cancel() };
  }

  it('serves its page at its path, else below its name, else below its id, and removes it when it closes', async () => {
    const { app } = await load(viewFlow({ name: 'Süd & Straße' }, { path: '/cams/' }, { name: '' }));
    const url = await serve(app);
    const paths = ['/nvr/view/sud-strasse', '/cams', '/nvr/view/view3'];
    for (const one of paths) assert.equal(await statusOf(`${url}${one}/`), 200, one);
    assert.equal(await statusOf(`${url}/nvr/view/`), 404);
    await deployAnew(viewFlow());
    for (const one of paths) assert.equal(await statusOf(`${url}${one}/`), 404, one);
    await deployAnew(viewFlow({ path: '/cams' }));
    assert.equal(await statusOf(`${url}/cams/`), 200);
  });

  it('gets a red badge if its path is another node’s, whose page stays', async () => {
    const { app } = await load(viewFlow({ path: '/wall' }, { path: '/Wall/' }, { path: '/taken' }), (its) => {
      its.get('/taken', (_request, response) => response.end('mine'));
    });
    const url = await serve(app);
    for (const id of ['view2', 'view3']) {
      const last = statuses(id).at(-1);
      assert.deepEqual({ fill: last?.fill, shape: last?.shape }, { fill: 'red', shape: 'ring' }, id);
    }
    assert.equal(await statusOf(`${url}/wall/`), 200);
    assert.equal(await (await fetch(`${url}/taken`)).text(), 'mine');
  });

  it('works below httpNodeRoot and a proxy’s prefix: no address in it is absolute', async () => {
    const { app } = await load(viewFlow({ name: 'Wall' }));
    const url = await serve(app, '/prefix/root');
    const answer = await fetch(`${url}/nvr/view/wall`);
    assert.equal(answer.url, `${url}/nvr/view/wall/`);
    const html = await answer.text();
    const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
    assert.ok(links.length >= 4);
    for (const link of links.filter((one) => !one.startsWith('data:'))) {
      assert.match(link, /^[\w-]+\.(js|css)$/);
      assert.equal(await statusOf(new URL(link, answer.url).href), 200, link);
    }
  });

  it('asks Node-RED’s HTTP middleware first, on every request', async () => {
    const asked: string[] = [];
    const middleware: Middleware = (request, response, next) => {
      asked.push(request.url);
      if (request.url.endsWith('.json')) response.writeHead(403).end();
      else next();
    };
    const { app } = await load(viewFlow({ name: 'Wall' }), (_app, settings) => {
      settings.httpNodeMiddleware = middleware;
    });
    const url = await serve(app);
    assert.equal(await statusOf(`${url}/nvr/view/wall/`), 200);
    assert.equal(await statusOf(`${url}/nvr/view/wall/cameras.json`), 403);
    assert.deepEqual(asked, ['/nvr/view/wall/', '/nvr/view/wall/cameras.json']);
  });

  it('warns at the start that whoever reaches Node-RED sees the cameras, unless a password is asked for', async () => {
    const warnings = (): string[] => {
      const { warn } = helper.getNode('view1') as {
        warn: { args: [string][]; thisValues: unknown[] };
      };
      return warn.args
        .filter((_, at) => warn.thisValues[at] === helper.getNode('view1'))
        .map(([text]) => text);
    };
    await load(viewFlow({ name: 'Wall' }));
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0]!, /\/nvr\/view\/wall: set httpNodeAuth/);
    await helper.unload();
    await load(viewFlow({ name: 'Wall' }), (_app, settings) => {
      settings.httpNodeAuth = { user: 'guest', pass: 'x' };
    });
    assert.deepEqual(warnings(), []);
  });

  it('reports who joined and left, by message and badge, and refuses a page beyond the maximum number', async () => {
    const { app, sink } = await load(viewFlow({ name: 'Wall', maxViewers: '2' }));
    const url = `${await serve(app)}/nvr/view/wall`;
    const pages = [await openPage(url), await openPage(url)];
    const third = await fetch(`${url}/stream`);
    assert.equal(third.status, 503);
    assert.equal(((await third.json()) as { code: string }).code, 'EBUSY');
    assert.deepEqual(statuses('view1').at(-1), { fill: 'green', shape: 'dot', text: '2' });
    for (const page of pages) await page.close();
    const left = await sink('out').first(({ event }) => (event as { viewers: number }).viewers === 0);
    assert.deepEqual(
      { payload: left.payload, topic: left.topic },
      { payload: 'viewer', topic: 'nvr/Home/0/event' },
    );
    const told = sink('out').messages.map(({ event }) => event as { change: string; viewers: number });
    assert.deepEqual(
      told.map(({ change, viewers }) => `${change} ${viewers}`),
      ['joined 1', 'joined 2', 'left 1', 'left 0'],
    );
    assert.equal(statuses('view1').at(-1)?.fill, 'grey');
  });

  it('turns all open pages to a camera by its number or name and back, and refuses what it does not show', async () => {
    const { app, sink } = await load(viewFlow({ name: 'Wall' }));
    const url = `${await serve(app)}/nvr/view/wall`;
    const pages = [await openPage(url), await openPage(url)];
    for (const page of pages) assert.equal((await page.next()).kind, RECORD_KINDS.hello);
    const view = helper.getNode('view1') as Node;
    for (const [channel, camera] of [
      ['Yard', 1],
      [1, 0],
      ['2', 1],
      ['*', undefined],
      [undefined, undefined],
    ] as const) {
      view.receive({ action: 'show', channel });
      for (const page of pages) {
        const { kind, value } = await page.next();
        assert.deepEqual(
          { kind, camera: value.camera },
          { kind: RECORD_KINDS.show, camera },
          String(channel),
        );
      }
    }
    for (const message of [{ action: 'show', channel: 9 }, { action: 'hide' }, {}]) view.receive(message);
    await sink('catch').first(() => sink('catch').messages.length === 3);
    for (const { error } of sink('catch').messages as unknown as { error: { code: string } }[])
      assert.equal(error.code, 'EINPUT');
    await finished(sink('complete'), 5);
    for (const page of pages) await page.close();
  });

  it('ends the streams of its pages when it is deployed anew, and takes them again under the same path', async () => {
    const { app } = await load(viewFlow({ name: 'Wall' }));
    const url = `${await serve(app)}/nvr/view/wall`;
    const page = await openPage(url);
    assert.equal((await page.next()).kind, RECORD_KINDS.hello);
    await deployAnew(viewFlow({ name: 'Wall' }));
    await assert.rejects(page.next());
    const again = await openPage(url);
    assert.equal((await again.next()).kind, RECORD_KINDS.hello);
    await again.close();
  });
});

async function finished(sink: Sink, count: number): Promise<void> {
  while (sink.messages.length < count) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(sink.messages.length, count);
}
