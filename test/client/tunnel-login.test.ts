import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { NvrErrorCode } from '../../lib/errors.js';
import { PasswordGate } from '../../lib/nvr/account.js';
import {
  ACCOUNT,
  decodeGroups,
  isCode,
  KEY,
  open,
  PATH,
  startHttp,
  type Asked,
  type Http,
} from './tunnel-server.js';

describe('the HTTP tunnel', () => {
  let http: Http | undefined;
  afterEach(async () => {
    await http?.close();
    http = undefined;
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
});
