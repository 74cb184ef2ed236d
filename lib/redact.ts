// Secrets are struck out here, and only here, before any text can reach a log line, a trace or an error.

const STRUCK = '***';

/**
 * Strikes out what must never be read: Authorization and Proxy-Authorization values, credentials inside URIs, playback
 * keys (`pbkey=`, `key=` in a query), keys in session descriptions (RFC 4566 5.12, RFC 4567, RFC 4568), and every literal of `secrets` (a password; also percent-encoded).
 */
export function redact(text: string, secrets: readonly string[] = []): string {
  let out = text
    .replace(/^((?:proxy-)?authorization\s*:).*$/gim, `$1 ${STRUCK}`)
    .replace(/\b((?:rtsps?|https?):\/\/)[^/\s@"']*@/gi, `$1${STRUCK}@`)
    .replace(/^(k=[a-z]*:|a=key-mgmt:).*$/gim, `$1${STRUCK}`)
    .replace(/\binline:[^\s;]*/gi, `inline:${STRUCK}`)
    .replace(/\b(pbkey|key|password|passwd|pwd)=[^&\s"'<>;]*/gi, `$1=${STRUCK}`);
  for (const secret of secrets) {
    if (secret.length < 3) continue;
    out = out.split(secret).join(STRUCK);
    const encoded = encodeURIComponent(secret);
    if (encoded !== secret) out = out.split(encoded).join(STRUCK);
  }
  return out;
}
