import assert from 'node:assert/strict';
import { PasswordGate, shareAccount } from '../../lib/nvr/account.js';
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
