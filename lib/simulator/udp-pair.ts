// Server side of RTP over UDP: an even/odd pair of ports on the loopback interface (RFC 3550 11), for unicast
// or a multicast group.

import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';

const ATTEMPTS = 50;

/** Rejects if no pair is free. */
export async function bindUdpPair(): Promise<[rtp: dgram.Socket, rtcp: dgram.Socket]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = await bind(0);
    const port = first.address().port;
    const partner = port % 2 === 0 ? port + 1 : port - 1;
    const second = await bind(partner).catch(() => undefined);
    if (second !== undefined) return port % 2 === 0 ? [first, second] : [second, first];
    first.close();
  }
  throw new Error('no pair of UDP ports is free');
}

/**
 * A group address of organization-local scope (RFC 2365 6.1). Clients use the same port numbers as the
 * server, because those are free.
 */
export async function openGroup(): Promise<{ address: string; rtp: dgram.Socket; rtcp: dgram.Socket }> {
  const [rtp, rtcp] = await bindUdpPair();
  for (const socket of [rtp, rtcp]) {
    socket.setMulticastInterface('127.0.0.1');
    // TTL 0 keeps packets on this machine.
    socket.setMulticastTTL(0);
    socket.setMulticastLoopback(true);
  }
  return { address: `239.255.${randomInt(256)}.${randomInt(1, 255)}`, rtp, rtcp };
}

function bind(port: number): Promise<dgram.Socket> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.removeAllListeners('error');
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}
