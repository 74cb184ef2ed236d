import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { RtpPacketView } from '../../lib/rtp/packet.js';
import { parseRtcp } from '../../lib/rtp/rtcp.js';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../lib/simulator/index.js';
import { makeCertificate } from '../interop/certificate.js';
import { needs } from '../kit/tools.js';
import { RawClient } from '../kit/raw-client.js';
import { until } from '../kit/until.js';

describe('the simulator’s transports', () => {
  let simulator: Simulator | undefined;

  async function start(options: SimulatorOptions): Promise<Simulator> {
    simulator = await startSimulator(options);
    return simulator;
  }

  afterEach(async () => {
    await simulator?.stop();
    simulator = undefined;
  });

  it('sends RTP and sender reports from the ports it told to those it was told, and lives by what comes back', async () => {
    const { rtspPort, sessions } = await start({ sessionTimeout: 0.3, pace: 5 });
    assert.equal(sessions.length, 0);
    const uri = simulator!.url(1);
    const [rtp, rtcp] = [dgram.createSocket('udp4'), dgram.createSocket('udp4')];
    const from = { rtp: new Set<number>(), rtcp: new Set<number>() };
    const view = new RtpPacketView();
    let reports = 0;
    rtp.on('message', (packet, { port }) => {
      assert.ok(view.parse(packet, 0, packet.length));
      from.rtp.add(port);
    });
    rtcp.on('message', (packet, { port }) => {
      parseRtcp(packet, 0, packet.length, { onSenderReport: () => reports++ });
      from.rtcp.add(port);
    });
    for (const socket of [rtp, rtcp]) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    }
    const client = await RawClient.connect(rtspPort);
    try {
      const ports = `${rtp.address().port}-${rtcp.address().port}`;
      const setup = await client.ask('SETUP', `${uri}/track1`, {
        Transport: `RTP/AVP;unicast;client_port=${ports}`,
      });
      const told = /server_port=(\d+)-(\d+)/.exec(setup.headers.get('Transport')!)!.slice(1).map(Number);
      await client.ask('PLAY', uri, { Session: setup.headers.get('Session')!.split(';')[0]! });
      const session = simulator!.sessions[0]!;
      const timer = setInterval(() => {
        rtcp.send(Buffer.of(0x80, 201, 0, 1, 0, 0, 0, 1), told[1], '127.0.0.1');
      }, 20);
      await until(() => reports >= 3);
      assert.ok(!session.isExpired, 'three reports are 4 s of media, 0.8 s of time');
      clearInterval(timer);
      await until(() => session.isExpired);
      assert.deepEqual({ rtp: [...from.rtp], rtcp: [...from.rtcp] }, { rtp: [told[0]], rtcp: [told[1]] });
    } finally {
      client.close();
      rtp.close();
      rtcp.close();
    }
  });

  it('takes UDP and sends nothing where told to be a firewall', async () => {
    const { rtspPort } = await start({ silentUdp: true, pace: 10 });
    const rtp = dgram.createSocket('udp4');
    let packets = 0;
    rtp.on('message', () => packets++);
    rtp.bind(0, '127.0.0.1');
    await once(rtp, 'listening');
    const client = await RawClient.connect(rtspPort);
    const { port } = rtp.address();
    const transport = `RTP/AVP;unicast;client_port=${port}-${port}`;
    const setup = await client.ask('SETUP', `${simulator!.url(1)}/track1`, { Transport: transport });
    await client.ask('PLAY', simulator!.url(1), { Session: setup.headers.get('Session')!.split(';')[0]! });
    const other = await RawClient.connect(rtspPort);
    await other.play(simulator!.url(1));
    await other.packets(0, 20);
    assert.equal(packets, 0);
    for (const one of [client, other]) one.close();
    rtp.close();
  });

  it('speaks TLS on both ports, and does not wait for a handshake that hangs', async function () {
    needs(this, 'openssl');
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'simulator-'));
    const files = makeCertificate(folder);
    fs.rmSync(folder, { recursive: true });
    const { rtspPort, httpPort } = await start({ tls: files, httpTls: files });
    assert.match(simulator!.url(1), /^rtsps:/);
    const socket = tls.connect({ port: rtspPort, host: '127.0.0.1', ca: files.ca });
    await once(socket, 'secureConnect');
    socket.write(`OPTIONS ${simulator!.url(1)} RTSP/1.0\r\nCSeq: 1\r\n\r\n`);
    const [reply] = (await once(socket, 'data')) as [Buffer];
    assert.match(reply.toString(), /^RTSP\/1\.0 200 OK/);

    const query = '/datasearch/gen_pbkey?group_id=0&start_time=1763900000';
    const status = await new Promise((resolve, reject) => {
      https
        .get({ port: httpPort, host: '127.0.0.1', path: query, ca: files.ca, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
        .on('error', reject);
    });
    assert.equal(status, 200);

    const [halfRtsp, halfHttp] = [net.connect(rtspPort, '127.0.0.1'), net.connect(httpPort, '127.0.0.1')];
    await Promise.all([once(halfRtsp, 'connect'), once(halfHttp, 'connect')]);
    await until(() => simulator!.openConnections === 2);
    await simulator!.stop();
    for (const one of [socket, halfRtsp, halfHttp]) one.destroy();
  });

  it('is reached on the loopback interface alone', async () => {
    const { rtspPort, httpPort } = await start({});
    const outside = Object.values(os.networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ family, internal }) => family === 'IPv4' && !internal);
    // 127.0.0.2 is loopback as well, and not where it listens.
    for (const host of ['127.0.0.2', ...(outside === undefined ? [] : [outside.address])])
      for (const port of [rtspPort, httpPort]) {
        const socket = net.connect(port, host);
        const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
        assert.ok(error.code === 'ECONNREFUSED' || error.code === 'EADDRNOTAVAIL', `${host}: ${error.code}`);
      }
  });
});
