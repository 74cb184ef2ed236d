import assert from 'node:assert/strict';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import type { NvrError } from '../../lib/errors.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { startScriptedServer, type ScriptedServer } from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';

const ACCOUNT = { username: 'admin', password: 'pinned-pw' };
const BASIC = 'Basic realm="r"';

/** Sits in front of an RTSP server, hears all, and answers whatever is HTTP itself: it wants the password. */
class Middle {
  heard = '';
  offer = 'Digest realm="r", nonce="n"';
  private readonly sockets = new Set<net.Socket>();
  private rtsp!: ScriptedServer;
  private readonly front = net.createServer((socket) => {
    this.keep(socket).once('data', (first: Buffer) => {
      this.heard += first.toString('latin1');
      if (/^(GET|POST) /.test(first.toString('latin1'))) {
        socket.end(`HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: ${BASIC}\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      const behind = this.keep(net.connect(this.rtsp.port, '127.0.0.1'));
      behind.write(first);
      socket.on('data', (chunk: Buffer) => (this.heard += chunk.toString('latin1')));
      socket.pipe(behind).pipe(socket);
    });
  });
  private readonly keys = http.createServer((request, response) => {
    this.heard += `${request.url ?? ''} ${request.headers.authorization ?? ''}\n`;
    response.writeHead(401, { 'WWW-Authenticate': BASIC }).end();
  });

  async start(): Promise<{ rtspPort: number; httpPort: number }> {
    this.rtsp = await startScriptedServer(({ method, headers }) =>
      method !== 'OPTIONS' && !headers.has('Authorization')
        ? { status: 401, headers: { 'WWW-Authenticate': this.offer } }
        : undefined,
    );
    for (const server of [this.front, this.keys])
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const [rtspPort, httpPort] = [this.front, this.keys].map((one) => (one.address() as AddressInfo).port);
    return { rtspPort: rtspPort!, httpPort: httpPort! };
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.front.close();
    this.keys.closeAllConnections();
    this.keys.close();
    await this.rtsp.close();
  }

  private keep(socket: net.Socket): net.Socket {
    this.sockets.add(socket);
    return socket.on('error', () => undefined);
  }
}

describe('a man in the middle who wants the password', () => {
  it('gets it nowhere once Digest was offered: not by RTSP, nor by the tunnel, nor by the key service, nor after a deploy', async () => {
    const middle = new Middle();
    const ports = await middle.start();
    const open = (settings: Partial<NvrSettings>): Nvr =>
      new Nvr(settingsFor(ports.rtspPort, { httpPort: ports.httpPort, ...ACCOUNT, ...settings }));
    let nvr = open({ transport: 'tcp' });
    const ends = (): Promise<string> =>
      new Promise((resolve) => {
        nvr.camera(1, 'main').subscribe({
          onEvent: ({ type, code }) => {
            if (type !== 'connecting') resolve(code ?? type);
          },
        });
      });
    try {
      assert.equal(await ends(), 'playing');
      assert.match(middle.heard, /Digest username="admin"/);

      const key = new Promise<NvrError | undefined>((resolve) => {
        const request = {
          run: 'a',
          channel: 1,
          stream: 'main',
          group: 0,
          from: Date.now() - 60_000,
          speed: 1,
        };
        nvr.playback.play(request, {
          onUnit: () => undefined,
          onEnd: (_, error) => {
            resolve(error);
          },
        });
      });
      assert.equal((await key)?.code, 'EUNSUPPORTED');

      await nvr.close();
      nvr = open({ transport: 'http' });
      assert.equal(await ends(), 'EUNSUPPORTED');

      await nvr.close();
      middle.offer = BASIC;
      nvr = open({ transport: 'tcp' });
      assert.equal(await ends(), 'EUNSUPPORTED');

      assert.ok(!/Authorization: Basic| Basic /.test(middle.heard), 'Basic was answered');
      assert.ok(!middle.heard.includes(ACCOUNT.password));
    } finally {
      await nvr.close();
      await middle.stop();
    }
  });
});
