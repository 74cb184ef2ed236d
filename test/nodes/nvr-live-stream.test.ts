import assert from 'node:assert/strict';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { splitAnnexB } from '../../lib/codec/annexb.js';
import type { Simulator, SimulatorOptions } from '../../lib/simulator/index.js';
import { startSimulator } from '../../lib/simulator/index.js';
import { SDP, startScriptedServer } from '../kit/scripted-server.js';
import { itLong } from '../kit/cases.js';
import { deployAnew, helper, liveFlow, load, type Message, statuses } from '../kit/red.js';

const ACCOUNT = { username: 'admin', password: 'geheim-123' };

interface Video {
  codec: string;
  keyframe: boolean;
  sequence: number;
  nalType?: number;
  width: number;
  height: number;
  channel: number;
  stream: string;
  time: number;
  captureTime?: number;
  timeSource: string;
}

const video = (message: Message): Video => message.video as Video;
const nalTypes = (message: Message): number[] =>
  splitAnnexB(message.payload as Buffer).map((nal) => nal[0]! & 0x1f);

describe('nvr-live-stream', () => {
  let simulator: Simulator | undefined;

  beforeEach(function (done) {
    helper.startServer(done);
  });

  afterEach(async () => {
    await helper.unload();
    await simulator?.stop();
    simulator = undefined;
    await new Promise<void>((resolve) => {
      helper.stopServer(() => {
        resolve();
      });
    });
  });

  async function simulate(options: SimulatorOptions = {}): Promise<Record<string, unknown>> {
    simulator = await startSimulator({ ...ACCOUNT, ...options });
    return {
      rtspPort: String(simulator.rtspPort),
      httpPort: String(simulator.httpPort),
      channels: [{ channel: 2, name: 'Gate/1+#' }],
    };
  }

  it('sends keyframes with their parameter sets in front, and the events of the session in order', async () => {
    const sink = await load(liveFlow(await simulate()), ACCOUNT);
    const keyframe = await sink('out').first(() => true);
    assert.ok(Buffer.isBuffer(keyframe.payload));
    assert.deepEqual(keyframe.payload.subarray(0, 5), Buffer.from([0, 0, 0, 1, 0x67]));
    assert.ok([7, 8, 5].every((type) => nalTypes(keyframe).includes(type)));
    assert.equal(keyframe.contentType, 'video/h264');
    assert.equal(keyframe.topic, 'nvr/Home/1/keyframe');
    const { time, captureTime, ...rest } = video(keyframe);
    assert.ok(Math.abs(time - Date.now()) < 2000 && Math.abs(captureTime! - Date.now()) < 2000);
    assert.ok(Number.isInteger(time));
    assert.deepEqual(
      { ...rest, rtpTime: 0 },
      {
        codec: 'h264',
        keyframe: true,
        timeSource: 'sr',
        rtpTime: 0,
        sequence: 1,
        channel: 1,
        stream: 'main',
        width: 640,
        height: 360,
        damaged: false,
      },
    );
    assert.equal(Object.hasOwn(rest, 'nalType'), false);
    await sink('event').word('format');
    const words = sink('event').messages.map(({ payload }) => payload);
    assert.deepEqual(words.slice(0, 3), ['connecting', 'playing', 'format']);
    const format = sink('event').messages[2]!;
    assert.equal(format.topic, 'nvr/Home/1/event');
    const event = format.event as Record<string, unknown>;
    assert.deepEqual(
      {
        channel: event.channel,
        stream: event.stream,
        codec: event.codec,
        width: event.width,
        height: event.height,
        frameRate: event.frameRate,
      },
      { channel: 1, stream: 'main', codec: 'h264', width: 640, height: 360, frameRate: 12.5 },
    );
    assert.deepEqual(
      statuses('live').map(({ fill, shape, text }) => `${fill} ${shape} ${text}`),
      ['grey ring idle', 'yellow ring connecting', 'green dot playing'],
    );
    assert.equal(sink('catch').messages.length, 0);
  });

  it('sends every access unit, numbered without a hole, of the dual stream of a named channel', async () => {
    const sink = await load(
      liveFlow(await simulate(), { emit: 'accessUnits', channel: 'gate/1+#', stream: 'dual' }),
      ACCOUNT,
    );
    await sink('out').first((message) => video(message).sequence === 10);
    const units = sink('out').messages;
    assert.deepEqual(
      units.slice(0, 10).map((unit) => video(unit).sequence),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    assert.equal(video(units[0]!).keyframe, true);
    assert.deepEqual(
      { keyframe: video(units[1]!).keyframe, width: video(units[1]!).width, stream: video(units[1]!).stream },
      { keyframe: false, width: 320, stream: 'dual' },
    );
    assert.equal(units[0]!.topic, 'nvr/Home/Gate_1__/keyframe');
    assert.equal(units[1]!.topic, 'nvr/Home/Gate_1__/frame');
  });

  it('sends NAL units one by one, each with its type', async () => {
    const sink = await load(liveFlow(await simulate(), { emit: 'nalUnits' }), ACCOUNT);
    await sink('out').first((message) => video(message).nalType === 1);
    for (const message of sink('out').messages) {
      assert.deepEqual((message.payload as Buffer).subarray(0, 4), Buffer.from([0, 0, 0, 1]));
      assert.deepEqual(nalTypes(message), [video(message).nalType]);
    }
    assert.deepEqual(
      sink('out')
        .messages.slice(0, 2)
        .map((message) => video(message).nalType),
      [7, 8],
    );
  });

  it('is controlled by messages: stop, start, restart, status, and EINPUT for anything else', async () => {
    const sink = await load(liveFlow(await simulate(), { inputs: 1 }), ACCOUNT);
    await sink('out').first(() => true);
    const node = helper.getNode('live') as { receive: (message: object) => void };
    const completed = (): Promise<Message> => sink('complete').next(() => true);

    let done = completed();
    node.receive({ action: 'status', topic: 'mine', extra: 7 });
    const status = await sink('event').word('status');
    assert.deepEqual(
      { topic: status.topic, extra: status.extra, state: (status.event as { state: string }).state },
      { topic: 'mine', extra: 7, state: 'playing' },
    );
    await done;

    done = completed();
    node.receive({ action: 'stop' });
    await sink('event').word('stopped');
    await done;
    assert.deepEqual(statuses('live').at(-1), { fill: 'grey', shape: 'ring', text: 'stopped' });
    const before = sink('out').messages.length;

    const again = sink('out').next(() => true);
    node.receive({ action: 'start' });
    await again;
    assert.ok(sink('out').messages.length > before);

    const restarted = sink('event').next(({ payload }) => payload === 'playing');
    node.receive({ action: 'restart' });
    await restarted;

    node.receive({ action: 'dance' });
    const fault = await sink('catch').first(() => true);
    assert.equal((fault.error as { code: string }).code, 'EINPUT');
  });

  it('holds one RTSP session for ten nodes, keeps it through a partial deploy of one, and sends TEARDOWN when all are gone', async () => {
    const server = await simulate();
    const ids = Array.from({ length: 10 }, (_, index) => `live${index}`);
    const flow = [
      ...liveFlow(server),
      ...ids.slice(1).map((id) => ({
        id,
        z: 'tab',
        type: 'nvr-live-stream',
        nvr: 'nvr',
        channel: '1',
        wires: [['out'], ['event']],
      })),
    ];
    const sink = await load(flow, ACCOUNT);
    await sink('out').first(() => sink('out').messages.length >= 10);
    const plays = (): number => simulator!.requests.filter((line) => line.startsWith('PLAY')).length;
    assert.deepEqual(
      { sessionCount: simulator!.sessionCount, plays: plays() },
      { sessionCount: 1, plays: 1 },
    );

    const changed = flow.map((node) =>
      (node as { id: string }).id === 'live' ? { ...node, name: 'renamed' } : node,
    );
    await deployAnew(changed, 'nodes');
    const newcomer = (helper.getNode('live') as { name: string }).name;
    assert.equal(newcomer, 'renamed');
    await sink('out').next(() => true);
    assert.deepEqual(
      { sessionCount: simulator!.sessionCount, plays: plays() },
      { sessionCount: 1, plays: 1 },
    );

    await helper.unload();
    assert.equal(simulator!.sessionCount, 0);
    assert.equal(simulator!.requests.filter((line) => line.startsWith('TEARDOWN')).length, 1);
  });

  it('comes back by itself when the server is killed and started again, with one Catch', async () => {
    const server = await simulate();
    const sink = await load(liveFlow(server), ACCOUNT);
    await sink('out').first(() => true);
    const { rtspPort } = simulator!;
    await simulator!.stop();
    await sink('event').first(
      (message) =>
        (message.event as { attempt?: number }).attempt === 2 && message.payload === 'reconnecting',
    );
    simulator = await startSimulator({ ...ACCOUNT, rtspPort });
    await sink('event').next(({ payload }) => payload === 'playing');
    await sink('out').next(() => true);
    const words = sink('event').messages.map(({ payload }) => payload);
    assert.equal(words[3], 'reconnecting');
    assert.equal(words[4], 'connecting');
    const codes = sink('catch').messages.map(({ error }) => (error as { code: string }).code);
    assert.equal(codes.length, new Set(codes).size, `each cause once: ${codes.join()}`);
    assert.ok(codes.length >= 1 && codes.length <= 2);
    assert.equal(statuses('live').at(-1)?.text, 'playing');
  });

  it('starts, and keeps trying, when the NVR is not there yet', async () => {
    const server = await simulate();
    const { rtspPort } = simulator!;
    await simulator!.stop();
    const sink = await load(liveFlow(server), ACCOUNT);
    const first = await sink('event').word('reconnecting');
    assert.equal((first.event as { code: string }).code, 'ECONNREFUSED');
    simulator = await startSimulator({ ...ACCOUNT, rtspPort });
    await sink('out').first(() => true);
  });

  itLong(
    'drops to keyframes when the flow blocks the event loop, says so, and comes back',
    async function () {
      this.timeout(30_000);
      const server = await simulate({ channels: 16 });
      const lives = Array.from({ length: 15 }, (_, index) => ({
        id: `live${index}`,
        z: 'tab',
        type: 'nvr-live-stream',
        nvr: 'nvr',
        channel: String(index + 2),
        emit: 'accessUnits',
        wires: [['out'], ['event']],
      }));
      const sink = await load([...liveFlow(server, { emit: 'accessUnits' }), ...lives], ACCOUNT);
      const channels = (messages: Message[]): number =>
        new Set(messages.map((message) => video(message).channel)).size;
      await sink('out').first(() => channels(sink('out').messages) === 16);
      const before = process.memoryUsage();

      const until = performance.now() + 2000;
      while (performance.now() < until) {
        // A flow that holds everything up.
      }
      const gap = await sink('event').word('gap');
      assert.equal((gap.event as { code: string }).code, 'EOVERLOAD');
      const from = sink('out').messages.length;
      await sink('out').first(() =>
        sink('out')
          .messages.slice(from)
          .some((message) => !video(message).keyframe),
      );
      const resumed = sink('out').messages.slice(from);
      const byChannel = new Map<number, boolean[]>();
      for (const message of resumed)
        byChannel.set(video(message).channel, [
          ...(byChannel.get(video(message).channel) ?? []),
          video(message).keyframe,
        ]);
      for (const [channel, flags] of byChannel)
        assert.equal(flags[0], true, `channel ${channel} goes on at a keyframe`);
      const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers;
      assert.ok(grown < 32 * 1024 * 1024, `${grown} bytes more`);
      assert.equal(sink('catch').messages.length, 0);
    },
  );

  describe('bad input', () => {
    /** Loads, and expects the code in the badge, on output 2 and in Catch. */
    async function expectFault(
      server: object,
      code: string,
      badge: string,
      live: object = {},
    ): Promise<void> {
      const sink = await load(liveFlow({ requestTimeout: '0.5', ...server }, live), ACCOUNT);
      const word = badge === 'red' ? 'error' : 'reconnecting';
      const event = await sink('event').word(word);
      assert.equal((event.event as { code: string }).code, code);
      const fault = await sink('catch').first(() => true);
      assert.equal((fault.error as { code: string }).code, code);
      const last = statuses('live').at(-1)!;
      assert.deepEqual(
        { fill: last.fill, shape: last.shape, text: last.text },
        { fill: badge, shape: 'ring', text: code },
      );
      assert.equal(sink('catch').messages.length, 1);
    }

    it('a wrong password: EAUTH, once', async () => {
      const server = await simulate({ password: 'another' });
      await expectFault(server, 'EAUTH', 'red');
      assert.equal(simulator!.failedLogins, 1);
    });

    it('a wrong host: EDNS', () => expectFault({ host: 'nvr.invalid' }, 'EDNS', 'yellow'));

    it('a refused port: ECONNREFUSED', async () => {
      const server = await simulate();
      await simulator!.stop();
      await expectFault(server, 'ECONNREFUSED', 'yellow');
    });

    it('a channel the NVR does not have: ECHANNEL', async () => {
      await expectFault(await simulate({ channels: 2 }), 'ECHANNEL', 'red', { channel: '9' });
    });

    it('an account without the privilege: EFORBIDDEN', async () => {
      await expectFault(await simulate({ withoutPrivilege: true }), 'EFORBIDDEN', 'red');
    });

    it('too many sessions: ESESSIONS', async () => {
      await expectFault(await simulate({ maxSessions: 0 }), 'ESESSIONS', 'yellow');
    });

    for (const [what, code, serve] of [
      ['a silent server', 'ETIMEDOUT', () => undefined],
      [
        'an HTTP server’s answer',
        'ENOTRTSP',
        (socket: net.Socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
      ],
      ['a banner', 'ENOTRTSP', (socket: net.Socket) => socket.write('220 mail.example ESMTP\r\n')],
      [
        'random bytes',
        'ENOTRTSP',
        (socket: net.Socket) => socket.write(Buffer.from('9f8a01fe00c3d2b1a07799', 'hex')),
      ],
    ] as const) {
      it(`${what}: ${code}`, async () => {
        const server = net.createServer((socket) => {
          socket.on('error', () => undefined);
          serve(socket);
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        try {
          await expectFault({ rtspPort: String((server.address() as AddressInfo).port) }, code, 'yellow');
        } finally {
          server.close();
        }
      });
    }

    it('a real HTTP server: ENOTRTSP', async () => {
      const server = http.createServer((_request, response) => response.end('hello'));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        await expectFault({ rtspPort: String((server.address() as AddressInfo).port) }, 'ENOTRTSP', 'yellow');
      } finally {
        server.close();
      }
    });

    for (const [what, sdp] of [
      ['DESCRIBE without video', SDP.slice(0, SDP.indexOf('m=video'))],
      ['an unknown codec', SDP.replace('H264', 'X-DREAM')],
    ] as const) {
      it(`${what}: EUNSUPPORTED`, async () => {
        const server = await startScriptedServer(undefined, { sdp });
        try {
          await expectFault({ rtspPort: String(server.port) }, 'EUNSUPPORTED', 'red');
        } finally {
          await server.close();
        }
      });
    }

    for (const [what, server, live, property] of [
      ['channel "x"', {}, { channel: 'x' }, 'channel'],
      ['channel 0', {}, { channel: '0' }, 'channel'],
      ['port 0', { rtspPort: '0' }, {}, 'rtspPort'],
      ['a port that is no number', { rtspPort: 'rtsp' }, {}, 'rtspPort'],
      ['no host', { host: '' }, {}, 'host'],
      ['a URL for a host', { host: 'rtsp://10.0.0.1/' }, {}, 'host'],
      ['a stream that is none', {}, { stream: 'third' }, 'stream'],
      ['an unknown time zone', { timeZone: 'Mars/Base' }, {}, 'timeZone'],
      ['no NVR', {}, { nvr: '' }, 'nvr'],
      ['TLS settings that are gone', { tls: true, tlsConfig: 'gone' }, {}, 'tlsConfig'],
    ] as const) {
      it(`${what}: EINPUT in Catch, and a red badge that names "${property}"`, async () => {
        const sink = await load(liveFlow(server, live), ACCOUNT);
        const fault = await sink('catch').first(() => true);
        assert.equal((fault.error as { code: string }).code, 'EINPUT');
        assert.match((fault.error as { message: string }).message, new RegExp(`"${property}"`));
        assert.deepEqual(statuses('live').at(-1), { fill: 'red', shape: 'ring', text: `bad ${property}` });
      });
    }
  });
});
