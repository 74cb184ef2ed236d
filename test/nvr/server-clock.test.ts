import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import sinon from 'sinon';
import { ServerClock } from '../../lib/nvr/health/server-clock.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { settingsFor } from '../kit/settings.js';

const AHEAD_MS = 3_600_000;
const KEPT_MS = 600_000;

describe('the clock of an NVR', () => {
  let server: http.Server;
  let asked: string[];
  let date: string | undefined;
  let now: number;
  let clock: sinon.SinonFakeTimers;

  beforeEach(async () => {
    clock = sinon.useFakeTimers({ now: 1_700_000_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    asked = [];
    date = new Date(Date.now() + AHEAD_MS).toUTCString();
    now = 0;
    server = http.createServer((request, response) => {
      asked.push(`${request.method} ${request.headers.authorization ?? 'without account'}`);
      response.sendDate = false;
      if (date !== undefined) response.setHeader('Date', date);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => {
    assert.equal(clock.countTimers(), 0, 'no timer is left');
    clock.restore();
    server.close();
  });

  const clockOf = (settings: Partial<NvrSettings> = {}): ServerClock => {
    const { port } = server.address() as net.AddressInfo;
    const account = { username: 'demo', password: 'secret' };
    return new ServerClock(settingsFor(554, { httpPort: port, ...account, ...settings }), () => now);
  };

  it('is told to about a second, and asked for without the account', async () => {
    // Of a second that is told, half is over on average.
    assert.equal(await clockOf().offset(), AHEAD_MS + 500);
    assert.deepEqual(asked, ['HEAD without account']);
  });

  it('is asked for once in ten minutes, and again after them', async () => {
    const clock = clockOf();
    await Promise.all([clock.offset(), clock.offset()]);
    now = KEPT_MS;
    await clock.offset();
    assert.equal(asked.length, 1);
    now++;
    date = new Date().toUTCString();
    const offset = await clock.offset();
    assert.equal(offset, 500);
    await clock.offset();
    assert.equal(asked.length, 2);
  });

  it('is not asked for again because this machine’s clock was set meanwhile, either way', async () => {
    const { port } = server.address() as net.AddressInfo;
    const nvr = new ServerClock(settingsFor(554, { httpPort: port, username: 'demo', password: 'secret' }));
    await nvr.offset();
    for (const setBy of [2 * KEPT_MS, -4 * KEPT_MS]) {
      clock.setSystemTime(Date.now() + setBy);
      await nvr.offset();
      assert.equal(asked.length, 1, `set by ${setBy} ms`);
    }
  });

  it('is not waited for for more than a second, and the connection is not left open', async () => {
    let isReached = (): void => undefined;
    let isClosed = (): void => undefined;
    const reached = new Promise<void>((resolve) => (isReached = resolve));
    const closed = new Promise<void>((resolve) => (isClosed = resolve));
    const silent = net.createServer((socket) => {
      socket.on('error', () => undefined).on('close', isClosed);
      socket.on('data', isReached);
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const offset = clockOf({ httpPort: (silent.address() as net.AddressInfo).port }).offset();
    await reached;
    clock.tick(1_000);
    assert.equal(await offset, undefined);
    await closed;
    silent.close();
  });

  it('is unknown without a date, with one that is none, without a server, and without a key service', async () => {
    for (const said of [undefined, 'yesterday']) {
      date = said;
      assert.equal(await clockOf().offset(), undefined);
    }
    const count = asked.length;
    const custom = { uriStyle: 'custom', playbackTemplate: '/recorded?{start:unix}' } as const;
    assert.equal(await clockOf(custom).offset(), undefined);
    const gone = clockOf();
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await gone.offset(), undefined);
    assert.equal(asked.length, count);
  });
});
