// One connection's dialogue, as the MOVE NVR leads it.

import type net from 'node:net';
import { NvrError } from '../errors.js';
import { Framer } from '../rtsp/framer.js';
import { formatTransport, parseSession, parseTransport } from '../rtsp/headers.js';
import { Headers, serializeResponse, type RtspRequest } from '../rtsp/message.js';
import type { Simulator } from './simulator.js';
import { bindUdpPair, SimulatedSession, type SessionTarget } from './session.js';
import { LiveSource, RecordingSource } from './source.js';

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  453: 'Not Enough Bandwidth',
  454: 'Session Not Found',
  455: 'Method Not Valid in This State',
  461: 'Unsupported Transport',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

export class Dialogue {
  readonly sessions = new Map<string, SimulatedSession>();

  constructor(
    private readonly simulator: Simulator,
    readonly socket: net.Socket,
  ) {
    const framer = new Framer({
      onPacket: () => {
        // Receiver reports: they keep the session alive.
        for (const session of this.sessions.values()) session.touch();
      },
      onResponse: () => undefined,
      onRequest: (request) => {
        void this.respond(request);
      },
    });
    socket.on('data', (chunk) => {
      try {
        framer.feed(chunk);
      } catch {
        socket.destroy();
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const session of this.sessions.values()) session.end();
      this.sessions.clear();
      this.simulator.forget(this);
    });
  }

  private async respond(request: RtspRequest): Promise<void> {
    this.simulator.note(request);
    let answer: Answer;
    try {
      answer = await this.answer(request);
    } catch (error) {
      answer = { status: error instanceof NvrError ? 400 : 503 };
    }
    if (this.socket.destroyed) return;
    const headers = new Headers()
      .set('CSeq', request.headers.get('CSeq') ?? '0')
      .set('Date', new Date(this.simulator.now()).toUTCString());
    for (const [name, value] of Object.entries(answer.headers ?? {})) headers.set(name, value);
    const body = Buffer.from(answer.body ?? '');
    this.socket.write(
      serializeResponse({ status: answer.status, reason: REASONS[answer.status] ?? 'Error', headers, body }),
    );
  }

  private async answer(request: RtspRequest): Promise<Answer> {
    const { settings, guard } = this.simulator;
    const methods = [
      'OPTIONS',
      'DESCRIBE',
      'SETUP',
      'TEARDOWN',
      'PLAY',
      ...(settings.getParameter ? ['GET_PARAMETER'] : []),
    ];
    const id = parseSession(request.headers.get('Session') ?? '').id;
    const session = this.sessions.get(id);
    if (id !== '' && (session === undefined || session.isExpired)) return { status: 454 };
    session?.touch();
    if (request.method === 'OPTIONS')
      return { status: 200, headers: { Public: methods.join(', '), ...(id === '' ? {} : { Session: id }) } };
    if (!methods.includes(request.method)) return { status: 501 };

    const challenge = guard.check(request.method, request.headers.get('Authorization'));
    if (challenge !== undefined) return { status: 401, headers: { 'WWW-Authenticate': challenge } };
    if (settings.withoutPrivilege) return { status: 403 };
    switch (request.method) {
      case 'DESCRIBE':
        return this.describe(request);
      case 'SETUP':
        return this.setup(request, session);
      case 'PLAY':
        return session === undefined ? { status: 454 } : this.play(request, session);
      case 'TEARDOWN':
        session?.end();
        this.sessions.delete(id);
        return { status: session === undefined ? 454 : 200, headers: { Session: id } };
      default:
        return { status: session === undefined ? 454 : 200, headers: { Session: id } };
    }
  }

  private describe(request: RtspRequest): Answer {
    const target = this.simulator.resolve(request.uri, false);
    if (target === undefined) return { status: 404 };
    const name = `CH${String(target.channel - 1 + this.simulator.settings.firstChannel).padStart(2, '0')}${target.stream === 'main' ? 'M' : 'D'}`;
    const [height, width] = target.stream === 'main' ? [360, 640] : [180, 320];
    const body = [
      'v=0',
      'o=- 1271956268066958 0 IN IP4 0.0.0.0',
      's=Session streamed by "NVRMediaServer"',
      `i=${name}`,
      't=0 0',
      'a=tool:NVR Streaming Media',
      'a=type:broadcast',
      'a=control:*',
      'a=range:npt=0-',
      'm=video 0 RTP/AVP 99',
      'c=IN IP4 0.0.0.0',
      'a=rtpmap:99 H264/90000',
      'a=fmtp:99 packetization-mode=1',
      'a=control:track1',
      `a=cliprect:0,0,${height},${width}`,
      'a=framerate:12.500000',
      'a=x-bufferdelay:0',
      '',
    ].join('\r\n');
    return {
      status: 200,
      headers: { 'Content-Type': 'application/sdp', 'Content-Base': `${request.uri}/` },
      body,
    };
  }

