// The transports that use a connection of their own: packets interleaved in it, sent to a pair of UDP ports,
// or sent to a multicast group (RFC 2326 12.39).

import { performance } from 'node:perf_hooks';
import { groupOf, joinGroup } from './multicast.js';
import { openPipe, type OpenPipe } from './socket.js';
import type { TrackContext, TrackTransport, Transport } from './transport.js';
import { UdpPair, type UdpPairOptions } from './udp.js';

export interface ConnectionOptions {
  /** Opens the connection; a TCP or TLS socket by default. */
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

/** Packets interleaved in the RTSP connection (RFC 2326 10.12). */
export function interleaved({ connection, track, channels }: TrackContext): TrackTransport {
  const asked = channels.freePair();
  let granted = asked;
  // Registered before the reply is read: the first packets may come in the same read.
  channels.add(asked, track);
  return {
    asked: { profile: 'RTP/AVP/TCP', lower: 'tcp', multicast: false, interleaved: asked },
    accept: (reply) => {
      granted = reply?.interleaved ?? asked;
      // Some servers name the channels of another track by mistake, so the requested channels stay registered
      // as well.
      if (!channels.belongsToAnother(granted, track)) channels.remove(asked, track);
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

/** The server chooses the group and its ports. */
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

function socketsOf({ connection, track, admit, onRead, onError }: TrackContext): UdpPairOptions {
  return {
    localAddress: connection.localAddress,
    remoteAddress: connection.remoteAddress,
    onRtp: (packet, arrival) => {
      if (!admit(arrival)) return;
      track.rtp(packet, 0, packet.length, arrival);
      onRead();
    },
    onRtcp: (packet, arrival) => {
      if (!admit(arrival)) return;
      track.rtcp(packet, 0, packet.length, arrival);
    },
    onError,
  };
}
