import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import net, { type AddressInfo } from 'node:net';
import fc from 'fast-check';
import { RtspConnection } from '../../lib/client/connection.js';
import { httpTunnel, openTunnel } from '../../lib/client/transport/http-tunnel.js';
import type { Pipe, PipeOptions } from '../../lib/client/transport/socket.js';
import type { BearerRequest } from '../../lib/client/transport/transport.js';
import { NvrError, type NvrErrorCode } from '../../lib/errors.js';
import { PasswordGate } from '../../lib/nvr/account.js';

const OPEN = 'HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n';
const KEY = 'SECRETKEY1234';
const PATH = `/playback?ch=0000&pbkey=${KEY}`;
const ACCOUNT = { username: 'admin', password: 'geheim' };

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly socket: net.Socket;
  /** What came behind the head, as it is. */
  body: string;
}

type Answerer = (asked: Asked, count: number) => string | undefined;

/** Hears HTTP, and says what a test tells it to: a GET gets a tunnel, a POST no answer, unless `answer` says otherwise. */
async function startHttp(answer: Answerer = () => undefined) {
  const asked: Asked[] = [];
  const sockets = new Set<net.Socket>();
  let changed: () => void = () => undefined;
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      changed();
    });
    let head = '';
    let one: Asked | undefined;
    socket.on('data', (chunk) => {
      if (one !== undefined) {
        one.body += chunk.toString('latin1');
      } else {
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end === -1) return;
        const [first = '', ...lines] = head.slice(0, end).split('\r\n');
        const [method = '', path = ''] = first.split(' ');
        const headers = new Map(lines.map((line) => line.split(/: (.*)/, 2) as [string, string]));
        one = { method, path, headers, socket, body: head.slice(end + 4) };
        asked.push(one);
        const said = answer(one, asked.length) ?? (method === 'GET' ? OPEN : '');
        socket.write(Buffer.from(said, 'latin1'));
      }
      changed();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    sockets,
    posts: () => asked.filter(({ method }) => method === 'POST'),
    /** All POSTs' bodies, decoded. */
    heard: () =>
      Buffer.concat(
        asked.filter(({ method }) => method === 'POST').flatMap(({ body }) => decodeGroups(body)),
      ),
    until: (holds: () => boolean) =>
      new Promise<void>((resolve) => {
        changed = () => {
          if (!holds()) return;
          changed = () => undefined;
          resolve();
        };
        changed();
      }),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
type Http = Awaited<ReturnType<typeof startHttp>>;

/** As GLib does it: four characters at a time, padding wherever it stands. */
function decodeGroups(body: string): Buffer[] {
  return (body.match(/.{4}/gs) ?? []).map((group) => Buffer.from(group, 'base64'));
}

interface Opened {
  pipe: Pipe;
  read: () => string;
  closed: Promise<NvrError | undefined>;
  closes: (NvrError | undefined)[];
}

async function open(port: number, request: Partial<BearerRequest> = {}, timeoutMs = 2_000): Promise<Opened> {
  let read = '';
  const closes: (NvrError | undefined)[] = [];
  let onClosed: (error?: NvrError) => void = () => undefined;
  const closed = new Promise<NvrError | undefined>((resolve) => (onClosed = resolve));
  const options: PipeOptions = {
    host: '127.0.0.1',
    port,
    connectTimeoutMs: timeoutMs,
    onData: (buffer, length) => (read += buffer.toString('latin1', 0, length)),
    onClose: (error) => {
      closes.push(error);
      onClosed(error);
    },
  };
  const pipe = await openTunnel(options, { path: PATH, userAgent: 'test', ...request });
  return { pipe, read: () => read, closed, closes };
}

/** The code of an error that quotes neither the path, nor the key, nor the password. */
function isCode(code: NvrErrorCode, words?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof NvrError, String(error));
    assert.equal(error.code, code, error.message);
    for (const secret of [PATH, KEY, ACCOUNT.password])
      assert.ok(!error.message.includes(secret), error.message);
    if (words !== undefined) assert.match(error.message, words);
    return true;
  };
}

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
    assert.deepEqual([get.method, get.path, post.method, post.path], ['GET', PATH, 'POST', PATH]);
    const cookie = get.headers.get('x-sessioncookie')!;
    assert.match(cookie, /^[0-9a-z]{1,22}$/i);
    assert.equal(post.headers.get('x-sessioncookie'), cookie);
    assert.equal(get.headers.get('Accept'), 'application/x-rtsp-tunnelled');
    assert.equal(get.headers.get('Host'), `127.0.0.1:${http.port}`);
    assert.equal(post.headers.get('Content-Type'), 'application/x-rtsp-tunnelled');
    assert.equal(post.headers.get('Content-Length'), '32767');
    assert.equal(http.heard().toString(), 'OPTIONS * RTSP/1.0\r\n\r\n');
    pipe.destroy();
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

  describe('where a log-in is asked for', () => {
    const refuse = (challenge: string): string =>
      `HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: ${challenge}\r\nConnection: close\r\n\r\n<html>no</html>`;
    const basic = `Basic ${Buffer.from('admin:geheim').toString('base64')}`;
    const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

    it('answers Basic, for the GET and for the POST', async () => {
      http = await startHttp(({ headers }) =>
        headers.get('Authorization') === basic ? undefined : refuse('Basic realm="cam"'),
      );
      const { pipe, closes } = await open(http.port, { credentials: ACCOUNT });
      pipe.write(Buffer.from('hello'));
      await http.until(() => http!.heard().length > 0);
      assert.deepEqual(
        http.asked.map(({ method, headers }) => [method, headers.has('Authorization')]),
        [
          ['GET', false],
          ['GET', true],
          ['POST', true],
        ],
      );
      assert.deepEqual(closes, []);
      pipe.destroy();
    });

    it('answers Digest over each method', async () => {
      http = await startHttp(({ headers, method }) => {
        const said = headers.get('Authorization') ?? '';
        const ha1 = md5('admin:cam:geheim');
        const expected = md5(`${ha1}:abc:${md5(`${method}:${PATH}`)}`);
        return said.includes(`response="${expected}"`)
          ? undefined
          : refuse('Digest realm="cam", nonce="abc"');
      });
      const { pipe } = await open(http.port, { credentials: ACCOUNT });
      pipe.write(Buffer.from('hello'));
      await http.until(() => http!.heard().length > 0);
      assert.equal(http.asked.length, 3);
      pipe.destroy();
    });

    it('answers a challenge of the POST’s own, and loses nothing that was written', async () => {
      http = await startHttp(({ headers, method }) => {
        if (method === 'GET') return undefined;
        return headers.has('Authorization') ? 'HTTP/1.0 200 OK\r\n\r\n' : refuse('Basic realm="cam"');
      });
      const gate = new PasswordGate(() => 0);
      const { pipe, closes } = await open(http.port, { credentials: ACCOUNT, gate });
      pipe.write(Buffer.from('one '));
      await http.until(() => http!.posts().length === 2);
      pipe.write(Buffer.from('two'));
      const accepted = (): Asked | undefined => http!.posts()[1];
      await http.until(() => Buffer.concat(decodeGroups(accepted()!.body)).toString() === 'one two');
      assert.deepEqual(closes, []);
      assert.equal(http.posts().length, 2);
      pipe.destroy();
    });

    it('traces what is said, with the key and the log-in struck out', async () => {
      http = await startHttp(({ headers }) =>
        headers.has('Authorization') ? undefined : refuse('Basic realm="cam"'),
      );
      const lines: string[] = [];
      const logger = { debug: (line: string) => void lines.push(line), warn: () => undefined };
      const { pipe } = await open(http.port, { credentials: ACCOUNT, logger });
      pipe.destroy();
      assert.deepEqual(
        lines.map((line) => line.split('\r\n')[0]),
        [
          '> GET /playback?ch=0000&pbkey=*** HTTP/1.0',
          '< HTTP/1.0 401 Unauthorized',
          '> GET /playback?ch=0000&pbkey=*** HTTP/1.0',
          '< HTTP/1.0 200 OK',
        ],
      );
      const all = lines.join('\n');
      assert.match(all, /Authorization: \*\*\*/);
      for (const secret of [KEY, ACCOUNT.password, basic.slice(6)]) assert.ok(!all.includes(secret));
    });

    it('asks a locked account once, and never again', async () => {
      http = await startHttp(() => refuse('Basic realm="cam"'));
      const gate = new PasswordGate(() => 0);
      await assert.rejects(open(http.port, { credentials: ACCOUNT, gate }), isCode('EAUTH'));
      assert.equal(http.asked.filter(({ headers }) => headers.has('Authorization')).length, 1);
      await assert.rejects(open(http.port, { credentials: ACCOUNT, gate }), isCode('EAUTH'));
      assert.equal(http.asked.filter(({ headers }) => headers.has('Authorization')).length, 1);
      assert.ok(gate.waitMs > 0);
    });

    it('asks once where every POST is refused with a nonce of its own, and says EAUTH', async () => {
      let nonce = 0;
      http = await startHttp(({ method }) =>
        method === 'GET' ? undefined : refuse(`Digest realm="cam", nonce="${++nonce}"`),
      );
      const gate = new PasswordGate(() => 0);
      const { pipe, closed } = await open(http.port, { credentials: ACCOUNT, gate });
      pipe.write(Buffer.from('hello'));
      isCode('EAUTH')(await closed);
      assert.equal(http.posts().length, 2);
      assert.ok(gate.waitMs > 0);
    });

    it('says EAUTH where there are no credentials', async () => {
      http = await startHttp(() => refuse('Basic realm="cam"'));
      await assert.rejects(open(http.port), isCode('EAUTH'));
      assert.equal(http.asked.length, 1);
    });
  });

  describe('where there is no tunnel', () => {
    const answers: [what: string, answer: string, code: NvrErrorCode, words: RegExp][] = [
      [
        'a web page',
        'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>',
        'EUNSUPPORTED',
        /text\/html/,
      ],
      ['404', `HTTP/1.0 404 No ${PATH} here\r\n\r\n`, 'EUNSUPPORTED', /"404 No \*\*\*".*another transport/],
      ['a redirect', 'HTTP/1.0 302 Found\r\nLocation: /x\r\n\r\n', 'EUNSUPPORTED', /302 Found/],
      ['403', 'HTTP/1.0 403 Forbidden\r\n\r\n', 'EFORBIDDEN', /HTTP GET was answered 403 Forbidden/],
      ['503', 'HTTP/1.0 503 Busy\r\n\r\n', 'ESESSIONS', /503 Busy/],
      [
        'an answer in RTSP',
        'RTSP/1.0 405 Method Not Allowed\r\n\r\n',
        'EUNSUPPORTED',
        /"RTSP\/1.0 405 Method Not Allowed"/,
      ],
      ['a greeting', 'SSH-2.0-OpenSSH\r\n', 'EUNSUPPORTED', /"SSH-2.0-OpenSSH"/],
      ['noise', '\u0000\u00ff'.repeat(500), 'EUNSUPPORTED', /"\?{80}"/],
      ['a status that is none', 'HTTP/1.0 OK\r\n\r\n', 'EUNSUPPORTED', /"HTTP\/1.0 OK"/],
      [
        'a head without end',
        `HTTP/1.0 200 OK\r\n${'x: y\r\n'.repeat(4000)}`,
        'EPROTOCOL',
        /head without end/,
      ],
      ['too many lines', `HTTP/1.0 200 OK\r\n${'x: y\r\n'.repeat(200)}\r\n`, 'EPROTOCOL', /lines/],
    ];
    for (const [what, answer, code, words] of answers) {
      it(`says ${code} for ${what}`, async () => {
        http = await startHttp(() => answer);
        await assert.rejects(open(http.port), isCode(code, words));
        await http.until(() => http!.sockets.size === 0);
      });
    }

    it('says ECONNREFUSED where nothing listens', async () => {
      http = await startHttp();
      const { port } = http;
      await http.close();
      http = undefined;
      await assert.rejects(open(port), isCode('ECONNREFUSED'));
    });

    it('says EUNREACHABLE where the server hangs up', async () => {
      http = await startHttp(({ socket }) => {
        socket.end();
        return '';
      });
      await assert.rejects(open(http.port), isCode('EUNREACHABLE', /another transport/));
    });

    it('says ETIMEDOUT in time where no answer comes', async () => {
      http = await startHttp(() => '');
      await assert.rejects(open(http.port, {}, 60), isCode('ETIMEDOUT', /0.06 s/));
      await http.until(() => http!.sockets.size === 0);
    });

    it('says EUNSUPPORTED where half a line that is not HTTP comes, and no more', async () => {
      http = await startHttp(() => 'login: ');
      await assert.rejects(open(http.port, {}, 60), isCode('EUNSUPPORTED', /"login: "/));
    });

    it('says EINPUT for a path that would smuggle a header in', async () => {
      http = await startHttp();
      await assert.rejects(open(http.port, { path: '/a\r\nX: y' }), isCode('EINPUT'));
      await assert.rejects(open(http.port, { path: '/a b' }), isCode('EINPUT'));
      assert.equal(http.asked.length, 0);
    });
  });

  describe('the POST', () => {
    it('is followed by another, with the same cookie, when its length is used up', async () => {
      http = await startHttp();
      const { pipe, closes } = await open(http.port);
      const all = Buffer.from(Array.from({ length: 60_000 }, (_, i) => i % 251));
      for (let at = 0; at < all.length; at += 1_000) pipe.write(all.subarray(at, at + 1_000));
      await http.until(() => http!.heard().length === all.length);
      assert.deepEqual(http.heard(), all);
      const posts = http.posts();
      assert.equal(posts.length, 3);
      for (const { body } of posts) assert.ok(body.length <= 32_767);
      assert.equal(new Set(http.asked.map(({ headers }) => headers.get('x-sessioncookie'))).size, 1);
      assert.deepEqual(closes, []);
      assert.equal(pipe.unsent, 0);
      pipe.destroy();
    });

    it('is followed by another when the server closes it', async () => {
      http = await startHttp();
      const { pipe, closes } = await open(http.port);
      pipe.write(Buffer.from('one'));
      await http.until(() => http!.heard().toString() === 'one');
      http.posts()[0]!.socket.end();
      await http.until(() => http!.sockets.size === 1);
      // The end of the POST is read before the GET's next bytes are.
      pipe.write(Buffer.from('two'));
      await http.until(() => http!.heard().toString() === 'onetwo');
      assert.deepEqual(closes, []);
      pipe.destroy();
    });

    for (const [status, code] of [
      ['403 Forbidden', 'EFORBIDDEN'],
      ['404 Not Found', 'EUNSUPPORTED'],
      ['500 Broken', 'EUNSUPPORTED'],
      ['503 Busy', 'ESESSIONS'],
    ] as const) {
      it(`ends the tunnel with ${code} where it is answered ${status}`, async () => {
        http = await startHttp(({ method }) =>
          method === 'POST' ? `HTTP/1.0 ${status}\r\n\r\n` : undefined,
        );
        const { pipe, closed, closes } = await open(http.port);
        pipe.write(Buffer.from('hello'));
        isCode(code, new RegExp(status.slice(0, 3)))(await closed);
        await http.until(() => http!.sockets.size === 0);
        pipe.write(Buffer.from('late'));
        assert.equal(closes.length, 1);
      });
    }

    it('ends the tunnel where its answer is not HTTP', async () => {
      http = await startHttp(({ method }) =>
        method === 'POST' ? 'RTSP/1.0 400 Bad Request\r\n\r\n' : undefined,
      );
      const { pipe, closed } = await open(http.port);
      pipe.write(Buffer.from('hello'));
      isCode('EUNSUPPORTED', /RTSP\/1.0 400/)(await closed);
    });

    it('ends the tunnel where more waits for it than may', async () => {
      http = await startHttp();
      const { pipe, closed } = await open(http.port);
      for (let i = 0; i < 30; i++) pipe.write(Buffer.alloc(8 * 1024));
      isCode('EBUSY')(await closed);
      assert.equal(pipe.unsent, 0);
    });

    it('counts what waits for it', async () => {
      http = await startHttp();
      const { pipe } = await open(http.port);
      pipe.write(Buffer.alloc(300));
      assert.equal(pipe.unsent, 400);
      await http.until(() => http!.heard().length === 300);
      assert.equal(pipe.unsent, 0);
      pipe.destroy();
    });
  });

  it('tells once that the server has closed the GET, and closes the POST', async () => {
    http = await startHttp();
    const { pipe, closed, closes } = await open(http.port);
    pipe.write(Buffer.from('hello'));
    await http.until(() => http!.heard().length === 5);
    http.asked[0]!.socket.end();
    assert.equal(await closed, undefined);
    await http.until(() => http!.sockets.size === 0);
    assert.deepEqual(closes, [undefined]);
  });

  it('closes both connections when it is destroyed, twice if need be, and calls nobody after', async () => {
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
    assert.deepEqual([closes, read()], [[], '']);
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

  it('fails to open, and throws at nobody, where junk without end comes with the answer itself', async () => {
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
