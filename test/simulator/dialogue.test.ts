import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../lib/simulator/index.js';
import { RawClient } from '../kit/raw-client.js';
import { until } from '../kit/until.js';

const ACCOUNT = { username: 'admin', password: 'correct horse' };
const TCP = { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1' };

describe('the simulator’s dialogue', () => {
  let simulator: Simulator;
  let client: RawClient;

  async function start(options: SimulatorOptions = {}): Promise<void> {
    simulator = await startSimulator(options);
    client = await RawClient.connect(simulator.rtspPort);
  }

  afterEach(async () => {
    client.close();
    await simulator.stop();
  });

  it('describes a stream line by line as the spec prints it, under the older path too', async () => {
    await start({ channels: 1 });
    const reply = await client.ask('DESCRIBE', `rtsp://127.0.0.1:${simulator.rtspPort}/CH00D`);
    assert.deepEqual(reply.body.toString().split('\r\n'), [
      'v=0',
      'o=- 1271956268066958 0 IN IP4 0.0.0.0',
      's=Session streamed by "NVRMediaServer"',
      'i=CH00D',
      't=0 0',
      'a=tool:NVR Streaming Media',
      'a=type:broadcast',
      'a=control:*',
      'a=range:npt=0-',
      'm=video 0 RTP/AVP 99',
      'c=IN IP4 0.0.0.0',
      'a=rtpmap:99 H264/90000',
      'a=fmtp:99 packetization-mode=1',
      'a=control:track1',
      'a=cliprect:0,0,180,320',
      'a=framerate:12.500000',
      'a=x-bufferdelay:0',
      '',
    ]);
    assert.equal(reply.headers.get('Content-Type'), 'application/sdp');
    assert.equal(reply.headers.get('Content-Base'), `rtsp://127.0.0.1:${simulator.rtspPort}/CH00D/`);
  });

  it('keeps the query in Content-Base, and lists neither PAUSE nor what it was told to leave out', async () => {
    await start({ getParameter: false });
    const reply = await client.ask('DESCRIBE', simulator.url(2));
    assert.equal(reply.headers.get('Content-Base'), `${simulator.url(2)}/`);
    const options = await client.ask('OPTIONS', simulator.url(2));
    assert.equal(options.headers.get('Public'), 'OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY');
    assert.equal((await client.ask('PAUSE', simulator.url(2))).status, 501);
  });

  it('answers a whole session over TCP, with the first RTP packets before PLAY’s reply', async () => {
    await start({ sessionTimeout: 15 });
    const uri = simulator.url(1);
    const setup = await client.ask('SETUP', `${uri}/track1`, {
      Transport: 'RTP/AVP/TCP;unicast;interleaved=4-5',
    });
    assert.match(setup.headers.get('Session')!, /^[0-9A-F]{8};timeout=15$/);
    assert.equal(setup.headers.get('Transport'), 'RTP/AVP/TCP;unicast;interleaved=4-5');
    const Session = setup.headers.get('Session')!.split(';')[0]!;
    const play = await client.ask('PLAY', `${uri}/`, { Session, Range: 'npt=0.000-' });
    const { kind } =
      client.arrived[
        client.arrived.findIndex((one) => one.kind === 'response' && one.response === play) - 1
      ]!;
    assert.equal(kind, 'packet');
    const [first] = await client.packets(4, 1);
    assert.equal(
      play.headers.get('RTP-Info'),
      `url=${uri}/track1;seq=${first!.readUInt16BE(2)};rtptime=${first!.readUInt32BE(4)}`,
    );
    const [report] = await client.packets(5, 1);
    assert.equal(report![1], 200);
    assert.equal((await client.ask('GET_PARAMETER', `${uri}/`, { Session })).status, 200);
    assert.equal((await client.ask('TEARDOWN', `${uri}/`, { Session })).status, 200);
    assert.equal((await client.ask('GET_PARAMETER', `${uri}/`, { Session })).status, 454);
    assert.equal(simulator.sessionCount, 0);
  });

  it('answers in the order of the requests, a UDP SETUP among them', async () => {
    await start();
    const uri = simulator.url(1);
    const numbers = [
      client.send('OPTIONS', uri),
      client.send('SETUP', `${uri}/track1`, { Transport: 'RTP/AVP;unicast;client_port=40000-40001' }),
      client.send('DESCRIBE', uri),
    ];
    const answered = (): (string | undefined)[] =>
      client.arrived.flatMap((one) => (one.kind === 'response' ? [one.response.headers.get('CSeq')] : []));
    await client.until(() => answered().length === 3);
    assert.deepEqual(answered(), numbers);
    const setup = client.arrived.flatMap((one) => (one.kind === 'response' ? [one.response] : []))[1]!;
    const ports = /^RTP\/AVP\/UDP;unicast;client_port=40000-40001;server_port=(\d+)-(\d+)$/.exec(
      setup.headers.get('Transport')!,
    )!;
    assert.equal(Number(ports[1]) % 2, 0);
    assert.equal(Number(ports[2]), Number(ports[1]) + 1);
  });

  it('stops the media of a session that is not heard of, keeps the connection, and then says 454', async () => {
    await start({ sessionTimeout: 0.2 });
    const Session = await client.play(simulator.url(1));
    const session = simulator.sessions[0]!;
    await until(() => session.isExpired);
    const count = client.arrived.length;
    assert.equal(simulator.sessionCount, 0);
    assert.equal((await client.ask('GET_PARAMETER', simulator.url(1), { Session })).status, 454);
    assert.equal(client.arrived.length, count + 1);
    await client.play(simulator.url(1));
  });

  describe('refuses', () => {
    it('a channel it does not have, in every form, with 404', async () => {
      await start({ channels: 2, firstChannel: 1 });
      const base = `rtsp://127.0.0.1:${simulator.rtspPort}`;
      for (const path of [
        '/live?ch=0000&stype=M',
        '/live?ch=0003&stype=M',
        '/live?ch=0001&stype=X',
        '/live?stype=M',
        '/CH00D',
        '/CH1D',
        '/',
        '/playback?ch=0001&stype=M&pbkey=guessed',
        '/playback?ch=0001&stype=M&pbkey=%zz',
      ])
        assert.equal((await client.ask('DESCRIBE', base + path)).status, 404, path);
      assert.equal((await client.ask('DESCRIBE', `${base}/CH02D`)).status, 200);
      assert.equal((await client.ask('SETUP', `${simulator.url(1)}/track2`, TCP)).status, 404);
      assert.equal((await client.ask('SETUP', simulator.url(1), TCP)).status, 404);
    });

    it('one session too many with 453, across connections, until another ends', async () => {
      await start({ maxSessions: 1 });
      const Session = await client.play(simulator.url(1));
      const other = await RawClient.connect(simulator.rtspPort);
      assert.equal((await other.ask('SETUP', `${simulator.url(2)}/track1`, TCP)).status, 453);
      await client.ask('TEARDOWN', simulator.url(1), { Session });
      await other.play(simulator.url(2));
      assert.equal(simulator.peakConnections, 2);
      other.close();
    });

    it('transports: multicast, UDP without ports, and what it was told to refuse, with 461', async () => {
      await start({ refuse: ['udp'] });
      const uri = `${simulator.url(1)}/track1`;
      for (const Transport of [
        'RTP/AVP;multicast;client_port=40000-40001',
        'RTP/AVP;unicast',
        'RTP/AVP;unicast;client_port=0-0',
        'RTP/AVP;unicast;client_port=40000-40001',
      ])
        assert.equal((await client.ask('SETUP', uri, { Transport })).status, 461, Transport);
      assert.equal((await client.ask('SETUP', uri, TCP)).status, 200);
    });

    it('PLAY before SETUP, PLAY twice, and a change of transport', async () => {
      await start();
      const uri = simulator.url(1);
      assert.equal((await client.ask('PLAY', uri)).status, 454);
      const Session = await client.play(uri);
      assert.equal((await client.ask('PLAY', uri, { Session })).status, 455);
      assert.equal((await client.ask('SETUP', `${uri}/track1`, { Session, ...TCP })).status, 455);
    });

    it('an account without the remote privilege with 403', async () => {
      await start({ ...ACCOUNT, withoutPrivilege: true });
      assert.equal((await client.askAs(ACCOUNT, 'DESCRIBE', simulator.url(1))).status, 403);
    });
  });

  describe('at the door', () => {
    for (const auth of ['digest', 'digest-qop', 'digest-sha256', 'basic'] as const) {
      it(`lets the right password in by ${auth}, and counts the wrong ones`, async () => {
        await start({ ...ACCOUNT, auth, realm: 'Gate' });
        assert.equal((await client.askAs(ACCOUNT, 'DESCRIBE', simulator.url(1))).status, 200);
        assert.equal(simulator.failedLogins, 0);
        const wrong = { ...ACCOUNT, password: 'wrong' };
        const refused = await client.askAs(wrong, 'DESCRIBE', simulator.url(1));
        assert.equal(refused.status, 401);
        assert.match(refused.headers.get('WWW-Authenticate')!, /realm="Gate"/);
        assert.equal(simulator.failedLogins, 1);
      });
    }

    it('asks for a digest without qop by default, and lets OPTIONS pass', async () => {
      await start(ACCOUNT);
      assert.equal((await client.ask('OPTIONS', simulator.url(1))).status, 200);
      const { headers } = await client.ask('DESCRIBE', simulator.url(1));
      assert.match(headers.get('WWW-Authenticate')!, /^Digest realm="RTSP Server", nonce="[0-9a-f]{32}"$/);
    });

    it('checks a digest as the spec’s golden vectors do', async () => {
      await start({ username: 'admin', password: '123456' });
      const uri = 'rtsp://192.168.6.202:554/CH00D';
      const { headers } = await client.ask('DESCRIBE', uri);
      const nonce = /nonce="(.*?)"/.exec(headers.get('WWW-Authenticate')!)![1]!;
      const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
      const [ha1, ha2] = [md5('admin:RTSP Server:123456'), md5(`DESCRIBE:${uri}`)];
      // The same arithmetic gives the vector's answer for the vector's nonce.
      assert.equal(md5(`${ha1}:b6178554c731808e378559283e5483fc:${ha2}`), 'e0ff72846d2179b1e3e7ed983bb6ed75');
      const response = md5(`${ha1}:${nonce}:${ha2}`);
      const Authorization = `Digest username="admin", realm="RTSP Server", nonce="${nonce}", uri="${uri}", response="${response}"`;
      assert.equal((await client.ask('DESCRIBE', uri, { Authorization })).status, 200);
    });

    it('takes the digest of a SETUP over the request URI or the base URI, or one of them alone', async () => {
      for (const [digestUri, statuses] of [
        ['either', [200, 200, 401]],
        ['request', [200, 401, 401]],
        ['base', [401, 200, 401]],
      ] as const) {
        await start({ ...ACCOUNT, digestUri });
        const uri = simulator.url(1);
        const got: number[] = [];
        for (const over of [`${uri}/track1`, `${uri}/`, simulator.url(2)]) {
          // 461 stands for "let in": no transport is asked for.
          const { status } = await client.askAs(ACCOUNT, 'SETUP', `${uri}/track1`, over);
          got.push(status === 461 ? 200 : status);
        }
        assert.deepEqual(got, statuses, digestUri);
        assert.equal(simulator.failedLogins, 0);
        client.close();
        await simulator.stop();
      }
      await start();
    });

    it('calls an old nonce stale and the log-in no failure', async () => {
      await start(ACCOUNT);
      const uri = simulator.url(1);
      await client.askAs(ACCOUNT, 'DESCRIBE', uri);
      const { headers } = simulator.requestLog.at(-1)!;
      simulator.expireNonces();
      const reply = await client.ask('DESCRIBE', uri, { Authorization: headers.get('Authorization')! });
      assert.equal(reply.status, 401);
      assert.match(reply.headers.get('WWW-Authenticate')!, /stale=true/);
      assert.equal(simulator.failedLogins, 0);
    });
  });

  it('outlives junk, endless headers and clients that leave in the middle of a SETUP', async () => {
    await start();
    for (const bytes of [
      '\0\x01\x02 nothing of the kind\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      'x'.repeat(200_000),
    ]) {
      const guest = await RawClient.connect(simulator.rtspPort);
      guest.socket.end(bytes);
      await guest.closed;
    }
    for (let round = 0; round < 5; round++) {
      const guest = await RawClient.connect(simulator.rtspPort);
      guest.send('SETUP', `${simulator.url(1)}/track1`, {
        Transport: 'RTP/AVP;unicast;client_port=40000-40001',
      });
      await new Promise((resolve) => guest.socket.write('', resolve));
      guest.close();
    }
    assert.equal((await client.ask('OPTIONS', simulator.url(1))).status, 200);
  });
});