  private async setup(request: RtspRequest, known: SimulatedSession | undefined): Promise<Answer> {
    const { settings } = this.simulator;
    if (!request.uri.endsWith('/track1')) return { status: 404 };
    const target = this.simulator.resolve(request.uri.replace(/\/track1$/, ''), true);
    if (target === undefined) return { status: 404 };
    const asked = parseTransport(request.headers.get('Transport') ?? '');
    if (asked.multicast || settings.refuse.includes(asked.lower)) return { status: 461 };
    if (known === undefined && this.simulator.sessionCount >= settings.maxSessions) return { status: 453 };

    const session = known ?? new SimulatedSession(target, this.socket, settings);
    this.sessions.set(session.id, session);
    const head = { Session: `${session.id};timeout=${settings.sessionTimeout}` };
    if (asked.lower === 'tcp') {
      const channels = asked.interleaved ?? [0, 1];
      session.transport = { kind: 'tcp', channels };
      return {
        status: 200,
        headers: {
          ...head,
          Transport: formatTransport({
            profile: 'RTP/AVP/TCP',
            lower: 'tcp',
            multicast: false,
            interleaved: channels,
          }),
        },
      };
    }
    if (asked.clientPort === undefined) return { status: 461 };
    const [rtp, rtcp] = await bindUdpPair();
    for (const socket of [rtp, rtcp]) {
      socket.on('message', () => {
        session.touch();
      });
    }
    session.transport = { kind: 'udp', clientPorts: asked.clientPort, rtp, rtcp };
    const serverPort: [number, number] = [rtp.address().port, rtcp.address().port];
    const transport = {
      profile: 'RTP/AVP/UDP',
      lower: 'udp',
      multicast: false,
      clientPort: asked.clientPort,
      serverPort,
    } as const;
    return { status: 200, headers: { ...head, Transport: formatTransport(transport) } };
  }

  private play(request: RtspRequest, session: SimulatedSession): Answer {
    const { settings } = this.simulator;
    if (session.transport === undefined || session.isPlaying) return { status: 455 };
    const { target } = session;
    const now = Date.now();
    const asked = Number.parseFloat(request.headers.get('Scale') ?? '');
    const granted =
      Number.isFinite(asked) &&
      asked > 0 &&
      settings.scale === 'granted' &&
      target.recordedFrom !== undefined;
    const asFast =
      settings.onvifReplay &&
      target.recordedFrom !== undefined &&
      /^no$/i.test(request.headers.get('Rate-Control') ?? '');
    const source =
      target.recordedFrom === undefined
        ? new LiveSource(target.channel, target.stream, now)
        : new RecordingSource(target.recordedFrom, now, settings);
    const { seq, rtptime } = session.play(source, { scale: granted ? asked : 1, asFast });
    return {
      status: 200,
      headers: {
        Session: session.id,
        Range: 'npt=0.000-',
        ...(granted ? { Scale: String(asked) } : {}),
        ...(asFast ? { 'Rate-Control': 'no' } : {}),
        'RTP-Info': `url=${request.uri.replace(/\/$/, '')}/track1;seq=${seq};rtptime=${rtptime}`,
      },
    };
  }
}

/** What a URI names: `/live?ch=0000&stype=M`, `/playback?…&pbkey=…`, or the older `/CH00D`. `isOpening`: a key is spent by it. */
export function resolveTarget(
  uri: string,
  simulator: Simulator,
): { target: SessionTarget; key?: string } | undefined {
  const path = uri.replace(/^rtsps?:\/\/[^/]*/i, '').replace(/\/$/, '');
  const legacy = /^\/CH(\d{2})([DM])$/.exec(path);
  const modern = /^\/(live|playback)\?(.*)$/.exec(path);
  const query = new Map(
    (modern?.[2] ?? '').split('&').map((pair) => pair.split(/=(.*)/s, 2) as [string, string]),
  );
  const wire = legacy?.[1] ?? query.get('ch');
  const code = legacy?.[2] ?? query.get('stype');
  if (wire === undefined || !/^\d{1,4}$/.test(wire) || (code !== 'M' && code !== 'D')) return undefined;
  const channel = Number(wire) - simulator.settings.firstChannel + 1;
  if (channel < 1 || channel > simulator.settings.channels || simulator.isUnplugged(channel))
    return undefined;
  const target: SessionTarget = { channel, stream: code === 'M' ? 'main' : 'dual' };
  if (modern?.[1] !== 'playback') return { target };
  return { target, key: decodeURIComponent(query.get('pbkey') ?? '') };
}
