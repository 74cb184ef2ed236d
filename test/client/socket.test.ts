import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import sinon from 'sinon';
import { openPipe, type PipeOptions, type SocketPipe } from '../../lib/client/transport/socket.js';
import { NvrError } from '../../lib/errors.js';

const TIMEOUT_MS = 5000;

describe('a socket as a pipe', () => {
  let clock: sinon.SinonFakeTimers;
  let server: net.Server;
  let sockets: net.Socket[];
  let read: string;
  let closes: (NvrError | undefined)[];
  let changed: () => void;
  let onData: PipeOptions['onData'];

  beforeEach(async () => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    [sockets, read, closes, changed] = [[], '', [], () => undefined];
    onData = (buffer, length) => (read += buffer.toString('latin1', 0, length));
    server = net.createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    sinon.restore();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  const port = (): number => (server.address() as AddressInfo).port;

  function options(extra: Partial<PipeOptions> = {}): PipeOptions {
    return {
      ...{ host: '127.0.0.1', port: port(), connectTimeoutMs: TIMEOUT_MS },
      onData: (buffer, length) => {
        onData(buffer, length);
        changed();
      },
      onClose: (error) => {
        closes.push(error);
        changed();
      },
      ...extra,
    };
  }

  async function open(extra: Partial<PipeOptions> = {}): Promise<{ pipe: SocketPipe; peer: net.Socket }> {
    const connected = once(server, 'connection') as Promise<[net.Socket]>;
    const pipe = await openPipe(options(extra));
    const [peer] = await connected;
    return { pipe, peer };
  }

  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      changed = () => {
        if (holds()) resolve();
      };
      changed();
    });

  it('is open with the addresses of both ends, without delay and kept alive, and leaves no timer', async () => {
    const delay = sinon.spy(net.Socket.prototype, 'setNoDelay');
    const alive = sinon.spy(net.Socket.prototype, 'setKeepAlive');
    const other = net.createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.2', resolve));
    const pipe = await openPipe(options({ host: '127.0.0.2', port: (other.address() as AddressInfo).port }));
    assert.deepEqual(
      {
        local: pipe.localAddress,
        remote: pipe.remoteAddress,
        noDelay: delay.args,
        aliveAfterMs: alive.args,
        timers: clock.countTimers(),
      },
      {
        local: '127.0.0.1',
        remote: '127.0.0.2',
        noDelay: [[true]],
        aliveAfterMs: [[true, 30_000]],
        timers: 0,
      },
    );
    pipe.destroy();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => other.close(resolve));
  });

  it('names the address of a host, not the host', async () => {
    const connect = net.connect.bind(net);
    sinon
      .stub(net, 'connect')
      .callsFake(((target: net.TcpNetConnectOpts) =>
        connect({ ...target, host: '127.0.0.1' })) as unknown as typeof net.connect);
    const { pipe } = await open({ host: 'camera.local' });
    assert.equal(pipe.remoteAddress, '127.0.0.1');
    pipe.destroy();
  });

  it('is given up on time where nothing answers, and closed then', async () => {
    const opening = openPipe(options({ tls: {} }));
    const [peer] = (await once(server, 'connection')) as [net.Socket];
    const gone = once(peer, 'close');
    peer.resume();
    let outcome = 'waits';
    opening.catch((error: unknown) => (outcome = (error as NvrError).code));
    await clock.tickAsync(TIMEOUT_MS - 1);
    assert.equal(outcome, 'waits');
    await clock.tickAsync(1);
    assert.equal(outcome, 'ETIMEDOUT');
    await gone;
    assert.equal(clock.countTimers(), 0);
  });

  it('is not connected where it was given up before', async () => {
    const connect = sinon.spy(net, 'connect');
    const signal = AbortSignal.abort();
    await assert.rejects(openPipe(options({ signal })), { code: 'EUNREACHABLE' });
    assert.equal(connect.callCount, 0);
  });

  it('is given up while it connects, and not once it is open; nothing stays on the signal', async () => {
    const control = new AbortController();
    const add = sinon.spy(control.signal, 'addEventListener');
    const remove = sinon.spy(control.signal, 'removeEventListener');
    const opening = openPipe(options({ signal: control.signal, tls: {} }));
    control.abort();
    await assert.rejects(opening, { code: 'EUNREACHABLE', message: /closed while it was being opened/ });
    assert.equal(clock.countTimers(), 0);
    const second = new AbortController();
    const [added, removed] = [
      sinon.spy(second.signal, 'addEventListener'),
      sinon.spy(second.signal, 'removeEventListener'),
    ];
    const { pipe, peer } = await open({ signal: second.signal });
    assert.deepEqual({ added: added.callCount, removed: removed.callCount }, { added: 1, removed: 1 });
    second.abort();
    peer.write('still here');
    await until(() => read !== '');
    assert.deepEqual({ read, closes }, { read: 'still here', closes: [] });
    assert.equal(add.callCount, remove.callCount);
    pipe.destroy();
  });

  it('tells a refusal with its cause, once, and leaves no timer', async () => {
    const wanted = options();
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(openPipe(wanted), { code: 'ECONNREFUSED' });
    assert.deepEqual({ closes, timers: clock.countTimers() }, { closes: [], timers: 0 });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  it('reads up to 128 KiB at a time', async () => {
    let bytes = 0;
    onData = (buffer, length) => {
      bytes = buffer.length;
      read += buffer.toString('latin1', 0, length);
    };
    const { pipe, peer } = await open();
    peer.write('hello');
    await until(() => read === 'hello');
    assert.equal(bytes, 128 * 1024);
    pipe.destroy();
  });

  it('tells once that the other end has closed it, without an error, and its failure with one', async () => {
    const first = await open();
    first.peer.end('bye');
    await until(() => closes.length > 0);
    assert.deepEqual({ read, closes }, { read: 'bye', closes: [undefined] });
    closes = [];
    const second = await open();
    second.peer.resetAndDestroy();
    await until(() => closes.length > 0);
    await second.pipe.end();
    assert.equal(closes.length, 1);
    assert.equal(closes[0]?.code, 'EUNREACHABLE');
  });

  for (const [thrown, code] of [
    [new NvrError('EBUSY', 'too much'), 'EBUSY'],
    [new Error('no'), 'EPROTOCOL'],
  ] as const)
    it(`is closed with ${code} where what it reads cannot be taken: ${thrown.message}`, async () => {
      let reads = 0;
      onData = () => {
        reads++;
        throw thrown;
      };
      const { peer } = await open();
      const gone = once(peer, 'close');
      peer.resume();
      peer.write('hello');
      await until(() => closes.length > 0);
      await gone;
      assert.deepEqual({ codes: closes.map((error) => error?.code), reads }, { codes: [code], reads: 1 });
    });

  it('is closed though who is told throws', async () => {
    const { pipe, peer } = await open({
      onClose: () => {
        throw new Error('no');
      },
    });
    peer.end();
    await pipe.end();
    assert.equal(pipe.unsent, 0);
  });

  for (const end of ['destroySoon', 'resetAndDestroy'] as const)
    it(`throws nothing where who is told throws, after ${end} at the other end`, async () => {
      let told: () => void = () => undefined;
      const isTold = new Promise<void>((resolve) => (told = resolve));
      const { peer } = await open({
        onClose: () => {
          told();
          throw new Error('no');
        },
      });
      peer[end]();
      await isTold;
      // An uncaught exception would fail the test here.
      await new Promise(setImmediate);
    });

  it('hands on nothing and tells nothing once it is destroyed, and takes nothing more', async () => {
    onData = (buffer, length) => {
      read += buffer.toString('latin1', 0, length);
      pipe.destroy();
      pipe.destroy();
      pipe.write(Buffer.from('late'));
    };
    const { pipe, peer } = await open();
    let heard = '';
    peer.on('data', (bytes) => (heard += bytes.toString()));
    const gone = once(peer, 'close');
    peer.write('x');
    await gone;
    await pipe.end();
    assert.deepEqual({ read, heard, closes }, { read: 'x', heard: '', closes: [] });
  });

  it('sends all that was written before it ends, and tells nobody', async () => {
    const { pipe, peer } = await open();
    let heard = 0;
    const ended = once(peer, 'end');
    const all = Buffer.alloc(4 * 1024 * 1024, 'x');
    pipe.write(all);
    assert.ok(pipe.unsent > 0, 'nothing waits');
    peer.on('data', ({ length }) => (heard += length));
    await pipe.end();
    await ended;
    assert.deepEqual({ heard, closes, unsent: pipe.unsent }, { heard: all.length, closes: [], unsent: 0 });
  });

  it('says ETLS for TLS settings that cannot be used, and connects to nobody', async () => {
    const tlsSettings = { cert: 'no certificate', key: 'no key' };
    await assert.rejects(openPipe(options({ tls: tlsSettings })), { code: 'ETLS' });
    assert.deepEqual({ sockets: sockets.length, timers: clock.countTimers() }, { sockets: 0, timers: 0 });
  });

  for (const [host, named, servername] of [
    ['camera.local', undefined, 'camera.local'],
    ['10.0.0.1', undefined, ''],
    ['10.0.0.1', 'nvr.example', 'nvr.example'],
  ] as const)
    it(`is open over TLS once that is agreed, with the name ${servername || '(none)'} for ${host}`, async () => {
      const idle = new net.Socket();
      const connect = sinon.stub(tls, 'connect').returns(idle as never);
      const settings = { ca: 'ours', rejectUnauthorized: false, ...(named && { servername: named }) };
      let opened = false;
      const opening = openPipe(options({ host, tls: settings })).then((pipe) => {
        opened = true;
        return pipe;
      });
      idle.emit('connect');
      await new Promise(setImmediate);
      assert.equal(opened, false, 'TCP alone is not TLS');
      idle.emit('secureConnect');
      const pipe = await opening;
      const asked = connect.args[0]![0] as unknown as tls.ConnectionOptions;
      assert.deepEqual(
        {
          ca: asked.ca,
          rejects: asked.rejectUnauthorized,
          host: asked.host,
          port: asked.port,
          servername: asked.servername,
        },
        { ca: 'ours', rejects: false, host, port: port(), servername },
      );
      pipe.destroy();
    });
});
