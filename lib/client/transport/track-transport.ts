// How one track's packets come: interleaved in the RTSP connection, to a pair of UDP ports, or from a multicast group (RFC 2326 12.39).

import { performance } from 'node:perf_hooks';
import type { NvrError } from '../../errors.js';
import type { TransportSpec } from '../../rtsp/headers.js';
import type { ChannelTable } from './channels.js';
import type { RtspConnection } from '../connection.js';
import { groupOf, joinGroup } from './multicast.js';
import type { Lower } from '../quirks.js';
import type { Track } from '../track.js';
import { UdpPair, type UdpPairOptions } from './udp.js';

export interface TrackTransport {
  /** What SETUP asks for. */
  readonly asked: TransportSpec;
  /** SETUP was granted; undefined: without a Transport, which is taken for a bare yes (row 7). Rejects where that cannot be. */
  accept(granted: TransportSpec | undefined): Promise<void>;
  sendReport(report: Buffer): void;
  /** Idempotent. */
  close(): void;
}

export interface TransportContext {
  readonly connection: RtspConnection;
  readonly track: Track;
  readonly channels: ChannelTable;
  /** Packets of a read were handed on, from a socket of the track's own. */
  /** Whether a datagram that came at this time may be taken. */
  readonly admits: (now: number) => boolean;
  readonly onRead: () => void;
  /** Such a socket failed. */
  readonly onError: (error: NvrError) => void;
}

/** Rejects with EUNREACHABLE where no UDP ports can be had. */
export function openTransport(lower: Lower, context: TransportContext): Promise<TrackTransport> {
  switch (lower) {
    case 'tcp':
      return Promise.resolve(interleaved(context));
    case 'udp':
      return unicast(context);
    case 'multicast':
      return Promise.resolve(multicast(context));
  }
}

function interleaved({ connection, track, channels }: TransportContext): TrackTransport {
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

async function unicast(context: TransportContext): Promise<TrackTransport> {
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
function multicast(context: TransportContext): TrackTransport {
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

function socketsOf({ connection, track, admits, onRead, onError }: TransportContext): UdpPairOptions {
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
