// One HTTP request to a key service, with everything in its reply bounded.

import http from 'node:http';
import https from 'node:https';
import zlib from 'node:zlib';
import { givenUp } from '../../client/given-up.js';
import type { Origin } from '../../client/redirect.js';
import { errorOfSocket } from '../../client/status.js';
import { NvrError } from '../../errors.js';
import { Headers } from '../../rtsp/message.js';
import { authorityOnWire } from '../../rtsp/uri.js';
import { printable } from '../../text.js';
import type { NvrSettings } from '../types.js';
import { MAX_REPLY_BYTES } from './playback-key.js';

/**
 * The most bytes of one reply as sent, with everything around its body: HTTP sets no limit to informational
 * replies and to the framing of chunks.
 */
const WIRE_BYTES = 4 * MAX_REPLY_BYTES;

/** Where a request goes. */
export interface Target extends Origin {
  readonly path: string;
}

export interface HttpReply {
  status: number;
  headers: Headers;
  body: Buffer;
}

/** Sends one GET. Rejects with an NvrError that names the cause and quotes nothing of the reply. */
export function get(
  target: Target,
  settings: NvrSettings,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<HttpReply> {
  if (signal?.aborted === true) return Promise.reject(givenUp());
  const where = printable(`${target.host}:${target.port}`);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      request.destroy();
      reject(errorOfSocket(error, where));
    };
    const giveUp = (): void => {
      fail(givenUp());
    };
    const request = open(target, settings, headers);
    signal?.addEventListener('abort', giveUp, { once: true });
    const timer = setTimeout(() => {
      fail(
        new NvrError(
          'ETIMEDOUT',
          `The key service on ${where} did not answer within ${settings.requestTimeout} s.`,
        ),
      );
    }, settings.requestTimeout * 1000);
    request.on('error', (error: NodeJS.ErrnoException) => {
      // Node's error contains the bytes that were read, which no log may show.
      const isOther = error.code?.startsWith('HPE_') === true;
      fail(
        isOther ? new NvrError('EPLAYBACKKEY', `${where} does not speak HTTP; check the HTTP port.`) : error,
      );
    });
    const isTooLong = (): boolean => (request.socket?.bytesRead ?? 0) > WIRE_BYTES;
    request.on('information', () => {
      if (isTooLong()) fail(tooLong());
    });
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_REPLY_BYTES || isTooLong()) fail(tooLong());
        else chunks.push(chunk);
      });
      response.on('end', () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', giveUp);
        try {
          const fields = headersOf(response);
          const body = unpacked(Buffer.concat(chunks), fields.get('Content-Encoding') ?? '');
          resolve({ status: response.statusCode ?? 0, headers: fields, body });
        } catch (error) {
          fail(error);
        }
      });
    });
    request.end();
  });
}

function headersOf(response: http.IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < response.rawHeaders.length; at += 2)
    headers.append(response.rawHeaders[at]!, response.rawHeaders[at + 1]!);
  return headers;
}

/** Some servers compress replies although no compression was requested. */
function unpacked(body: Buffer, encoding: string): Buffer {
  const options = { maxOutputLength: MAX_REPLY_BYTES };
  const name = encoding.trim().toLowerCase();
  try {
    if (name === 'br') return zlib.brotliDecompressSync(body, options);
    if ((body[0] === 0x1f && body[1] === 0x8b) || name === 'deflate') return zlib.unzipSync(body, options);
    return body;
  } catch (error) {
    const isTooLong = error instanceof RangeError;
    throw isTooLong
      ? tooLong()
      : new NvrError('EPLAYBACKKEY', 'The key service sent a compressed reply that cannot be decompressed.');
  }
}

function tooLong(): NvrError {
  return new NvrError('EPLAYBACKKEY', `The key service sent more than ${MAX_REPLY_BYTES / 1024} KiB.`);
}

function open(target: Target, settings: NvrSettings, headers: Record<string, string>): http.ClientRequest {
  const options: http.RequestOptions = {
    host: target.host,
    port: target.port,
    path: target.path,
    // Each request uses its own connection: some key services close theirs without announcing it.
    agent: false,
    headers: { Host: authorityOnWire(target.host, target.port, target.tls ? 443 : 80), ...headers },
  };
  return target.tls ? https.request({ ...options, ...settings.tlsSettings }) : http.request(options);
}
