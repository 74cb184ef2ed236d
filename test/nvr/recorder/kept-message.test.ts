import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import vm from 'node:vm';
import fc from 'fast-check';
import { keepMessage } from '../../../lib/nvr/recorder/kept-message.js';

describe('what is kept of an alarm’s message', () => {
  it('is its plain data, in its order', () => {
    const message = {
      topic: 'site/door',
      payload: { zone: 3, open: true, at: [1, null, 'x'] },
      n: 1.5,
      none: null,
    };
    assert.deepEqual(keepMessage(message), message);
    assert.deepEqual(Object.keys(keepMessage(message)), Object.keys(message));
  });

  it('is not the connection, nor what Node-RED keeps for itself, nor anything that is no data', () => {
    const kept = keepMessage({
      ...{ req: new EventEmitter(), res: { headers: {} }, _msgid: 'a', _session: { id: 1 } },
      ...{ run: () => 1, buffer: Buffer.from('x'), map: new Map(), big: 1n, symbol: Symbol('x'), nan: NaN },
      ...{ payload: { req: 1, _secret: 2, deep: { when: new Date(0), emitter: new EventEmitter() } } },
    });
    assert.deepEqual(kept, { payload: { deep: { when: '1970-01-01T00:00:00.000Z' } } });
  });

  it('is no member whose name tells of a secret, however deep', () => {
    const names = ['password', 'PASSWD', 'userPassword', 'pwd', 'token', 'accessToken', 'Authorization'];
    names.push(
      'proxy-authorisation',
      'cookie',
      'Set-Cookie',
      'key',
      'apiKey',
      'api_key',
      'client_secret',
      'credentials',
    );
    for (const name of names) {
      const hidden = { [name]: 'geheim' };
      const kept = keepMessage({ ...hidden, payload: { a: [hidden, { b: hidden }] }, topic: 't' });
      assert.deepEqual(kept, { payload: { a: [{}, { b: {} }] }, topic: 't' }, name);
    }
  });

  it('has at most 16 KiB: a property is kept whole or not at all, the small ones first', () => {
    const kept = keepMessage({
      huge: 'x'.repeat(20_000),
      wide: 'ä'.repeat(9000),
      topic: 'door',
      list: Array(9000).fill(1),
    });
    assert.deepEqual(Object.keys(kept), ['topic']);
    const many = keepMessage(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`p${i}`, i])));
    assert.ok(Buffer.byteLength(JSON.stringify(many)) <= 16 * 1024);
  });

  it('ends where a message goes in a circle, runs no getter, and takes objects of another context', () => {
    const circle: Record<string, unknown> = { topic: 'x' };
    circle.self = circle;
    Object.defineProperty(circle, 'trap', { enumerable: true, get: () => assert.fail('it was run') });
    assert.deepEqual(keepMessage(circle), { topic: 'x' });
    const foreign = vm.runInNewContext('({ payload: { a: [1, { b: 2 }], when: new Date(0) } })') as object;
    assert.deepEqual(JSON.parse(JSON.stringify(keepMessage(foreign))), {
      payload: { a: [1, { b: 2 }], when: '1970-01-01T00:00:00.000Z' },
    });
  });

  it('leaves out a proxy, whose answers are code that runs', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const list = Proxy.revocable([], {});
    list.revoke();
    assert.deepEqual(keepMessage({ topic: 'x', proxy, payload: { deep: [list.proxy] } }), {
      topic: 'x',
      payload: { deep: [null] },
    });
  });

  it('does not take long for a message that is large', () => {
    const payload = Array.from({ length: 200_000 }, () => ({ a: 1 }));
    // The garbage collector works beside it: the fastest of five runs is its own.
    const took = Array.from({ length: 5 }, () => {
      const begun = process.cpuUsage().user;
      assert.deepEqual(keepMessage({ payload }), {});
      return process.cpuUsage().user - begun;
    });
    assert.ok(Math.min(...took) < 50_000, `${Math.min(...took)} µs`);
  });

  it('is read back as it was written, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.object(), (message) => {
        const kept = keepMessage(message);
        const text = JSON.stringify(kept);
        assert.ok(Buffer.byteLength(text) <= 16 * 1024);
        assert.equal(JSON.stringify(JSON.parse(text)), text);
        JSON.parse(text, (name, value: unknown) => {
          assert.doesNotMatch(name, /^_|^re[qs]$|key|token/);
          return value;
        });
      }),
    );
  });

  it('is what is called request, response or result, and no passphrase', () => {
    const kept = keepMessage({
      request: 1,
      response: 2,
      result: 3,
      passphrase: 'geheim',
      sshPassphrase: 'x',
    });
    assert.deepEqual(kept, { request: 1, response: 2, result: 3 });
  });

  it('has at most 16 KiB to the byte, beside what is small', () => {
    const full = 16 * 1024 - '{"p":""}'.length;
    assert.equal(String(keepMessage({ p: 'x'.repeat(full) }).p).length, full);
    assert.deepEqual(keepMessage({ p: 'x'.repeat(full + 1) }), {});
    assert.deepEqual(Object.keys(keepMessage({ large: 'x'.repeat(15_000), small: 1 })), ['large', 'small']);
  });

  it('is no property without its last member, be that the one that is too large', () => {
    const huge = 'x'.repeat(20_000);
    const kept = keepMessage({
      ...{ topic: 'x', payload: { small: 1, huge }, list: [1, huge] },
      ...{ deep: { a: { small: 1, huge } }, mixed: [{ small: 1, list: [2, huge] }] },
    });
    assert.deepEqual(kept, { topic: 'x' });
    assert.deepEqual(keepMessage({ payload: { small: 1, ['n'.repeat(20_000)]: 1 } }), {});
  });

  it('is twenty objects deep at most', () => {
    let payload: object = { end: true };
    for (let depth = 0; depth < 40; depth++) payload = { a: payload };
    let depth = 0;
    for (let at = keepMessage({ payload }).payload; at !== undefined; depth++) at = (at as { a?: object }).a;
    assert.equal(depth, 20);
  });

  it('ends where a list or an object contains itself, and takes objects without a prototype', () => {
    const list: unknown[] = [1];
    list.push(list);
    const object: Record<string, unknown> = { a: 1 };
    object.self = object;
    const bare = Object.assign(Object.create(null) as object, { b: 2 });
    assert.deepEqual(JSON.parse(JSON.stringify(keepMessage({ list, object, bare }))), {
      list: [1, null],
      object: { a: 1 },
      bare: { b: 2 },
    });
  });

  it('is no date that is none', () => {
    assert.deepEqual(keepMessage({ topic: 'x', when: new Date(NaN), list: [new Date(NaN)] }), {
      topic: 'x',
      list: [null],
    });
  });

  for (const [what, item, most] of [
    ['numbers', 1, 8_200],
    ['texts', 'x'.repeat(1000), 20],
  ] as const)
    it(`is not looked for in a list of ${what} that is too long already`, () => {
      let seen = 0;
      const list = Object.assign([], {
        *[Symbol.iterator](): Generator {
          for (; seen < 100_000; seen++) yield item;
        },
      });
      assert.deepEqual(keepMessage({ list }), {});
      assert.ok(seen < most, `${seen} items were read`);
    });
});
