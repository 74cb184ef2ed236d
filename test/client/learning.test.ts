import assert from 'node:assert/strict';
import fc from 'fast-check';
import { learnFromEnd, learnFromMedia, type Ending } from '../../lib/client/learning.js';
import { keepAliveOrder, ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession, type SessionEnd, type SessionOptions } from '../../lib/client/session.js';
import type { MediaUnit } from '../../lib/codec/unit.js';
import { buildBye } from '../../lib/rtp/rtcp.js';
import {
  interleaved,
  keyframePackets,
  rtp,
  SDP,
  startScriptedServer,
  type Script,
  type ScriptedServer,
} from '../kit/scripted-server.js';
import { sessionOptions } from '../kit/session-rig.js';

const DAY = 86_400_000;

const ending = (extra: Partial<Ending> = {}): Ending => ({
  reason: 'eof',
  withoutMedia: false,
  livedMs: 60_000,
  timeoutMs: 60_000,
  keepAlive: { policy: 'options', hasGetParameter: false },
  leftOut: 0,
  ...extra,
});

/** A session that ends long before its time-out, so long after a keep-alive without a reply. */
const hungUpAfter = (forMs: number, reason: Ending['reason']): Partial<Ending> => ({
  ...{ reason, livedMs: 5_000 },
  keepAlive: { policy: 'options', hasGetParameter: false, asked: { policy: 'options', forMs } },
});

describe('what is learnt of a server', () => {
  it('is forgotten after a day, and what is only confirmed no later', () => {
    let now = 0;
    const memory = new ServerMemory(() => now);
    memory.learn('keepAlive', 'get-parameter');
    now = DAY - 1;
    memory.learn('keepAlive', 'get-parameter');
    assert.equal(memory.keepAlive, 'get-parameter');
    assert.equal(String(memory), 'keepAlive: get-parameter');
    now = DAY;
    assert.equal(memory.keepAlive, undefined);
    assert.equal(String(memory), '');
    memory.learn('keepAlive', 'rtcp');
    now = DAY + 1;
    memory.learn('keepAlive', 'options');
    now = 2 * DAY;
    assert.equal(memory.keepAlive, 'options');
    memory.forgetAll();
    assert.equal(memory.keepAlive, undefined);
  });

  it('is the next keep-alive where a session ended about at its time-out, round and round', () => {
    for (const hasGetParameter of [false, true]) {
      const memory = new ServerMemory();
      const order = keepAliveOrder(hasGetParameter);
      for (const policy of [...order, order[0]!, order[1]!]) {
        const known = memory.keepAlive ?? order[0]!;
        assert.equal(known, policy);
        assert.match(learnFromEnd(memory, ending({ keepAlive: { policy, hasGetParameter } }))!, /timed out/);
      }
    }
  });

  it('is nothing where it ended at another time, or without a word of the server’s session', () => {
    const memory = new ServerMemory();
    for (const extra of [
      { livedMs: 30_000 },
      { livedMs: 300_000 },
      { reason: 'redirect' },
      { withoutMedia: true },
      { withoutMedia: true, leftOut: 1 },
      { livedMs: 30_000, reason: 'silence', leftOut: 1 },
    ] as const)
      assert.equal(learnFromEnd(memory, ending(extra)), undefined);
    assert.equal(String(memory), '');
  });

  for (const [what, extra, isLearnt] of [
    ['is something from three quarters of the time-out on', { livedMs: 45_000 }, true],
    ['is nothing before', { livedMs: 44_999 }, false],
    ['is something until 2 s after twice the time-out', { livedMs: 122_000 }, true],
    ['is nothing later', { livedMs: 122_001 }, false],
    ['is something where the connection fails within 2 s of a keep-alive', hungUpAfter(1_999, 'error'), true],
    ['is something where it is closed within 2 s of one', hungUpAfter(1_999, 'eof'), true],
    ['is nothing where it is closed 2 s after one', hungUpAfter(2_000, 'eof'), false],
    ['is nothing where silence follows one', hungUpAfter(100, 'silence'), false],
  ] as const)
    it(what, () => {
      const lesson = learnFromEnd(new ServerMemory(), ending(extra));
      assert.equal(lesson !== undefined, isLearnt);
    });

  it('is the next keep-alive where the server hangs up on one, whenever that is', () => {
    const memory = new ServerMemory();
    const keepAlive = {
      policy: 'options',
      hasGetParameter: true,
      asked: { policy: 'get-parameter', forMs: 40 },
    } as const;
    assert.match(learnFromEnd(memory, ending({ livedMs: 500, keepAlive }))!, /hung up on .*get-parameter/);
    assert.equal(memory.keepAlive, 'options');
    const late = { ...keepAlive, asked: { policy: 'options', forMs: 9000 } } as const;
    assert.equal(learnFromEnd(memory, ending({ livedMs: 500, keepAlive: late })), undefined);
  });

  it('is to set up all tracks where no media came, and to leave that again where it does not help', () => {
    const memory = new ServerMemory();
    const silent = ending({ reason: 'silence', withoutMedia: true, leftOut: 1 });
    assert.match(learnFromEnd(memory, silent)!, /all tracks/);
    assert.equal(memory.recall('tracks'), 'all');
    learnFromEnd(memory, { ...silent, leftOut: 0 });
    assert.equal(memory.recall('tracks'), undefined);
    // One that plays without them has no need of them: a camera of the NVR is away, that is all.
    learnFromMedia(memory, 1);
    assert.equal(learnFromEnd(memory, silent), undefined);
    assert.equal(memory.recall('tracks'), 'wanted');
  });

  it('never is a policy that does not exist, whatever the end', () => {
    const policy = fc.constantFrom('get-parameter', 'options', 'rtcp');
    fc.assert(
      fc.property(
        fc.constantFrom('eof', 'bye', 'teardown', 'redirect', 'silence', 'expired', 'error'),
        fc.boolean(),
        fc.nat(200_000),
        fc.constantFrom(1000, 60_000, 86_400_000),
        policy,
        fc.option(policy, { nil: undefined }),
        fc.boolean(),
        fc.nat(3),
        (reason, withoutMedia, livedMs, timeoutMs, kept, asked, hasGetParameter, leftOut) => {
          const memory = new ServerMemory();
          learnFromEnd(memory, {
            reason,
            withoutMedia,
            livedMs,
            timeoutMs,
            leftOut,
            keepAlive: { policy: kept, hasGetParameter, asked: asked && { policy: asked, forMs: livedMs } },
          });
          assert.ok(memory.keepAlive === undefined || keepAliveOrder(true).includes(memory.keepAlive));
        },
      ),
    );
  });
});

