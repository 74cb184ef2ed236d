// Turns RTSP statuses and Node's socket errors into this package's codes, with a sentence that tells the user
// what to do.

import { NvrError, type NvrErrorCode } from '../errors.js';
import { quotable } from '../redact.js';
import { printable } from '../text.js';
import type { RtspResponse } from '../rtsp/message.js';

/** A URI in an error is cut after this many characters, which shows which channel and stream it names. */
const URI_CHARS = 300;

/**
 * The error for a refused RTSP request (RFC 2326 7.1.1). `what` is the method; `uri` is the URI that was
 * requested, without credentials.
 */
export function errorOfStatus(status: number, reason: string, what: string, uri = ''): NvrError {
  const said = `${what} was answered ${status} ${quotable(reason)}`.trimEnd();
  const make = (code: NvrErrorCode, advice: string): NvrError =>
    new NvrError(code, `${said}: ${advice}`, { status });
  switch (status) {
    case 401:
    case 407:
      return make('EAUTH', 'check the user name and the password.');
    case 403:
      return make(
        'EFORBIDDEN',
        'the account lacks the right to see this; on a MOVE NVR give it the "remote" privilege.',
      );
    case 404:
    case 410:
      return make(
        'ECHANNEL',
        `there is no such channel or stream${uri === '' ? '' : ` as ${quotable(uri, URI_CHARS)}`}; check the channel number and the URI style.`,
      );
    case 453:
    case 503:
      return make(
        'ESESSIONS',
        'the server has no session or bandwidth left; close other viewers or use fewer streams.',
      );
    case 405:
    case 406:
    case 415:
    case 461:
    case 501:
    case 505:
    case 551:
      return make('EUNSUPPORTED', 'the server does not support this; try another transport or stream.');
    case 408:
    case 504:
      return make('ETIMEDOUT', 'the server gave up waiting.');
    default:
      return make('EPROTOCOL', 'the server refused; check that host, port and URI style fit the device.');
  }
}

/**
 * `errorOfStatus` of a reply. It also names the headers that the server calls unsupported (RFC 2326 12.43).
 */
export function errorOfReply(
  { status, reason, headers }: RtspResponse,
  what: string,
  uri?: string,
): NvrError {
  const unsupported = headers.get('Unsupported');
  const words = unsupported === undefined ? reason : `${reason} (Unsupported: ${unsupported})`;
  return errorOfStatus(status, words, what, uri);
}

/** A socket's, a resolver's or TLS's error in this package's codes. `address` is host:port. */
export function errorOfSocket(error: unknown, address: string): NvrError {
  if (error instanceof NvrError) return error;
  const where = printable(address);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const details = { cause: error };
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NODATA':
      return new NvrError(
        'EDNS',
        `The host name of ${where} cannot be resolved; check the name and the DNS.`,
        details,
      );
    case 'ECONNREFUSED':
      return new NvrError(
        'ECONNREFUSED',
        `${where} refuses connections; check the port and that RTSP is switched on.`,
        details,
      );
    case 'ETIMEDOUT':
      return new NvrError(
        'ETIMEDOUT',
        `${where} does not answer; check the address, the network and the firewall.`,
        details,
      );
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EHOSTDOWN':
    case 'ENETDOWN':
    case 'EADDRNOTAVAIL':
      return new NvrError(
        'EUNREACHABLE',
        `There is no way to ${where}; check the address and the network.`,
        details,
      );
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
      return new NvrError('EUNREACHABLE', `${where} cut the connection.`, details);
  }
  if (/^(ERR_TLS|ERR_SSL|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|HOSTNAME_MISMATCH|EPROTO)/.test(code)) {
    return new NvrError(
      'ETLS',
      `TLS with ${where} failed (${code}); check the certificate, or give its CA in the TLS settings.`,
      details,
    );
  }
  return new NvrError(
    'EUNREACHABLE',
    `The connection to ${where} failed${code === '' ? '' : ` (${code})`}.`,
    details,
  );
}
