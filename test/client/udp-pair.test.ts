import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import sinon from 'sinon';
import { bindSocket, plainAddress, UdpPair } from '../../lib/client/transport/udp.js';
import { NvrError } from '../../lib/errors.js';

const LOCAL = '127.0.0.1';

describe('a pair of UDP sockets', () => {
  let pair: UdpPair | undefined;
  let others: dgram.Socket[];
  let told: { what: 'rtp' | 'rtcp'; arrival: number }[];
  let errors: NvrError[];
  let changed: () => void;
  let onRtp: () => void;

  beforeEach(() => {
    [others, told, errors] = [[], [], []];
    changed = onRtp = () => undefined;
  });

  afterEach(() => {
    sinon.restore();
    pair?.close();
    for (const socket of others) socket.close();
  });

  const options = {
    localAddress: LOCAL,
    remoteAddress: LOCAL,
    onRtp: (_packet: Buffer, arrival: number) => {
      told.push({ what: 'rtp', arrival });
      changed();
      onRtp();
    },
    onRtcp: (_packet: Buffer, arrival: number) => {
      told.push({ what: 'rtcp', arrival });
      changed();
    },
    onError: (error: NvrError) => {
      errors.push(error);
      changed();
    },
  };

  async function bind(): Promise<UdpPair> {
    return (pair = await UdpPair.bind(options));
  }

  async function other(address = LOCAL, port = 0): Promise<dgram.Socket> {
    const socket = await bindSocket(address, port);
    others.push(socket);
    return socket;
  }

  /** Resolves when the pair has been told of it. */
  async function send(from: dgram.Socket, port: number): Promise<void> {
    const came = new Promise<void>((resolve) => (changed = resolve));
    from.send('packet', port, LOCAL);
    await came;
  }

  /** The port that the next packet comes from. */
  const heard = (socket: dgram.Socket): Promise<number> =>
    new Promise((resolve) => {
      socket.once('message', (_, { port }) => {
        resolve(port);
      });
    });

  /** An even port that is free together with the next one. */
  async function freePair(): Promise<number> {
    const found = await UdpPair.bind(options);
    found.close();
    return found.rtpPort;
  }

  /** The system offers these ports, and its own when they are used up. */
  function offer(...ports: number[]): { asked: number } {
    const count = { asked: 0 };
    const own = Reflect.get(dgram.Socket.prototype, 'bind') as (...args: unknown[]) => dgram.Socket;
    sinon.stub(dgram.Socket.prototype, 'bind').callsFake(function (
      this: dgram.Socket,
      ...[how, ...rest]: unknown[]
    ) {
      let { port } = how as dgram.BindOptions;
      if (port === 0) {
        count.asked++;
        port = ports.shift() ?? 0;
      }
      return own.call(this, { ...(how as dgram.BindOptions), port }, ...rest);
    });
    return count;
  }

  describe('is bound', () => {
    for (const [what, offset] of [
      ['even', 0],
      ['odd', 1],
    ] as const)
      it(`with RTP on the even port and RTCP on the next one, where the system offers an ${what} one`, async () => {
        const even = await freePair();
        offer(even + offset);
        await bind();
        assert.equal(pair!.rtpPort, even);
        const peer = await other();
        await send(peer, even + 1);
        await send(peer, even);
        assert.deepEqual(
          told.map((one) => one.what),
          ['rtcp', 'rtp'],
        );
      });

    it('to other ports where the partner of the first is taken, which is free again then', async () => {
      const even = await freePair();
      await other(LOCAL, even);
      offer(even + 1);
      await bind();
      assert.notEqual(pair!.rtpPort, even);
      sinon.restore();
      await other(LOCAL, even + 1);
    });

    it('or not at all, after 20 attempts', async () => {
      const even = await freePair();
      await other(LOCAL, even);
      const count = offer(...new Array<number>(30).fill(even + 1));
      await assert.rejects(bind(), { code: 'EUNREACHABLE' });
      assert.equal(count.asked, 20);
    });

    it('with room for 2 MiB, to a port of its own unless it shares it, and is closed where it cannot be', async () => {
      const size = sinon.spy(dgram.Socket.prototype, 'setRecvBufferSize');
      const close = sinon.spy(dgram.Socket.prototype, 'close');
      const first = await other();
      assert.deepEqual(size.args, [[2 * 1024 * 1024]]);
      const { port } = first.address();
      await assert.rejects(bindSocket(LOCAL, port), { code: 'EUNREACHABLE' });
      assert.equal(close.callCount, 1);
      const shared = await bindSocket(LOCAL, 0, true);
      const second = await bindSocket(LOCAL, shared.address().port, true);
      others.push(shared, second);
    });

    it('and stays open where it fails later: its owner is told', async () => {
      const socket = await other();
      const failures: unknown[] = [];
      socket.on('error', (error) => failures.push(error));
      socket.emit('error', new Error('no'));
      assert.equal(failures.length, 1);
      assert.ok(socket.address().port > 0, 'it is closed');
    });
  });

  it('gives each packet the time of its turn of the event loop, in one turn as in the next', async () => {
    await bind();
    const peer = await other();
    const clock = sinon.useFakeTimers({ toFake: ['performance'] });
    for (const port of [pair!.rtpPort, pair!.rtpPort + 1, pair!.rtpPort]) {
      clock.tick(100);
      await send(peer, port);
      await new Promise(setImmediate);
    }
    assert.deepEqual(told, [
      { what: 'rtp', arrival: 100 },
      { what: 'rtcp', arrival: 200 },
      { what: 'rtp', arrival: 300 },
    ]);
  });

  describe('sends', () => {
    it('each packet from its own socket, to the ports that SETUP names', async () => {
      await bind();
      const [rtp, rtcp] = [await other(), await other()];
      pair!.setServerPorts(rtp.address().port, rtcp.address().port);
      const came = Promise.all([heard(rtp), heard(rtcp)]);
      pair!.punch(Buffer.from('report'));
      const [rtpFrom, rtcpFrom] = await came;
      assert.deepEqual({ rtpFrom, rtcpFrom }, { rtpFrom: pair!.rtpPort, rtcpFrom: pair!.rtpPort + 1 });
    });

    it('to the ports that packets came from, each for itself, whatever SETUP names then', async () => {
      await bind();
      const [rtp, rtcp, named] = [await other(), await other(), await other()];
      const wrong = sinon.spy();
      named.on('message', wrong);
      await send(rtp, pair!.rtpPort);
      await send(rtcp, pair!.rtpPort + 1);
      pair!.setServerPorts(named.address().port, named.address().port);
      const came = Promise.all([heard(rtp), heard(rtcp)]);
      pair!.punch(Buffer.from('report'));
      await came;
      assert.equal(wrong.callCount, 0);
    });

    it('nothing where no port is known, or once it is closed', async () => {
      await bind();
      const sent = sinon.spy(dgram.Socket.prototype, 'send');
      pair!.setServerPorts(undefined, undefined);
      pair!.punch(Buffer.from('report'));
      assert.equal(sent.callCount, 0);
      pair!.setServerPorts(9, 9);
      pair!.close();
      pair!.punch(Buffer.from('report'));
      assert.equal(sent.callCount, 0);
    });

    it('reports of a group to its address and its port', async () => {
      const sockets = [await bindSocket(LOCAL, 0), await bindSocket(LOCAL, 0)] as const;
      const receiver = await other('127.0.0.9');
      pair = new UdpPair(...sockets, options, {
        address: '127.0.0.9',
        rtcpPort: receiver.address().port,
      });
      const came = heard(receiver);
      pair.sendRtcp(Buffer.from('report'));
      assert.equal(await came, sockets[1].address().port);
    });
  });

  for (const source of ['127.0.0.3', '[127.0.0.3]', '::ffff:127.0.0.3', '::FFFF:127.0.0.3'])
    it(`takes media from the source ${source}, and counts those from elsewhere as strangers`, async () => {
      await bind();
      const [named, stranger] = [await other('127.0.0.3'), await other('127.0.0.4')];
      pair!.acceptFrom(source);
      stranger.send('packet', pair!.rtpPort, LOCAL);
      await send(named, pair!.rtpPort);
      assert.deepEqual({ told: told.length, strangers: pair!.strangers }, { told: 1, strangers: 1 });
    });

  it('takes media from that source where the socket names IPv4 as a kind of IPv6, and none from a host name', async () => {
    const sockets = [await bindSocket(LOCAL, 0), await bindSocket(LOCAL, 0)] as const;
    pair = new UdpPair(...sockets, { ...options, remoteAddress: '127.0.0.9' });
    const say = (address: string): void =>
      void sockets[0].emit('message', Buffer.from('packet'), { address, port: 9 });
    pair.acceptFrom('camera.local');
    say('camera.local');
    assert.equal(told.length, 0);
    pair.acceptFrom('127.0.0.3');
    say('::ffff:127.0.0.3');
    assert.equal(told.length, 1);
  });

  it('opens a socket of IPv6 for an address that is written in full', async () => {
    const create = sinon.spy(dgram, 'createSocket');
    await bindSocket('2001:db8:1:2:3:4:5:6', 0).then(
      (socket) => others.push(socket),
      () => undefined,
    );
    assert.deepEqual(create.firstCall.args[0], { type: 'udp6', reuseAddr: false });
  });

  it('takes IPv6 addresses in any form, and lets both kinds of IPv4 be one', async function () {
    assert.equal(plainAddress('::FFFF:10.0.0.1'), '10.0.0.1');
    assert.equal(plainAddress('::ffff:a00:1'), '::ffff:a00:1');
    const rtp = await bindSocket('::1', 0).catch(() => undefined);
    if (rtp === undefined) this.skip();
    const [rtcp, peer] = [await bindSocket('::1', 0), await bindSocket('::1', 0)];
    others.push(peer);
    pair = new UdpPair(rtp, rtcp, { ...options, remoteAddress: '::2' });
    pair.acceptFrom('[0:0:0:0:0:0:0:1]');
    const came = new Promise<void>((resolve) => (changed = resolve));
    peer.send('packet', pair.rtpPort, '::1');
    await came;
    assert.equal(told.length, 1);
  });

  for (const [thrown, code] of [
    [new NvrError('EBUSY', 'too much'), 'EBUSY'],
    [new Error('no'), 'EPROTOCOL'],
  ] as const)
    it(`says ${code} where a packet cannot be taken: ${thrown.message}`, async () => {
      await bind();
      onRtp = () => {
        throw thrown;
      };
      await send(await other(), pair!.rtpPort);
      assert.deepEqual(
        errors.map((error) => error.code),
        [code],
      );
    });

  it('says that a socket of it has failed, until it is closed, and frees both ports then', async () => {
    const even = await freePair();
    const sockets = [await bindSocket(LOCAL, even), await bindSocket(LOCAL, even + 1)] as const;
    pair = new UdpPair(...sockets, options);
    for (const socket of sockets) socket.emit('error', new Error('no'));
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['EUNREACHABLE', 'EUNREACHABLE'],
    );
    pair.close();
    for (const socket of sockets) socket.emit('error', new Error('late'));
    assert.equal(errors.length, 2);
    for (const port of [even, even + 1]) await other(LOCAL, port);
  });
});
