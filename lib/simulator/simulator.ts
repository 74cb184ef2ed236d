// An NVR in one process, on the loopback interface: RTSP server, key service, and the faults a test asks for.

import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import type { RtspRequest } from '../rtsp/message.js';
import { Dialogue, resolveTarget } from './dialogue.js';
import { Guard } from './guard.js';
import { createKeyService } from './key-service.js';
import { withDefaults, type Settings, type SimulatorOptions } from './options.js';
import { KeyBook } from './recordings.js';
import type { SessionTarget, SimulatedSession } from './session.js';
import { isRecorded } from './source.js';

const HOST = '127.0.0.1';
const MAX_LOG = 10_000;

export class Simulator {
  readonly settings: Settings;
  readonly guard: Guard;
  readonly book: KeyBook;
  /** `METHOD uri` of the requests so far, oldest first; bounded. */
  readonly requests: string[] = [];
  readonly keyRequests: string[] = [];
  connectionCount = 0;
  private readonly dialogues = new Set<Dialogue>();
  private readonly unplugged = new Set<number>();
  /** Which keys' recordings are open, by connection-independent key. */
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
      this.dialogues.add(new Dialogue(this, socket));
    };
    this.rtspServer =
      this.settings.tls === undefined
        ? net.createServer(onSocket)
        : tls.createServer(this.settings.tls, onSocket);
    this.httpServer = createKeyService(this.settings, this.guard, this.book, { requests: this.keyRequests });
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

  get sessionCount(): number {
    return this.sessions.length;
  }

  /** Resolves when no session is left. */
  async idle(): Promise<void> {
    while (this.sessionCount > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Answers with a wrong name or password so far, RTSP and HTTP together. */
  get failedLogins(): number {
    return this.guard.failedLogins;
  }

  /** The live URI of a channel (from 1), without credentials. */
  url(channel: number, stream: 'main' | 'dual' = 'main'): string {
    const wire = String(channel - 1 + this.settings.firstChannel).padStart(4, '0');
    const scheme = this.settings.tls === undefined ? 'rtsp' : 'rtsps';
    return `${scheme}://${HOST}:${this.rtspPort}/live?ch=${wire}&stype=${stream === 'main' ? 'M' : 'D'}`;
  }

  /** The NVR's own clock, epoch ms. */
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
    this.httpServer.closeAllConnections();
    await Promise.all([close(this.rtspServer), close(this.httpServer)]);
  }

  /** Faults. */

  dropConnections(): void {
    for (const { socket } of this.dialogues) socket.destroy();
  }

  /** Media stops, the connections stay. */
  goSilent(channel?: number): void {
    for (const session of this.of(channel)) session.isSilent = true;
  }

  goOn(channel?: number): void {
    for (const session of this.of(channel)) session.isSilent = false;
  }

  /** The camera is pulled out: its sessions fall silent, and a new one gets 404. */
  unplugCamera(channel: number): void {
    this.unplugged.add(channel);
    this.goSilent(channel);
  }

  plugCamera(channel: number): void {
    this.unplugged.delete(channel);
  }

  isUnplugged(channel: number): boolean {
    return this.unplugged.has(channel);
  }

  /** Bytes that are neither RTSP nor media, in every connection. */
  injectJunk(bytes: Buffer): void {
    for (const { socket } of this.dialogues) socket.write(bytes);
  }

  /** RTCP BYE in every session that plays. */
  sendBye(channel?: number): void {
    for (const session of this.of(channel)) session.sayGoodbye();
  }

  changeResolution(channel: number, stream: 'main' | 'dual'): void {
    for (const session of this.of(channel)) session.changeResolution(stream);
  }

  /** For the dialogue. */

  /** What a URI names, or undefined: 404. A playback's key is spent when its session is set up. */
  resolve(uri: string, isOpening: boolean): SessionTarget | undefined {
    const resolved = resolveTarget(uri, this);
    if (resolved?.key === undefined) return resolved?.target;
    const known = this.opened.get(resolved.key);
    const from = known ?? this.book.open(resolved.key, Date.now());
    if (from === undefined || !isRecorded(this.settings, from, Date.now())) return undefined;
    // Between DESCRIBE and SETUP a key stays open; SETUP spends it.
    if (isOpening) this.opened.delete(resolved.key);
    else this.opened.set(resolved.key, from);
    return { ...resolved.target, recordedFrom: from };
  }

  note(request: RtspRequest): void {
    this.requests.push(`${request.method} ${request.uri}`);
    if (this.requests.length > MAX_LOG) this.requests.shift();
  }

  forget(dialogue: Dialogue): void {
    this.dialogues.delete(dialogue);
  }

  private of(channel: number | undefined): SimulatedSession[] {
    return this.sessions.filter(({ target }) => channel === undefined || target.channel === channel);
  }
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
