import assert from 'node:assert/strict';
import net from 'node:net';
import { RtpPacketView } from '../../lib/rtp/packet.js';
import { parseRtcp } from '../../lib/rtp/rtcp.js';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../lib/simulator/index.js';
import { RawClient } from '../kit/raw-client.js';
import { until } from '../kit/until.js';

const TCP = { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1' };

describe('the simulator’s faults', () => {
  let simulator: Simulator;
  let client: RawClient;

  async function start(options: SimulatorOptions = {}): Promise<void> {
    simulator = await startSimulator({ pace: 10, ...options });
    client = await RawClient.connect(simulator.rtspPort);
  }

  const received = (): number => client.arrived.filter(({ kind }) => kind === 'packet').length;
  const sequences = (): number[] =>
    client.arrived.flatMap((one) =>
      one.kind === 'packet' && one.channel === 0 ? [one.bytes.readUInt16BE(2)] : [],
    );

  afterEach(async () => {
    client.close();
    await simulator.stop();
  });

  it('goes silent on one channel while the others play and the connection answers, and goes on', async () => {
    await start();
    await client.play(simulator.url(1));
    const other = await RawClient.connect(simulator.rtspPort);
    await other.play(simulator.url(2));
    simulator.goSilent(1);
    await client.ask('OPTIONS', simulator.url(1));
    const count = received();
    await other.packets(0, 40);
    assert.equal(received(), count);
    assert.equal((await client.ask('OPTIONS', simulator.url(1))).status, 200);
    simulator.goOn(1);
    await client.packets(0, count + 5);
    other.close();
  });

  it('takes a camera away, with 404 for who asks, and gives it back', async () => {
    await start();
    await client.play(simulator.url(1));
    simulator.unplugCamera(1);
    assert.equal((await client.ask('DESCRIBE', simulator.url(1))).status, 404);
    assert.equal((await client.ask('DESCRIBE', simulator.url(2))).status, 200);
    const count = received();
    simulator.plugCamera(1);
    await client.packets(0, count + 1);
    assert.equal((await client.ask('DESCRIBE', simulator.url(1))).status, 200);
  });

  it('drops connections, those in the middle of nothing too', async () => {
    await start();
    const idle = net.connect(simulator.rtspPort, '127.0.0.1');
    const gone = new Promise((resolve) => idle.once('close', resolve));
    idle.on('error', () => undefined);
    await client.play(simulator.url(1));
    await until(() => simulator.openConnections === 2);
    simulator.dropConnections();
    await Promise.all([gone, client.closed]);
    assert.equal(simulator.sessionCount, 0);
    client = await RawClient.connect(simulator.rtspPort);
    await client.play(simulator.url(1));
    assert.equal(simulator.connectionCount, 3);
  });

  it('refuses sessions, and takes them again', async () => {
    await start();
    simulator.refuseSessions();
    assert.equal((await client.ask('SETUP', `${simulator.url(1)}/track1`, TCP)).status, 453);
    simulator.refuseSessions(false);
    await client.play(simulator.url(1));
  });

  it('answers nothing, and answers again', async () => {
    await start();
    simulator.stopAnswering();
    client.send('OPTIONS', simulator.url(1));
    await until(() => simulator.requests.length === 1);
    simulator.stopAnswering(false);
    assert.equal((await client.ask('OPTIONS', simulator.url(1))).status, 200);
    assert.equal(client.arrived.length, 1);
  });

  it('answers a method with a status', async () => {
    await start();
    simulator.answerWith('DESCRIBE', 503);
    assert.equal((await client.ask('DESCRIBE', simulator.url(1))).status, 503);
    simulator.answerWith('DESCRIBE', undefined);
    assert.equal((await client.ask('DESCRIBE', simulator.url(1))).status, 200);
  });

  it('loses every third packet', async () => {
    await start();
    simulator.losePackets(3);
    await client.play(simulator.url(1));
    await client.packets(0, 40);
    const steps = sequences()
      .map((number, index, all) => (number - (all[index - 1] ?? number - 1)) & 0xffff)
      .slice(1);
    assert.deepEqual(
      steps,
      steps.map((_, index) => (index % 2 === 0 ? 1 : 2)),
    );
  });

  it('holds keyframes back', async () => {
    await start();
    simulator.withholdKeyframes(1);
    await client.play(simulator.url(1));
    const isKey = (packet: Buffer): boolean => {
      const type = packet[12]! & 0x1f;
      return type === 5 || type === 7 || (type === 28 && (packet[13]! & 0x1f) === 5);
    };
    assert.ok(!(await client.packets(0, 30)).some(isKey));
    simulator.withholdKeyframes(1, false);
    await until(() =>
      client.arrived.some((one) => one.kind === 'packet' && one.channel === 0 && isKey(one.bytes)),
    );
  });

  it('throws junk between the frames', async () => {
    await start();
    await client.play(simulator.url(1));
    simulator.injectJunk(Buffer.from('\r\n\r\njunk'));
    const count = received();
    await client.packets(0, count + 5);
  });

  it('says BYE, and no more', async () => {
    await start();
    const Session = await client.play(simulator.url(1));
    const [first] = await client.packets(0, 1);
    simulator.sendBye();
    let ssrc: number | undefined;
    await client.until((one) => {
      if (one.kind === 'packet' && one.channel === 1)
        parseRtcp(one.bytes, 0, one.bytes.length, { onBye: (whose) => (ssrc = whose) });
      return ssrc !== undefined;
    });
    assert.equal(ssrc, first!.readUInt32BE(8));
    assert.equal((await client.ask('TEARDOWN', simulator.url(1), { Session })).status, 200);
    assert.equal(client.arrived.at(-2)!.kind, 'packet');
    assert.equal((client.arrived.at(-2) as { channel: number }).channel, 1);
  });

  it('tears a session down itself', async () => {
    await start();
    const Session = await client.play(simulator.url(1));
    simulator.sendTeardown(2);
    simulator.sendTeardown(1);
    const one = await client.until(({ kind }) => kind === 'request');
    assert.ok(one.kind === 'request');
    assert.deepEqual(
      { method: one.request.method, session: one.request.headers.get('Session') },
      { method: 'TEARDOWN', session: Session },
    );
    assert.equal((await client.ask('GET_PARAMETER', simulator.url(1), { Session })).status, 454);
  });

  it('changes the picture’s size with new parameter sets and a running RTP clock', async () => {
    await start();
    await client.play(simulator.url(1));
    await client.packets(0, 10);
    const sets = (): string[] =>
      client.arrived.flatMap((one) =>
        one.kind === 'packet' && one.channel === 0 && (one.bytes[12]! & 0x1f) === 7
          ? [one.bytes.toString('hex', 12)]
          : [],
      );
    assert.equal(new Set(sets()).size, 1);
    simulator.changeResolution(1, 'dual');
    await until(() => new Set(sets()).size === 2);
    const view = new RtpPacketView();
    const times = (await client.packets(0, 1)).map((packet) => {
      assert.ok(view.parse(packet, 0, packet.length));
      return view.timestamp;
    });
    const steps = times.slice(1).map((time, index) => (time - times[index]!) >>> 0);
    // A picture's packets share their time; the unit that was about to go out is lost with the change.
    assert.ok(
      steps.every((step) => [0, 7200, 14_400].includes(step)),
      steps.join(),
    );
  });

  it('delays its replies, and counts how many connections are being set up at once', async () => {
    await start({ replyDelayMs: 30 });
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(simulator.rtspPort)));
    await Promise.all(clients.map((one, index) => one.play(simulator.url(index + 1))));
    const late = await RawClient.connect(simulator.rtspPort);
    await late.ask('OPTIONS', simulator.url(1));
    // The test's own first client never played.
    assert.deepEqual(
      { peakConcurrentSetups: simulator.peakConcurrentSetups, peakConnections: simulator.peakConnections },
      { peakConcurrentSetups: 4, peakConnections: 5 },
    );
    for (const one of [...clients, late]) one.close();
  });
});
