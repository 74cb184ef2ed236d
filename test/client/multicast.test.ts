import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { multicast, tcp } from '../../lib/client/transport/transports.js';
import { groupOf, joinGroup, type MulticastGroup } from '../../lib/client/transport/multicast.js';
import { openSession } from '../../lib/client/open-session.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession, type SessionEnd } from '../../lib/client/session.js';
import type { MediaUnit } from '../../lib/codec/unit.js';
import { NvrError } from '../../lib/errors.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import { buildBye } from '../../lib/rtp/rtcp.js';
import { parseTransport } from '../../lib/rtsp/headers.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { keyframePackets, startScriptedServer, type ScriptedServer } from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';

const LOCAL = '127.0.0.1';

/** A sender to the group, on the loopback interface alone. */
async function bindSender(address = LOCAL): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4');
  await new Promise<void>((resolve) => {
    socket.bind(0, address, resolve);
  });
  socket.setMulticastInterface(address);
  socket.setMulticastTTL(0);
  return socket;
}

const send = (socket: dgram.Socket, packet: Buffer, port: number, address: string): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.send(packet, port, address, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });

/** Ports of a pair that nobody has. */
async function freePort(): Promise<number> {
  const socket = await bindSender();
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port % 2 === 0 ? port : port - 1;
}

