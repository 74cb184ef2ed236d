import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { redact } from '../../lib/redact.js';
import { Account, PasswordGate, shareAccount } from '../../lib/nvr/account.js';
import { Slots } from '../../lib/nvr/slots.js';
import { settingsFor } from '../kit/settings.js';

const MINUTE = 60_000;

describe('Slots', () => {
  it('admits as many as there are, and the others in order as places come free', async () => {
    const slots = new Slots(2);
    const order: number[] = [];
    const releases = await Promise.all([slots.acquire(), slots.acquire()]);
    const waiting = [3, 4].map(async (number) => {
      const release = await slots.acquire();
      order.push(number);
      return release;
    });
    await Promise.resolve();
    assert.deepEqual(order, []);
    releases[0]();
    releases[0]();
    const third = await waiting[0]!;
    assert.deepEqual(order, [3]);
    third();
    await waiting[1]!;
    assert.deepEqual(order, [3, 4]);
  });
});

describe('a place among the slots', () => {
  it('is handed on to the next who waits, and is not free for another beside it', async () => {
    const slots = new Slots(1);
    const release = await slots.acquire();
    const next = slots.acquire();
    release();
    const free = await next;
    let isTaken = false;
    const third = slots.acquire().then((done) => {
      isTaken = true;
      return done;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isTaken, false);
    free();
    (await third)();
  });

  it('is one of three for fetches of recordings, and the only one for those that alarms missed', async () => {
    const { fetches, missed } = new Account(() => 0);
    for (const [slots, size] of [
      [fetches, 3],
      [missed, 1],
    ] as const) {
      let taken = 0;
      for (let i = 0; i < size + 1; i++) void slots.acquire().then(() => taken++);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(taken, size);
    }
  });

  it('is freed once by its holder, and by nobody who gave up waiting for it', async () => {
    const slots = new Slots(1);
    const release = await slots.acquire();
    const [first, second, third] = [new AbortController(), new AbortController(), new AbortController()];
    const order: string[] = [];
    const wait = (name: string, { signal }: AbortController): Promise<(() => void) | undefined> =>
      slots.acquire(signal).then(
        (free) => {
          order.push(name);
          return free;
        },
        (error: unknown) => {
          order.push((error as { code: string }).code);
          return undefined;
        },
      );
    const [one, two, three] = [wait('first', first), wait('second', second), wait('third', third)];
    second.abort();
    await two;
    release();
    release();
    const free = await one;
    assert.deepEqual(order, ['EUNREACHABLE', 'first']);
    first.abort();
    assert.equal(getEventListeners(first.signal, 'abort').length, 0);
    free!();
    (await three)!();
    assert.deepEqual(order, ['EUNREACHABLE', 'first', 'third']);
    await assert.rejects(slots.acquire(first.signal), { code: 'EUNREACHABLE' });
    (await slots.acquire())();
  });
});

describe('PasswordGate', () => {
  let now: number;
  let gate: PasswordGate;
  let logins: number;

  beforeEach(() => {
    now = 1000;
    logins = 0;
    gate = new PasswordGate(() => now);
  });

  const login = (status: number) => (): Promise<{ status: number }> => {
    logins++;
    return Promise.resolve({ status });
  };

  it('lets one go first; after a refusal the others are told EAUTH without asking the NVR', async () => {
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => gate.run(login(401))));
    assert.equal(logins, 1);
    assert.equal(results[0]!.status, 'fulfilled');
    for (const result of results.slice(1))
      assert.equal(((result as PromiseRejectedResult).reason as { code: string }).code, 'EAUTH');
  });

  it('waits 5 min, doubling to 1 h', async () => {
    const waits: number[] = [];
    for (let attempt = 0; attempt < 6; attempt++) {
      await gate.run(login(401));
      waits.push(gate.waitMs / MINUTE);
      await assert.rejects(gate.run(login(401)), { code: 'EAUTH' });
      now += gate.waitMs;
    }
    assert.deepEqual(waits, [5, 10, 20, 40, 60, 60]);
    assert.equal(logins, 6);
  });

  it('forgets refusals after a log-in that was accepted, and then lets others in beside each other', async () => {
    await gate.run(login(401));
    now += 5 * MINUTE;
    await gate.run(login(404));
    let inside = 0;
    let most = 0;
    await Promise.all(
      [1, 2, 3].map(() =>
        gate.run(async () => {
          most = Math.max(most, ++inside);
          await Promise.resolve();
          inside--;
          return { status: 200 };
        }),
      ),
    );
    assert.equal(most, 3);
  });

  it('asks a second time after 10 s, once, where the password was taken before: an NVR that boots may refuse it', async () => {
    await gate.run(login(200));
    now += 2 * MINUTE;
    await gate.run(login(401));
    assert.equal(gate.waitMs, 10_000);
    await assert.rejects(gate.run(login(200)), { code: 'EAUTH', message: /for 10 s/ });
    now += 10_000;
    await gate.run(login(401));
    assert.equal(gate.waitMs, 5 * MINUTE);
    now += 5 * MINUTE;
    await gate.run(login(401));
    assert.equal(gate.waitMs, 10 * MINUTE);
    now += 10 * MINUTE;
    await gate.run(login(200));
    now += 2 * MINUTE;
    await gate.run(login(401));
    assert.equal(gate.waitMs, 10_000);
    now += 10_000;
    await gate.run(login(401));
    assert.equal(gate.waitMs, 5 * MINUTE, 'counted from the first again');
  });

  it('says for how long no log-in is tried: in seconds up to a minute, then in minutes', async () => {
    await gate.run(login(401));
    await assert.rejects(gate.run(login(200)), { message: /for 5 min, or until/, status: 401 });
    now += 4 * MINUTE;
    await assert.rejects(gate.run(login(200)), { message: /for 60 s, or until/ });
    now += 30 * MINUTE;
    assert.equal(gate.waitMs, 0);
  });

  it('takes what several log-ins beside each other are refused for one refusal', async () => {
    await gate.run(login(200));
    await Promise.all([1, 2, 3, 4].map(() => gate.run(login(401))));
    assert.equal(gate.waitMs, 10_000);
    now += 10_000;
    await gate.run(login(401));
    assert.equal(gate.waitMs, 5 * MINUTE);
  });

  it('lets a single one go first again a minute after the last that was accepted, and after a refusal', async () => {
    /** How many are asked at once. */
    const beside = async (): Promise<number> => {
      let most = 0;
      let inside = 0;
      const ask = async (): Promise<{ status: number }> => {
        most = Math.max(most, ++inside);
        await Promise.resolve();
        inside--;
        return { status: 500 };
      };
      const gates = [1, 2, 3].map(() => gate.run(ask));
      await Promise.all(gates);
      return most;
    };
    await gate.run(login(200));
    now += MINUTE - 1;
    assert.equal(await beside(), 3);
    now += MINUTE;
    assert.equal(await beside(), 2, 'one first, then the two others');
    await gate.run(login(401));
    now += 10_000;
    const first = gate.run(login(401));
    const others = await Promise.allSettled([gate.run(login(200)), gate.run(login(200))]);
    await first;
    assert.deepEqual(
      others.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
  });

  it('lets one after the other go first where none gets an answer', async () => {
    let inside = 0;
    let most = 0;
    const cut = async (): Promise<{ status: number }> => {
      most = Math.max(most, ++inside);
      await Promise.resolve();
      inside--;
      throw new Error('cut');
    };
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => gate.run(cut)));
    assert.ok(results.every(({ status }) => status === 'rejected'));
    assert.equal(most, 1);
  });

  it('holds nobody up after a log-in that got no answer', async () => {
    await assert.rejects(gate.run(() => Promise.reject(new Error('cut'))));
    assert.deepEqual(await gate.run(login(200)), { status: 200 });
  });
});

