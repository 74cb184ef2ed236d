// Parses a server's challenges from its WWW-Authenticate headers (RFC 7235 2.1).

export interface Challenge {
  scheme: 'digest' | 'basic';
  realm: string;
  nonce?: string;
  opaque?: string;
  /** As received, because it is echoed: `MD5`, `SHA-256`, `MD5-sess` … Absent means MD5. */
  algorithm?: string;
  /** Absent in the RFC 2069 form, which is the usual one in RTSP. */
  qop?: string[];
  stale?: boolean;
}

const MAX_CHALLENGES = 16;

/**
 * The challenges of all WWW-Authenticate headers; one header may hold several. Unknown schemes are left out.
 */
export function parseChallenges(values: readonly string[]): Challenge[] {
  const challenges: Challenge[] = [];
  for (const value of values) {
    for (const { scheme, parameters } of splitChallenges(value)) {
      if (challenges.length >= MAX_CHALLENGES) return challenges;
      const lower = scheme.toLowerCase();
      if (lower !== 'digest' && lower !== 'basic') continue;
      const challenge: Challenge = { scheme: lower, realm: parameters.get('realm') ?? '' };
      const nonce = parameters.get('nonce');
      if (nonce !== undefined) challenge.nonce = nonce;
      const opaque = parameters.get('opaque');
      if (opaque !== undefined) challenge.opaque = opaque;
      const algorithm = parameters.get('algorithm');
      if (algorithm !== undefined) challenge.algorithm = algorithm;
      const qop = parameters.get('qop');
      if (qop !== undefined)
        challenge.qop = qop
          .split(/[, \t]+/)
          .map((one) => one.toLowerCase())
          .filter((one) => one !== '');
      if (parameters.get('stale')?.toLowerCase() === 'true') challenge.stale = true;
      challenges.push(challenge);
    }
  }
  return challenges;
}

/** Splits at the scheme names: words not followed by `=`. Everything up to the next one is its parameters. */
export function splitChallenges(value: string): { scheme: string; parameters: Map<string, string> }[] {
  const found: { scheme: string; parameters: Map<string, string> }[] = [];
  // An unterminated quote takes the rest of the text, so that no byte is scanned twice.
  const token = /([!#$%&'*+.^_`|~\w-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.|\\$)*)(?:"|$)|([^ \t,"]*)))?/gs;
  for (const [, name, quoted, bare] of value.matchAll(token)) {
    if (quoted === undefined && bare === undefined) {
      found.push({ scheme: name!, parameters: new Map() });
    } else {
      const parameters = found.at(-1)?.parameters;
      const key = name!.toLowerCase();
      if (parameters?.has(key) === false)
        parameters.set(key, quoted === undefined ? bare! : quoted.replace(/\\(.)/g, '$1'));
    }
  }
  return found;
}
