// What the editor knows of each node type: its settings and their defaults, read from the pages that register
// the types.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import vm from 'node:vm';
import { editorPages } from '../build/pages.js';

export interface TypeDefinition {
  readonly category: string;
  readonly defaults: Readonly<Record<string, { value?: unknown; type?: string; required?: boolean }>>;
}

/** By node type: this package's, Node-RED's own, and the e-mail node's. */
export function typeDefinitions(): Map<string, TypeDefinition> {
  const types = new Map<string, TypeDefinition>();
  for (const [name, html] of editorPages()) if (!name.includes('locales')) register(html, types);
  const home = createRequire(__filename);
  const core = path.dirname(home.resolve('@node-red/nodes/package.json'));
  const email = path.dirname(home.resolve('node-red-node-email/package.json'));
  for (const file of [...pagesBelow(path.join(core, 'core')), path.join(email, '61-email.html')])
    register(fs.readFileSync(file, 'utf8'), types);
  return types;
}

function pagesBelow(folder: string): string[] {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'locales' ? [] : pagesBelow(file);
    return entry.name.endsWith('.html') ? [file] : [];
  });
}

/** Runs a page's scripts where every call that is not a registration does nothing. */
function register(html: string, types: Map<string, TypeDefinition>): void {
  const nothing: unknown = new Proxy(() => undefined, {
    get: (_target, name) => (name === Symbol.toPrimitive ? () => '' : nothing),
    apply: () => nothing,
    set: () => true,
  });
  const registry: Record<string, unknown> = {
    nodes: new Proxy(
      {
        registerType: (type: string, definition: Partial<TypeDefinition>) =>
          types.set(type, { category: '', defaults: {}, ...definition }),
      },
      { get: (target, name) => (name === 'registerType' ? target.registerType : nothing) },
    ),
  };
  const RED = new Proxy(registry, {
    // The package's own helpers are what its pages make of them.
    get: (target, name) => target[name as string] ?? (String(name).startsWith('nvr') ? undefined : nothing),
  });
  const context = vm.createContext({ RED, $: nothing, window: nothing, document: nothing, console });
  for (const [, code] of html.matchAll(/<script type="text\/javascript"[^>]*>([\s\S]*?)<\/script>/g))
    vm.runInContext(code!, context);
}
