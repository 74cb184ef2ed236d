import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RtspConnection } from '../../lib/client/connection.js';
import { describe as describeStream } from '../../lib/client/describe.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { httpTunnel } from '../../lib/client/transport/http-tunnel.js';
import { ACCOUNT, isCode, open, OPEN, PATH, startHttp, type Asked, type Http } from './tunnel-server.js';

describe('the HTTP tunnel', () => {
  let http: Http | undefined;
  afterEach(async () => {
    await http?.close();
    http = undefined;
  });

  it('asks with GET, writes with POST, and ties the two with one cookie', async () => {
    http = await startHttp();
    const { pipe } = await open(http.port);
    assert.equal(http.asked.length, 1);
    pipe.write(Buffer.from('OPTIONS * RTSP/1.0\r\n\r\n'));
    await http.until(() => http!.heard().length > 0);
    const [get, post] = http.asked as [Asked, Asked];
    assert.deepEqual(
      { getMethod: get.method, getPath: get.path, postMethod: post.method, postPath: post.path },
      { getMethod: 'GET', getPath: PATH, postMethod: 'POST', postPath: PATH },
    );
    const cookie = get.headers.get('x-sessioncookie')!;
    assert.match(cookie, /^[0-9a-z]{1,22}$/i);
    assert.equal(post.headers.get('x-sessioncookie'), cookie);
    assert.equal(get.headers.get('Accept'), 'application/x-rtsp-tunnelled');
    assert.equal(get.headers.get('Host'), `127.0.0.1:${http.port}`);
    assert.equal(post.headers.get('Content-Type'), 'application/x-rtsp-tunnelled');
    assert.equal(post.headers.get('Content-Length'), '32767');
    assert.equal(http.heard().toString(), 'OPTIONS * RTSP/1.0\r\n\r\n');
    for (const { method, headers } of [get, post])
      assert.deepEqual(
        { pragma: headers.get('Pragma'), cache: headers.get('Cache-Control') },
        { pragma: 'no-cache', cache: 'no-cache' },
        `a proxy may keep what ${method} says`,
      );
    pipe.destroy();
  });

  it('names both ends of the connection that its media come on, also before anything is written', async () => {
    http = await startHttp();
    const { pipe } = await open(http.port);
    const { localAddress: local, remoteAddress: remote } = pipe;
    assert.deepEqual({ local, remote }, { local: '127.0.0.1', remote: '127.0.0.1' });
    pipe.destroy();
  });

  it('closes the GET that was answered after a log-in when it is destroyed', async () => {
    http = await startHttp(({ headers }) =>
      headers.has('Authorization')
        ? undefined
        : 'HTTP/1.0 401 No\r\nWWW-Authenticate: Digest realm="cam", nonce="n"\r\n\r\n',
    );
    const { pipe } = await open(http.port, { credentials: ACCOUNT });
    await http.until(() => http!.sockets.size === 1);
    pipe.destroy();
    await http.until(() => http!.sockets.size === 0);
  });

  it('follows no redirect: its requests would go to another server than its GET did', async () => {
    http = await startHttp();
    const said = ['200 OK', '302 Moved\r\nLocation: rtsp://127.0.0.1:1/live'];
    const asking = describeStream({
      ...{ uri: `rtsp://127.0.0.1:${http.port}/live`, memory: new ServerMemory(), transport: httpTunnel() },
    });
    const refused = assert.rejects(asking, { code: 'EUNSUPPORTED', message: /inside an HTTP tunnel/ });
    for (const [index, status] of said.entries()) {
      await http.until(() => http!.heard().includes(`CSeq: ${index + 1}\r\n`));
      http.asked[0]!.socket.write(`RTSP/1.0 ${status}\r\nCSeq: ${index + 1}\r\n\r\n`);
    }
    await refused;
  });

  it('hands on what follows the answer’s head, wherever the reads cut it', async () => {
    const text = `${OPEN}$\u0000\u0000\u0004dataRTSP/1.0 200 OK\r\n\r\n`;
    for (let cut = 1; cut < text.length; cut++) {
      const server = await startHttp(({ socket }) => {
        socket.setNoDelay(true);
        socket.write(Buffer.from(text.slice(0, cut), 'latin1'), () => {
          setImmediate(() => socket.end(Buffer.from(text.slice(cut), 'latin1')));
        });
        return '';
      });
      const { read, closed, closes } = await open(server.port);
      await closed;
      assert.equal(read(), text.slice(OPEN.length), `cut at ${cut}`);
      assert.deepEqual(closes, [undefined]);
      await server.close();
    }
  });

  it('takes a 200 without a content type for the tunnel, and lines that end in LF alone', async () => {
    http = await startHttp(({ method }) =>
      method === 'GET' ? 'HTTP/1.1 200\nServer: x\n\n$abc' : undefined,
    );
    const { pipe, read } = await open(http.port);
    assert.equal(read(), '$abc');
    pipe.destroy();
  });

  it('reports once that the server has closed the GET, and closes the POST', async () => {
    http = await startHttp();
    const { pipe, closed, closes } = await open(http.port);
    pipe.write(Buffer.from('hello'));
    await http.until(() => http!.heard().length === 5);
    http.asked[0]!.socket.end();
    assert.equal(await closed, undefined);
    await http.until(() => http!.sockets.size === 0);
    assert.deepEqual(closes, [undefined]);
  });

  it('closes both connections when it is destroyed, once or twice, and calls no handler afterwards', async () => {
    http = await startHttp();
    const { pipe, read, closes } = await open(http.port);
    pipe.write(Buffer.from('hello'));
    await http.until(() => http!.heard().length === 5);
    http.asked[0]!.socket.write('late');
    pipe.destroy();
    pipe.destroy();
    pipe.write(Buffer.from('late'));
    await http.until(() => http!.sockets.size === 0);
    assert.equal(http.asked.length, 2);
    assert.deepEqual({ closes, read: read() }, { closes: [], read: '' });
  });

  it('leaves no POST behind that was being opened when it was destroyed', async () => {
    http = await startHttp();
    const { pipe, closes } = await open(http.port);
    pipe.write(Buffer.from('hello'));
    pipe.destroy();
    await http.until(() => http!.sockets.size === 0);
    assert.deepEqual(closes, []);
  });

  it('lets the server feel back-pressure', async () => {
    http = await startHttp();
    const { pipe, read } = await open(http.port);
    pipe.pause();
    const get = http.asked[0]!.socket;
    const block = Buffer.alloc(64 * 1024, 'x');
    let written = 0;
    while (get.writableLength < 1024 * 1024 && written < 64 * 1024 * 1024) {
      get.write(block);
      written += block.length;
      await new Promise(setImmediate);
    }
    assert.ok(get.writableLength > 0);
    const before = read().length;
    assert.ok(before < written);
    get.once('drain', () => get.end());
    pipe.resume();
    await http.until(() => http!.sockets.size === 0);
    assert.equal(read().length, written);
  });

  it('fails to open, without an uncaught exception, if endless junk follows the answer', async () => {
    http = await startHttp(() => OPEN + 'RTSP/1.0 '.repeat(12_000));
    await assert.rejects(
      RtspConnection.open({
        ...{ host: '127.0.0.1', port: http.port, timeoutMs: 2000, userAgent: 'test' },
        open: httpTunnel().bearer({ path: PATH, userAgent: 'test' }),
        isChannelInUse: () => false,
        onPacket: () => undefined,
        onServerRequest: () => undefined,
        onClose: () => {
          assert.fail('it was never open');
        },
      }),
      isCode('EPROTOCOL'),
    );
    await http.until(() => http!.sockets.size === 0);
  });

  it('carries any sequence of writes', async () => {
    const writes = fc.array(fc.uint8Array({ minLength: 1, maxLength: 9_000 }), {
      minLength: 1,
      maxLength: 15,
    });
    await fc.assert(
      fc.asyncProperty(writes, fc.boolean(), async (chunks, atOnce) => {
        const server = await startHttp();
        const { pipe } = await open(server.port);
        let length = 0;
        for (const chunk of chunks) {
          pipe.write(Buffer.from(chunk));
          length += chunk.length;
          if (!atOnce) await server.until(() => server.heard().length === length);
        }
        await server.until(() => server.heard().length === length);
        assert.deepEqual(server.heard(), Buffer.concat(chunks));
        pipe.destroy();
        await server.close();
      }),
      { numRuns: 25 },
    );
  });
});
