// The errors of the whole package: a code from a closed table, and a sentence that tells the user what to do.

import { secrets } from './secrets.js';
import { withoutUnseen } from './text.js';

/**
 * The longest message, in characters. Server text in it has passed `printable`, so this is a second
 * safeguard.
 */
const MESSAGE_CHARS = 1000;

/** The closed table of codes. A new code also needs an entry in the help texts, in both languages. */
export const NVR_ERROR_CODES = [
  'EDNS',
  'ECONNREFUSED',
  'EUNREACHABLE',
  'ETIMEDOUT',
  'ETLS',
  'ENOTRTSP',
  'EPROTOCOL',
  'EAUTH',
  'EFORBIDDEN',
  'ECHANNEL',
  'ESESSIONS',
  'EUNSUPPORTED',
  'ENOKEYFRAME',
  'EPLAYBACKKEY',
  'ENORECORDING',
  'EDECODE',
  'EBUSY',
  'EOVERLOAD',
  'EDISK',
  'ECLOCK',
  'EINPUT',
] as const;

export type NvrErrorCode = (typeof NVR_ERROR_CODES)[number];

export interface NvrErrorDetails {
  /** The RTSP or HTTP status, if a server replied with one. */
  status?: number;
  cause?: unknown;
}

/**
 * Every error that leaves this package. `message` is safe to show: it never holds a password, an
 * Authorization header or a playback key, nor invisible characters. Text from a server is put into it through
 * `printable`.
 */
export class NvrError extends Error {
  readonly code: NvrErrorCode;
  readonly status?: number;

  constructor(code: NvrErrorCode, message: string, details: NvrErrorDetails = {}) {
    super(fit(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'NvrError';
    this.code = code;
    if (details.status !== undefined) this.status = details.status;
  }
}

function fit(message: string): string {
  const seen = withoutUnseen(secrets.strike(message.slice(0, 4 * MESSAGE_CHARS), true));
  return seen.length > MESSAGE_CHARS ? `${seen.slice(0, MESSAGE_CHARS)}…` : seen;
}

/**
 * Turns any error into an NvrError: one that already is stays as it is, any other becomes the cause of one
 * with `code`.
 */
export function asNvrError(
  error: unknown,
  code: NvrErrorCode = 'EPROTOCOL',
  message = 'Something went wrong in this package.',
): NvrError {
  return error instanceof NvrError ? error : new NvrError(code, message, { cause: error });
}
