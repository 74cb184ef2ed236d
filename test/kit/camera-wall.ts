// Any number of cameras in a separate process: node --require tsx/cjs camera-wall.ts <bit rate, such as 4M>
// <size>. Prints its RTSP port; every session receives the same pictures, 25 per second.

import { source } from './recorded-units.js';
import { packetizeH264 } from '../codec/packetizers/h264.js';
import { interleaved, startScriptedServer, type Peer } from './scripted-server.js';

const [bitrate = '4M', size = '1280x720'] = process.argv.slice(2);
const FPS = 25;
const TICKS = 90_000 / FPS;

void (async () => {
  const { pictures } = source({ size, bitrate, seconds: 4, gop: 50, filter: 'noise=alls=12:allf=t' });
  const frames = pictures.map(({ data, nals }) => ({
    rtpTime: 0,
    nals: nals.map(({ start, end }) => data.subarray(start + 4, end)),
  }));
  const viewers = new Set<Peer>();
  const server = await startScriptedServer((request, peer) => {
    if (request.method === 'PLAY') setImmediate(() => viewers.add(peer));
    if (request.method === 'TEARDOWN') viewers.delete(peer);
    return undefined;
  });
  let sequence = 0;
  let picture = 0;
  const begun = performance.now();
  setInterval(() => {
    for (; picture * (1000 / FPS) <= performance.now() - begun; picture++) {
      const packets = packetizeH264([frames[picture % frames.length]!], { mtu: 1400, aggregate: false });
      for (const packet of packets) {
        packet[1] = (packet[1]! & 0x80) | 99;
        packet.writeUInt16BE(sequence++ & 0xffff, 2);
        packet.writeUInt32BE((picture * TICKS) >>> 0, 4);
      }
      const bytes = Buffer.concat(packets.map((packet) => interleaved(0, packet)));
      for (const { socket } of viewers) {
        if (socket.destroyed) continue;
        socket.write(bytes);
      }
    }
  }, 10);
  process.send?.({ port: server.port, megabits: bitrateOf(frames) });
})();

function bitrateOf(all: readonly { nals: readonly Buffer[] }[]): number {
  const bytes = all.flatMap(({ nals }) => nals).reduce((sum, { length }) => sum + length, 0);
  return (bytes * 8 * FPS) / all.length / 1e6;
}
