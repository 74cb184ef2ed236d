import assert from 'node:assert/strict';
import { Nvr } from '../../lib/nvr/nvr.js';
import { Trace } from '../../lib/nvr/trace.js';
import { startSimulator } from '../../lib/simulator/index.js';
import { settingsFor } from '../kit/settings.js';

describe('the trace of an NVR', () => {
  it('keeps nothing until it is switched on, and nothing after its time', () => {
    let now = 1_000;
    const trace = new Trace({ secrets: [], now: () => now });
    trace.debug('> OPTIONS early');
    trace.start(600_000);
    trace.debug('> OPTIONS in time');
    now += 599_999;
    trace.debug('< 200 in time');
    now += 1;
    assert.equal(trace.isOn, false);
    trace.debug('> OPTIONS late');
    assert.deepEqual({ length: trace.length, endsAt: trace.endsAt }, { length: 2, endsAt: 601_000 });
    assert.ok(!/early|late/.test(trace.text()));
    assert.match(trace.text(), /^1970-01-01T00:00:01\.000Z\n> OPTIONS in time\n\n/);
    trace.start(1_000);
    assert.equal(trace.length, 0);
    trace.debug('> OPTIONS again');
    trace.stop();
    assert.deepEqual({ isOn: trace.isOn, length: trace.length }, { isOn: false, length: 1 });
  });

  it('hands on what it keeps: without secrets, and 4096 characters of a message', () => {
    const next: string[] = [];
    const trace = new Trace({
      secrets: ['geheim'],
      next: { debug: (line) => next.push(line), warn: () => undefined },
      now: () => 0,
    });
    trace.start(1_000);
    for (const line of ['is geheim', 'x'.repeat(4096), 'x'.repeat(4097)]) trace.debug(line);
    assert.deepEqual(next, ['is ***', 'x'.repeat(4096), `${'x'.repeat(4096)} ...`]);
  });

  it('keeps the last 200 exchanges, each of a bounded length, and hands them on', () => {
    const next: string[] = [];
    const trace = new Trace({
      secrets: [],
      next: { debug: (line) => next.push(line), warn: () => undefined },
      now: () => 0,
    });
    trace.start(1_000);
    for (let n = 0; n < 1000; n++) trace.debug(`line ${n} ${'x'.repeat(n === 999 ? 1_000_000 : 1)}`);
    assert.deepEqual({ kept: trace.length, passedOn: next.length }, { kept: 400, passedOn: 1000 });
    assert.ok(trace.text().startsWith('1970-01-01T00:00:00.000Z\nline 600 '));
    assert.ok(trace.text().length < 400 * 50 + 5000);
  });

  it('holds the exchanges of a session, and none of its secrets', async () => {
    const account = { username: 'admin', password: 'p@ss/wörd 1' };
    const simulator = await startSimulator(account);
    const trace = new Trace({ secrets: [account.password] });
    trace.start(60_000);
    trace.debug(`a server that echoes ${account.password} and ${encodeURIComponent(account.password)}`);
    const nvr = new Nvr(settingsFor(simulator.rtspPort, { ...account, httpPort: simulator.httpPort }), {
      logger: trace,
    });
    try {
      assert.equal((await nvr.health.probe(1, 'main', 'session')).state, 'up');
      const text = trace.text();
      for (const method of ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY', 'GET_PARAMETER', 'TEARDOWN'])
        assert.ok(text.includes(`> ${method} rtsp://`), method);
      assert.match(text, /a server that echoes \*\*\* and \*\*\*/);
      assert.ok(!/response="|p@ss|p%40ss/.test(text));
    } finally {
      await nvr.close();
      await simulator.stop();
    }
  });
});
