import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { tcp } from '../../lib/client/transport/transports.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession, type SessionOptions } from '../../lib/client/session.js';
import { openPipe } from '../../lib/client/transport/socket.js';
import { NvrError } from '../../lib/errors.js';
import { PasswordGate } from '../../lib/nvr/account.js';
import type { RtspRequest } from '../../lib/rtsp/message.js';
import { startScriptedServer, type Reply, type Script, type ScriptedServer } from '../kit/scripted-server.js';

const ACCOUNT = { username: 'admin', password: 'secret99' };
const md5 = (...parts: (string | Buffer)[]): string =>
  createHash('md5')
    .update(Buffer.concat(parts.map((part) => Buffer.from(part as string))))
    .digest('hex');
const field = ({ headers }: RtspRequest, name: string): string =>
  new RegExp(`[ ,]${name}="([^"]*)"`).exec(headers.get('Authorization') ?? '')?.[1] ?? '';

describe('logging in', () => {
  let server: ScriptedServer;
  let memory: ServerMemory;
  let warnings: NvrError[];
  const open: RtspSession[] = [];

  beforeEach(() => {
    memory = new ServerMemory();
    warnings = [];
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((session) => session.close()));
    await server.close();
  });

  /** The code a session fails with; `playing` where it opens. */
  async function play(extra: Partial<SessionOptions> = {}): Promise<NvrError | 'playing'> {
    const session = new RtspSession({
      uri: `rtsp://127.0.0.1:${server.port}/live`,
      credentials: ACCOUNT,
      transport: tcp(),
      memory,
      onUnit: () => undefined,
      onWarning: (error) => warnings.push(error),
      onEnd: () => undefined,
      ...extra,
    });
    open.push(session);
    return session.open().then(
      () => 'playing' as const,
      (error: unknown) => {
        assert.ok(error instanceof NvrError);
        return error;
      },
    );
  }

  async function refused(extra: Partial<SessionOptions> = {}): Promise<NvrError> {
    const outcome = await play(extra);
    assert.ok(outcome !== 'playing', 'it plays');
    return outcome;
  }

  const authorizations = (): string[] =>
    server.requests.flatMap(({ headers }) => headers.getAll('Authorization'));
  const challenge = (...lines: string[]): Reply => ({ status: 401, headers: { 'WWW-Authenticate': lines } });

  /** Asks for Digest over bytes, and computes the answer itself. */
  function digestOver(realm: Buffer, username: Buffer, password: Buffer, more = ''): Script {
    return (request) => {
      if (request.method === 'OPTIONS') return undefined;
      const ha1 = md5(username, ':', realm, ':', password);
      const right = md5(`${ha1}:n1:${md5(`${request.method}:${field(request, 'uri')}`)}`);
      const named = Buffer.from(field(request, 'username'), 'latin1').equals(username);
      if (named && field(request, 'response') === right) return undefined;
      const head = `RTSP/1.0 401 Unauthorized\r\nCSeq: ${request.headers.get('CSeq')}\r\nWWW-Authenticate: Digest realm="`;
      return { raw: Buffer.concat([Buffer.from(head), realm, Buffer.from(`", nonce="n1"${more}\r\n\r\n`)]) };
    };
  }

  describe('in other alphabets', () => {
    for (const [name, realm] of [
      ['UTF-8', Buffer.from('Login to Ворота à')],
      ['GBK', Buffer.from('4c6f67696e20b4f3c3c5a0', 'hex')],
      ['Latin-1', Buffer.from('Kamera Tür', 'latin1')],
      ['no character set at all', Buffer.from('80ff0980fe', 'hex')],
    ] as const)
      it(`hashes a realm in ${name} as it came`, async () => {
        server = await startScriptedServer(digestOver(realm, Buffer.from('admin'), Buffer.from('secret99')));
        assert.equal(await play(), 'playing');
      });

    const credentials = { username: 'müller', password: 'pässwörd' };

    it('tells the user’s own name and password in UTF-8', async () => {
      const account = { username: 'müller', password: 'pässwörd€ 密码' };
      const script = digestOver(
        Buffer.from('r'),
        Buffer.from(account.username),
        Buffer.from(account.password),
      );
      server = await startScriptedServer(script);
      assert.equal(await play({ credentials: account }), 'playing');
    });

    for (const scheme of ['Digest', 'Basic'] as const)
      it(`tries them once in Latin-1 where a server wants that, and remembers it: ${scheme}`, async () => {
        const [name, word] = [Buffer.from('müller', 'latin1'), Buffer.from('pässwörd', 'latin1')];
        const basic = `Basic ${Buffer.from('müller:pässwörd', 'latin1').toString('base64')}`;
        server = await startScriptedServer(
          scheme === 'Digest'
            ? digestOver(Buffer.from('r'), name, word)
            : ({ method, headers }) =>
                method === 'OPTIONS' || headers.get('Authorization') === basic
                  ? undefined
                  : challenge('Basic realm="r"'),
        );
        const gate = new PasswordGate(() => 0);
        assert.equal(await play({ credentials, gate }), 'playing');
        server.requests.length = 0;
        assert.equal(await play({ credentials, gate }), 'playing');
        assert.equal(authorizations().filter((_, index) => index === 0).length, 1);
        const refusedAtFirst = server.requests.filter(({ method }) => method === 'DESCRIBE').length;
        assert.equal(refusedAtFirst, 2, 'a challenge, and an answer in Latin-1 at once');
      });

    for (const [why, more, account, tries] of [
      ['a server that says UTF-8', ', charset=UTF-8', credentials, 1],
      ['names and passwords of ASCII', '', ACCOUNT, 1],
      ['characters that Latin-1 does not have', '', { username: 'admin', password: '密码' }, 1],
      ['a wrong password, beyond that one try', '', credentials, 2],
    ] as const)
      it(`leaves Latin-1 alone with ${why}, and the gate counts`, async () => {
        server = await startScriptedServer(
          digestOver(Buffer.from('r'), Buffer.from('x'), Buffer.from('y'), more),
        );
        const gate = new PasswordGate(() => 0);
        assert.equal((await refused({ credentials: account, gate })).code, 'EAUTH');
        assert.equal((await refused({ credentials: account, gate })).code, 'EAUTH');
        assert.equal(authorizations().length, tries);
        assert.ok(gate.waitMs > 0);
      });
  });

  describe('where a challenge cannot be answered', () => {
    for (const [what, lines, quoted] of [
      ['auth-int alone', ['Digest realm="r", nonce="n8", qop="auth-int"'], /auth-int/],
      ['SHA-512-256 alone', ['Digest realm="r", nonce="n9", algorithm=SHA-512-256'], /SHA-512-256/],
      ['an algorithm nobody knows', ['Digest realm="r", nonce="n", algorithm=ROT13'], /ROT13/],
      ['no nonce', ['Digest realm="r"'], /Digest realm="r"/],
      ['other schemes', ['Negotiate', 'NTLM'], /Negotiate, NTLM/],
      ['none at all', [], /without a challenge/],
      [
        'Digest that we do not know, and Basic in clear beside it',
        ['Digest realm="r", nonce="n", algorithm=X', 'Basic realm="r"'],
        /algorithm=X, Basic/,
      ],
      [
        '60,000 characters and a terminal’s commands',
        [`Bearer \u001b[2J\u202e${'x'.repeat(10_000)}`],
        /Bearer \?\[2J/,
      ],
    ] as const)
      it(`says EUNSUPPORTED and quotes it, and sends and blocks nothing: ${what}`, async () => {
        server = await startScriptedServer((request) => {
          if (request.method === 'OPTIONS') return undefined;
          const head = lines.map((line) => `WWW-Authenticate: ${line}\r\n`).join('');
          return {
            raw: Buffer.from(`RTSP/1.0 401 No\r\nCSeq: ${request.headers.get('CSeq')}\r\n${head}\r\n`),
          };
        });
        const gate = new PasswordGate(() => 0);
        const error = await refused({ gate });
        assert.equal(error.code, 'EUNSUPPORTED');
        assert.match(error.message, quoted);
        assert.ok(!error.message.includes('check the user name') && error.message.length < 520);
        assert.deepEqual(
          { waitMs: gate.waitMs, authorizations: authorizations().length },
          { waitMs: 0, authorizations: 0 },
        );
      });

    it('still says EAUTH where an answer is refused without a new challenge', async () => {
      server = await startScriptedServer(({ method, headers }) =>
        method === 'OPTIONS'
          ? undefined
          : headers.has('Authorization')
            ? { status: 401 }
            : challenge('Digest realm="r", nonce="n"'),
      );
      assert.equal((await refused()).code, 'EAUTH');
    });
  });

  describe('never gets weaker', () => {
    const digest = 'Digest realm="r", nonce="n"';
    const told = (): boolean => authorizations().some((value) => value.startsWith('Basic'));

    it('where Basic is offered in SETUP, behind a Digest', async () => {
      server = await startScriptedServer(({ method, headers }) =>
        method === 'DESCRIBE' && !headers.has('Authorization')
          ? challenge(digest)
          : method === 'SETUP'
            ? challenge('Basic realm="r"')
            : undefined,
      );
      const gate = new PasswordGate(() => 0);
      const error = await refused({ gate });
      assert.deepEqual(
        { code: error.code, waitMs: gate.waitMs, told: told() },
        { code: 'EUNSUPPORTED', waitMs: 0, told: false },
      );
      assert.match(error.message, /weaker.*allow Basic/);
    });

    it('where Basic is offered on the next connection, unless the settings allow it', async () => {
      let offer = digest;
      server = await startScriptedServer(({ method, headers }) =>
        method === 'DESCRIBE' && !headers.has('Authorization') ? challenge(offer) : undefined,
      );
      assert.equal(await play(), 'playing');
      offer = 'Basic realm="r"';
      assert.equal((await refused()).code, 'EUNSUPPORTED');
      assert.equal(told(), false);
      assert.equal(await play({ allowBasic: true }), 'playing');
      assert.deepEqual({ told: told(), warnings: warnings.length }, { told: true, warnings: 0 });
    });

    it('where MD5 is offered after SHA-256', async () => {
      let offer = `${digest}, algorithm=SHA-256`;
      server = await startScriptedServer(({ method, headers }) =>
        method === 'DESCRIBE' && !headers.has('Authorization') ? challenge(offer) : undefined,
      );
      assert.equal(await play(), 'playing');
      offer = digest;
      const before = authorizations().length;
      assert.equal((await refused()).code, 'EUNSUPPORTED');
      assert.equal(authorizations().length, before);
    });

    it('and tells the password in clear with one warning a session, where the server never offered better', async () => {
      server = await startScriptedServer(({ method, headers }) =>
        method !== 'OPTIONS' && !headers.has('Authorization') ? challenge('Basic realm="r"') : undefined,
      );
      assert.equal(await play(), 'playing');
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['EAUTH'],
      );
      assert.match(warnings[0]!.message, /in clear/);
    });

    it('nor does checked TLS need a warning, while TLS that checks nothing does', async () => {
      server = await startScriptedServer(({ method, headers }) =>
        method === 'DESCRIBE' && !headers.has('Authorization') ? challenge('Basic realm="r"') : undefined,
      );
      const pretended: Partial<SessionOptions> = {
        uri: `rtsps://127.0.0.1:${server.port}/live`,
        transport: tcp({ connect: (options) => openPipe({ ...options, tls: undefined }) }),
      };
      assert.equal(await play(pretended), 'playing');
      assert.equal(warnings.length, 0);
      assert.equal(await play({ ...pretended, tls: { rejectUnauthorized: false } }), 'playing');
      assert.equal(warnings.length, 1);
    });
  });

  describe('with nonsense', () => {
    for (const [what, script] of [
      [
        'a NUL in Session',
        ({ method }) => (method === 'SETUP' ? { raw: nul('Session: ab\0cd') } : undefined),
      ],
      [
        'a control character in a nonce',
        ({ method }) =>
          method === 'DESCRIBE'
            ? { raw: nul('WWW-Authenticate: Digest realm="r", nonce="a\u0001b"', 401) }
            : undefined,
      ],
      [
        'a Location that is no URI',
        ({ method }) =>
          method === 'DESCRIBE'
            ? { status: 302, headers: { Location: `nowhere ${'x'.repeat(15_000)}` } }
            : undefined,
      ],
      [
        'a Location of another scheme',
        ({ method }) =>
          method === 'DESCRIBE' ? { status: 301, headers: { Location: 'http://127.0.0.1/live' } } : undefined,
      ],
      [
        'a Location with a port that is none',
        ({ method }) =>
          method === 'DESCRIBE'
            ? { status: 301, headers: { Location: 'rtsp://127.0.0.1:99999/live' } }
            : undefined,
      ],
    ] as [string, Script][])
      it(`blames the server, not the settings: ${what}`, async () => {
        server = await startScriptedServer(script);
        const error = await refused();
        assert.equal(error.code, 'EPROTOCOL');
        assert.ok(error.message.length < 400, error.message);
        // eslint-disable-next-line no-control-regex -- the ones meant
        assert.ok(!/[\x00-\x1f\x7f]/.test(error.message));
      });

    it('of a request of the server’s that cannot be answered', async () => {
      server = await startScriptedServer(({ method }) =>
        method === 'PLAY' ? { before: Buffer.from('OPTIONS * RTSP/1.0\r\nCSeq: 1\0\r\n\r\n') } : undefined,
      );
      assert.equal((await refused()).code, 'EPROTOCOL');
    });

    it('shows 200 characters of a reason, decoded, without what cannot be seen and without the password', async () => {
      const basic = Buffer.from('admin:secret99').toString('base64');
      server = await startScriptedServer(({ method }) =>
        method === 'DESCRIBE'
          ? {
              raw: nul(
                `Unsupported: Basic ${basic}`,
                404,
                `Nicht da: Tür \u202e secret99 ${basic} ${'x'.repeat(9_000)}`,
              ),
            }
          : undefined,
      );
      const error = await refused();
      assert.equal(error.code, 'ECHANNEL');
      assert.match(error.message, /Nicht da: Tür \? \*\*\* \*\*\*/);
      assert.ok(error.message.length < 400 && !error.message.includes(basic.slice(0, 12)));
    });

    function nul(header: string, status = 200, reason = 'OK'): Buffer {
      return Buffer.from(`RTSP/1.0 ${status} ${reason}\r\n${header}\r\n\r\n`);
    }
  });
});
