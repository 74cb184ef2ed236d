// Some makers' cameras want the account in the path, as in `/user=admin&password=abc&channel=1.sdp`. Flow
// files contain the templates, so the account in a pasted path is replaced by placeholders and goes to the
// fields for user name and password.

/** The parameters that name a user and a password. As in SECRET_PARAMETERS, they may follow a `_`. */
const USER = /(?<![a-z0-9])(?:user|username|usr|login)=/i;
const PASSWORD = /(?<![a-z0-9])(?:password|passwd|pass|pwd)=/i;
/** Ends a value: the next parameter, or the end of the last one's file name. */
const END = /[&?#/;]|_[a-z]{1,20}=/i;

interface PathAsTemplate {
  readonly template: string;
  /** If the path names one. */
  readonly account?: { readonly username: string; readonly password: string };
}

/** A pasted path and query as a template, without its account and with its other braces escaped. */
export function asTemplate(path: string): PathAsTemplate {
  const plain = literally(path);
  const password = valueOf(plain, PASSWORD);
  const user = valueOf(plain, USER);
  if (password === undefined || user === undefined) return { template: plain };
  // The later one first, so that the position of the other stays.
  const parts = [
    { ...user, name: '{username}' },
    { ...password, name: '{password}' },
  ].sort((one, other) => other.at - one.at);
  const template = parts.reduce(
    (text, { at, value, name }) => text.slice(0, at) + name + text.slice(at + value.length),
    plain,
  );
  return { template, account: { username: decode(user.value), password: decode(password.value) } };
}

function valueOf(path: string, parameter: RegExp): { at: number; value: string } | undefined {
  const found = parameter.exec(path);
  if (found === null) return undefined;
  const at = found.index + found[0].length;
  const end = path.slice(at).search(END);
  return { at, value: end === -1 ? path.slice(at) : path.slice(at, at + end) };
}

/** Escapes the braces in a path, so that as a template it has no placeholders. */
function literally(path: string): string {
  return path.replace(/\{/g, '%7B').replace(/\}/g, '%7D');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
