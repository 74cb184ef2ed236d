// Every HTTP route that the package's nodes register with Node-RED, found by loading them all.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const NODES = path.join(__dirname, '..', '..', 'nodes');
const METHODS = ['all', 'get', 'head', 'post', 'put', 'patch', 'delete', 'options', 'use', 'route'];

/** The node types that have a file in nodes/. */
export const NODE_MODULES = fs
  .readdirSync(NODES)
  .filter((name) => name.endsWith('.ts'))
  .map((name) => path.basename(name, '.ts'));

export interface Route {
  readonly on: 'httpAdmin' | 'httpNode';
  readonly method: string;
  readonly route: string;
  /** Of the first handler; undefined: it asks for none. */
  readonly permission: string | undefined;
  readonly handlers: number;
}

/** Loads every node type with a RED that only writes down what is registered. */
export function recordRoutes(): Route[] {
  const routes: Route[] = [];
  const permissions = new Map<unknown, string>();
  const app = (on: Route['on']): object =>
    Object.fromEntries(
      METHODS.map((method) => [
        method,
        (route: string, ...handlers: unknown[]): void => {
          routes.push({
            on,
            method,
            route,
            permission: permissions.get(handlers[0]),
            handlers: handlers.length,
          });
        },
      ]),
    );
  const RED = {
    httpAdmin: app('httpAdmin'),
    httpNode: app('httpNode'),
    auth: {
      needsPermission: (permission: string): unknown => {
        const guard = (): void => undefined;
        permissions.set(guard, permission);
        return guard;
      },
    },
    nodes: { registerType: (): void => undefined },
    events: { on: (): void => undefined, once: (): void => undefined },
    settings: {},
    log: {},
  };
  const load = createRequire(__filename);
  for (const name of NODE_MODULES) (load(path.join(NODES, name)) as (red: unknown) => void)(RED);
  return routes;
}
