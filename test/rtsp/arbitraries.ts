// Random RTSP messages, for the property tests of this folder.

import fc from 'fast-check';
import { Headers, type RtspRequest, type RtspResponse } from '../../lib/rtsp/message.js';

const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/);
/** What a field may hold: bytes, whatever they are bytes of, without white space at its ends. */
const value = fc.stringMatching(/^[!-~\x80-\xff]([ -~\x80-\xff]{0,30}[!-~\x80-\xff])?$/);

/** Fields without Content-Length, which the writer adds by itself. */
export const headers: fc.Arbitrary<Headers> = fc
  .array(
    fc.tuple(
      word.filter((name) => name.toLowerCase() !== 'content-length'),
      value,
    ),
    { maxLength: 8 },
  )
  .map((fields) => {
    const made = new Headers();
    for (const [name, text] of fields) made.append(name, text);
    return made;
  });

const body = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));

export const request: fc.Arbitrary<RtspRequest> = fc.record({
  method: fc.constantFrom('OPTIONS', 'GET_PARAMETER', 'ANNOUNCE', 'REDIRECT', 'PLAY'),
  uri: fc.stringMatching(/^rtsp:\/\/[a-z]{1,9}\/[!-~\x80-\xff]{0,30}$/),
  headers,
  body,
});

export const response: fc.Arbitrary<RtspResponse> = fc.record({
  status: fc.integer({ min: 100, max: 599 }),
  reason: fc.stringMatching(/^[A-Za-z]([A-Za-z ]{0,20}[A-Za-z])?$/),
  headers,
  body,
});

/** A message as plain data, so that two can be compared. */
export function plain(message: RtspRequest | RtspResponse): unknown {
  const fields = [...message.headers].filter(([name]) => name.toLowerCase() !== 'content-length');
  return { ...message, headers: fields, body: message.body.toString('hex') };
}
