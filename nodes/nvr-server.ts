// Config node `nvr-server`: one NVR's address, account and settings; owns the library's Nvr that all flow nodes share.

import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { NvrSettings } from '../lib/nvr/types.js';
import type { TlsSettings } from '../lib/client/socket.js';
import { Nvr } from '../lib/nvr/nvr.js';
import type { NvrServerNode } from './shared/server-node.js';
import { readServerSettings } from './shared/server-settings.js';
import { SettingsReader } from './shared/settings-reader.js';
import { invalidSetting } from './shared/status.js';

interface Credentials {
  username?: string;
  password?: string;
}

type SavedServer = NodeDef & Record<string, unknown>;

/** Core's tls-config node. */
interface TlsConfigNode extends Node {
  addTLSOptions?(options: TlsSettings): TlsSettings;
}

export = (RED: NodeAPI): void => {
  function ServerNode(this: NvrServerNode & Node<Credentials>, saved: SavedServer): void {
    RED.nodes.createNode(this, saved);
    const reader = new SettingsReader(saved);
    const tlsSettings = readTls(RED, reader, saved);
    const settings: NvrSettings = {
      ...readServerSettings(reader, saved),
      username: this.credentials.username ?? '',
      password: this.credentials.password ?? '',
      ...(tlsSettings === undefined ? {} : { tlsSettings }),
    };
    this.users = {};
    this.settings = settings;
    this.problem = reader.problems[0];
    this.nvr = this.problem === undefined ? new Nvr(settings) : undefined;
    if (this.problem !== undefined) this.status(invalidSetting(this.problem.property));

    this.register = (node) => {
      this.users[node.id] = node;
    };
    this.deregister = (node) => {
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- core wants a plain object
      delete this.users[node.id];
    };
    this.on('close', (_removed: boolean, done: () => void) => {
      void (this.nvr?.close() ?? Promise.resolve()).then(done, done);
    });
  }

  RED.nodes.registerType('nvr-server', ServerNode as never, {
    credentials: { username: { type: 'text' }, password: { type: 'password' } },
  });
};

/** Certificates are verified unless the user's own TLS settings say otherwise. */
function readTls(RED: NodeAPI, reader: SettingsReader, saved: SavedServer): TlsSettings | undefined {
  const id = reader.text('tlsConfig', '');
  if (id === '') return undefined;
  const node = RED.nodes.getNode(id) as TlsConfigNode | null;
  if (typeof node?.addTLSOptions !== 'function') {
    reader.refuse('tlsConfig', 'names TLS settings that do not exist.', '');
    return undefined;
  }
  const given = node.addTLSOptions({});
  // An empty server name would switch the name's verification off.
  if (given.servername === '') delete given.servername;
  return saved.tls === true || saved.httpTls === true ? given : undefined;
}
