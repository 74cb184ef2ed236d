// The requests of an HTTP tunnel, and the errors for their replies. Errors never quote secrets in the path.

import { NvrError } from '../../errors.js';
import { quotable } from '../../redact.js';
import type { HttpAnswer, HttpHead } from '../../rtsp/http-head.js';
import { authorityOnWire } from '../../rtsp/uri.js';
import { printable } from '../../text.js';
import { errorOfStatus } from '../status.js';
import type { PipeOptions } from './socket.js';
import type { BearerRequest } from './transport.js';

export type TunnelMethod = 'GET' | 'POST';

/** The Content-Length of a POST. It must announce one, and this is the value that servers know. */
export const POST_BYTES = 32_767;
const TUNNELLED = 'application/x-rtsp-tunnelled';
const ADVICE =
  'choose another transport, or give the port on which it serves RTSP over HTTP as the RTSP port.';

/** Some servers leave the content type out; a web page has one. */
export function isTunnel({ status, headers }: HttpAnswer): boolean {
  return status === 200 && (headers.get('Content-Type') ?? TUNNELLED).toLowerCase().includes(TUNNELLED);
}

/** Throws EINPUT for a path, and EPROTOCOL for a challenge, with characters that a header cannot hold. */
export function headOf(
  method: TunnelMethod,
  { host, port }: PipeOptions,
  { path, userAgent }: BearerRequest,
  cookie: string,
  authorization: string | undefined,
): Buffer {
  const lines = [
    `${method} ${path} HTTP/1.0`,
    `Host: ${authorityOnWire(host, port, 0)}`,
    ...(userAgent === '' ? [] : [`User-Agent: ${userAgent}`]),
    `x-sessioncookie: ${cookie}`,
    ...(method === 'GET'
      ? [`Accept: ${TUNNELLED}`]
      : [
          `Content-Type: ${TUNNELLED}`,
          `Content-Length: ${POST_BYTES}`,
          'Expires: Sun, 9 Jan 1972 00:00:00 GMT',
        ]),
    'Pragma: no-cache',
    'Cache-Control: no-cache',
    ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
  ];
  if (/[ \t\r\n]/.test(path))
    throw new NvrError('EINPUT', 'The URI must not hold white space or control characters.');
  // eslint-disable-next-line no-control-regex -- a value must not smuggle a second line in
  if (lines.some((line) => /[\x00-\x1f\x7f]/.test(line)))
    throw new NvrError('EPROTOCOL', 'The server’s challenge holds control characters.');
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** The errors of one tunnel; each names the server. */
export class TunnelErrors {
  readonly where: string;

  constructor(
    { host, port }: PipeOptions,
    private readonly path: string,
  ) {
    this.where = printable(`${host}:${port}`);
  }

  refusal(method: TunnelMethod, { status, reason, headers }: HttpAnswer): NvrError {
    const said = this.shown(reason);
    if (status === 401 || status === 403 || status === 503)
      return errorOfStatus(status, said, `HTTP ${method}`);
    if (status === 200)
      return new NvrError(
        'EUNSUPPORTED',
        `${this.where} serves web pages there (${this.shown(headers.get('Content-Type') ?? '')}), not RTSP over HTTP: ${ADVICE}`,
      );
    return new NvrError(
      'EUNSUPPORTED',
      `${this.where} answered RTSP over HTTP with "${status} ${said}": ${ADVICE}`,
      { status },
    );
  }

  notHttp(method: TunnelMethod, head: HttpHead): NvrError {
    return new NvrError(
      'EUNSUPPORTED',
      `${this.where} answered HTTP ${method} with "${this.shown(head.said)}", which is not HTTP: ${ADVICE}`,
    );
  }

  unanswered(ms: number): NvrError {
    const text = `${this.where} did not answer RTSP over HTTP within ${ms / 1000} s: ${ADVICE}`;
    return new NvrError('ETIMEDOUT', text);
  }

  closed(): NvrError {
    const text = `${this.where} closed the connection when asked for RTSP over HTTP; where it always does, ${ADVICE}`;
    return new NvrError('EUNREACHABLE', text);
  }

  /**
   * A server may repeat the requested path, which may hold a key: the path and everything after it are struck
   * out.
   */
  shown(said: string): string {
    const at = this.path.length < 3 ? -1 : said.indexOf(this.path.slice(0, 8));
    return quotable(at === -1 ? said : `${said.slice(0, at)}***`, 80);
  }
}
