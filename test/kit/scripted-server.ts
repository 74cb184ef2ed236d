// An RTSP server with answers scripted by a test, on a free loopback port.

import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { Framer } from '../../lib/rtsp/framer.js';
import { Headers, serializeResponse, type RtspRequest } from '../../lib/rtsp/message.js';

/** A reply. `raw` bytes are sent unchanged, before or after it. `undefined` instead of a reply: no answer. */
export interface Reply {
  status?: number;
  reason?: string;
  headers?: Record<string, string | string[] | undefined>;
  body?: string;
  before?: Buffer;
  after?: Buffer;
  /** Send this instead of a reply. */
  raw?: Buffer;
  /** Close the connection after it. */
  close?: boolean;
}

export type Script = (request: RtspRequest, peer: Peer) => Reply | undefined;

export interface Peer {
  readonly socket: net.Socket;
  /** Number of the connection, from 1. */
  readonly connection: number;
  send(bytes: Buffer): void;
}

export interface ScriptedServer {
  readonly port: number;
  readonly requests: RtspRequest[];
  readonly peers: Peer[];
  readonly responses: number[];
  /** The next request with that method. */
  waitFor(method: string): Promise<RtspRequest>;
  close(): Promise<void>;
}

export const SDP = [
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
  'a=framerate:25.000000',
  '',
].join('\r\n');

/** A server that accepts everything, like the MOVE NVR; `script` may return another reply. */
export async function startScriptedServer(
  script: Script = () => undefined,
  options: { silent?: boolean; sdp?: string } = {},
): Promise<ScriptedServer> {
  const requests: RtspRequest[] = [];
  const responses: number[] = [];
  const peers: Peer[] = [];
  const waiting: { method: string; resolve(request: RtspRequest): void }[] = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    const peer: Peer = { socket, connection: peers.length + 1, send: (bytes) => void socket.write(bytes) };
    peers.push(peer);
    const framer = new Framer({
      onPacket: () => undefined,
      onResponse: (response) => responses.push(response.status),
      onRequest: (request) => {
        requests.push(request);
        answer(
          request,
          peer,
          script(request, peer) ??
            (options.silent === true ? undefined : usualReply(request, peer, options.sdp ?? SDP)),
        );
        for (const [index, wait] of [...waiting.entries()].reverse()) {
          if (wait.method === request.method) waiting.splice(index, 1)[0]!.resolve(request);
        }
      },
    });
    socket.on('data', (chunk) => {
      framer.feed(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    responses,
    peers,
    waitFor: (method) => new Promise((resolve) => waiting.push({ method, resolve })),
    close: async () => {
      for (const { socket } of peers) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The reply of the MOVE NVR. */
export function usualReply(request: RtspRequest, peer: Peer, sdp = SDP): Reply {
  switch (request.method) {
    case 'OPTIONS':
      return { headers: { Public: 'OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, GET_PARAMETER' } };
    case 'DESCRIBE':
      return { headers: { 'Content-Type': 'application/sdp', 'Content-Base': `${request.uri}/` }, body: sdp };
    case 'SETUP':
      return {
        headers: {
          Transport: request.headers.get('Transport') ?? '',
          Session: `S${peer.connection};timeout=60`,
        },
      };
    default:
      return { headers: { Session: `S${peer.connection}` } };
  }
}

function answer(request: RtspRequest, peer: Peer, reply: Reply | undefined): void {
  if (reply === undefined) return;
  if (reply.before !== undefined) peer.send(reply.before);
  if (reply.raw !== undefined) {
    peer.send(reply.raw);
  } else {
    const headers = new Headers().set('CSeq', request.headers.get('CSeq') ?? '');
    for (const [name, value] of Object.entries(reply.headers ?? {})) {
      if (value === undefined) headers.delete(name);
      else for (const one of [value].flat()) headers.append(name, one);
    }
    if (reply.headers !== undefined && 'CSeq' in reply.headers && reply.headers.CSeq !== undefined)
      headers.set('CSeq', String(reply.headers.CSeq));
    peer.send(
      serializeResponse({
        status: reply.status ?? 200,
        reason: reply.reason ?? 'OK',
        headers,
        body: Buffer.from(reply.body ?? ''),
      }),
    );
  }
  if (reply.after !== undefined) peer.send(reply.after);
  if (reply.close === true) peer.socket.end();
}

/** An interleaved frame (RFC 2326 10.12). */
export function interleaved(channel: number, packet: Buffer): Buffer {
  const head = Buffer.from([0x24, channel, 0, 0]);
  head.writeUInt16BE(packet.length, 2);
  return Buffer.concat([head, packet]);
}

/** An RTP packet with a fixed header (RFC 3550 5.1). */
export function rtp(
  sequence: number,
  timestamp: number,
  marker: boolean,
  payload: Buffer,
  { ssrc = 0x1234, payloadType = 99 } = {},
): Buffer {
  const head = Buffer.alloc(12);
  head[0] = 0x80;
  head[1] = (marker ? 0x80 : 0) | payloadType;
  head.writeUInt16BE(sequence & 0xffff, 2);
  head.writeUInt32BE(timestamp >>> 0, 4);
  head.writeUInt32BE(ssrc, 8);
  return Buffer.concat([head, payload]);
}

/** A real 320x240 SPS and PPS (x264, High), and slices that are complete enough for a depacketizer. */
export const SPS = Buffer.from('6764000dacd94141fb011000000300100000030320f1429960', 'hex');
export const PPS = Buffer.from('68ebe3cb22c0', 'hex');

export function idrSlice(fill = 0x55, length = 40): Buffer {
  return Buffer.concat([Buffer.from([0x65, 0x88, 0x84]), Buffer.alloc(length - 1, fill)]);
}

export function deltaSlice(fill = 0x33, length = 20): Buffer {
  return Buffer.concat([Buffer.from([0x41, 0x9a]), Buffer.alloc(length, fill)]);
}

/** A picture of one packet, framed: `index` 0 is a keyframe, with sequence number 2 and time 0. */
export function onePacketPicture(index: number): Buffer {
  const slice = index === 0 ? idrSlice() : deltaSlice(index);
  return interleaved(0, rtp(index + 2, index * 3600, true, slice));
}

/** The packets of a keyframe with its parameter sets, from `sequence` on: SPS, PPS, IDR with the marker. */
export function keyframePackets(sequence: number, timestamp: number, fill?: number): Buffer[] {
  return [
    rtp(sequence, timestamp, false, SPS),
    rtp(sequence + 1, timestamp, false, PPS),
    rtp(sequence + 2, timestamp, true, idrSlice(fill)),
  ];
}
