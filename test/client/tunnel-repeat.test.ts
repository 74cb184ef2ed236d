import assert from 'node:assert/strict';
import net from 'node:net';
import sinon from 'sinon';
import { NvrError } from '../../lib/errors.js';
import { ACCOUNT, isCode, open, startHttp, type Http } from './tunnel-server.js';

const NO_ANSWER = 'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="cam", nonce="n"\r\n\r\n';
/** Most servers never answer a POST that they accept, so an answer is awaited for this long (ms). */
const REFUSAL_MS = 1_000;

describe('a POST of an HTTP tunnel that is repeated with the account', () => {
  let http: Http;
  let timers: sinon.SinonFakeTimers;

  beforeEach(() => {
    timers = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });

  afterEach(async () => {
    sinon.restore();
    await http.close();
  });

  /** A server that refuses the first POST and says nothing to the second, on which nothing is written yet. */
  async function repeated() {
    http = await startHttp(({ method }) =>
      method === 'POST' && http.posts().length === 1 ? NO_ANSWER : undefined,
    );
    const tunnel = await open(http.port, { credentials: ACCOUNT });
    tunnel.pipe.write(Buffer.from('hello!'));
    await http.until(() => http.posts().length === 2);
    return { ...tunnel, post: http.posts()[1]!.socket };
  }

  it('carries the data once a second has passed without an answer, and not before', async () => {
    const { pipe, closes } = await repeated();
    await timers.tickAsync(REFUSAL_MS - 1);
    assert.equal(pipe.unsent, 8);
    await timers.tickAsync(1);
    await http.until(() => http.posts()[1]!.body !== '');
    assert.deepEqual(
      { heard: http.posts()[1]!.body, unsent: pipe.unsent, closes },
      {
        ...{ heard: Buffer.from('hello!').toString('base64'), unsent: 0, closes: [] },
      },
    );
    pipe.destroy();
  });

  it('ends the tunnel where it is refused after that second, and is not repeated again', async () => {
    const { closed, closes, post } = await repeated();
    await timers.tickAsync(REFUSAL_MS);
    await http.until(() => http.posts()[1]!.body !== '');
    // With a nonce that could be answered.
    post.write(NO_ANSWER.replace('"n"', '"later"'));
    isCode('EAUTH')(await closed);
    await http.until(() => http.sockets.size === 0);
    assert.deepEqual({ posts: http.posts().length, closes: closes.length }, { posts: 2, closes: 1 });
  });

  it('ends the tunnel where the server closes it within that second: the data would be lost', async () => {
    const { closed, post } = await repeated();
    post.end();
    await http.until(() => http.sockets.size === 1);
    await timers.tickAsync(REFUSAL_MS);
    isCode('EUNREACHABLE')(await closed);
  });

  it('tries the other form of a password, and closes the POST that was refused with the first', async () => {
    http = await startHttp(({ method }) => {
      if (method === 'GET') return undefined;
      return http.posts().length < 3 ? NO_ANSWER : 'HTTP/1.0 200 OK\r\n\r\n';
    });
    const { pipe, closes } = await open(http.port, { credentials: { ...ACCOUNT, password: 'Gehäuse' } });
    pipe.write(Buffer.from('hello!'));
    await http.until(() => http.posts()[2] !== undefined && http.posts()[2]!.body !== '');
    // The GET and the last POST.
    await http.until(() => http.sockets.size === 2);
    assert.deepEqual({ posts: http.posts().length, closes }, { posts: 3, closes: [] });
    pipe.destroy();
  });

  it('tells nobody of a log-in that fails after the tunnel was destroyed', async () => {
    let refuse: (error: NvrError) => void = () => undefined;
    let ask = (): void => undefined;
    const asked = new Promise<void>((resolve) => (ask = resolve));
    const gate = {
      run: <T>(): Promise<T> => {
        ask();
        return new Promise<T>((_, reject) => (refuse = reject));
      },
    };
    http = await startHttp(({ method }) => (method === 'POST' ? NO_ANSWER : undefined));
    const { pipe, closes } = await open(http.port, { credentials: ACCOUNT, gate });
    pipe.write(Buffer.from('hello!'));
    await asked;
    pipe.destroy();
    refuse(new NvrError('EAUTH', 'The account is locked.'));
    await new Promise(setImmediate);
    assert.deepEqual(closes, []);
  });

  it('counts as unsent what its socket has not sent', async () => {
    const connect = sinon.spy(net, 'connect');
    http = await startHttp();
    const { pipe } = await open(http.port);
    pipe.write(Buffer.from('one'));
    await http.until(() => http.heard().length === 3);
    const socket = connect.lastCall.returnValue;
    socket.cork();
    pipe.write(Buffer.alloc(300));
    assert.equal(pipe.unsent, 400);
    socket.uncork();
    await http.until(() => http.heard().length === 303);
    assert.equal(pipe.unsent, 0);
    pipe.destroy();
  });
});