describe('UDP multicast', () => {
  describe('on the loopback interface', () => {
    const group: MulticastGroup = { address: '239.255.77.1', rtpPort: 0, rtcpPort: 0, ttl: 0 };
    const [sps, pps, idr] = keyframePackets(1, 0) as [Buffer, Buffer, Buffer];

    before(async function () {
      const rtpPort = await freePort();
      Object.assign(group, { rtpPort, rtcpPort: rtpPort + 1 });
      const reason = await probe(group).then(
        () => undefined,
        (error: unknown) => String(error),
      );
      if (reason === undefined) return;
      if (process.env.CI === 'true') throw new Error(`no multicast on the loopback interface: ${reason}`);
      console.log(`      skipped: no multicast on the loopback interface (${reason})`);
      this.skip();
    });

    it('brings the same units as TCP, through a session and through an NVR’s camera', async () => {
      const simulator = await startSimulator({ multicast: true, audio: true });
      const memory = new ServerMemory();
      const [overTcp, overMulticast] = await Promise.all(
        (['tcp', 'multicast'] as const).map((transport) => unitsOf(simulator, transport, memory)),
      );
      const keyframe = (units: MediaUnit[]): Buffer =>
        units.find((unit) => unit.kind === 'video' && unit.keyframe)!.data;
      assert.ok(keyframe(overMulticast!).equals(keyframe(overTcp!)));
      assert.ok(overMulticast!.some(({ kind }) => kind === 'audio'));
      assert.equal(memory.transport, undefined);

      const nvr = new Nvr(settingsFor(simulator.rtspPort, { transport: 'multicast' }));
      let told: string | undefined;
      await new Promise<void>((resolve) => {
        nvr.camera(2, 'main').subscribe({
          onUnit: () => {
            resolve();
          },
          onEvent: ({ type, transport }) => {
            if (type === 'playing') told = transport;
          },
        });
      });
      assert.equal(told, 'multicast');
      await nvr.close();
      assert.equal(simulator.sessionCount, 0);
      await simulator.stop();
    });

    it('serves two sessions of one machine from one group, without strangers’ packets, until each leaves', async () => {
      const [friend, stranger] = await Promise.all([bindSender(), bindSender('127.0.0.2')]);
      const server = await grants(
        `RTP/AVP;multicast;destination=${group.address};port=${ports(group)};ttl=0`,
      );
      const [first, second] = await Promise.all([play(server), play(server)]);
      for (const packet of [sps, pps, idr]) {
        await send(stranger, packet, group.rtpPort, group.address);
        await send(friend, packet, group.rtpPort, group.address);
      }
      await Promise.all([first.unit, second.unit]);
      assert.equal(first.session.statistics.packets, 3);
      await first.session.close();
      // The goodbye of another receiver is none of the sender's.
      await send(friend, buildBye(0x99), group.rtcpPort, group.address);
      await send(friend, buildBye(0x1234), group.rtcpPort, group.address);
      assert.equal((await second.ended).reason, 'bye');
      assert.equal(first.isEnded(), false, 'nothing is told after close');
      assert.deepEqual(
        { firstCount: first.count(), secondCount: second.count() },
        { firstCount: 1, secondCount: 1 },
      );
      for (const socket of [friend, stranger]) socket.close();
      await server.close();
    });

    it('takes media from the source that SETUP names, though another host answers RTSP', async () => {
      const source = await bindSender('127.0.0.3');
      const server = await grants(
        `RTP/AVP;multicast;destination=${group.address};source=127.0.0.3;port=${ports(group)}`,
      );
      const playing = await play(server);
      for (const packet of [sps, pps, idr]) await send(source, packet, group.rtpPort, group.address);
      await playing.unit;
      await playing.session.close();
      source.close();
      await server.close();
    });

    it('sends its reports to the group', async () => {
      const reports = await joinGroup(group, {
        localAddress: LOCAL,
        remoteAddress: LOCAL,
        onRtp: () => undefined,
        onRtcp: () => {
          heard();
        },
        onError: (error) => {
          throw error;
        },
      });
      let heard: () => void = () => undefined;
      const got = new Promise<void>((resolve) => (heard = resolve));
      reports.sendRtcp(Buffer.from('80c9000100000001', 'hex'));
      await got;
      reports.close();
    });

    it('says what stands in the way when nothing comes, and tries nothing else', async () => {
      const server = await grants(`RTP/AVP;multicast;destination=${group.address};port=${ports(group)}`);
      const playing = await play(server, 50);
      const { error, reason, withoutMedia } = await playing.ended;
      assert.deepEqual(
        { reason, code: error.code, withoutMedia },
        { reason: 'silence', code: 'ETIMEDOUT', withoutMedia: true },
      );
      assert.match(error.message, /multicast.*switches/);
      assert.equal(server.requests.filter(({ method }) => method === 'SETUP').length, 1);
      await server.close();
    });

    /** Whether what is sent to the group comes back. */
    async function probe(wanted: MulticastGroup): Promise<void> {
      const sender = await bindSender();
      let arrived: () => void = () => undefined;
      const came = new Promise<void>((resolve) => (arrived = resolve));
      const member = await joinGroup(wanted, {
        localAddress: LOCAL,
        remoteAddress: LOCAL,
        onRtp: () => {
          arrived();
        },
        onRtcp: () => undefined,
        onError: () => undefined,
      });
      const late = new Promise<never>((_, reject) =>
        setTimeout(() => {
          reject(new Error('nothing comes back'));
        }, 2000).unref(),
      );
      try {
        await send(sender, idr, wanted.rtpPort, wanted.address);
        await Promise.race([came, late]);
      } finally {
        member.close();
        sender.close();
      }
    }
  });

  it('is EUNSUPPORTED where the server refuses it, in its own words', async () => {
    const simulator = await startSimulator();
    const opening = openSession(`rtsp://127.0.0.1:${simulator.rtspPort}/live?ch=0000&stype=M`, {
      transport: multicast(),
    });
    await assert.rejects(opening, (error) => {
      assert.ok(error instanceof NvrError);
      assert.deepEqual({ code: error.code, status: error.status }, { code: 'EUNSUPPORTED', status: 461 });
      assert.match(error.message, /461 Unsupported Transport/);
      return true;
    });
    assert.equal(simulator.requests.filter((line) => line.startsWith('SETUP')).length, 1);
    await simulator.stop();
  });

  it('plays recordings over TCP, each viewer being at a time of its own', async () => {
    const simulator = await startSimulator({ multicast: true, pace: 20 });
    const nvr = new Nvr(
      settingsFor(simulator.rtspPort, { transport: 'multicast', httpPort: simulator.httpPort }),
    );
    const transport = await new Promise<string>((resolve, reject) => {
      const from = Date.now() - 60_000;
      nvr.playback.play(
        { run: 'one', channel: 1, stream: 'main', group: 0, from, to: from + 2000, speed: 1 },
        {
          onUnit: () => undefined,
          onPlaying: resolve,
          onEnd: (_, error) => {
            if (error !== undefined) reject(error);
          },
        },
      );
    });
    assert.equal(transport, 'tcp');
    await nvr.close();
    await simulator.stop();
  });

  describe('takes a group', () => {
    const of = (text: string): MulticastGroup => groupOf(parseTransport(text));

    it('by its address and its ports, wherever those stand', () => {
      assert.deepEqual(
        of('RTP/AVP;multicast;destination=232.1.2.3;source=10.0.0.9;port=18888-18889;ttl=32'),
        { address: '232.1.2.3', rtpPort: 18_888, rtcpPort: 18_889, ttl: 32, source: '10.0.0.9' },
      );
      assert.deepEqual(of('RTP/AVP;multicast;destination=224.2.0.1;client_port=5000-5001'), {
        address: '224.2.0.1',
        rtpPort: 5000,
        rtcpPort: 5001,
        ttl: 1,
      });
      assert.equal(of('RTP/AVP;multicast;destination=ff15::1:3;port=5000').rtcpPort, 5001);
    });

    for (const granted of [
      'RTP/AVP;multicast;port=5000-5001',
      'RTP/AVP;multicast;destination=239.1.1.1',
      'RTP/AVP;multicast;destination=239.1.1.1;port=0-1',
      'RTP/AVP;multicast;destination=10.0.0.1;port=5000-5001',
      'RTP/AVP;multicast;destination=240.0.0.1;port=5000-5001',
      'RTP/AVP;multicast;destination=239.1.1;port=5000-5001',
      'RTP/AVP;multicast;destination=camera.local;port=5000-5001',
      'RTP/AVP;multicast;destination=fe80::1;port=5000-5001',
      'RTP/AVP;unicast;client_port=5000-5001',
      // Of others: all hosts, OSPF, mDNS, LLMNR, NTP, PTP, SSDP, SLP, and their like over IPv6.
      ...[
        '224.0.0.1',
        '224.0.0.5',
        '224.0.0.251',
        '224.0.0.252',
        '224.0.1.1',
        '224.0.1.129',
        '239.255.255.250',
      ].map((group) => `RTP/AVP;multicast;destination=${group};port=5000-5001`),
      ...[
        '239.192.255.253',
        'ff02::1',
        'ff02::fb',
        'FF05::1:3',
        'ff0e::c',
        'ff02::1:ff00:1',
        'FF02::1%eth0',
      ].map((group) => `RTP/AVP;multicast;destination=${group};port=5000-5001`),
      'RTP/AVP;multicast;destination=239.1.1.1;port=5000-5001;ttl=33',
      'RTP/AVP;multicast;destination=239.1.1.1;port=5000-5001;ttl=255',
    ]) {
      it(`and refuses ${granted}`, () => {
        assert.throws(() => of(granted), { code: 'EUNSUPPORTED' });
      });
    }

    it('and refuses a bare yes', () => {
      assert.throws(() => groupOf(undefined), { code: 'EUNSUPPORTED' });
    });
  });
});

