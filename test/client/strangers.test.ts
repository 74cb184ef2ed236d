import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { RtspSession, type SessionEnd, type SessionOptions } from '../../lib/client/session.js';
import { UdpPair } from '../../lib/client/transport/udp.js';
import type { MediaUnit } from '../../lib/codec/unit.js';
import { buildBye, buildSenderReport } from '../../lib/rtp/rtcp.js';
import {
  deltaSlice,
  interleaved,
  keyframePackets,
  rtp,
  SDP,
  startScriptedServer,
  type ScriptedServer,
} from '../kit/scripted-server.js';
import { sessionOptions } from '../kit/session-rig.js';

const SOUND = `${SDP}m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=control:track2\r\n`;
const OURS = 0xaaaa;
const THEIRS = 0xbbbb;

/** SPS, PPS and IDR, then `count` pictures, of one source. */
function pictures(ssrc: number, count: number, { sequence = 100, payloadType = 99 } = {}): Buffer[] {
  const key = keyframePackets(sequence, 0).map((packet) =>
    rtp(packet.readUInt16BE(2), 0, packet[1]! > 127, packet.subarray(12), { ssrc, payloadType }),
  );
  const deltas = Array.from({ length: count }, (_, i) =>
    rtp(sequence + 3 + i, (i + 1) * 3600, true, deltaSlice(), { ssrc, payloadType }),
  );
  return [...key, ...deltas];
}

function sound(ssrc: number, count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) =>
    rtp(i, i * 160, i === 0, Buffer.alloc(160, 0xff), { ssrc, payloadType: 0 }),
  );
}

const on = (channel: number, packets: readonly Buffer[]): Buffer =>
  Buffer.concat(packets.map((packet) => interleaved(channel, packet)));

interface Told {
  units: MediaUnit[];
  losses: number;
  end?: SessionEnd;
}

/**
 * Plays what a server sends behind PLAY's reply before it closes the connection; `transports` are SETUP's
 * replies in turn.
 */
async function play(
  media: Buffer,
  transports: readonly string[],
  options: Partial<SessionOptions> = {},
  { rtpInfo, sdp = SDP, close = true }: { rtpInfo?: string; sdp?: string; close?: boolean } = {},
): Promise<Told & { server: ScriptedServer }> {
  let setups = 0;
  const server = await startScriptedServer(
    ({ method }, peer) => {
      if (method === 'SETUP') {
        const said = transports[Math.min(setups++, transports.length - 1)]!;
        return { headers: { Transport: `RTP/AVP/TCP;unicast;${said}`, Session: 'x' } };
      }
      if (method === 'PLAY') {
        // In one read with the reply, as a fast camera or a busy machine has it.
        peer.socket.cork();
        setImmediate(() => {
          peer.socket.uncork();
        });
        return { headers: { Session: 'x', 'RTP-Info': rtpInfo }, after: media, close };
      }
      return undefined;
    },
    { sdp },
  );
  const told: Told = { units: [], losses: 0 };
  const ended = new Promise<SessionEnd>((resolve) => {
    const session = new RtspSession(
      sessionOptions(server.port, {
        onUnit: (unit) => told.units.push(unit),
        onLoss: (missing) => (told.losses += missing),
        onEnd: resolve,
        ...options,
      }),
    );
    void session.open();
  });
  told.end = await ended;
  await server.close();
  return { ...told, server };
}

const kinds = (units: readonly MediaUnit[]): Record<string, number> => {
  const count: Record<string, number> = {};
  for (const { kind } of units) count[kind] = (count[kind] ?? 0) + 1;
  return count;
};

