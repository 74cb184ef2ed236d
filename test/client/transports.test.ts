import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import sinon from 'sinon';
import type { RtspConnection } from '../../lib/client/connection.js';
import type { Track } from '../../lib/client/track.js';
import { ChannelTable } from '../../lib/client/transport/channels.js';
import type { OpenPipe } from '../../lib/client/transport/socket.js';
import type { TrackContext, TrackTransport } from '../../lib/client/transport/transport.js';
import { multicast, tcp, udp } from '../../lib/client/transport/transports.js';
import { bindSocket } from '../../lib/client/transport/udp.js';
import type { NvrError } from '../../lib/errors.js';
import { parseTransport, type TransportSpec } from '../../lib/rtsp/headers.js';

const LOCAL = '127.0.0.1';
const REPORT = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 9]);

/** A track that is told of packets, and reports as little as may be. */
class HeardTrack {
  readonly isHeard = true;
  readonly heard: string[] = [];
  onHeard: () => void = () => undefined;
  announces = (): boolean => true;

  rtp(packet: Buffer, start: number, end: number): void {
    this.hear('rtp', packet.toString('latin1', start, end));
  }

  rtcp(packet: Buffer, start: number, end: number): void {
    this.hear('rtcp', packet.toString('latin1', start, end));
  }

  receiverReport(): Buffer {
    return REPORT;
  }

  private hear(kind: string, said: string): void {
    this.heard.push(`${kind} ${said}`);
    this.onHeard();
  }
}

