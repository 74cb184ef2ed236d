// A camera on the loopback interface that drops packets on purpose, the same ones for every client, over TCP
// (dropped by the server) and over UDP.

import dgram from 'node:dgram';
import { h264Payloads, h265Payloads } from '../../lib/simulator/payload-nal.js';
import { Random } from '../fuzz/random.js';
import { interleaved, startScriptedServer, type Peer, type ScriptedServer } from './scripted-server.js';

export interface LossyStream {
  readonly codec: 'h264' | 'h265';
  /** NAL units of each picture in decoding order, parameter sets in band. */
  readonly pictures: readonly (readonly Buffer[])[];
  /** Timestamp of each picture, in units of 90 kHz. */
  readonly times: readonly number[];
}

export interface Loss {
  readonly percent: number;
  readonly seed: number;
  /** Number of pictures at the start without loss. */
  readonly spared?: number;
}

export interface LossyPacket {
  readonly picture: number;
  readonly bytes: Buffer;
  readonly isLost: boolean;
}

const PAYLOAD_TYPE = 96;
const SSRC = 0x10553;

/**
 * The RTP packets of the stream, marked as lost or not. The last picture loses none, because it ends the
 * stream.
 */
export function lossyPackets(stream: LossyStream, { percent, seed, spared = 0 }: Loss): LossyPacket[] {
  const random = new Random(seed);
  const payloads = stream.codec === 'h264' ? h264Payloads : h265Payloads;
  const packets: LossyPacket[] = [];
  const last = stream.pictures.length - 1;
  stream.pictures.forEach((nals, picture) => {
    const parts = payloads(nals, false);
    parts.forEach((payload, i) => {
      const head = Buffer.alloc(12);
      head[0] = 0x80;
      head[1] = PAYLOAD_TYPE | (i === parts.length - 1 ? 0x80 : 0);
      head.writeUInt16BE(packets.length & 0xffff, 2);
      head.writeUInt32BE(stream.times[picture]! >>> 0, 4);
      head.writeUInt32BE(SSRC, 8);
      const isLost = random.below(10_000) < percent * 100 && picture >= spared && picture < last;
      packets.push({ picture, bytes: Buffer.concat([head, payload]), isLost });
    });
  });
  return packets;
}

export interface LossyCamera {
  readonly server: ScriptedServer;
  readonly port: number;
  /** Resolves once the last picture was sent to a client. */
  readonly sent: Promise<void>;
  close(): Promise<void>;
}

/** `frameMs`: time between pictures; 0 sends all at once. */
export async function startLossyCamera(
  codec: 'h264' | 'h265',
  packets: readonly LossyPacket[],
  frameMs: number,
): Promise<LossyCamera> {
  const sdp = [
    'v=0',
    'o=- 1 1 IN IP4 0.0.0.0',
    's=lossy',
    't=0 0',
    'a=control:*',
    `m=video 0 RTP/AVP ${PAYLOAD_TYPE}`,
    `a=rtpmap:${PAYLOAD_TYPE} ${codec.toUpperCase()}/90000`,
    ...(codec === 'h264' ? [`a=fmtp:${PAYLOAD_TYPE} packetization-mode=1`] : []),
    'a=control:track1',
    '',
  ].join('\r\n');
  const timers = new Set<NodeJS.Timeout>();
  const udp = dgram.createSocket('udp4');
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  let tell: () => void;
  const sent = new Promise<void>((resolve) => (tell = resolve));
  const clientPorts = new Map<Peer, number>();
  const play = (peer: Peer): void => {
    const port = clientPorts.get(peer);
    const send = (bytes: Buffer): void => {
      if (port === undefined) peer.send(interleaved(0, bytes));
      else udp.send(bytes, port, '127.0.0.1');
    };
    let next = 0;
    const begun = performance.now();
    const tick = (): void => {
      if (peer.socket.destroyed) return;
      const due = frameMs === 0 ? Infinity : (performance.now() - begun) / frameMs;
      for (; next < packets.length && packets[next]!.picture <= due; next++)
        if (!packets[next]!.isLost) send(packets[next]!.bytes);
      if (next < packets.length) timers.add(setTimeout(tick, 5));
      else tell();
    };
    // Starts after the PLAY reply.
    timers.add(setTimeout(tick, 20));
  };
  const server = await startScriptedServer(
    ({ method, headers }, peer) => {
      if (method === 'PLAY') play(peer);
      const wanted = /client_port=(\d+)/.exec(headers.get('Transport') ?? '')?.[1];
      if (method !== 'SETUP' || wanted === undefined) return undefined;
      clientPorts.set(peer, Number(wanted));
      const own = udp.address().port;
      const ports = `client_port=${wanted}-${Number(wanted) + 1};server_port=${own}-${own + 1}`;
      return { headers: { Transport: `RTP/AVP;unicast;${ports}`, Session: `S${peer.connection}` } };
    },
    { sdp },
  );
  return {
    server,
    port: server.port,
    sent,
    close: async () => {
      for (const timer of timers) clearTimeout(timer);
      udp.close();
      await server.close();
    },
  };
}