describe('strangers in the stream', () => {
  /** Two streams, a picture of one and a picture of the other in turn. */
  function inTurn(one: readonly Buffer[], other: readonly Buffer[]): Buffer {
    return Buffer.concat(
      one.flatMap((packet, i) => [packet, other[i]!].map((bytes) => interleaved(0, bytes))),
    );
  }

  for (const [name, transport, rtpInfo] of [
    ['Transport', `interleaved=0-1;ssrc=${OURS.toString(16)}`, undefined],
    ['RTP-Info by its SSRC', 'interleaved=0-1', `url=track1;ssrc=${OURS.toString(16)};seq=5`],
    ['RTP-Info by its sequence number', 'interleaved=0-1', 'url=track1;seq=700;rtptime=0'],
  ] as const)
    it(`hands on the pictures of the source that ${name} names, and none of the other's`, async () => {
      const theirs = pictures(THEIRS, 20);
      const { units, losses } = await play(
        inTurn(theirs, pictures(OURS, 20, { sequence: 700 })),
        [transport],
        {},
        rtpInfo === undefined ? {} : { rtpInfo },
      );
      assert.deepEqual(
        units.map(({ rtpSequence }) => rtpSequence),
        Array.from({ length: 21 }, (_, i) => 702 + i),
      );
      assert.ok(units.every(({ damaged }) => !damaged));
      assert.equal(losses, 0);
    });

  it('hands on one of two where none is named', async () => {
    const { units, losses } = await play(
      Buffer.concat([
        on(0, pictures(OURS, 20)),
        on(0, pictures(THEIRS, 20)),
        interleaved(0, rtp(123, 21 * 3600, true, deltaSlice(), { ssrc: OURS })),
      ]),
      ['interleaved=0-1'],
    );
    assert.equal(units.length, 22);
    assert.equal(losses, 0);
  });

  it('ignores the goodbye and the clock of a source that is not ours', async () => {
    const report = (ssrc: number, ntpMs: number): Buffer =>
      interleaved(1, buildSenderReport({ ssrc, ntpMs, rtpTime: 0, packets: 1, bytes: 1 }));
    const { units, end } = await play(
      Buffer.concat([
        report(THEIRS, Date.UTC(2020, 0, 1)),
        report(OURS, Date.UTC(2024, 5, 1)),
        on(0, pictures(OURS, 1)),
        report(THEIRS, Date.UTC(2021, 0, 1)),
        interleaved(1, buildBye(THEIRS)),
        on(0, [rtp(104, 7200, true, deltaSlice(), { ssrc: OURS })]),
        interleaved(1, buildBye(OURS)),
      ]),
      ['interleaved=0-1'],
      {},
      { close: false },
    );
    assert.equal(end?.reason, 'bye');
    assert.equal(units.length, 3);
    assert.equal(new Date(units.at(-1)!.captureTime!).getUTCFullYear(), 2024);
  });

  for (const [name, told, video, audio] of [
    ['2-3 and then 0-1', ['interleaved=2-3', 'interleaved=0-1'], 2, 0],
    ['always 0-1, and means it', ['interleaved=0-1'], 0, 0],
    ['always 0-1, and sends as it was asked', ['interleaved=0-1'], 0, 2],
    ['1-0 and 3-2', ['interleaved=1-0', 'interleaved=3-2'], 1, 3],
    ['4-5 and 6-7', ['interleaved=4-5', 'interleaved=6-7'], 4, 6],
    ['4-5 and 0-1, which the picture was asked for on', ['interleaved=4-5', 'interleaved=0-1'], 4, 0],
    ['0-1 and 1-2', ['interleaved=0-1', 'interleaved=1-2'], 0, 1],
    ['0-0 and 1-1', ['interleaved=0-0', 'interleaved=1-1'], 0, 1],
    ['254-255 and 255-254', ['interleaved=254-255', 'interleaved=255-254'], 254, 255],
  ] as const)
    it(`brings picture and sound where the server grants ${name}`, async () => {
      const { units } = await play(
        Buffer.concat([on(video, pictures(OURS, 5)), on(audio, sound(0x77, 6))]),
        told,
        { extras: true },
        { sdp: SOUND },
      );
      assert.deepEqual(kinds(units), { video: 6, audio: 6 });
    });

  it('never asks for a channel that was granted', async () => {
    const { server } = await play(
      on(2, pictures(OURS, 1)),
      ['interleaved=2-3', 'interleaved=4-5'],
      { extras: true },
      { sdp: SOUND },
    );
    assert.deepEqual(
      server.requests
        .filter(({ method }) => method === 'SETUP')
        .map(({ headers }) => /interleaved=(.*)/.exec(headers.get('Transport')!)![1]),
      ['0-1', '0-1'],
    );
  });

  it('does not take the sound’s goodbye for the picture’s where both come on one channel', async () => {
    const { units, end } = await play(
      Buffer.concat([on(0, sound(0x77, 3)), interleaved(1, buildBye(0x77)), on(0, pictures(OURS, 5))]),
      ['interleaved=0-1'],
      { extras: true },
      { sdp: SOUND },
    );
    assert.equal(kinds(units).video, 6);
    assert.equal(end?.reason, 'eof');
  });

  it('reports packets whose payload type the description does not announce', async () => {
    const { units, end } = await play(
      on(0, pictures(OURS, 5, { payloadType: 97 })),
      ['interleaved=0-1'],
      { silenceMs: 1000 },
      { close: false },
    );
    assert.equal(units.length, 0);
    assert.deepEqual(
      { reason: end?.reason, code: end?.error.code, withoutMedia: end?.withoutMedia },
      { reason: 'silence', code: 'EPROTOCOL', withoutMedia: false },
    );
    assert.match(end!.error.message, /payload type 97, and its description announces 99/);
  });
});