describe('shareAccount', () => {
  it('is one for the same host, port, user and password, and forgotten with its last user', () => {
    const settings = settingsFor(5540, { username: 'a', password: 'b' });
    const clock = (): number => 0;
    const first = shareAccount(settings, clock);
    const second = shareAccount({ ...settings, name: 'other', host: settings.host.toUpperCase() }, clock);
    assert.equal(first.account, second.account);
    for (const other of [{ rtspPort: 5541 }, { username: 'x' }, { password: 'x' }, { host: '127.0.0.2' }]) {
      const share = shareAccount({ ...settings, ...other }, clock);
      assert.notEqual(share.account, first.account);
      share.release();
    }
    first.release();
    first.release();
    assert.equal(shareAccount(settings, clock).account, second.account);
  });

  it('is another one after its last user has gone, holds the password no longer, and keeps which log-ins were offered', () => {
    const settings = settingsFor(5542, { host: 'nvr.example', username: 'a', password: 'zq-Secret-7731' });
    const clock = (): number => 0;
    const shares = ['nvr.example', 'NVR.Example'].map((host) => shareAccount({ ...settings, host }, clock));
    const { account } = shares[0]!;
    assert.equal(shares[1]!.account, account);
    assert.ok(!redact('it is zq-Secret-7731').includes('zq-Secret'));
    for (const share of shares) share.release();
    assert.ok(redact('it is zq-Secret-7731').includes('zq-Secret'));
    const again = shareAccount(settings, clock);
    assert.notEqual(again.account, account);
    assert.equal(again.account.memory.login, account.memory.login);
    again.release();
    for (let port = 1; port <= 1000; port++)
      shareAccount(settingsFor(port, { host: 'one-of-a-thousand.example' }), clock).release();
    const later = shareAccount(settings, clock);
    assert.notEqual(later.account.memory.login, account.memory.login, 'of the last thousand alone');
    later.release();
  });

  it('forgets what was learnt of the server when its settings are edited, and not when others join with the same', () => {
    const settings = settingsFor(5541);
    const clock = (): number => 0;
    const { account, release } = shareAccount(settings, clock);
    account.memory.learn('transport', 'tcp');
    const same = shareAccount({ ...settings, name: 'other', linger: 9 }, clock);
    assert.equal(account.memory.transport, 'tcp');
    const edited = shareAccount({ ...settings, transport: 'udp-first' }, clock);
    assert.equal(account.memory.transport, undefined);
    account.memory.learn('transport', 'tcp');
    shareAccount(settings, clock).release();
    assert.equal(account.memory.transport, 'tcp');
    for (const share of [same, edited]) share.release();
    release();
  });
});
