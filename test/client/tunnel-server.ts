// An HTTP server that says what a test tells it to, for the tunnel, and a tunnel to it.

import assert from 'node:assert/strict';
import net, { type AddressInfo } from 'node:net';
import { openTunnel } from '../../lib/client/transport/http-tunnel.js';
import type { Pipe, PipeOptions } from '../../lib/client/transport/socket.js';
import type { BearerRequest } from '../../lib/client/transport/transport.js';
import { NvrError, type NvrErrorCode } from '../../lib/errors.js';

export const OPEN = 'HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n';
export const KEY = 'SECRETKEY1234';
export const PATH = `/playback?ch=0000&pbkey=${KEY}`;
export const ACCOUNT = { username: 'admin', password: 'geheim' };

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly socket: net.Socket;
  /** What came behind the head, as it is. */
  body: string;
}

export type Answerer = (asked: Asked, count: number) => string | undefined;

/**
 * Hears HTTP, and says what a test tells it to: a GET gets a tunnel, a POST no answer, unless `answer` says
 * otherwise.
 */
export async function startHttp(answer: Answerer = () => undefined) {
  const asked: Asked[] = [];
  const sockets = new Set<net.Socket>();
  let changed: () => void = () => undefined;
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      changed();
    });
    let head = '';
    let one: Asked | undefined;
    socket.on('data', (chunk) => {
      if (one !== undefined) {
        one.body += chunk.toString('latin1');
      } else {
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end === -1) return;
        const [first = '', ...lines] = head.slice(0, end).split('\r\n');
        const [method = '', path = ''] = first.split(' ');
        const headers = new Map(lines.map((line) => line.split(/: (.*)/, 2) as [string, string]));
        one = { method, path, headers, socket, body: head.slice(end + 4) };
        asked.push(one);
        const said = answer(one, asked.length) ?? (method === 'GET' ? OPEN : '');
        socket.write(Buffer.from(said, 'latin1'));
      }
      changed();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    sockets,
    posts: () => asked.filter(({ method }) => method === 'POST'),
    /** All POSTs' bodies, decoded. */
    heard: () =>
      Buffer.concat(
        asked.filter(({ method }) => method === 'POST').flatMap(({ body }) => decodeGroups(body)),
      ),
    until: (holds: () => boolean) =>
      new Promise<void>((resolve) => {
        changed = () => {
          if (!holds()) return;
          changed = () => undefined;
          resolve();
        };
        changed();
      }),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type Http = Awaited<ReturnType<typeof startHttp>>;

/** As GLib does it: four characters at a time, padding wherever it stands. */
export function decodeGroups(body: string): Buffer[] {
  return (body.match(/.{4}/gs) ?? []).map((group) => Buffer.from(group, 'base64'));
}

export interface Opened {
  pipe: Pipe;
  read: () => string;
  closed: Promise<NvrError | undefined>;
  closes: (NvrError | undefined)[];
}

export async function open(
  port: number,
  request: Partial<BearerRequest> = {},
  timeoutMs = 2_000,
): Promise<Opened> {
  let read = '';
  const closes: (NvrError | undefined)[] = [];
  let onClosed: (error?: NvrError) => void = () => undefined;
  const closed = new Promise<NvrError | undefined>((resolve) => (onClosed = resolve));
  const options: PipeOptions = {
    host: '127.0.0.1',
    port,
    connectTimeoutMs: timeoutMs,
    onData: (buffer, length) => (read += buffer.toString('latin1', 0, length)),
    onClose: (error) => {
      closes.push(error);
      onClosed(error);
    },
  };
  const pipe = await openTunnel(options, { path: PATH, userAgent: 'test', ...request });
  return { pipe, read: () => read, closed, closes };
}

/** The code of an error that quotes neither the path, nor the key, nor the password. */
export function isCode(code: NvrErrorCode, words?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof NvrError, String(error));
    assert.equal(error.code, code, error.message);
    for (const secret of [PATH, KEY, ACCOUNT.password])
      assert.ok(!error.message.includes(secret), error.message);
    if (words !== undefined) assert.match(error.message, words);
    return true;
  };
}
