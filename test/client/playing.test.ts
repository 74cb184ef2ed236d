import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Described } from '../../lib/client/describe.js';
import { Playing } from '../../lib/client/playing.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import type { Reception } from '../../lib/client/reception.js';
import { NvrError } from '../../lib/errors.js';

const START = 10_000;

describe('a session that plays', () => {
  let clock: sinon.SinonFakeTimers;
  let playing: Playing;
  let memory: ServerMemory;
  /** What the server sends: the test changes it as time passes. */
  let media: { received: number; fps: number; count: { packets: number; lost: number } };
  let ticks: number[];
  let reports: number[];
  let ends: string[];
  let lossy: number[];
  let requests: string[];
  let calls: string[];
  let fault: Error | undefined;
  /** The server's answer to a keep-alive. */
  let status: number;

  beforeEach(() => {
    clock = sinon.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
    });
    clock.tick(START);
    memory = new ServerMemory(() => 0);
    media = { received: 0, fps: 0, count: { packets: 0, lost: 0 } };
    [ticks, reports, ends, lossy, requests, calls] = [[], [], [], [], [], []];
    fault = undefined;
    status = 200;
  });

  afterEach(() => {
    playing.stop();
    clock.restore();
  });

  interface Setting {
    lower?: 'tcp' | 'udp';
    leftOut?: number;
    endsByItself?: boolean;
    silenceMs?: number;
    methods?: string[];
    timeoutMs?: number;
  }

  function play(setting: Setting = {}): void {
    const lower = setting.lower ?? 'tcp';
    const reception = {
      transport: { lower },
      isUdp: lower === 'udp',
      tick: (now: number) => {
        ticks.push(now - START);
        if (fault !== undefined) throw fault;
      },
      sendReports: (now: number) => reports.push(now - START),
      get received() {
        return media.received;
      },
      get fps() {
        return media.fps;
      },
      get count() {
        return media.count;
      },
      whySilent: (ms: number) => new NvrError('ETIMEDOUT', `${ms} ms`),
    };
    const connection = {
      rttMs: undefined as number | undefined,
      pause: () => calls.push('pause'),
      resume: () => calls.push('resume'),
      request: (method: string, uri: string, headers: object) => {
        requests.push(`${method} ${uri} ${JSON.stringify(headers)}`);
        connection.rttMs = 7;
        return Promise.resolve({ status });
      },
    };
    const described = {
      connection,
      baseUri: 'rtsp://camera/live/',
      methods: new Set(setting.methods ?? ['GET_PARAMETER']),
    };
    playing = new Playing({
      described: described as unknown as Described,
      reception: reception as unknown as Reception,
      memory,
      silenceMs: setting.silenceMs,
      timeoutMs: setting.timeoutMs ?? 600_000,
      leftOut: setting.leftOut ?? 0,
      endsByItself: setting.endsByItself === true,
      sessionHeader: () => ({ Session: 'S1' }),
      onLossy: (percent) => lossy.push(percent),
      onEnd: (reason, error) => ends.push(`${reason} ${error.code} ${error.message}`),
    });
  }

  /** Media comes for so many seconds, or none does. */
  async function pass(seconds: number, comes = true): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      if (comes) media.received += 100;
      await clock.tickAsync(1000);
    }
  }

  it('looks once a second, and sends reports every five', async () => {
    play();
    await pass(16);
    assert.deepEqual(
      ticks,
      Array.from({ length: 16 }, (_, index) => (index + 1) * 1000),
    );
    assert.deepEqual(reports, [5000, 10_000, 15_000]);
  });

  it('does nothing any more once it is stopped', async () => {
    play({ timeoutMs: 4000 });
    await pass(3);
    assert.equal(requests.length, 1);
    playing.stop();
    assert.equal(clock.countTimers(), 0);
    await pass(10, false);
    assert.deepEqual(
      { ticks: ticks.length, requests: requests.length, ends },
      { ticks: 3, requests: 1, ends: [] },
    );
  });

  it('ends when nothing has come for 5 s, since PLAY or since the last packet', async () => {
    play();
    await pass(4, false);
    await pass(2);
    await pass(4, false);
    assert.deepEqual(ends, []);
    await pass(1, false);
    assert.deepEqual(ends, ['silence ETIMEDOUT 5000 ms']);
  });

  it('takes no silence amiss where this machine stood still, and what came lies unread in the socket', async () => {
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    play();
    await pass(1);
    for (let stall = 0; stall < 2; stall++) {
      // The socket is read between the timers and the immediates.
      setImmediate(() => (media.received += 100));
      clock.tick(8000);
      await turn();
      assert.deepEqual(ends, []);
    }
    clock.tick(8000);
    await turn();
    assert.deepEqual(ends, ['silence ETIMEDOUT 8000 ms']);
  });

  it('looks no more once it is stopped between a timer and its look', async () => {
    play();
    clock.tick(1000);
    playing.stop();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(ticks, []);
  });

  it('gives a slow stream five frame times, and a user’s own limit', async () => {
    media.fps = 0.5;
    play({ silenceMs: 3000 });
    await pass(1);
    await pass(9, false);
    assert.deepEqual(ends, []);
    await pass(1, false);
    assert.deepEqual(ends, ['silence ETIMEDOUT 10000 ms']);
  });

  it('takes no silence amiss that a user’s pause makes, and counts from its end, each time', async () => {
    play();
    for (let pause = 0; pause < 2; pause++) {
      await pass(1);
      playing.pause();
      await pass(20, false);
      playing.resume();
      await pass(4, false);
      assert.deepEqual(ends, []);
    }
    assert.deepEqual(calls, ['pause', 'resume', 'pause', 'resume']);
    await pass(1, false);
    assert.equal(ends.length, 1);
  });

  it('reports a lasting loss over UDP, with what was lost of what came, and none over TCP', async () => {
    for (const lower of ['udp', 'tcp'] as const) {
      lossy = [];
      media.count = { packets: 0, lost: 0 };
      play({ lower });
      for (let second = 0; second <= 70; second++) {
        media.count = { packets: second * 90, lost: second * 10 };
        await pass(1);
      }
      assert.deepEqual(lossy, lower === 'udp' ? [10] : []);
      playing.stop();
    }
  });

  it('remembers that the wanted tracks are enough once media came, and never from a recording', async () => {
    play({ leftOut: 1 });
    await pass(2, false);
    assert.equal(memory.recall('tracks'), undefined);
    await pass(1);
    assert.equal(memory.recall('tracks'), 'wanted');
    playing.stop();
    memory.forgetAll();
    play({ leftOut: 1, endsByItself: true });
    await pass(3);
    assert.equal(memory.recall('tracks'), undefined);
    assert.equal(playing.learn('expired', false), undefined);
    assert.equal(memory.recall('keepAlive'), undefined);
  });

  it('learns another keep-alive where media stopped at the server’s time-out, by when it stopped', async () => {
    play({ timeoutMs: 60_000 });
    await pass(10);
    await pass(50, false);
    assert.equal(playing.learn('silence', false), undefined, 'it stopped long before');
    playing.stop();
    play({ timeoutMs: 60_000 });
    await pass(60);
    await pass(100, false);
    assert.match(playing.learn('silence', false) ?? '', /"options"/);
    playing.stop();
    memory.forgetAll();
    play({ timeoutMs: 60_000 });
    await pass(60);
    assert.match(playing.learn('eof', false) ?? '', /"options"/);
  });

  it('pings as it keeps the session alive, and answers how long that took', async () => {
    play();
    assert.equal(await playing.ping(), 7);
    playing.stop();
    play({ methods: [] });
    await playing.ping();
    assert.deepEqual(requests, [
      'GET_PARAMETER rtsp://camera/live/ {"Session":"S1"}',
      'OPTIONS rtsp://camera/live/ {"Session":"S1"}',
    ]);
  });

  it('ends where the server knows it no more, once no media comes, and not while some does', async () => {
    play({ timeoutMs: 8000 });
    status = 454;
    await pass(9);
    assert.deepEqual(ends, []);
    playing.stop();
    play({ timeoutMs: 8000 });
    await pass(4, false);
    assert.deepEqual(ends, ['expired ETIMEDOUT The session has expired on the server.']);
  });

  it('ends with the error where a look at the clock throws', async () => {
    play();
    fault = new Error('no');
    await pass(1);
    assert.deepEqual(
      ends.map((end) => end.split(' ', 2)),
      [['error', 'EPROTOCOL']],
    );
  });
});
