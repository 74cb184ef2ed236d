import assert from 'node:assert/strict';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { registerAdmin } from '../../nodes/shared/admin.js';
import { TestGate } from '../../nodes/shared/test-gate.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { startScriptedServer, type ScriptedServer } from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';

interface Answer {
  status: number;
  lines: Record<string, unknown>[];
}

type Handler = (request: object, response: object) => void;

/**
 * The admin endpoints over a runtime with one deployed NVR, whose flow file has `raw` and whose properties
 * are `saved`.
 */
class Runtime {
  readonly nvr: Nvr;
  private readonly handlers = new Map<string, Handler>();

  constructor(raw: Record<string, unknown>, saved: Record<string, unknown>, settings: NvrSettings) {
    this.nvr = new Nvr(settings);
    const node = { id: 'n', type: 'nvr-server', saved, settings, nvr: this.nvr };
    const RED = {
      auth: { needsPermission: (): unknown => () => undefined },
      httpAdmin: {
        post: (path: string, _may: unknown, handler: Handler) => this.handlers.set(path, handler),
      },
      nodes: {
        getNode: (id: string) => (id === 'n' ? node : null),
        eachNode: (each: (one: object) => void) => {
          each({ id: 'n', type: 'nvr-server', ...raw });
        },
      },
    };
    registerAdmin(RED as never);
  }

  post(
    path: string,
    body: object,
    headers: object = { 'content-type': 'application/json; charset=utf-8' },
  ): Promise<Answer> {
    return new Promise((resolve) => {
      const answer: Answer = { status: 200, lines: [] };
      const response = {
        headersSent: false,
        status: (code: number) => {
          answer.status = code;
          return response;
        },
        type: () => response,
        set: () => response,
        json: (line: Record<string, unknown>) => {
          answer.lines.push(line);
          resolve(answer);
        },
        send: () => {
          resolve(answer);
        },
        write: (text: string) => {
          response.headersSent = true;
          answer.lines.push(JSON.parse(text) as Record<string, unknown>);
        },
        end: () => {
          resolve(answer);
        },
      };
      this.handlers.get(`/nvr-flow/${path}`)!({ body, headers }, response);
    });
  }
}

const STORED = { username: 'admin', password: 'stored-77' };

describe('the dialog’s test', () => {
  let server: ScriptedServer;
  let other: ScriptedServer;
  let raw: Record<string, unknown>;
  let runtime: Runtime;

  beforeEach(async () => {
    const wantsLogin: Parameters<typeof startScriptedServer>[0] = ({ method, headers }) =>
      method !== 'OPTIONS' && !(headers.get('Authorization') ?? '').includes('Basic YWRtaW46c3RvcmVkLTc3')
        ? { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="r"' } }
        : method === 'PLAY'
          ? { status: 404 }
          : undefined;
    server = await startScriptedServer(wantsLogin);
    other = await startScriptedServer(wantsLogin);
    raw = {
      name: 'N',
      host: '127.0.0.1',
      rtspPort: String(server.port),
      uriStyle: 'custom',
      liveTemplate: '${NVR_PATH}',
      requestTimeout: '2',
    };
    const saved = { ...raw, liveTemplate: '/secret-path/{ch}' };
    runtime = new Runtime(
      raw,
      saved,
      settingsFor(server.port, { uriStyle: 'custom', liveTemplate: '/secret-path/{ch}', ...STORED }),
    );
  });

  afterEach(async () => {
    await runtime.nvr.close();
    await Promise.all([server.close(), other.close()]);
  });

  const test = (change: object, account: object = { stored: 'account' }): Promise<Answer> =>
    runtime.post('test', { id: 'n', server: { ...raw, ...change }, channel: '1', ...account });

  it('uses what a variable holds with the stored target, whatever else is changed', async () => {
    await test({ name: 'another' });
    assert.ok(server.requests.some(({ uri }) => uri.endsWith('/secret-path/0')));
    assert.ok(server.requests.some(({ headers }) => headers.has('Authorization')));
  });

  for (const [what, change] of [
    ['host', { host: 'localhost' }],
    ['port', { rtspPort: '0' }],
    ['HTTP port', { httpPort: '8099' }],
    ['TLS', { tls: true }],
    ['TLS settings', { tlsConfig: 'other' }],
    ['redirects', { redirects: 'any' }],
    ['Basic', { allowBasic: true }],
  ] as const)
    it(`lets nothing that a variable holds go where another ${what} leads it, with whatever account`, async () => {
      const changed = what === 'port' ? { rtspPort: String(other.port) } : change;
      for (const account of [{ username: 'mallory', password: 'own' }, { stored: 'account' }]) {
        const { status, lines } = await test(changed, account);
        assert.equal(status, 400);
        assert.match(String(lines[0]!.reason), /"liveTemplate" names a variable: deploy first/);
      }
      assert.equal(server.requests.length + other.requests.length, 0);
    });

  it('puts the stored password into no path that the dialog does not have from the flow file', async () => {
    const { status, lines } = await test({ liveTemplate: '/x?name={username}&secret={password}' });
    assert.deepEqual({ status, code: lines[0]!.code }, { status: 400, code: 'EINPUT' });
    assert.match(String(lines[0]!.reason), /a new path with the password in it\): type the password again/);
    assert.equal(server.requests.length, 0);
  });

  it('takes a node that was saved before there were settings of access for one with their defaults', async () => {
    await test({ redirects: 'same', allowBasic: false, keyPattern: '' });
    assert.ok(server.requests.length > 0);
  });

  it('lets two wrong passwords be tried for a user, in turn or at once, and then no more', async () => {
    const guess = (n: number): Promise<Answer> =>
      test({ liveTemplate: '/x' }, { username: 'guest', password: `guess-${n}` });
    const answers = await Promise.all([0, 1, 2, 3].map(guess));
    for (let n = 4; n < 12; n++) answers.push(await guess(n));
    const tried = new Set(server.requests.flatMap(({ headers }) => headers.getAll('Authorization')));
    assert.equal(tried.size, 2);
    assert.match(JSON.stringify(answers.at(-1)!.lines), /EAUTH.*none is tried for 5 min/);
    // The account that is stored goes on.
    const { lines } = await test({});
    assert.ok(!JSON.stringify(lines).includes('EAUTH'), JSON.stringify(lines));
  });

  for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
    it(`answers nothing that a form of another site can send: ${type}`, async () => {
      for (const path of ['test', 'picture', 'moving', 'player', 'trace']) {
        const { status, lines } = await runtime.post(
          path,
          { id: 'n', action: 'start' },
          { 'content-type': type },
        );
        assert.deepEqual({ status, code: lines[0]!.code }, { status: 415, code: 'EINPUT' });
      }
      assert.equal(server.requests.length, 0);
    });
});

