import assert from 'node:assert/strict';
import net from 'node:net';
import sinon from 'sinon';
import { isCode, open, startHttp, type Http } from './tunnel-server.js';

describe('the HTTP tunnel', () => {
  let http: Http | undefined;
  afterEach(async () => {
    await http?.close();
    http = undefined;
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

    it('is followed by no other before its end has gone', async () => {
      http = await startHttp();
      const { pipe } = await open(http.port);
      const soon = sinon.stub(net.Socket.prototype, 'destroySoon');
      try {
        for (let i = 0; i < 30; i++) pipe.write(Buffer.alloc(1_000));
        await http.until(() => http!.heard().length > 20_000);
        assert.equal(soon.callCount, 1);
        for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
        assert.equal(http.posts().length, 1, 'the server takes one at a time');
      } finally {
        soon.restore();
      }
      (soon.firstCall.thisValue as net.Socket).destroySoon();
      await http.until(() => http!.heard().length === 30_000);
      assert.equal(http.posts().length, 2);
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
});