const ports = ({ rtpPort, rtcpPort }: MulticastGroup): string => `${rtpPort}-${rtcpPort}`;

const grants = (transport: string): Promise<ScriptedServer> =>
  startScriptedServer(({ method }) =>
    method === 'SETUP' ? { headers: { Session: 'm', Transport: transport } } : undefined,
  );

interface Playing {
  session: RtspSession;
  /** The first unit is here. */
  unit: Promise<void>;
  ended: Promise<SessionEnd>;
  isEnded(): boolean;
  count(): number;
}

async function play(server: ScriptedServer, silenceMs = 60_000): Promise<Playing> {
  let units = 0;
  let over = false;
  let came: () => void = () => undefined;
  let end: (end: SessionEnd) => void = () => undefined;
  const unit = new Promise<void>((resolve) => (came = resolve));
  const ended = new Promise<SessionEnd>((resolve) => (end = resolve));
  const session = new RtspSession({
    uri: `rtsp://127.0.0.1:${server.port}/live`,
    transport: multicast(),
    memory: new ServerMemory(),
    silenceMs,
    onUnit: () => {
      units++;
      came();
    },
    onEnd: (how) => {
      over = true;
      end(how);
    },
  });
  await session.open();
  return { session, unit, ended, isEnded: () => over, count: () => units };
}

/** Until there is a keyframe and, where sound is offered, sound. */
async function unitsOf(
  simulator: Simulator,
  preference: 'tcp' | 'multicast',
  memory: ServerMemory,
): Promise<MediaUnit[]> {
  const units: MediaUnit[] = [];
  let done: () => void = () => undefined;
  const enough = new Promise<void>((resolve) => (done = resolve));
  const session = await openSession(`rtsp://127.0.0.1:${simulator.rtspPort}/live?ch=0000&stype=M`, {
    transport: preference === 'tcp' ? tcp() : multicast(),
    extras: true,
    memory,
    onUnit: (unit) => {
      units.push(unit);
      const hasPicture = units.some(({ kind }) => kind === 'video');
      if (hasPicture && units.some(({ kind }) => kind === 'audio')) done();
    },
    onEnd: () => undefined,
  });
  assert.equal(session.transport.name, preference);
  await enough;
  await session.close();
  return units;
}
