// The bench's server, in a process of its own: pre-packetized H.264 as fast as the socket takes it, or paced
// as a camera sends it.
//
// /bulk?mb=N 64 KB writes /packets?mb=N one write per RTP packet
// /camera 4 Mbit/s, 25 pictures a second, one write per packet, without end; /camera?mbit=2 2 Mbit/s
// /clip/N the Nth of the elementary streams that are named behind the size, paced as a camera sends it, a
// picture's number being its place in the file
// /udp?rate=N&packets=M M packets over UDP, N a second

import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';
import { FPS, makePictures, pack, packPicture, picturesOf, type Packed, type Picture } from './stream.js';

const WRITE_BYTES = 64 * 1024;
/** Packets written before other sockets get their turn. */
const TURN_PACKETS = 256;
const SDP = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=bench',
  't=0 0',
  'm=video 0 RTP/AVP 96',
  'a=rtpmap:96 H264/90000',
  'a=fmtp:96 packetization-mode=1',
  'a=control:track1',
  '',
].join('\r\n');

const pictures = makePictures(4);
const clips = process.argv.slice(3).map((file) => picturesOf(fs.readFileSync(file)));
let smallPictures: Picture[] | undefined;
const largest = pack(pictures, Number(process.argv[2] ?? 64) * 1024 * 1024);
let cameras = 0;

const server = net.createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  let text = '';
  let clientPort = 0;
  socket.on('data', (chunk) => {
    // Receiver reports come in between; a request ends with an empty line.
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end);
      const request = /([A-Z_]+) (\S+) RTSP\/1\.0\r\n[^]*?CSeq: *(\d+)/i.exec(head);
      clientPort = Number(/client_port=(\d+)/.exec(head)?.[1] ?? clientPort);
      text = text.slice(end + 4);
      if (request !== null) answer(socket, request[1]!, request[2]!, request[3]!, clientPort);
    }
  });
});

function answer(socket: net.Socket, method: string, uri: string, cseq: string, clientPort: number): void {
  const body = method === 'DESCRIBE' ? SDP : '';
  const lines = ['RTSP/1.0 200 OK', `CSeq: ${cseq}`];
  if (method === 'OPTIONS') lines.push('Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN');
  else if (method === 'SETUP' && clientPort > 0)
    lines.push(`Transport: RTP/AVP;unicast;client_port=${clientPort}-${clientPort + 1}`, 'Session: 1');
  else if (method === 'SETUP') lines.push('Transport: RTP/AVP/TCP;unicast;interleaved=0-1', 'Session: 1');
  else if (method !== 'DESCRIBE') lines.push('Session: 1');
  if (body !== '') lines.push('Content-Type: application/sdp', `Content-Length: ${body.length}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  if (method === 'PLAY') send(socket, uri, clientPort);
}

function send(socket: net.Socket, uri: string, clientPort: number): void {
  if (uri.includes('/udp')) {
    const [rate, packets] = [/rate=(\d+)/, /packets=(\d+)/].map((pattern) => Number(pattern.exec(uri)?.[1]));
    sendDatagrams(socket, clientPort, rate!, packets!);
    return;
  }
  const clip = clips[Number(/\/clip\/(\d+)/.exec(uri)?.[1] ?? -1)];
  if (clip !== undefined) {
    pace(socket, clip);
    return;
  }
  if (uri.includes('/camera')) {
    pace(socket, uri.includes('mbit=2') ? (smallPictures ??= makePictures(2)) : pictures);
    return;
  }
  const size = Number(/mb=(\d+)/.exec(uri)?.[1] ?? 1) * 1024 * 1024;
  const last = largest.ends.findIndex((end) => end >= Math.min(size, largest.bytes.length));
  if (uri.includes('/packets')) sendPackets(socket, largest, 0, last);
  else sendBulk(socket, largest.bytes.subarray(0, largest.ends[last]), 0);
}

function sendBulk(socket: net.Socket, bytes: Buffer, from: number): void {
  let at = from;
  while (at < bytes.length) {
    const writable = socket.write(bytes.subarray(at, (at += WRITE_BYTES)));
    if (!writable) {
      socket.once('drain', () => {
        sendBulk(socket, bytes, at);
      });
      return;
    }
  }
  socket.end();
}

function sendPackets(socket: net.Socket, { bytes, ends }: Packed, from: number, last: number): void {
  for (let i = from; i <= last; i++) {
    const writable = socket.write(bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]));
    if (i === last) break;
    const next = (): void => {
      sendPackets(socket, largest, i + 1, last);
    };
    if (!writable) {
      socket.once('drain', next);
      return;
    }
    if (i - from >= TURN_PACKETS) {
      setImmediate(next);
      return;
    }
  }
  socket.end();
}

/**
 * At an even rate, as far as timers allow; the connection ends when the last packets have had time to arrive.
 */
function sendDatagrams(socket: net.Socket, clientPort: number, rate: number, packets: number): void {
  const udp = dgram.createSocket({ type: 'udp4', sendBufferSize: 4 << 20 });
  const begun = performance.now();
  const { bytes, ends } = largest;
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.min(packets, Math.floor(((performance.now() - begun) * rate) / 1000));
    for (; sent < due; sent++) {
      // Without the four bytes of the interleaved frame.
      udp.send(bytes.subarray((sent === 0 ? 0 : ends[sent - 1]!) + 4, ends[sent]), clientPort, '127.0.0.1');
    }
    if (sent < packets) return;
    clearInterval(timer);
    setTimeout(() => {
      udp.close();
      socket.end();
    }, 500);
  }, 1);
}

/** Cameras send at different moments. */
function pace(socket: net.Socket, pictures: readonly Picture[]): void {
  const interval = 1000 / FPS;
  let index = 0;
  let sent = 0;
  const begun = performance.now() + ((cameras++ * 7) % interval);
  const memory = Buffer.alloc(512 * 1024);
  const timer = setInterval(() => {
    for (; (performance.now() - begun) / interval >= index; index++) {
      const ends = new Array<number>(sent);
      const end = packPicture(memory, 0, pictures[index % pictures.length]!, index, ends);
      // A copy: the socket may still hold what was written when the memory is used again.
      const bytes = Buffer.from(memory.subarray(0, end));
      let at = 0;
      for (const one of ends.slice(sent)) socket.write(bytes.subarray(at, (at = one)));
      sent = ends.length & 0xffff;
    }
  }, 5);
  socket.on('close', () => {
    clearInterval(timer);
  });
}

server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as net.AddressInfo).port });
});
process.on('disconnect', () => process.exit());
