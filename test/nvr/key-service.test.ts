import assert from 'node:assert/strict';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import zlib from 'node:zlib';
import { NvrError } from '../../lib/errors.js';
import { Account } from '../../lib/nvr/account.js';
import { fetchPlaybackKey } from '../../lib/nvr/playback/key-service.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { KeyServer } from '../kit/key-server.js';
import { settingsFor } from '../kit/settings.js';

const ACCOUNT = { username: 'admin', password: 'secret99' };
const BASIC = `Basic ${Buffer.from('admin:secret99').toString('base64')}`;

describe('the key service', () => {
  const service = new KeyServer();
  let account: Account;
  let log: string;
  let warnings: NvrError[];

  before(() => service.start());

  beforeEach(() => {
    service.asked = [];
    warnings = [];
    log = '';
    account = new Account(() => performance.now());
  });

  after(() => {
    service.close();
  });

  const fetchKey = async (extra: Partial<NvrSettings> = {}): Promise<string> => {
    const { key } = await fetchPlaybackKey(
      settingsFor(1, { httpPort: service.port, ...ACCOUNT, ...extra }),
      account,
      {
        group: 0,
        startMs: 1_764_233_441_000,
        logger: { debug: (line) => (log += `${line}\n`), warn: () => undefined },
        onWarning: (error) => warnings.push(error),
      },
    );
    return key;
  };

  const fails = async (extra: Partial<NvrSettings> = {}): Promise<NvrError> => {
    const outcome = await fetchKey(extra).catch((error: unknown) => error);
    assert.ok(outcome instanceof NvrError, String(outcome));
    return outcome;
  };

  it('takes 201, a reply packed without being asked to, and a redirect to itself', async () => {
    service.answer = (_, response) => response.writeHead(201).end('pbkey=aB3xyz');
    assert.equal(await fetchKey(), 'aB3xyz');
    for (const [encoding, pack] of [
      ['gzip', zlib.gzipSync],
      ['deflate', zlib.deflateSync],
      ['br', zlib.brotliCompressSync],
      ['', zlib.gzipSync],
    ] as const) {
      service.answer = (_, response) =>
        response
          .writeHead(200, encoding === '' ? {} : { 'Content-Encoding': encoding })
          .end(pack(Buffer.from('pbkey=aB3xyz')));
      assert.equal(await fetchKey(), 'aB3xyz', encoding);
    }
    for (const location of ['/new?x=1', `http://127.0.0.1:${service.port}/new?x=1`]) {
      service.answer = ({ url }, response) =>
        url === '/new?x=1' ? response.end('aB3xyz') : response.writeHead(301, { Location: location }).end();
      assert.equal(await fetchKey(), 'aB3xyz', location);
    }
  });

  it('takes a key from the headers of an empty reply, and from no others', async () => {
    for (const name of ['X-PBKey', 'Playback-Key', 'PbKey']) {
      service.answer = (_, response) => response.writeHead(200, { [name]: 'aB3xyz' }).end();
      assert.equal(await fetchKey(), 'aB3xyz', name);
    }
    service.answer = (_, response) => response.writeHead(200, { 'Set-Cookie': 'pbkey=aB3xyz; Path=/' }).end();
    assert.equal(await fetchKey(), 'aB3xyz');
    service.answer = (_, response) => response.writeHead(200, { 'X-PBKey': 'not logged in' }).end();
    assert.equal((await fails()).code, 'EAUTH');
    service.answer = (_, response) => response.writeHead(200, { 'X-PBKey': 'aB3xyz' }).end('NOT_LOGIN');
    assert.equal((await fails()).code, 'EAUTH');
    service.answer = (_, response) => response.writeHead(200, { 'X-CSRF-Token': 'aB3xyz' }).end();
    assert.match((await fails()).message, /empty/);
  });

  it('asks a busy service once more, and only once', async () => {
    service.answer = (_, response) =>
      service.asked.length === 1
        ? response.writeHead(503, { 'Retry-After': '0' }).end()
        : response.end('aB3xyz');
    assert.equal(await fetchKey(), 'aB3xyz');
    service.answer = (_, response) => response.writeHead(503, { 'Retry-After': '0' }).end();
    service.asked = [];
    assert.equal((await fails()).code, 'EPLAYBACKKEY');
    assert.equal(service.asked.length, 2);
  });

  it('brings a cookie back: through a log-in, a redirect, and to a service that gives its session first', async () => {
    const challenge = (response: ServerResponse): unknown =>
      response
        .writeHead(401, { 'WWW-Authenticate': 'Basic realm="r"', 'Set-Cookie': 'sid=77; Path=/; HttpOnly' })
        .end();
    service.answer = ({ headers }, response) =>
      headers.cookie === 'sid=77' && headers.authorization === BASIC
        ? response.end('aB3xyz')
        : challenge(response);
    assert.equal(await fetchKey(), 'aB3xyz');
    service.answer = ({ headers }, response) =>
      headers.cookie === 'sid=77'
        ? response.end('aB3xyz')
        : response.writeHead(302, { 'Set-Cookie': 'sid=77', Location: '/' }).end();
    assert.equal(await fetchKey(), 'aB3xyz');
    service.answer = ({ headers }, response) =>
      headers.cookie === 'sid=77'
        ? response.end('aB3xyz')
        : response.writeHead(200, { 'Set-Cookie': 'sid=77' }).end('NOT_LOGIN');
    assert.equal(await fetchKey(), 'aB3xyz');
    service.answer = (_, response) =>
      response.writeHead(200, { 'Set-Cookie': `sid=${service.asked.length}` }).end('NOT_LOGIN');
    service.asked = [];
    assert.equal((await fails()).code, 'EAUTH');
    assert.equal(service.asked.length, 2);
  });

  it('follows nobody to another host, and takes no account to another port', async () => {
    const other = http.createServer((request, response) => {
      elsewhere.push(request);
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="r"' }).end();
    });
    const elsewhere: IncomingMessage[] = [];
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const otherPort = (other.address() as AddressInfo).port;
    try {
      service.answer = (_, response) =>
        response.writeHead(302, { Location: `http://localhost:${otherPort}/x` }).end();
      assert.equal((await fails()).code, 'EUNSUPPORTED');
      assert.equal(elsewhere.length, 0);
      service.answer = (_, response) =>
        response.writeHead(302, { Location: `http://127.0.0.1:${otherPort}/x` }).end();
      assert.equal((await fails()).code, 'EAUTH');
      service.answer = (_, response) =>
        response.writeHead(302, { Location: `http://localhost:${otherPort}/x` }).end();
      assert.equal((await fails({ redirects: 'any' })).code, 'EUNSUPPORTED');
      assert.ok(elsewhere.every(({ headers }) => headers.authorization === undefined));
      for (const location of ['ftp://127.0.0.1/x', 'http://[', 'javascript:1']) {
        service.answer = (_, response) => response.writeHead(302, { Location: location }).end();
        assert.equal((await fails()).code, 'EPROTOCOL', location);
      }
      service.answer = (_, response) => response.writeHead(302, { Location: '/round' }).end();
      service.asked = [];
      assert.equal((await fails()).code, 'EPROTOCOL');
      assert.equal(service.asked.length, 6);
    } finally {
      other.close();
    }
  });

  it('gets no password in clear where the NVR’s RTSP asked for Digest, and one with a warning where nothing better was offered', async () => {
    service.answer = ({ headers }, response) =>
      headers.authorization === BASIC
        ? response.end('aB3xyz')
        : response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="r"' }).end();
    assert.equal(await fetchKey(), 'aB3xyz');
    assert.deepEqual({ warnings: warnings.length, code: warnings[0]?.code }, { warnings: 1, code: 'EAUTH' });
    account.memory.login.digestSeen = true;
    service.asked = [];
    assert.equal((await fails()).code, 'EUNSUPPORTED');
    assert.ok(service.asked.every(({ headers }) => headers.authorization === undefined));
    assert.equal(await fetchKey({ allowBasic: true }), 'aB3xyz');
    assert.equal(account.gate.waitMs, 0);
  });

  it('is held to 64 KiB, packed or not', async () => {
    service.answer = (_, response) => response.end('x'.repeat(100_000));
    assert.match((await fails()).message, /64 KiB/);
    service.answer = (_, response) =>
      response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(zlib.gzipSync(Buffer.alloc(50_000_000)));
    assert.match((await fails()).message, /64 KiB/);
    service.answer = (_, response) =>
      response.writeHead(200, { 'Content-Encoding': 'br' }).end('never packed');
    assert.match((await fails()).message, /cannot be decompressed/);
  });

  it('is held to 256 KiB of what surrounds a body: informational replies and chunks with extensions', async () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n';
    const chunk = `1;${'x'.repeat(8000)}\r\nk\r\n`;
    for (const [head, endless] of [
      ['', hints],
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', chunk],
    ] as const) {
      let sent = 0;
      service.answer = ({ socket }) => {
        const bytes = Buffer.from(endless.repeat(Math.ceil(16_384 / endless.length)));
        const more = (): void => {
          while (!socket.destroyed && sent < 64 << 20 && socket.write(bytes)) sent += bytes.length;
        };
        socket.on('error', () => undefined);
        socket.on('drain', more);
        socket.write(head);
        more();
      };
      const error = await fails({ username: '', password: '', requestTimeout: 60 });
      assert.equal(error.code, 'EPLAYBACKKEY');
      assert.ok(sent < 64 << 20, `${sent} bytes were read`);
    }
  });

  it('leaves the shape of its reply in the trace, and never the key, wherever that comes back', async () => {
    service.answer = (_, response) => response.end('{"data":{"ticket":"Kd83jsLq"}}');
    assert.equal(await fetchKey({ keyPattern: 'ticket' }), 'Kd83jsLq');
    assert.match(log, /> GET \/datasearch\/gen_pbkey\?group_id=0&start_time=1764233441 \(key service\)/);
    assert.match(
      log,
      /< HTTP 200, no content type, 30 bytes of this shape:\r\n\{"data":\{"ticket":"\[8 of a-z A-Z 0-9\]"\}\}/,
    );
    assert.ok(!log.includes('Kd83jsLq'));
    assert.equal(
      new NvrError('EPROTOCOL', 'PLAY was answered 404 sid/Kd83jsLq').message,
      'PLAY was answered 404 sid/***',
    );
  });
});
