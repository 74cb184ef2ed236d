// Generates from a settings table, at build time: the dialog's rows, the editor's catalogs, the list in the
// help, and the reference.

import {
  sourceOf,
  type Setting,
  type SettingsTable,
  type Words,
} from '../../nodes/shared/settings/setting.js';

export type Language = 'en-US' | 'de';

/** The rows of a section of a dialog. `prefix`: `node-input`, or `node-config-input` for a config node. */
export function rowsOf(table: SettingsTable, section: string, prefix: string): string {
  return Object.entries(table)
    .filter(([, setting]) => (setting.section ?? 'main') === section)
    .map(([name, setting]) => rowOf(name, setting, prefix))
    .join('\n');
}

/**
 * The catalog entries of a table: `label`, `unit`, `placeholder` and options by setting name, and the badges.
 */
export function catalogOf(table: SettingsTable, language: Language): Record<string, unknown> {
  const word = (words: Words): string => words[language === 'de' ? 1 : 0];
  const of = (pick: (setting: Setting) => Words | undefined): Record<string, string> =>
    Object.fromEntries(
      Object.entries(table).flatMap(([name, setting]) => {
        const words = pick(setting);
        return words === undefined ? [] : [[name, word(words)]];
      }),
    );
  const options = Object.entries(table).flatMap(([name, setting]) =>
    setting.kind === 'choice'
      ? [
          [
            name,
            Object.fromEntries(Object.entries(setting.options).map(([value, words]) => [value, word(words)])),
          ],
        ]
      : [],
  );
  const badges = Object.entries(table).map(([name, setting]) => [`bad ${name}`, badgeOf(setting, language)]);
  return {
    ...(Object.fromEntries(badges) as Record<string, string>),
    ...(Object.fromEntries(options) as Record<string, unknown>),
    label: of(({ label }) => label),
    unit: of(({ unit }) => unit),
    placeholder: of(({ placeholder }) => placeholder),
  };
}

/** The list of a node's settings for its help. */
export function helpOf(table: SettingsTable, language: Language): string {
  const index = language === 'de' ? 1 : 0;
  const rows = Object.values(table)
    .filter((setting) => setting.kind !== 'choice' || setting.isSource !== true)
    .map((setting) => {
      const help = setting.help[index] + sourcesOf(table, setting)[index];
      return `  <dt>${escaped(setting.label[index])}</dt><dd>${coded(escaped(help))}</dd>`;
    });
  return ['<dl class="message-properties">', ...rows, '</dl>'].join('\n');
}

/** An additional sentence about other sources of the setting. */
function sourcesOf(table: SettingsTable, setting: Setting): Words {
  const source = table[sourceOf(setting) ?? ''];
  if (source?.kind !== 'choice') return ['', ''];
  return Object.hasOwn(source.options, 'msg')
    ? [
        ' Or a property of each message, which must be there, or an environment variable.',
        ' Oder eine Eigenschaft jeder Nachricht, die dann da sein muss, oder eine Umgebungsvariable.',
      ]
    : [' Or an environment variable.', ' Oder eine Umgebungsvariable.'];
}

/** The table of a node type for the reference, in Markdown. */
export function referenceOf(type: string, table: SettingsTable): string {
  const rows = Object.entries(table).map(([name, setting]) =>
    [`\`${name}\``, setting.label[0], defaultText(setting), rangeOf(setting), setting.help[0]]
      .map((cell) => cell.replace(/\|/g, '\\|'))
      .join(' | '),
  );
  return [
    `## ${type}`,
    '',
    '| property | in the dialog | default | values | what it does |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
    '',
  ].join('\n');
}

function rowOf(name: string, setting: Setting, prefix: string): string {
  const id = `${prefix}-${name}`;
  const icon = setting.icon === undefined ? '' : `<i class="fa ${setting.icon}"></i> `;
  const when = setting.when === undefined ? '' : ` data-nvr-when="${escaped(JSON.stringify(setting.when))}"`;
  const unit = setting.unit === undefined ? '' : ` <span data-i18n="unit.${name}"></span>`;
  if (setting.kind === 'boolean')
    return [
      `<div class="form-row nvr-row"${when}>`,
      `  <label for="${id}" class="nvr-flag"><input type="checkbox" id="${id}"><span data-i18n="label.${name}"></span></label>${unit}`,
      '</div>',
    ].join('\n');
  return [
    `<div class="form-row nvr-row"${when}>`,
    `  <label for="${id}">${icon}<span data-i18n="label.${name}"></span></label>`,
    `  ${fieldOf(name, setting, id)}${unit}`,
    '</div>',
  ].join('\n');
}

function fieldOf(name: string, setting: Setting, id: string): string {
  if (setting.kind === 'choice') {
    const options = Object.keys(setting.options).map(
      (value) => `<option value="${escaped(value)}" data-i18n="${name}.${value}"></option>`,
    );
    return [
      `<select id="${id}" class="nvr-choice">`,
      ...options.map((option) => `    ${option}`),
      '  </select>',
    ].join('\n');
  }
  const words =
    setting.placeholder === undefined
      ? `placeholder="${escaped(defaultText(setting))}"`
      : `data-i18n="[placeholder]placeholder.${name}"`;
  const isNarrow = setting.kind === 'number' || (setting.kind === 'text' && setting.narrow === true);
  const narrow = isNarrow ? ' class="nvr-number"' : '';
  const source = sourceOf(setting);
  // A typed input is made as wide as its field says in the style attribute.
  const wide = source === undefined ? '' : ' style="width: 70%"';
  const field = `<input type="text" id="${id}" ${words}${narrow}${wide} autocomplete="off">`;
  if (source === undefined) return field;
  return `${field}\n  <input type="hidden" id="${id.slice(0, -name.length)}${source}">`;
}

const BADGE_LENGTH = 19;

function badgeOf({ badge, label }: Setting, language: Language): string {
  const own = badge?.[language === 'de' ? 1 : 0];
  const made = language === 'de' ? `${label[1]} ungültig` : `bad ${label[0].toLowerCase()}`;
  return (own ?? made).slice(0, BADGE_LENGTH).trim();
}

function defaultText(setting: Setting): string {
  switch (setting.kind) {
    case 'number':
      return String(setting.default ?? '');
    case 'channels':
      return '';
    case 'codes':
      return JSON.stringify(setting.default);
    case 'boolean':
    case 'choice':
    case 'channel':
    case 'config':
    case 'time':
    case 'text':
      return String(setting.default);
  }
}

function rangeOf(setting: Setting): string {
  switch (setting.kind) {
    case 'number':
      return `${setting.integer === true ? 'whole number, ' : ''}${setting.min} to ${setting.max}`;
    case 'choice':
      return Object.keys(setting.options)
        .map((value) => `\`${value}\``)
        .join(', ');
    case 'boolean':
      return '`true`, `false`';
    case 'channel':
      return setting.list === true ? 'number, name, list such as `1-4,7`, `*`' : 'number or name';
    case 'config':
      return `\`${setting.type}\` node`;
    case 'time':
      return 'time';
    case 'channels':
      return 'list of `{channel, name}`';
    case 'codes':
      return 'object';
    case 'text':
      return 'text';
  }
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

/** Converts back quotes to `code` elements. */
function coded(html: string): string {
  return html
    .split('`')
    .map((part, index) => (index % 2 === 1 ? `<code>${part}</code>` : part))
    .join('');
}
