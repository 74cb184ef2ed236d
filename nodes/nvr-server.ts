// Config node `nvr-server`: address, account and settings of one NVR. Owns the library's Nvr that all flow
// nodes share.

import type { Node, NodeAPI, NodeDef } from 'node-red';
import { processMemory } from '../lib/nvr/memory-budget.js';
import { Nvr } from '../lib/nvr/nvr.js';
import { Trace } from '../lib/nvr/trace.js';
import { registerAdmin } from './shared/admin.js';
import type { NvrServerNode } from './shared/server-node.js';
import { ownZone, settingsOf } from './shared/server-settings.js';
import { migrate } from './shared/settings/migrations.js';
import { readUsable } from './shared/settings/read.js';
import { runtimeSettings } from './shared/settings/tables/runtime.js';
import { invalidSetting } from './shared/status.js';

interface Credentials {
  username?: string;
  password?: string;
}

type SavedServer = NodeDef & Record<string, unknown>;

export = (RED: NodeAPI): void => {
  function ServerNode(this: NvrServerNode & Node<Credentials>, saved: SavedServer): void {
    RED.nodes.createNode(this, saved);
    this.users = {};
    this.saved = migrate('nvr-server', saved);
    const { settings, problems } = settingsOf(RED, this.saved, this.credentials);
    this.settings = settings;
    this.exchanges = new Trace({
      secrets: [settings.password],
      next: {
        debug: (line) => {
          this.debug(line);
        },
        warn: (line) => {
          this.warn(line);
        },
      },
    });
    this.problem = problems[0];
    this.nvr = this.problem === undefined ? new Nvr(settings, { logger: this.exchanges }) : undefined;
    if (this.problem !== undefined) this.status(invalidSetting(this.problem.property));

    this.register = (node) => {
      this.users[node.id] = node;
    };
    this.deregister = (node) => {
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- Node-RED's core needs a plain object
      delete this.users[node.id];
    };
    this.on('close', (_removed: boolean, done: () => void) => {
      void (this.nvr?.close() ?? Promise.resolve()).then(done, done);
    });
  }

  RED.nodes.registerType('nvr-server', ServerNode as never, {
    credentials: { username: { type: 'text' }, password: { type: 'password' } },
    // The browser with the editor may be in another time zone.
    settings: { nvrServerZone: { value: ownZone(), exportable: true } },
  });
  registerAdmin(RED);
  setMemory(RED);
};

/** `nvrMemoryMB` in settings.js limits the memory for all NVRs of this process together. */
function setMemory(RED: NodeAPI): void {
  const saved = RED.settings as unknown as Record<string, unknown>;
  const { settings, problems } = readUsable(runtimeSettings, saved);
  for (const { message } of problems) RED.log.warn(`${message} The usual bound is used.`);
  const { nvrMemoryMB } = settings;
  if (nvrMemoryMB !== undefined) processMemory().bytes = nvrMemoryMB * 1024 * 1024;
}
