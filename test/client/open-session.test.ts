import assert from 'node:assert/strict';
import { openSession, type OpenOptions } from '../../lib/client/open-session.js';
import { ServerMemory, type Lower } from '../../lib/client/quirks.js';
import type { PipeOptions } from '../../lib/client/transport/socket.js';
import type { Transport } from '../../lib/client/transport/transport.js';
import { tcp, udp } from '../../lib/client/transport/transports.js';
import { NvrError } from '../../lib/errors.js';
import { startScriptedServer, type ScriptedServer } from '../kit/scripted-server.js';

const REFUSED = new NvrError('EUNSUPPORTED', 'refused', { status: 461 });
const FAILED = new NvrError('EUNREACHABLE', 'failed');

describe('opening a session', () => {
  let server: ScriptedServer | undefined;
  let memory: ServerMemory;
  /** The transports that were tried. */
  let tried: string[];

  beforeEach(() => {
    [memory, tried] = [new ServerMemory(), []];
  });

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  /** A transport whose connection fails; without an error it is the real one, over TCP. */
  function transport(lower: Lower, error?: NvrError): Transport {
    return {
      ...tcp({
        connect: (options: PipeOptions) => {
          tried.push(lower);
          return error === undefined
            ? tcp().bearer({ path: '', userAgent: '' })(options)
            : Promise.reject(error);
        },
      }),
      ...{ name: lower, lower },
    };
  }

  const open = (transports: Transport | readonly Transport[], extra: OpenOptions = {}, scheme = 'rtsp') =>
    openSession(`${scheme}://127.0.0.1:${server?.port ?? 9}/live`, {
      transport: transports,
      memory,
      ...extra,
    });

  it('keeps what it learns with one transport for the next, though it is given nothing to remember it in', async () => {
    server = await startScriptedServer(({ method, headers }, { connection }) => {
      const scheme = connection === 1 ? 'Digest realm="r", nonce="n"' : 'Basic realm="r"';
      if (!headers.has('Authorization')) return { status: 401, headers: { 'WWW-Authenticate': scheme } };
      return method === 'SETUP' ? { status: 461 } : undefined;
    });
    // Where Digest was offered before, a password does not go in clear.
    await assert.rejects(
      openSession(`rtsp://127.0.0.1:${server.port}/live`, {
        transport: [transport('tcp'), transport('udp')],
        credentials: { username: 'admin', password: 'secret99' },
      }),
      { code: 'EUNSUPPORTED', message: /Basic/ },
    );
    const told = server.requests.flatMap(({ headers }) => headers.getAll('Authorization'));
    assert.ok(told.length > 0 && told.every((line) => line.startsWith('Digest ')), String(told));
    assert.deepEqual(tried, ['tcp', 'udp']);
  });

  it('tries the next transport where the server refuses one with 461, and remembers both', async () => {
    server = await startScriptedServer();
    const session = await open([
      transport('multicast', REFUSED),
      transport('udp', REFUSED),
      transport('tcp'),
    ]);
    assert.deepEqual(
      { tried, transport: memory.transport, refused: memory.recall('refused'), is: session.transport.lower },
      { tried: ['multicast', 'udp', 'tcp'], transport: 'tcp', refused: 'udp', is: 'tcp' },
    );
    await session.close();
  });

  it('learns nothing where the first one works', async () => {
    server = await startScriptedServer();
    const session = await open([transport('tcp'), transport('udp')]);
    assert.deepEqual(
      { transport: memory.transport, refused: memory.recall('refused') },
      { transport: undefined, refused: undefined },
    );
    await session.close();
  });

  it('does not try another where one fails otherwise', async () => {
    await assert.rejects(open([transport('tcp', FAILED), transport('udp', FAILED)]), {
      code: 'EUNREACHABLE',
    });
    assert.deepEqual({ tried, refused: memory.recall('refused') }, { tried: ['tcp'], refused: undefined });
  });

  it('fails with the last one’s error', async () => {
    const last = new NvrError('ESESSIONS', 'none is free');
    await assert.rejects(open([transport('tcp', REFUSED), transport('udp', last)]), { code: 'ESESSIONS' });
    tried = [];
    await assert.rejects(open([transport('tcp', REFUSED), transport('udp', REFUSED)]), {
      code: 'EUNSUPPORTED',
      message: 'refused',
    });
    assert.deepEqual(tried, ['tcp', 'udp']);
  });

  it('begins with the one that worked before, and keeps to the order of the others', async () => {
    memory.learn('transport', 'udp');
    const all = (['tcp', 'multicast', 'udp'] as const).map((lower) => transport(lower, REFUSED));
    await assert.rejects(open(all));
    assert.deepEqual(tried, ['udp', 'tcp', 'multicast']);
  });

  it('takes the only one that it may, whatever worked before', async () => {
    memory.learn('transport', 'udp');
    for (const only of [transport('tcp', REFUSED), [transport('tcp', REFUSED)]])
      await assert.rejects(open(only), { status: 461 });
    assert.deepEqual(tried, ['tcp', 'tcp']);
  });

  it('goes over TLS by TCP alone, in capitals as well', async () => {
    for (const scheme of ['rtsps', 'RTSPS'])
      await assert.rejects(open([transport('udp', REFUSED), transport('tcp', REFUSED)], {}, scheme));
    assert.deepEqual(tried, ['tcp', 'tcp']);
    await assert.rejects(open([transport('udp', FAILED), transport('multicast', FAILED)], {}, 'rtsps'), {
      code: 'EUNSUPPORTED',
      message: /No transport is left/,
    });
    assert.deepEqual(tried, ['tcp', 'tcp']);
  });

  it('goes by TCP, then UDP, where nothing is said', async () => {
    server = await startScriptedServer(({ method }) => (method === 'SETUP' ? { status: 461 } : undefined));
    await assert.rejects(openSession(`rtsp://127.0.0.1:${server.port}/live`), { status: 461 });
    assert.deepEqual(
      server.requests
        .filter(({ method }) => method === 'SETUP')
        .map(({ headers }) => /^RTP\/AVP(\/TCP)?;/.exec(headers.get('Transport')!)?.[1]),
      ['/TCP', undefined],
    );
  });

  it('asks no further transport once it is given up', async () => {
    const control = new AbortController();
    const first = transport('tcp', REFUSED);
    const giving: Transport = {
      ...first,
      bearer: (request) => (options) => {
        control.abort();
        return first.bearer(request)(options);
      },
    };
    await assert.rejects(open([giving, transport('udp', REFUSED)], { signal: control.signal }), {
      code: 'EUNREACHABLE',
    });
    assert.deepEqual(tried, ['tcp']);
  });

  it('takes the only one of a list over TLS as well, which then says what is wrong with it', async () => {
    await assert.rejects(open([transport('udp', FAILED)], {}, 'rtsps'), { code: 'EUNREACHABLE' });
    assert.deepEqual(tried, ['udp']);
  });

  it('fails where a redirect leads to TLS and TCP fails there: plain UDP is no way out', async () => {
    const inClear = (options: PipeOptions) =>
      tcp().bearer({ path: '', userAgent: '' })({ ...options, tls: undefined });
    let location = '';
    server = await startScriptedServer(({ method }, { connection }) => {
      if (method === 'SETUP') return { status: 500 };
      return method === 'DESCRIBE' && connection % 2 === 1
        ? { status: 302, headers: { Location: location } }
        : undefined;
    });
    location = `rtsps://127.0.0.1:${server.port}/live`;
    await assert.rejects(open([tcp({ connect: inClear }), udp({ connect: inClear })]), { status: 500 });
    assert.equal(server.peers.length, 2);
  });

  it('is not over plain UDP where a redirect leads to TLS: that goes on to TCP', async () => {
    const inClear = (options: PipeOptions) =>
      tcp().bearer({ path: '', userAgent: '' })({ ...options, tls: undefined });
    let location = '';
    server = await startScriptedServer(({ method }, { connection }) =>
      method === 'DESCRIBE' && connection % 2 === 1
        ? { status: 302, headers: { Location: location } }
        : undefined,
    );
    location = `rtsps://127.0.0.1:${server.port}/live`;
    const session = await open([udp({ connect: inClear }), tcp({ connect: inClear })]);
    assert.deepEqual({ is: session.transport.lower, tls: session.isTls }, { is: 'tcp', tls: true });
    assert.equal(server.peers.length, 4);
    await session.close();
  });
});
