import assert from 'node:assert/strict';
import http from 'node:http';
import type net from 'node:net';
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

  beforeEach(async () => {
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
    server.close();
  });

  const clockOf = (settings: Partial<NvrSettings> = {}): ServerClock => {
    const { port } = server.address() as net.AddressInfo;
    const account = { username: 'demo', password: 'secret' };
    return new ServerClock(settingsFor(554, { httpPort: port, ...account, ...settings }), () => now);
  };

  it('is told to about a second, and asked for without the account', async () => {
    const offset = await clockOf().offset();
    assert.ok(Math.abs(offset! - AHEAD_MS) <= 2000, String(offset));
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
    assert.equal(asked.length, 2);
    assert.ok(Math.abs(offset!) <= 2000, String(offset));
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
