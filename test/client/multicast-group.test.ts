import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import sinon from 'sinon';
import { groupOf, joinGroup, type MulticastGroup } from '../../lib/client/transport/multicast.js';
import { bindSocket, UdpPair } from '../../lib/client/transport/udp.js';
import { parseTransport } from '../../lib/rtsp/headers.js';

const LOCAL = '127.0.0.1';

describe('a multicast group', () => {
  const of = (parameters: string): MulticastGroup =>
    groupOf(parseTransport(`RTP/AVP;multicast;destination=239.1.1.1;${parameters}`));

  it('has the ports that port= names, else those of client_port= or server_port=, in a row or not', () => {
    const ports = (parameters: string): number[] => [of(parameters).rtpPort, of(parameters).rtcpPort];
    assert.deepEqual(ports('client_port=1000-1001;port=5000-5003;server_port=3000-3001'), [5000, 5003]);
    assert.deepEqual(ports('server_port=3000-3001;client_port=1000-1001'), [1000, 1001]);
    assert.deepEqual(ports('server_port=3000-3001'), [3000, 3001]);
    assert.throws(() => of('port=5000-0'), { code: 'EUNSUPPORTED' });
  });

  it('may have 32 hops and no more, whoever sends to it', () => {
    assert.equal(of('port=5000-5001;ttl=32;source=10.0.0.9').ttl, 32);
    for (const more of ['', ';source=10.0.0.9'])
      assert.throws(() => of(`port=5000-5001;ttl=33${more}`), { code: 'EUNSUPPORTED' });
  });

  it('has a source only where that is an address', () => {
    assert.equal(of('port=5000-5001;source=camera.local').source, undefined);
    assert.equal(of('port=5000-5001;source=10.0.0.9').source, '10.0.0.9');
  });

  it('is one of IPv6 in capitals as well', () => {
    const { address } = groupOf(parseTransport('RTP/AVP;multicast;destination=FF15::1:3;port=5000-5001'));
    assert.equal(address, 'FF15::1:3');
  });

  describe('is joined', () => {
    const options = {
      localAddress: `::ffff:${LOCAL}`,
      remoteAddress: LOCAL,
      onRtp: () => undefined,
      onRtcp: () => undefined,
      onError: () => undefined,
    };
    let group: MulticastGroup;
    let join: sinon.SinonStub;
    let calls: Record<'joined' | 'interfaces' | 'hops', unknown[][]>;

    beforeEach(async () => {
      const pair = await UdpPair.bind({ ...options, localAddress: LOCAL });
      pair.close();
      // Ports that do not follow each other: it is the server who names them.
      group = { address: '239.255.77.3', rtpPort: pair.rtpPort + 1, rtcpPort: pair.rtpPort, ttl: 7 };
      // Whether the machine has a way for multicast is not the point here.
      join = sinon.stub(dgram.Socket.prototype, 'addMembership');
      const interfaces = sinon.stub(dgram.Socket.prototype, 'setMulticastInterface');
      const hops = sinon.stub(dgram.Socket.prototype, 'setMulticastTTL');
      calls = { joined: join.args, interfaces: interfaces.args, hops: hops.args };
    });

    afterEach(() => {
      sinon.restore();
    });

    it('on the interface of the RTSP connection, for both ports, with the hops that the server names', async () => {
      const bind = sinon.spy(dgram.Socket.prototype, 'bind');
      const pair = await joinGroup(group, options);
      assert.deepEqual(
        { ...calls, ports: bind.args.map(([how]) => how.port) },
        {
          joined: [
            [group.address, LOCAL],
            [group.address, LOCAL],
          ],
          interfaces: [[LOCAL], [LOCAL]],
          hops: [[7], [7]],
          ports: [group.rtpPort, group.rtcpPort],
        },
      );
      assert.equal(pair.rtpPort, group.rtpPort);
      pair.close();
    });

    for (const member of [1, 2])
      it(`or not at all, with nothing left open, where socket ${member} of 2 may not`, async () => {
        const closed = sinon.spy(dgram.Socket.prototype, 'close');
        join.onCall(member - 1).throws(new Error('no such device'));
        await assert.rejects(joinGroup(group, options), { code: 'EUNREACHABLE', message: /239\.255\.77\.3/ });
        assert.equal(closed.callCount, member);
      });

    it('or not at all where another program has one of the ports, and the other one is free again', async () => {
      const blocker = await bindSocket(group.address, group.rtcpPort);
      await assert.rejects(joinGroup(group, options), { code: 'EUNREACHABLE' });
      const free = await bindSocket(group.address, group.rtpPort);
      for (const socket of [blocker, free]) socket.close();
    });
  });
});
