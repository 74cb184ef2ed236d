import assert from 'node:assert/strict';
import { once } from 'node:events';
import { askDescription, describe as describeStream, describeInSteps } from '../../lib/client/describe.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import type { PipeOptions } from '../../lib/client/transport/socket.js';
import { tcp } from '../../lib/client/transport/transports.js';
import { SDP, startScriptedServer, type Script, type ScriptedServer } from '../kit/scripted-server.js';

type Options = Parameters<typeof describeStream>[0];

describe('asking for a description', () => {
  let server: ScriptedServer;
  let memory: ServerMemory;

  afterEach(() => server.close());

  async function start(script?: Script): Promise<void> {
    server = await startScriptedServer(script);
    memory = new ServerMemory();
  }

  const options = (extra: Partial<Options> = {}): Options => ({
    ...{ uri: `rtsp://127.0.0.1:${server.port}/live`, memory, transport: tcp() },
    ...extra,
  });

  it('closes the connection once the description is all that was wanted', async () => {
    await start();
    const connected = server.waitFor('DESCRIBE');
    const description = await askDescription(options());
    await connected;
    assert.equal(description.media.length, 1);
    const { socket } = server.peers[0]!;
    if (!socket.destroyed) await once(socket, 'close');
  });

  for (const step of ['connected', 'answered'])
    it(`closes the connection where its caller stops at "${step}"`, async () => {
      await start();
      for await (const { name } of describeInSteps(options())) if (name === step) break;
      const { socket } = server.peers[0] ?? { socket: undefined };
      if (socket?.destroyed === false) await once(socket, 'close');
      assert.ok(server.requests.every(({ method }) => method !== 'DESCRIBE'));
    });

  it('closes the connection where it is given up while its caller looks at a step', async () => {
    await start();
    const control = new AbortController();
    const steps = describeInSteps(options({ signal: control.signal }));
    await steps.next();
    await steps.next();
    const closed = once(server.peers[0]!.socket, 'close');
    control.abort();
    await closed;
    await assert.rejects(steps.next(), { code: 'EUNREACHABLE' });
  });

  it('reads the methods and the base URI where odd servers put them', async () => {
    await start(({ method, uri }) => {
      if (method === 'OPTIONS') return { headers: { OPTIONS: 'describe, Get_Parameter' } };
      return { headers: { 'Content-Location': `${uri}/elsewhere/` }, body: SDP };
    });
    const { methods, baseUri, connection, isTls } = await describeStream(options());
    connection.destroy();
    assert.deepEqual(
      { methods: [...methods], isElsewhere: baseUri.includes('/elsewhere'), isTls },
      { methods: ['DESCRIBE', 'GET_PARAMETER'], isElsewhere: true, isTls: false },
    );
  });

  it('waits for a connection 10 s where nothing is said, and for an answer as long as its caller has', async () => {
    await start(() => ({ raw: Buffer.alloc(0) }));
    let connectMs = 0;
    const connect = (asked: PipeOptions): ReturnType<ReturnType<ReturnType<typeof tcp>['bearer']>> => {
      connectMs = asked.connectTimeoutMs;
      return tcp().bearer({ path: '', userAgent: '' })(asked);
    };
    await assert.rejects(describeStream(options({ transport: tcp({ connect }), nextTimeoutMs: () => 20 })), {
      code: 'ETIMEDOUT',
      message: /0\.02 s/,
    });
    assert.equal(connectMs, 10_000);
  });

  it('sends no account where it asks for nobody, or for a user without a name', async () => {
    await start(() => ({ status: 401, headers: { 'WWW-Authenticate': 'Digest realm="r", nonce="n"' } }));
    const credentials = { username: 'admin', password: 'secret99' };
    for (const extra of [
      { credentials, isAnonymous: true },
      { credentials: { ...credentials, username: '' } },
    ])
      await assert.rejects(describeStream(options(extra)), { status: 401 });
    assert.ok(server.requests.every(({ headers }) => !headers.has('Authorization')));
  });

  it('sends a digest over the URI that the server is known to check, for a password that is empty too', async () => {
    await start(({ headers }) =>
      headers.has('Authorization')
        ? undefined
        : { status: 401, headers: { 'WWW-Authenticate': 'Digest realm="r", nonce="n"' } },
    );
    memory.learn('digestUri', 'base');
    const { authenticator, connection } = await describeStream(
      options({ credentials: { username: 'admin', password: '' } }),
    );
    connection.destroy();
    assert.equal(authenticator?.digestUri, 'base');
  });

  it('follows any redirect, and none inside a tunnel', async () => {
    let location = '';
    await start(({ method, uri }) =>
      method === 'DESCRIBE' && uri.endsWith('/live')
        ? { status: 307, headers: { Location: location } }
        : undefined,
    );
    location = `rtsp://127.0.0.1:${server.port}/moved`;
    const { connection, baseUri } = await describeStream(options());
    connection.destroy();
    assert.ok(baseUri.includes('/moved'), baseUri);
    const before = server.peers.length;
    await assert.rejects(describeStream(options({ transport: { ...tcp(), followsRedirects: false } })), {
      code: 'EUNSUPPORTED',
      message: /not followed inside an HTTP tunnel/,
    });
    assert.equal(server.peers.length, before + 1);
  });
});
