// The NVR that a dialog's test is about: the deployed one where nothing was changed, else one made of the
// dialog's values.

import type { NodeAPI } from 'node-red';
import { NvrError } from '../../lib/errors.js';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { NvrServerNode } from './server-node.js';
import { settingsOf } from './server-settings.js';
import { migrate } from './settings/migrations.js';
import { defaultsOf } from './settings/read.js';
import { serverSettings } from './settings/tables/nvr-server.js';

export interface TestedNvr {
  readonly nvr: Nvr;
  /** Made for this test: to be closed after it. */
  readonly isOwn: boolean;
  /** The password came with the test, and is not the stored one. */
  readonly isGuess: boolean;
}

type Values = Readonly<Record<string, unknown>>;

/** The properties of a flow file that make a connection what it is. */
const PROPERTIES = Object.keys(serverSettings);

/** What a node that was saved before these existed means by their absence. */
const DEFAULTS: Values = defaultsOf(serverSettings);

/** Where a secret may go is decided by these; the stored password and what variables hold go nowhere else. */
const BOUND = ['host', 'rtspPort', 'httpPort', 'tls', 'httpTls', 'tlsConfig', 'redirects', 'allowBasic'];

/**
 * `body`: `id`, `server` (the properties), and `username`, `password`; or `stored: "password"` for a password
 * that the dialog does not know, or `stored: "account"` for an account that it does not. Throws EINPUT that
 * says what cannot be used.
 */
export function testedNvr(RED: NodeAPI, body: Values): TestedNvr {
  const deployed = typeof body.id === 'string' ? nodeOf(RED, body.id) : undefined;
  const given = isObject(body.server) ? body.server : {};
  const raw = deployed === undefined ? undefined : rawOf(RED, deployed.id);
  const isKept = (property: string): boolean =>
    raw !== undefined && same(raw[property] ?? DEFAULTS[property], given[property] ?? DEFAULTS[property]);
  const isBound = BOUND.every(isKept);
  const values: Record<string, unknown> = {};
  for (const property of PROPERTIES) {
    // A variable's value is as secret as a password: it leaves with the stored target alone.
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

/** The deployed config node, if it is one of ours. */
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
  // Not deployed yet: nothing is stored.
  if (deployed === undefined) return { ...own, password: '', isGuess: own.username !== '' };
  const { username, password } = deployed.settings;
  if (!isBound || (stored === 'password' && own.username !== username)) {
    throw new NvrError(
      'EINPUT',
      'The stored password is used only with the stored host, ports, TLS, redirect and Basic settings and user name: type the password again, or deploy first.',
    );
  }
  return { username, password, isGuess: false };
}

/** A new `${VAR}` is not looked up: an editor could read the runtime's environment through it. */
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

/** The node's properties as they stand in the flow file. */
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
