// Converts the nvr-server node's saved properties to the library's settings.

import type { Node, NodeAPI } from 'node-red';
import type { TlsSettings } from '../../lib/client/transport/socket.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { parseAuthority, RTSP_PORT } from '../../lib/rtsp/uri.js';
import { migrate } from './settings/migrations.js';
import { readUsable, type SettingProblem } from './settings/read.js';
import { serverSettings } from './settings/tables/nvr-server.js';

type Saved = Readonly<Record<string, unknown>>;

/** Node-RED's tls-config node. */
interface TlsConfigNode extends Node {
  addTLSOptions?(options: TlsSettings): TlsSettings;
}

interface ReadServer<T> {
  /** Invalid values are replaced by their defaults. */
  readonly settings: T;
  readonly problems: readonly SettingProblem[];
}

/** All settings of an NVR. */
export function settingsOf(
  RED: NodeAPI,
  saved: Saved,
  account: { username?: string; password?: string },
): ReadServer<NvrSettings> {
  const { settings, problems } = readServerSettings(saved);
  const tls = readTls(RED, saved.tlsConfig, settings.tls || settings.httpTls);
  const { username = '', password = '' } = account;
  return {
    settings: { ...settings, username, password, ...(tls.settings && { tlsSettings: tls.settings }) },
    problems: [...problems, ...tls.problems],
  };
}

/** All settings except credentials and TLS material, which Node-RED stores elsewhere. */
export function readServerSettings(
  saved: Saved,
): ReadServer<Omit<NvrSettings, 'username' | 'password' | 'tlsSettings'>> {
  const read = readUsable(serverSettings, migrate('nvr-server', saved));
  const { tlsConfig: _tls, ...settings } = read.settings;
  const address = addressOf(settings.host, settings.rtspPort, settings.httpPort);
  const { host } = address;
  return {
    settings: {
      ...settings,
      ...{ host, rtspPort: address.rtspPort, name: settings.name || host },
      firstChannel: settings.firstChannel === '1' ? 1 : 0,
      timeZone: settings.timeZone || ownZone(),
    },
    problems: [...read.problems, ...(address.problem === undefined ? [] : [address.problem])],
  };
}

/** The time zone of this machine. */
export function ownZone(): string {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  return timeZone === 'Etc/Unknown' ? 'UTC' : timeZone;
}

/** Accepts `host:port` in the host field; the port applies unless the port field is set differently. */
function addressOf(
  typed: string,
  rtspPort: number,
  httpPort: number,
): { host: string; rtspPort: number; problem?: SettingProblem } {
  const refuse = (rule: string): ReturnType<typeof addressOf> => {
    const problem = { property: 'host', message: `The setting "host" ${rule}` };
    return { host: typed, rtspPort, problem };
  };
  // A missing host is reported by the settings table.
  if (typed === '') return { host: typed, rtspPort };
  let named: { host: string; port?: number | undefined };
  try {
    named = parseAuthority(typed);
  } catch {
    return refuse('must be a host name or an IP address; the port has a field of its own.');
  }
  const { host, port = rtspPort } = named;
  // People copy the HTTP port from the browser's address bar.
  if (port === rtspPort || port === httpPort) return { host, rtspPort };
  if (rtspPort === RTSP_PORT) return { host, rtspPort: port };
  return refuse(
    `ends with port ${port}, but the RTSP port is set to ${rtspPort}: remove the port from the host.`,
  );
}

/** Certificates are verified unless the user's TLS settings say otherwise. */
function readTls(
  RED: NodeAPI,
  id: unknown,
  isUsed: boolean,
): { settings?: TlsSettings; problems: SettingProblem[] } {
  if (typeof id !== 'string' || id === '') return { problems: [] };
  const node = RED.nodes.getNode(id) as TlsConfigNode | null;
  if (typeof node?.addTLSOptions !== 'function') {
    const message = 'The setting "tlsConfig" names TLS settings that do not exist.';
    return { problems: [{ property: 'tlsConfig', message }] };
  }
  const settings = node.addTLSOptions({});
  // An empty server name would disable the verification of the name.
  if (settings.servername === '') delete settings.servername;
  return isUsed ? { settings, problems: [] } : { problems: [] };
}