describe('a session and the one after it', () => {
  const keyframe = Buffer.concat(keyframePackets(1, 0).map((packet) => interleaved(0, packet)));
  const TRANSPORT = 'RTP/AVP/TCP;unicast;interleaved=0-1';
  let server: ScriptedServer;
  let memory: ServerMemory;
  let trace: string[];
  let session: RtspSession;
  let units: MediaUnit[];

  async function start(script: Script, sdp?: string): Promise<void> {
    server = await startScriptedServer(script, sdp === undefined ? {} : { sdp });
    memory = new ServerMemory();
    trace = [];
  }

  afterEach(async () => {
    await session.close();
    await server.close();
  });

  /** Opens a session; resolves to its end. */
  async function open(extra: Partial<SessionOptions> = {}): Promise<{ ended: Promise<SessionEnd> }> {
    units = [];
    const log = (line: string): void => void trace.push(line);
    const ended = new Promise<SessionEnd>((resolve) => {
      session = new RtspSession(
        sessionOptions(server.port, {
          memory,
          silenceMs: 500,
          logger: { debug: log, warn: log },
          onUnit: (unit) => units.push(unit),
          onEnd: resolve,
          ...extra,
        }),
      );
    });
    await session.open();
    return { ended };
  }

  const methods = (connection: number): string =>
    server.requests
      .filter((request) => request.headers.get('Session') === `S${connection}`)
      .map(({ method }) => method)
      .join(' ');

  it('try GET_PARAMETER, listed or not, where OPTIONS kept nothing alive, and say so in the trace', async () => {
    const timers = new Map<number, NodeJS.Timeout>();
    await start(({ method }, peer) => {
      const { connection, socket } = peer;
      if (['SETUP', 'PLAY', 'GET_PARAMETER'].includes(method)) {
        clearTimeout(timers.get(connection));
        timers.set(
          connection,
          setTimeout(() => socket.end(), 1000),
        );
      }
      if (method === 'OPTIONS') return { headers: { Public: 'DESCRIBE, SETUP, PLAY, TEARDOWN' } };
      if (method === 'SETUP')
        return { headers: { Transport: TRANSPORT, Session: `S${connection};timeout=1` } };
      if (method === 'PLAY') {
        let sequence = 10;
        const more = setInterval(() => {
          peer.send(interleaved(0, rtp(sequence, 3600 * sequence++, true, Buffer.from([0x41, 0x9a, 1]))));
        }, 40);
        socket.on('close', () => {
          clearInterval(more);
          clearTimeout(timers.get(connection));
        });
      }
      return undefined;
    });
    const first = await open();
    assert.equal((await first.ended).reason, 'eof');
    assert.match(trace.at(-1)!, /^\* .*"options": sends "get-parameter"$/);
    const second = await open();
    const outcome = await Promise.race([
      second.ended.then(({ reason }) => reason),
      new Promise((resolve) => setTimeout(resolve, 1700, 'lives')),
    ]);
    assert.equal(outcome, 'lives');
    assert.ok(
      trace.some((line) =>
        /^\* learnt from earlier sessions with this server: .*keepAlive: get-parameter/.test(line),
      ),
    );
    assert.ok(!methods(2).includes('OPTIONS'), methods(2));
  });

  it('do not ask again what the server hangs up on', async () => {
    await start(({ method, headers }, { connection }) => {
      if (method === 'SETUP')
        return { headers: { Transport: TRANSPORT, Session: `S${connection};timeout=1` } };
      if (method === 'PLAY') return { headers: { Session: `S${connection}` }, after: keyframe };
      const isKeepAlive = headers.has('Session') && (method === 'GET_PARAMETER' || method === 'OPTIONS');
      return isKeepAlive ? { raw: Buffer.alloc(0), close: true } : undefined;
    });
    for (const next of ['options', 'rtcp']) {
      const { ended } = await open();
      assert.equal((await ended).reason, 'eof');
      assert.equal(memory.keepAlive, next);
    }
  });

  it('set up all tracks where the server sent nothing before, and hand on what is wanted alone', async () => {
    const setups = new Map<number, number>();
    await start(({ method, headers }, { connection }) => {
      if (method === 'SETUP') setups.set(connection, (setups.get(connection) ?? 0) + 1);
      if (method !== 'PLAY' || setups.get(connection) !== 2) return undefined;
      const sound = rtp(1, 0, true, Buffer.alloc(160, 0xff), { ssrc: 7, payloadType: 0 });
      return {
        headers: { Session: headers.get('Session') },
        after: Buffer.concat([interleaved(2, sound), keyframe, interleaved(3, buildBye(7))]),
      };
    }, `${SDP}m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=control:track2\r\nm=audio 0 RTP/AVP 8\r\na=sendonly\r\na=control:back\r\n`);
    const first = await open();
    const { reason, withoutMedia } = await first.ended;
    assert.deepEqual({ reason, withoutMedia }, { reason: 'silence', withoutMedia: true });
    await open();
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (units.length > 0) resolve();
        else setImmediate(look);
      };
      look();
    });
    await session.close();
    assert.deepEqual(
      units.map(({ kind }) => kind),
      ['video'],
    );
    assert.equal(setups.get(2), 2, 'the back-channel was left alone');
    assert.equal(session.statistics.packets, 3, 'what was not wanted is not counted');
  });

  it('learn nothing from a recording’s end', async () => {
    await start(() => undefined, `${SDP}m=audio 0 RTP/AVP 0\r\na=control:track2\r\n`);
    const { ended } = await open({ endsByItself: true });
    await ended;
    assert.equal(memory.recall('tracks'), undefined);
  });
});
