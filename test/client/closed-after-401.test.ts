import assert from 'node:assert/strict';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession, type SessionOptions } from '../../lib/client/session.js';
import { PasswordGate } from '../../lib/nvr/account.js';
import { startScriptedServer, type Reply, type ScriptedServer } from '../kit/scripted-server.js';
import { sessionOptions } from '../kit/session-rig.js';

const CHALLENGE = 'Digest realm="cam", nonce="5f2c0a11d9"';
const refused = (more: Reply = {}): Reply => ({
  status: 401,
  reason: 'Unauthorized',
  close: true,
  ...more,
  headers: { 'WWW-Authenticate': CHALLENGE, ...more.headers },
});

describe('a server that closes the connection it asked for a log-in on', () => {
  let server: ScriptedServer;
  let memory: ServerMemory;
  let trace: string[];
  let gate: PasswordGate;
  let now: number;

  beforeEach(() => {
    memory = new ServerMemory();
    trace = [];
    now = 1000;
    gate = new PasswordGate(() => now);
  });

  afterEach(() => server.close());

  async function open(extra: Partial<SessionOptions> = {}): Promise<void> {
    const log = (line: string): void => void trace.push(line);
    const session = new RtspSession(
      sessionOptions(server.port, {
        credentials: { username: 'admin', password: 'correct horse' },
        memory,
        gate,
        requestTimeoutMs: 2000,
        logger: { debug: log, warn: log },
        ...extra,
      }),
    );
    await session.open();
    await session.close();
  }

  const asked = (connection: number): string =>
    lines
      .filter((line) => line.startsWith(`${connection} `))
      .map((line) => line.slice(2))
      .join(' ');
  let lines: string[];

  async function start(
    refuse: (method: string, connection: number, given: boolean) => Reply | undefined,
  ): Promise<void> {
    lines = [];
    server = await startScriptedServer(({ method, headers }, { connection }) => {
      const given = headers.has('Authorization');
      lines.push(`${connection} ${method}${given ? '+' : ''}`);
      return refuse(method, connection, given);
    });
  }

  for (const [on, more] of [
    ['DESCRIBE', {}],
    ['OPTIONS', {}],
    ['DESCRIBE', { headers: { Connection: 'Close' } }],
    ['DESCRIBE', { headers: { Connection: 'close' }, close: false }],
  ] as const)
    it(`is logged in to on another: ${on} ${JSON.stringify(more)}`, async () => {
      await start((method, _, given) =>
        given || (method === 'OPTIONS' && on === 'DESCRIBE') || method === 'TEARDOWN'
          ? undefined
          : refused(more),
      );
      await open();
      assert.equal(
        asked(2),
        on === 'OPTIONS' ? 'OPTIONS+ DESCRIBE+ SETUP+ PLAY+ TEARDOWN+' : 'DESCRIBE+ SETUP+ PLAY+ TEARDOWN+',
      );
      assert.equal(memory.recall('loginOn'), 'new-connection');
      assert.ok(
        trace.some((line) => line.startsWith('* the server asked for a log-in and closed the connection')),
      );
      await open();
      assert.ok(!asked(3).includes('DESCRIBE+'), 'the next session does not try the old one first');
      assert.ok(asked(4).includes('PLAY+'));
    });

  it('is told for a wrong password where it refuses the answer as well, after one log-in', async () => {
    await start((method) => (method === 'OPTIONS' ? undefined : refused()));
    await assert.rejects(open(), { code: 'EAUTH', status: 401 });
    assert.equal(
      lines.filter((line) => line.endsWith('+')).length,
      2,
      'the one that was never answered, and the answer',
    );
    assert.equal(gate.waitMs, 300_000);
    assert.equal(memory.recall('loginOn'), undefined);
  });

  it('is given up where the other connection ends without a word too', async () => {
    await start((method, _, given) =>
      given ? { raw: Buffer.alloc(0), close: true } : method === 'OPTIONS' ? undefined : refused(),
    );
    await assert.rejects(open(), { code: 'EUNREACHABLE' });
    assert.equal(server.peers.length, 2);
    assert.equal(gate.waitMs, 0);
  });

  it('keeps its session where the challenge comes in one', async () => {
    await start((method) => (method === 'PLAY' ? refused() : undefined));
    await assert.rejects(open(), { code: 'EUNREACHABLE' });
    assert.equal(server.peers.length, 1);
  });

  it('is not connected to anew once the session is closed', async () => {
    await start((method) => (method === 'DESCRIBE' ? refused() : undefined));
    const session: RtspSession = new RtspSession(
      sessionOptions(server.port, {
        credentials: { username: 'admin', password: 'pw1234' },
        memory,
        // Closes it when the answer is about to be sent.
        gate: {
          run: async (login) => {
            await session.close();
            return login();
          },
        },
      }),
    );
    await assert.rejects(session.open(), { code: 'EUNREACHABLE' });
    assert.equal(server.peers.length, 1);
  });
});
