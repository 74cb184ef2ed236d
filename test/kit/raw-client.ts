// An RTSP client that says what a test tells it and keeps what came, in order. No session logic of its own.

import { once } from 'node:events';
import net from 'node:net';
import { Authenticator } from '../../lib/rtsp/auth.js';
import { Framer } from '../../lib/rtsp/framer.js';
import { Headers, serializeRequest, type RtspRequest, type RtspResponse } from '../../lib/rtsp/message.js';

export type Arrived =
  | { kind: 'packet'; channel: number; bytes: Buffer }
  | { kind: 'response'; response: RtspResponse }
  | { kind: 'request'; request: RtspRequest };

export class RawClient {
  readonly arrived: Arrived[] = [];
  readonly closed: Promise<unknown>;
  private readonly waits = new Set<() => void>();
  private cseq = 0;

  private constructor(readonly socket: net.Socket) {
    const add = (one: Arrived): void => {
      this.arrived.push(one);
      for (const check of this.waits) check();
    };
    const framer = new Framer({
      onPacket: (channel, buffer, start, end) => {
        add({ kind: 'packet', channel, bytes: Buffer.from(buffer.subarray(start, end)) });
      },
      onResponse: (response) => {
        add({ kind: 'response', response });
      },
      onRequest: (request) => {
        add({ kind: 'request', request });
      },
    });
    socket.on('data', (chunk) => {
      framer.feed(chunk);
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', resolve));
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Resolves when something that has arrived passes. */
  until<T extends Arrived>(test: (one: Arrived) => one is T): Promise<T>;
  until(test: (one: Arrived) => boolean): Promise<Arrived>;
  until(test: (one: Arrived) => boolean): Promise<Arrived> {
    return new Promise((resolve) => {
      const check = (): void => {
        const found = this.arrived.find(test);
        if (found === undefined) return;
        this.waits.delete(check);
        resolve(found);
      };
      this.waits.add(check);
      check();
    });
  }

  /** Resolves when that many packets have arrived on a channel. */
  async packets(channel: number, count: number): Promise<Buffer[]> {
    const own = (): Buffer[] =>
      this.arrived.flatMap((one) => (one.kind === 'packet' && one.channel === channel ? [one.bytes] : []));
    await this.until(() => own().length >= count);
    return own();
  }

  async ask(method: string, uri: string, headers: Record<string, string> = {}): Promise<RtspResponse> {
    const number = this.send(method, uri, headers);
    const { response } = await this.until(
      (one) => one.kind === 'response' && one.response.headers.get('CSeq') === number,
    ).then((one) => one as Extract<Arrived, { kind: 'response' }>);
    return response;
  }

  /** Sends without waiting; answers the CSeq. */
  send(method: string, uri: string, headers: Record<string, string> = {}): string {
    const number = String(++this.cseq);
    const all = new Headers().set('CSeq', number);
    for (const [name, value] of Object.entries(headers)) all.set(name, value);
    this.socket.write(serializeRequest({ method, uri, headers: all, body: Buffer.alloc(0) }));
    return number;
  }

  /** Asks, and once more with what the 401 wants. */
  async askAs(
    account: { username: string; password: string },
    method: string,
    uri: string,
    digestUri = uri,
  ): Promise<RtspResponse> {
    const authenticator = new Authenticator(account);
    const first = await this.ask(method, uri);
    if (first.status !== 401 || !authenticator.accept(first.headers.getAll('WWW-Authenticate'))) return first;
    return this.ask(method, uri, { Authorization: authenticator.authorize(method, digestUri)! });
  }

  /** SETUP of `track1` over TCP, and PLAY; answers the session id. */
  async play(uri: string, headers: Record<string, string> = {}): Promise<string> {
    const setup = await this.ask('SETUP', `${uri}/track1`, {
      Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1',
    });
    const Session = /^[^;]*/.exec(setup.headers.get('Session') ?? '')![0];
    const played = await this.ask('PLAY', `${uri}/`, { Session, Range: 'npt=0.000-', ...headers });
    if (played.status !== 200) throw new Error(`SETUP ${setup.status}, PLAY ${played.status}`);
    return Session;
  }

  close(): void {
    this.socket.destroy();
  }
}
