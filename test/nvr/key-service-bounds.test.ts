// The client of the key service at its bounds: what it asks for, which cookies it brings back, and how it
// ends.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import sinon from 'sinon';
import { NvrError } from '../../lib/errors.js';
import { LIMITS } from '../../lib/limits.js';
import { Account } from '../../lib/nvr/account.js';
import { get } from '../../lib/nvr/playback/key-http.js';
import { fetchPlaybackKey, type KeyReply } from '../../lib/nvr/playback/key-service.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { KeyServer } from '../kit/key-server.js';
import { settingsFor } from '../kit/settings.js';

const START = 1_764_233_441_000;

describe('the key service, at its bounds', () => {
  const service = new KeyServer();

  before(() => service.start());

  beforeEach(() => {
    service.asked = [];
  });

  after(() => {
    service.close();
  });

  const settings = (extra: Partial<NvrSettings> = {}): NvrSettings =>
    settingsFor(1, { httpPort: service.port, username: '', password: '', ...extra });
  const fetchKey = (extra: Partial<NvrSettings> = {}, group = 0, signal?: AbortSignal): Promise<KeyReply> =>
    fetchPlaybackKey(settings(extra), new Account(() => performance.now()), {
      group,
      startMs: START,
      signal,
    });

  it('is asked for the group, and for seconds that count as its setting says, whatever the NVR’s zone', async () => {
    service.answer = (_, response) => response.end('pbkey=aB3xyz');
    const timeZone = 'Asia/Tokyo';
    await fetchKey({ timeZone }, 3);
    await fetchKey({ timeZone, keyTime: 'local' });
    const utc = START / 1000;
    assert.deepEqual(
      service.asked.map(({ url }) => url),
      [
        `/datasearch/gen_pbkey?group_id=3&start_time=${utc}`,
        `/datasearch/gen_pbkey?group_id=0&start_time=${utc + 9 * 3600}`,
      ],
    );
  });

  it('tells its clock in milliseconds, and none where it has none', async () => {
    service.answer = (_, response) =>
      response.setHeader('Date', new Date(START).toUTCString()).end('pbkey=aB3xyz');
    assert.deepEqual(await fetchKey(), { key: 'aB3xyz', serverTime: START });
    service.answer = (_, response) => {
      response.sendDate = false;
      response.end('pbkey=aB3xyz');
    };
    assert.deepEqual(await fetchKey(), { key: 'aB3xyz' });
  });

  it('gets at most eight cookies back, of 1024 characters, each as it was set last', async () => {
    const long = `long=${'x'.repeat(1024 - 5)}`;
    const first = [long, `${long.replace('long', 'over')}x`, 'sid=old'];
    service.answer = ({ headers }, response) => {
      const seen = headers.cookie ?? '';
      if (seen === '') response.writeHead(302, { 'Set-Cookie': first, Location: '/2' }).end();
      else if (!seen.includes('c6')) {
        const more = Array.from({ length: 8 }, (_, index) => `c${index + 1}=1`);
        response.writeHead(302, { 'Set-Cookie': [...more, 'sid=new'], Location: '/3' }).end();
      } else response.end('pbkey=aB3xyz');
    };
    await fetchKey();
    const pairs = service.asked.at(-1)!.headers.cookie!.split('; ');
    assert.deepEqual(pairs, [long, 'sid=new', 'c1=1', 'c2=1', 'c3=1', 'c4=1', 'c5=1', 'c6=1']);
  });

  it('is followed as often as any redirect, with the whole of the address', async () => {
    service.answer = (_, response) => {
      if (service.asked.length > LIMITS.redirects) response.end('pbkey=aB3xyz');
      else
        response.writeHead(302, { Location: `/at/${service.asked.length}?x=${service.asked.length}` }).end();
    };
    assert.equal((await fetchKey()).key, 'aB3xyz');
    assert.equal(service.asked.at(-1)!.url, `/at/${LIMITS.redirects}?x=${LIMITS.redirects}`);
    assert.equal(service.asked.at(-1)!.headers.host, `127.0.0.1:${service.port}`);
  });

  it('is followed to the usual port of a redirect that names none', async () => {
    const ports: unknown[] = [];
    const ask = http.request;
    const instead = (options: http.RequestOptions): http.ClientRequest => {
      ports.push(options.port);
      return ask({ ...options, port: service.port });
    };
    const stubs = [http, https].map((module) =>
      sinon.stub(module as { request: typeof instead }, 'request').callsFake(instead),
    );
    try {
      for (const [location, port] of [
        ['http://127.0.0.1/key', 80],
        ['https://127.0.0.1/key', 443],
        ['http://127.0.0.1:8080/key', 8080],
        ['/key', service.port],
      ] as const) {
        ports.length = 0;
        service.answer = ({ url }, response) =>
          url === '/key'
            ? response.end('pbkey=aB3xyz')
            : response.writeHead(302, { Location: location }).end();
        assert.equal((await fetchKey()).key, 'aB3xyz');
        assert.deepEqual(ports, [service.port, port], location);
      }
    } finally {
      for (const stub of stubs) stub.restore();
    }
  });

  it('tells its key in a header where its body is empty, and not beside one of a byte', async () => {
    service.answer = (_, response) => response.setHeader('X-PBKey', 'aB3xyz').end();
    assert.equal((await fetchKey()).key, 'aB3xyz');
    service.answer = (_, response) => response.setHeader('X-PBKey', 'aB3xyz').end('0');
    await assert.rejects(fetchKey(), { code: 'EPLAYBACKKEY' });
  });

  it('is asked once more with a log-in whose challenge had become stale', async () => {
    const digest = (nonce: string, more = ''): string =>
      `Digest realm="r", nonce="${nonce}", qop="auth", algorithm=MD5${more}`;
    service.answer = ({ headers }, response) => {
      const said = headers.authorization ?? '';
      if (said.includes('nonce="two"')) response.end('pbkey=aB3xyz');
      else
        response
          .writeHead(401, { 'WWW-Authenticate': said === '' ? digest('one') : digest('two', ', stale=true') })
          .end();
    };
    assert.equal((await fetchKey({ username: 'admin', password: 'secret99' })).key, 'aB3xyz');
  });

  it('sends up to 64 KiB, and not a byte more', async () => {
    const ask = (bytes: number): Promise<number> => {
      service.answer = (_, response) => response.end(Buffer.alloc(bytes));
      return get(
        { tls: false, host: '127.0.0.1', port: service.port, path: '/' },
        settings(),
        {},
        undefined,
      ).then(({ body }) => body.length);
    };
    assert.equal(await ask(64 * 1024), 64 * 1024);
    await assert.rejects(ask(64 * 1024 + 1), { code: 'EPLAYBACKKEY' });
  });

  it('is not asked where that is given up before, and let go of at once where it is given up meanwhile', async () => {
    service.answer = () => undefined;
    await assert.rejects(fetchKey({}, 0, AbortSignal.abort()), NvrError);
    assert.equal(service.asked.length, 0);
    const ending = new AbortController();
    const closed = new Promise<void>((resolve) => {
      service.answer = ({ socket }) => {
        socket.once('close', () => {
          resolve();
        });
        ending.abort();
      };
    });
    await assert.rejects(fetchKey({}, 0, ending.signal), NvrError);
    await closed;
  });

  it('has its time from the setting, in seconds, and is let go of when that is over', async () => {
    const closed = new Promise<void>((resolve) => {
      service.answer = ({ socket }) => {
        socket.once('close', () => {
          resolve();
        });
      };
    });
    const before = performance.now();
    await assert.rejects(fetchKey({ requestTimeout: 0.03 }), { code: 'ETIMEDOUT' });
    assert.ok(performance.now() - before >= 25);
    await closed;
  });

  it('is asked again at once where it says that it is free in no time', async () => {
    service.answer = (_, response) =>
      service.asked.length === 1
        ? response.writeHead(503, { 'Retry-After': '0' }).end()
        : response.end('pbkey=aB3xyz');
    const before = performance.now();
    await fetchKey();
    const took = performance.now() - before;
    assert.ok(took < 900, `${took} ms`);
  });

  it('is not asked again for a cookie of before, which it has had already', async () => {
    service.answer = ({ url }, response) => {
      if (url === '/2') response.end('NOT_LOGIN');
      else response.writeHead(302, { 'Set-Cookie': 'sid=1', Location: '/2' }).end();
    };
    await assert.rejects(fetchKey(), { code: 'EAUTH' });
    assert.equal(service.asked.length, 2);
  });

  it('leaves no timer and no listener behind once it has answered', async () => {
    service.answer = (_, response) => response.end('pbkey=aB3xyz');
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { signal } = new AbortController();
      await fetchKey({}, 0, signal);
      assert.deepEqual(
        { timers: clock.countTimers(), listeners: getEventListeners(signal, 'abort').length },
        { timers: 0, listeners: 0 },
      );
    } finally {
      clock.restore();
    }
  });
});
