// Plays a URI to its end and keeps what came.

import { multicast, tcp, udp } from '../../lib/client/transport/transports.js';
import { httpTunnel } from '../../lib/client/transport/http-tunnel.js';
import { ServerMemory, type Lower } from '../../lib/client/quirks.js';
import { RtspSession, type SessionEnd } from '../../lib/client/session.js';
import type { TlsSettings } from '../../lib/client/transport/socket.js';
import type { AudioUnit, VideoUnit } from '../../lib/codec/unit.js';

export const ACCOUNT = { username: 'admin', password: 'geheim' };

export interface Received {
  video: VideoUnit[];
  audio: AudioUnit[];
  end: SessionEnd;
  session: RtspSession;
}

export interface Playing {
  uri: string;
  transport: Lower;
  /** In HTTP. */
  tunnelled?: boolean;
  credentials?: { username: string; password: string } | undefined;
  tls?: TlsSettings | undefined;
  /** Enough: the session is closed. */
  until?: (video: readonly VideoUnit[]) => boolean;
}

export async function receive(playing: Playing): Promise<Received> {
  const { uri, transport, tunnelled = false, credentials, tls, until } = playing;
  const video: VideoUnit[] = [];
  const audio: AudioUnit[] = [];
  let session!: RtspSession;
  const end = await new Promise<SessionEnd>((resolve, reject) => {
    session = new RtspSession({
      uri,
      credentials,
      transport: tunnelled ? httpTunnel() : { tcp, udp, multicast }[transport](),
      tls,
      extras: true,
      memory: new ServerMemory(),
      onUnit: (unit) => {
        if (unit.kind === 'video') video.push(unit);
        else if (unit.kind === 'audio') audio.push(unit);
        if (until?.(video) === true)
          session.close().then(() => {
            reject(new Enough());
          }, reject);
      },
      onEnd: resolve,
    });
    session.open().catch(reject);
  }).catch((error: unknown) => {
    if (error instanceof Enough) return { reason: 'eof', withoutMedia: false } as SessionEnd;
    throw error;
  });
  await session.close();
  return { video, audio, end, session };
}

class Enough extends Error {}
