import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Described } from '../../lib/client/describe.js';
import { login } from '../../lib/client/login.js';
import { requestPlay, tearDown } from '../../lib/client/play.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { requestSetup, type Granted } from '../../lib/client/setup.js';
import { Authenticator } from '../../lib/rtsp/auth.js';
import { Headers } from '../../lib/rtsp/message.js';

const BASE = 'rtsp://camera/live?ch=1/';

interface Reply {
  status: number;
  headers?: Record<string, string>;
}

describe('the requests of a session', () => {
  let clock: sinon.SinonFakeTimers;
  let calls: string[];
  let asked: { method: string; uri: string; headers: Record<string, string>; timeoutMs?: number }[];
  let isOpen: boolean;
  let answer: (method: string, uri: string) => Reply | Promise<never>;
  let authenticator: Authenticator | undefined;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    [calls, asked, isOpen, authenticator] = [[], [], true, undefined];
    answer = () => ({ status: 200 });
  });

  afterEach(() => {
    clock.restore();
  });

  function reply({ status, headers = {} }: Reply): { status: number; reason: string; headers: Headers } {
    const own = new Headers();
    for (const [name, value] of Object.entries(headers)) own.append(name, value);
    return { status, reason: 'Said', headers: own };
  }

  function described(): Described {
    const connection = {
      get isOpen() {
        return isOpen;
      },
      request: async (method: string, uri: string, headers: Record<string, string>, timeoutMs?: number) => {
        calls.push(method);
        asked.push({ method, uri, headers, ...(timeoutMs !== undefined && { timeoutMs }) });
        return reply(await answer(method, uri));
      },
      resume: () => calls.push('resume'),
      destroy: () => calls.push('destroy'),
    };
    return { connection, baseUri: BASE, authenticator } as unknown as Described;
  }

  describe('SETUP', () => {
    let memory: ServerMemory;
    const setup = (control: string | undefined = 'track1'): Promise<Granted> =>
      requestSetup(described(), memory, control, () => ({ Try: String(asked.length) }));

    beforeEach(() => {
      memory = new ServerMemory();
    });

    it('answers the URI that was granted, the session and the transport, or that neither was named', async () => {
      answer = () => ({
        status: 200,
        headers: { Session: 'abc;timeout=30', Transport: 'RTP/AVP/TCP;interleaved=4-5;ssrc=0A' },
      });
      const granted = await setup();
      assert.deepEqual(
        {
          session: granted.session,
          channels: granted.transport?.interleaved,
          ssrc: granted.transport?.ssrc,
          uri: granted.uri,
        },
        { session: { id: 'abc', timeoutSeconds: 30 }, channels: [4, 5], ssrc: 10, uri: asked[0]!.uri },
      );
      answer = () => ({ status: 200 });
      assert.deepEqual(
        { ...(await setup()), uri: '' },
        { uri: '', session: undefined, transport: undefined },
      );
    });

    for (const status of [400, 404, 451, 454, 455, 503])
      it(`is asked for with each form of the URI after ${status}, with its headers anew, and fails with the first refusal`, async () => {
        answer = () => ({ status: asked.length === 1 ? status : 404 });
        await assert.rejects(setup(), { status });
        const uris = asked.map(({ uri }) => uri);
        assert.deepEqual(
          asked.map(({ headers }) => headers),
          [{ Try: '0' }, { Try: '1' }, { Try: '2' }],
        );
        assert.equal(new Set(uris).size, 3);
        assert.equal(String(memory), '', 'nothing is learnt of a refusal');
      });

    for (const status of [403, 453, 461, 500])
      it(`is asked for once where ${status} says that another form of the URI is no better`, async () => {
        answer = () => ({ status });
        await assert.rejects(setup(), { status });
        assert.equal(asked.length, 1);
      });

    it('is asked for once with a URI that has one form alone', async () => {
      answer = () => ({ status: 404 });
      await assert.rejects(setup('rtsp://camera/other/track1'), { status: 404 });
      assert.equal(asked.length, 1);
    });

    it('remembers the form of the URI that was granted and what the digest was over, and begins with that', async () => {
      authenticator = new Authenticator({ username: 'u', password: 'p' });
      authenticator.digestUri = 'base';
      answer = () => ({ status: asked.length === 2 ? 200 : 404 });
      const { uri } = await setup();
      assert.deepEqual(
        { form: memory.controlUri, digest: memory.digestUri, base: authenticator.baseUri },
        { form: 'resolve', digest: 'base', base: BASE },
      );
      asked.length = 0;
      answer = () => ({ status: 200 });
      assert.equal((await setup()).uri, uri);
      assert.equal(asked.length, 1);
    });

    it('learns nothing of the digest where there is no account', async () => {
      await setup();
      assert.deepEqual(
        { form: memory.controlUri, digest: memory.digestUri },
        { form: 'append', digest: undefined },
      );
    });
  });

  describe('PLAY', () => {
    const RANGE = 'clock=20240601T120000Z-20240601T120100Z';
    const OPEN = 'clock=20240601T120000Z-';
    const ranges = (): unknown[] => asked.map(({ headers }) => headers.Range);

    for (const status of [456, 457])
      it(`is asked for once more without an end after ${status}, with the same headers`, async () => {
        answer = () => ({ status: asked.length === 1 ? status : 200 });
        const { status: granted } = await requestPlay(described(), RANGE, { Session: 'x', Scale: '2' });
        assert.equal(granted, 200);
        assert.deepEqual(asked, [
          { method: 'PLAY', uri: BASE, headers: { Range: RANGE, Session: 'x', Scale: '2' } },
          { method: 'PLAY', uri: BASE, headers: { Range: OPEN, Session: 'x', Scale: '2' } },
        ]);
      });

    for (const [range, status, tries] of [
      [OPEN, 457, 1],
      [RANGE, 454, 1],
      [RANGE, 457, 2],
    ] as const)
      it(`fails with ${status} after ${tries} of ${range}`, async () => {
        answer = () => ({ status });
        await assert.rejects(requestPlay(described(), range, {}), { status });
        assert.equal(ranges().length, tries);
      });
  });

  describe('TEARDOWN', () => {
    const down = (settingUp?: Promise<unknown>): Promise<void> =>
      tearDown(described(), settingUp, () => ({ Session: 'x' }));

    it('is read though reading was paused, for a second at most, and the connection is closed behind it', async () => {
      await down();
      assert.deepEqual(calls, ['resume', 'TEARDOWN', 'destroy']);
      assert.deepEqual(asked, [
        { method: 'TEARDOWN', uri: BASE, headers: { Session: 'x' }, timeoutMs: 1000 },
      ]);
      assert.equal(clock.countTimers(), 0);
    });

    it('closes the connection though it is not answered', async () => {
      answer = () => Promise.reject(new Error('late'));
      await down();
      assert.equal(calls.at(-1), 'destroy');
    });

    it('is not sent without a session, nor on a connection that is closed', async () => {
      await tearDown(described(), undefined, () => ({}));
      isOpen = false;
      await down(new Promise<unknown>(() => undefined));
      assert.deepEqual(calls, ['destroy', 'destroy']);
    });

    it('waits for a SETUP under way, which may fail and may bring the session', async () => {
      const headers: Record<string, string> = {};
      let granted: () => void = () => undefined;
      const settingUp = new Promise<void>((resolve) => {
        granted = resolve;
      });
      const done = tearDown(described(), settingUp, () => headers);
      await clock.tickAsync(999);
      assert.equal(calls.length, 0);
      headers.Session = 'late';
      granted();
      await done;
      assert.deepEqual(asked[0]?.headers, { Session: 'late' });
      assert.equal(clock.countTimers(), 0);
      await down(Promise.reject(new Error('refused')));
      assert.equal(calls.at(-1), 'destroy');
    });

    it('and no longer than a second for one that is not answered', async () => {
      const never = new Promise<unknown>(() => undefined);
      const done = tearDown(described(), never, () => ({}));
      await clock.tickAsync(999);
      assert.deepEqual(calls, []);
      await clock.tickAsync(1);
      await done;
      assert.deepEqual(calls, ['destroy']);
    });
  });

  describe('a log-in', () => {
    const refused = (nonce: string): Reply => ({
      status: 401,
      headers: { 'WWW-Authenticate': `Digest realm="r", nonce="${nonce}"` },
    });
    const account = { username: 'u', password: 'p' };
    let replies: Reply[];
    let asks: string[];
    const send = (what: string) => (): Promise<ReturnType<typeof reply>> => {
      authenticator?.authorize('DESCRIBE', 'uri');
      asks.push(`${what} ${authenticator?.digestUri ?? ''}`.trim());
      return Promise.resolve(reply(replies.shift()!));
    };
    const gated = (): { gate: { run<T>(work: () => Promise<T>): Promise<T> } } => ({
      gate: {
        run: (work) => {
          asks.push('gate');
          return work();
        },
      },
    });

    beforeEach(() => {
      asks = [];
      authenticator = new Authenticator(account);
    });

    it('is for nobody where nothing is asked for, or there is no account', async () => {
      replies = [{ status: 403 }];
      const { gate } = gated();
      assert.equal((await login(gate, authenticator, send('ask'), { what: 'X' })).status, 403);
      authenticator = undefined;
      replies = [refused('a')];
      assert.equal((await login(gate, undefined, send('ask'), { what: 'X' })).status, 401);
      assert.deepEqual(asks, ['ask request', 'ask']);
    });

    it('goes through the gate, by another way where there is one', async () => {
      replies = [refused('a'), { status: 200 }];
      const { gate } = gated();
      const last = await login(gate, authenticator, send('ask'), { what: 'X', again: send('again') });
      assert.equal(last.status, 200);
      assert.deepEqual(asks, ['ask request', 'gate', 'again request']);
      replies = [refused('b'), { status: 200 }];
      asks = [];
      await login(undefined, authenticator, send('ask'), { what: 'X' });
      assert.deepEqual(asks, ['ask request', 'ask request']);
    });

    it('that cannot be answered asks neither the gate nor the server again', async () => {
      replies = [{ status: 401, headers: { 'WWW-Authenticate': 'NTLM' } }];
      const { gate } = gated();
      await assert.rejects(login(gate, authenticator, send('ask'), { what: 'X' }), { code: 'EUNSUPPORTED' });
      assert.deepEqual(asks, ['ask request']);
    });

    for (const [status, after] of [
      [200, 'base'],
      [401, 'request'],
    ] as const)
      it(`tries the digest over the base URI once more, and keeps to ${after} after ${status}`, async () => {
        authenticator!.baseUri = 'base';
        replies = [refused('a'), refused('a'), { ...refused('a'), status }];
        const last = await login(undefined, authenticator, send('ask'), { what: 'X', requestUri: 'uri' });
        assert.equal(last.status, status);
        assert.deepEqual(asks, ['ask request', 'ask request', 'ask base']);
        assert.equal(authenticator!.digestUri, after);
      });

    it('tries it over the request URI where the base URI is what was known', async () => {
      authenticator!.baseUri = 'base';
      authenticator!.digestUri = 'base';
      replies = [refused('a'), refused('a'), { status: 200 }];
      await login(undefined, authenticator, send('ask'), { what: 'X', requestUri: 'uri' });
      assert.deepEqual(asks, ['ask base', 'ask base', 'ask request']);
    });

    for (const [why, requestUri] of [
      ['that is the request URI', 'base'],
      ['there is no request URI', undefined],
    ] as const)
      it(`does not where ${why}`, async () => {
        authenticator!.baseUri = 'base';
        replies = [refused('a'), refused('a')];
        const last = await login(undefined, authenticator, send('ask'), {
          what: 'X',
          ...(requestUri !== undefined && { requestUri }),
        });
        assert.equal(last.status, 401);
        assert.equal(asks.length, 2);
      });

    it('tells the authenticator what became of it', async () => {
      const outcome = sinon.spy(authenticator!, 'recordOutcome');
      replies = [refused('a'), { status: 404 }, refused('b'), refused('b')];
      for (let round = 0; round < 2; round++)
        await login(undefined, authenticator, send('ask'), { what: 'X' });
      assert.deepEqual(outcome.args, [[true], [false]]);
    });
  });
});
