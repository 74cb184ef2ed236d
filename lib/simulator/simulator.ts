// An NVR in one process on the loopback interface: RTSP server, key service, and faults on request.

import type http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import type { RtspRequest } from '../rtsp/message.js';
import { Dialogue, type DialogueHost } from './dialogue.js';
import { Faults } from './faults.js';
import { Guard } from './guard.js';
import { createKeyService } from './key-service.js';
import { withDefaults, type Settings, type SimulatorOptions } from './options.js';
import { KeyBook } from './recordings.js';
import type { SessionTarget, SimulatedSession } from './session.js';
import { isRecorded } from './source.js';
import { readTarget } from './target.js';

const HOST = '127.0.0.1';
const MAX_LOG = 10_000;
const MAX_OPENED = 1000;

export class Simulator implements DialogueHost {
  readonly settings: Settings;
  readonly guard: Guard;
  readonly book: KeyBook;
  /** `METHOD uri` of the requests so far, oldest first; bounded in length. */
  readonly requests: string[] = [];
  readonly keyRequests: string[] = [];
  /** The requests including Authorization, for tests; bounded as well. */
  readonly requestLog: RtspRequest[] = [];
  readonly faults = new Faults();
  /** Number of RTSP connections so far. */
  connectionCount = 0;
  /** Most simultaneous RTSP connections, and most of those that had not reached PLAY. */
  peakConnections = 0;
  peakConcurrentSetups = 0;
  private readonly dialogues = new Set<Dialogue>();
  /** All sockets. With TLS, a connection has no dialogue before its handshake. */
  private readonly sockets = new Set<net.Socket>();
  private readonly httpSockets = new Set<net.Socket>();
  /** By playback key that a DESCRIBE has used and no SETUP yet: start of the recording. */
  private readonly opened = new Map<string, number>();
  private readonly rtspServer: net.Server;
  private readonly httpServer: http.Server;

  constructor(options: SimulatorOptions) {
    this.settings = withDefaults(options);
    this.guard = new Guard(this.settings);
    this.book = new KeyBook(this.settings);
    const onSocket = (socket: net.Socket): void => {
      this.connectionCount++;
      socket.setNoDelay(true);
      const dialogues = this.dialogues.add(new Dialogue(this, socket));
      const settingUp = [...dialogues].filter(({ isSettingUp }) => isSettingUp);
      this.peakConnections = Math.max(this.peakConnections, dialogues.size);
      this.peakConcurrentSetups = Math.max(this.peakConcurrentSetups, settingUp.length);
    };
    this.rtspServer =
      this.settings.tls === undefined
        ? net.createServer(onSocket)
        : tls.createServer(this.settings.tls, onSocket);
    keepSockets(this.rtspServer, this.sockets);
    this.httpServer = createKeyService(this.settings, this.guard, this.book, { requests: this.keyRequests });
    keepSockets(this.httpServer, this.httpSockets);
  }

  get rtspPort(): number {
    return portOf(this.rtspServer);
  }

  get httpPort(): number {
    return portOf(this.httpServer);
  }

  get sessions(): readonly SimulatedSession[] {
    return [...this.dialogues].flatMap((dialogue) => [...dialogue.sessions.values()]);
  }

  /** Number of sessions that have not expired. */
  get sessionCount(): number {
    return this.sessions.filter(({ isExpired }) => !isExpired).length;
  }

  get isFull(): boolean {
    return this.sessionCount >= this.settings.maxSessions;
  }

  /** Number of open RTSP connections. */
  get openConnections(): number {
    return this.sockets.size;
  }

