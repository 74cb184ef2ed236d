// The simulated key service: GET /datasearch/gen_pbkey with Basic or Digest authentication, in each known
// form of reply.

import http from 'node:http';
import https from 'node:https';
import type { Guard } from './guard.js';
import type { KeyForm, Settings } from './options.js';
import type { KeyBook } from './recordings.js';

const MAX_LOG = 1000;
const HUGE_BYTES = 64 * 1024 * 1024;

interface KeyServiceLog {
  /** Requests seen, without their Authorization. */
  readonly requests: string[];
}

export function createKeyService(
  settings: Settings,
  guard: Guard,
  book: KeyBook,
  log: KeyServiceLog,
): http.Server {
  const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    request.resume();
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const uri = request.url ?? '/';
    const [path = '', query = ''] = uri.split('?', 2);
    log.requests.push(uri);
    if (log.requests.length > MAX_LOG) log.requests.shift();
    response.setHeader('Date', new Date(Date.now() + settings.clockSkewMs).toUTCString());

    const challenge = guard.check(request.method ?? 'GET', uri, request.headers.authorization);
    if (challenge !== undefined) {
      response.writeHead(401, { 'WWW-Authenticate': challenge }).end();
    } else if (settings.withoutPrivilege) {
      response.writeHead(403).end();
    } else if (path !== '/datasearch/gen_pbkey') {
      response.writeHead(404).end();
    } else if (settings.keyService.refuse !== undefined) {
      response.writeHead(settings.keyService.refuse).end();
    } else {
      const start = new URLSearchParams(query).get('start_time') ?? '';
      if (/^\d{1,11}$/.test(start))
        reply(response, settings.keyService.form, () => book.issue(Number(start), Date.now()));
      else response.writeHead(400).end();
    }
  };
  const server =
    settings.httpTls === undefined ? http.createServer(answer) : https.createServer(settings.httpTls, answer);
  server.on('clientError', (_error, socket) => socket.destroy());
  server.keepAliveTimeout = 1000;
  return server;
}

function reply(response: http.ServerResponse, form: KeyForm, issue: () => string): void {
  const send = (contentType: string, body: string): void => {
    response.writeHead(200, { 'Content-Type': contentType }).end(body);
  };
  switch (form) {
    case 'plain':
      send('text/plain', issue());
      return;
    case 'lines':
      send('text/plain', `result: ok\r\npbkey=${issue()}\r\n`);
      return;
    case 'json':
      send('application/json', JSON.stringify({ result: 0, pbkey: issue() }));
      return;
    case 'xml':
      send(
        'text/xml',
        `<?xml version="1.0"?><reply><pbkey>${issue().replace(/&/g, '&amp;')}</pbkey></reply>`,
      );
      return;
    case 'html':
      send(
        'text/html',
        '<!DOCTYPE html><html><head><title>Log in to the NVR</title></head><body></body></html>',
      );
      return;
    case 'empty':
      send('text/plain', '');
      return;
    case 'error':
      send('text/plain', 'ERROR');
      return;
    case 'huge':
      sendHuge(response);
      return;
    case 'hang':
      return;
  }
}

function sendHuge(response: http.ServerResponse): void {
  const piece = Buffer.alloc(64 * 1024, 0x61);
  let left = HUGE_BYTES;
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= piece.length;
      if (!response.write(piece)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
}
