import assert from 'node:assert/strict';
import sinon from 'sinon';
import { ServerMemory } from '../../lib/client/quirks.js';
import type { SessionEnd } from '../../lib/client/session.js';
import { tcp } from '../../lib/client/transport/transports.js';
import type { Transport } from '../../lib/client/transport/transport.js';
import type { NvrError } from '../../lib/errors.js';
import { redact } from '../../lib/redact.js';
import { interleaved, onePacketPicture, rtp, SDP } from '../kit/scripted-server.js';
import { PARAMETER_SETS, Wire } from '../kit/wire.js';

const SOUND = 'm=audio 0 RTP/AVP 0\r\na=control:track2\r\n';
const UNREADABLE =
  'm=audio 0 RTP/AVP 97\r\na=rtpmap:97 X-SECRET/8000\r\na=control:track2\r\n' +
  'm=application 0 RTP/AVP 98\r\na=rtpmap:98 X-SECRET/90000\r\na=control:track3\r\n';
const request = (method: string): Buffer => Buffer.from(`${method} * RTSP/1.0\r\nCSeq: 9\r\n\r\n`);
const turn = (): Promise<void> => new Promise(setImmediate);

describe('the life of a session', () => {
  let clock: sinon.SinonFakeTimers;
  let wire: Wire;

  beforeEach(() => {
    clock = sinon.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
    });
  });

  afterEach(async () => {
    await wire.session.close();
    clock.restore();
  });

  /** What a session with that description asks its server to set up. */
  const setups = (): string[] =>
    wire.requests.flatMap((head) => /^SETUP rtsp:\/\/[^/]*\/live\/(\S*)/.exec(head)?.[1] ?? []);
  const headerOf = (method: string, name: string): string | undefined =>
    new RegExp(`^${method} [^]*^${name}: (.*)\r$`, 'm').exec(
      wire.requests.find((one) => one.startsWith(method))!,
    )?.[1];

  describe('while it opens', () => {
    it('knows whether its server is reached over TLS once that has described the stream', async () => {
      for (const scheme of ['rtsp', 'rtsps']) {
        wire = new Wire({ options: { uri: `${scheme}://127.0.0.1/live` } });
        assert.equal(wire.session.isTls, false);
        await wire.session.open();
        assert.equal(wire.session.isTls, scheme === 'rtsps');
        await wire.session.close();
      }
    });

    it('sends the headers that SETUP and PLAY are to have, and plays from 0 where no Range is given', async () => {
      wire = new Wire({
        options: { setupHeaders: { Require: 'onvif-replay' }, playHeaders: { 'Rate-Control': 'no' } },
      });
      await wire.session.open();
      assert.deepEqual(
        {
          require: headerOf('SETUP', 'Require'),
          rateControl: headerOf('PLAY', 'Rate-Control'),
          range: headerOf('PLAY', 'Range'),
          session: headerOf('PLAY', 'Session'),
        },
        { require: 'onvif-replay', rateControl: 'no', range: 'npt=0.000-', session: '1' },
      );
    });

    it('reads on though its user wants it to pause, and pauses once it plays until it is to go on', async () => {
      wire = new Wire({
        says: (method) => {
          if (method === 'SETUP') wire.session.pauseReading();
          if (method === 'PLAY') wire.session.resumeReading();
          return undefined;
        },
      });
      await wire.session.open();
      wire.session.pauseReading();
      wire.read(Buffer.concat([PARAMETER_SETS, onePacketPicture(0), onePacketPicture(1)]));
      await turn();
      assert.equal(wire.units.length, 0, 'units while it pauses');
      wire.session.resumeReading();
      assert.equal(wire.units.length, 2, 'units once it goes on');
    });

    it('fails when everything is closed, with TEARDOWN where a session was granted', async () => {
      const closed: string[] = [];
      wire = new Wire({
        says: (method) => (method === 'PLAY' ? { status: 500 } : undefined),
        transport: (options) => counting(tcp(options), closed),
      });
      await assert.rejects(wire.session.open(), { code: 'EPROTOCOL', status: 500 });
      assert.deepEqual(
        { last: wire.methods.at(-1), isDestroyed: wire.isDestroyed, closed },
        { last: 'TEARDOWN', isDestroyed: true, closed: ['track'] },
      );
      assert.equal(clock.countTimers(), 0);
    });

    it('closes the way of a track that is refused', async () => {
      const closed: string[] = [];
      wire = new Wire({
        says: (method) => (method === 'SETUP' ? { status: 500 } : undefined),
        transport: (options) => counting(tcp(options), closed),
      });
      await assert.rejects(wire.session.open(), { code: 'EPROTOCOL' });
      assert.deepEqual(closed, ['track']);
    });

    it('goes without a second track that is refused, and says so', async () => {
      const warnings: NvrError[] = [];
      wire = new Wire({
        options: { extras: true, onWarning: (error) => warnings.push(error) },
        says: (method, head) => {
          if (method === 'DESCRIBE') return { body: SDP + SOUND };
          return method === 'SETUP' && head.includes('track2') ? { status: 500 } : undefined;
        },
      });
      await wire.session.open();
      assert.equal(wire.methods.at(-1), 'PLAY');
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['EPROTOCOL'],
      );
    });

    it('fails where the connection ends in the middle of a second track, without a word of that track', async () => {
      const warnings: NvrError[] = [];
      wire = new Wire({
        options: { extras: true, onWarning: (error) => warnings.push(error) },
        says: (method, head) => {
          if (method === 'DESCRIBE') return { body: SDP + SOUND };
          if (method !== 'SETUP' || !head.includes('track2')) return undefined;
          queueMicrotask(() => {
            wire.close();
          });
          return 'nothing';
        },
      });
      await assert.rejects(wire.session.open(), { code: 'EUNREACHABLE' });
      assert.deepEqual(warnings, []);
    });

    it('does not fail where a track that only the server wants is refused', async () => {
      const memory = new ServerMemory();
      memory.learn('tracks', 'all');
      wire = new Wire({
        options: { memory },
        says: (method, head) => {
          if (method === 'DESCRIBE') return { body: SDP + SOUND };
          return method === 'SETUP' && head.includes('track2') ? { status: 500 } : undefined;
        },
      });
      await wire.session.open();
      assert.deepEqual(setups(), ['track1', 'track2']);
    });

    it('starts nothing where it is closed when PLAY is answered', async () => {
      wire = new Wire({
        says: (method) => {
          if (method === 'PLAY') void wire.session.close();
          return undefined;
        },
      });
      await assert.rejects(wire.session.open(), { code: 'EUNREACHABLE' });
      await turn();
      await assert.rejects(wire.session.ping(), { code: 'EUNREACHABLE' });
      assert.equal(clock.countTimers(), 0);
    });

    for (const closes of [false, true])
      it(`tells of each track that cannot be read${closes ? ', until it is closed' : ''}`, async () => {
        let warnings = 0;
        wire = new Wire({
          options: {
            extras: true,
            onWarning: () => {
              warnings++;
              if (closes) void wire.session.close();
            },
          },
          says: (method) => (method === 'DESCRIBE' ? { body: SDP + UNREADABLE } : undefined),
        });
        await wire.session.open().catch(() => undefined);
        assert.equal(warnings, closes ? 1 : 2);
      });

    it('forgets a goodbye that came before PLAY was asked: it was said to an older session', async () => {
      wire = new Wire({
        says: (method) => (method === 'DESCRIBE' ? { body: SDP, after: request('TEARDOWN') } : undefined),
      });
      await wire.session.open();
      for (let i = 0; i < 3; i++) await turn();
      wire.read(Buffer.concat([PARAMETER_SETS, onePacketPicture(0), onePacketPicture(1)]));
      assert.equal(wire.units.length, 2);
    });

    it('ends by the first of two goodbyes that come before PLAY is answered', async () => {
      let ended: (end: SessionEnd) => void = () => undefined;
      const end = new Promise<SessionEnd>((resolve) => (ended = resolve));
      const both = Buffer.concat([request('REDIRECT'), request('TEARDOWN')]);
      wire = new Wire({
        onEnd: ended,
        says: (method) => (method === 'SETUP' ? { headers: { Session: '1' }, after: both } : undefined),
      });
      await wire.session.open();
      const told = await end;
      assert.deepEqual(
        { reason: told.reason, closed: await wire.session.closed },
        { reason: 'redirect', closed: told },
      );
    });
  });

  describe('while it plays', () => {
    for (const [session, dueMs] of [
      ['1;timeout=20', 10_000],
      [undefined, 30_000],
    ] as const)
      it(`keeps it alive at half its time-out: Session ${String(session)}`, async () => {
        wire = new Wire({
          options: { silenceMs: 100_000 },
          says: () => ({ headers: { Public: 'GET_PARAMETER', ...(session && { Session: session }) } }),
        });
        await wire.session.open();
        await clock.tickAsync(dueMs - 1);
        assert.equal(wire.methods.at(-1), 'PLAY');
        await clock.tickAsync(1);
        assert.equal(wire.methods.at(-1), 'GET_PARAMETER');
      });

    it('waits for media as long as it is told, and no shorter than a request', async () => {
      const ends: string[] = [];
      wire = new Wire({
        options: { silenceMs: 7000, requestTimeoutMs: 2000 },
        onEnd: ({ reason }) => ends.push(reason),
      });
      await wire.session.open();
      await clock.tickAsync(6999);
      assert.deepEqual(ends, []);
      await clock.tickAsync(1);
      assert.deepEqual(ends, ['silence']);
    });

    it('takes no silence amiss while its user pauses it, and counts anew from then on', async () => {
      const ends: string[] = [];
      wire = new Wire({ onEnd: ({ reason }) => ends.push(reason) });
      await wire.session.open();
      wire.session.pauseReading();
      await clock.tickAsync(20_000);
      wire.session.resumeReading();
      await clock.tickAsync(4000);
      assert.deepEqual(ends, []);
      await clock.tickAsync(1000);
      assert.deepEqual(ends, ['silence']);
    });

    it('warns of a camera that takes more than its share of this machine', async () => {
      const warnings: NvrError[] = [];
      // Each picture is 50 ms of work.
      const cpu = sinon
        .stub(process, 'cpuUsage')
        .callsFake(() => ({ user: performance.now() * 1000, system: 0 }));
      wire = new Wire({
        options: { readShare: 0.5, onWarning: (error) => warnings.push(error) },
        onUnit: () => {
          clock.tick(50);
        },
      });
      await wire.session.open();
      wire.read(PARAMETER_SETS);
      for (let index = 0; index < 30; index++) wire.read(onePacketPicture(index));
      cpu.restore();
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['EOVERLOAD'],
      );
      const closing = wire.session.close();
      await clock.tickAsync(2000);
      await closing;
    });

    it('counts the packets of what is wanted alone where all tracks are set up, and needs that still', async () => {
      const memory = new ServerMemory();
      memory.learn('tracks', 'all');
      wire = new Wire({
        options: { memory },
        says: (method) => (method === 'DESCRIBE' ? { body: SDP + SOUND } : undefined),
      });
      await wire.session.open();
      const sound = [1, 2, 3].map((n) =>
        interleaved(2, rtp(n, n * 160, false, Buffer.alloc(160), { ssrc: 7, payloadType: 0 })),
      );
      wire.read(Buffer.concat([PARAMETER_SETS, onePacketPicture(0), ...sound]));
      assert.deepEqual(wire.session.count, { packets: 3, lost: 0 });
      await clock.tickAsync(1000);
      assert.equal(memory.recall('tracks'), 'all');
    });

    it('reports a lasting loss', async () => {
      const lossy: number[] = [];
      wire = new Wire({
        options: { onLossy: (percent) => lossy.push(percent) },
        transport: (options) => ({ ...tcp(options), name: 'udp', lower: 'udp' }),
      });
      await wire.session.open();
      wire.receive(PARAMETER_SETS);
      let index = 0;
      for (let second = 0; second < 70; second++) {
        for (let i = 0; i < 10; i++, index++) if (i !== 5) wire.receive(onePacketPicture(index));
        await clock.tickAsync(1000);
      }
      assert.deepEqual(lossy, [10]);
    });

    it('has set up all tracks where no media comes, and then leaves that again', async () => {
      const memory = new ServerMemory();
      memory.learn('tracks', 'all');
      wire = new Wire({
        options: { memory },
        onEnd: () => undefined,
        says: (method) => (method === 'DESCRIBE' ? { body: SDP + SOUND } : undefined),
      });
      await wire.session.open();
      await clock.tickAsync(5000);
      assert.equal((await wire.session.closed)?.withoutMedia, true);
      assert.equal(memory.recall('tracks'), undefined);
    });

    it('answers how long a request takes, in its statistics as well, and not before', async () => {
      wire = new Wire();
      await assert.rejects(wire.session.ping(), { code: 'EUNREACHABLE' });
      assert.equal(wire.session.statistics.rttMs, undefined);
      await wire.session.open();
      assert.equal(await wire.session.ping(), 0);
      assert.equal(wire.session.statistics.rttMs, 0);
    });

    for (const [from, options] of [
      ['its URI', { uri: 'rtsp://admin:geheim-77@127.0.0.1/live' }],
      ['its options', { credentials: { username: 'admin', password: 'geheim-77' } }],
    ] as const)
      it(`strikes the password of ${from} out of all text, from its opening to its end`, async () => {
        const text = 'the server said geheim-77';
        wire = new Wire({ options });
        assert.equal(redact(text), text, 'before');
        await wire.session.open();
        assert.equal(redact(text), 'the server said ***');
        await wire.session.close();
        assert.equal(redact(text), text, 'after');
      });
  });

  describe('at its end', () => {
    for (const method of ['TEARDOWN', 'REDIRECT'])
      it(`says that the server asked for it: ${method}`, async () => {
        const ends: SessionEnd[] = [];
        wire = new Wire({ onEnd: (end) => ends.push(end) });
        await wire.session.open();
        wire.read(request(method));
        await wire.session.closed;
        assert.deepEqual(
          ends.map(({ reason, error }) => ({ reason, code: error.code })),
          [{ reason: method.toLowerCase(), code: 'EUNREACHABLE' }],
        );
      });

    it('hands on what waits for a missing packet, and what is lost before each', async () => {
      const { told, ends } = await lastUnits(() => undefined);
      assert.deepEqual(told, ['unit 0', 'unit 1', 'lost 1', 'unit 3', 'lost 2', 'unit 6']);
      assert.deepEqual(ends, ['eof']);
    });

    it('tells nothing more, neither units nor losses nor an end, once its user closes it in one of the last units', async () => {
      const { told, ends } = await lastUnits((index) => {
        if (index === 3) void wire.session.close();
      });
      assert.deepEqual(told, ['unit 0', 'unit 1', 'lost 1', 'unit 3']);
      assert.deepEqual(ends, []);
      assert.equal(await wire.session.closed, undefined);
    });

    /** The server closes the connection while units wait for a missing packet. */
    async function lastUnits(onUnit: (index: number) => void): Promise<{ told: string[]; ends: string[] }> {
      const told: string[] = [];
      const ends: string[] = [];
      wire = new Wire({
        options: { onLoss: (missing) => told.push(`lost ${missing}`) },
        onUnit: ({ rtpTime }) => {
          told.push(`unit ${rtpTime / 3600}`);
          onUnit(rtpTime / 3600);
        },
        onEnd: ({ reason }) => ends.push(reason),
      });
      await wire.session.open();
      wire.read(Buffer.concat([PARAMETER_SETS, ...[0, 1, 3, 6].map(onePacketPicture)]));
      wire.close();
      return { told, ends };
    }

    it('leaves no timer and no way of a track open', async () => {
      const closed: string[] = [];
      wire = new Wire({ transport: (options) => counting(tcp(options), closed) });
      await wire.session.open();
      wire.read(Buffer.concat([PARAMETER_SETS, onePacketPicture(0)]));
      await wire.session.close();
      assert.equal(clock.countTimers(), 0);
      assert.deepEqual(closed, ['track']);
    });

    it('ends who reads its units, though nothing more comes', async () => {
      wire = new Wire({ onUnit: 'none' });
      await wire.session.open();
      const next = wire.session.units().next();
      await wire.session.close();
      assert.deepEqual(await next, { done: true, value: undefined });
    });
  });

  for (const receiver of [false, true])
    it(`keeps the units ${receiver ? 'of no session with a receiver' : 'for its first reader'}`, async () => {
      wire = new Wire(receiver ? {} : { onUnit: 'none' });
      await wire.session.open();
      wire.read(Buffer.concat([PARAMETER_SETS, onePacketPicture(0), onePacketPicture(1)]));
      const reader = wire.session.units();
      await wire.session.close();
      const kept: number[] = [];
      for await (const { rtpTime } of reader) kept.push(rtpTime / 3600);
      assert.deepEqual(kept, receiver ? [] : [0, 1]);
    });
});

/** Notes each way of a track that is closed. */
function counting(transport: Transport, closed: string[]): Transport {
  return {
    ...transport,
    openTrack: async (context) => {
      const track = await transport.openTrack(context);
      const close = (): void => {
        closed.push('track');
        track.close();
      };
      return { ...track, close };
    },
  };
}
