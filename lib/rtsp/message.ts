// RTSP messages: requests, responses, their headers, and how they are written (RFC 2326 4, 6, 7). Strings
// hold one byte per character.

import { NvrError } from '../errors.js';
import { byteString, isBytes } from '../text.js';

/** Header fields in the order received. Names are case-insensitive; repeated fields are kept separate. */
export class Headers {
  private readonly fields: [name: string, value: string][] = [];

  /** The first field with that name. */
  get(name: string): string | undefined {
    const key = name.toLowerCase();
    return this.fields.find(([field]) => field.toLowerCase() === key)?.[1];
  }

  getAll(name: string): string[] {
    const key = name.toLowerCase();
    return this.fields.filter(([field]) => field.toLowerCase() === key).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Replaces all fields with that name. */
  set(name: string, value: string): this {
    this.delete(name);
    return this.append(name, value);
  }

  append(name: string, value: string): this {
    this.fields.push([name, value]);
    return this;
  }

  delete(name: string): void {
    const key = name.toLowerCase();
    for (let index = this.fields.length - 1; index >= 0; index--) {
      if (this.fields[index]![0].toLowerCase() === key) this.fields.splice(index, 1);
    }
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.fields[Symbol.iterator]();
  }
}

export interface RtspRequest {
  method: string;
  uri: string;
  headers: Headers;
  body: Buffer;
}

export interface RtspResponse {
  status: number;
  reason: string;
  headers: Headers;
  body: Buffer;
}

/**
 * The bytes of a request; adds `Content-Length` if there is a body. Throws EINPUT for a line break or control
 * character in any part. A line with characters above U+00FF is encoded as UTF-8.
 */
export function serializeRequest(request: RtspRequest): Buffer {
  if (!/^[A-Z_a-z]+$/.test(request.method))
    throw new NvrError('EINPUT', 'The request method must be a word.');
  if (request.uri === '' || request.uri.includes(' ') || request.uri.includes('\t'))
    throw new NvrError('EINPUT', 'The request URI must not be empty or hold white space.');
  return serialize(`${request.method} ${request.uri} RTSP/1.0`, request.headers, request.body);
}

/** The bytes of a response, with the same rules as `serializeRequest`. */
export function serializeResponse(response: RtspResponse): Buffer {
  return serialize(`RTSP/1.0 ${response.status} ${response.reason}`, response.headers, response.body);
}

function serialize(startLine: string, headers: Headers, body: Buffer): Buffer {
  const lines = [startLine];
  for (const [name, value] of headers) {
    if (body.length > 0 && name.toLowerCase() === 'content-length') continue;
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
      throw new NvrError('EINPUT', 'A header name holds a character that is not allowed.');
    lines.push(`${name}: ${value}`);
  }
  if (body.length > 0) lines.push(`Content-Length: ${body.length}`);
  for (const line of lines) {
    // eslint-disable-next-line no-control-regex -- a value must not inject a second line
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line))
      throw new NvrError('EINPUT', 'A header must not hold line breaks or control characters.');
  }
  const wire = lines.map((line) => (isBytes(line) ? line : byteString(line)));
  const head = Buffer.from(`${wire.join('\r\n')}\r\n\r\n`, 'latin1');
  return body.length === 0 ? head : Buffer.concat([head, body]);
}