describe('UDP from another address', () => {
  const bind = (address: string): Promise<dgram.Socket> =>
    new Promise((resolve) => {
      const socket = dgram.createSocket('udp4');
      socket.bind(0, address, () => {
        resolve(socket);
      });
    });

  it('takes media from the address that source= names, and sends everything to the RTSP server alone', async () => {
    const [server, source, other] = await Promise.all([
      bind('127.0.0.1'),
      bind('127.0.0.3'),
      bind('127.0.0.4'),
    ]);
    const wrong: string[] = [];
    for (const socket of [source, other]) socket.on('message', () => wrong.push(socket.address().address));
    const got: string[] = [];
    let wake: () => void = () => undefined;
    const pair = await UdpPair.bind({
      localAddress: '127.0.0.1',
      remoteAddress: '127.0.0.1',
      onRtp: (packet) => {
        got.push(packet.toString());
        wake();
      },
      onRtcp: () => {
        wake();
      },
      onError: () => undefined,
    });
    pair.setServerPorts(server.address().port, server.address().port);
    pair.acceptFrom('127.0.0.3');
    const send = (socket: dgram.Socket, text: string, port: number): Promise<void> =>
      new Promise((resolve) => {
        const came = new Promise<void>((done) => (wake = done));
        socket.send(text, port, '127.0.0.1', () => {
          if (socket === other) resolve();
          else void came.then(resolve);
        });
      });
    await send(other, 'stranger', pair.rtpPort);
    await send(source, 'media', pair.rtpPort);
    await send(source, 'report', pair.rtpPort + 1);
    const reached = new Promise<void>((resolve) =>
      server.once('message', () => {
        resolve();
      }),
    );
    pair.sendRtcp(Buffer.from('80c9000100000002', 'hex'));
    await reached;
    assert.deepEqual(got, ['media']);
    assert.deepEqual({ strangers: pair.strangers, wrong }, { strangers: 1, wrong: [] });
    pair.close();
    for (const socket of [server, source, other]) socket.close();
  });

  it('leaves what is no address alone', async () => {
    const pair = await UdpPair.bind({
      localAddress: '127.0.0.1',
      remoteAddress: '127.0.0.1',
      onRtp: () => undefined,
      onRtcp: () => undefined,
      onError: () => undefined,
    });
    for (const source of [
      undefined,
      '',
      'cam.local',
      '999.1.1.1',
      '[::1',
      '::ffff:10.0.0.1',
      '[0:0:0:0:0:0:0:1]',
      'fe80::1%eth0',
    ])
      pair.acceptFrom(source);
    pair.close();
  });
});
