// RTP from a multicast group: reads the group from SETUP's reply and joins it (RFC 2326 12.39, RFC 3550 11).

import type dgram from 'node:dgram';
import net from 'node:net';
import { NvrError } from '../../errors.js';
import type { TransportSpec } from '../../rtsp/headers.js';
import { printable } from '../../text.js';
import { bindSocket, plainAddress, UdpPair, type UdpPairOptions } from './udp.js';

export interface MulticastGroup {
  readonly address: string;
  readonly rtpPort: number;
  readonly rtcpPort: number;
  /** Time to live (hops) of our reports. */
  readonly ttl: number;
  /** The address of the sender, if it is another host than the RTSP server. */
  readonly source?: string;
}

const DEFAULT_TTL = 1;
/** The conventional TTL limit of a site, from before multicast scopes were defined by address. */
const MAX_TTL = 32;

/** The group in SETUP's reply. Throws EUNSUPPORTED if it names none. */
export function groupOf(granted: TransportSpec | undefined): MulticastGroup {
  const address = granted?.destination ?? '';
  const ports = granted?.port ?? granted?.clientPort ?? granted?.serverPort;
  if (granted === undefined || !isGroup(address) || ports === undefined || ports.includes(0)) {
    const named = printable(`${address} ${ports?.join('-') ?? ''}`.trim(), 80);
    throw new NvrError(
      'EUNSUPPORTED',
      `The server granted multicast without a group and its ports (it names ${named === '' ? 'neither' : `"${named}"`}); choose another transport.`,
    );
  }
  const { source, ttl = DEFAULT_TTL } = granted;
  if (isReserved(address))
    throw new NvrError(
      'EUNSUPPORTED',
      `The server granted the multicast group ${address}, which belongs to another service; set a group of its own (239.x.x.x) on the camera, or choose another transport.`,
    );
  if (ttl > MAX_TTL)
    throw new NvrError(
      'EUNSUPPORTED',
      `The server granted multicast with a TTL of ${ttl}: reports would leave the site; set ${MAX_TTL} or less on the camera, or choose another transport.`,
    );
  return {
    address,
    rtpPort: ports[0],
    rtcpPort: ports[1],
    ttl,
    ...(source !== undefined && net.isIP(source) !== 0 && { source }),
  };
}

/**
 * Joins the group on the interface of the RTSP connection. Several sessions on one machine may be members at
 * the same time. Rejects with EUNREACHABLE if the port or the membership cannot be had.
 */
export async function joinGroup(group: MulticastGroup, options: UdpPairOptions): Promise<UdpPair> {
  const local = plainAddress(options.localAddress);
  const rtp = await member(group, group.rtpPort, local);
  try {
    const rtcp = await member(group, group.rtcpPort, local);
    return new UdpPair(rtp, rtcp, options, group);
  } catch (error) {
    rtp.close();
    throw error;
  }
}

async function member(group: MulticastGroup, port: number, local: string): Promise<dgram.Socket> {
  const { address, ttl } = group;
  const isV6 = net.isIPv6(address);
  // A socket bound to the group's address gets no packets of other groups on the same port; this works on
  // Linux only. Elsewhere only the sender's address tells them apart.
  const own = process.platform === 'linux' ? address : isV6 ? '::' : '0.0.0.0';
  const socket = await bindSocket(own, port, true);
  try {
    // For IPv6 the system chooses the interface.
    if (isV6) {
      socket.addMembership(address);
    } else {
      socket.addMembership(address, local);
      socket.setMulticastInterface(local);
    }
    socket.setMulticastTTL(ttl);
    return socket;
  } catch (error) {
    socket.close();
    throw new NvrError(
      'EUNREACHABLE',
      `The multicast group ${address} cannot be joined from this machine; choose another transport.`,
      { cause: error },
    );
  }
}

/** 224.0.0.0/4 (RFC 5771), ff00::/8 (RFC 4291 2.7). */
function isGroup(address: string): boolean {
  if (net.isIPv6(address)) return /^ff/i.test(address);
  const first = Number(address.split('.', 1)[0]);
  return net.isIPv4(address) && first >= 224 && first <= 239;
}

/**
 * Groups that belong to other services: 224.0.0.0/23 (all hosts, routers, mDNS, NTP, PTP …; RFC 5771 4, 5),
 * the upper end of each scope (SSDP, SLP …; RFC 2365 9), and IPv6 groups without the T flag, which IANA
 * assigns permanently (RFC 4291 2.7).
 */
function isReserved(address: string): boolean {
  if (net.isIPv6(address)) return (Number.parseInt(address.slice(2, 3), 16) & 1) === 0;
  const [first, second, third, fourth] = address.split('.').map(Number) as [number, number, number, number];
  if (first === 224) return second === 0 && third <= 1;
  return first === 239 && third === 255 && fourth >= 240;
}
