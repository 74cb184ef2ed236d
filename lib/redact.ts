// Strikes secrets out of text before it reaches a log line or a trace: by the place where they stand
// (headers, URIs), and by value if the register knows them.

import { SECRET_PARAMETERS } from './secret-parameters.js';
import { formsOf, SecretRegister, secrets as register } from './secrets.js';
import { printable } from './text.js';

const STRUCK = '***';

/**
 * Strikes out secrets: Authorization and Proxy-Authorization values, credentials inside URIs, playback keys
 * (`pbkey=`, `key=` in a query), keys in session descriptions (RFC 4566 5.12, RFC 4567, RFC 4568), every
 * secret in the register, and all forms of the further `secrets`.
 */
export function redact(text: string, secrets: readonly string[] = []): string {
  const byPlace = text
    .replace(/^((?:proxy-)?authorization\s*:).*$/gim, `$1 ${STRUCK}`)
    .replace(/\b((?:rtsps?|https?):\/\/)[^/\s@"']*@/gi, `$1${STRUCK}@`)
    .replace(/^(k=[a-z0-9]*:|a=key-mgmt:).*$/gim, `$1${STRUCK}`)
    .replace(/\binline:[^\s;]*/gi, `inline:${STRUCK}`)
    .replace(SECRET_PARAMETERS, `$1=${STRUCK}`);
  const struck = register.strike(byPlace);
  if (secrets.length === 0) return struck;
  const further = new SecretRegister();
  for (const secret of secrets) further.hold(formsOf(secret));
  return further.strike(struck);
}

/**
 * Text of a server, or a URI, as an error quotes it: printable, at most `chars` characters, without secrets.
 */
export function quotable(text: string, chars?: number): string {
  return printable(redact(text), chars);
}
