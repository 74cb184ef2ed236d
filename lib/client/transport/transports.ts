// The transports on a connection of its own: packets interleaved in it, to a pair of UDP ports, or from a
// multicast group (RFC 2326 12.39).

import { performance } from 'node:perf_hooks';
import { groupOf, joinGroup } from './multicast.js';
import { openPipe, type OpenPipe } from './socket.js';
import type { TrackContext, TrackTransport, Transport } from './transport.js';
import { UdpPair, type UdpPairOptions } from './udp.js';

export interface ConnectionOptions {
  /** How a connection is made; a TCP or TLS socket by default. */
  connect?: OpenPipe;
}

/** Media interleaved in the RTSP connection. */
export function tcp(options?: ConnectionOptions): Transport {
  return overSocket('tcp', (context) => Promise.resolve(interleaved(context)), options);
}

/** Media to a pair of UDP ports. */
export function udp(options?: ConnectionOptions): Transport {
  return overSocket('udp', unicast, options);
}

/** Media from a multicast group, which the server chooses. */
export function multicast(options?: ConnectionOptions): Transport {
  return overSocket('multicast', (context) => Promise.resolve(fromGroup(context)), options);
}

function overSocket(
  name: 'tcp' | 'udp' | 'multicast',
  openTrack: Transport['openTrack'],
  { connect = openPipe }: ConnectionOptions = {},
): Transport {
  return { name, lower: name, followsRedirects: true, bearer: () => connect, openTrack };
}

/** Packets in the RTSP connection itself. */
export function interleaved({ connection, track, channels }: TrackContext): TrackTransport {
  const asked = channels.freePair();
  let granted = asked;
  // Known before the reply is: its first packets may ride in the same read.
  channels.add(asked, track);
  return {
    asked: { profile: 'RTP/AVP/TCP', lower: 'tcp', multicast: false, interleaved: asked },
    accept: (reply) => {
      granted = reply?.interleaved ?? asked;
      // Some name the channels of another track again, and mean it or not: what was asked for stays as well.
      if (!channels.isAnothers(granted, track)) channels.remove(asked, track);
      channels.add(granted, track);
      return Promise.resolve();
    },
    sendReport: (report) => {
      connection.sendPacket(granted[1], report);
    },
    close: () => {
      channels.remove(asked, track);
      channels.remove(granted, track);
    },
  };
}

async function unicast(context: TrackContext): Promise<TrackTransport> {
  const pair = await UdpPair.bind(socketsOf(context));
  return {
    asked: {
      profile: 'RTP/AVP',
      lower: 'udp',
      multicast: false,
      clientPort: [pair.rtpPort, pair.rtpPort + 1],
    },
    accept: (granted) => {
      pair.setServerPorts(granted?.serverPort?.[0], granted?.serverPort?.[1]);
      pair.acceptFrom(granted?.source);
      pair.punch(context.track.receiverReport(performance.now()));
      return Promise.resolve();
    },
    sendReport: (report) => {
      pair.sendRtcp(report);
    },
    close: () => {
      pair.close();
    },
  };
}

/** The group and its ports are the server's to choose. */
function fromGroup(context: TrackContext): TrackTransport {
  let pair: UdpPair | undefined;
  let closed = false;
  return {
    asked: { profile: 'RTP/AVP', lower: 'udp', multicast: true },
    accept: async (granted) => {
      const joined = await joinGroup(groupOf(granted), socketsOf(context));
      if (closed) joined.close();
      else pair = joined;
    },
    sendReport: (report) => {
      pair?.sendRtcp(report);
    },
    close: () => {
      closed = true;
      pair?.close();
    },
  };
}

function socketsOf({ connection, track, admits, onRead, onError }: TrackContext): UdpPairOptions {
  return {
    localAddress: connection.localAddress,
    remoteAddress: connection.remoteAddress,
    onRtp: (packet, arrival) => {
      if (!admits(arrival)) return;
      track.rtp(packet, 0, packet.length, arrival);
      onRead();
    },
    onRtcp: (packet, arrival) => {
      if (!admits(arrival)) return;
      track.rtcp(packet, 0, packet.length, arrival);
    },
    onError,
  };
}
