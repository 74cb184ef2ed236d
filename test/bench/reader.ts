// One reader of the bench, in a process of its own: node reader.js <kind> <port> <path> <warm-up MB>. Prints
// what it read after the warm-up, and what that cost.
//
// onread, data the floor: a bare socket library access units of this library
// yellowstone yellowstone from npm, whose folder is the last argument: framing only

import net from 'node:net';
import { createRequire } from 'node:module';
import { tcp } from '../../lib/client/transport/transports.js';
import { ServerMemory } from '../../lib/client/quirks.js';
import { RtspSession } from '../../lib/client/session.js';

export interface Reading {
  cpuMs: number;
  wallMs: number;
  bytes: number;
  units: number;
  peakRssMb: number;
}

const [kind, port = '0', path = '/', warmUp = '0', folder = ''] = process.argv.slice(2);
const uri = `rtsp://127.0.0.1:${port}${path}`;
let units = 0;

/**
 * Where the measuring begins: the handshake, and the time in which the code is still being compiled, are left
 * out.
 */
const warmUpBytes = Number(warmUp) * 1024 * 1024;
let mark: { at: number; cpu: NodeJS.CpuUsage; bytes: number } | undefined;

function pass(bytes: number): void {
  if (mark === undefined && bytes >= warmUpBytes)
    mark = { at: performance.now(), cpu: process.cpuUsage(), bytes };
}

/** Each resolves to the bytes read. */
const readers: Record<string, () => Promise<number>> = {
  onread: () =>
    bare((count) => {
      const onread = {
        buffer: Buffer.allocUnsafeSlow(64 * 1024),
        callback: (length: number): boolean => {
          count(length);
          return true;
        },
      };
      return net.connect({ port: Number(port), host: '127.0.0.1', onread });
    }),
  data: () =>
    bare((count) => {
      const socket = net.connect({ port: Number(port), host: '127.0.0.1' });
      socket.on('data', (chunk) => {
        count(chunk.length);
      });
      return socket;
    }),
  library,
  yellowstone,
};

function bare(connect: (count: (length: number) => void) => net.Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    const socket = connect((length) => {
      bytes += length;
      pass(bytes);
    });
    socket.write(`PLAY ${uri} RTSP/1.0\r\nCSeq: 1\r\n\r\n`);
    socket.on('error', reject);
    socket.on('close', () => {
      resolve(bytes);
    });
  });
}

async function library(): Promise<number> {
  let data = 0;
  const end = await new Promise<RtspSession>((resolve, reject) => {
    const session = new RtspSession({
      uri,
      transport: tcp(),
      memory: new ServerMemory(),
      onUnit: (unit) => {
        data += unit.data.length;
        units++;
        // The headers of the packets are 1.5 % more.
        if (mark === undefined && data >= warmUpBytes) pass(session.statistics.bytes);
        if (unit.kind === 'video' && unit.damaged) reject(new Error('a damaged unit'));
      },
      onEnd: () => {
        resolve(session);
      },
    });
    session.open().catch(reject);
  });
  const { lost, bytes } = end.statistics;
  if (lost > 0 || data === 0) throw new Error(`${lost} packets were lost`);
  return bytes;
}

interface Yellowstone {
  _onData: (data: Buffer) => void;
  on(event: 'data', listener: (channel: number, payload: Buffer) => void): void;
  connect(uri: string): Promise<unknown>;
  play(): Promise<unknown>;
  _client: net.Socket;
}

async function yellowstone(): Promise<number> {
  const { RtspClient } = createRequire(`${folder}/`)('yellowstone') as { RtspClient: new () => Yellowstone };
  keepHeadersWhole(RtspClient.prototype as Yellowstone);
  const client = new RtspClient();
  let bytes = 0;
  client.on('data', (_channel, payload) => {
    bytes += payload.length + 16;
    pass(bytes);
  });
  await client.connect(uri);
  const closed = new Promise((resolve) => client._client.on('close', resolve));
  void client.play();
  await closed;
  return bytes;
}

/**
 * It throws where a read ends within the four bytes in front of a packet, or begins with a reply and goes on
 * with media: it gets no such reads.
 */
function keepHeadersWhole(prototype: Yellowstone): void {
  const take = prototype._onData;
  let left = 0;
  let held: Buffer = Buffer.alloc(0);
  prototype._onData = function (read: Buffer): void {
    let data = held.length > 0 ? Buffer.concat([held, read]) : read;
    if (left === 0 && data[0] !== 0x24) {
      const reply = data.indexOf('\r\n\r\n$') + 4;
      take.call(this, reply < 4 ? data : data.subarray(0, reply));
      if (reply < 4) return;
      data = data.subarray(reply);
    }
    let at = left;
    while (at + 4 <= data.length && data[at] === 0x24) at += 4 + data.readUInt16BE(at + 2);
    const cut = at < data.length ? at : data.length;
    held = Buffer.from(data.subarray(cut));
    left = Math.max(0, at - data.length);
    if (cut > 0) take.call(this, data.subarray(0, cut));
  };
}

async function main(): Promise<void> {
  const read = readers[kind ?? ''];
  if (read === undefined) throw new Error(`There is no reader '${kind ?? ''}'.`);
  const bytes = await read();
  if (mark === undefined) throw new Error('The stream ended before the warm-up was over.');
  const { user, system } = process.cpuUsage(mark.cpu);
  const reading: Reading = {
    cpuMs: (user + system) / 1000,
    wallMs: performance.now() - mark.at,
    bytes: bytes - mark.bytes,
    units,
    peakRssMb: process.resourceUsage().maxRSS / 1024,
  };
  process.stdout.write(JSON.stringify(reading));
  process.exit();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