  /** Resolves when no session is left. */
  async idle(): Promise<void> {
    while (this.sessionCount > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Log-ins with a wrong name or password so far, RTSP and HTTP together. */
  get failedLogins(): number {
    return this.guard.failedLogins;
  }

  /** Live URI of a channel (from 1), without credentials. */
  url(channel: number, stream: 'main' | 'dual' = 'main'): string {
    const wire = String(channel - 1 + this.settings.firstChannel).padStart(4, '0');
    const scheme = this.settings.tls === undefined ? 'rtsp' : 'rtsps';
    return `${scheme}://${HOST}:${this.rtspPort}/live?ch=${wire}&stype=${stream === 'main' ? 'M' : 'D'}`;
  }

  /** The NVR's clock in epoch ms. */
  now(): number {
    return Date.now() + this.settings.clockSkewMs;
  }

  async start(): Promise<void> {
    await listen(this.rtspServer, this.settings.rtspPort);
    try {
      await listen(this.httpServer, this.settings.httpPort);
    } catch (error) {
      this.rtspServer.close();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.dropConnections();
    for (const socket of this.httpSockets) socket.destroy();
    await Promise.all([close(this.rtspServer), close(this.httpServer)]);
  }

  /** The following faults affect all channels unless one is given. */

  dropConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Media of the running sessions stops; the connections stay. */
  goSilent(channel?: number): void {
    for (const session of this.of(channel)) session.isSilent = true;
  }

  goOn(channel?: number): void {
    for (const session of this.of(channel)) session.isSilent = false;
  }

  /**
   * Disconnects the camera: its sessions fall silent, and new ones are answered 404. Its recordings can still
   * be played.
   */
  unplugCamera(channel: number): void {
    this.faults.unplugged.add(channel);
    for (const session of this.of(channel)) session.isSilent = session.target.recordedFrom === undefined;
  }

  /** Reconnects the camera; sessions that still run continue. */
  plugCamera(channel: number): void {
    this.faults.unplugged.delete(channel);
    this.goOn(channel);
  }

  /** Answers new sessions with 453 until revoked. */
  refuseSessions(refuses = true): void {
    this.faults.refusesSessions = refuses;
  }

  /** Accepts connections and requests but answers nothing until revoked. */
  stopAnswering(isDeaf = true): void {
    this.faults.isDeaf = isDeaf;
  }

  /**
   * Answers every request of a method with a status, before authentication; undefined restores normal
   * answers.
   */
  answerWith(method: string, status: number | undefined): void {
    if (status === undefined) this.faults.statuses.delete(method);
    else this.faults.statuses.set(method, status);
  }

  /** Drops every nth RTP packet; 0 for none. */
  losePackets(every: number): void {
    this.faults.loseEvery = every;
  }

  /** Sends no keyframes on a channel until revoked. */
  withholdKeyframes(channel: number, isHeldBack = true): void {
    if (isHeldBack) this.faults.withoutKeyframes.add(channel);
    else this.faults.withoutKeyframes.delete(channel);
  }

  /** Sends bytes that are neither RTSP nor media in every connection. */
  injectJunk(bytes: Buffer): void {
    for (const { socket } of this.dialogues) if (socket.writable) socket.write(bytes);
  }

  /** Sends an RTCP BYE in every playing session. */
  sendBye(channel?: number): void {
    for (const session of this.of(channel)) session.sayGoodbye();
  }

  /** Sends a TEARDOWN for every session, live or playback. */
  sendTeardown(channel?: number): void {
    for (const dialogue of this.dialogues)
      dialogue.tearDown(({ target }) => channel === undefined || target.channel === channel);
  }

  /** Switches the running sessions of a channel to the picture size of another stream. */
  changeResolution(channel: number, stream: 'main' | 'dual'): void {
    for (const session of this.of(channel)) session.changeResolution(stream);
  }

  /** Invalidates all nonces (`stale=true`). */
  expireNonces(): void {
    this.guard.expireNonces();
  }

  resolve(uri: string, isOpening: boolean): SessionTarget | undefined {
    const named = readTarget(uri, this.settings);
    if (named === undefined) return undefined;
    const { target, key } = named;
    if (key === undefined) return this.faults.unplugged.has(target.channel) ? undefined : target;
    const recordedFrom = this.opened.get(key) ?? this.book.open(key, Date.now());
    if (recordedFrom === undefined || !isRecorded(this.settings, recordedFrom, this.now())) return undefined;
    // A key stays valid between DESCRIBE and SETUP; SETUP uses it up.
    if (isOpening) this.opened.delete(key);
    else this.opened.set(key, recordedFrom);
    if (this.opened.size > MAX_OPENED) this.opened.delete(this.opened.keys().next().value!);
    return { ...target, recordedFrom };
  }

  note(request: RtspRequest): void {
    this.requests.push(`${request.method} ${request.uri}`);
    this.requestLog.push(request);
    if (this.requests.length > MAX_LOG) {
      this.requests.shift();
      this.requestLog.shift();
    }
  }

  forget(dialogue: Dialogue): void {
    this.dialogues.delete(dialogue);
  }

  private of(channel: number | undefined): SimulatedSession[] {
    return this.sessions.filter(({ target }) => channel === undefined || target.channel === channel);
  }
}

function keepSockets(server: net.Server, sockets: Set<net.Socket>): void {
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
}

function portOf(server: net.Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function listen(server: net.Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new Error(`port ${port} is taken`) : error);
    });
    server.listen(port, HOST, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function close(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
