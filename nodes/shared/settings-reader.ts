// Reads a node's saved settings: one parser for all of them. Numbers arrive from the editor as strings, empty means the default.

import { NvrError } from '../../lib/errors.js';

export interface NumberRule {
  min: number;
  max: number;
  integer?: boolean;
}

/** One setting that cannot be used. */
export interface SettingProblem {
  readonly property: string;
  readonly message: string;
}

export class SettingsReader {
  readonly problems: SettingProblem[] = [];

  constructor(private readonly saved: Readonly<Record<string, unknown>>) {}

  /** The first problem as an error for Catch; undefined if every setting read so far can be used. */
  get error(): NvrError | undefined {
    const [problem] = this.problems;
    return problem === undefined ? undefined : new NvrError('EINPUT', problem.message);
  }

  number(property: string, fallback: number, rule: NumberRule): number {
    const value = this.saved[property];
    if (isEmpty(value)) return fallback;
    const number =
      typeof value === 'number' ? value : typeof value === 'string' ? Number(value.trim()) : Number.NaN;
    if (number >= rule.min && number <= rule.max && (rule.integer !== true || Number.isInteger(number)))
      return number;
    return this.refuse(
      property,
      `must be a ${rule.integer === true ? 'whole ' : ''}number from ${rule.min} to ${rule.max}.`,
      fallback,
    );
  }

  text(property: string, fallback: string): string {
    const value = this.saved[property];
    if (isEmpty(value)) return fallback;
    if (typeof value === 'string' || typeof value === 'number') return String(value).trim();
    return this.refuse(property, 'must be text.', fallback);
  }

  boolean(property: string, fallback: boolean): boolean {
    const value = this.saved[property];
    if (isEmpty(value)) return fallback;
    if (value === true || value === 'true') return true;
    if (value === false || value === 'false') return false;
    return this.refuse(property, 'must be true or false.', fallback);
  }

  choice<T extends string>(property: string, values: readonly T[], fallback: T): T {
    const value = this.saved[property];
    if (isEmpty(value)) return fallback;
    const found = values.find((one) => one === String(value));
    return found ?? this.refuse(property, `must be one of ${values.join(', ')}.`, fallback);
  }

  refuse<T>(property: string, rule: string, fallback: T): T {
    this.problems.push({ property, message: `The setting "${property}" ${rule}` });
    return fallback;
  }
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}