describe('the dialog’s search for cameras', () => {
  const account = { username: 'admin', password: 'geheim-1' };
  let simulator: Simulator;
  let runtime: Runtime;

  beforeEach(async () => {
    simulator = await startSimulator({ ...account, channels: 4 });
    runtime = new Runtime({}, {}, settingsFor(simulator.rtspPort, account));
  });

  afterEach(async () => {
    await runtime.nvr.close();
    await simulator.stop();
  });

  const find = (server: object, password = account.password): Promise<Answer> =>
    runtime.post('cameras', {
      server: { host: '127.0.0.1', rtspPort: String(simulator.rtspPort), ...server },
      username: 'admin',
      password,
    });

  it('answers with the channels that the NVR has', async () => {
    assert.deepEqual(await find({}), { status: 200, lines: [{ channels: [1, 2, 3, 4] }] });
  });

  it('takes a path without a channel for one camera', async () => {
    const path = { uriStyle: 'custom', liveTemplate: '/live?ch=0000&stype=M' };
    assert.deepEqual((await find(path)).lines, [{ channels: [1] }]);
  });

  for (const [given, expected] of [
    ['3-4', 3],
    ['', 1],
    ['*', 1],
  ] as const)
    it(`leaves a test of the first camera that "${given}" means beside it`, async () => {
      const server = { host: '127.0.0.1', rtspPort: String(simulator.rtspPort) };
      const { lines } = await runtime.post('test', { server, channel: given, ...account });
      const health = lines.at(-1)!.health as { channel: number; state: string };
      assert.deepEqual({ channel: health.channel, state: health.state }, { channel: expected, state: 'up' });
    });

  it('names a wrong password, after one question', async () => {
    const { status, lines } = await find({}, 'wrong');
    assert.deepEqual({ status, code: lines[0]!.code }, { status: 400, code: 'EAUTH' });
  });
});

describe('TestGate', () => {
  it('blocks a user at a host for 5 min after two wrong passwords, doubling to an hour, until one is right', () => {
    let now = 0;
    const gate = new TestGate(() => now);
    const wrong = (): void => {
      gate.enter('NVR', 'admin')('refused');
    };
    wrong();
    wrong();
    assert.throws(wrong, /5 min/);
    gate.enter('nvr', 'other')('refused');
    for (const minutes of [5, 10, 20, 40, 60, 60]) {
      now += minutes * 60_000 - 1;
      assert.throws(() => gate.enter('nvr', 'admin'), { code: 'EAUTH' });
      now += 1;
      wrong();
    }
    now += 3_600_000;
    gate.enter('nvr', 'admin')('taken');
    wrong();
    wrong();
    assert.throws(wrong, /5 min/);
  });

  it('counts those under way, and forgets those that were never asked', () => {
    const gate = new TestGate(() => 0);
    const leave = [gate.enter('h', 'u'), gate.enter('h', 'u')];
    assert.throws(() => gate.enter('h', 'u'), { code: 'EBUSY' });
    leave.forEach((one) => {
      one('unasked');
    });
    leave.forEach((one) => {
      one('refused');
    });
    gate.enter('h', 'u')('unasked');
  });

  it('knows a host and a user by whatever spelling', () => {
    for (const [host, user, ...others] of [
      ['127.0.0.1', 'admin', ['127.1', 'admin'], ['0x7f000001', 'Admin'], ['2130706433', 'admin']],
      ['nvr.lan', 'admin', ['NVR.lan.', 'ADMIN'], ['nvr.lan', ' admin ']],
      ['fe80::1', 'u', ['[fe80::1]', 'u'], ['FE80:0:0:0:0:0:0:1', 'u']],
    ] as const) {
      const gate = new TestGate(() => 0);
      for (let n = 0; n < 2; n++) gate.enter(host, user)('refused');
      for (const [alias, name] of others)
        assert.throws(() => gate.enter(alias, name), { code: 'EAUTH' }, `${alias} ${name}`);
    }
  });

  it('does not forget who is blocked for others that come', () => {
    const gate = new TestGate(() => 0);
    for (let n = 0; n < 2; n++) gate.enter('nvr', 'admin')('refused');
    for (let n = 0; n < 3000; n++) gate.enter(`h${n}`, 'u')('unasked');
    assert.throws(() => gate.enter('nvr', 'admin'), { code: 'EAUTH' });
  });

  it('keeps a bounded number of accounts', () => {
    const gate = new TestGate(() => 0);
    for (let n = 0; n < 3000; n++) gate.enter(`h${n}`, 'u')('unasked');
    assert.ok((gate as unknown as { accounts: Map<string, unknown> }).accounts.size <= 1000);
  });
});
