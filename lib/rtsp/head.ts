// The header section of an RTSP or HTTP message: finds its end, its lines and its fields (RFC 2326 4.2).
// Strings hold one byte per character.

import { NvrError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { trimBytes } from '../text.js';
import { Headers } from './message.js';

const LF = 0x0a;
const CR = 0x0d;
/**
 * `\r\r
 * ` comes from software that ends a line twice. More CRs in a row are not a line end.
 */
const MAX_CRS = 3;
/** A search for the end restarts this many bytes before the newly read ones. */
export const HEAD_END_BYTES = MAX_CRS + 2;

/** Index behind the empty line that ends the header section, or -1. Lines end with LF, CR LF or CR CR LF. */
export function endOfHead(buffer: Buffer, from: number, end: number): number {
  for (let at = buffer.indexOf(LF, from); at !== -1 && at < end; at = buffer.indexOf(LF, at + 1)) {
    let next = at + 1;
    while (next < end && next <= at + MAX_CRS && buffer[next] === CR) next++;
    if (next < end && buffer[next] === LF) return next + 1;
  }
  return -1;
}

/** The lines, without line ends. */
export function linesOf(head: string): string[] {
  return head.split('\n').map((line) => {
    let end = line.length;
    while (end > 0 && line.charCodeAt(end - 1) === CR) end--;
    return line.slice(0, end);
  });
}

/** Parses header fields. Lines that are not header fields are skipped. Throws EPROTOCOL past a limit. */
export function readHeaderLines(lines: readonly string[]): Headers {
  const headers = new Headers();
  let name: string | undefined;
  let value: string[] = [];
  let count = 0;
  const append = (): void => {
    if (name !== undefined) headers.append(name, value.join(' '));
  };
  for (const line of lines) {
    if (++count > LIMITS.headerLines + 2)
      throw new NvrError('EPROTOCOL', `The server sent more than ${LIMITS.headerLines} header lines.`);
    if (line.startsWith(' ') || line.startsWith('\t')) {
      // A continuation line (RFC 2326 4.2); one of white space only adds nothing (quirk: odd-headers).
      const more = trimBytes(line);
      if (more !== '') value.push(more);
      continue;
    }
    append();
    const colon = line.indexOf(':');
    name = colon > 0 ? trimBytes(line.slice(0, colon)) : undefined;
    value = colon > 0 ? [trimBytes(line.slice(colon + 1))] : [];
  }
  append();
  return headers;
}
