// The RTSP server side of one connection, behaving like the MOVE NVR.

import type net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { NvrError } from '../errors.js';
import { Framer } from '../rtsp/framer.js';
import { formatTransport, parseSession, parseTransport, type TransportSpec } from '../rtsp/headers.js';
import { Headers, serializeRequest, serializeResponse, type RtspRequest } from '../rtsp/message.js';
import type { Faults } from './faults.js';
import type { Guard } from './guard.js';
import type { Settings } from './options.js';
import { describe, tracksOf } from './sdp.js';
import { SimulatedSession, type SessionTarget } from './session.js';
import { SimulatedTrack, type TrackTransport } from './track.js';
import { bindUdpPair, openGroup } from './udp-pair.js';

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

const HOST = '127.0.0.1';
const MAX_PENDING = 64;
const METHODS = ['OPTIONS', 'DESCRIBE', 'SETUP', 'TEARDOWN', 'PLAY'];

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** What a connection needs from the NVR. */
export interface DialogueHost {
  readonly settings: Settings;
  readonly guard: Guard;
  readonly faults: Faults;
  /** The session limit is reached. */
  readonly isFull: boolean;
  /** The NVR's clock in epoch ms. */
  now(): number;
  /** The target of a URI, or undefined for 404. A playback key is used up when its session is set up. */
  resolve(uri: string, isOpening: boolean): SessionTarget | undefined;
  note(request: RtspRequest): void;
  forget(dialogue: Dialogue): void;
}

export class Dialogue {
  readonly sessions = new Map<string, SimulatedSession>();
  /** Connected, and no PLAY was answered yet. */
  isSettingUp = true;
  private readonly closed = new AbortController();
  /** Requests are answered in order, one at a time. */
  private turn: Promise<void> = Promise.resolve();
  private pending = 0;
  private ownCSeq = 0;

