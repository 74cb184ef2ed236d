import assert from 'node:assert/strict';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { tcp, udp } from '../../lib/client/transport/transports.js';
import { RtspSession } from '../../lib/client/session.js';
import { openSession } from '../../lib/client/open-session.js';
import { buildBye } from '../../lib/rtp/rtcp.js';
import { SessionRig } from '../kit/session-rig.js';
import {
  idrSlice,
  interleaved,
  keyframePackets,
  PPS,
  rtp,
  SDP,
  SPS,
  startScriptedServer,
  type Script,
  type ScriptedServer,
} from '../kit/scripted-server.js';

const media = (sequence = 1, timestamp = 0): Buffer =>
  Buffer.concat(keyframePackets(sequence, timestamp).map((packet) => interleaved(0, packet)));

describe('RtspSession', () => {
  let rig: SessionRig;
  let scripted: ScriptedServer;

  async function start(script?: Script, options?: Parameters<typeof startScriptedServer>[1]): Promise<void> {
    scripted = await startScriptedServer(script, options);
    rig = new SessionRig(scripted);
  }

  afterEach(async () => {
    await rig.close();
  });

  it('speaks the dialogue in order, with the session id and the base URI', async () => {
    await start();
    await rig.open();
    await rig.session.close();
    const base = `rtsp://127.0.0.1:${scripted.port}/live?ch=0000&stype=D`;
    assert.deepEqual(
      scripted.requests.map(({ method, uri, headers }) => [method, uri, headers.get('Session')]),
      [
        ['OPTIONS', base, undefined],
        ['DESCRIBE', base, undefined],
        ['SETUP', `${base}/track1`, undefined],
        ['PLAY', `${base}/`, 'S1'],
        ['TEARDOWN', `${base}/`, 'S1'],
      ],
    );
    assert.equal(scripted.requests[2]!.headers.get('Transport'), 'RTP/AVP/TCP;unicast;interleaved=0-1');
    assert.equal(scripted.requests[3]!.headers.get('Range'), 'npt=0.000-');
    assert.deepEqual(
      scripted.requests.map(({ headers }) => headers.get('CSeq')),
      ['1', '2', '3', '4', '5'],
    );
  });

  for (const [policy, nalTypes] of [
    ['keyframe', [7, 8, 5, 7, 8, 5]],
    ['change', [7, 8, 5, 5]],
    ['never', [5, 5]],
  ] as const) {
    it(`puts the description's parameter sets in front as it is told: ${policy}`, async () => {
      const sprop = `${SPS.toString('base64')},${PPS.toString('base64')}`;
      const pictures = [0, 1].map((i) => interleaved(0, rtp(i + 1, i * 3600, true, idrSlice())));
      await start(
        ({ method }) =>
          method === 'PLAY'
            ? { after: Buffer.concat(pictures), headers: { Session: 'S1' }, close: true }
            : undefined,
        { sdp: SDP.replace('packetization-mode=1', `$&; sprop-parameter-sets=${sprop}`) },
      );
      await rig.open({ parameterSets: policy });
      await rig.ended;
      assert.deepEqual(
        rig.units.flatMap((unit) => (unit.kind === 'video' ? unit.nals.map(({ type }) => type) : [])),
        nalTypes,
      );
    });
  }

  it('quirk rtp-before-play-reply: takes RTP that comes before the PLAY reply, RTCP on an RTP channel, and ignores channels never set up', async () => {
    await start(({ method }) =>
      method === 'PLAY'
        ? {
            before: Buffer.concat([
              interleaved(6, rtp(9, 9, true, Buffer.from([0x65, 1, 2]))),
              interleaved(
                0,
                Buffer.from('80c800061234567800000000000000000000000000000000000000000000', 'hex').subarray(
                  0,
                  28,
                ),
              ),
              media(),
            ]),
            headers: { Session: 'S1' },
          }
        : undefined,
    );
    await rig.open();
    // Its first unit waits for what follows it.
    await rig.firstUnit;
    await rig.session.close();
    assert.equal(rig.units.length, 1);
    assert.equal(rig.units[0]!.kind === 'video' && rig.units[0]!.keyframe, true);
    assert.equal(rig.session.statistics.packets, 3);
  });

  it('quirk control-behind-query: tries the other forms of a track URI in turn, and remembers the winner', async () => {
    await start(({ method, uri }) =>
      method === 'SETUP' && !uri.includes('/live/track1?') ? { status: 404, reason: 'Not Found' } : undefined,
    );
    await rig.open();
    const tried = (): string[] =>
      scripted.requests
        .filter(({ method }) => method === 'SETUP')
        .map(({ uri }) => uri.replace(/^rtsp:\/\/[^/]+/, ''));
    assert.deepEqual(tried(), ['/live?ch=0000&stype=D/track1', '/track1', '/live/track1?ch=0000&stype=D']);
    assert.equal(rig.memory.controlUri, 'query-last');
    await rig.session.close();
    await rig.open();
    assert.deepEqual(tried().slice(3), ['/live/track1?ch=0000&stype=D']);
  });

  it('quirk cseq-missing-or-behind: matches replies without CSeq, and one behind, to the oldest request', async () => {
    await start(({ method, headers }) => {
      if (method === 'OPTIONS') return { headers: { CSeq: undefined, Public: 'OPTIONS' } };
      if (method === 'PLAY') return { headers: { CSeq: String(Number(headers.get('CSeq')) - 1) } };
      return undefined;
    });
    await rig.open();
  });

  it('quirk odd-session-header: uses the session id of the last SETUP and never echoes its timeout', async () => {
    await start(({ method }) =>
      method === 'SETUP'
        ? { headers: { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1', Session: 'abc ; timeout = 5' } }
        : undefined,
    );
    await rig.open();
    await rig.session.close();
    assert.deepEqual(
      scripted.requests.slice(3).map(({ headers }) => headers.get('Session')),
      ['abc', 'abc'],
    );
  });

  for (const [said, transport] of [
    ['RTP/AVP in answer to TCP', 'RTP/AVP;unicast'],
    ['no Transport at all', undefined],
    ['one channel number only', 'RTP/AVP/TCP;unicast;interleaved=0'],
    ['nonsense', ';;==;'],
  ] as const) {
    it(`quirk odd-transport-reply: takes media after ${said}`, async () => {
      await start(({ method }) => {
        if (method === 'SETUP') return { headers: { Transport: transport, Session: 'x' } };
        return method === 'PLAY' ? { after: media() } : undefined;
      });
      await rig.open();
      await rig.firstUnit;
    });
  }

  it('quirk odd-transport-reply: listens on other channels than it asked for', async () => {
    await start(({ method }) => {
      if (method === 'SETUP')
        return { headers: { Transport: 'RTP/AVP/TCP;unicast;interleaved=4-5', Session: 'x' } };
      return method === 'PLAY'
        ? { after: Buffer.concat(keyframePackets(1, 0).map((packet) => interleaved(4, packet))) }
        : undefined;
    });
    await rig.open();
    await rig.firstUnit;
  });

  it('quirk changing-nonces: answers one 401 with the new nonce, whatever the method, and sends no password', async () => {
    const nonces: Record<string, string> = { DESCRIBE: 'n1', SETUP: 'n2', PLAY: 'n3' };
    await start(({ method, headers }) => {
      const nonce = nonces[method];
      const given = headers.get('Authorization');
      if (nonce === undefined || given?.includes(`nonce="${nonce}"`) === true) return undefined;
      return {
        status: 401,
        reason: 'Unauthorized',
        headers: { 'WWW-Authenticate': `Digest realm="NVR", nonce="${nonce}"` },
      };
    });
    await rig.open({ credentials: { username: 'admin', password: 'correct horse' } });
    const lines = scripted.requests.map(
      ({ method, headers }) => `${method}${headers.has('Authorization') ? '+' : ''}`,
    );
    assert.deepEqual(lines, ['OPTIONS', 'DESCRIBE', 'DESCRIBE+', 'SETUP+', 'SETUP+', 'PLAY+', 'PLAY+']);
    assert.ok(
      !JSON.stringify(scripted.requests.map(({ headers }) => [...headers])).includes('correct horse'),
    );
  });

  it('quirk digest-over-base-uri: computes the digest over the base URI where the server checks that, and remembers', async () => {
    await start(({ method, headers }) => {
      if (method !== 'DESCRIBE' && method !== 'SETUP') return undefined;
      const given = headers.get('Authorization');
      const over = /uri="([^"]*)"/.exec(given ?? '')?.[1];
      if (method === 'DESCRIBE' ? given !== undefined : over?.endsWith('stype=D/') === true) return undefined;
      return {
        status: 401,
        reason: 'Unauthorized',
        headers: { 'WWW-Authenticate': 'Digest realm="NVR", nonce="n"' },
      };
    });
    await rig.open({ credentials: { username: 'admin', password: 'pw123' } });
    assert.equal(rig.memory.digestUri, 'base');
  });

  it('asks once more, not twice, when a password is refused: EAUTH', async () => {
    await start(({ method }) =>
      method === 'DESCRIBE'
        ? {
            status: 401,
            reason: 'Unauthorized',
            headers: { 'WWW-Authenticate': 'Digest realm="NVR", nonce="n"' },
          }
        : undefined,
    );
    const error = await rig.fails({ credentials: { username: 'admin', password: 'wrong pass' } });
    assert.equal(error.code, 'EAUTH');
    assert.equal(scripted.requests.filter(({ headers }) => headers.has('Authorization')).length, 1);
    assert.ok(!error.message.includes('wrong pass'));
  });

  for (const [status, code] of [
    [403, 'EFORBIDDEN'],
    [404, 'ECHANNEL'],
    [453, 'ESESSIONS'],
    [503, 'ESESSIONS'],
    [500, 'EPROTOCOL'],
  ] as const) {
    it(`says ${code} for ${status}`, async () => {
      await start(({ method }) => (method === 'DESCRIBE' ? { status, reason: 'No' } : undefined));
      const error = await rig.fails();
      assert.deepEqual({ code: error.code, status: error.status }, { code, status });
    });
  }

  it('names the URI that was asked for where there is none, and no account with it', async () => {
    await start(({ method }) => (method === 'DESCRIBE' ? { status: 404, reason: 'No' } : undefined));
    const { message } = await rig.fails({ credentials: { username: 'admin', password: 'wrong pass' } });
    assert.match(message, /no such channel or stream as rtsp:\/\/127\.0\.0\.1:\d+\/live\S+; check/);
    assert.ok(!message.includes('admin'));
  });

  it('quirk requests-from-server: answers the server’s requests, 501 to what it does not know, and ends on its TEARDOWN', async () => {
    await start();
    await rig.open();
    const { socket } = scripted.peers[0]!;
    const ask = (method: string): boolean => socket.write(`${method} * RTSP/1.0\r\nCSeq: 9\r\n\r\n`);
    ask('OPTIONS');
    ask('DANCE');
    ask('TEARDOWN');
    const end = await rig.ended;
    assert.equal(end.reason, 'teardown');
    await rig.session.close();
    assert.deepEqual(scripted.responses.slice(0, 3), [200, 501, 200]);
  });

  it('quirk closed-range-refused: plays open-ended where a closed Range is refused', async () => {
    await start(({ method, headers }) =>
      method === 'PLAY' && headers.get('Range') !== 'npt=0.000-'
        ? { status: 457, reason: 'Invalid Range' }
        : undefined,
    );
    await rig.open({ range: 'npt=0.000-20.000' });
    assert.deepEqual(
      scripted.requests.filter(({ method }) => method === 'PLAY').map(({ headers }) => headers.get('Range')),
      ['npt=0.000-20.000', 'npt=0.000-'],
    );
  });

  it('quirk 461-or-dead-udp: falls back from 461 to the other transport with a new DESCRIBE, and remembers', async () => {
    await start(({ method, headers }) =>
      method === 'SETUP' && headers.get('Transport')!.includes('TCP')
        ? { status: 461, reason: 'Unsupported Transport' }
        : undefined,
    );
    const { uri, ...options } = rig.options();
    rig.session = await openSession(uri, { ...options, transport: [tcp(), udp()] });
    assert.equal(rig.session.transport.name, 'udp');
    assert.equal(rig.memory.transport, 'udp');
    assert.equal(scripted.requests.filter(({ method }) => method === 'DESCRIBE').length, 2);
  });

  it('quirk odd-rtp: counts packets of an unknown payload type and goes on after an SSRC change', async () => {
    await start(({ method }) => {
      if (method !== 'PLAY') return undefined;
      const stranger = interleaved(0, rtp(7, 1, true, Buffer.from([1, 2, 3]), { payloadType: 50 }));
      const second = keyframePackets(4, 5).map((packet) => {
        packet.writeUInt32BE(0x9999, 8);
        return interleaved(0, packet);
      });
      return { after: Buffer.concat([media(), stranger, ...second]), close: true };
    });
    await rig.open();
    await rig.ended;
    assert.equal(rig.units.length, 2);
    assert.ok(rig.units.every((unit) => unit.kind === 'video' && unit.keyframe && !unit.damaged));
  });

  it('quirk few-sessions: TEARDOWN is attempted, and waits at most a second for its reply', async () => {
    await start(({ method }) => (method === 'TEARDOWN' ? { raw: Buffer.alloc(0) } : undefined));
    await rig.open();
    const begun = performance.now();
    await rig.session.close();
    assert.ok(performance.now() - begun < 1500);
    assert.equal(scripted.requests.at(-1)!.method, 'TEARDOWN');
  });

  it('quirk few-sessions: RTCP BYE ends the session', async () => {
    await start(({ method }) =>
      method === 'PLAY' ? { after: Buffer.concat([media(), interleaved(1, buildBye(0x1234))]) } : undefined,
    );
    await rig.open();
    const end = await rig.ended;
    assert.deepEqual(
      { reason: end.reason, withoutMedia: end.withoutMedia, units: rig.units.length },
      { reason: 'bye', withoutMedia: false, units: 1 },
    );
  });

  it('quirk silent-with-open-socket: ends when the stream goes silent with the socket left open', async () => {
    await start(({ method }) => (method === 'PLAY' ? { after: media() } : undefined));
    await rig.open({ silenceMs: 1000 });
    const end = await rig.ended;
    assert.deepEqual(
      { reason: end.reason, code: end.error.code, withoutMedia: end.withoutMedia },
      { reason: 'silence', code: 'ETIMEDOUT', withoutMedia: false },
    );
    await rig.session.close();
  });

  it('quirk expired-session: ends an expired session: 454 and no media', async () => {
    let expired = false;
    await start(({ method }) => {
      if (method === 'SETUP')
        return { headers: { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1', Session: 'x;timeout=6' } };
      if (method === 'GET_PARAMETER') {
        expired = true;
        return { status: 454, reason: 'Session Not Found' };
      }
      return undefined;
    });
    await rig.open({ silenceMs: 60_000 });
    const end = await rig.ended;
    assert.deepEqual({ reason: end.reason, expired }, { reason: 'expired', expired: true });
  });

  it('quirk keep-alive-refused: falls back from GET_PARAMETER to OPTIONS while media flows, in the session', async () => {
    await start(({ method }) => {
      if (method === 'SETUP')
        return { headers: { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1', Session: 'x;timeout=1' } };
      if (method === 'PLAY') return { after: media() };
      return method === 'GET_PARAMETER' ? { status: 451, reason: 'Parameter Not Understood' } : undefined;
    });
    await rig.open();
    for (;;) {
      const options = await scripted.waitFor('OPTIONS');
      if (options.headers.get('Session') === 'x') break;
    }
    assert.equal(scripted.requests.filter(({ method }) => method === 'GET_PARAMETER').length, 1);
  });

  it('quirk broken-fmtp: an audio track that cannot be read does not stop the video', async () => {
    await start(({ method }) => (method === 'PLAY' ? { after: media() } : undefined), {
      sdp: `${SDP}m=audio 0 RTP/AVP 97\r\na=rtpmap:97 X-SECRET/8000\r\na=control:track2\r\n`,
    });
    await rig.open({ extras: true });
    await rig.firstUnit;
    assert.deepEqual(
      rig.warnings.map(({ code }) => code),
      ['EUNSUPPORTED'],
    );
  });

  for (const [what, sdp] of [
    ['without video', SDP.replace('m=video', 'm=audio').replace('H264/90000', 'PCMU/8000')],
    ['with an unknown codec', SDP.replace('H264', 'X-DREAM')],
  ] as const) {
    it(`says EUNSUPPORTED for a DESCRIBE ${what}`, async () => {
      await start(undefined, { sdp });
      assert.equal((await rig.fails()).code, 'EUNSUPPORTED');
    });
  }

  it('says ETIMEDOUT for a server that never answers', async () => {
    await start(undefined, { silent: true });
    assert.equal((await rig.fails({ requestTimeoutMs: 200 })).code, 'ETIMEDOUT');
  });

  it('says ECONNREFUSED, EDNS and EPROTOCOL or ENOTRTSP for what is not there or is no RTSP server', async () => {
    await start();
    const { port } = scripted;
    await scripted.close();
    assert.equal((await rig.fails()).code, 'ECONNREFUSED');
    const nowhere = await rig.fails({ uri: 'rtsp://nvr.invalid/' });
    assert.equal(nowhere.code, 'EDNS');
    for (const bytes of [
      'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n',
      'SSH-2.0-OpenSSH_9.2\r\n',
    ]) {
      const server = net.createServer((socket) => {
        socket.on('error', () => undefined);
        socket.write(bytes);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port: other } = server.address() as AddressInfo;
      const error = await rig.fails({ uri: `rtsp://127.0.0.1:${other}/`, requestTimeoutMs: 500 });
      assert.equal(error.code, 'ENOTRTSP', bytes);
      server.close();
    }
    assert.ok(port > 0);
  });

  it('closes what it is opening', async () => {
    await start(undefined, { silent: true });
    rig.session = new RtspSession(rig.options());
    const opening = rig.session.open();
    await scripted.waitFor('OPTIONS');
    await rig.session.close();
    await assert.rejects(opening, { code: 'EUNREACHABLE' });
  });
});