describe('a track’s transport', () => {
  let channels: ChannelTable;
  let reports: { channel: number; packet: Buffer }[];
  let errors: NvrError[];
  let reads: number;
  let admits: boolean;
  let open: TrackTransport[];
  let sockets: dgram.Socket[];

  beforeEach(() => {
    channels = new ChannelTable();
    [reports, errors, open, sockets] = [[], [], [], []];
    reads = 0;
    admits = true;
  });

  afterEach(() => {
    sinon.restore();
    for (const transport of open) transport.close();
    for (const socket of sockets) socket.close();
  });

  function context(track: HeardTrack, local = LOCAL, remote = LOCAL): TrackContext {
    return {
      connection: {
        localAddress: local,
        remoteAddress: remote,
        sendPacket: (channel: number, packet: Buffer) => void reports.push({ channel, packet }),
      } as unknown as RtspConnection,
      track: track as unknown as Track,
      channels,
      admit: () => admits,
      onRead: () => reads++,
      onError: (error) => errors.push(error),
    };
  }

  async function prepare(transport = tcp(), track = new HeardTrack(), local = LOCAL, remote = LOCAL) {
    const opened = await transport.openTrack(context(track, local, remote));
    open.push(opened);
    return opened;
  }

  it('follows redirects, and opens the connection as it is told to', () => {
    const connect: OpenPipe = () => Promise.reject(new Error('nothing is opened'));
    const request = { path: '/live', userAgent: 'test' };
    for (const make of [tcp, udp, multicast]) {
      const transport = make({ connect });
      assert.equal(transport.bearer(request), connect, transport.name);
      assert.equal(transport.followsRedirects, true, transport.name);
      assert.equal(transport.lower, transport.name);
    }
  });

  describe('in the RTSP connection', () => {
    const granted = (first: number): TransportSpec =>
      parseTransport(`RTP/AVP/TCP;unicast;interleaved=${first}-${first + 1}`);
    const say = (channel: number): void => {
      channels.take(channel, Buffer.from('\u0080c..'), 0, 4, 0);
    };

    it('hears its channels before SETUP is answered, and asks for others than those of another track', async () => {
      const [video, sound] = [new HeardTrack(), new HeardTrack()];
      const [first, second] = [await prepare(tcp(), video), await prepare(tcp(), sound)];
      assert.deepEqual(
        { first: first.asked.interleaved, second: second.asked.interleaved },
        { first: [0, 1], second: [2, 3] },
      );
      say(2);
      assert.deepEqual({ video: video.heard.length, sound: sound.heard.length }, { video: 0, sound: 1 });
    });

    it('hears the channels that are granted instead of those that it asked for, and reports there', async () => {
      const track = new HeardTrack();
      const transport = await prepare(tcp(), track);
      await transport.accept(granted(6));
      say(0);
      assert.equal(track.heard.length, 0);
      say(6);
      assert.equal(track.heard.length, 1);
      transport.sendReport(REPORT);
      assert.deepEqual(reports, [{ channel: 7, packet: REPORT }]);
    });

    it('hears both where another track’s channels are granted', async () => {
      const [video, sound] = [new HeardTrack(), new HeardTrack()];
      await (await prepare(tcp(), video)).accept(granted(0));
      await (await prepare(tcp(), sound)).accept(granted(0));
      say(2);
      assert.deepEqual({ video: video.heard.length, sound: sound.heard.length }, { video: 0, sound: 1 });
    });

    for (const [what, first] of [
      ['the reply names none', undefined],
      ['others were granted', 6],
      ['another track’s were granted', 2],
    ] as const)
      it(`leaves no channel behind when it is closed where ${what}`, async () => {
        const other = await prepare();
        const transport = await prepare(tcp(), new HeardTrack());
        await other.accept(granted(2));
        await transport.accept(first === undefined ? undefined : granted(first));
        transport.close();
        other.close();
        const inUse = Array.from({ length: 10 }, (_, number) => number).filter((n) => channels.isInUse(n));
        assert.deepEqual(inUse, []);
      });
  });

  describe('over UDP', () => {
    async function server(): Promise<dgram.Socket> {
      const socket = await bindSocket(LOCAL, 0);
      sockets.push(socket);
      return socket;
    }
    const heard = async (socket: dgram.Socket): Promise<{ port: number; packet: string }> => {
      const [packet, { port }] = (await once(socket, 'message')) as [Buffer, dgram.RemoteInfo];
      return { port, packet: packet.toString('hex') };
    };
    /** Resolves when the track has been told of it. */
    async function send(from: dgram.Socket, port: number, text: string, track: HeardTrack): Promise<void> {
      const came = new Promise<void>((resolve) => (track.onHeard = resolve));
      from.send(text, port, LOCAL);
      await came;
    }
    const named = (rtp: dgram.Socket, rtcp: dgram.Socket): TransportSpec =>
      parseTransport(
        `RTP/AVP;unicast;client_port=1000-1001;server_port=${rtp.address().port}-${rtcp.address().port}`,
      );

    it('asks for both its ports, and opens the way to each of the server’s when SETUP is answered', async () => {
      const [rtp, rtcp] = [await server(), await server()];
      const transport = await prepare(udp());
      const [first, second] = transport.asked.clientPort!;
      assert.equal(second, first + 1);
      const both = Promise.all([heard(rtp), heard(rtcp)]);
      await transport.accept(named(rtp, rtcp));
      const [punched, reported] = await both;
      assert.deepEqual(punched, { port: first, packet: `80${'00'.repeat(11)}` });
      assert.deepEqual(reported, { port: second, packet: REPORT.toString('hex') });
      const again = heard(rtcp);
      transport.sendReport(REPORT);
      assert.deepEqual(await again, reported);
    });

    it('hands on what comes to either port, and looks at what is held back after media alone', async () => {
      const track = new HeardTrack();
      const peer = await server();
      const transport = await prepare(udp(), track);
      const [first, second] = transport.asked.clientPort!;
      await send(peer, first, 'media', track);
      assert.equal(reads, 1);
      await send(peer, second, 'report', track);
      assert.deepEqual(
        { heard: track.heard, reads, errors },
        { heard: ['rtp media', 'rtcp report'], reads: 1, errors: [] },
      );
    });

    it('drops what the session’s pace does not admit, at either port', async () => {
      const track = new HeardTrack();
      const asked: number[] = [];
      const opened = await udp().openTrack({
        ...context(track),
        admit: (now) => {
          asked.push(now);
          if (asked.length === 2) track.onHeard();
          return false;
        },
      });
      open.push(opened);
      const both = new Promise<void>((resolve) => (track.onHeard = resolve));
      const peer = await server();
      for (const port of opened.asked.clientPort!) peer.send('flood', port, LOCAL);
      await both;
      await new Promise(setImmediate);
      assert.deepEqual({ heard: track.heard, reads }, { heard: [], reads: 0 });
    });

    it('takes packets of the other sender that the reply names, and of no stranger', async () => {
      const track = new HeardTrack();
      const [other, stranger] = [await server(), await bindSocket('127.0.0.2', 0)];
      sockets.push(stranger);
      const transport = await prepare(udp(), track, LOCAL, '127.0.0.9');
      const [first] = transport.asked.clientPort!;
      await transport.accept(parseTransport(`RTP/AVP;unicast;source=${LOCAL}`));
      await new Promise((resolve) => {
        stranger.send('stranger', first, LOCAL, resolve);
      });
      await send(other, first, 'named', track);
      assert.deepEqual(track.heard, ['rtp named']);
    });

    it('closes both its sockets when it is closed', async () => {
      const transport = await prepare(udp());
      const close = sinon.spy(dgram.Socket.prototype, 'close');
      transport.close();
      assert.equal(close.callCount, 2);
    });
  });

  describe('from a multicast group', () => {
    const GROUP = '239.255.77.4';
    let joined: dgram.Socket[];

    beforeEach(() => {
      joined = [];
      // Whether the machine has a way for multicast is not the point here.
      sinon.stub(dgram.Socket.prototype, 'addMembership').callsFake(function (this: dgram.Socket) {
        joined.push(this);
      });
      sinon.stub(dgram.Socket.prototype, 'setMulticastInterface');
      sinon.stub(dgram.Socket.prototype, 'setMulticastTTL');
    });

    /** A group on two ports that are free. */
    async function group(): Promise<TransportSpec> {
      const [rtp, rtcp] = [await bindSocket('0.0.0.0', 0), await bindSocket('0.0.0.0', 0)];
      const ports = `${rtp.address().port}-${rtcp.address().port}`;
      rtp.close();
      rtcp.close();
      return parseTransport(`RTP/AVP;multicast;destination=${GROUP};port=${ports}`);
    }
    const closings = (): Promise<unknown> => Promise.all(joined.map((socket) => once(socket, 'close')));

    it('asks for multicast, and leaves the ports and the group to the server', async () => {
      const { asked } = await prepare(multicast());
      assert.deepEqual(asked, { profile: 'RTP/AVP', lower: 'udp', multicast: true });
    });

    it('reports to the group once it has joined it, and leaves it when it is closed', async () => {
      const sent = sinon.stub(dgram.Socket.prototype, 'send');
      const transport = await prepare(multicast());
      transport.sendReport(REPORT);
      assert.equal(sent.callCount, 0);
      const granted = await group();
      await transport.accept(granted);
      transport.sendReport(REPORT);
      const [packet, port, address] = sent.lastCall.args as unknown as [Buffer, number, string];
      assert.deepEqual({ packet, port, address }, { packet: REPORT, port: granted.port![1], address: GROUP });
      assert.equal(joined.length, 2);
      const gone = closings();
      transport.close();
      await gone;
    });

    it('leaves a group that it has joined only after it was closed', async () => {
      const transport = await prepare(multicast());
      const accepting = transport.accept(await group());
      transport.close();
      await accepting;
      assert.equal(joined.length, 2);
      await closings();
      transport.close();
    });
  });
});