  constructor(
    private readonly simulator: DialogueHost,
    readonly socket: net.Socket,
  ) {
    const framer = new Framer({
      onPacket: () => {
        // RTCP receiver reports keep the session alive.
        for (const session of this.sessions.values()) session.touch();
      },
      onResponse: () => undefined,
      onRequest: (request) => {
        this.take(request);
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
      this.closed.abort();
      for (const session of this.sessions.values()) session.end();
      this.sessions.clear();
      this.simulator.forget(this);
    });
  }

  /** Sends a TEARDOWN for each session that `isMeant` selects, and stops its media. */
  tearDown(isMeant: (session: SimulatedSession) => boolean): void {
    for (const session of this.sessions.values()) {
      if (!isMeant(session)) continue;
      session.end();
      this.sessions.delete(session.id);
      const headers = new Headers().set('CSeq', String(++this.ownCSeq)).set('Session', session.id);
      this.write(serializeRequest({ method: 'TEARDOWN', uri: '*', headers, body: Buffer.alloc(0) }));
    }
  }

  private take(request: RtspRequest): void {
    this.simulator.note(request);
    if (this.simulator.faults.isDeaf) return;
    if (++this.pending > MAX_PENDING) {
      this.socket.destroy();
      return;
    }
    this.turn = this.turn
      .then(() => this.respond(request))
      // Rejections only come from a closed connection.
      .catch(() => undefined)
      .finally(() => this.pending--);
  }

  private async respond(request: RtspRequest): Promise<void> {
    const { replyDelayMs } = this.simulator.settings;
    if (replyDelayMs > 0) await delay(replyDelayMs, undefined, { signal: this.closed.signal });
    if (this.socket.destroyed) return;
    let answer: Answer;
    try {
      answer = await this.answer(request);
    } catch (error) {
      answer = { status: error instanceof NvrError ? 400 : 503 };
    }
    if (request.method === 'PLAY' && answer.status === 200) this.isSettingUp = false;
    const headers = new Headers()
      .set('CSeq', request.headers.get('CSeq') ?? '0')
      .set('Date', new Date(this.simulator.now()).toUTCString());
    for (const [name, value] of Object.entries(answer.headers ?? {})) headers.set(name, value);
    const reason = REASONS[answer.status] ?? 'Error';
    this.write(
      serializeResponse({ status: answer.status, reason, headers, body: Buffer.from(answer.body ?? '') }),
    );
  }

  private write(bytes: Buffer): void {
    if (!this.socket.destroyed && this.socket.writable) this.socket.write(bytes);
  }

  private async answer(request: RtspRequest): Promise<Answer> {
    const { settings, guard, faults } = this.simulator;
    const { method } = request;
    const fault = faults.statuses.get(method);
    if (fault !== undefined) return { status: fault };
    const methods = settings.getParameter ? [...METHODS, 'GET_PARAMETER'] : METHODS;
    const id = parseSession(request.headers.get('Session') ?? '').id;
    const session = this.sessions.get(id);
    if (id !== '' && (session === undefined || session.isExpired)) return { status: 454 };
    session?.touch();
    const own = id === '' ? {} : { Session: id };
    if (method === 'OPTIONS') return { status: 200, headers: { Public: methods.join(', '), ...own } };
    if (!methods.includes(method)) return { status: 501 };

    const challenge = guard.check(method, request.uri, request.headers.get('Authorization'));
    if (challenge !== undefined) return { status: 401, headers: { 'WWW-Authenticate': challenge } };
    if (settings.withoutPrivilege) return { status: 403 };
    switch (method) {
      case 'DESCRIBE':
        return this.describe(request);
      case 'SETUP':
        return this.setup(request, session);
      case 'PLAY':
        return session === undefined ? { status: 454 } : this.play(request, session);
      case 'TEARDOWN':
        session?.end();
        this.sessions.delete(id);
        break;
      default:
    }
    return session === undefined ? { status: 454 } : { status: 200, headers: own };
  }

  private describe(request: RtspRequest): Answer {
    const target = this.simulator.resolve(request.uri, false);
    if (target === undefined) return { status: 404 };
    return {
      status: 200,
      headers: { 'Content-Type': 'application/sdp', 'Content-Base': `${request.uri}/` },
      body: describe(target, this.simulator.settings),
    };
  }

  private async setup(request: RtspRequest, existing: SimulatedSession | undefined): Promise<Answer> {
    const { settings, faults } = this.simulator;
    const number = Number(/\/track([1-9])$/.exec(request.uri)?.[1]);
    const asked = parseTransport(request.headers.get('Transport') ?? '');
    if (existing?.isPlaying === true || existing?.tracks.has(number) === true) return { status: 455 };
    if (existing === undefined && (faults.refusesSessions || this.simulator.isFull)) return { status: 453 };
    const isRefused = asked.multicast ? !settings.multicast : settings.refuse.includes(asked.lower);
    const lacksPorts = asked.lower === 'udp' && !asked.multicast && !hasPorts(asked);
    if (isRefused || lacksPorts) return { status: 461 };
    // The first SETUP uses up the key; a second track belongs to the same recording.
    const target =
      existing?.target ??
      this.simulator.resolve(request.uri.replace(/\/track\d$/, ''), !Number.isNaN(number));
    const format = target === undefined ? undefined : tracksOf(target, settings)[number - 1];
    if (target === undefined || format === undefined) return { status: 404 };

    const session = existing ?? this.openSession(target);
    const transport = await grant(asked, (number - 1) * 2);
    if (session.isEnded || session.isExpired) {
      if (transport.kind === 'udp') for (const socket of [transport.rtp, transport.rtcp]) socket.close();
      return { status: 454 };
    }
    if (transport.kind === 'udp') {
      for (const socket of [transport.rtp, transport.rtcp]) {
        socket.on('message', () => {
          session.touch();
        });
      }
    }
    session.tracks.set(number, new SimulatedTrack(format, transport, this.socket, settings, faults));
    return {
      status: 200,
      headers: {
        Session: `${session.id};timeout=${settings.sessionTimeout}`,
        Transport: formatTransport(echo(transport)),
      },
    };
  }

  private openSession(target: SessionTarget): SimulatedSession {
    const { settings, faults } = this.simulator;
    const session = new SimulatedSession(target, this.socket, settings, faults);
    this.sessions.set(session.id, session);
    return session;
  }

  private play(request: RtspRequest, session: SimulatedSession): Answer {
    const { settings } = this.simulator;
    if (session.tracks.size === 0 || session.isPlaying) return { status: 455 };
    const isRecorded = session.target.recordedFrom !== undefined;
    const asked = Number.parseFloat(request.headers.get('Scale') ?? '');
    const granted = Number.isFinite(asked) && asked > 0 && settings.scale === 'granted' && isRecorded;
    const asFast =
      settings.onvifReplay && isRecorded && /^no$/i.test(request.headers.get('Rate-Control') ?? '');
    const started = session.play({ scale: granted ? asked : 1, asFast }, this.simulator.now());
    const base = request.uri.replace(/\/$/, '');
    return {
      status: 200,
      headers: {
        Session: session.id,
        Range: 'npt=0.000-',
        ...(granted ? { Scale: String(asked) } : {}),
        ...(asFast ? { 'Rate-Control': 'no' } : {}),
        'RTP-Info': started
          .map(({ number, seq, rtptime }) => `url=${base}/track${number};seq=${seq};rtptime=${rtptime}`)
          .join(','),
      },
    };
  }
}

function hasPorts({ clientPort }: TransportSpec): boolean {
  return clientPort?.every((port) => port > 0) === true;
}

/** `firstChannel`: interleaved channel to use if the client names none. */
async function grant(asked: TransportSpec, firstChannel: number): Promise<TrackTransport> {
  if (asked.lower === 'tcp')
    return { kind: 'tcp', channels: asked.interleaved ?? [firstChannel, firstChannel + 1] };
  if (asked.multicast) {
    const { address, rtp, rtcp } = await openGroup();
    return { kind: 'udp', address, ports: [rtp.address().port, rtcp.address().port], rtp, rtcp };
  }
  const [rtp, rtcp] = await bindUdpPair();
  return { kind: 'udp', address: HOST, ports: asked.clientPort!, rtp, rtcp };
}

/** The NVR writes out the UDP profile, and sends no `ssrc`. */
function echo(transport: TrackTransport): TransportSpec {
  if (transport.kind === 'tcp')
    return {
      profile: 'RTP/AVP/TCP',
      lower: 'tcp',
      multicast: false,
      interleaved: [...transport.channels] as [number, number],
    };
  const ports = [...transport.ports] as [number, number];
  if (transport.address !== HOST)
    return {
      profile: 'RTP/AVP',
      lower: 'udp',
      multicast: true,
      destination: transport.address,
      source: HOST,
      port: ports,
      ttl: 0,
    };
  return {
    profile: 'RTP/AVP/UDP',
    lower: 'udp',
    multicast: false,
    clientPort: ports,
    serverPort: [transport.rtp.address().port, transport.rtcp.address().port],
  };
}
