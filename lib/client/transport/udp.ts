// A track's pair of UDP sockets: RTP on an even port and RTCP on the next one (RFC 3550 11). Packets are
// accepted from one peer only (quirk: udp-needs-punching).

import dgram from 'node:dgram';
import net from 'node:net';
import { performance } from 'node:perf_hooks';
import { NvrError } from '../../errors.js';

export interface UdpPairOptions {
  /** The local address of the RTSP connection: media arrive on the same interface. */
  localAddress: string;
  /** The address of the RTSP server; packets from any other address are counted and ignored. */
  remoteAddress: string;
  onRtp(packet: Buffer, arrival: number): void;
  onRtcp(packet: Buffer, arrival: number): void;
  /** A socket failed after it was bound. */
  onError(error: NvrError): void;
}

const BIND_ATTEMPTS = 20;
const RECEIVE_BUFFER_BYTES = 2 * 1024 * 1024;

/** Reads the clock once per turn of the event loop, however many datagrams that turn brings. */
class TurnClock {
  private value = Number.NaN;

  now(): number {
    if (Number.isNaN(this.value)) {
      this.value = performance.now();
      setImmediate(() => {
        this.value = Number.NaN;
      });
    }
    return this.value;
  }
}

const clock = new TurnClock();

/** The addresses of a multicast group, if packets do not come from and go to the RTSP server. */
interface UdpGroup {
  /** The group's address, to which reports are sent. */
  readonly address: string;
  readonly rtcpPort: number;
  /** The address of the sender, if it is another host than the RTSP server. */
  readonly source?: string;
}

export class UdpPair {
  /** Datagrams from other addresses than the peer's, which were ignored. */
  strangers = 0;
  readonly rtpPort: number;

  private serverRtpPort = 0;
  private serverRtcpPort = 0;
  private closed = false;
  private readonly remote: string;
  /** Another address that may send media, as named by SETUP's reply. */
  private source: string | undefined;

  /** Takes bound sockets. `group` is the group that they have joined. */
  constructor(
    private readonly rtp: dgram.Socket,
    private readonly rtcp: dgram.Socket,
    private readonly options: UdpPairOptions,
    private readonly group?: UdpGroup,
  ) {
    this.rtpPort = rtp.address().port;
    this.remote = group?.source === undefined ? plainAddress(options.remoteAddress) : canonical(group.source);
    this.listen(rtp, (packet, arrival, peerPort) => {
      if (peerPort !== undefined) this.serverRtpPort = peerPort;
      options.onRtp(packet, arrival);
    });
    this.listen(rtcp, (packet, arrival, peerPort) => {
      if (peerPort !== undefined) this.serverRtcpPort = peerPort;
      options.onRtcp(packet, arrival);
    });
  }

  /** Binds an even port and the next one. Rejects with EUNREACHABLE if no pair is free. */
  static async bind(options: UdpPairOptions): Promise<UdpPair> {
    const address = plainAddress(options.localAddress);
    for (let attempt = 0; attempt < BIND_ATTEMPTS; attempt++) {
      const first = await bindSocket(address, 0);
      const port = first.address().port;
      const partner = port % 2 === 0 ? port + 1 : port - 1;
      const second = partner < 65_536 ? await bindSocket(address, partner).catch(() => undefined) : undefined;
      if (second === undefined) {
        first.close();
        continue;
      }
      return port % 2 === 0 ? new UdpPair(first, second, options) : new UdpPair(second, first, options);
    }
    throw new NvrError('EUNREACHABLE', 'No free pair of UDP ports was found on this machine; use TCP.');
  }

  /**
   * Sets the server's ports from SETUP's reply. If one is 0 or missing, it is learnt from the first packet.
   */
  setServerPorts(rtpPort: number | undefined, rtcpPort: number | undefined): void {
    if (this.serverRtpPort === 0) this.serverRtpPort = rtpPort ?? 0;
    if (this.serverRtcpPort === 0) this.serverRtcpPort = rtcpPort ?? 0;
  }

  /**
   * Accepts media from `source=` in SETUP's reply: a server may have several addresses, or let another host
   * send. Nothing is ever sent to that address.
   */
  acceptFrom(source: string | undefined): void {
    const address = (source ?? '').replace(/^\[(.*)\]$/, '$1');
    if (net.isIP(address) !== 0) this.source = canonical(address);
  }

  /** Sends one packet from each socket, which opens the path through a firewall. */
  punch(receiverReport: Buffer): void {
    // An RTP header without payload (version 2, payload type 0), which every server ignores.
    const empty = Buffer.alloc(12);
    empty[0] = 0x80;
    this.send(this.rtp, empty, this.serverRtpPort);
    this.sendRtcp(receiverReport);
  }

  sendRtcp(packet: Buffer): void {
    const { group } = this;
    if (group === undefined) this.send(this.rtcp, packet, this.serverRtcpPort);
    else this.send(this.rtcp, packet, group.rtcpPort, group.address);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.rtp.close();
    this.rtcp.close();
  }

  private send(socket: dgram.Socket, packet: Buffer, port: number, address = this.remote): void {
    if (this.closed || port === 0) return;
    // If the port is unreachable, the error comes back here and is ignored: missing media are noticed anyway.
    socket.send(packet, port, address, () => undefined);
  }

  /**
   * `peerPort` is set for packets from the RTSP server only: the port of another sender says nothing about
   * the server's ports.
   */
  private listen(
    socket: dgram.Socket,
    take: (packet: Buffer, arrival: number, peerPort: number | undefined) => void,
  ): void {
    socket.on('message', (packet, from) => {
      if (this.closed) return;
      const isPeer = from.address === this.remote || plainAddress(from.address) === this.remote;
      if (!isPeer && plainAddress(from.address) !== this.source) {
        this.strangers++;
        return;
      }
      try {
        take(packet, clock.now(), isPeer ? from.port : undefined);
      } catch (error) {
        this.options.onError(
          error instanceof NvrError
            ? error
            : new NvrError('EPROTOCOL', 'A packet could not be read.', { cause: error }),
        );
      }
    });
    socket.on('error', (error) => {
      if (!this.closed)
        this.options.onError(new NvrError('EUNREACHABLE', 'The UDP socket failed.', { cause: error }));
    });
  }
}

/** Binds a UDP socket. `shared`: other sockets may bind to the same port. Rejects with EUNREACHABLE. */
export function bindSocket(address: string, port: number, shared = false): Promise<dgram.Socket> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket({ type: net.isIPv6(address) ? 'udp6' : 'udp4', reuseAddr: shared });
    const refuse = (error: Error): void => {
      socket.close();
      reject(
        new NvrError('EUNREACHABLE', 'A UDP port could not be opened on this machine.', { cause: error }),
      );
    };
    socket.once('error', refuse);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', refuse);
      try {
        socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
      } catch {
        // The system's default size is used then.
      }
      resolve(socket);
    });
  });
}

/** The form in which datagrams name an address: `::1` for `0:0:0:0:0:0:0:1`. */
function canonical(address: string): string {
  const plain = plainAddress(address);
  const family = net.isIPv6(plain) ? 'ipv6' : 'ipv4';
  return new net.SocketAddress({ address: plain.split('%', 1)[0]!, family }).address;
}

/** `::ffff:10.0.0.1` and `10.0.0.1` are one address. */
export function plainAddress(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
