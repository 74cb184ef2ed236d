// The editor's pages as the build writes them: dialogs, help and catalogs, with what the settings tables say
// filled in.

import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { SENTENCES } from '../../nodes/shared/settings/check.js';
import { SETTINGS_VERSION } from '../../nodes/shared/settings/migrations.js';
import { catalogOf, helpOf, rowsOf, type Language } from './settings-pages.js';
import { TABLES } from '../../nodes/shared/settings/tables/index.js';

const NODES = path.join(__dirname, '..', '..', 'nodes');
const LANGUAGES: readonly Language[] = ['en-US', 'de'];

const read = (...parts: string[]): string => fs.readFileSync(path.join(NODES, ...parts), 'utf8');

type Catalog = Record<string, unknown>;

/** Every page below `nodes/`, by its path there. */
export function editorPages(): Map<string, string> {
  const pages = new Map<string, string>();
  const script = settingsScript();
  for (const file of fs.readdirSync(NODES).filter((name) => name.endsWith('.html'))) {
    const type = path.basename(file, '.html');
    // What the dialogs of all nodes share travels with the config node's, which each of them needs.
    const shared = type === 'nvr-server' ? addressScript() + read('shared', 'editor.html') : '';
    pages.set(file, (Object.hasOwn(TABLES, type) ? script : '') + dialog(type, read(file)) + shared);
    for (const language of LANGUAGES) {
      const folder = path.join('locales', language);
      pages.set(path.join(folder, `${type}.html`), help(type, language, read(folder, `${type}.html`)));
      pages.set(path.join(folder, `${type}.json`), JSON.stringify(catalog(type, language)));
    }
  }
  return pages;
}

/** The words of a node's dialog and badges. */
export function catalog(type: string, language: Language): Catalog {
  const own = JSON.parse(read('locales', language, `${type}.json`)) as Catalog;
  // The words of status badges are the same for every node, and each node's catalog needs them.
  const shared = JSON.parse(read('shared', 'locales', `${language}.json`)) as Catalog;
  const table = TABLES[type];
  const made = table === undefined ? {} : catalogOf(table, language);
  const sentences = type === 'nvr-server' ? { invalid: sentencesOf(language) } : {};
  return [shared, sentences, made, own].reduce(merged, {});
}

/** Groups of words are joined; `b` comes before `a`. */
function merged(a: Catalog, b: Catalog): Catalog {
  const out = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const known = out[key];
    out[key] = isGroup(known) && isGroup(value) ? { ...known, ...value } : value;
  }
  return out;
}

function isGroup(value: unknown): value is Catalog {
  return typeof value === 'object' && value !== null;
}

/** `<!-- rows SECTION -->` becomes the section's rows. */
function dialog(type: string, html: string): string {
  const table = TABLES[type];
  if (table === undefined) return html;
  const prefix = type === 'nvr-server' ? 'node-config-input' : 'node-input';
  return html.replace(/<!-- rows ([\w-]+) -->/g, (_all, section: string) => rowsOf(table, section, prefix));
}

/**
 * `<!-- settings -->` becomes the list of settings; all of it is of a class, for what makes it fit the
 * sidebar.
 */
function help(type: string, language: Language, html: string): string {
  const table = TABLES[type];
  const text = table === undefined ? html : html.replace('<!-- settings -->', () => helpOf(table, language));
  return text.replace(
    /(<script [^>]*data-help-name[^>]*>)([^]*?)(<\/script>)/,
    '$1<div class="nvr-help">$2</div>$3',
  );
}

/**
 * The tables, the runtime's check and what makes a dialog of them: in each page, since the editor promises no
 * order.
 */
function settingsScript(): string {
  const module = (name: string): string => {
    const { outputText } = ts.transpileModule(read('shared', 'settings', `${name}.ts`), {
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        removeComments: true,
      },
    });
    return `(function (exports) { ${outputText}; return exports; })({})`;
  };
  const tables = JSON.stringify({ version: SETTINGS_VERSION, ...TABLES }, (key, value: unknown) =>
    ['label', 'help', 'badge', 'unit', 'placeholder', 'icon', 'section', 'narrow'].includes(key)
      ? undefined
      : value,
  ).replace(/</g, '\\u003c');
  return [
    '<script type="text/javascript">',
    '(function () {',
    `const tables = ${tables};`,
    `const check = ${module('check')};`,
    `const migrations = ${module('migrations')};`,
    read('shared', 'settings', 'editor.js'),
    '})();',
    '</script>',
    '',
  ].join('\n');
}

/** What a pasted address means, and the makers that are known, as the library has them. */
function addressScript(): string {
  const modules = [
    'secret-parameters',
    'rtsp/uri',
    'nvr/fill-template',
    'nvr/presets/makers',
    'nvr/presets/account-in-path',
    'nvr/presets/recognise',
    'nvr/presets/pasted-text',
    'nvr/presets/address',
  ];
  const compiled = modules.map((name) => {
    const source = fs.readFileSync(path.join(NODES, '..', 'lib', `${name}.ts`), 'utf8');
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        removeComments: true,
      },
    });
    return `"${path.basename(name)}": function (exports, require) { ${outputText} }`;
  });
  return [
    '<script type="text/javascript">',
    '(function () {',
    // Its sentences are the runtime's: here it only has to be thrown.
    'const made = { errors: { NvrError: Error } };',
    `const modules = { ${compiled.join(',\n')} };`,
    'function load(name) {',
    "  const key = name.split('/').pop().replace('.js', '');",
    '  if (!made[key]) modules[key]((made[key] = {}), load);',
    '  return made[key];',
    '}',
    "RED.nvrAddress = { split: load('address').splitAddress, presets: load('makers').PRESETS, fill: load('fill-template').fillTemplate, styles: load('fill-template').STYLES, secretParameters: load('secret-parameters').SECRET_PARAMETERS };",
    read('shared', 'address-dialog.js'),
    read('shared', 'cameras-dialog.js'),
    '})();',
    '</script>',
    '',
  ].join('\n');
}

/** What the check says, in a language. */
export function sentencesOf(language: Language): Catalog {
  return language === 'de'
    ? (JSON.parse(read('shared', 'settings', 'sentences-de.json')) as Catalog)
    : SENTENCES;
}
