import assert from 'node:assert/strict';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession, type SessionOptions } from '../../lib/client/session.js';
import { openPipe } from '../../lib/client/socket.js';
import { NvrError } from '../../lib/errors.js';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';

const credentials = { username: 'admin', password: 'secret99' };

/** What opening a session fails with. */
async function failure(uri: string, extra: Partial<SessionOptions> = {}): Promise<NvrError> {
  const session = new RtspSession({
    uri,
    transport: 'tcp',
    memory: new ServerMemory(),
    onUnit: () => undefined,
    onEnd: () => undefined,
    ...extra,
  });
  const error: unknown = await session.open().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof NvrError);
  return error;
}

describe('row 12: redirects', () => {
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
      openPipe: (options) => openPipe({ ...options, tls: undefined }),
    });
    assert.equal(error.code, 'ETLS');
    assert.equal(other.requests.length, 0);
  });
});
