import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import sinon from 'sinon';
import { loginRules } from '../../lib/client/login.js';
import { openTunnel } from '../../lib/client/transport/http-tunnel.js';
import type { NvrError } from '../../lib/errors.js';
import { LIMITS } from '../../lib/limits.js';
import { LoginMemory } from '../../lib/rtsp/login-rules.js';
import { ACCOUNT, isCode, open, OPEN, PATH, startHttp, type Http } from './tunnel-server.js';

const NO_ANSWER = 'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="cam", nonce="n"\r\n\r\n';

describe('the life of an HTTP tunnel', () => {
  let http: Http;

  afterEach(async () => {
    sinon.restore();
    await http.close();
  });

  describe('that is being opened', () => {
    it('is told the status of a refusal, and any but 200 for no web page', async () => {
      http = await startHttp(() => 'HTTP/1.0 204 Nothing\r\n\r\n');
      await assert.rejects(open(http.port), (error) => {
        assert.ok(isCode('EUNSUPPORTED', /204 Nothing/)(error));
        assert.equal((error as NvrError).status, 204);
        return true;
      });
    });

    it('takes the content type in capitals as well, and hides a short path that is repeated', async () => {
      http = await startHttp(({ path }) =>
        path === '/abc'
          ? 'HTTP/1.0 404 No /abc here\r\n\r\n'
          : 'HTTP/1.0 200 OK\r\nContent-Type: Application/X-RTSP-Tunnelled\r\n\r\n',
      );
      (await open(http.port)).pipe.destroy();
      await assert.rejects(open(http.port, { path: '/abc' }), { message: /"404 No \*\*\*"/ });
    });

    it('hides a path with which the server’s reason begins', async () => {
      http = await startHttp(() => `HTTP/1.0 404 ${PATH}\r\n\r\n`);
      await assert.rejects(open(http.port), (error) => {
        assert.ok(isCode('EUNSUPPORTED')(error));
        assert.match((error as NvrError).message, /"404 \*\*\*"/);
        return true;
      });
    });

    it('hides a path of which the server repeats the beginning alone', async () => {
      http = await startHttp(() => `HTTP/1.0 404 No ${PATH.slice(0, 12)} here\r\n\r\n`);
      await assert.rejects(open(http.port), { message: /"404 No \*\*\*"/ });
    });

    it('names who asks, unless that is empty, and sends no control character of a challenge', async () => {
      http = await startHttp();
      for (const userAgent of ['test', '']) (await open(http.port, { userAgent })).pipe.destroy();
      assert.deepEqual(
        http.asked.map(({ headers }) => headers.get('User-Agent')),
        ['test', undefined],
      );
      await http.close();
      http = await startHttp(() => NO_ANSWER.replace('"n"', '"a\u0001b"'));
      await assert.rejects(open(http.port, { credentials: ACCOUNT }), isCode('EPROTOCOL'));
    });

    it('leaves no timer once it is answered, refused or closed', async () => {
      const timers = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      for (const answer of [OPEN, 'HTTP/1.0 404 No\r\n\r\n', undefined]) {
        http = await startHttp(({ socket }) => {
          if (answer === undefined) setImmediate(() => socket.end());
          // Behind the turn in which the client has written its request.
          else setImmediate(() => socket.write(answer));
          return '';
        });
        const pipe = await open(http.port).then(
          (opened) => opened.pipe,
          () => undefined,
        );
        assert.equal(timers.countTimers(), 0, String(answer));
        pipe?.destroy();
        await http.close();
      }
      http = await startHttp();
    });

    it('waits for an answer no longer than for the connection and it together, and closes that then', async () => {
      const timers = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
      http = await startHttp(() => '');
      let outcome = 'waits';
      open(http.port, {}, 5000).catch((error: unknown) => (outcome = (error as NvrError).code));
      timers.tick(3000);
      await http.until(() => http.asked.length === 1);
      await timers.tickAsync(1999);
      assert.equal(outcome, 'waits');
      await timers.tickAsync(1);
      assert.equal(outcome, 'ETIMEDOUT');
      await http.until(() => http.sockets.size === 0);
    });

    it('closes the connection on which it was refused before it asks with the account', async () => {
      http = await startHttp(({ headers }) => (headers.has('Authorization') ? undefined : NO_ANSWER));
      const { pipe } = await open(http.port, { credentials: ACCOUNT });
      await http.until(() => http.sockets.size === 1);
      pipe.destroy();
    });

    it('is given up by its signal, and its log-in with it', async () => {
      http = await startHttp(() => NO_ANSWER);
      const control = new AbortController();
      const gate = {
        run: <T>(): Promise<T> => {
          control.abort();
          return new Promise<T>(() => undefined);
        },
      };
      await assert.rejects(
        openTunnel(
          {
            ...{ host: '127.0.0.1', port: http.port, connectTimeoutMs: 2000, signal: control.signal },
            onData: () => undefined,
            onClose: () => assert.fail('it was never open'),
          },
          { path: PATH, userAgent: 'test', credentials: ACCOUNT, gate },
        ),
        { code: 'EUNREACHABLE' },
      );
      await http.until(() => http.sockets.size === 0);
    });
  });

  it('hands on nothing that follows a refusal', async () => {
    http = await startHttp(({ headers }) =>
      headers.has('Authorization') ? undefined : `${NO_ANSWER}<html>log in</html>`,
    );
    const { pipe, read, closes } = await open(http.port, { credentials: ACCOUNT });
    await http.until(() => http.sockets.size === 1);
    assert.deepEqual({ read: read(), closes }, { read: '', closes: [] });
    pipe.destroy();
  });

  it('warns once that the password is sent in clear, though the POST asks for it anew', async () => {
    const basic = (realm: string): string =>
      `HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="${realm}"\r\n\r\n`;
    http = await startHttp(({ method, headers }) => {
      if (method === 'GET') return headers.has('Authorization') ? undefined : basic('get');
      return http.posts().length === 1 ? basic('post') : 'HTTP/1.0 200 OK\r\n\r\n';
    });
    const warnings: NvrError[] = [];
    const { pipe } = await open(http.port, {
      credentials: ACCOUNT,
      rules: loginRules('http', new LoginMemory(), undefined),
      onWarning: (error) => warnings.push(error),
    });
    pipe.write(Buffer.from('hello'));
    await http.until(() => http.posts().length === 2 && http.posts()[1]!.body !== '');
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['EAUTH'],
    );
    pipe.destroy();
  });

  it('writes after its session was given up: TEARDOWN goes in a POST', async () => {
    http = await startHttp();
    const control = new AbortController();
    const pipe = await openTunnel(
      {
        ...{ host: '127.0.0.1', port: http.port, connectTimeoutMs: 2000, signal: control.signal },
        onData: () => undefined,
        onClose: () => undefined,
      },
      { path: PATH, userAgent: 'test' },
    );
    control.abort();
    pipe.write(Buffer.from('TEARDOWN'));
    await http.until(() => http.heard().toString() === 'TEARDOWN');
    pipe.destroy();
  });

  it('takes as much as may wait for a POST, and no byte more', async () => {
    http = await startHttp();
    const { pipe, closes } = await open(http.port);
    pipe.write(Buffer.alloc((LIMITS.tunnelBytes / 4) * 3));
    assert.deepEqual({ unsent: pipe.unsent, closes }, { unsent: LIMITS.tunnelBytes, closes: [] });
    pipe.write(Buffer.from('x'));
    assert.equal(closes[0]?.code, 'EBUSY');
    assert.equal(closes.length, 1);
  });

  it('ends a POST that is full before the next one begins', async () => {
    http = await startHttp();
    const { pipe } = await open(http.port);
    pipe.write(Buffer.from('x'));
    await http.until(() => http.heard().length === 1);
    const first = http.posts()[0]!.socket;
    let isOver = false;
    first.once('end', () => (isOver = true));
    pipe.write(Buffer.alloc(24_000, 'y'));
    pipe.write(Buffer.alloc(600, 'z'));
    await http.until(() => http.posts().length === 2);
    assert.equal(isOver, true);
    await http.until(() => http.heard().length === 24_601);
    pipe.destroy();
  });

  it('repeats what it wrote, in order and with what is written meanwhile, where the POST is refused', async () => {
    let posts = 0;
    http = await startHttp(({ method }) => {
      if (method === 'GET') return undefined;
      return ++posts === 1 ? '' : 'HTTP/1.0 200 OK\r\n\r\n';
    });
    const { pipe, closes } = await open(http.port, { credentials: ACCOUNT });
    pipe.write(Buffer.from('one '));
    await http.until(() => http.heard().length === 4);
    const refused = http.posts()[0]!;
    const gone = once(refused.socket, 'close');
    refused.body = '';
    refused.socket.write(NO_ANSWER);
    await gone;
    pipe.write(Buffer.from('two'));
    await http.until(() => http.heard().toString() === 'one two');
    assert.deepEqual({ closes, unsent: pipe.unsent }, { closes: [], unsent: 0 });
    pipe.destroy();
  });

  it('opens one POST for all that is written while that is opened', async () => {
    http = await startHttp();
    const connect = sinon.spy(net, 'connect');
    const { pipe } = await open(http.port);
    for (const text of ['one ', 'two ', 'three']) pipe.write(Buffer.from(text));
    await http.until(() => http.heard().toString() === 'one two three');
    assert.equal(http.posts().length, 1);
    assert.equal(connect.callCount, 2, 'connections of the GET and of the POST');
    pipe.destroy();
  });

  it('opens another POST where one is cut off, and ends where one is answered 300', async () => {
    http = await startHttp();
    const { pipe, closed, closes } = await open(http.port);
    pipe.write(Buffer.from('one '));
    await http.until(() => http.heard().length === 4);
    http.posts()[0]!.socket.resetAndDestroy();
    await http.until(() => http.sockets.size === 1);
    // The end of the POST is read before the GET's next bytes are.
    await new Promise(setImmediate);
    pipe.write(Buffer.from('two'));
    await http.until(() => http.heard().toString() === 'one two');
    assert.deepEqual(closes, []);
    http.posts()[1]!.socket.write('HTTP/1.0 300 Multiple Choices\r\n\r\n');
    isCode('EUNSUPPORTED', /300/)(await closed);
  });

  it('waits no longer for the answer to a POST with the account once that is there', async () => {
    http = await startHttp(({ method, headers }) => {
      if (method === 'GET') return undefined;
      return headers.has('Authorization') ? 'HTTP/1.0 200 OK\r\n\r\n' : NO_ANSWER;
    });
    const { pipe } = await open(http.port, { credentials: ACCOUNT });
    const timers = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    pipe.write(Buffer.from('hello'));
    await http.until(() => http.posts()[1]?.body !== undefined && http.posts()[1]!.body !== '');
    assert.equal(timers.countTimers(), 0);
    pipe.destroy();
  });

  it('leaves no POST open where the account is refused, and ends once', async () => {
    http = await startHttp(({ method }) => (method === 'GET' ? undefined : NO_ANSWER));
    const { pipe, closed, closes } = await open(http.port, { credentials: ACCOUNT });
    pipe.write(Buffer.from('hello'));
    isCode('EAUTH')(await closed);
    await http.until(() => http.sockets.size === 0);
    pipe.destroy();
    assert.equal(closes.length, 1);
  });
});
