// Reads a node's saved properties as typed settings. The editor saves numbers as strings, and empty means the
// default.

import { NvrError } from '../../../lib/errors.js';
import { isEmpty, problemOf, sentenceOf, type CheckContext } from './check.js';
import { sourceOf, type Setting, type SettingsOf, type SettingsTable } from './setting.js';

/** A setting with an invalid value. */
export interface SettingProblem {
  readonly property: string;
  readonly message: string;
}

export class SettingError extends NvrError {
  constructor(
    readonly property: string,
    message: string,
  ) {
    super('EINPUT', message);
  }
}

/** All settings of a table. Throws a SettingError that names the first invalid one. */
export function readSettings<T extends SettingsTable>(
  table: T,
  saved: Readonly<Record<string, unknown>>,
  context: CheckContext = {},
): SettingsOf<T> {
  const { settings, problems } = readUsable(table, saved, context);
  if (problems[0] !== undefined) throw new SettingError(problems[0].property, problems[0].message);
  return settings;
}

/** All settings of a table, with the default in place of invalid values, and a list of those. */
export function readUsable<T extends SettingsTable>(
  table: T,
  saved: Readonly<Record<string, unknown>>,
  context: CheckContext = {},
): { settings: SettingsOf<T>; problems: SettingProblem[] } {
  const problems = problemsOf(table, saved, context);
  const isUsable = (name: string): boolean => !problems.some(({ property }) => property === name);
  const read = Object.entries(table).map(([name, setting]) => [
    name,
    readSetting(setting, isUsable(name) ? saved[name] : undefined),
  ]);
  return { settings: Object.fromEntries(read) as SettingsOf<T>, problems };
}

/** The problems with the saved properties, in the order of the table. */
export function problemsOf(
  table: SettingsTable,
  saved: Readonly<Record<string, unknown>>,
  context: CheckContext = {},
): SettingProblem[] {
  return Object.entries(table).flatMap(([property, setting]) => {
    const problem = problemOf(setting, saved[property], { ...context, values: saved });
    return problem === undefined
      ? []
      : [{ property, message: `The setting "${property}" ${sentenceOf(problem)}` }];
  });
}

/**
 * Replaces properties that come from an environment variable by its value. `valueOf` looks a variable up.
 * Throws if one is not set, because a default is not what the user meant.
 */
export function withVariables(
  table: SettingsTable,
  saved: Readonly<Record<string, unknown>>,
  valueOf: (name: string) => unknown,
): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [property, setting] of Object.entries(table)) {
    const source = sourceOf(setting);
    const name = saved[property];
    if (source === undefined || saved[source] !== 'env' || typeof name !== 'string' || isEmpty(name))
      continue;
    const value = valueOf(name.trim());
    if (isEmpty(value))
      throw new SettingError(
        property,
        `The setting "${property}" comes from the environment variable ${name.trim()}, which is not set.`,
      );
    found[property] = value;
    found[source] = 'str';
  }
  return { ...saved, ...found };
}

/**
 * A message's value in place of a setting, checked like the setting; without one, the node's setting. Throws
 * EINPUT that names the message property.
 */
export function overridden<T extends SettingsTable, K extends keyof T & string>(
  table: T,
  property: K,
  given: unknown,
  own: SettingsOf<T>[K],
): SettingsOf<T>[K] {
  if (isEmpty(given)) return own;
  const problem = problemOf(table[property]!, given);
  if (problem !== undefined) throw new NvrError('EINPUT', `msg.${property} ${sentenceOf(problem)}`);
  return readSetting(table[property]!, given) as SettingsOf<T>[K];
}

/** The table's defaults in the form that the editor saves: numbers as text. */
export function defaultsOf(table: SettingsTable): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).map(([name, setting]) => [
      name,
      setting.kind === 'number' ? String(setting.default ?? '') : setting.default,
    ]),
  );
}

/** Converts a checked value. */
function readSetting(setting: Setting, value: unknown): unknown {
  if (isEmpty(value)) return setting.default;
  switch (setting.kind) {
    case 'number':
      return Number(value);
    case 'boolean':
      return value === true || value === 'true';
    case 'channels':
      return (value as { channel: unknown; name: string }[])
        .map(({ channel, name }) => ({ channel: Number(channel), name: name.trim() }))
        .filter(({ name }) => name !== '');
    case 'codes':
      return readCodes(setting.default, value);
    case 'choice':
    case 'channel':
    case 'config':
    case 'time':
    case 'text':
      return String(value).trim();
  }
}

function readCodes(usual: Readonly<Record<string, string>>, value: unknown): Record<string, string> {
  const given = (typeof value === 'string' ? JSON.parse(value) : value) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(usual).map(([name, code]) => {
      const own = given[name];
      return [name, (typeof own === 'string' || typeof own === 'number') && own !== '' ? String(own) : code];
    }),
  );
}
