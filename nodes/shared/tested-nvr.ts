// The NVR for a dialog's test: the deployed one if nothing was changed, else a new one from the dialog's
// values.

import type { NodeAPI } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { NvrServerNode } from './server-node.js';
import { settingsOf } from './server-settings.js';
import { migrate } from './settings/migrations.js';
import { defaultsOf } from './settings/read.js';
import { serverSettings } from './settings/tables/nvr-server.js';

interface TestedNvr {
  readonly nvr: Nvr;
  /** Created for this test, and to be closed after it. */
  readonly isOwn: boolean;
  /** The password was entered in the dialog, and is not the stored one. */
  readonly isGuess: boolean;
}

type Values = Readonly<Record<string, unknown>>;

/** The saved properties that affect the connection. */
const PROPERTIES = Object.keys(serverSettings);

/** The values of properties that are missing in nodes saved by older versions. */
const DEFAULTS: Values = defaultsOf(serverSettings);

/**
 * These properties decide where a secret is sent. With any other values the stored password and variables are
 * not used.
 */
const BOUND = ['host', 'rtspPort', 'httpPort', 'tls', 'httpTls', 'tlsConfig', 'redirects', 'allowBasic'];

/**
 * `body`: `id`, `server` (the properties), and `username`, `password`; or `stored: "password"` if the dialog
 * does not know the password, or `stored: "account"` if it does not know the account. Throws EINPUT that
 * names the invalid property.
 */
export function testedNvr(RED: NodeAPI, body: Values): TestedNvr {
  const deployed = typeof body.id === 'string' ? nodeOf(RED, body.id) : undefined;
  const given = isObject(body.server) ? body.server : {};
  const raw = deployed === undefined ? undefined : rawOf(RED, deployed.id);
  const isKept = (property: string): boolean =>
    raw !== undefined && same(raw[property] ?? DEFAULTS[property], given[property] ?? DEFAULTS[property]);
  // A changed path with the password in it is not requested: servers log and show the paths of requests.
  const isBound = BOUND.every(isKept) && (isKept('liveTemplate') || !asksForPassword(given.liveTemplate));
  const values: Record<string, unknown> = {};
  for (const property of PROPERTIES) {
    // A variable's value is as secret as a password, so it is only sent to the stored target.
    if (isBound && isKept(property)) values[property] = deployed?.saved[property];
    else values[property] = plain(property, given[property]);
  }
  const unchanged = PROPERTIES.every(isKept);
  const account = accountOf(body, deployed, isBound);
  if (
    unchanged &&
    deployed?.nvr !== undefined &&
    account.username === deployed.settings.username &&
    account.password === deployed.settings.password
  )
    return { nvr: deployed.nvr, isOwn: false, isGuess: false };

  const { settings, problems } = settingsOf(RED, values, account);
  if (problems[0] !== undefined) throw new NvrError('EINPUT', problems[0].message);
  return { nvr: new Nvr({ ...settings, linger: 2 }), isOwn: true, isGuess: account.isGuess };
}

/** The deployed config node, if it is an nvr-server. */
export function nodeOf(RED: NodeAPI, id: string): NvrServerNode | undefined {
  const node = RED.nodes.getNode(id) as NvrServerNode | null;
  return node?.type === 'nvr-server' ? node : undefined;
}

function accountOf(
  body: Values,
  deployed: NvrServerNode | undefined,
  isBound: boolean,
): { username: string; password: string; isGuess: boolean } {
  const { stored } = body;
  const own = { username: textOf('username', body.username), password: textOf('password', body.password) };
  if (stored !== 'account' && stored !== 'password') return { ...own, isGuess: own.username !== '' };
  // Not deployed yet, so there are no stored credentials.
  if (deployed === undefined) return { ...own, password: '', isGuess: own.username !== '' };
  const { username, password } = deployed.settings;
  if (!isBound || (stored === 'password' && own.username !== username)) {
    throw new NvrError(
      'EINPUT',
      'The stored password is not sent to changed settings (host, ports, TLS, redirects, Basic, user name, or a new path with the password in it): type the password again, or deploy first.',
    );
  }
  return { username, password, isGuess: false };
}

/** A new `${VAR}` is not resolved: an editor user could read the runtime's environment with it. */
function plain(property: string, value: unknown): unknown {
  if (typeof value === 'string' && value.includes('${'))
    throw new NvrError('EINPUT', `The setting "${property}" names a variable: deploy first, then test.`);
  return value;
}

function textOf(property: string, value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string' || value.length > 1024)
    throw new NvrError('EINPUT', `The setting "${property}" must be text.`);
  return String(plain(property, value));
}

function asksForPassword(template: unknown): boolean {
  return typeof template === 'string' && template.includes('{password');
}

/** The node's properties in the flow file. */
function rawOf(RED: NodeAPI, id: string): Values | undefined {
  let found: Values | undefined;
  RED.nodes.eachNode((node) => {
    if (node.id === id) found = node as unknown as Values;
  });
  return found === undefined ? undefined : migrate('nvr-server', found);
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one ?? '') === JSON.stringify(other ?? '');
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
