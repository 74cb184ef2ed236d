import assert from 'node:assert/strict';
import { login, loginRules } from '../../lib/client/login.js';
import { Authenticator } from '../../lib/rtsp/auth.js';
import { LoginMemory } from '../../lib/rtsp/login-rules.js';
import { Headers } from '../../lib/rtsp/message.js';

const URI = 'rtsp://camera/live/track1';

describe('a log-in that is refused each time, with a nonce of its own', () => {
  let auth: Authenticator;
  /** The nonce and the URI that each request answers with. */
  let answers: { nonce: string | undefined; uri: string | undefined }[];

  async function refused(password: string, requestUri = URI): Promise<number> {
    const rules = loginRules('rtsp', new LoginMemory(), undefined);
    auth = new Authenticator({ username: 'admin', password }, { rules });
    auth.baseUri = 'rtsp://camera/live/';
    answers = [];
    const ask = (): Promise<{ status: number; headers: Headers }> => {
      const said = auth.authorize('SETUP', URI) ?? '';
      const field = (name: string): string | undefined => new RegExp(`[ ,]${name}="([^"]*)"`).exec(said)?.[1];
      answers.push({ nonce: field('nonce'), uri: field('uri') });
      const headers = new Headers().set('WWW-Authenticate', `Digest realm="r", nonce="n${answers.length}"`);
      return Promise.resolve({ status: 401, headers });
    };
    return (await login(undefined, auth, ask, { what: 'SETUP', requestUri })).status;
  }

  it('answers the last nonce, in each form that it tries', async () => {
    assert.equal(await refused('pässwörd'), 401);
    assert.deepEqual(
      answers.map(({ nonce }) => nonce),
      [undefined, 'n1', 'n2', 'n3'],
    );
  });

  it('tries the base URI last, and goes back to the request’s where that is refused as well', async () => {
    assert.equal(await refused('secret99'), 401);
    assert.deepEqual(answers, [
      { nonce: undefined, uri: undefined },
      { nonce: 'n1', uri: URI },
      { nonce: 'n2', uri: 'rtsp://camera/live/' },
    ]);
    assert.equal(auth.digestUri, 'request');
  });

  it('asks no third time where the base URI is the request’s', async () => {
    await refused('secret99', 'rtsp://camera/live/');
    assert.equal(answers.length, 2);
  });
});

describe('a log-in', () => {
  /** What is remembered once the answer in Latin-1 gets a reply with this status. */
  async function remembered(status: number): Promise<string | undefined> {
    const memory = new LoginMemory();
    const credentials = { username: 'admin', password: 'pässwörd' };
    const auth = new Authenticator(credentials, { rules: loginRules('rtsp', memory, undefined) });
    let asked = 0;
    const ask = (): Promise<{ status: number; headers: Headers }> => {
      auth.authorize('DESCRIBE', URI);
      const headers = new Headers().set('WWW-Authenticate', 'Digest realm="r", nonce="n"');
      return Promise.resolve({ status: ++asked < 3 ? 401 : status, headers });
    };
    const last = await login(undefined, auth, ask, { what: 'DESCRIBE', requestUri: URI });
    assert.deepEqual({ asked, status: last.status }, { asked: 3, status });
    return memory.charset;
  }

  it('has been accepted where the request fails for another reason: the form of its answer is remembered', async () => {
    for (const status of [200, 302, 404, 454, 503])
      assert.equal(await remembered(status), 'latin1', `${status}`);
  });

  it('leaves nothing in mind where it is refused', async () => {
    assert.equal(await remembered(401), undefined);
  });
});
