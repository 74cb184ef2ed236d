import assert from 'node:assert/strict';
import { tcp } from '../../lib/client/transport/transports.js';
import { redirectKeepsAccount, type Origin, type RedirectRules } from '../../lib/client/redirect.js';
import { RtspSession, type SessionOptions } from '../../lib/client/session.js';
import { openPipe } from '../../lib/client/transport/socket.js';
import { NvrError } from '../../lib/errors.js';
import { startScriptedServer, type ScriptedServer } from '../kit/scripted-server.js';
import { sessionOptions } from '../kit/session-rig.js';

const credentials = { username: 'admin', password: 'secret99' };

/** What opening a session fails with. */
async function failure(uri: string, extra: Partial<SessionOptions> = {}): Promise<NvrError> {
  const session = new RtspSession(sessionOptions(0, { uri, ...extra }));
  const error: unknown = await session.open().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof NvrError);
  return error;
}

describe('quirk redirects: redirects', () => {
  /** Asks for a log-in. */
  let other: ScriptedServer;
  let first: ScriptedServer;
  let location: string;

  before(async () => {
    other = await startScriptedServer(({ method, headers }) =>
      method === 'DESCRIBE' && !headers.has('Authorization')
        ? { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="x"' } }
        : undefined,
    );
    first = await startScriptedServer(({ method }) =>
      method === 'DESCRIBE' ? { status: 302, headers: { Location: location } } : undefined,
    );
  });

  afterEach(() => {
    other.requests.length = first.requests.length = 0;
  });

  after(() => Promise.all([other.close(), first.close()]));

  it('are followed, and no credentials go to another host', async () => {
    location = `rtsp://localhost:${other.port}/moved`;
    const error = await failure(`rtsp://127.0.0.1:${first.port}/live`, { credentials });
    assert.equal(error.code, 'EAUTH');
    assert.ok(other.requests.length > 0);
    assert.ok(other.requests.every(({ headers }) => !headers.has('Authorization')));
  });

  it('are not followed to another host with the setting `same`, and nothing is sent there', async () => {
    location = `rtsp://localhost:${other.port}/moved`;
    const error = await failure(`rtsp://127.0.0.1:${first.port}/live`, { credentials, redirects: 'same' });
    assert.equal(error.code, 'EUNSUPPORTED');
    assert.match(error.message, /another host \("localhost"\)/);
    assert.equal(other.requests.length, 0);
  });

  it('are followed to any host, with the account, with the setting `any`; the password goes to none in clear text', async () => {
    location = `rtsp://localhost:${other.port}/moved`;
    const error = await failure(`rtsp://127.0.0.1:${first.port}/live`, { credentials, redirects: 'any' });
    assert.equal(error.code, 'EUNSUPPORTED');
    assert.ok(other.requests.length > 0);
    assert.ok(other.requests.every(({ headers }) => !headers.has('Authorization')));
  });

  it('to another port of the same host are followed without the account, which the error says', async () => {
    location = `rtsp://127.0.0.1:${other.port}/moved`;
    const error = await failure(`rtsp://127.0.0.1:${first.port}/live`, { credentials, redirects: 'same' });
    assert.equal(error.code, 'EAUTH');
    assert.match(
      error.message,
      /redirects to 127\.0\.0\.1:\d+, which asks for a log-in; the account is not sent to/,
    );
    assert.ok(other.requests.every(({ headers }) => !headers.has('Authorization')));
  });

  it('take the account along to the same host and port, and into checked TLS there, and nowhere else', () => {
    const given = { tls: false, host: 'nvr.example', port: 554 };
    const same = { redirects: 'same', checksTls: true } as const;
    const goes = (next: Partial<Origin>, rules: RedirectRules = same): boolean =>
      redirectKeepsAccount(given, given, { ...given, ...next }, rules);
    assert.equal(goes({ host: 'NVR.example' }), true);
    assert.equal(goes({ port: 555 }), false);
    assert.equal(goes({ tls: true, port: 322 }), true);
    assert.equal(goes({ tls: true, port: 322 }, { ...same, checksTls: false }), false);
    assert.equal(goes({ host: 'other.example' }, { checksTls: true }), false);
    assert.throws(() => goes({ host: 'other.example' }), /another host/);
    assert.equal(goes({ host: 'other.example' }, { ...same, redirects: 'any' }), true);
    const secure = { ...given, tls: true };
    for (const redirects of ['same', 'any'] as const)
      assert.throws(
        () => redirectKeepsAccount(given, secure, given, { redirects, checksTls: true }),
        /without TLS/,
      );
  });

  it('are followed 5 times at most', async () => {
    location = `rtsp://127.0.0.1:${first.port}/live`;
    const error = await failure(location);
    assert.equal(error.code, 'EPROTOCOL');
    assert.equal(first.requests.filter(({ method }) => method === 'DESCRIBE').length, 6);
  });

  it('are not followed out of TLS, where a password would be read on the way', async () => {
    location = `rtsp://127.0.0.1:${other.port}/moved`;
    const error = await failure(`rtsps://127.0.0.1:${first.port}/live`, {
      credentials,
      // What is encrypted is not the point here.
      transport: tcp({ connect: (options) => openPipe({ ...options, tls: undefined }) }),
    });
    assert.equal(error.code, 'ETLS');
    assert.equal(other.requests.length, 0);
  });
});
